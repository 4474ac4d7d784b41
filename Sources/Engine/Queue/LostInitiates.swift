import Contracts
import FoundationEssentials
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// An Initiate whose answer was lost, of an upload that nobody wants any more: what it began on the server is looked for and aborted.
struct LostInitiate: Sendable, Equatable {
    var upload: Int64
    var key: String
    var target: Target
    /// When the first one went out that may have begun something.
    var sent: Timestamp
    /// When the upload was given up: what begins later is another's.
    var given: Timestamp
}

extension EngineLoop {
    /// Of one endpoint, one after the other: they are few.
    ///
    /// - Returns: whether some could not be asked for, and whether any was.
    func find(_ lost: [LostInitiate]) async -> (isOwed: Bool, isAnySettled: Bool) {
        var (isOwed, isAnySettled) = (false, false)
        for item in lost where !Task.isCancelled && !isDead {
            guard gates["s:" + item.target.scope] == nil, gates["e:" + item.target.endpoint] == nil else {
                isOwed = true
                continue
            }
            var row = UploadRow(
                job: 0, path: "", key: item.key, identity: SourceIdentity(device: 0, inode: 0, size: 0, modified: 0), added: item.sent,
                partSize: 1)
            row.initiateSent = item.sent
            let job = JobFacts(id: 0, dest: "", target: item.target, options: OrderOptions(), headers: ObjectHeaders())
            let end = await requests.findUploads(row, job: job, store: store, wall: clocks.wall, until: item.given)
            guard let found = await idsFound(end, item) else {
                isOwed = true
                if !end.isAnswered { break }
                continue
            }
            let at = clocks.wall()
            let isWritten: Void? = try? await writeNow { db in
                for uploadID in found { try QueueStore.owe(db, item, uploadID: uploadID, at: at) }
                try db.execute(sql: "DELETE FROM lostInitiates WHERE upload = ?", arguments: [item.upload])
            }
            if isWritten == nil { isOwed = true } else { isAnySettled = true }
            if !found.isEmpty { abandoned.isStale = true }
        }
        return (isOwed, isAnySettled)
    }

    /// - Returns: ids that nobody else has; `nil` when it has to be asked again.
    private func idsFound(_ end: FlightEnd, _ item: LostInitiate) async -> [String]? {
        switch end.event {
        // One with parts is another's: we have sent none.
        case .uploadsFound(let found)?: return found.filter { !$0.hasParts }.map(\.uploadID)
        case .findUploadsFailed(let failure)?:
            switch classify(failure) {
            case .transient, .throttled, .cancelled, .clockSkew: return nil
            case .staleLease:
                if let generation = end.generation { await authorizer.retire(generation: generation, target: item.target) }
                return nil
            // It may not be asked: what is left behind then shows in the list of those who may.
            default: return []
            }
        default: return nil
        }
    }
}

extension QueueStore {
    static func lostInitiates(_ db: Database) throws -> [LostInitiate] {
        let rows = try Row.fetchAll(db, sql: "SELECT upload, key, target, sent, given FROM lostInitiates ORDER BY given LIMIT 10000")
        return rows.compactMap { row in
            let text: String = row[2]
            guard let target = try? JSONDecoder().decode(Target.self, from: Data(text.utf8)) else { return nil }
            return LostInitiate(
                upload: row[0], key: row[1], target: target, sent: Timestamp(milliseconds: row[3]), given: Timestamp(milliseconds: row[4]))
        }
    }

    /// Uploads are given up: Initiates of theirs that were not answered are looked after. To be said before the rows forget them.
    ///
    /// - Parameter rows: a condition on `uploads`.
    static func loseInitiates(_ db: Database, ofRows rows: String, at: Timestamp) throws {
        try db.execute(
            sql: """
                INSERT INTO lostInitiates (upload, key, target, sent, given)
                SELECT id, key, (SELECT target FROM jobs WHERE jobs.id = uploads.job), initiateSent, \(at.milliseconds) FROM uploads
                WHERE initiateSent IS NOT NULL AND job IN (SELECT id FROM jobs) AND \(rows)
                ON CONFLICT (upload) DO UPDATE SET given = excluded.given
                """)
    }

    fileprivate static func owe(_ db: Database, _ item: LostInitiate, uploadID: String, at: Timestamp) throws {
        try db.execute(
            sql: "INSERT OR IGNORE INTO ledger (bucket, key, uploadID, target, upload, since) VALUES (?, ?, ?, ?, NULL, ?)",
            arguments: [item.target.bucket, item.key, uploadID, try json(item.target), at.milliseconds])
    }
}
