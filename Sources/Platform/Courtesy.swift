import Glibc

/// For a process that only looks on: what works goes first.
public enum Courtesy {
    /// As `nice` would have given it. Higher is more modest, 19 the most.
    private static let modest: Int32 = 15
    private static let mostPasses = 100

    /// Lowers the priority of every thread there is, and so of those that these start. Where that is refused nothing is lost.
    ///
    /// The runtime gives its new workers the usual one where the process may raise it: called again now and then, it finds them.
    public static func lowerPriority() {
        // One that had not been lowered yet may have started another meanwhile: until all were found lowered.
        for _ in 0..<mostPasses where !lowerThreads() { return }
    }

    private static func lower(_ thread: UInt32) -> Bool {
        // Somebody may have made it more modest still.
        errno = 0
        let now = getpriority(Int32(PRIO_PROCESS.rawValue), thread)
        return errno == 0 && now < modest && setpriority(Int32(PRIO_PROCESS.rawValue), thread, modest) == 0
    }

    /// - Returns: whether any had to be.
    private static func lowerThreads() -> Bool {
        guard let folder = opendir("/proc/self/task") else { return false }
        defer { closedir(folder) }
        var isAny = false
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let thread = UInt32(name), lower(thread) { isAny = true }
        }
        return isAny
    }
}
