import Contracts
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// What people do to uploads.
extension EngineLoop {
    private static let mostIDs = 100_000
    /// How long an answer waits for what runs to stop, so that the next look shows it.
    private static let stopPatience = Duration.seconds(2)
    private static let abortPatience = Duration.seconds(10)

    func perform(_ request: ActionRequest) async throws(OrderError) -> ActionResult {
        if request.action == "undo" { return try await undo(request) }
        if request.action == "limit" { return try await limit(request) }
        let kind = try Self.kind(request)
        let isAll = request.all == true
        var plan = QueryPlan()
        var ids: [Int64]?
        if let texts = request.ids, !texts.isEmpty {
            guard texts.count <= Self.mostIDs else { throw .option("more than \(Self.mostIDs) ids at once. Use a query") }
            ids = texts.compactMap(UploadID.row)
        } else if let query = request.query, !query.utf8.allSatisfy({ $0 == UInt8(ascii: " ") }) {
            plan = try QueryPlan(query, now: clocks.wall())
        } else if !isAll {
            throw .option("\(request.action) needs ids, a query, or all")
        }
        let isWholeQueue = ids == nil && plan.query == nil
        if diskTrouble != nil, request.dryRun != true {
            // Before anything that runs is stopped: either all of the action can be written or none of it is done.
            do { try await writeNow { db in try QueueStore.set(db, "probe", "x") } } catch { throw storeFailure(error) }
        }

        // Nothing starts until the rows are written: a row must not begin to run between being selected and being changed.
        startsBlocked += 1
        defer {
            startsBlocked -= 1
            forgetReady()
            schedule()
        }
        // What is ending just now is neither a row nor a run: it is over in a moment.
        await waitForRuns(runs.values.filter(\.isLanding), Self.stopPatience)
        return try await act(
            request, kind, ids: ids, plan: plan, scans: ScanScope(request, plan, isWholeQueue: isWholeQueue), isWholeQueue: isWholeQueue)
    }

    private func act(
        _ request: ActionRequest, _ kind: RowAction.Kind, ids: [Int64]?, plan: QueryPlan, scans scope: ScanScope?, isWholeQueue: Bool
    ) async throws(OrderError) -> ActionResult {
        let isDryRun = request.dryRun == true
        let now = clocks.wall()
        // Resuming the whole queue takes back its pause: what was paused singly before stays so.
        if isWholeQueue, kind == .queue(.resume), queueMachine.isPaused, !isDryRun { return try await resumeQueue() }
        let wanted = ids.map(Set.init)
        let affected = runs.values.filter { run in
            guard !run.isLanding else { return false }
            if let wanted { return wanted.contains(run.id) }
            guard let query = plan.query else { return true }
            return query.matches(run.row.facts(run.job, run: run, now: clocks.steady()))
        }.sorted { $0.id < $1.id }
        var result = ActionResult(action: request.action, matched: affected.count, changed: 0, items: [])
        var action = RowAction(
            kind: kind, name: request.action, by: request.by, ids: ids, plan: plan, running: Array(runs.keys), jobs: jobs,
            isDryRun: isDryRun,
            at: now, machine: queueMachine, scans: scope)
        // They are told when it is written: else nothing of it is done.
        for run in affected {
            let (made, reason, _) = order(run, kind)
            if reason == nil {
                result.changed += 1
                action.runs.append((run.id, .queued, made))
            }
            if result.items.count < RowAction.mostItems {
                result.items.append(ActionResult.Item(id: run.row.text, state: made, changed: reason == nil, reason: reason))
            }
        }
        let outcome = Lock(RowAction.Outcome())
        let pausesQueue = isWholeQueue && kind == .queue(.pause) && !isDryRun
        let resumes = !isDryRun && (kind == .queue(.resume) || kind == .queue(.retry))
        // What is refused moves nothing, the queue that somebody paused least of all.
        let moves = isWholeQueue || result.changed > 0
        let prepared = action
        let change: QueueStore.Change = { db in
            let done = try prepared.perform(db)
            if pausesQueue {
                try QueueStore.set(db, "queuePaused", done.edit.map(String.init) ?? "0")
            } else if resumes, moves || done.changed > 0 || done.scans > 0 {
                try QueueStore.set(db, "queuePaused", nil)
            }
            outcome.withLock { $0 = done }
        }
        do {
            try await writeNow(change)
        } catch {
            throw storeFailure(error)
        }
        let rows = outcome.withLock { $0 }
        result.matched += rows.matched
        result.changed += rows.changed
        result.items += rows.items.prefix(RowAction.mostItems - result.items.count)
        if rows.scans > 0 { result.scans = rows.scans }
        guard !isDryRun else {
            if let sums = rows.sums {
                let stopped = affected.filter { run in action.runs.contains { $0.id == run.id } }
                result.bytes = stopped.reduce(sums.bytes) { $0 + max($1.row.size, 0) }
                result.stored = stopped.reduce(sums.stored) { $0 + $1.storedOnDisk }
            }
            return result
        }
        endScans(rows.endedScans)
        tell(affected, kind, &result)
        if case .priority(let priority) = kind { for run in action.runs { runs[run.id]?.row.priority = priority } }
        if pausesQueue { queueMachine.isPaused = true }
        if resumes, moves || rows.changed > 0 || rows.scans > 0 {
            // A person wants it to move: what stood in the way is tried again at once.
            queueMachine.isPaused = false
            openAllGates()
        }
        changed()
        if kind == .queue(.abort) {
            abandoned.isStale = true
            await waitForRuns(affected, Self.abortPatience)
            await waitForAborts()
        } else if [.queue(.pause), .queue(.cancel)].contains(kind) {
            await waitForRuns(affected, Self.stopPatience)
        }
        return result
    }

    private static func kind(_ request: ActionRequest) throws(OrderError) -> RowAction.Kind {
        switch request.action {
        case "priority":
            guard let value = request.value, let priority = Priority(rawValue: value) else {
                throw .option("priority takes high, normal or low")
            }
            return .priority(priority)
        case "move":
            guard let value = request.value, ["front", "back"].contains(value) else { throw .option("move takes front or back") }
            return .move(front: value == "front")
        default:
            guard let action = QueueAction(rawValue: request.action), action != .undo else {
                throw .option(
                    "there is no action \(request.action). Use pause, resume, retry, cancel, abort, remove, priority, move, limit or undo")
            }
            return .queue(action)
        }
    }

    /// - Returns: the state it will have, why nothing is done when nothing is, and what it has to be told.
    private func order(_ run: UploadRun, _ kind: RowAction.Kind) -> (made: UploadState, reason: String?, event: UploadEvent?) {
        switch kind {
        // Written with the rows, so that the edit knows what it was before.
        case .priority: return (run.state, nil, nil)
        case .move: return (run.state, "runs already", nil)
        case .queue(let action):
            let facts = QueueFacts(
                state: QueueState(rawValue: run.state.rawValue) ?? .uploading, isRunning: true,
                hasUploadID: run.machine.checkpoint.uploadID != nil)
            switch queueMachine.decide(action, facts, at: clocks.steady()) {
            case .order(let event):
                switch event {
                case .paused: return (.paused, nil, event)
                case .cancelled, .abortRequested: return (.cancelled, nil, event)
                default: return (run.state, nil, event)
                }
            case .unchanged(let reason), .refuse(let reason): return (run.state, reason, nil)
            case .move, .runAbort, .remove: return (run.state, "runs already", nil)
            }
        }
    }

    /// What was written. A run that came to its end meanwhile is told nothing.
    private func tell(_ affected: [UploadRun], _ kind: RowAction.Kind, _ result: inout ActionResult) {
        guard case .queue = kind else { return }
        for run in affected {
            if runs[run.id] === run, !run.isLanding {
                if let event = order(run, kind).event { tell(run, event) }
            } else if let item = result.items.firstIndex(where: { $0.id == run.row.text }), result.items[item].changed {
                result.changed -= 1
                result.items[item] = ActionResult.Item(
                    id: run.row.text, state: run.row.state, changed: false, reason: "ended before it could be stopped")
            }
        }
    }

    private func tell(_ run: UploadRun, _ event: UploadEvent) {
        if event == .abortRequested { run.isAborting = true }
        guard run.isStarted else {
            // Nothing was asked of the server yet: the row only goes back.
            cancelFlights(run, all: true)
            switch event {
            case .paused: return leave(run, as: .paused, event: ("paused", "paused"))
            case .cancelled, .abortRequested: return leave(run, as: .cancelled, event: ("cancelled", "cancelled"))
            default:
                run.lookAgain = nil
                return look(run)
            }
        }
        feed(run, event)
    }

    private func waitForRuns(_ stopped: [UploadRun], _ patience: Duration) async {
        let until = ContinuousClock.now + patience
        while stopped.contains(where: { runs[$0.id] === $0 }), ContinuousClock.now < until, !isDead {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// What was aborted is gone on the server before the answer is given, if the server answers. An endpoint that was being waited for
    /// before is not waited for by this one, too.
    private func waitForAborts() async {
        let until = ContinuousClock.now + Self.abortPatience
        let busy = abandoned.busy
        while ContinuousClock.now < until, !isDead {
            workOnAbandoned(clocks.steady())
            let owed = try? await store.read { db in 
                try Int.fetchOne(
                    db, sql: "SELECT (SELECT COUNT(*) FROM ledger WHERE upload IS NULL) + (SELECT COUNT(*) FROM lostInitiates)") ?? 0
            }
            if owed == 0 || abandoned.isAtRest(except: busy) { return }
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    // MARK: - Undo

    private func undo(_ request: ActionRequest) async throws(OrderError) -> ActionResult {
        var edit: Int64?
        if let value = request.value {
            guard let number = Int64(value) else { throw .option("\(value) is no edit's id") }
            edit = number
        }
        return try await undo(edit: edit)
    }

    private func resumeQueue() async throws(OrderError) -> ActionResult {
        let text = (try? await store.read { db in try QueueStore.setting(db, "queuePaused") }) ?? nil
        var result = ActionResult(action: "resume", matched: 0, changed: 0, items: [])
        if let edit = text.flatMap({ Int64($0) }), edit > 0 { result = try await undo(edit: edit) }
        result.action = "resume"
        do { try await writeNow { db in try QueueStore.set(db, "queuePaused", nil) } } catch { throw storeFailure(error) }
        queueMachine.isPaused = false
        openAllGates()
        changed()
        return result
    }

    private func undo(edit: Int64?) async throws(OrderError) -> ActionResult {
        startsBlocked += 1
        defer {
            startsBlocked -= 1
            forgetReady()
            schedule()
        }
        // What is being stopped by the very edit has to have stopped.
        await waitForRuns(runs.values.filter { $0.isLanding || $0.machine.phase == .ended }, Self.stopPatience)
        let (running, at, keep) = (Array(runs.keys), clocks.wall(), settings.keepCancelled)
        let found = Lock<QueueStore.Undone?>(nil)
        do {
            try await writeNow { db in
                let undone = try QueueStore.undo(db, edit: edit, running: running, at: at, keepCancelled: keep)
                found.withLock { $0 = undone }
            }
        } catch {
            throw storeFailure(error)
        }
        guard let undone = found.withLock({ $0 }) else { return ActionResult(action: "undo", matched: 0, changed: 0, items: []) }
        guard undone.action != "abort" else {
            throw OrderError(
                code: "CannotUndo", message: "an abort cannot be taken back: its parts are deleted. Use retry to begin again", exit: 1)
        }
        if undone.endsPause { queueMachine.isPaused = false }
        for (id, priority) in undone.priorities { runs[id]?.row.priority = priority }
        holdRowsAtGates()
        for id in undone.running { if let run = runs[id], !run.isLanding { tell(run, .paused) } }
        changed()
        return ActionResult(action: "undo", matched: undone.matched, changed: undone.changed, items: undone.items)
    }

    // MARK: - Limits

    public func limits() -> LimitsView {
        LimitsView(
            rate: limitsNow.rate, uploads: uploadsNow, parts: limitsNow.parts, rateBy: rateNow.by.rawValue,
            rateUntil: rateNow.until?.iso8601, uploadsAuto: limitsNow.uploadsAuto, partsAuto: limitsNow.partsAuto,
            partsReason: limitsNow.partsAuto ? tuning.controller.reason : nil)
    }

    public func setLimits(_ change: LimitsChange) async throws(OrderError) -> LimitsView {
        var person: PersonsRate??
        if let text = change.rate {
            do throws(ByteTextError) {
                // Given back to the schedule, or to the configuration.
                person = text == "schedule" ? .some(nil) : PersonsRate(rate: try ByteRate(parsing: text).bytesPerSecond, since: clocks.wall())
            } catch {
                throw .option("\(error.description). For the limit also: none; 0 pauses; schedule gives it back to the configuration")
            }
        }
        if case .number(let uploads)? = change.uploads, !(1...QueueMachine.mostSlots).contains(uploads) {
            throw .option("uploads at once go from 1 to \(QueueMachine.mostSlots), not \(uploads)")
        }
        if case .number(let parts)? = change.parts, !(1...256).contains(parts) {
            throw .option("parts in flight go from 1 to 256, not \(parts)")
        }
        let written = person
        do {
            // Only what was named, here and below: somebody else may be changing the rest at the same time.
            try await writeNow { db in
                if let written { try QueueStore.setPersonsRate(db, written) }
                try QueueStore.setSlots(db, uploads: change.uploads, parts: change.parts)
            }
        } catch {
            throw storeFailure(error)
        }
        let before = limitsNow
        if let person {
            rateNow.person = person
            standRate(clocks.wall())
        }
        switch change.uploads {
        case .number(let number)?: (limitsNow.uploads, limitsNow.uploadsAuto) = (number, false)
        case .auto?: (limitsNow.uploads, limitsNow.uploadsAuto) = (settings.uploads, true)
        case nil: break
        }
        switch change.parts {
        case .number(let number)?: (limitsNow.parts, limitsNow.partsAuto) = (number, false)
        case .auto? where !limitsNow.partsAuto:
            tuning.begin(at: ConcurrencyController.usualStart)
            (limitsNow.parts, limitsNow.partsAuto) = (tuning.controller.parts, true)
        case .auto?, nil: break
        }
        queueMachine.slots = limitsNow.uploads
        setRateLimit(limitsNow.rate)
        if before != limitsNow { etaChanged(from: before.rate) }
        changed()
        schedule()
        return limits()
    }
}

extension QueueStore {
    static func setSlots(_ db: Database, uploads: SlotsChange?, parts: SlotsChange?) throws {
        for (name, change) in [("limit.uploads", uploads), ("limit.parts", parts)] {
            switch change {
            case .number(let number)?: try set(db, name, String(number))
            case .auto?: try set(db, name, "auto")
            case nil: break
            }
        }
    }

    /// What was set while the engine ran wins over the configuration.
    static func slots(_ db: Database, else given: Limits, _ settings: QueueSettings) throws -> Limits {
        var limits = given
        switch try setting(db, "limit.uploads") {
        case "auto"?: (limits.uploads, limits.uploadsAuto) = (settings.uploads, true)
        case let text?: if let number = Int(text) { (limits.uploads, limits.uploadsAuto) = (number, false) }
        case nil: break
        }
        switch try setting(db, "limit.parts") {
        case "auto"?: limits.partsAuto = true
        case let text?: if let number = Int(text) { (limits.parts, limits.partsAuto) = (number, false) }
        case nil: break
        }
        return limits
    }
}
