import Contracts
import GRDB
import OSSProtocol
import TransferCore

/// Something outside that many uploads need is missing: nothing that needs it starts until one probe has got through.
struct Gate {
    enum Place: Equatable {
        /// Credentials of that scope.
        case scope(String)
        case endpoint(String)
    }
    var place: Place
    /// One sentence.
    var text: String
    var since: Timestamp
    var nextTry: Timestamp
    /// `nil` when a person has to do something; the engine looks now and then all the same.
    var shownNextTry: Timestamp?
    var failures = 0
    /// An upload is finding out.
    var isProbing = false

    var reason: HeldReason { if case .scope = place { .credentials } else { .network } }
    var code: String { if case .scope = place { "NoCredentials" } else { "Network" } }
    var name: String {
        switch place {
        case .scope(let scope): "s:" + scope
        case .endpoint(let endpoint): "e:" + endpoint
        }
    }
}

extension EngineLoop {
    /// Whoever must act (a refused token, a missing file) may do so without telling us: looked at that often.
    private static let refusedRetry = Duration.seconds(15)
    private static let longestRetry = Duration.seconds(30)

    func gate(_ run: UploadRun) -> Gate? { gate(run.job) }

    func gate(_ job: Int64) -> Gate? { gates.isEmpty ? nil : jobs[job].flatMap { gate($0) } }

    private func gate(_ job: JobFacts) -> Gate? {
        gates.isEmpty ? nil : gates["s:" + job.target.scope] ?? gates["e:" + job.target.endpoint]
    }

    // MARK: - Credentials

    func closeScope(_ scope: String, _ failure: AccessFailure) {
        let now = clocks.steady()
        let old = gates["s:" + scope]
        let failures = (old?.failures ?? 0) + 1
        var gate = Gate(place: .scope(scope), text: "", since: old?.since ?? now, nextTry: now, failures: failures)
        switch failure {
        case .refused(let text):
            gate.text = text
            gate.nextTry = now + Self.refusedRetry
        case .unavailable(let until, let text):
            gate.text = text
            let pause = min(Duration.milliseconds(500) * (1 << min(failures, 10)), Self.longestRetry)
            // Its own time is on the wall clock, and neither at once nor for ever is an answer.
            let asked = until.map { $0 - clocks.wall() } ?? pause
            gate.nextTry = now + min(max(asked, .seconds(1)), .seconds(300))
            gate.shownNextTry = gate.nextTry
        }
        gates[gate.name] = gate
        if old == nil { log.warning("no credentials: uploads are held", metadata: ["scope": "\(scope)", "reason": "\(gate.text)"]) }
        forgetReady()
        holdRows(gate)
        for run in Array(runs.values) where run.job.target.scope == scope && !run.isProbe { hold(run, gate) }
    }

    /// The probe has credentials.
    func openScope(_ run: UploadRun) {
        guard gates["s:" + run.job.target.scope] != nil else { return }
        open("s:" + run.job.target.scope)
        run.isProbe = false
    }

    /// The configuration was read anew, or somebody renewed: what waits for credentials is tried at once.
    public func accessChanged() {
        for name in Array(gates.keys) where name.hasPrefix("s:") { open(name) }
        schedule()
    }

    // MARK: - Endpoints

    /// Every answer tells whether the endpoint is there.
    func judgeEndpoint(_ run: UploadRun, _ end: FlightEnd) {
        guard end.access == nil, end.unreadable == nil, end.changed == nil, end.event != nil || end.failure != nil else { return }
        let endpoint = run.job.target.endpoint
        var budget = budgets[endpoint] ?? RetryBudget()
        let now = clocks.steady()
        if let failure = end.failure {
            let judged = classify(failure)
            switch judged {
            case .transient, .throttled:
                let isThrottled = if case .throttled = judged { true } else { false }
                budget.failed(at: now, throttled: isThrottled)
                outageReasons[endpoint] = FlightEnd(failure: failure).text ?? failure.message
            case .cancelled: return
            default: budget.succeeded()
            }
        } else if case .hashed? = end.event {
            return
        } else {
            budget.succeeded()
        }
        budgets[endpoint] = budget
        if end.failure == nil, !silences.isEmpty { silences[endpoint] = nil }
        if let until = budget.closedUntil {
            closeEndpoint(endpoint, until: until, since: budget.closedSince ?? now)
            if run.isProbe, let gate = gate(run) {
                run.isProbe = false
                hold(run, gate)
            }
        } else if gates["e:" + endpoint] != nil {
            run.isProbe = false
            open("e:" + endpoint)
        }
    }

    private func closeEndpoint(_ endpoint: String, until: Timestamp, since: Timestamp) {
        let isNew = gates["e:" + endpoint] == nil
        let reason = outageReasons[endpoint] ?? "no answer"
        let gate = Gate(
            place: .endpoint(endpoint), text: "\(endpoint) does not answer (\(reason)). It is tried again by itself", since: since,
            nextTry: until, shownNextTry: until)
        gates[gate.name] = gate
        guard isNew else { return }
        log.warning("an endpoint does not answer: uploads are held", metadata: ["endpoint": "\(endpoint)", "reason": "\(reason)"])
        forgetReady()
        for run in Array(runs.values) where run.job.target.endpoint == endpoint && !run.isProbe { hold(run, gate) }
    }

    // MARK: - Opening

    /// Everything a person wants to be tried now.
    func openAllGates() {
        for name in Array(gates.keys) { open(name) }
        budgets = [:]
    }

    func open(_ name: String) {
        guard let gate = gates.removeValue(forKey: name) else { return }
        forgetReady()
        let (column, value, held): (String, String, HeldReason) =
            switch gate.place {
            case .scope(let scope): ("scope", scope, .credentials)
            case .endpoint(let endpoint): ("endpoint", endpoint, .network)
            }
        write(urgent: true) { db in
            try db.execute(
                sql: """
                    UPDATE uploads SET state = \(UploadState.queued.code), held = NULL, nextTry = NULL
                    WHERE hidden = 0 AND state = \(UploadState.held.code) AND held = ? AND job IN (SELECT id FROM jobs WHERE \(column) = ?)
                    """, arguments: [held.rawValue, value])
        } then: { [self] in
            for run in runs.values where run.stateOnDisk == .held { run.stateOnDisk = .queued }
            forgetReady()
            changed()
            schedule()
        }
        log.notice("uploads go on", metadata: ["gate": "\(name)"])
    }

    /// Rows that wait for the same: they are shown as held too, so that nobody waits for them in vain.
    func holdRows(_ gate: Gate) {
        guard case .scope(let scope) = gate.place else { return }
        let (running, until, at) = (Array(runs.keys), gate.shownNextTry?.milliseconds, clocks.wall())
        let error = StoredError(code: gate.code, http: nil, request: nil, at: at, part: nil, message: gate.text)
        startsBlocked += 1
        write(urgent: true) { db in
            try db.execute(
                sql: """
                    UPDATE uploads SET state = \(UploadState.held.code), held = ?, nextTry = ?, error = ?
                    WHERE hidden = 0 AND (state = \(UploadState.queued.code) OR state = \(UploadState.held.code) AND held = ?)
                      AND job IN (SELECT id FROM jobs WHERE scope = ?) AND id NOT IN (\(QueueStore.list(running)))
                    """,
                arguments: [HeldReason.credentials.rawValue, until, try error.json, HeldReason.credentials.rawValue, scope])
        } then: { [self] in
            startsBlocked -= 1
            changed()
        } failed: { [self] _ in
            startsBlocked -= 1
        }
    }

    func openGatesThatAreDue(_ now: Timestamp) {
        guard !isFinishing, startsBlocked == 0, !queueMachine.isPaused else { return }
        for (name, gate) in gates where !gate.isProbing && now >= gate.nextTry {
            if case .endpoint(let endpoint) = gate.place {
                guard case .probe = budgets[endpoint]?.admit(at: now) ?? .probe else { continue }
            }
            gates[name]?.isProbing = true
            probe(name, gate)
        }
    }

    /// Lets one upload through: the first that is held for it, else the first that would be.
    private func probe(_ name: String, _ gate: Gate) {
        let (column, value): (String, String) =
            switch gate.place {
            case .scope(let scope): ("scope", scope)
            case .endpoint(let endpoint): ("endpoint", endpoint)
            }
        let (running, store) = (Array(runs.keys), store)
        let epoch = readyEpoch
        Task {
            let found = try? await store.read { db -> (UploadRow, JobFacts?)? in
                let sql = """
                    SELECT \(UploadRow.columns) FROM uploads WHERE hidden = 0 AND state IN (\(UploadState.held.code), \(UploadState.queued.code))
                      AND job IN (SELECT id FROM jobs WHERE \(column) = ?) AND COALESCE(held, '') <> 'schedule'
                      AND id NOT IN (\(QueueStore.list(running))) ORDER BY hidden, state DESC, priority, position LIMIT 1
                    """
                guard let row = try Row.fetchOne(db, sql: sql, arguments: [value]).map(UploadRow.init) else { return nil }
                return (row, try QueueStore.job(db, id: row.job))
            }
            probeFound(name, found ?? nil, epoch: epoch)
        }
    }

    private func probeFound(_ name: String, _ found: (row: UploadRow, job: JobFacts?)?, epoch: Int) {
        guard !isDead, !isStopping, gates[name] != nil else { return }
        gates[name]?.isProbing = false
        // Somebody changed the queue meanwhile: what was read may be wrong. The next tick asks again.
        guard epoch == readyEpoch, startsBlocked == 0 else { return }
        guard let found, let job = found.job, runs[found.row.id] == nil else {
            // Nothing needs it any more (or what does is running and will tell).
            if found == nil { open(name) }
            return
        }
        jobs[job.id] = job
        gates[name]?.isProbing = true
        let stateOnDisk = found.row.state
        var row = found.row
        (row.state, row.held, row.nextTry) = (.queued, nil, nil)
        begin(row, asProbe: true)
        runs[row.id]?.stateOnDisk = stateOnDisk
    }
}
