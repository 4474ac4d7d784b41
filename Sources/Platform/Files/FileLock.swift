import Glibc

/// One holder a file, for as long as the process lives: what makes one engine a `DAVIT_HOME`.
public final class FileLock: Sendable {
    private let descriptor: Int32
    private init(descriptor: Int32) { self.descriptor = descriptor }
    deinit { close(descriptor) }

    /// `nil` when somebody else holds it. Closed on exec, so a child never keeps it.
    public static func take(_ path: String) throws(FileError) -> FileLock? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError(path: path, errno: errno, what: "cannot be opened") }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return FileLock(descriptor: descriptor) }
        let number = errno
        close(descriptor)
        if number == EWOULDBLOCK { return nil }
        throw FileError(path: path, errno: number, what: "cannot be locked")
    }

    /// Leaves a note in the file, such as the holder's process id.
    public func write(_ text: String) {
        ftruncate(descriptor, 0)
        let bytes = Array(text.utf8)
        _ = pwrite(descriptor, bytes, bytes.count, 0)
    }
}
