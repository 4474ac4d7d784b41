import Contracts
import OSSProtocol

extension JobOrder {
    /// The same for an order that is sent again, another for another order: SHA-256 of what is to be uploaded, where to, and how.
    ///
    /// Left out is what may differ when the same command is given again: its credentials, `--at +2h`, and how a URL to the same key is signed.
    var fingerprint: String? {
        struct Ordered: Encodable {
            var sources: [String]
            var dest: String?
            var options: OrderOptions
        }
        var options = options
        (options.at, options.dryRun) = (nil, nil)
        options.signedUrl = options.signedUrl.map { String($0.prefix { $0 != "?" }) }
        // No value of it can fail to be written; if one did, the order would be taken as before.
        return (try? ContractJSON.encode(Ordered(sources: sources, dest: dest, options: options))).map { Hex.encode(Digests.sha256($0)) }
    }
}

/// A job as a submission id names it.
struct SubmittedJob: Sendable {
    var id: Int64
    /// `nil`: from before it was kept.
    var fingerprint: String?

    /// - Throws: when the id comes with another order: answering the first job would drop it without a word.
    func check(_ fingerprint: String?) throws(OrderError) {
        guard let known = self.fingerprint, let fingerprint, known != fingerprint else { return }
        throw OrderError(
            code: "SubmissionTaken",
            message: "this submission id was another order (\(JobID.text(id))). Nothing was queued: give this order an id of its own", exit: 1)
    }
}
