import Glibc

/// An append-only log file that never grows past twice its bound: full, it becomes `NAME.1` and a new one begins.
public final class LogSink: Sendable {
    private struct State {
        var descriptor: Int32
        var size: Int
    }
    private let path: String
    private let limit: Int
    private let state: Lock<State>

    /// - Parameter limit: bytes.
    public init(path: String, limit: Int = 16 << 20) throws(FileError) {
        self.path = path
        self.limit = limit
        state = Lock(State(descriptor: -1, size: 0))
        let opened = LogSink.open(path)
        guard opened.descriptor >= 0 else { throw FileError(path: path, errno: errno, what: "cannot be written") }
        state.withLock { $0 = opened }
    }

    deinit { _ = state.withLock { close($0.descriptor) } }

    /// One line; line ends and control characters inside it are escaped. A full disk loses the line, never the program.
    public func write(_ line: String) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(line.utf8.count + 1)
        for byte in line.utf8 {
            if byte < 0x20 || byte == 0x7F {
                bytes += "\\x".utf8
                for digit in [byte >> 4, byte & 15] { bytes.append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
            } else {
                bytes.append(byte)
            }
        }
        bytes.append(0x0A)
        state.withLock { state in
            if state.descriptor < 0 || (state.size + bytes.count > limit && state.size > 0) { rotate(&state) }
            state.size += LogSink.write(bytes, to: state.descriptor)
        }
    }

    private func rotate(_ state: inout State) {
        if state.descriptor >= 0 { rename(path, path + ".1") }
        let fresh = LogSink.open(path)
        // A daemon's own output goes to the log too, and would stay with the old file.
        for standard in [STDOUT_FILENO, STDERR_FILENO] where fresh.descriptor >= 0 && LogSink.isSame(standard, state.descriptor) {
            dup2(fresh.descriptor, standard)
        }
        if state.descriptor >= 0 { close(state.descriptor) }
        state = fresh
    }

    private static func isSame(_ one: Int32, _ other: Int32) -> Bool {
        var a = stat()
        var b = stat()
        return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino
    }

    /// - Returns: how many bytes went out.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { $0.baseAddress.map { Glibc.write(descriptor, $0 + written, bytes.count - written) } ?? 0 }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            written += count
        }
        return written
    }

    private static func open(_ path: String) -> State {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        var information = stat()
        return State(descriptor: descriptor, size: fstat(descriptor, &information) == 0 ? Int(information.st_size) : 0)
    }
}
