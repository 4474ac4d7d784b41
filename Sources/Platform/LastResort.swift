import Glibc

/// What ends a process that should have ended by itself: whoever stops it must not wait for a network or a disk that never answers.
public enum LastResort {
    /// The process ends with `status` after that time, whatever it is doing then, unless it has ended before.
    ///
    /// - Parameter last: called on a thread of its own right before; must not block.
    public static func end(after time: Duration, status: Int32, _ last: @escaping @Sendable () -> Void) {
        let nanoseconds = time.inNanoseconds
        startThread(name: "davit-end") {
            var left = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
            var rest = timespec()
            while nanosleep(&left, &rest) != 0 && errno == EINTR { left = rest }
            last()
            // `_exit` asks nobody: programs that were asked for credentials would live on.
            ChildProcess.endAllNow()
            _exit(status)
        }
    }
}
