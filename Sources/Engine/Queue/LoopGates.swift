import Contracts
import GRDB
import OSSProtocol
import Platform
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
    /// Its rows are being shown as held, a batch at a time.
    var isHolding = false
    /// The service itself refused what the source gave: only an answer of the service shows that it is over.
    var needsAnswer = false
    /// Nobody answers there: it is asked by the smallest of requests, to this bucket, and by no upload.
    var unreachable: Target?

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
    /// What could try the credentials waits for its endpoint.
    private static let behindAnotherRetry = Duration.seconds(5)

    var closedScopes: [String] { gates.values.compactMap { if case .scope(let scope) = $0.place { scope } else { nil } } }
    var closedEndpoints: [String] { gates.values.compactMap { if case .endpoint(let endpoint) = $0.place { endpoint } else { nil } } }

    func gate(_ run: UploadRun) -> Gate? { gate(run.job) }

    func gate(_ job: Int64) -> Gate? { gates.isEmpty ? nil : jobs[job].flatMap { gate($0) } }

    private func gate(_ job: JobFacts) -> Gate? {
        gates.isEmpty ? nil : gates["s:" + job.target.scope] ?? gates["e:" + job.target.endpoint]
    }

    // MARK: - Credentials

    func closeScope(_ scope: String, _ failure: AccessFailure) {
        let now = clocks.steady()
        switch failure {
        case .refused(let text): closeScope(scope, text, nextTry: now + Self.refusedRetry, isShown: false)
        case .unavailable(let until, let text):
            // Neither at once nor for ever is an answer.
            let asked = until.map { $0 - now } ?? pause(scope)
            closeScope(scope, text, nextTry: now + min(max(asked, .seconds(1)), .seconds(300)), isShown: true)
        }
    }

    /// The service refused what the source of credentials gives, also after it was asked for others: the next upload would hear the same.
    func closeScope(_ scope: String, refusing failure: StoredError?) {
        let answer = [failure?.http.map(String.init), failure?.code].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: " ")
        let text = "the service refuses the credentials that their source gives\(answer.isEmpty ? "" : " (\(answer))")"
        closeScope(scope, text, nextTry: clocks.steady() + pause(scope), isShown: true)
        gates["s:" + scope]?.needsAnswer = true
    }

    private func pause(_ scope: String) -> Duration {
        let failures = (gates["s:" + scope]?.failures ?? 0) + 1
        return min(max(Duration.milliseconds(500) * (1 << min(failures, 10)), .seconds(1)), Self.longestRetry)
    }

    private func closeScope(_ scope: String, _ text: String, nextTry: Timestamp, isShown: Bool) {
        let old = gates["s:" + scope]
        var gate = Gate(place: .scope(scope), text: text, since: old?.since ?? clocks.steady(), nextTry: nextTry)
        gate.failures = (old?.failures ?? 0) + 1
        gate.shownNextTry = isShown ? nextTry : nil
        gate.isHolding = old?.isHolding ?? false
        gates[gate.name] = gate
        forgetReady()
        if old == nil {
            log.warning("no credentials: uploads are held", metadata: ["scope": "\(scope)", "reason": "\(text)"])
            holdRows(gate)
        }
        for run in Array(runs.values) where run.job.target.scope == scope && !run.isProbe { hold(run, gate) }
    }

    /// The probe has credentials.
    ///
    /// - Parameter isAnswered: the service has answered a request that they signed, and did not refuse them.
    func openScope(_ run: UploadRun, isAnswered: Bool) {
        guard let gate = gates["s:" + run.job.target.scope], isAnswered || !gate.needsAnswer else { return }
        open(gate.name)
        endProbe(run)
    }

    /// The configuration was read anew, or somebody renewed: what waits for credentials is tried at once.
    public func accessChanged() {
        for name in Array(gates.keys) where name.hasPrefix("s:") { open(name) }
        schedule()
    }

    // MARK: - Endpoints

    /// Every answer tells whether the endpoint is there.
    func judgeEndpoint(_ run: UploadRun, _ end: FlightEnd) {
        // Nothing was sent where nothing was signed.
        guard end.generation != nil else { return }
        let endpoint = run.job.target.endpoint
        var budget = budgets[endpoint] ?? RetryBudget()
        let now = clocks.steady()
        guard !isLost(run, end, now) else { return }
        if let failure = end.failure {
            let judged = classify(failure)
            switch judged {
            case .transient, .throttled:
                let isThrottled = if case .throttled = judged { true } else { false }
                budget.failed(at: now, throttled: isThrottled)
                outageReasons[endpoint] = FlightEnd(failure: failure).text ?? failure.message
            case .cancelled: return
            default:
                // A file that cannot be read, a certificate that nobody vouches for: the endpoint has not answered.
                guard case .answer = failure.cause else { return }
                budget.succeeded()
            }
        } else {
            budget.succeeded()
        }
        budgets[endpoint] = budget
        if end.failure == nil, !silences.isEmpty { silences[endpoint] = nil }
        if let until = budget.closedUntil {
            closeEndpoint(endpoint, until: until, since: budget.closedSince ?? now)
            if run.isProbe, let gate = gate(run) {
                endProbe(run)
                hold(run, gate)
            }
        } else if gates["e:" + endpoint] != nil {
            if run.probed == "e:" + endpoint { endProbe(run) }
            open("e:" + endpoint)
        }
    }

    /// Whether nobody answers at the endpoint any more; then its gate is closed.
    private func isLost(_ run: UploadRun, _ end: FlightEnd, _ now: Timestamp) -> Bool {
        let endpoint = run.job.target.endpoint
        var reach = reaches[endpoint] ?? Reachability()
        switch end.failure?.cause {
        case nil, .answer, .unusableAnswer: reach.answered(at: now)
        case .curl:
            guard let failure = end.failure, classify(failure) == .transient else { break }
            // Requests that were lost while others were answered may end one after the other, and say nothing together either.
            if !failure.othersAnswered { reach.unanswered(at: now) }
            outageReasons[endpoint] = FlightEnd(failure: failure).text ?? failure.message
        case .cancelled, .source, .unsigned: break
        }
        reaches[endpoint] = reach
        guard let since = reach.lostSince else { return false }
        let name = "e:" + endpoint
        if gates[name]?.unreachable == nil {
            closeEndpoint(endpoint, until: reach.nextProbe ?? now, since: since, unreachable: run.job.target)
        }
        if run.isProbe, let gate = gate(run) {
            endProbe(run)
            hold(run, gate)
        }
        return true
    }

    private func closeEndpoint(_ endpoint: String, until: Timestamp, since: Timestamp, unreachable: Target? = nil) {
        let isNew = gates["e:" + endpoint] == nil
        let reason = outageReasons[endpoint] ?? "no answer"
        let gate = Gate(
            place: .endpoint(endpoint), text: Self.text(endpoint, reason), since: since, nextTry: until, shownNextTry: until,
            unreachable: unreachable)
        gates[gate.name] = gate
        guard isNew else { return }
        log.warning("an endpoint does not answer: uploads are held", metadata: ["endpoint": "\(endpoint)", "reason": "\(reason)"])
        forgetReady()
        for run in Array(runs.values) where run.job.target.endpoint == endpoint && !run.isProbe { hold(run, gate) }
    }

    private static func text(_ endpoint: String, _ reason: String) -> String {
        "\(endpoint) does not answer (\(reason)). It is tried again by itself"
    }

    // MARK: - Opening

    /// Everything a person wants to be tried now.
    func openAllGates() {
        for name in Array(gates.keys) { open(name) }
        budgets = [:]
        reaches = [:]
    }

    func open(_ name: String) {
        guard let gate = gates.removeValue(forKey: name) else { return }
        forgetReady()
        releaseRows(gate)
        if !abandoned.entries.isEmpty { abandoned.isStale = true }
        log.notice("uploads go on", metadata: ["gate": "\(name)"])
    }

    /// Rows of a gate change a batch at a time, so that a million of them keep no other upload from being written down.
    private static let rowBatch = 10_000

    private func releaseRows(_ gate: Gate) {
        // Rows that are just being written as held are among those that wait: that comes before this.
        let (running, count) = (runs.values.filter { !$0.isLanding }.map(\.id), Lock(0))
        write(urgent: true) { db in
            let released = try QueueStore.release(db, gate.place, held: gate.reason, excluding: running, limit: Self.rowBatch)
            count.withLock { $0 = released }
        } then: { [self] in
            forgetReady()
            changed()
            if count.withLock({ $0 }) == Self.rowBatch, gates[gate.name] == nil { releaseRows(gate) }
            schedule()
        } failed: { [self] error in
            log.error("held uploads cannot be written as queued", metadata: ["gate": "\(gate.name)", "error": "\(error)"])
            // The rows stay held and nothing else looks for them: the gate's next opening does.
            guard gates[gate.name] == nil else { return }
            gates[gate.name] = gate
            gates[gate.name]?.nextTry = clocks.steady() + Self.longestRetry
        }
    }

    /// Rows that wait for the same: they are shown as held too, so that nobody waits for them in vain.
    func holdRows(_ gate: Gate) {
        guard case .scope(let scope) = gate.place, gates[gate.name]?.isHolding == false else { return }
        gates[gate.name]?.isHolding = true
        holdBatch(gate.name, scope, StoredError(gate, at: clocks.wall()))
    }

    private func holdBatch(_ name: String, _ scope: String, _ error: StoredError) {
        let (running, count) = (Array(runs.keys), Lock(0))
        write(urgent: true) { db in
            let held = try QueueStore.hold(db, scope: scope, error: error, excluding: running, limit: Self.rowBatch)
            count.withLock { $0 = held }
        } then: { [self] in
            changed()
            guard count.withLock({ $0 }) == Self.rowBatch, gates[name] != nil else {
                gates[name]?.isHolding = false
                return
            }
            holdBatch(name, scope, error)
        } failed: { [self] _ in
            gates[name]?.isHolding = false
        }
    }

    /// Rows came back into the queue while gates are closed.
    func holdRowsAtGates() { for gate in Array(gates.values) { holdRows(gate) } }

    /// What a row that waits for something outside has to say now. Rows are not written anew each time the gate is looked at.
    func gate(of row: UploadRow, _ job: JobFacts) -> Gate? {
        guard row.state == .held, !gates.isEmpty else { return nil }
        switch row.held {
        case .credentials?: return gates["s:" + job.target.scope]
        case .network?: return gates["e:" + job.target.endpoint]
        case .disk?, .schedule?, nil: return nil
        }
    }

    // MARK: - Probes

    /// It has found out what it was let through for, or never will: another may be let through.
    func endProbe(_ run: UploadRun) {
        guard let name = run.probed else { return }
        run.probed = nil
        gates[name]?.isProbing = false
    }

    /// It ended without a word about the endpoint: that is not the endpoint's fault, and the next one need not wait.
    func loseProbe(_ name: String) {
        gates[name]?.isProbing = false
        if case .endpoint(let endpoint)? = gates[name]?.place { budgets[endpoint]?.probeLost(at: clocks.steady()) }
    }

    func openGatesThatAreDue(_ now: Timestamp) {
        guard !isFinishing, startsBlocked == 0, !queueMachine.isPaused else { return }
        for (name, gate) in gates where !gate.isProbing && !gate.isHolding && now >= gate.nextTry {
            if let target = gate.unreachable {
                if reaches[target.endpoint]?.takeProbe(at: now) == true { probeReach(name, target) }
                continue
            }
            if case .endpoint(let endpoint) = gate.place {
                guard case .probe = budgets[endpoint]?.admit(at: now) ?? .probe else { continue }
            }
            gates[name]?.isProbing = true
            probe(name, gate)
        }
    }

    /// Asks whether anybody answers there again.
    private func probeReach(_ name: String, _ target: Target) {
        gates[name]?.isProbing = true
        // Unstructured on purpose: the loop goes on while the network is waited for.
        Task { [requests] in self.reachProbed(name, target, await requests.reach(target)) }
    }

    private func reachProbed(_ name: String, _ target: Target, _ failure: String?) {
        let (endpoint, now) = (target.endpoint, clocks.steady())
        guard !isDead, !isStopping, gates[name]?.unreachable != nil else { return }
        guard let failure else {
            reaches[endpoint]?.answered(at: now)
            // What it owed from before says nothing about now.
            (budgets[endpoint], silences[endpoint]) = (nil, nil)
            open(name)
            return schedule()
        }
        reaches[endpoint]?.probeFailed(at: now)
        outageReasons[endpoint] = failure
        guard let next = reaches[endpoint]?.nextProbe else { return open(name) }
        gates[name]?.text = Self.text(endpoint, failure)
        gates[name]?.isProbing = false
        gates[name]?.nextTry = next
        gates[name]?.shownNextTry = next
        changed()
    }

    /// Lets one upload through: the first that is held for it, else the first that would be.
    private func probe(_ name: String, _ gate: Gate) {
        let (running, store, epoch) = (Array(runs.keys), store, readyEpoch)
        let (scopes, endpoints) = (closedScopes, closedEndpoints)
        // Unstructured on purpose: the loop goes on while the store reads.
        Task {
            let found = try? await store.read { db in
                try QueueStore.firstAtGate(
                    db, gate.place, excluding: running, closedScopes: scopes, closedEndpoints: endpoints)
            }
            probeFound(name, found, epoch: epoch)
        }
    }

    private func probeFound(_ name: String, _ found: QueueStore.AtGate?, epoch: Int) {
        guard !isDead, !isStopping, gates[name] != nil else { return }
        // Somebody changed the queue meanwhile: what was read may be wrong. The next tick asks again.
        guard let found, epoch == readyEpoch, startsBlocked == 0 else { return loseProbe(name) }
        switch found {
        case .row(let row, let job):
            // What needs it is running and will tell.
            guard runs[row.id] == nil else { return loseProbe(name) }
            jobs[job.id] = job
            guard job.problem == nil else {
                failUploads(of: job)
                return loseProbe(name)
            }
            let stateOnDisk = row.state
            var row = row
            (row.state, row.held, row.nextTry) = (.queued, nil, nil)
            begin(row, probing: name)
            runs[row.id]?.stateOnDisk = stateOnDisk
        case .behindAnother:
            loseProbe(name)
            gates[name]?.nextTry = clocks.steady() + Self.behindAnotherRetry
        // Nothing needs it any more.
        case .none: open(name)
        }
    }
}
