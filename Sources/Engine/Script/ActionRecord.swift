import Contracts
import Glibc
import Platform

/// What front ends asked a played engine to change, one JSON object a line of `actions.jsonl` in its home: a test can tell what a person
/// did from what the script does.
struct ActionRecord: Sendable {
    struct Line: Encodable {
        /// `limits` for `PUT /v1/limits`, `renew` for new credentials.
        var action: String
        var by: String?
        /// Of the uploads that it changed.
        var ids: [String]
    }

    /// More than that is no list of names any more.
    static let mostIDs = 1_000

    private let path: String

    init(folder: String) { path = folder + "/actions.jsonl" }

    func add(_ line: Line) {
        guard let bytes = try? ContractJSON.encode(line) else { return }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        let text = bytes + [UInt8(ascii: "\n")]
        _ = text.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }
}
