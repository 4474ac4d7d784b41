import Contracts
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// Upload ids that nothing in the queue needs: aborted in the background until the server knows them no more, also after a restart.
///
/// Each endpoint's are worked on apart: one that does not answer keeps no other's waiting.
struct Abandoned {
    /// What is known of one endpoint's debts.
    struct Debts {
        var task: Task<Void, Never>?
        var nextTry: Timestamp?
        /// Rounds in a row that settled nothing.
        var failures = 0
        /// The ledger was read while it was at work: there may be more.
        var isMore = false
    }

    /// The ledger may hold new ones.
    var isStale = true
    var isReading = false
    /// When it is read again after it could not be.
    var nextRead: Timestamp?
    /// Known at the last look.
    var entries: [LedgerEntry] = []
    var lost: [LostInitiate] = []
    var endpoints: [String: Debts] = [:]

    func isDue(_ now: Timestamp) -> Bool {
        isStale || nextRead.map { now >= $0 } ?? false || endpoints.values.contains { $0.nextTry.map { now >= $0 } ?? false }
    }

    /// Endpoints that are at work.
    var busy: Set<String> { Set(endpoints.filter { $0.value.task != nil }.keys) }

    /// Everything that is owed was tried, except at those endpoints.
    func isAtRest(except others: Set<String>) -> Bool { !isStale && !isReading && busy.isSubset(of: others) }

    func cancel() { for debts in endpoints.values { debts.task?.cancel() } }
}

extension EngineLoop {
    private static let shortestAbortRetry = Duration.seconds(2)
    private static let longestAbortRetry = Duration.seconds(300)
    /// At one endpoint, once it has answered.
    private static let abortsAtOnce = 4

    func workOnAbandoned(_ now: Timestamp) {
        guard !abandoned.isReading, !isStopping, !isDead, abandoned.isDue(now) else { return }
        let isStale = abandoned.isStale
        (abandoned.isReading, abandoned.isStale, abandoned.nextRead) = (true, false, nil)
        // Unstructured on purpose, as those below: nobody waits for it.
        Task {
            let read = try? await store.read { db in (try QueueStore.ledger(db, onlyAbandoned: true), try QueueStore.lostInitiates(db)) }
            abandoned.isReading = false
            beginAborts(read, now, isStale: isStale)
        }
    }

    private func beginAborts(_ read: (entries: [LedgerEntry], lost: [LostInitiate])?, _ now: Timestamp, isStale: Bool) {
        guard !isStopping, !isDead else { return }
        guard let read else {
            abandoned.nextRead = clocks.steady() + Self.shortestAbortRetry
            return
        }
        // What is stored of a place that cannot be read leads nowhere.
        abandoned.entries = read.entries.filter { $0.target != nil }
        abandoned.lost = read.lost
        let byEndpoint = Dictionary(grouping: abandoned.entries) { $0.target?.endpoint ?? "" }
        let lostByEndpoint = Dictionary(grouping: read.lost, by: \.target.endpoint)
        let owing = Set(byEndpoint.keys).union(lostByEndpoint.keys)
        for endpoint in owing {
            let (entries, lost) = (byEndpoint[endpoint] ?? [], lostByEndpoint[endpoint] ?? [])
            var debts = abandoned.endpoints[endpoint] ?? Abandoned.Debts()
            if debts.task != nil {
                debts.isMore = debts.isMore || isStale
            } else if isStale || debts.nextTry.map({ now >= $0 }) ?? true {
                debts.nextTry = nil
                debts.task = Task {
                    let (found, settled) = (await find(lost), await abort(entries))
                    aborted(endpoint, (found.isOwed || settled.isOwed, found.isAnySettled || settled.isAnySettled))
                }
            }
            abandoned.endpoints[endpoint] = debts
        }
        abandoned.endpoints = abandoned.endpoints.filter { owing.contains($0.key) || $0.value.task != nil }
    }

    private func aborted(_ endpoint: String, _ end: (isOwed: Bool, isAnySettled: Bool)) {
        guard var debts = abandoned.endpoints[endpoint] else { return }
        if debts.isMore { abandoned.isStale = true }
        (debts.task, debts.isMore) = (nil, false)
        // Whoever settles some of them, however busy, is asked for the rest soon.
        debts.failures = end.isAnySettled ? 0 : debts.failures + 1
        let pause = min(Self.shortestAbortRetry * (1 << min(debts.failures, 10)), Self.longestAbortRetry)
        debts.nextTry = end.isOwed ? clocks.steady() + pause : nil
        abandoned.endpoints[endpoint] = end.isOwed ? debts : nil
    }

    /// Of one endpoint. The first one finds out whether it answers; whoever does not is not asked for each of its entries.
    ///
    /// - Returns: whether something is still owed, and whether it is less than before.
    private func abort(_ entries: [LedgerEntry]) async -> (isOwed: Bool, isAnySettled: Bool) {
        var (isOwed, isAnySettled) = (false, false)
        var silentScopes: Set<String> = []
        var (isSilent, isAnswering) = (false, false)
        var rest = entries[...]
        await withTaskGroup(of: (LedgerEntry, Aborting.Result).self) { group in
            var flying = 0
            while true {
                while flying < (isAnswering ? Self.abortsAtOnce : 1), !Task.isCancelled, !isDead, let entry = rest.popFirst() {
                    guard let target = entry.target else { continue }
                    let scope = "s:" + target.scope
                    guard !isSilent, !silentScopes.contains(scope), gates[scope] == nil, gates["e:" + target.endpoint] == nil else {
                        isOwed = true
                        continue
                    }
                    let aborting = Aborting(entry: entry, target: target, transport: transport, authorizer: authorizer)
                    group.addTask { (entry, await aborting.result()) }
                    flying += 1
                }
                guard let (entry, result) = await group.next() else { break }
                flying -= 1
                switch result {
                case .gone:
                    isAnswering = true
                    // What cannot be written down is asked once more: an id that is unknown costs nothing.
                    if await settle(entry) { isAnySettled = true } else { isOwed = true }
                case .owed: (isOwed, isAnswering) = (true, true)
                case .noCredentials:
                    isOwed = true
                    if let target = entry.target { silentScopes.insert("s:" + target.scope) }
                case .noAnswer: (isOwed, isSilent) = (true, true)
                }
            }
        }
        return (isOwed || !rest.isEmpty, isAnySettled)
    }

    public func isOwing() async -> Bool {
        let sql = """
            SELECT EXISTS (SELECT 1 FROM ledger l LEFT JOIN uploads u ON u.id = l.upload
              WHERE l.upload IS NULL OR u.state = \(UploadState.cancelled.code) OR u.hidden = 1)
              OR EXISTS (SELECT 1 FROM lostInitiates)
              OR EXISTS (SELECT 1 FROM uploads WHERE initiateSent IS NOT NULL AND state = \(UploadState.cancelled.code))
            """
        return (try? await store.read { db in try Bool.fetchOne(db, sql: sql) ?? false }) ?? false
    }

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
    /// A server that never says NoSuchUpload is believed after as many.
    private static let acceptedTries = 3

    let entry: LedgerEntry
    let target: Target
    let transport: any Transport
    let authorizer: any RequestAuthorizer

    func result() async -> Result {
        var accepted = 0
        for _ in 0..<Aborting.mostTries {
            guard
                let authorized = try? await authorizer.authorize(
                    .abort(uploadID: entry.uploadID), key: entry.key, target: target, minimumLife: .seconds(30))
            else { return .noCredentials }
            var options = SendOptions()
            options.total = .seconds(60)
            guard let reply = try? await transport.send(authorized.request, body: nil, options: options, progress: nil) else {
                return .noAnswer
            }
            do throws(OSSError) {
                try OSSReply.empty(reply.response)
                accepted += 1
            } catch {
                let failure = RequestFailure(error, of: authorized, at: target)
                switch classify(failure) {
                case .staleLease: await authorizer.retire(generation: authorized.generation, target: target)
                case .clockSkew(let serverTime?): await authorizer.learnClock(serverTime: serverTime)
                case .uploadGone: return .gone
                // One that cannot be aborted now must not hide those behind it; one that asks for patience speaks for all.
                case .transient where failure.httpStatus == 500: return .owed
                case .transient, .throttled: return .noAnswer
                default: return .owed
                }
            }
        }
        // Refused again and again, it is still owed.
        return accepted >= Aborting.acceptedTries ? .gone : accepted > 0 ? .owed : .noCredentials
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

    /// Rows that waited for something outside are tried again; scans that were cut off go on. Reads little, whatever the queue holds: the
    /// rows are changed afterwards, while the engine works.
    func recover() async throws {
        let (given, settings) = (limitsNow, settings)
        let found = try await store.read { db in
            (
                limits: try QueueStore.slots(db, else: given, settings), rate: try QueueStore.personsRate(db),
                isPaused: try QueueStore.setting(db, "queuePaused") != nil, scanning: try QueueStore.scanning(db),
                adoptions: try QueueStore.adoptions(db), damage: try QueueStore.damage(db), limited: try QueueStore.uploadLimits(db)
            )
        }
        damage = found.damage
        limitsNow = found.limits
        rateNow.person = found.rate
        if limitsNow.partsAuto { limitsNow.parts = tuning.controller.parts }
        adoptions = found.adoptions
        uploadLimits = found.limited
        if !uploadLimits.isEmpty { write(urgent: false) { db in try QueueStore.forgetLimits(db) } }
        queueMachine.slots = limitsNow.uploads
        queueMachine.isPaused = found.isPaused
        for id in found.scanning {
            let read = try await store.read { db in
                (try QueueStore.job(db, id: id), try QueueStore.sources(db, job: id), try QueueStore.added(db, job: id))
            }
            guard let job = read.0, job.problem == nil, !read.1.isEmpty,
                let plan = try? OrderPlan(
                    job.options, target: job.target, partSize: settings.partSize, now: clocks.wall(), given: read.2)
            else {
                giveUpScan(id, read.0)
                continue
            }
            jobs[id] = job
            startScan(WaitingScan(id: id, plan: plan, sources: read.1, isResumed: true))
        }
        releaseHeld()
    }

    /// Once a second: rows whose time has come; now and then: what is too old.
    func tidy(_ isThorough: Bool) async {
        // A slow disk must not make them pile up.
        guard !isTidying, diskTrouble == nil else { return }
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
            let needed = Set(runs.values.map(\.job.id)).union(scans.keys).union(waitingScans.map(\.id)).union(ready.jobs)
            jobs = jobs.filter { needed.contains($0.key) }
            ownLimits = ownLimits.filter { needed.contains($0.key) }
        }
        await sweep(wall)
        await sweepSpool(wall)
        await sweepSignedURLs(wall)
    }

    /// Of an Initiate that was not answered something may be left on the server, too.
    private static func oldBegun(_ time: Int64) -> String {
        "u.initiateSent IS NOT NULL AND u.finished <= \(time) AND (u.state = \(UploadState.cancelled.code) OR u.hidden = 1)"
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
              OR EXISTS (SELECT 1 FROM uploads u WHERE \(Self.oldBegun(cancelled)))
            """,
            "SELECT EXISTS (SELECT 1 FROM uploads WHERE finished <= \(history) AND +hidden = 1)",
            // One aggregate a look-up: both together would walk the whole table.
            "SELECT COALESCE((SELECT MAX(id) FROM events) - (SELECT MIN(id) FROM events), 0) > \(Self.mostEvents)",
            "SELECT COUNT(*) > \(QueueStore.mostEdits) FROM edits",
            "SELECT EXISTS (\(QueueStore.oldJobs(before: history)))",
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
                    UNION SELECT u.id FROM uploads u WHERE \(Self.oldBegun(cancelled)) AND u.id NOT IN (\(running))
                    """
                try db.execute(sql: "CREATE TEMP TABLE IF NOT EXISTS given (id INTEGER PRIMARY KEY)")
                try db.execute(sql: "DELETE FROM temp.given")
                try db.execute(sql: "INSERT OR IGNORE INTO temp.given \(old)")
                let these = "IN (SELECT id FROM temp.given)"
                try QueueStore.loseInitiates(db, ofRows: "id \(these)", at: now)
                try db.execute(sql: "UPDATE ledger SET upload = NULL WHERE upload \(these)")
                try db.execute(sql: "DELETE FROM parts WHERE upload \(these)")
                try db.execute(
                    sql: """
                        UPDATE uploads SET uploadID = NULL, phase = 'fresh', stored = 0, partsStored = 0, completeSent = 0,
                          initiateSent = NULL WHERE id \(these)
                        """)
            }
            if needs[2] {
                let swept = try QueueStore.sweepHistory(db, before: history, limit: Self.sweepStep)
                if swept >= Self.sweepStep { isMore.withLock { $0 = true } }
            }
            if needs[3] { try db.execute(sql: "DELETE FROM events WHERE id <= (SELECT MAX(id) FROM events) - \(Self.mostEvents)") }
            if needs[4] {
                // Also the one that resuming the whole queue takes back.
                let kept = """
                    SELECT id FROM (SELECT id FROM edits ORDER BY id DESC LIMIT \(QueueStore.mostEdits))
                    UNION SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'queuePaused'
                    """
                try db.execute(sql: "DELETE FROM editRows WHERE edit NOT IN (\(kept))")
                try db.execute(sql: "DELETE FROM edits WHERE id NOT IN (\(kept))")
            }
            if needs[5] { try QueueStore.purgeJobs(db, before: history) }
        } then: { [self] in
            if needs[1] { abandoned.isStale = true }
            if isMore.withLock({ $0 }) { lastSweep = nil }
            changed()
        }
    }
}
