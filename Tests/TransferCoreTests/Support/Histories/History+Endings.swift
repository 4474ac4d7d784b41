import OSSProtocol
import TransferCore

/// How runs end, and what that makes of their rows. As `LoopEndings` does it.
extension History {
    /// The machine has come to its end.
    mutating func end(_ row: Int, _ outcome: UploadOutcome) {
        checkOutcome(row, outcome)
        guard problem == nil, let run = engine.runs[row] else { return }
        engine.runs[row]?.refreshRow()
        guard var made = engine.runs[row]?.row else { return }
        (made.held, made.nextTry) = (nil, nil)
        let landing = engine.queueMachine.landing(of: outcome)
        made.state = landing.state
        var isRefused = false
        switch outcome {
        case .done(_, _, let isVerified):
            note(isVerified ? .done : .doneUnverified) { "\(row) is done" }
            (made.finished, made.stored, made.code, made.uploadID) = (wall, run.machine.plan.fileSize, nil, nil)
        case .paused: note(.endedPaused) { "\(row) is paused" }
        case .cancelled:
            note(.endedCancelled) { "\(row) is cancelled" }
            (made.finished, made.cancelledFrom) = (wall, .queued)
        case .aborted:
            note(.endedAborted) { "\(row) is aborted" }
            wasAborted[row] = true
            isExcused[row] = true
            made.finished = wall
        case .failed(let reason):
            note(.endedFailed) { "\(row) has failed: \(reason.code)" }
            (made.finished, made.code) = (wall, reason.code)
        case .held(let reason, let until):
            note(.endedHeld) { "\(row) is held: \(reason)" }
            (made.held, made.nextTry) = (reason, until?.milliseconds)
            isRefused = reason == .credentials
        }
        if run.isAborting, made.state != .done {
            (made.state, made.finished) = (.cancelled, wall)
            (made.held, made.nextTry) = (nil, nil)
        }
        engine.runs[row]?.row = made
        leave(row)
        if isRefused, problem == nil, isUp { closeScopeRefusing(world.scope(files[row].endpoint)) }
    }

    /// Ends a run without its machine: what the store has is what a later run begins with, as after a kill.
    mutating func leave(_ row: Int, as state: QueueState) {
        guard engine.runs[row] != nil else { return }
        engine.runs[row]?.refreshRow()
        engine.runs[row]?.row.state = state
        if state != .held {
            engine.runs[row]?.row.held = nil
            engine.runs[row]?.row.nextTry = nil
        }
        let at = wall
        if state.isEnded { engine.runs[row]?.row.finished = at }
        leave(row)
    }

    private mutating func leave(_ row: Int) {
        cancelFlights(row, all: true)
        guard let run = engine.runs[row] else { return }
        engine.slotsUsed -= run.slotsAwaitingSave
        engine.runs[row]?.slotsAwaitingSave = 0
        engine.runs[row]?.isLanding = true
        engine.runs[row]?.actions = []
        engine.multipart.removeAll { $0 == row }
        var changes = CheckpointChanges(header: false, replacesParts: false, parts: [])
        if run.isStarted, let made = engine.runs[row]?.machine.takeChanges() { changes = made }
        let isOver = run.row.state == .done || (run.isAborting && run.machine.outcome == .aborted)
        let isAborted = run.isAborting && !isOver
        let isForgotten = !isOver && !isAborted && run.row.uploadID == nil && run.uploadIDOnDisk != nil
        var made = run.row
        if run.isAborting, made.state != .done { (made.phase, made.uploadID, made.stored) = (.fresh, nil, 0) }
        let before = run.uploadIDOnDisk
        let point: SavePoint =
            switch made.state {
            case .done: .done
            case .failed: .failed
            case .held: .held
            case .paused: .paused
            case .cancelled: run.isAborting ? .aborted : .cancelled
            default: .queued
            }
        let mayFall = !run.machine.restarts.isEmpty || made.uploadID == nil
        let (isDone, isFinal) = (made.state == .done, made)
        write(point, isUrgent: !isDone, mayFall: mayFall) { disk in
            disk.write(isFinal, row, changes)
            if isOver {
                if let before { disk.settle(before) }
                disk.rows[row].parts = []
            } else if isAborted {
                disk.giveUp(row)
                disk.rows[row].parts = []
            } else if isForgotten {
                disk.giveUp(row)
            } else if let id = isFinal.uploadID, id != before {
                disk.giveUp(row, keeping: id)
                disk.owe(id, row)
            }
        } then: {
            .left(row: row, run: run.number, isForgotten: isForgotten)
        }
    }

    mutating func left(_ row: Int, _ number: Int, _ isForgotten: Bool) {
        guard let run = engine.runs[row], run.number == number else { return }
        engine.runs[row] = nil
        if isForgotten || run.isAborting { engine.abandoned.isStale = true }
        if let gate = run.probed { loseProbe(gate) }
    }

    mutating func hold(_ row: Int, _ gate: Int) {
        guard has(row), let run = engine.runs[row] else { return }
        guard run.flights == 0, !run.isSaving else {
            engine.runs[row]?.pendingHold = gate
            return
        }
        engine.runs[row]?.pendingHold = nil
        if engine.gates[gate] == nil, !run.isOutOfStep { return advance(row) }
        if run.isAborting { return leave(row, as: .cancelled) }
        guard let closed = engine.gates[gate] else { return leave(row, as: .queued) }
        engine.runs[row]?.row.held = gate < 2 ? .credentials : .network
        engine.runs[row]?.row.nextTry = closed.isShown ? closed.nextTry : nil
        note(.endedHeld) { "\(row) is held at gate \(gate)" }
        leave(row, as: .held)
    }

    mutating func drop(_ row: Int) { leave(row, as: engine.runs[row]?.isAborting == true ? .cancelled : .queued) }

    mutating func fail(_ row: Int, _ code: String) {
        guard has(row) else { return }
        engine.runs[row]?.refreshRow()
        engine.runs[row]?.row.code = code
        note(.endedFailed) { "\(row) has failed: \(code)" }
        leave(row, as: engine.runs[row]?.isAborting == true ? .cancelled : .failed)
    }

    /// The file is another one than was queued and nothing of it was sent in this run: it is taken as it is now, from its beginning.
    mutating func adopt(_ row: Int) {
        guard has(row), let run = engine.runs[row], !run.isAborting else { return }
        if run.hasSent { return feed(row, .sourceChanged(detail: "")) }
        engine.runs[row]?.adoptions += 1
        guard run.adoptions < 5 else { return fail(row, "SourceChanged") }
        note(.adopted) { "\(row) is taken as it is now" }
        var made = run.row
        (made.version, made.phase, made.uploadID) = (files[row].version, .fresh, nil)
        (made.stored, made.completeSent, made.initiateSent) = (0, false, nil)
        isExcused[row] = true
        engine.runs[row]?.row = made
        engine.runs[row]?.uploadIDOnDisk = nil
        engine.runs[row]?.isStarted = false
        engine.runs[row]?.inode = -1
        engine.runs[row]?.actions = []
        engine.runs[row]?.machine = UploadMachine(
            fileSize: files[row].sizes[made.version], checkpoint: UploadCheckpoint(partSize: made.partSize, resentBytes: made.resent),
            settings: .init(policy: world.policy, mayRead: world.mayRead, forbidOverwrite: world.forbidOverwrite),
            seed: engine.seeds.next())
        engine.runs[row]?.isSaving = true
        engine.multipart.removeAll { $0 == row }
        if engine.runs[row]?.isSmall == false { engine.multipart.append(row) }
        let now = made
        write(.adopted, mayFall: true) { disk in
            disk.write(now, row, CheckpointChanges(header: true, replacesParts: true, parts: []))
            disk.giveUp(row)
        } then: {
            .adopted(row: row, run: run.number)
        }
    }

    mutating func adopted(_ row: Int, _ number: Int) {
        engine.abandoned.isStale = true
        guard has(row), engine.runs[row]?.number == number else { return }
        engine.runs[row]?.isSaving = false
        look(row)
    }
}
