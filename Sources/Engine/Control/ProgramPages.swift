import Glibc

/// The program's own code in memory. Its start touches twenty megabytes of it that are not needed again for as long as it runs, and
/// they count as its memory for as long.
enum ProgramPages {
    /// Gives back what is in memory of the program's code: the kernel brings what is needed again from its cache. Changes nothing else, and
    /// does nothing where the kernel does not tell where the code lies.
    static func giveBack() {
        guard let program = realpath("/proc/self/exe", nil) else { return }
        defer { free(program) }
        guard let maps = fopen("/proc/self/maps", "re") else { return }
        defer { fclose(maps) }
        var line: UnsafeMutablePointer<CChar>?
        var room = 0
        defer { free(line) }
        while getline(&line, &room, maps) > 0, let line {
            // start-end r-xp offset device inode path: code that nothing has written to.
            guard strstr(line, " r-xp ") != nil, let path = strchr(line, CInt(UInt8(ascii: "/"))) else { continue }
            path[strcspn(path, "\n")] = 0
            guard strcmp(path, program) == 0 else { continue }
            var rest: UnsafeMutablePointer<CChar>?
            let start = strtoul(line, &rest, 16)
            guard let rest, rest.pointee == CChar(UInt8(ascii: "-")) else { continue }
            let end = strtoul(rest + 1, nil, 16)
            guard end > start else { continue }
            madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), MADV_DONTNEED)
        }
    }
}
