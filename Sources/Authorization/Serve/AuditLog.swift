import Contracts
import Glibc
import OSSProtocol
import Platform

/// One decision, as the audit log keeps it. No field can hold a secret, a token or a signature.
struct AuditLine: Encodable, Sendable {
    /// RFC 3339 UTC, milliseconds, our own clock.
    var time: String
    /// `allowed` or `refused`.
    var decision: String
    var status: Int
    /// `credentials` or `signed-urls`.
    var request: String
    var remote: String?
    /// Known by its proof; `null` for strangers.
    var client: String?
    /// `token`, `jwt` or `certificate`.
    var proof: String?
    /// Of the JWT.
    var issuer: String?
    /// The configured client whose name a wrong token bore.
    var claimed: String?
    /// Why it is one.
    var stranger: String?
    var bucket: String?
    var prefix: String?
    var verbs: [String]?
    var operations: [String: Int]?
    /// How many, and the first of them.
    var keyCount: Int?
    var keys: [String]?
    var keysCut: Bool?
    var job: String?
    /// When the credentials or URLs end.
    var until: String?
    /// `asked` for this request, or `kept` from an earlier one.
    var sts: String?
    var stsRequestId: String?
    /// Why not.
    var code: String?
    var reason: String?

    private static let mostKeys = 1000
    private static let mostKeyBytes = 128 << 10

    mutating func list(_ all: [String]) {
        keyCount = all.count
        var bytes = 0
        var listed: [String] = []
        for key in all.prefix(AuditLine.mostKeys) {
            bytes += key.utf8.count
            guard bytes <= AuditLine.mostKeyBytes else { break }
            listed.append(key)
        }
        keys = listed
        keysCut = listed.count < all.count ? true : nil
    }
}

/// Where decisions are written: each one a line of JSON, before its answer goes out.
protocol AuditSink: Sendable {
    /// - Throws: when the line is not on its way to the disk: the decision must then be refused.
    func write(_ line: AuditLine) throws
    /// The file was moved away by whoever rotates it.
    func reopen() throws
}

/// An append-only file, 0600. A line is one `write`, so that lines of several servers on one file do not mix.
final class AuditFile: AuditSink {
    private struct State: Sendable {
        var descriptor: Int32
        /// The last write broke off in mid line.
        var isBroken = false
    }
    let path: String
    private let isSynced: Bool
    private let state: Lock<State>

    /// - Parameter isSynced: each line is on the disk, power loss or not, before its answer goes out.
    init(path: String, isSynced: Bool = false) throws(SettingError) {
        (self.path, self.isSynced) = (path, isSynced)
        state = Lock(State(descriptor: try AuditFile.open(path)))
    }

    deinit { _ = state.withLock { close($0.descriptor) } }

    func write(_ line: AuditLine) throws {
        let bytes = try ContractJSON.encode(line) + [0x0A]
        try state.withLock { state in
            try AuditFile.append((state.isBroken ? [0x0A] : []) + bytes, &state)
            guard isSynced, fdatasync(state.descriptor) != 0 else { return }
            throw SettingError("the audit log cannot be written to the disk (\(AuditFile.reason(errno)))")
        }
    }

    func reopen() throws {
        let fresh = try AuditFile.open(path)
        state.withLock { state in
            close(state.descriptor)
            // It may be the same file still, with half a line at its end.
            state.descriptor = fresh
        }
    }

    private static func open(_ path: String) throws(SettingError) -> Int32 {
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw SettingError("the audit log \(path) cannot be opened (\(reason(errno))). Make its folder writable for this server")
        }
        // An older file may have been made wider by hand.
        guard fchmod(descriptor, 0o600) == 0 else {
            let code = errno
            close(descriptor)
            throw SettingError("the audit log \(path) cannot be made private (\(reason(code))). It must belong to this server's user")
        }
        return descriptor
    }

    private static func append(_ bytes: [UInt8], _ state: inout State) throws(SettingError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(state.descriptor, $0.baseAddress.map { $0 + written }, bytes.count - written) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                if written > 0 { state.isBroken = true }
                throw SettingError("the audit log cannot be written (\(reason(errno)))")
            }
            written += count
        }
        state.isBroken = false
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
