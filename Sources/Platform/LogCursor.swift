import Glibc

/// Reads a log that somebody else writes and rotates: every line once, from the oldest file on, in memory that does not depend on its size.
public struct LogCursor {
    /// Bytes; a longer line is read in pieces.
    private static let longestLine = 64 << 10

    private struct Identity: Equatable {
        var device: UInt
        var inode: UInt
    }

    private let path: String
    private var descriptor: Int32 = -1
    private var identity: Identity?
    private var buffer: [UInt8] = []
    /// How much of the buffer was handed out.
    private var used = 0
    private var block = [UInt8](repeating: 0, count: 64 << 10)

    /// - Parameters:
    ///   - path: the file that is written; the older ones lie beside it as `LogSink` leaves them.
    ///   - since: seconds since 1970: files that were last written before it are not opened.
    /// - Throws: when a file is there and cannot be read. A log that does not exist is an empty one.
    public init(path: String, since: Int? = nil) throws(FileError) {
        self.path = path
        for file in LogSink.files(of: path) {
            var information = stat()
            guard stat(file, &information) == 0 else { continue }
            if let since, file != path, information.st_mtim.tv_sec < since { continue }
            guard try open(file) else { continue }
            return
        }
    }

    /// Whether there is any file of the log.
    public var isOpen: Bool { descriptor >= 0 }

    /// Only whoever made it uses it; a struct has no end of its own.
    public mutating func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    /// The next whole line without its end; `nil` when there is none yet.
    public mutating func next() throws(FileError) -> [UInt8]? {
        while true {
            if let line = takeLine() { return line }
            if try fill() { continue }
            guard let following = following() else { return nil }
            // Its writer had left the old file when the new one appeared: what is there now is all there will be.
            if try fill() { continue }
            if let torn = rest() { return torn }
            close()
            guard try open(following) else { return nil }
        }
    }

    /// What stands after the last line end: half a line that a kill or a full disk left, or one that is being written.
    public mutating func rest() -> [UInt8]? {
        guard used < buffer.count else { return nil }
        defer { (buffer, used) = ([], 0) }
        return Array(buffer[used...])
    }

    private mutating func takeLine() -> [UInt8]? {
        if let end = buffer[used...].firstIndex(of: 0x0A) {
            defer { used = end + 1 }
            return Array(buffer[used..<end])
        }
        guard buffer.count - used >= LogCursor.longestLine else { return nil }
        return rest()
    }

    /// - Returns: whether there was more.
    private mutating func fill() throws(FileError) -> Bool {
        guard descriptor >= 0 else { return false }
        var count = 0
        repeat { count = read(descriptor, &block, block.count) } while count < 0 && errno == EINTR
        guard count >= 0 else { throw FileError(path: path, errno: errno, what: "cannot be read") }
        guard count > 0 else { return false }
        if used > 0 {
            buffer.removeFirst(used)
            used = 0
        }
        buffer += block[..<count]
        return true
    }

    /// The file that was begun after the open one; `nil` while that is the newest.
    private func following() -> String? {
        let files = LogSink.files(of: path)
        let identities = files.map(LogCursor.identity(of:))
        // There was no log at all when it began.
        guard let identity else { return zip(files, identities).first { $0.1 != nil }?.0 }
        // Rotated away altogether: the oldest that is left is the next.
        guard let place = identities.firstIndex(of: identity) else { return files.first }
        return zip(files, identities).dropFirst(place + 1).first { $0.1 != nil }?.0
    }

    private mutating func open(_ file: String) throws(FileError) -> Bool {
        let opened = Glibc.open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard opened >= 0 else {
            if errno == ENOENT { return false }
            throw FileError(path: file, errno: errno, what: "cannot be read")
        }
        var information = stat()
        guard fstat(opened, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(opened)
            throw FileError(path: file, errno: 0, what: "cannot be read", why: "it is not a regular file")
        }
        descriptor = opened
        identity = Identity(device: information.st_dev, inode: information.st_ino)
        return true
    }

    private static func identity(of file: String) -> Identity? {
        var information = stat()
        guard stat(file, &information) == 0 else { return nil }
        return Identity(device: information.st_dev, inode: information.st_ino)
    }
}
