import Contracts
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// Rates that a person gives to single uploads and to orders, beside that of all together.
extension EngineLoop {
    /// Each has a bucket in memory, and each upload a row of its own.
    static let mostLimited = 10_000

    /// Of a large file always, since it may get one while its parts are under way; a small one is not there that long.
    func limit(of run: UploadRun) -> RateLimit? {
        let rate = uploadLimits[run.id]
        if run.limit == nil, rate != nil || !run.isSmall { run.limit = RateLimit(rate, now: SystemClock.monotonicNanoseconds()) }
        return run.limit
    }

    /// Its own rate has enough to send for the next seconds: more parts would only wait in slots.
    func hasEnoughInFlight(_ run: UploadRun) -> Bool {
        guard let rate = uploadLimits[run.id] else { return false }
        let bytes = run.flights.values.reduce(Int64(0)) { $0 + ($1.holdsSlot ? $1.length : 0) }
        return bytes > 0 && bytes >= Self.inFlight(at: rate)
    }

    /// `limit` of `POST /v1/actions`: uploads that are named get a rate each, orders one for all of theirs; at once also for what is in
    /// flight.
    func limit(_ request: ActionRequest) async throws(OrderError) -> ActionResult {
        guard let value = request.value else { throw .option("limit takes a rate such as 5MiB, or none") }
        let rate: Int64?
        do throws(ByteTextError) { rate = try ByteRate(parsing: value).bytesPerSecond } catch {
            throw .option("\(error.description). For the limit also: none")
        }
        let orders = request.ids?.compactMap(JobID.row) ?? []
        let uploads = try await uploads(of: request)
        guard uploads.isEmpty || rate != 0 else { throw .option("a rate of 0 is for orders and for all together. Pause single uploads instead") }
        var result = ActionResult(action: request.action, matched: orders.count + uploads.count, changed: 0, items: [])
        guard request.dryRun != true else { return result }
        for id in Set(orders) where try await setLimit(ofOrder: id, rate) { result.changed += 1 }
        result.changed += try await setLimit(ofUploads: uploads, rate)
        changed()
        schedule()
        return result
    }

    private func uploads(of request: ActionRequest) async throws(OrderError) -> Set<Int64> {
        if let ids = request.ids, !ids.isEmpty { return Set(ids.compactMap(UploadID.row)) }
        guard request.all == true || request.query?.isEmpty == false else { throw .option("limit needs ids, a query, or all") }
        // What is wrong with it is said of the query as it was written.
        if let text = request.query, !text.isEmpty { _ = try QueryPlan(text, now: clocks.wall()) }
        let running = "not state:done,cancelled,skipped"
        let query = request.query.flatMap { $0.isEmpty ? nil : "(\($0)) and \(running)" } ?? running
        var found: Set<Int64> = []
        var place: String?
        while true {
            // By place, in the queue's own order: the queue moves meanwhile, and nobody may be left out.
            let page = try await uploads(UploadsRequest(query: query, sort: "order", after: place, limit: 1_000))
            found.formUnion(page.items.compactMap { UploadID.row($0.id) })
            guard found.count <= Self.mostLimited else {
                throw .option("more than \(Self.mostLimited) uploads at once. Name their orders (j-…): one rate for all uploads of each")
            }
            if let next = page.next {
                place = next
            } else if place == nil, page.items.count >= 1_000 {
                // A list from before has no places to go on from: it is made anew.
                windowMemo = nil
            } else {
                return found
            }
        }
    }

    private func setLimit(ofOrder id: Int64, _ rate: Int64?) async throws(OrderError) -> Bool {
        var known = jobs[id]
        if known == nil { known = (try? await store.read { db in try QueueStore.job(db, id: id) }) ?? nil }
        // One that cannot be read must not become readable with other options than it was given.
        guard let job = known, job.problem == nil else { return false }
        var options = job.options
        options.limit = rate
        let written = options
        do { try await writeNow { db in try QueueStore.setOptions(db, job: id, written) } } catch { throw storeFailure(error) }
        jobs[id] = JobFacts(id: id, dest: job.dest, target: job.target, options: options, headers: job.headers)
        ownLimit(of: job).set(rate, now: SystemClock.monotonicNanoseconds())
        return true
    }

    /// - Returns: how many there are; those that have ended are left as they are.
    private func setLimit(ofUploads ids: Set<Int64>, _ rate: Int64?) async throws(OrderError) -> Int {
        guard !ids.isEmpty else { return 0 }
        guard rate == nil || uploadLimits.count + ids.count <= Self.mostLimited else {
            throw .option("more than \(Self.mostLimited) uploads with a rate of their own. Name their orders (j-…) instead")
        }
        let found = Lock<[Int64]>([])
        do {
            try await writeNow { db in
                let changed = try QueueStore.setLimit(db, uploads: ids.sorted(), rate)
                found.withLock { $0 = changed }
            }
        } catch { throw storeFailure(error) }
        let changed = found.withLock { $0 }
        for id in changed {
            uploadLimits[id] = rate
            guard let run = runs[id] else { continue }
            limit(of: run)?.set(rate, now: SystemClock.monotonicNanoseconds())
        }
        return changed.count
    }
}

extension QueueStore {
    static func setOptions(_ db: Database, job: Int64, _ options: OrderOptions) throws {
        try db.execute(sql: "UPDATE jobs SET options = ? WHERE id = ?", arguments: [try json(options), job])
    }

    /// - Returns: those of them that are there and not over.
    static func setLimit(_ db: Database, uploads ids: [Int64], _ rate: Int64?) throws -> [Int64] {
        var found: [Int64] = []
        for start in stride(from: 0, to: ids.count, by: 1_000) {
            found += try Int64.fetchAll(
                db,
                sql: """
                    SELECT id FROM uploads WHERE id IN (\(list(Array(ids[start..<min(start + 1_000, ids.count)]))))
                      AND hidden = 0 AND state NOT IN (\(UploadState.done.code), \(UploadState.cancelled.code))
                    """)
        }
        for id in found {
            if let rate {
                try db.execute(sql: "INSERT OR REPLACE INTO uploadLimits (upload, rate) VALUES (?, ?)", arguments: [id, rate])
            } else {
                try db.execute(sql: "DELETE FROM uploadLimits WHERE upload = ?", arguments: [id])
            }
        }
        return found
    }

    /// Of uploads that may still run.
    static func uploadLimits(_ db: Database) throws -> [Int64: Int64] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT l.upload, l.rate FROM uploadLimits l JOIN uploads u ON u.id = l.upload
                WHERE u.hidden = 0 AND u.state NOT IN (\(UploadState.done.code), \(UploadState.cancelled.code))
                LIMIT \(EngineLoop.mostLimited)
                """)
        return Dictionary(rows.map { ($0[0], $0[1]) }, uniquingKeysWith: { $1 })
    }

    /// Uploads never begin to run again once they are gone; their ids are not given twice.
    static func forgetLimits(_ db: Database) throws {
        try db.execute(
            sql: "DELETE FROM uploadLimits WHERE upload NOT IN (SELECT id FROM uploads WHERE hidden = 0 AND state <> \(UploadState.done.code))")
    }
}
