import OSSProtocol
import TransferCore

/// Uploads that have their turn: their machines' actions performed in order, their requests' ends reported. As `LoopRuns` does it.
extension History {
    // MARK: - Begin

    mutating func begin(_ row: Int, probing gate: Int? = nil) {
        guard engine.runs[row] == nil else { return broken("two runs of \(row)") }
        runsMade += 1
        var onDisk = disk.rows[row]
        if onDisk.uploadID != nil { note(.restartedWithUpload) { "\(row) goes on with \(onDisk.uploadID ?? "")" } }
        onDisk.parts = []
        (onDisk.state, onDisk.held, onDisk.nextTry) = (.queued, nil, nil)
        var run = Run(number: runsMade, row: onDisk, machine: machine(row, onDisk, parts: disk.rows[row].uploadID == nil ? [] : disk.rows[row].parts))
        run.probed = gate
        run.uploadIDOnDisk = onDisk.uploadID
        let isSmall = run.isSmall
        engine.runs[row] = run
        if !isSmall { engine.multipart.append(row) }
        record { "run \($0.runsMade) of \(row) from \(onDisk.phase) \(onDisk.uploadID ?? "-") \($0.disk.rows[row].parts.map(\.number))" }
        checkLimits(begins: gate == nil && !isSmall)
        if isSmall, onDisk.phase == .fresh {
            engine.runs[row]?.isStarted = true
            feed(row, .started)
        } else {
            look(row)
        }
    }

    private mutating func machine(_ row: Int, _ onDisk: Row, parts: [StoredPart]) -> UploadMachine {
        UploadMachine(
            fileSize: files[row].sizes[onDisk.version],
            checkpoint: UploadCheckpoint(
                phase: onDisk.phase, partSize: onDisk.partSize, uploadID: onDisk.uploadID, parts: parts, resentBytes: onDisk.resent,
                completeSent: onDisk.completeSent, initiateSent: onDisk.initiateSent != nil),
            settings: .init(policy: world.policy, mayRead: world.mayRead, forbidOverwrite: world.forbidOverwrite),
            seed: engine.seeds.next())
    }

    // MARK: - Look

    mutating func look(_ row: Int) {
        guard has(row) else { return }
        if engine.runs[row]?.probed == nil, let gate = gate(row) {
            engine.runs[row]?.isOutOfStep = true
            return hold(row, gate)
        }
        let number = addFlight(row, .look)
        push(.looked(number), in: 1 + random.below(10))
    }

    mutating func looked(_ number: Int) {
        guard isUp, let flight = removeFlight(number), has(flight.row) else { return }
        let row = flight.row
        if engine.runs[row]?.pendingHold != nil, engine.runs[row]?.probed == nil {
            engine.runs[row]?.isOutOfStep = true
            if let gate = engine.runs[row]?.pendingHold { hold(row, gate) }
            return schedule()
        }
        if !files[row].isReadable {
            note(.sourceUnreadable) { "\(row) cannot be read" }
            fail(row, "SourceUnreadable")
        } else if files[row].version != engine.runs[row]?.row.version {
            adopt(row)
        } else {
            engine.runs[row]?.inode = files[row].inodes.count - 1
            engine.runs[row]?.isStarted = true
            feed(row, .started)
        }
        schedule()
    }

    // MARK: - Machine in, actions out

    mutating func feed(_ row: Int, _ event: UploadEvent) {
        guard has(row), let run = engine.runs[row] else { return }
        let at = now
        let (stored, restarts, phase) = (run.machine.storedBytes, run.machine.restarts.count, run.machine.checkpoint.phase)
        let actions = engine.runs[row]?.machine.on(event, at: at) ?? []
        record { _ in "\(row): \(History.short(event)) -> \(actions.map { History.short($0) }.joined(separator: ", "))" }
        checkStep(row, event, stored, restarts, phase)
        if case .findUploadsFailed = event { isExcused[row] = true }
        if run.awaitsSlot, !actions.isEmpty {
            engine.runs[row]?.actions.removeFirst()
            engine.runs[row]?.awaitsSlot = false
        }
        // What was asked for and not sent yet is called off too.
        if actions.contains(.cancelRequests) { engine.runs[row]?.actions.removeAll { History.isCalledOff($0) } }
        engine.runs[row]?.actions += actions
        advance(row)
    }

    mutating func advance(_ row: Int) {
        while problem == nil, has(row), let run = engine.runs[row], !run.isSaving, !run.awaitsSlot, let action = run.actions.first {
            if action == .put, engine.slotsUsed >= engine.parts {
                engine.runs[row]?.awaitsSlot = true
                engine.waitingPuts.append(row)
                return
            }
            if chance(world.crashes) {
                note(.killedBetweenActions) { "killed before \(History.short(action))" }
                return crash("before \(History.short(action))", .none)
            }
            engine.runs[row]?.actions.removeFirst()
            switch action {
            case .save:
                if case .finish(let outcome)? = engine.runs[row]?.actions.first { return end(row, outcome) }
                save(row)
            case .finish(let outcome): return end(row, outcome)
            case .cancelRequests: cancelFlights(row)
            case .awaitLease: renewLease(row)
            case .correctClock(let serverTime):
                let before = engine.clock.offset
                let at = now
                engine.clock.learn(serverTime: serverTime, at: at)
                if engine.clock.offset != before, let offset = engine.clock.offset {
                    for scope in 0..<world.scopes { tell(scope, .clockLearned(offset: offset)) }
                }
            case .initiate, .findUploads, .put, .listParts, .complete, .abort, .headObject, .hash:
                if run.probed == nil, let gate = gate(row) {
                    engine.runs[row]?.isOutOfStep = true
                    return hold(row, gate)
                }
                request(action, row)
            default: if action != .partsReady { broken("the simulation does not know \(action)") }
            }
        }
    }

    private mutating func request(_ action: UploadAction, _ row: Int) {
        guard let run = engine.runs[row] else { return }
        switch action {
        case .initiate:
            if let id = run.machine.checkpoint.uploadID { return broken("initiate while \(id) is ours") }
            launch(row, .initiate)
        case .findUploads: launch(row, .find)
        case .put: launch(row, .put, length: run.machine.plan.fileSize, holdsSlot: true)
        case .listParts(let id): launch(row, .list, id)
        case .complete(let id, let parts):
            checkComplete(row, id, parts)
            launch(row, .complete, id, parts: parts)
        case .abort(let id): launch(row, .abort, id)
        case .headObject:
            if !world.mayRead, happened[Happening.denied.rawValue] > 1_000_000 { broken("HEAD that is not allowed") }
            launch(row, .head)
        case .hash(let range):
            launch(row, .hash, part: run.machine.plan.isSinglePut ? 0 : range.number)
        default: break
        }
    }

    private mutating func renewLease(_ row: Int) {
        guard let run = engine.runs[row] else { return }
        engine.runs[row]?.staleGeneration = 0
        engine.runs[row]?.awaitsLease = true
        let scope = world.scope(files[row].endpoint)
        if run.staleGeneration > 0 { tell(scope, .retired(generation: run.staleGeneration)) }
        push(.leaseRenewed(row: row, run: run.number), in: 1 + random.below(4))
    }

    // MARK: - Requests

    private mutating func addFlight(_ row: Int, _ kind: Kind, _ id: String = "", part: Int = 0, length: Int64 = 0, holdsSlot: Bool = false) -> Int {
        flightsMade += 1
        var flight = Flight(number: flightsMade, row: row, run: engine.runs[row]?.number ?? -1, kind: kind, engine: engine.number)
        (flight.uploadID, flight.part, flight.length, flight.holdsSlot) = (id, part, length, holdsSlot)
        flight.inode = engine.runs[row]?.inode ?? -1
        flight.version = engine.runs[row]?.row.version ?? 0
        engine.flights.append(flight)
        if kind != .payBack { engine.runs[row]?.flights += 1 }
        if holdsSlot { engine.slotsUsed += 1 }
        return flightsMade
    }

    mutating func launch(
        _ row: Int, _ kind: Kind, _ id: String = "", part: Int = 0, length: Int64 = 0, holdsSlot: Bool = false, parts: [StoredPart] = []
    ) {
        checkLaunch(row, kind, id, part)
        let number = addFlight(row, kind, id, part: part, length: length, holdsSlot: holdsSlot)
        guard problem == nil, let place = engine.flights.lastIndex(where: { $0.number == number }) else { return }
        engine.flights[place].parts = parts
        if kind == .initiate || kind == .put { server.lastBegun[row] = number }
        record { _ in "  \(number): \(kind) \(id) \(part > 0 ? "\(part)" : "")" }
        take(off: engine.flights[place])
    }

    private mutating func removeFlight(_ number: Int) -> Flight? {
        guard let place = engine.flights.firstIndex(where: { $0.number == number }) else { return nil }
        let flight = engine.flights.remove(at: place)
        if flight.kind == .part, engine.flights.contains(where: { $0.run == flight.run && $0.kind == .part && $0.number < number }) {
            note(.reordered) { "\(number) is answered before an earlier one" }
        }
        if flight.kind != .payBack { engine.runs[flight.row]?.flights -= 1 }
        return flight
    }

    mutating func landed(_ number: Int, _ end: FlightEnd) {
        guard isUp, let flight = removeFlight(number) else { return }
        if flight.kind == .payBack { return paidBack(flight, end) }
        let row = flight.row
        guard engine.runs[row]?.number == flight.run else { return broken("an answer for a run that is over") }
        guard !(engine.runs[row]?.isLanding ?? true) else { return broken("an answer for a run that lands") }
        var end = end
        if [.part, .put].contains(flight.kind), flight.inode >= 0 {
            switch end.event {
            case .partSent, .putSent:
                // A body that was read while the file changed is worth nothing.
                if files[row].inodes[flight.inode] != engine.runs[row]?.row.version { end.event = .sourceChanged(detail: "") }
            default: break
            }
        }
        if [.hash].contains(flight.kind), files[row].inodes[max(flight.inode, 0)] != engine.runs[row]?.row.version {
            end.event = .sourceChanged(detail: "")
        }
        if end.isSigned, flight.kind == .put { engine.runs[row]?.hasSent = true }
        judgeEndpoint(row, end)
        if let access = end.access {
            release(flight)
            engine.runs[row]?.isOutOfStep = true
            closeScope(world.scope(files[row].endpoint), access)
            endProbe(row)
            if let gate = gate(row) { hold(row, gate) }
        } else if end.isUnreadable {
            release(flight)
            fail(row, "SourceUnreadable")
        } else if end.isChanged {
            release(flight)
            adopt(row)
        } else if let event = end.event {
            if event == .sourceChanged(detail: "") { note(.sourceChangedSeen) { "\(row): its file changed" } }
            let scope = world.scope(files[row].endpoint)
            if engine.runs[row]?.probed != nil, let failure = end.failure, classify(failure) == .staleLease, engine.gates[scope] != nil {
                release(flight)
                credentialsRefused(row, flight.generation)
            } else {
                if end.failure != nil { engine.runs[row]?.staleGeneration = flight.generation }
                if engine.runs[row]?.probed != nil, end.isSigned {
                    openScope(row, isAnswered: end.failure.map { if case .answer = $0.cause { true } else { false } } ?? true)
                }
                feed(row, event)
                release(flight)
            }
        } else {
            release(flight)
        }
        guard isUp, problem == nil else { return }
        if has(row), let gate = engine.runs[row]?.pendingHold { hold(row, gate) }
        schedule()
    }

    private mutating func credentialsRefused(_ row: Int, _ generation: UInt64) {
        let scope = world.scope(files[row].endpoint)
        if generation > 0 { tell(scope, .retired(generation: generation)) }
        engine.runs[row]?.isOutOfStep = true
        closeScopeRefusing(scope)
        endProbe(row)
        if let gate = gate(row) { hold(row, gate) }
    }

    /// A part's slot is free for another only when its answer is written down.
    private mutating func release(_ flight: Flight) {
        guard isUp, flight.holdsSlot else { return }
        if engine.runs[flight.row]?.isSaving == true { engine.runs[flight.row]?.slotsAwaitingSave += 1 } else { engine.slotsUsed -= 1 }
    }

    mutating func cancelFlights(_ row: Int, all: Bool = false) {
        guard let run = engine.runs[row] else { return }
        for flight in engine.flights where flight.run == run.number && (all || !flight.kind.mustLand) {
            if flight.holdsSlot { engine.slotsUsed -= 1 }
            engine.runs[row]?.flights -= 1
            if flight.kind == .initiate { record { _ in "  \(flight.number) is cut off, whatever it brings" } }
        }
        engine.flights.removeAll { $0.run == run.number && (all || !$0.kind.mustLand) }
    }

    // MARK: - The disk

    private mutating func save(_ row: Int) {
        guard let run = engine.runs[row] else { return }
        engine.runs[row]?.isSaving = true
        engine.runs[row]?.refreshRow()
        let at = wall
        if run.machine.checkpoint.initiateSent, run.row.initiateSent == nil { engine.runs[row]?.row.initiateSent = at }
        let changes = engine.runs[row]?.machine.takeChanges() ?? CheckpointChanges(header: false, replacesParts: false, parts: [])
        let (made, before) = (engine.runs[row]?.row ?? run.row, run.uploadIDOnDisk)
        engine.runs[row]?.uploadIDOnDisk = made.uploadID
        let point: SavePoint =
            if made.uploadID != before { made.uploadID == nil ? .anew : .uploadID } else if made.phase == .aborting { .aborting } else if made
                .phase == .completing
            { .completing } else { .part }
        let mayFall = !run.machine.restarts.isEmpty || made.phase == .aborting || made.uploadID == nil
        write(point, mayFall: mayFall) { disk in
            disk.write(made, row, changes)
            guard made.uploadID != before else { return }
            disk.giveUp(row, keeping: made.uploadID)
            if let id = made.uploadID { disk.owe(id, row) }
        } then: {
            .saved(row: row, run: run.number, gaveUp: before != nil && made.uploadID != before)
        }
    }

    mutating func saved(_ row: Int, _ number: Int, _ gaveUp: Bool) {
        if gaveUp { engine.abandoned.isStale = true }
        guard let run = engine.runs[row], run.number == number else { return }
        engine.slotsUsed -= run.slotsAwaitingSave
        engine.runs[row]?.slotsAwaitingSave = 0
        guard !run.isLanding else { return }
        engine.runs[row]?.isSaving = false
        if let gate = run.pendingHold { hold(row, gate) }
        advance(row)
        if has(row), let run = engine.runs[row], run.flights == 0, !run.isSaving, run.probed == nil, let gate = gate(row) { hold(row, gate) }
    }

    /// A run that has not come to its end.
    func has(_ row: Int) -> Bool { isUp && engine.runs[row].map { !$0.isLanding } ?? false }

    // MARK: - Text

    private static func isCalledOff(_ action: UploadAction) -> Bool {
        switch action {
        case .put, .findUploads, .listParts, .headObject, .hash, .abort, .awaitLease: true
        default: false
        }
    }

    private static func short(_ event: UploadEvent) -> String { String("\(event)".prefix(90)) }
    private static func short(_ action: UploadAction) -> String {
        if case .complete(let id, _) = action { return "complete \(id)" }
        return String("\(action)".prefix(90))
    }
}

extension History.Disk {
    /// A row and its parts, as the engine's transactions write them; a person's order that came meanwhile stays.
    mutating func write(_ made: History.Row, _ row: Int, _ changes: CheckpointChanges) {
        var parts = rows[row].parts
        let (priority, isHidden) = (rows[row].priority, rows[row].isHidden)
        rows[row].parts = []
        rows[row] = made
        (rows[row].priority, rows[row].isHidden) = (priority, isHidden)
        if changes.replacesParts { parts = [] }
        for part in changes.parts {
            parts.removeAll { $0.number == part.number }
            parts.append(part)
        }
        rows[row].parts = parts
    }
}
