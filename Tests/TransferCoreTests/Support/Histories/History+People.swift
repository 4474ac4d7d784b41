import OSSProtocol
import TransferCore

/// What people do. As `LoopActions` and `RowAction` do it.
extension History {
    mutating func act() {
        switch random.below(14) {
        case 0: return act(.pause, on: nil)
        case 1: return act(.resume, on: nil)
        case 2: return changeLimits()
        case 3: return prioritise()
        default: break
        }
        let actions: [QueueAction] = [.pause, .resume, .retry, .cancel, .abort, .remove, .undo, .pause, .resume, .cancel, .abort]
        act(actions[random.below(actions.count)], on: random.below(disk.rows.count))
    }

    private mutating func changeLimits() {
        note(.limitsChanged) { "other limits" }
        engine.queueMachine.slots = 1 + random.below(3)
        engine.parts = 1 + random.below(4)
        schedule()
    }

    private mutating func prioritise() {
        let (row, priority) = (random.below(disk.rows.count), random.below(3))
        note(.prioritised) { "\(row) gets priority \(priority)" }
        engine.startsBlocked += 1
        write(.person, isPatient: false, mayFall: false) { disk in disk.rows[row].priority = priority } then: {
            .acted(opensGates: false, isAbort: false)
        }
    }

    /// - Parameter target: `nil` is the whole queue.
    mutating func act(_ action: QueueAction, on target: Int?) {
        // Either all of it can be written or none of it is done.
        if engine.diskTrouble != nil || engine.isStopping || engine.isFinishing { return }
        engine.startsBlocked += 1
        var changed: [(row: Int, decision: QueueDecision)] = []
        let rows = target.map { [$0] } ?? Array(disk.rows.indices)
        for row in rows where !disk.rows[row].isHidden {
            if let run = engine.runs[row] {
                // What is ending just now is neither a row nor a run; it is over in a moment.
                if !run.isLanding { order(row, action) }
                continue
            }
            let onDisk = disk.rows[row]
            let cancelled = onDisk.cancelledFrom.flatMap { before in
                onDisk.finished.map { (at: Timestamp(milliseconds: $0), before: before) }
            }
            let facts = QueueFacts(state: onDisk.state, isRunning: false, hasUploadID: onDisk.uploadID != nil, cancelled: cancelled)
            changed.append((row, engine.queueMachine.decide(action, facts, at: Timestamp(milliseconds: wall))))
            guard isUp, problem == nil else { return }
        }
        guard isUp, problem == nil else { return }
        let (at, isAll) = (wall, target == nil)
        if isAll, action == .pause { note(.queuePaused) { "the queue is paused" } }
        if isAll, action == .resume { note(.queueResumed) { "the queue goes on" } }
        for change in changed { count(action, change.row, change.decision) }
        write(.person, isPatient: false, mayFall: true) { disk in
            for (row, decision) in changed { History.apply(decision, to: row, at, &disk) }
            if isAll, action == .pause { disk.isPaused = true }
            if action == .resume || action == .retry, isAll || !changed.isEmpty { disk.isPaused = false }
        } then: {
            .acted(opensGates: action == .resume || action == .retry, isAbort: action == .abort || action == .remove)
        }
    }

    private static func apply(_ decision: QueueDecision, to row: Int, _ at: Int64, _ disk: inout Disk) {
        switch decision {
        case .move(let state):
            let before = disk.rows[row].state
            disk.rows[row].state = state
            (disk.rows[row].held, disk.rows[row].nextTry) = (nil, nil)
            disk.rows[row].finished = state.isEnded ? at : nil
            if state == .cancelled { disk.rows[row].cancelledFrom = before }
        case .runAbort:
            disk.giveUp(row)
            disk.freshen(row)
            (disk.rows[row].state, disk.rows[row].held, disk.rows[row].nextTry, disk.rows[row].finished) = (.cancelled, nil, nil, at)
            disk.rows[row].cancelledFrom = nil
        case .remove(let abortFirst):
            disk.rows[row].isHidden = true
            if abortFirst {
                disk.giveUp(row)
                disk.freshen(row)
            }
        case .order, .unchanged, .refuse: break
        }
    }

    private mutating func order(_ row: Int, _ action: QueueAction) {
        guard let run = engine.runs[row] else { return }
        let state: QueueState =
            switch run.machine.phase {
            case .verifying: .verifying
            case .retrying, .awaitingLease: .retrying
            default: .uploading
            }
        let facts = QueueFacts(state: state, isRunning: true, hasUploadID: run.machine.checkpoint.uploadID != nil)
        let decision = engine.queueMachine.decide(action, facts, at: now)
        guard case .order(let event) = decision else { return }
        count(action, row, decision)
        if event == .abortRequested { engine.runs[row]?.isAborting = true }
        guard run.isStarted else {
            cancelFlights(row, all: true)
            switch event {
            case .paused: return leave(row, as: .paused)
            case .cancelled, .abortRequested: return leave(row, as: .cancelled)
            default: return look(row)
            }
        }
        engine.runs[row]?.wasStopped = event != .tryNow
        feed(row, event)
    }

    private mutating func count(_ action: QueueAction, _ row: Int, _ decision: QueueDecision) {
        switch decision {
        case .unchanged, .refuse: return
        case .runAbort: wasAborted[row] = true
        case .move, .order, .remove: break
        }
        let happening: Happening =
            switch action {
            case .pause: .paused
            case .resume: .resumed
            case .retry: .retried
            case .cancel: .cancelled
            case .abort: .aborted
            case .remove: .removed
            case .undo: .undone
            }
        note(happening) { "somebody: \(action) \(row)" }
    }

    // MARK: - The end of the history

    /// Nothing more is to be done for it.
    func isSettled(_ row: Int) -> Bool {
        let onDisk = disk.rows[row]
        if onDisk.isHidden { return true }
        switch onDisk.state {
        case .done, .cancelled: return true
        case .failed: return isFinal(row)
        default: return false
        }
    }

    /// A failure that no retry helps.
    private func isFinal(_ row: Int) -> Bool {
        guard disk.rows[row].code == "FileAlreadyExists", world.forbidOverwrite, let object = server.objects[row] else { return false }
        // Its own object may be in the way only where it cannot look or compare.
        let isOwn = object.from != "other" && isWhole(object, row, disk.rows[row].version)
        return !isOwn || !world.mayRead || !world.saysChecksums || retriedToTheEnd
    }

    private var retriedToTheEnd: Bool { pushes > 20 }

    mutating func finishAll() {
        var rows: [(Int, QueueDecision)] = []
        for row in disk.rows.indices where !isSettled(row) && engine.runs[row] == nil && !disk.rows[row].isHidden {
            if disk.rows[row].state == .paused || disk.rows[row].state == .failed { rows.append((row, .move(.queued))) }
        }
        guard !rows.isEmpty || disk.isPaused else { return }
        engine.startsBlocked += 1
        let at = wall
        write(.person, mayFall: false) { disk in
            for (row, decision) in rows { History.apply(decision, to: row, at, &disk) }
            disk.isPaused = false
        } then: {
            .acted(opensGates: true, isAbort: false)
        }
    }
}
