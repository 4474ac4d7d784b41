import Contracts
import FoundationEssentials
import GRDB
import OSSProtocol
import TransferCore

public struct ReceiptRequest: Sendable, Equatable {
    public var job: String
    /// Key of the last object of the page before.
    public var after: String?
    /// At most 1,000.
    public var limit: Int
    public init(job: String, after: String? = nil, limit: Int = 1_000) { (self.job, self.after, self.limit) = (job, after, limit) }
}

/// A job's manifest, by pages: in the order of keys, which is that of an index, so a million objects are read once and never sorted.
extension EngineLoop {
    public func receipt(_ request: ReceiptRequest) async throws(OrderError) -> ReceiptPage? {
        guard let id = JobID.row(request.job) else { return nil }
        let limit = min(max(request.limit, 1), Self.mostWindow)
        let found: (job: JobFacts, state: QueueStore.ReceiptState, rows: [UploadRow], events: [Int64: String])?
        do {
            found = try await store.read { db in
                guard let job = try QueueStore.job(db, id: id), let state = try QueueStore.receiptState(db, job: id) else { return nil }
                let rows = try QueueStore.receiptRows(db, job: id, after: request.after, limit: limit + 1)
                var events: [Int64: String] = [:]
                for row in rows where row.state == .skipped || row.state == .cancelled {
                    events[row.id] = try QueueStore.events(db, upload: row.id, limit: 1).first?.text
                }
                return (job, state, rows, events)
            }
        } catch {
            throw OrderError(
                code: "QueueNotReadable", message: "the queue \(store.path) cannot be read (\(error)). Check the disk", exit: 1)
        }
        guard let found else { return nil }
        let rows = found.rows.prefix(limit)
        return ReceiptPage(
            head: head(found.job, found.state), objects: rows.map { object($0, event: found.events[$0.id]) },
            next: found.rows.count > limit ? rows.last?.key : nil)
    }

    private func head(_ job: JobFacts, _ state: QueueStore.ReceiptState) -> ReceiptHead {
        var counts = state.counts
        for run in runs.values where run.job.id == job.id { overlay(run, &counts) }
        return ReceiptHead(
            written: clocks.wall().iso8601, job: JobID.text(job.id), added: state.added.iso8601, dest: job.dest, remote: job.target.remote,
            bucket: job.target.bucket, region: job.target.region, endpoint: job.target.endpoint,
            options: ReceiptHead.Options(
                existing: job.target.existing, storageClass: job.headers.storageClass, acl: job.headers.acl,
                contentType: job.headers.contentType, sse: job.options.sse),
            state: state.isScanning ? "scanning" : "ready",
            counts: Dictionary(uniqueKeysWithValues: counts.filter { $0.value.uploads > 0 }.map { ($0.key.rawValue, $0.value.uploads) }),
            bytes: counts.values.map(\.bytes).total, gone: state.swept, refused: state.refused, refusedTotal: state.refusedTotal)
    }

    private func object(_ row: UploadRow, event: String?) -> ReceiptObject {
        let live = runs[row.id].flatMap { $0.isLanding ? nil : $0 }
        let isUTF8 = String(validating: Array(row.path.utf8), as: UTF8.self) != nil
        var object = ReceiptObject(
            name: row.path, nameB64: isUTF8 ? nil : Data(row.path.utf8).base64EncodedString(), key: row.key, size: row.size,
            state: (live?.state ?? row.state).rawValue, finished: row.finished?.iso8601)
        if row.state == .done {
            (object.crc64, object.etag) = (row.crc64.map(String.init), row.etag)
            (object.versionId, object.requestId) = (row.versionID, row.requestID)
        } else {
            object.reason = Self.ending(row, event: event)
        }
        return object
    }
}

extension QueueStore {
    struct ReceiptState: Sendable {
        var added: Timestamp
        var isScanning: Bool
        var swept: Int
        var counts: [UploadState: StateCount]
        var refused: [JobView.Refused]
        var refusedTotal: Int
    }

    static func receiptState(_ db: Database, job: Int64) throws -> ReceiptState? {
        let sql = "SELECT added, isScanning, swept, refusedCount FROM jobs WHERE id = ?"
        guard let row = try Row.fetchOne(db, sql: sql, arguments: [job]) else { return nil }
        let refused = try Row.fetchAll(db, sql: "SELECT path, reason FROM refused WHERE job = ? ORDER BY path", arguments: [job])
        return ReceiptState(
            added: Timestamp(milliseconds: row[0]), isScanning: row[1], swept: row[2], counts: try counts(db, job: job),
            refused: refused.map { JobView.Refused(path: $0[0], reason: $0[1]) }, refusedTotal: row[3])
    }

    static func receiptRows(_ db: Database, job: Int64, after: String?, limit: Int) throws -> [UploadRow] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT \(UploadRow.columns) FROM uploads INDEXED BY uploadsByKey WHERE job = ? AND key > ? ORDER BY job, key LIMIT ?
                """)
        // No key is empty, so all of them are behind the empty one.
        return try Row.fetchAll(statement, arguments: [job, after ?? "", limit]).map(UploadRow.init)
    }
}
