import Glibc

/// An append-only log of bounded size: full, the file becomes `NAME.1`, that one `NAME.2` and so on, and a new one begins.
///
/// What a kill may leave is half a line at the end, or a number missing between the old files; the first is ended before the next line,
/// the second is filled at the next rotation. Whoever reads loses no line by either.
public final class LogSink: Sendable {
    private struct State {
        var descriptor: Int32
        var size: Int
        /// The last line has no end: the disk was full in the middle of it, or the writer was killed.
        var isTorn = false
    }
    private let path: String
    private let limit: Int
    private let kept: Int
    private let state: Lock<State>

    public static let usualSize = 10 << 20
    public static let usualCount = 5

    /// - Parameters:
    ///   - limit: bytes a file.
    ///   - kept: old files besides the one that is written.
    public init(path: String, limit: Int = usualSize, kept: Int = usualCount) throws(FileError) {
        self.path = path
        self.limit = limit
        self.kept = kept
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
            if state.isTorn { state.size += LogSink.write([0x0A], to: state.descriptor) }
            let written = LogSink.write(bytes, to: state.descriptor)
            state.size += written
            state.isTorn = written > 0 && written < bytes.count
        }
    }

    /// Somebody may have moved the file away (SIGHUP): what follows goes to the one that has the name now.
    public func reopen() {
        state.withLock { state in
            let fresh = LogSink.open(path)
            guard fresh.descriptor >= 0 else { return }
            take(fresh, &state)
        }
    }

    /// Old files, the oldest first, then `path` itself: all of the log that there is.
    public static func files(of path: String, most: Int = 1000) -> [String] {
        var found: [String] = []
        var information = stat()
        // A number may be missing: a rotation was cut off.
        var number = 1
        var missing = 0
        while number <= most, missing < 2 {
            let old = "\(path).\(number)"
            if stat(old, &information) == 0 { found.append(old) } else { missing += 1 }
            number += 1
        }
        return found.reversed() + [path]
    }

    private func rotate(_ state: inout State) {
        if state.descriptor >= 0 {
            var information = stat()
            // Up to the first number that is free; without one the oldest makes room.
            let free = (1...max(kept, 1)).first { stat("\(path).\($0)", &information) != 0 } ?? max(kept, 1)
            for number in stride(from: free, to: 1, by: -1) { rename("\(path).\(number - 1)", "\(path).\(number)") }
            rename(path, path + ".1")
            // Fewer are kept than before.
            var beyond = max(kept, 1) + 1
            while unlink("\(path).\(beyond)") == 0 { beyond += 1 }
        }
        take(LogSink.open(path), &state)
    }

    private func take(_ fresh: State, _ state: inout State) {
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
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0o600)
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { return State(descriptor: descriptor, size: 0) }
        // Names of files and buckets are nobody else's business, also where an older file was open to all.
        if information.st_mode & 0o077 != 0 { fchmod(descriptor, 0o600) }
        var last: UInt8 = 0x0A
        if information.st_size > 0 { _ = pread(descriptor, &last, 1, information.st_size - 1) }
        return State(descriptor: descriptor, size: Int(information.st_size), isTorn: last != 0x0A)
    }
}
