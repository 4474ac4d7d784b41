import CPosix
import Glibc

/// Something about a file that a person can put right. `message` is one sentence: which file, what, why, what to do.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    public let path: String
    /// The system's reason, 0 when it is a rule of ours.
    public let errno: Int32
    /// What could not be done, `cannot be read`.
    public let what: String
    public let why: String
    public let advice: String?

    /// - Parameter why: instead of the system's text.
    public init(path: String, errno: Int32, what: String, why: String? = nil, advice: String? = nil) {
        self.path = path
        self.errno = errno
        self.what = what
        self.why = why ?? FileError.text(of: errno)
        self.advice = advice ?? FileError.advice(for: errno, path: path)
    }

    public var isAbsent: Bool { errno == ENOENT || errno == ENOTDIR }
    public var isOutOfSpace: Bool { errno == ENOSPC || errno == EDQUOT }

    public var message: String { "\(path) \(what) (\(why))" + (advice.map { ". \($0)" } ?? "") }
    public var description: String { message }

    /// The system's words for an error number, from any thread.
    public static func text(of code: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let start = buffer.baseAddress else { return "error \(code)" }
            dposix_error_text(code, start, buffer.count)
            return String(cString: start)
        }
    }

    private static func advice(for code: Int32, path: String) -> String? {
        switch code {
        case ENOSPC, EDQUOT: "Free some space on its disk"
        case EACCES, EPERM: "Check who owns it and its mode"
        case EROFS: "Its disk is read-only"
        default: nil
        }
    }
}
