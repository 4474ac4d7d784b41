import Contracts
import FoundationEssentials
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// Unfinished uploads of others on the server that a person gave us (`davit orphans --adopt`): the next upload to that key goes on with it
/// instead of beginning one. Never done unasked: another engine may be at work on it.
struct AdoptionKey: Hashable, Sendable {
    var bucket: String
    var key: ObjectKey
}

extension EngineLoop {
    /// - Returns: the upload of the queue that will go on with it; `nil` while there is none.
    public func adopt(uploadID: String, bucket: String, key: ObjectKey) async throws(OrderError) -> String? {
        let (text, at) = (key.description, clocks.wall())
        do {
            try await writeNow { db in
                try db.execute(
                    sql: "INSERT OR REPLACE INTO adoptions (bucket, key, uploadID, since) VALUES (?, ?, ?, ?)",
                    arguments: [bucket, text, uploadID, at.milliseconds])
            }
            adoptions[AdoptionKey(bucket: bucket, key: key)] = uploadID
            let row = try await store.read { db in try QueueStore.waitingFor(db, bucket: bucket, key: text) }
            return row.map(UploadID.text)
        } catch {
            throw storeFailure(error)
        }
    }

    /// What was given for this upload, unless it has begun one of its own.
    func adoption(_ row: UploadRow, _ job: JobFacts) -> String? {
        guard !adoptions.isEmpty, row.phase == .fresh, row.uploadID == nil else { return nil }
        return adoptions[AdoptionKey(bucket: job.target.bucket, key: ObjectKey(row.key))]
    }

    /// Its parts are those of the run from now on: what of them the file holds, the machine finds out.
    func takeOver(_ run: UploadRun, _ uploadID: String, _ plan: PartPlan, _ source: SourceFile, parts: Int) {
        run.isSaving = true
        (run.row.identity, run.source) = (source.identity, source)
        (run.row.partSize, run.row.phase, run.row.uploadID) = (plan.partSize, .sending, uploadID)
        let hadBegun = run.row.initiateSent != nil
        run.row.initiateSent = nil
        run.machine = machine(run.row, job: run.job, parts: [])
        if !multipart.contains(run.id) { multipart.append(run.id) }
        let (row, target, at) = (run.row, run.job.target, clocks.wall())
        let place = AdoptionKey(bucket: target.bucket, key: ObjectKey(row.key))
        write(urgent: true) { db in
            if hadBegun { try QueueStore.loseInitiates(db, ofRows: "id = \(row.id)", at: at) }
            try row.update(db)
            try QueueStore.owe(db, row: row, uploadID: uploadID, target: target, at: at)
            try QueueStore.forgetAdoption(db, bucket: target.bucket, key: row.key)
            try QueueStore.addEvent(
                db, upload: row.id, at: at, kind: "resume",
                text: "goes on with an upload begun elsewhere, of which the server has \(parts) parts")
        } then: { [self] in
            adoptions[place] = nil
            if hadBegun { abandoned.isStale = true }
            guard runs[run.id] === run, !run.isLanding else { return }
            run.uploadIDOnDisk = uploadID
            run.isSaving = false
            run.isStarted = true
            feed(run, .started)
            schedule()
        } failed: { [self] error in
            fail(run, code: "LocalError", message: "its progress cannot be written (\(error)). Report this")
        }
    }

    /// It is gone, or of no use: the upload begins one of its own.
    func dropAdoption(_ run: UploadRun) {
        let (bucket, key) = (run.job.target.bucket, run.row.key)
        adoptions[AdoptionKey(bucket: bucket, key: ObjectKey(key))] = nil
        write(urgent: false) { db in try QueueStore.forgetAdoption(db, bucket: bucket, key: key) }
    }
}

extension QueueStore {
    static func adoptions(_ db: Database) throws -> [AdoptionKey: String] {
        let rows = try Row.fetchAll(db, sql: "SELECT bucket, key, uploadID FROM adoptions ORDER BY since DESC LIMIT 100000")
        return Dictionary(
            rows.map { (AdoptionKey(bucket: $0[0], key: ObjectKey($0[1] as String)), $0[2] as String) },
            uniquingKeysWith: { first, _ in first })
    }

    static func forgetAdoption(_ db: Database, bucket: String, key: String) throws {
        try db.execute(sql: "DELETE FROM adoptions WHERE bucket = ? AND key = ?", arguments: [bucket, key])
    }

    /// The upload to that key that has not begun: the one whose turn comes first.
    static func waitingFor(_ db: Database, bucket: String, key: String) throws -> Int64? {
        let sql = """
            SELECT u.id, j.target FROM jobs j CROSS JOIN uploads u ON u.job = j.id AND u.key = ?
            WHERE u.hidden = 0 AND u.uploadID IS NULL AND u.phase = 'fresh' AND u.state NOT IN (5, 6)
            ORDER BY u.state, u.priority, u.position, u.id
            """
        let rows = try Row.fetchCursor(db, sql: sql, arguments: [key])
        while let row = try rows.next() {
            let target: String = row[1]
            if let target = try? JSONDecoder().decode(Target.self, from: Data(target.utf8)), target.bucket == bucket { return row[0] }
        }
        return nil
    }
}
