import OSSProtocol
import TransferCore

/// Credentials and endpoints that many uploads need: nothing that needs them starts until one probe has got through. As `LoopGates` does it.
extension History {
    func gate(_ row: Int) -> Int? {
        let endpoint = files[row].endpoint
        let scope = world.scope(endpoint)
        if engine.gates[scope] != nil { return scope }
        return engine.gates[2 + endpoint] != nil ? 2 + endpoint : nil
    }

    private func needs(_ row: Int, _ gate: Int) -> Bool {
        gate < 2 ? world.scope(files[row].endpoint) == gate : files[row].endpoint == gate - 2
    }

    // MARK: - Credentials

    mutating func closeScope(_ scope: Int, _ access: Access) {
        switch access {
        case .refused: closeScope(scope, nextTry: steady + 15_000, isShown: false)
        case .unavailable(let until): closeScope(scope, nextTry: steady + min(max(until - steady, 1_000), 300_000), isShown: true)
        }
    }

    mutating func closeScopeRefusing(_ scope: Int) {
        closeScope(scope, nextTry: steady + pause(scope), isShown: true)
        engine.gates[scope]?.needsAnswer = true
    }

    private func pause(_ scope: Int) -> Int64 {
        let failures = (engine.gates[scope]?.failures ?? 0) + 1
        return min(max(500 << Int64(min(failures, 10)), 1_000), 30_000)
    }

    private mutating func closeScope(_ scope: Int, nextTry: Int64, isShown: Bool) {
        let old = engine.gates[scope]
        engine.gates[scope] = Gate(
            nextTry: nextTry, isShown: isShown, failures: (old?.failures ?? 0) + 1, isHolding: old?.isHolding ?? false)
        if old == nil {
            note(.gateClosed) { "no credentials for scope \(scope)" }
            holdRows(scope)
        }
        for row in engine.runs.indices where has(row) && needs(row, scope) && engine.runs[row]?.probed == nil { hold(row, scope) }
    }

    mutating func openScope(_ row: Int, isAnswered: Bool) {
        let scope = world.scope(files[row].endpoint)
        guard let gate = engine.gates[scope], isAnswered || !gate.needsAnswer else { return }
        open(scope)
        endProbe(row)
    }

    // MARK: - Endpoints

    mutating func judgeEndpoint(_ row: Int, _ end: FlightEnd) {
        guard end.isSigned else { return }
        let at = now
        let endpoint = files[row].endpoint
        if let failure = end.failure {
            switch classify(failure) {
            case .transient: engine.budgets[endpoint].failed(at: at)
            case .throttled: engine.budgets[endpoint].failed(at: at, throttled: true)
            case .cancelled: return
            default:
                guard case .answer = failure.cause else { return }
                engine.budgets[endpoint].succeeded()
            }
        } else {
            engine.budgets[endpoint].succeeded()
        }
        let gate = 2 + endpoint
        if let until = engine.budgets[endpoint].closedUntil {
            let isNew = engine.gates[gate] == nil
            engine.gates[gate] = Gate(nextTry: until.milliseconds)
            if isNew {
                note(.budgetEmpty) { "endpoint \(endpoint) does not answer" }
                for row in engine.runs.indices where has(row) && needs(row, gate) && engine.runs[row]?.probed == nil { hold(row, gate) }
            }
            if engine.runs[row]?.probed != nil, let closed = self.gate(row) {
                endProbe(row)
                hold(row, closed)
            }
        } else if engine.gates[gate] != nil {
            if engine.runs[row]?.probed == gate { endProbe(row) }
            open(gate)
        }
    }

    // MARK: - Opening

    mutating func openAllGates() {
        for gate in engine.gates.indices { open(gate) }
        engine.budgets = [RetryBudget(), RetryBudget()]
    }

    mutating func open(_ gate: Int) {
        guard engine.gates[gate] != nil else { return }
        engine.gates[gate] = nil
        note(.gateOpened) { "gate \(gate) is open" }
        if !engine.abandoned.ids.isEmpty || engine.abandoned.isOwed { engine.abandoned.isStale = true }
        let rows = disk.rows.indices.filter { needs($0, gate) && !has($0) }
        let reason: HeldReason = gate < 2 ? .credentials : .network
        write(.gate, mayFall: false) { disk in
            for row in rows where disk.rows[row].state == .held && disk.rows[row].held == reason {
                (disk.rows[row].state, disk.rows[row].held, disk.rows[row].nextTry) = (.queued, nil, nil)
            }
        } then: {
            .released
        }
    }

    mutating func holdRowsAtGates() { for gate in 0..<2 where engine.gates[gate]?.isHolding == false { holdRows(gate) } }

    private mutating func holdRows(_ gate: Int) {
        engine.gates[gate]?.isHolding = true
        let rows = disk.rows.indices.filter { needs($0, gate) && engine.runs[$0] == nil }
        write(.gate, mayFall: false) { disk in
            for row in rows where disk.rows[row].state == .queued && !disk.rows[row].isHidden {
                (disk.rows[row].state, disk.rows[row].held, disk.rows[row].nextTry) = (.held, .credentials, nil)
            }
        } then: {
            .held(gate: gate)
        }
    }

    // MARK: - Probes

    mutating func endProbe(_ row: Int) {
        guard let gate = engine.runs[row]?.probed else { return }
        engine.runs[row]?.probed = nil
        engine.gates[gate]?.isProbing = false
    }

    mutating func loseProbe(_ gate: Int) {
        engine.gates[gate]?.isProbing = false
        let at = now
        if gate >= 2, engine.gates[gate] != nil { engine.budgets[gate - 2].probeLost(at: at) }
    }

    mutating func openGatesThatAreDue() {
        guard !engine.isFinishing, engine.startsBlocked == 0, !engine.queueMachine.isPaused else { return }
        for index in engine.gates.indices {
            guard isUp, problem == nil, let gate = engine.gates[index], !gate.isProbing, !gate.isHolding, steady >= gate.nextTry else {
                continue
            }
            let at = now
            if index >= 2 { guard case .probe = engine.budgets[index - 2].admit(at: at) else { continue } }
            engine.gates[index]?.isProbing = true
            probe(index)
        }
    }

    /// The first that is held, else the first that would be; credentials are tried at an endpoint that answers.
    private mutating func probe(_ gate: Int) {
        var isBehindAnother = false
        for state in [QueueState.held, .queued] {
            for row in byPlace() where disk.rows[row].state == state && !disk.rows[row].isHidden && needs(row, gate) && engine.runs[row] == nil {
                let endpoint = files[row].endpoint
                let other = gate < 2 ? 2 + endpoint : world.scope(endpoint)
                if engine.gates[other] != nil, gate < 2 {
                    isBehindAnother = true
                    continue
                }
                note(.probed) { "\(row) finds out about gate \(gate)" }
                return begin(row, probing: gate)
            }
        }
        if isBehindAnother {
            loseProbe(gate)
            let at = steady
            engine.gates[gate]?.nextTry = at + 5_000
        } else {
            open(gate)
        }
    }

    private func byPlace() -> [Int] { disk.rows.indices.sorted { place($0) < place($1) } }

    /// Higher priority first, then the smaller position.
    func place(_ row: Int) -> (Int, Int64) { (disk.rows[row].priority, disk.rows[row].position) }

    // MARK: - The lease desk

    mutating func authorize(_ flight: Flight) {
        let at = now
        let scope = world.scope(files[flight.row].endpoint)
        let (answer, actions) = engine.desks[scope].ask(UInt64(flight.number), minimumLife: .seconds(2), at: at)
        if let answer { answered(flight.number, scope, answer) } else {
            note(.waitedForLease) { "\(flight.number) waits for credentials" }
            if let place = engine.flights.firstIndex(where: { $0.number == flight.number }) {
                engine.flights[place] = flight
                engine.flights[place].isWaitingForLease = true
            }
        }
        if let place = engine.flights.firstIndex(where: { $0.number == flight.number }), !engine.flights[place].isWaitingForLease {
            var flight = flight
            (flight.token, flight.generation, flight.signedAt) = (
                engine.flights[place].token, engine.flights[place].generation, engine.flights[place].signedAt
            )
            engine.flights[place] = flight
            if flight.token >= 0 { send(flight) }
        }
        perform(actions, scope)
    }

    private mutating func answered(_ number: Int, _ scope: Int, _ answer: LeaseAnswer) {
        guard let place = engine.flights.firstIndex(where: { $0.number == number }) else { return }
        let wasWaiting = engine.flights[place].isWaitingForLease
        engine.flights[place].isWaitingForLease = false
        switch answer {
        case .use(let generation):
            guard engine.kept[scope].indices.contains(Int(generation)), engine.kept[scope][Int(generation)] >= 0 else {
                return broken("generation \(generation) is nothing")
            }
            engine.flights[place].token = engine.kept[scope][Int(generation)]
            engine.flights[place].generation = generation
            engine.flights[place].signedAt = engine.clock.serverTime(at: now).milliseconds
            if wasWaiting { send(engine.flights[place]) }
        case .refused: push(.answer(number, FlightEnd(access: .refused)), in: 1)
        case .unavailable(let until, _): push(.answer(number, FlightEnd(access: .unavailable(until: until.milliseconds))), in: 1)
        case .cancelled: push(.answer(number, FlightEnd(access: .unavailable(until: steady))), in: 1)
        }
    }

    mutating func tell(_ scope: Int, _ event: LeaseEvent) {
        guard isUp else { return }
        let at = now
        perform(engine.desks[scope].on(event, at: at), scope)
    }

    private mutating func perform(_ actions: [LeaseAction], _ scope: Int) {
        for action in actions {
            switch action {
            case .fetch: fetch(scope)
            case .keep(let generation):
                while engine.kept[scope].count <= Int(generation) { engine.kept[scope].append(-1) }
                engine.kept[scope][Int(generation)] = engine.landing[scope]
            case .forget: break
            case .answer(let callers, let answer): for caller in callers { answered(Int(caller), scope, answer) }
            }
        }
    }

    /// The source of credentials is asked. What it gives is given when it answers.
    private mutating func fetch(_ scope: Int) {
        let slow = random.below(8) == 0 ? 1 + random.below(4_000) : 1 + random.below(150)
        var token = -1
        let event: LeaseEvent
        if chance(world.leaseFailures) {
            note(.leaseFailed) { "the source of scope \(scope) fails" }
            event = .failed(retryAfter: random.below(3) == 0 ? .seconds(3) : nil, reason: "away")
        } else if chance(world.leaseRefusals) {
            note(.leaseRefused) { "the source of scope \(scope) refuses" }
            event = .refused(reason: "no")
        } else {
            note(.leaseFetched) { "the source of scope \(scope) is asked" }
            let life = isQuiet ? 900_000 : world.tokenLife
            let end = serverNow + life
            tokens.append(Token(end: end))
            token = tokens.count - 1
            let given = LeaseEnd.after(.milliseconds(life), expiration: Timestamp(milliseconds: end))
            event = .fetched(identity: "T\(token)", end: given)
        }
        push(.lease(scope: scope, engine: engine.number, event, token: token), in: slow)
    }
}
