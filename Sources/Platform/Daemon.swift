import CPosix
import Glibc

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

    /// Starts it and waits for its word on descriptor 3 (at most until it ends).
    public static func spawn(executable: String, arguments: [String], environment: [String: String], logPath: String) throws(FileError) -> Readiness {
        try SecureFile.makePrivateFolder(SecureFile.parent(logPath))
        let log = open(logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw FileError(path: logPath, errno: errno, what: "cannot be written") }
        defer { close(log) }  // The child got copies.
        var ends: [Int32] = [-1, -1]
        guard dposix_pipe_cloexec(&ends) == 0 else { throw FileError(path: "a pipe", errno: errno, what: "cannot be made") }
        defer { close(ends[0]) }
        var argumentPointers: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) } + [nil]
        var environmentPointers: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
        var child: pid_t = 0
        let number = dposix_spawn_detached(&child, executable, &argumentPointers, &environmentPointers, log, ends[1])
        close(ends[1])
        guard number == 0 else { throw FileError(path: executable, errno: number, what: "cannot be started") }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1024)
        while answer.count < longestReason {
            let count = read(ends[0], &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { break }
            answer += buffer[0..<count]
            if answer.first == 0x52 || answer.first == 0x41 { break }
        }
        switch answer.first {
        case 0x52: return .ready
        case 0x41: return .alreadyRunning
        case 0x46: return .failed(String(decoding: answer.dropFirst(), as: UTF8.self))
        default: return .failed("")
        }
    }

    /// Called by the started program, once. Without such a descriptor (started by hand) nothing happens.
    public static func notify(_ readiness: Readiness) {
        var information = stat()
        guard fstat(readyDescriptor, &information) == 0, information.st_mode & S_IFMT == S_IFIFO else { return }
        var bytes: [UInt8]
        switch readiness {
        case .ready: bytes = [0x52]
        case .alreadyRunning: bytes = [0x41]
        case .failed(let reason): bytes = [0x46] + reason.utf8.prefix(longestReason - 1)
        }
        _ = write(readyDescriptor, &bytes, bytes.count)
        close(readyDescriptor)
    }

    public static func notifyReady() { notify(.ready) }
}
