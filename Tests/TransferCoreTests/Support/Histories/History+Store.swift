import OSSProtocol
import TransferCore

/// The store: changes that come while one transaction is being written share the next. As `LoopWriting` does it.
extension History {
    mutating func write(
        _ point: SavePoint, isUrgent: Bool = true, isPatient: Bool = true, mayFall: Bool, _ apply: @escaping (inout Disk) -> Void,
        then: () -> Then
    ) {
        engine.pending.append(Pending(point: point, isPatient: isPatient, mayFall: mayFall, apply: apply, then: then()))
        if !engine.isFlushing, engine.diskTrouble == nil || !isPatient {
            engine.isFlushing = true
            push(.commit(engine: engine.number), in: isUrgent ? 1 + random.below(8) : 40)
        }
    }

    /// Transactions so rare that a kill would hardly ever meet them.
    private static let rare: Set<SavePoint> = [
        .aborting, .aborted, .sweep, .cancelled, .anew, .ledger, .paused, .queued, .adopted, .failed,
    ]

    mutating func flushSoon() {
        guard !engine.isFlushing, !engine.pending.isEmpty else { return }
        engine.isFlushing = true
        push(.commit(engine: engine.number), in: 1 + random.below(8))
    }

    mutating func commit() {
        engine.isFlushing = false
        guard !engine.pending.isEmpty else { return }
        let batch = engine.pending
        engine.pending = []
        if isDiskFull { return refuse(batch) }
        // Where the engine dies: before the transaction is on the disk, or after it and before anybody hears of it.
        let isRare = batch.contains { History.rare.contains($0.point) }
        let dies = world.crashes > 0 && chance(world.crashes * (isRare ? 10 : 1))
        if dies, random.below(2) == 0 {
            for item in batch { killedBefore[item.point.rawValue] += 1 }
            return crash("before \(batch.map { "\($0.point)" }) is written", .killed)
        }
        engine.diskTrouble = nil
        for item in batch {
            let before = item.mayFall ? [] : disk.rows.map(\.stored)
            item.apply(&disk)
            for (row, stored) in before.enumerated() where disk.rows[row].stored < stored {
                broken("the row of \(row) fell from \(stored) to \(disk.rows[row].stored) bytes without a word, by \(item.point)")
            }
        }
        checkDisk()
        if dies {
            for item in batch { killedAfter[item.point.rawValue] += 1 }
            return crash("after \(batch.map { "\($0.point)" }) is written", .killed)
        }
        for item in batch {
            guard isUp, problem == nil else { return }
            done(item.then)
        }
        guard isUp, problem == nil else { return }
        flushSoon()
        schedule()
    }

    /// Kept and tried again; whoever asked for a promise hears that there is none.
    private mutating func refuse(_ batch: [Pending]) {
        note(.commitRefused) { "the disk is full" }
        engine.diskTrouble = steady + 2_000
        engine.pending = batch.filter(\.isPatient) + engine.pending
        for item in batch where !item.isPatient {
            if case .acted = item.then { engine.startsBlocked -= 1 }
            if case .settled = item.then { engine.abandoned.isOwed = true; nextDebt() }
        }
    }

    private mutating func done(_ then: Then) {
        switch then {
        case .nothing: break
        case .saved(let row, let run, let gaveUp): saved(row, run, gaveUp)
        case .left(let row, let run, let isForgotten): left(row, run, isForgotten)
        case .adopted(let row, let run): adopted(row, run)
        case .recovered: engine.startsBlocked -= 1
        case .acted(let opensGates, let isAbort):
            engine.startsBlocked -= 1
            engine.queueMachine.isPaused = disk.isPaused
            if opensGates { openAllGates() }
            if isAbort { engine.abandoned.isStale = true }
        case .released: break
        case .held(let gate): engine.gates[gate]?.isHolding = false
        case .isDue: holdRowsAtGates()
        case .settled(let id):
            note(.owedPaid) { "\(id) is settled" }
            nextDebt()
        case .swept: engine.abandoned.isStale = true
        }
    }

    // MARK: - Upload ids that nothing needs

    mutating func workOnAbandoned() {
        guard !engine.abandoned.isWorking, engine.abandoned.isStale || engine.abandoned.nextTry.map({ steady >= $0 }) ?? false else { return }
        engine.abandoned.isStale = false
        engine.abandoned.nextTry = nil
        engine.abandoned.ids = disk.ledger.filter { $0.row < 0 }
        (engine.abandoned.isOwed, engine.abandoned.silent, engine.abandoned.noCredentials) = (false, [false, false], [false, false])
        guard !engine.abandoned.ids.isEmpty else {
            engine.abandoned.failures = 0
            return
        }
        engine.abandoned.isWorking = true
        (engine.abandoned.tries, engine.abandoned.accepted) = (0, 0)
        payBack()
    }

    private mutating func payBack() {
        guard let debt = engine.abandoned.ids.first, let upload = server.find(debt.id) else { return endPaying() }
        let row = server.uploads[upload].row
        let endpoint = files[row].endpoint
        let scope = world.scope(endpoint)
        if engine.gates[scope] != nil || engine.gates[2 + endpoint] != nil || engine.abandoned.silent[endpoint]
            || engine.abandoned.noCredentials[scope]
        {
            engine.abandoned.isOwed = true
            return nextDebt()
        }
        flightsMade += 1
        var flight = Flight(number: flightsMade, row: row, run: -1, kind: .payBack, engine: engine.number)
        flight.uploadID = debt.id
        engine.flights.append(flight)
        record { _ in "  \(flight.number): abort \(debt.id), which nothing needs" }
        take(off: flight)
    }

    mutating func paidBack(_ flight: Flight, _ end: FlightEnd) {
        let endpoint = files[flight.row].endpoint
        let scope = world.scope(endpoint)
        guard engine.abandoned.ids.first?.id == flight.uploadID else { return }
        if end.access != nil {
            engine.abandoned.noCredentials[scope] = true
            engine.abandoned.isOwed = true
            return nextDebt()
        }
        engine.abandoned.tries += 1
        if let failure = end.failure {
            if case .answer = failure.cause {
                switch classify(failure) {
                case .staleLease: if flight.generation > 0 { tell(scope, .retired(generation: flight.generation)) }
                case .clockSkew(let serverTime?):
                    let at = now
                    engine.clock.learn(serverTime: serverTime, at: at)
                case .uploadGone: return settle(flight.uploadID)
                case .transient, .throttled:
                    engine.abandoned.silent[endpoint] = true
                    engine.abandoned.isOwed = true
                    return nextDebt()
                default:
                    engine.abandoned.isOwed = true
                    return nextDebt()
                }
            } else {
                engine.abandoned.silent[endpoint] = true
                engine.abandoned.isOwed = true
                return nextDebt()
            }
        } else {
            engine.abandoned.accepted += 1
        }
        if engine.abandoned.tries < 5 { return payBack() }
        if engine.abandoned.accepted >= 3 { return settle(flight.uploadID) }
        if engine.abandoned.accepted == 0 { engine.abandoned.noCredentials[scope] = true }
        engine.abandoned.isOwed = true
        nextDebt()
    }

    private mutating func settle(_ id: String) {
        write(.ledger, isPatient: false, mayFall: false) { disk in disk.settle(id) } then: { .settled(id: id) }
    }

    mutating func nextDebt() {
        guard isUp, engine.abandoned.isWorking else { return }
        if !engine.abandoned.ids.isEmpty { engine.abandoned.ids.removeFirst() }
        (engine.abandoned.tries, engine.abandoned.accepted) = (0, 0)
        if engine.abandoned.ids.isEmpty || engine.isStopping { endPaying() } else { payBack() }
    }

    private mutating func endPaying() {
        engine.abandoned.isWorking = false
        guard engine.abandoned.isOwed else {
            engine.abandoned.failures = 0
            return
        }
        engine.abandoned.failures += 1
        engine.abandoned.nextTry = steady + min(2_000 << Int64(min(engine.abandoned.failures, 10)), 300_000)
    }
}
