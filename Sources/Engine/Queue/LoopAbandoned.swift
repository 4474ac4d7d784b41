import Contracts
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// Upload ids that nothing in the queue needs: aborted in the background until the server knows them no more, also after a restart.
struct Abandoned {
    /// The ledger may hold new ones.
    var isStale = true
    /// Known at the last look.
    var entries: [LedgerEntry] = []
    var task: Task<Void, Never>?
    var nextTry: Timestamp?
    /// Looks in a row that left something owed.
    var failures = 0
}

extension EngineLoop {
    private static let shortestAbortRetry = Duration.seconds(2)
    private static let longestAbortRetry = Duration.seconds(300)

    func workOnAbandoned(_ now: Timestamp) {
        guard abandoned.task == nil, !isStopping, !isDead, abandoned.isStale || abandoned.nextTry.map({ now >= $0 }) ?? false else {
            return
        }
        abandoned.isStale = false
        abandoned.nextTry = nil
        // Unstructured on purpose: nobody waits for it.
        abandoned.task = Task {
            await abortAbandoned()
            abandoned.task = nil
        }
    }

    private func abortAbandoned() async {
        guard let entries = try? await store.read({ db in try QueueStore.ledger(db, onlyAbandoned: true) }) else {
            return tryAbortsAgain(after: Self.shortestAbortRetry)
        }
        abandoned.entries = entries
        var owed = false
        // Whoever does not answer once is not asked for each of its entries: those of others wait behind them.
        var silent: Set<String> = []
        for entry in entries {
            if Task.isCancelled || isDead { return }
            let (scope, endpoint) = ("s:" + entry.target.scope, "e:" + entry.target.endpoint)
            guard gates[scope] == nil, gates[endpoint] == nil, !silent.contains(scope), !silent.contains(endpoint) else {
                owed = true
                continue
            }
            switch await Aborting(entry: entry, transport: transport, authorizer: authorizer).result() {
            case .gone:
                // What cannot be written down is asked once more: an id that is unknown costs nothing.
                if await settle(entry) == false { owed = true }
            case .owed: owed = true
            case .noCredentials:
                owed = true
                silent.insert(scope)
            case .noAnswer:
                owed = true
                silent.insert(endpoint)
            }
        }
        abandoned.failures = owed ? abandoned.failures + 1 : 0
        if owed {
            let pause = Self.shortestAbortRetry * (1 << min(abandoned.failures, 10))
            tryAbortsAgain(after: min(pause, Self.longestAbortRetry))
        } else {
            abandoned.entries = []
        }
    }

    private func tryAbortsAgain(after pause: Duration) { abandoned.nextTry = clocks.steady() + pause }

    public func ledger() async -> [LedgerEntry] { (try? await store.read { db in try QueueStore.ledger(db) }) ?? [] }

    public func ledgerSettled(uploadID: String, bucket: String, key: ObjectKey) async {
        _ = await settle(uploadID: uploadID, bucket: bucket, key: key)
    }

    private func settle(_ entry: LedgerEntry) async -> Bool {
        await settle(uploadID: entry.uploadID, bucket: entry.bucket, key: entry.key)
    }

    private func settle(uploadID: String, bucket: String, key: ObjectKey) async -> Bool {
        let text = key.description
        do {
            try await writeNow { db in try QueueStore.settle(db, bucket: bucket, key: text, uploadID: uploadID) }
        } catch {
            return false
        }
        abandoned.entries.removeAll { $0.uploadID == uploadID && $0.bucket == bucket && $0.key == key }
        return true
    }
}

/// One abort. A part that was on its way may be stored after the first one, so it is repeated until the id is unknown.
private struct Aborting {
    enum Result {
        /// The server knows it no more.
        case gone
        case owed
        /// Still owed, and others of the same scope or endpoint would fare no better now.
        case noCredentials, noAnswer
    }

    private static let mostTries = 5

    let entry: LedgerEntry
    let transport: any Transport
    let authorizer: any RequestAuthorizer

    func result() async -> Result {
        var wasAccepted = false
        for _ in 0..<Aborting.mostTries {
            guard
                let authorized = try? await authorizer.authorize(
                    .abort(uploadID: entry.uploadID), key: entry.key, target: entry.target, minimumLife: .seconds(30))
            else { return .noCredentials }
            var options = SendOptions()
            options.total = .seconds(60)
            guard let reply = try? await transport.send(authorized.request, body: nil, options: options, progress: nil) else {
                return .noAnswer
            }
            do throws(OSSError) {
                try OSSReply.empty(reply.response)
                wasAccepted = true
            } catch {
                switch classify(RequestFailure(error, of: authorized, at: entry.target)) {
                case .staleLease: await authorizer.retire(generation: authorized.generation, target: entry.target)
                case .clockSkew(let serverTime?): await authorizer.learnClock(serverTime: serverTime)
                case .uploadGone: return .gone
                case .transient, .throttled: return .noAnswer
                default: return .owed
                }
            }
        }
        // Accepted again and again: a server that never says NoSuchUpload. Refused again and again, it is still owed.
        return wasAccepted ? .gone : .noCredentials
    }
}

/// Start, and what time does to rows.
extension EngineLoop {
    private static let doneStays = Duration.seconds(600)
    private static let mostEvents: Int64 = 200_000
    private static let sweep = 10_000
    /// Rows at a time that leave the queue or the history: more would keep uploads waiting for the disk. A full batch is followed by the
    /// next one a second later.
    private static let sweepStep = 5_000
    /// Jobs whose options are kept in memory; the others are read when they are needed.
    private static let mostJobs = 2_000

    /// Rows that waited for something outside are tried at once; scans that were cut off begin again.
    func recover() async throws {
        let given = limitsNow
        let found = try await store.read { db in
            (
                limits: try QueueStore.limits(db, else: given), isPaused: try QueueStore.setting(db, "queuePaused") != nil,
                scanning: try QueueStore.scanning(db)
            )
        }
        startsBlocked += 1
        // Patient: with a full disk the engine comes up all the same, says so and waits.
        write(urgent: true) { db in
            try db.execute(
                sql: """
                    UPDATE uploads SET state = \(UploadState.queued.code), held = NULL, nextTry = NULL
                    WHERE hidden = 0 AND state = \(UploadState.held.code) AND held IN ('network', 'credentials', 'disk')
                    """)
        } then: { [self] in
            startsBlocked -= 1
            forgetReady()
            schedule()
        } failed: { [self] _ in
            startsBlocked -= 1
            schedule()
        }
        limitsNow = found.limits
        queueMachine.slots = limitsNow.uploads
        queueMachine.isPaused = found.isPaused
        for id in found.scanning {
            let read = try await store.read { db in (try QueueStore.job(db, id: id), try QueueStore.sources(db, job: id)) }
            guard let job = read.0,
                let plan = try? OrderPlan(job.options, target: job.target, partSize: settings.partSize, now: clocks.wall())
            else {
                log.error("an order that was cut off cannot be read: its scan does not go on", metadata: ["job": "\(JobID.text(id))"])
                continue
            }
            jobs[id] = job
            startScan(id, plan, read.1, settlesKey: true)
        }
    }

    /// Once a second: rows whose time has come; now and then: what is too old.
    func tidy(_ isThorough: Bool) async {
        // A slow disk must not make them pile up.
        guard !isTidying else { return }
        isTidying = true
        defer { isTidying = false }
        let wall = clocks.wall()
        let due = QueueStore.due(
            excluding: Array(runs.keys), wall: wall, latest: max(wall, clocks.steady()), closedScopes: closedScopes,
            closedEndpoints: closedEndpoints)
        let isDue = try? await store.read { db in
            try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM uploads WHERE \(due.condition))", arguments: due.arguments) ?? false
        }
        if isDue == true {
            write(urgent: true) { db in
                try db.execute(
                    sql: """
                        UPDATE uploads SET state = \(UploadState.queued.code), held = NULL, nextTry = NULL
                        WHERE id IN (SELECT id FROM uploads WHERE \(due.condition) LIMIT \(Self.sweep))
                        """, arguments: due.arguments)
            } then: { [self] in
                forgetReady()
                holdRowsAtGates()
                changed()
                schedule()
            }
        }
        guard isThorough else { return }
        if jobs.count > Self.mostJobs {
            let needed = Set(runs.values.map(\.job.id)).union(scans.keys).union(ready.map(\.job))
            jobs = jobs.filter { needed.contains($0.key) }
        }
        await sweep(wall)
    }

    private func sweep(_ now: Timestamp) async {
        let done = (now - Self.doneStays).milliseconds
        let cancelled = (now - settings.keepCancelled).milliseconds
        let history = (now - settings.keepHistory).milliseconds
        let running = QueueStore.list(Array(runs.keys))
        // Read first: an idle engine writes nothing. What is old is found by what is rare: by its time, or from the ledger (CROSS JOIN keeps
        // that order), never by walking the history.
        let lookups = [
            "SELECT EXISTS (SELECT 1 FROM uploads WHERE finished <= \(done) AND hidden = 0 AND state IN (5, 6))",
            """
            SELECT EXISTS (SELECT 1 FROM ledger l CROSS JOIN uploads u ON u.id = l.upload WHERE u.finished <= \(cancelled)
              AND (u.state = \(UploadState.cancelled.code) OR u.hidden = 1))
            """,
            "SELECT EXISTS (SELECT 1 FROM uploads WHERE finished <= \(history) AND +hidden = 1)",
            // One aggregate a look-up: both together would walk the whole table.
            "SELECT COALESCE((SELECT MAX(id) FROM events) - (SELECT MIN(id) FROM events), 0) > \(Self.mostEvents)",
            "SELECT COUNT(*) > \(QueueStore.mostEdits) FROM edits",
        ]
        guard let needs = try? await store.read({ db in try lookups.map { try Bool.fetchOne(db, sql: $0) ?? false } }), needs.contains(true)
        else { return }
        let isMore = Lock(false)
        write(urgent: false) { db in
            if needs[0] {
                try db.execute(
                    sql: """
                        UPDATE uploads SET hidden = 1 WHERE id IN (SELECT id FROM uploads WHERE finished <= \(done) AND hidden = 0
                          AND state IN (5, 6) AND id NOT IN (\(running)) LIMIT \(Self.sweepStep))
                        """)
                if db.changesCount >= Self.sweepStep { isMore.withLock { $0 = true } }
            }
            if needs[1] {
                let old = """
                    SELECT u.id FROM ledger l CROSS JOIN uploads u ON u.id = l.upload WHERE u.finished <= \(cancelled)
                      AND (u.state = \(UploadState.cancelled.code) OR u.hidden = 1) AND u.id NOT IN (\(running))
                    """
                try db.execute(sql: "CREATE TEMP TABLE IF NOT EXISTS given (id INTEGER PRIMARY KEY)")
                try db.execute(sql: "DELETE FROM temp.given")
                try db.execute(sql: "INSERT OR IGNORE INTO temp.given \(old)")
                let these = "IN (SELECT id FROM temp.given)"
                try db.execute(sql: "UPDATE ledger SET upload = NULL WHERE upload \(these)")
                try db.execute(sql: "DELETE FROM parts WHERE upload \(these)")
                try db.execute(
                    sql:
                        "UPDATE uploads SET uploadID = NULL, phase = 'fresh', stored = 0, partsStored = 0, completeSent = 0 WHERE id \(these)"
                )
            }
            if needs[2] {
                let swept = try QueueStore.sweepHistory(db, before: history, limit: Self.sweepStep)
                if swept >= Self.sweepStep { isMore.withLock { $0 = true } }
            }
            if needs[3] { try db.execute(sql: "DELETE FROM events WHERE id <= (SELECT MAX(id) FROM events) - \(Self.mostEvents)") }
            if needs[4] {
                let kept = "SELECT id FROM edits ORDER BY id DESC LIMIT \(QueueStore.mostEdits)"
                try db.execute(sql: "DELETE FROM editRows WHERE edit NOT IN (\(kept))")
                try db.execute(sql: "DELETE FROM edits WHERE id NOT IN (\(kept))")
            }
        } then: { [self] in
            if needs[1] { abandoned.isStale = true }
            if isMore.withLock({ $0 }) { lastSweep = nil }
            changed()
        }
    }
}
