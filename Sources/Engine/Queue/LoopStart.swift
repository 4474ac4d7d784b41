import Contracts
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// What a start leaves for afterwards, so that a queue of a million rows keeps nobody waiting, and orders that cannot be read.
extension EngineLoop {
    /// Rows changed at once: others want to write too.
    private static let rowBatch = 10_000

    /// Rows that an earlier engine held go back into the queue, in its order. Each of them once: what this engine holds meanwhile stays held.
    func releaseHeld() {
        // Unstructured on purpose: the engine works while it goes on.
        Task {
            var place: QueueStore.HeldPlace?
            while !isDead, !isStopping {
                let (from, running) = (place, Array(runs.keys))
                guard let found = try? await store.read({ db in try QueueStore.held(db, behind: from, limit: Self.rowBatch) }) else {
                    // Nothing else would ever bring these rows back.
                    try? await Task.sleep(for: .seconds(1))
                    continue
                }
                guard let last = found.last else { return }
                place = last
                let ids = found.map(\.id)
                // Patient: with a full disk the engine comes up all the same, says so and waits.
                guard await writeUntilDone({ { db in try QueueStore.release(db, held: ids, excluding: running) } }) else { return }
                forgetReady()
                holdRowsAtGates()
                changed()
                schedule()
                if found.count < Self.rowBatch { return }
            }
        }
    }

    /// The uploads of an order that cannot be read end with the reason: nothing else would ever become of them.
    func failUploads(of job: JobFacts) {
        guard let problem = job.problem, failingJobs.insert(job.id).inserted else { return }
        let (id, now, count) = (job.id, clocks.wall(), Lock(0))
        let error = StoredError(code: "BadOrder", http: nil, request: nil, at: now, part: nil, message: problem)
        write(urgent: false) { db in
            let failed = try QueueStore.fail(db, job: id, error, at: now, limit: Self.rowBatch)
            count.withLock { $0 = failed }
        } then: { [self] in
            failingJobs.remove(id)
            changed()
            if count.withLock({ $0 }) == Self.rowBatch { failUploads(of: job) } else { forgetReady() }
            schedule()
        } failed: { [self] _ in
            failingJobs.remove(id)
        }
    }

    /// It was cut off, and its order cannot be read any more: what was queued stays, and the job says why there is no more.
    func giveUpScan(_ id: Int64, _ job: JobFacts?, _ why: String = "its order is no longer accepted. Give it again") {
        let reason = job?.problem ?? why
        log.error("an order cannot be read to its end", metadata: ["job": "\(JobID.text(id))", "reason": "\(reason)"])
        write(urgent: false) { db in
            let refused = JobView.Refused(path: job?.dest ?? "", reason: "the rest of it was not queued: \(reason)")
            try QueueStore.addRows(db, job: id, [], refused: [refused])
            try QueueStore.endScan(db, job: id)
        } then: { [self] in
            changed()
        }
        if let job { failUploads(of: job) }
    }
}

extension QueueStore {
    /// A row's place among those that are held.
    struct HeldPlace: Sendable {
        var id: Int64
        var priority: Int64
        var position: Int64
    }

    /// Rows that wait for something outside, in the order of the queue; not those that a person set a time for.
    static func held(_ db: Database, behind place: HeldPlace?, limit: Int) throws -> [HeldPlace] {
        // In two steps, as a window behind a row.
        let steps =
            place.map {
                [
                    "priority = \($0.priority) AND position = \($0.position) AND id > \($0.id)",
                    "(priority, position) > (\($0.priority), \($0.position))",
                ]
            } ?? ["1"]
        var found: [HeldPlace] = []
        for step in steps where found.count < limit {
            let sql = """
                SELECT id, priority, position FROM uploads
                WHERE hidden = 0 AND state = \(UploadState.held.code) AND held IN ('network', 'credentials', 'disk') AND \(step)
                ORDER BY hidden, state, priority, position, id LIMIT \(limit - found.count)
                """
            found += try Row.fetchAll(db, sql: sql).map { HeldPlace(id: $0[0], priority: $0[1], position: $0[2]) }
        }
        return found
    }

    /// The rows are found by their ids: `+` keeps SQLite from walking over all that are held instead.
    ///
    /// - Parameter running: they write their own state.
    static func release(_ db: Database, held ids: [Int64], excluding running: [Int64]) throws {
        for start in stride(from: 0, to: ids.count, by: 1_000) {
            try db.execute(
                sql: """
                    UPDATE uploads SET state = \(UploadState.queued.code), held = NULL, nextTry = NULL
                    WHERE id IN (\(list(Array(ids[start..<min(start + 1_000, ids.count)])))) AND id NOT IN (\(list(running)))
                      AND +hidden = 0 AND +state = \(UploadState.held.code) AND +held IN ('network', 'credentials', 'disk')
                    """)
        }
    }

    /// Rows of a job that wait become failed.
    ///
    /// - Returns: how many; `limit` when there may be more.
    static func fail(_ db: Database, job: Int64, _ error: StoredError, at: Timestamp, limit: Int) throws -> Int {
        try db.execute(
            sql: """
                UPDATE uploads SET state = \(UploadState.failed.code), held = NULL, nextTry = NULL, finished = ?, error = ? WHERE id IN (
                  SELECT id FROM uploads WHERE job = ? AND hidden = 0
                    AND state IN (\(UploadState.queued.code), \(UploadState.held.code)) LIMIT \(limit))
                """, arguments: [at.milliseconds, try error.json, job])
        return db.changesCount
    }

    /// Jobs of which nothing is left, older than the history. Milliseconds.
    static func oldJobs(before time: Int64) -> String {
        """
        SELECT id FROM jobs WHERE added <= \(time) AND isScanning = 0 AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.job = jobs.id)
        LIMIT 1000
        """
    }

    static func purgeJobs(_ db: Database, before time: Int64) throws {
        let jobs = list(try Int64.fetchAll(db, sql: oldJobs(before: time)))
        for (table, column) in [("refused", "job"), ("renamed", "job"), ("counts", "job"), ("jobs", "id")] {
            try db.execute(sql: "DELETE FROM \(table) WHERE \(column) IN (\(jobs))")
        }
    }
}
