import OSSProtocol
import TransferCore

/// Who gets a slot, and what time brings about. As `LoopSchedule` and `EngineLoop.tick` do it.
extension History {
    mutating func schedule() {
        guard isUp, problem == nil, !engine.isStopping else { return }
        while problem == nil, isUp {
            let isSlotFree = engine.slotsUsed < engine.parts
            if isSlotFree, !engine.waitingPuts.isEmpty {
                let row = engine.waitingPuts.removeFirst()
                guard has(row), engine.runs[row]?.awaitsSlot == true else { continue }
                engine.runs[row]?.awaitsSlot = false
                advance(row)
                continue
            }
            let wanting = isSlotFree ? nextForPart() : nil
            if let row = nextToStart(isSlotFree, wanting != nil) {
                begin(row)
            } else if let wanting {
                sendPart(wanting)
            } else {
                break
            }
        }
    }

    private func nextToStart(_ isSlotFree: Bool, _ partsAreWanted: Bool) -> Int? {
        guard !engine.isFinishing, engine.startsBlocked == 0, !engine.queueMachine.isPaused, engine.diskTrouble == nil else { return nil }
        let smallMayGo = isSlotFree && (!partsAreWanted || smallInFlight * 2 < engine.parts)
        var best: Int?
        for row in disk.rows.indices where engine.runs[row] == nil && disk.rows[row].state == .queued && !disk.rows[row].isHidden {
            guard gate(row) == nil else { continue }
            let isSmall = files[row].sizes[disk.rows[row].version] <= disk.rows[row].partSize
            guard isSmall ? smallMayGo : engine.multipart.count < engine.queueMachine.slots else { continue }
            if let other = best, !(place(row) < place(other)) { continue }
            best = row
        }
        return best
    }

    private var smallInFlight: Int {
        var large = 0
        for row in engine.multipart { large += slotsInUse(row) }
        return max(engine.slotsUsed - large, 0)
    }

    private func slotsInUse(_ row: Int) -> Int {
        guard let run = engine.runs[row] else { return 0 }
        var count = run.slotsAwaitingSave
        for flight in engine.flights where flight.run == run.number && flight.holdsSlot { count += 1 }
        return count
    }

    /// Higher priority first, then whoever has the fewest parts in flight.
    private func nextForPart() -> Int? {
        var best: (row: Int, priority: Int, slots: Int)?
        for row in engine.multipart {
            guard let run = engine.runs[row], run.isStarted, !run.isSaving, !run.isLanding, run.actions.isEmpty,
                run.machine.wantsParts(at: now), run.probed != nil || gate(row) == nil
            else { continue }
            let rank = (run.row.priority, slotsInUse(row))
            if let other = best, (other.priority, other.slots) <= rank { continue }
            best = (row, rank.0, rank.1)
        }
        return best?.row
    }

    private mutating func sendPart(_ row: Int) {
        let at = now
        guard let id = engine.runs[row]?.machine.checkpoint.uploadID, let range = engine.runs[row]?.machine.takePart(at: at) else {
            return broken("\(row) wants parts and takes none")
        }
        engine.runs[row]?.hasSent = true
        launch(row, .part, id, part: range.number, length: range.length, holdsSlot: true)
    }

    // MARK: - Time

    mutating func tick() {
        // Another was found to be needed before.
        guard engine.tickAt == time else { return }
        engine.tickAt = .max
        guard !engine.isStopping else { return }
        for row in engine.runs.indices {
            guard has(row), let run = engine.runs[row], !run.isSaving, run.isStarted, run.actions.isEmpty,
                let deadline = run.machine.nextDeadline
            else { continue }
            if now >= deadline { feed(row, .deadline) } else { waitOutside(row, deadline) }
            guard isUp, problem == nil else { return }
        }
        openGatesThatAreDue()
        guard isUp, problem == nil else { return }
        if let trouble = engine.diskTrouble, steady >= trouble {
            if engine.pending.isEmpty { write(.sweep, mayFall: false) { _ in } then: { .nothing } }
            flushSoon()
        }
        if steady - engine.lastTidy >= 1_000 {
            engine.lastTidy = steady
            let isThorough = steady - engine.lastSweep >= 30_000
            if isThorough { engine.lastSweep = steady }
            tidy(isThorough)
        }
        workOnAbandoned()
        schedule()
        checkIdle()
    }

    /// A busy server that asks for much patience gets it, and meanwhile another upload gets the place.
    private mutating func waitOutside(_ row: Int, _ deadline: Timestamp) {
        guard let run = engine.runs[row], deadline - now >= world.policy.hold, run.machine.phase == .retrying, run.flights == 0,
            run.probed == nil, !run.isAborting, let last = run.machine.lastFailure, case .answer(let status, _, _) = last.failure.cause,
            [429, 503].contains(status)
        else { return }
        note(.waitedOutside) { "\(row) waits outside until \(deadline.milliseconds)" }
        engine.runs[row]?.row.held = .network
        engine.runs[row]?.row.nextTry = deadline.milliseconds
        leave(row, as: .held)
    }

    /// Held rows whose own time has come; what is too old.
    private mutating func tidy(_ isThorough: Bool) {
        let latest = max(wall, steady)
        var due: [Int] = []
        for row in disk.rows.indices where disk.rows[row].state == .held && engine.runs[row] == nil && gate(row) == nil {
            if let nextTry = disk.rows[row].nextTry, nextTry <= latest { due.append(row) }
        }
        if !due.isEmpty {
            let rows = due
            write(.gate, mayFall: false) { disk in
                for row in rows where disk.rows[row].state == .held { (disk.rows[row].state, disk.rows[row].held, disk.rows[row].nextTry) = (.queued, nil, nil) }
            } then: {
                .isDue
            }
        }
        guard isThorough else { return }
        let old = wall - engine.queueMachine.keepCancelled.inMilliseconds
        let tooOld = disk.rows.indices.filter { row in
            (disk.rows[row].state == .cancelled || disk.rows[row].isHidden) && disk.rows[row].finished.map { $0 <= old } ?? false
                && disk.ledger.contains { $0.row == row } && engine.runs[row] == nil
        }
        guard !tooOld.isEmpty else { return }
        for row in tooOld { wasAborted[row] = true }
        write(.sweep, isUrgent: false, mayFall: true) { disk in
            for row in tooOld {
                disk.giveUp(row)
                disk.freshen(row)
            }
        } then: {
            .swept
        }
    }

    /// The next moment at which a tick finds something to do, on the grid of the real ticks.
    mutating func armTick() {
        guard !engine.isStopping else { return }
        var next = Int64.max
        for row in engine.runs.indices {
            guard let run = engine.runs[row], !run.isLanding, !run.isSaving, run.isStarted, let deadline = run.machine.nextDeadline else { continue }
            next = min(next, deadline.milliseconds)
        }
        if !engine.queueMachine.isPaused { for gate in engine.gates { if let gate, !gate.isProbing, !gate.isHolding { next = min(next, gate.nextTry) } } }
        if let trouble = engine.diskTrouble { next = min(next, trouble) }
        if let retry = engine.abandoned.nextTry { next = min(next, retry) }
        if engine.abandoned.isStale, !engine.abandoned.isWorking { next = steady }
        for row in disk.rows where row.state == .held { if let nextTry = row.nextTry { next = min(next, max(nextTry, engine.lastTidy + 1_000)) } }
        // Nothing in sight: what is old is still looked for.
        next = min(next, engine.lastSweep + 30_000)
        let at = time + max(100, next - steady)
        guard at < engine.tickAt || engine.tickAt <= time else { return }
        engine.tickAt = at
        push(.tick(engine: engine.number), in: Int(at - time))
    }

    // MARK: - Start and stop

    mutating func start() {
        engines += 1
        isUp = true
        engine = EngineState(world, number: engines, seed: random.next())
        engine.steadyOffset = wallOffset
        engine.queueMachine.isPaused = disk.isPaused
        // Many others, which are not shown here, have failed at these endpoints.
        let at = now
        for _ in 0..<(isQuiet ? 0 : world.strain) { for endpoint in 0..<2 { engine.budgets[endpoint].failed(at: at) } }
        record { "engine \($0.engines): \($0.rowsText)" }
        engine.startsBlocked += 1
        write(.recovery, mayFall: false) { disk in
            for row in disk.rows.indices where disk.rows[row].state == .held && !disk.rows[row].isHidden {
                (disk.rows[row].state, disk.rows[row].held, disk.rows[row].nextTry) = (.queued, nil, nil)
            }
        } then: {
            .recovered
        }
    }

    mutating func stop() {
        note(.stopped) { "the engine is told to stop" }
        engine.isFinishing = true
        goOnStopping(30)
    }

    mutating func goOnStopping(_ patience: Int) {
        if !engine.isStopping {
            if patience > 0, engine.flights.contains(where: { $0.kind.mustLand }) {
                return push(.stopped(engine: engine.number, patience: patience - 1), in: 100)
            }
            engine.isStopping = true
            for row in engine.runs.indices where has(row) { drop(row) }
            if engine.diskTrouble != nil { engine.diskTrouble = steady }
            flushSoon()
            return push(.stopped(engine: engine.number, patience: 20), in: 100)
        }
        if patience > 0, engine.isFlushing || !engine.pending.isEmpty {
            flushSoon()
            return push(.stopped(engine: engine.number, patience: patience - 1), in: 100)
        }
        endProcess()
        push(.start, in: 500 + random.below(3_000))
    }

    mutating func crash(_ what: String, _ happening: Happening) {
        guard isUp else { return }
        note(happening) { "crash: \(what)" }
        endProcess()
        push(.start, in: 100 + random.below(2_000))
    }

    private mutating func endProcess() {
        // What the server has just given, or will, is lost with the process; what it has answered is on its way to nobody.
        let unsaved = server.uploads.indices.filter { !server.uploads[$0].wasSaved && !server.uploads[$0].isLost }
        for upload in unsaved {
            let id = server.uploads[upload].id
            server.uploads[upload].isLost = true
            note(.idLostWithKill) { "\(id) is known to the server alone" }
        }
        isUp = false
        checkLedger("the end of the process")
        engine = EngineState(world, number: -1, seed: 0)
    }
}
