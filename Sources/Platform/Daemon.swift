import CPosix
import Glibc
import OSSProtocol

/// A program started in a session of its own, and its first word about how that went.
public enum Daemon {
    public enum Readiness: Sendable, Equatable {
        case ready
        case alreadyRunning
        /// It ended, or said why it cannot start.
        case failed(String)
    }

    private static let readyDescriptor: Int32 = 3
    private static let longestReason = 4096
    /// A start takes some 20 ms; migrations of a large queue take longer.
    private static let patience: Duration = .seconds(120)
    /// First byte on descriptor 3; a reason follows `F`.
    private enum Word {
        static let ready = UInt8(ascii: "R")
        static let alreadyRunning = UInt8(ascii: "A")
        static let failed = UInt8(ascii: "F")
    }

    /// Starts it and waits for its word on descriptor 3: at most until it ends, or two minutes. Its working directory is `/`, its output
    /// goes to the end of `logPath`, whose folder is made when it is missing.
    public static func spawn(
        executable: String, arguments: [String], environment: [String: String], logPath: String
    ) throws(FileError) -> Readiness {
        try SecureFile.makePrivateFolder(SecureFile.parent(logPath))
        let log = try aboveStandard(open(logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600), logPath, "cannot be written")
        defer { close(log) }
        var ends: [Int32] = [-1, -1]
        guard dposix_pipe_cloexec(&ends) == 0 else { throw FileError(path: executable, errno: errno, what: "cannot be started") }
        defer { close(ends[0]) }
        let word = try aboveStandard(ends[1], executable, "cannot be started")

        var argumentPointers: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) } + [nil]
        var environmentPointers: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
        var child: pid_t = 0
        let number = dposix_spawn_detached(&child, executable, &argumentPointers, &environmentPointers, log, word)
        close(word)
        guard number == 0 else { throw FileError(path: executable, errno: number, what: "cannot be started") }

        let process = child
        let answer = listen(ends[0])
        if answer == [] {
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0 && errno == EINTR {}
            return .failed(text(of: status))
        }
        // Whoever starts it may live longer than it: without a waiter a dead one would stay in the process table.
        startThread(name: "davit-wait") {
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        }
        switch answer?.first {
        case Word.ready: return .ready
        case Word.alreadyRunning: return .alreadyRunning
        case Word.failed: return .failed(String(decoding: answer?.dropFirst() ?? [], as: UTF8.self))
        default: return .failed("it gave no sign for \(patience.components.seconds) s; see \(logPath)")
        }
    }

    /// Called by the started program, once. Without such a descriptor (started by hand) nothing happens.
    public static func notify(_ readiness: Readiness) {
        var information = stat()
        guard fstat(readyDescriptor, &information) == 0, information.st_mode & S_IFMT == S_IFIFO else { return }
        var bytes: [UInt8]
        switch readiness {
        case .ready: bytes = [Word.ready]
        case .alreadyRunning: bytes = [Word.alreadyRunning]
        case .failed(let reason): bytes = [Word.failed] + reason.utf8.prefix(longestReason - 1)
        }
        _ = write(readyDescriptor, &bytes, bytes.count)
        close(readyDescriptor)
    }

    /// The child's descriptors 0 to 3 are set from these, so none of them may be one of those.
    private static func aboveStandard(_ descriptor: Int32, _ path: String, _ what: String) throws(FileError) -> Int32 {
        guard descriptor >= 0 else { throw FileError(path: path, errno: errno, what: what) }
        guard descriptor <= readyDescriptor else { return descriptor }
        let moved = fcntl(descriptor, F_DUPFD_CLOEXEC, readyDescriptor + 1)
        let code = errno
        close(descriptor)
        guard moved >= 0 else { throw FileError(path: path, errno: code, what: what) }
        return moved
    }

    /// - Returns: empty when it ended without a word, `nil` when the time is over.
    private static func listen(_ descriptor: Int32) -> [UInt8]? {
        let end = SystemClock.steady() + patience
        var answer: [UInt8] = []
        while answer.count < longestReason {
            let left = (end - SystemClock.steady()).inMilliseconds
            guard left > 0 else { return nil }
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, Int32(clamping: left)) > 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 1024)
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { break }
            answer += buffer[0..<count]
            if answer[0] != Word.failed { break }
        }
        return answer
    }

    private static func text(of status: Int32) -> String {
        let signal = status & 0x7F
        return signal == 0 ? "it ended with status \((status >> 8) & 0xFF)" : "it was ended by signal \(signal)"
    }
}
