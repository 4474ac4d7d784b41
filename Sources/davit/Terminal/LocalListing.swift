import Glibc
import TerminalUI

/// One directory, read for the browse screen. Runs off the terminal's thread: a slow disk must not stop the keys.
enum LocalListing {
    /// More entries than this are not listed: the screen says so.
    private static let limit = 200_000

    /// So many entries are handed over at once, so that there is something to look at while the rest is read.
    private static let first = 1_000
    private static let countStep = 5_000

    /// - Parameter told: hears the first entries of a large directory, and how many there are so far.
    static func read(_ path: String, told: (AppEvent) -> Void) -> AppEvent {
        guard let directory = opendir(path) else {
            return .localListingFailed(path: path, message: String(cString: strerror(errno)))
        }
        defer { closedir(directory) }
        var entries: [LocalEntry] = []
        while let item = readdir(directory) {
            let name = withUnsafeBytes(of: &item.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name == [0x2E] || name == [0x2E, 0x2E] { continue }
            if entries.count >= limit { return .localListingFailed(path: path, message: "more than \(limit) entries; go to a folder inside it") }
            guard let entry = entry(name, in: directory) else { continue }
            entries.append(entry)
            if entries.count == first { told(.localListing(path: path, entries: entries.sorted(by: LocalEntry.isBefore), isWhole: false)) }
            if entries.count % countStep == 0 { told(.localCount(path: path, entries.count)) }
        }
        // Sorted here: two hundred thousand names take a second, and keys are answered on the other thread.
        return .localListing(path: path, entries: entries.sorted(by: LocalEntry.isBefore))
    }

    /// `nil` when it is gone again.
    private static func entry(_ name: [UInt8], in directory: OpaquePointer) -> LocalEntry? {
        var information = stat()
        let text = name.map { CChar(bitPattern: $0) } + [0]
        guard fstatat(dirfd(directory), text, &information, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        let kind: LocalEntry.Kind
        switch information.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        case S_IFLNK:
            var target = [CChar](repeating: 0, count: 4096)
            let count = readlinkat(dirfd(directory), text, &target, target.count)
            kind = .link(target: target.prefix(max(0, count)).map { UInt8(bitPattern: $0) })
        default: kind = .other
        }
        return LocalEntry(name: name, kind: kind, size: Int64(information.st_size), modified: Int64(information.st_mtim.tv_sec))
    }
}
