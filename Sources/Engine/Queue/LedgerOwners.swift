import Contracts
import FoundationEssentials
import GRDB
import OSSProtocol

/// Whose unfinished uploads are, for those who ask from outside. What cannot be told is an error, never "nobody's".
extension EngineLoop {
    public func ledger() async throws(OrderError) -> [LedgerEntry] {
        let entries: [LedgerEntry]
        do {
            entries = try await store.read { db in try QueueStore.ledger(db, limit: QueueStore.mostOwed + 1) }
        } catch {
            throw unreadable(error)
        }
        guard entries.count <= QueueStore.mostOwed else {
            throw OrderError(
                code: "TooManyUnfinished",
                message:
                    "more than \(QueueStore.mostOwed) unfinished uploads are known, too many to tell whose each is. Let the engine abort those that nothing needs",
                exit: 1)
        }
        return entries
    }

    public func owe(_ entry: LedgerEntry) async {
        guard let target = entry.target else { return }
        let (key, at) = (entry.key.description, clocks.wall())
        do {
            try await writeNow { db in
                try db.execute(
                    sql: "INSERT OR IGNORE INTO ledger (bucket, key, uploadID, target, upload, since) VALUES (?, ?, ?, ?, NULL, ?)",
                    arguments: [entry.bucket, key, entry.uploadID, try QueueStore.json(target), at.milliseconds])
            }
            abandoned.isStale = true
        } catch {
            log.warning(
                "an unfinished upload could not be noted", metadata: ["key": "\(key)", "upload": "\(entry.uploadID)", "reason": "\(error)"])
        }
    }

    public func owner(uploadID: String, bucket: String, key: ObjectKey) async throws(OrderError) -> LedgerOwner {
        let text = key.description
        do {
            return try await store.read { db in try QueueStore.owner(db, bucket: bucket, key: text, uploadID: uploadID) }
        } catch {
            throw unreadable(error)
        }
    }

    private func unreadable(_ error: any Error) -> OrderError {
        let reason = (error as? DatabaseError)?.message ?? "\(error)"
        return OrderError(
            code: "QueueNotReadable",
            message:
                "the queue \(store.path) cannot be read (\(reason)), so nobody can say whose an unfinished upload is. Nothing was changed: try again",
            exit: 1)
    }
}

extension QueueStore {
    static func owner(_ db: Database, bucket: String, key: String, uploadID: String) throws -> LedgerOwner {
        let sql = "SELECT upload FROM ledger WHERE bucket = ? AND key = ? AND uploadID = ?"
        if let row = try Row.fetchOne(db, sql: sql, arguments: [bucket, key, uploadID]) {
            return (row[0] as Int64?).map { .upload(UploadID.text($0)) } ?? .ledger
        }
        return try initiating(db, bucket: bucket, key: key).map { .upload(UploadID.text($0)) } ?? .other
    }

    private static let ended = list(UploadState.allCases.filter(\.isEnded).map { Int64($0.code) })

    /// The upload to that key that has asked the server to begin one and has not written down what it answered.
    private static func initiating(_ db: Database, bucket: String, key: String) throws -> Int64? {
        let sql = """
            SELECT u.id, j.target FROM jobs j CROSS JOIN uploads u ON u.job = j.id AND u.key = ?
            WHERE u.initiateSent IS NOT NULL AND u.uploadID IS NULL AND u.state NOT IN (\(ended))
            """
        let rows = try Row.fetchCursor(db, sql: sql, arguments: [key])
        while let row = try rows.next() {
            let target: String = row[1]
            // One that cannot be read may be this bucket's.
            guard let target = try? JSONDecoder().decode(Target.self, from: Data(target.utf8)), target.bucket != bucket else { return row[0] }
        }
        return nil
    }
}
