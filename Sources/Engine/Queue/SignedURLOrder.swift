import Contracts
import GRDB
import OSSProtocol
import Platform

/// An order with a signed URL in place of a destination: one file, one request.
extension EngineLoop {
    /// The order as it is kept: the URL itself is a secret and stays behind.
    ///
    /// - Throws: exit 2, for what one signed URL cannot do.
    func withoutSignedURL(_ order: JobOrder) async throws(OrderError) -> (order: JobOrder, target: Target) {
        guard let url = order.options.signedUrl else {
            guard let dest = order.dest else { throw .option("the order names no destination. Write oss://BUCKET/KEY or REMOTE:KEY") }
            return (order, try await resolver.resolve(dest: dest, credentials: order.credentials))
        }
        guard order.dest == nil, order.sources.count == 1 else {
            throw .option("--signed-url puts one file and takes no destination. Write: davit put FILE --signed-url URL")
        }
        guard order.options.existing.map({ $0 == "overwrite" }) ?? true else {
            throw .option("--existing needs a destination that can be asked; a signed URL puts the object and does nothing else")
        }
        if await SourceReader.kinds(order.sources) == [.folder] {
            throw .option("--signed-url puts one file, and \(order.sources[0]) is a folder")
        }
        let target = try await resolver.resolve(signedURL: url)
        var order = order
        (order.dest, order.options.signedUrl) = ("oss://\(target.bucket)/\(target.prefix)", nil)
        // One request whatever its size.
        order.options.partSize = OSSLimits.largestPart
        return (order, target)
    }

    /// The URL of an upload that is stored, or was given up long enough ago, is a secret that nobody needs.
    func sweepSignedURLs(_ now: Timestamp) async {
        let kept = await resolver.keptSignedURLs()
        guard !kept.isEmpty else { return }
        let cancelled = (now - settings.keepCancelled).milliseconds
        let unneeded = try? await store.read { db in
            try kept.filter { try !QueueStore.needs(db, scope: $0, cancelledBefore: cancelled) }
        }
        if let unneeded, !unneeded.isEmpty { await resolver.forgetSignedURLs(unneeded) }
    }
}

extension QueueStore {
    /// Whether an order of that scope has something left to do.
    static func needs(_ db: Database, scope: String, cancelledBefore: Int64) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: """
                SELECT EXISTS (SELECT 1 FROM jobs j WHERE j.scope = ? AND (j.isScanning = 1
                  OR EXISTS (SELECT 1 FROM uploads u WHERE u.job = j.id AND u.state NOT IN (5, 6) AND u.hidden = 0
                    AND NOT (u.state = \(UploadState.cancelled.code) AND COALESCE(u.finished, 0) <= ?))))
                """, arguments: [scope, cancelledBefore]) ?? true
    }
}

extension OrderPlan {
    /// Nothing but one PutObject a file.
    var isOnePut: Bool { GivenURL.isOne(target.scope) }
}
