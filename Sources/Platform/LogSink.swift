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
            if state.size + bytes.count > limit && state.size > 0 {
                close(state.descriptor)
                rename(path, path + ".1")
                state = LogSink.open(path)
            }
            if Glibc.write(state.descriptor, bytes, bytes.count) > 0 { state.size += bytes.count }
        }
    }

    private static func open(_ path: String) -> State {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        var information = stat()
        return State(descriptor: descriptor, size: fstat(descriptor, &information) == 0 ? Int(information.st_size) : 0)
    }
}
