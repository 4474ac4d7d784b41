import Contracts
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// Uploads that have their turn: their machines' actions performed in order, their requests' ends reported.
extension EngineLoop {
    // MARK: - Begin

    /// - Parameter gate: the closed one that it is let through.
    func begin(_ row: UploadRow, probing gate: String? = nil) {
        guard let job = jobs[row.job], runs[row.id] == nil else { return }
        guard job.problem == nil else { return failUploads(of: job) }
        let run = UploadRun(row: row, job: job, machine: machine(row, job: job, parts: []))
        run.probed = gate
        run.row.started = row.started ?? clocks.wall()
        if runs.isEmpty { tuneSoon() }
        runs[row.id] = run
        if !run.isSmall { multipart.append(row.id) }
        if row.phase == .aborting {
            // Ordered before a kill, and answered for: whatever has become of the source.
            (run.isAborting, run.isStarted) = (true, true)
            feed(run, .started)
        } else if run.isSmall, row.phase == .fresh, !job.looksFirst, adoption(row, job) == nil {
            run.isStarted = true
            feed(run, .started)
        } else {
            look(run)
        }
        changed(run.id)
    }

    func machine(_ row: UploadRow, job: JobFacts, parts: [StoredPart]) -> UploadMachine {
        let checkpoint = UploadCheckpoint(
            phase: row.phase, partSize: row.partSize, uploadID: row.uploadID, parts: parts, resentBytes: row.resent,
            completeSent: row.completeSent, initiateSent: row.initiateSent != nil)
        return UploadMachine(
            fileSize: row.size, checkpoint: checkpoint,
            settings: UploadMachine.Settings(policy: policy, mayRead: job.target.mayRead, forbidOverwrite: job.forbidOverwrite),
            seed: seeds.next())
    }

    // MARK: - Machine in, actions out

    func feed(_ run: UploadRun, _ event: UploadEvent) {
        guard !run.isLanding else { return }
        let actions = run.machine.on(event, at: clocks.steady())
        if run.awaitsSlot, !actions.isEmpty {
            // It is stopped while its body waits for a slot: that was never sent.
            run.actions.removeFirst()
            run.awaitsSlot = false
        }
        // What was asked for and not sent yet is called off too.
        if actions.contains(.cancelRequests) { run.actions.removeAll(where: \.isCalledOffByCancel) }
        run.actions += actions
        advance(run)
    }

    /// Performs what was asked for, in order; stops at what must be on the disk first.
    func advance(_ run: UploadRun) {
        while !run.isSaving, !run.isLanding, !run.awaitsSlot, !run.actions.isEmpty {
            if run.actions[0] == .put, partSlotsUsed >= slotsAllowed(run.row.priority) {
                run.awaitsSlot = true
                return waitingPuts.append(run.id)
            }
            let action = run.actions.removeFirst()
            if let error = run.sourceError, action.needsSource { return fail(run, unreadable: error) }
            switch action {
            case .save:
                // One write for both: what is final needs no checkpoint of its own.
                if case .finish(let outcome)? = run.actions.first { return land(run, outcome) }
                save(run)
            case .finish(let outcome): return land(run, outcome)
            case .partsReady: break
            case .cancelRequests: cancelFlights(run)
            case .awaitLease: renewLease(run)
            case .correctClock(let serverTime):
                after(run) { [authorizer] in await authorizer.learnClock(serverTime: serverTime) }
            case .initiate, .findUploads, .put, .listParts, .complete, .abort, .headObject, .hash:
                if !run.isProbe, let gate = gate(run) {
                    run.isOutOfStep = true
                    return hold(run, gate)
                }
                perform(action, run)
            }
        }
        let state = run.state
        if !run.isLanding, run.toldState != state {
            run.toldState = state
            changed(run.id)
        }
    }

    private func perform(_ action: UploadAction, _ run: UploadRun) {
        let (row, job, source) = (run.row, run.job, run.source)
        let attempt = (run.unanswered[action == .put ? 0 : UploadRun.noBody] ?? 0) + 1
        switch action {
        case .initiate:
            launch(run, .initiate) { requests, _ in await requests.initiate(row, job: job, attempt: attempt) }
        case .findUploads:
            let (store, wall) = (store, clocks.wall)
            launch(run, .find) { requests, _ in await requests.findUploads(row, job: job, store: store, wall: wall) }
        case .put:
            launch(run, .put, length: row.size, holdsSlot: true) { requests, meter in
                await requests.put(row, job: job, source: source, meter: meter, attempt: attempt)
            }
        case .listParts(let uploadID):
            launch(run, .listParts) { requests, _ in await requests.listParts(uploadID: uploadID, row, job: job, attempt: attempt) }
        case .complete(let uploadID, let parts):
            launch(run, .complete) { requests, _ in
                await requests.complete(uploadID: uploadID, parts: parts, row, job: job, source: source, attempt: attempt)
            }
        case .abort(let uploadID):
            launch(run, .abort) { requests, _ in await requests.abort(uploadID: uploadID, row, job: job, attempt: attempt) }
        case .headObject:
            launch(run, .head) { requests, _ in await requests.head(row, job: job, attempt: attempt) }
        case .hash(let range):
            guard let source else { return }
            launch(run, .hash) { requests, _ in await requests.hash(range, row, source: source) }
        default: break
        }
    }

    /// Something that must be over before the next action, other than the disk.
    private func after(_ run: UploadRun, _ work: @escaping @Sendable () async -> Void) {
        run.isSaving = true
        let id = run.id
        Task {
            await work()
            goOn(id)
        }
    }

    private func goOn(_ id: Int64) {
        guard let run = runs[id], !run.isLanding else { return }
        slotUse.free(run.row.job, run.slotsAwaitingSave)
        run.slotsAwaitingSave = 0
        run.isSaving = false
        advance(run)
        schedule()
    }

    private func renewLease(_ run: UploadRun) {
        let (id, generation, target) = (run.id, run.staleGeneration, run.job.target)
        run.staleGeneration = nil
        Task { [authorizer] in
            if let generation { await authorizer.retire(generation: generation, target: target) }
            leaseArrived(id)
        }
    }

    /// A busy server that asks for much patience gets it, and meanwhile another upload gets the place.
    func waitOutside(_ run: UploadRun, until deadline: Timestamp, _ now: Timestamp) {
        guard deadline - now >= policy.hold, run.state == .retrying, run.flights.isEmpty, !run.isProbe, !run.isAborting,
            let last = run.machine.lastFailure, case .answer(let status, _, _) = last.failure.cause, [429, 503].contains(status)
        else { return }
        (run.row.held, run.row.nextTry) = (.network, deadline)
        leave(run, as: .held, event: ("held", FlightEnd(failure: last.failure).text ?? last.failure.message))
    }

    /// The next request waits for the fresh lease by itself, or says that there is none.
    private func leaseArrived(_ id: Int64) {
        guard let run = runs[id] else { return }
        feed(run, .leaseArrived)
        schedule()
    }

    // MARK: - Requests

    func launch(
        _ run: UploadRun, _ kind: UploadRun.Kind, length: Int64 = 0, holdsSlot: Bool = false,
        _ work: @escaping @Sendable (UploadRequests, FlightMeter) async -> FlightEnd
    ) {
        nextFlight += 1
        let (number, id, meter, requests) = (nextFlight, run.id, FlightMeter(total: wire, pace: holdsSlot ? pace(of: run) : BodyPace()), requests)
        if holdsSlot { slotUse.take(run.row.job, bytes: length) }
        // Unstructured on purpose: a request lives as long as its run, not as long as whoever made it start.
        let task = Task { self.landed(id, number, await work(requests, meter)) }
        run.flights[number] = UploadRun.Flight(
            task: task, kind: kind, meter: meter, since: clocks.steady(), length: length, holdsSlot: holdsSlot)
    }

    private func landed(_ id: Int64, _ number: Int, _ end: FlightEnd) {
        guard !isDead, let run = runs[id], let flight = run.flights.removeValue(forKey: number) else { return }
        if let source = end.source, run.source == nil { run.source = source }
        if let identity = end.confirmed { run.row.identity = identity }
        if end.bytesSent > 0 {
            run.hasSent = true
            run.unseen += max(min(end.bytesSent, flight.length) - flight.seen, 0)
        }
        if let failure = end.failure, failure.cause != .cancelled { run.failures += 1 }
        if case .part(let part) = flight.kind { run.lastAnswers[part] = end.text }
        observe(flight, run, end)
        // Only silence may be slowness: what broke tells nothing of how long an answer takes.
        if case .curl(28)? = end.failure?.cause { run.unanswered[flight.kind.bodyNumber ?? UploadRun.noBody, default: 0] += 1 }
        judgeEndpoint(run, end)
        if flight.holdsSlot {
            tuning.note(end)
            etaMeter.note(flight, end, at: clocks.steady())
        }
        if let access = end.access {
            release(flight, run)
            lost(run, flight, access)
        } else if let error = end.unreadable {
            release(flight, run)
            if Self.isLack(error) { return lackDescriptors(run, error) }
            fail(run, unreadable: error)
        } else if let identity = end.changed {
            release(flight, run)
            adopt(run, identity)
        } else if let event = end.event {
            note(event, run)
            if let stored = end.stored { (run.row.versionID, run.row.requestID) = (stored.versionID, stored.requestID ?? run.row.requestID) }
            if run.isProbe, let failure = end.failure, isRefused(run, failure) {
                release(flight, run)
                credentialsRefused(run, failure, end.generation)
            } else {
                if end.failure != nil { run.staleGeneration = end.generation }
                if run.isProbe, end.generation != nil { openScope(run, isAnswered: end.isAnswered) }
                feed(run, event)
                release(flight, run)
            }
        } else {
            release(flight, run)
        }
        if let hold = run.pendingHold, runs[id] === run, !run.isLanding { self.hold(run, hold) }
        schedule()
    }

    /// A part's slot is free for another only when its answer is written down.
    private func release(_ flight: UploadRun.Flight, _ run: UploadRun) {
        guard flight.holdsSlot else { return }
        slotUse.land(run.row.job, bytes: flight.length)
        if run.isSaving { run.slotsAwaitingSave += 1 } else { slotUse.free(run.row.job) }
    }

    /// - Parameter all: also those whose answers matter.
    func cancelFlights(_ run: UploadRun, all: Bool = false) {
        for (number, flight) in run.flights where all || !flight.kind.mustLand {
            flight.task.cancel()
            run.flights[number] = nil
            if flight.holdsSlot {
                slotUse.land(run.row.job, bytes: flight.length)
                slotUse.free(run.row.job)
            }
            if flight.meter.bytes > 0 { run.machine.addResent(min(flight.meter.bytes, flight.length)) }
        }
    }

    /// No authorized request could be had: what the machine believes to be in flight is not, so the run ends here and a later one begins at
    /// the checkpoint.
    private func lost(_ run: UploadRun, _ flight: UploadRun.Flight, _ access: AccessFailure) {
        run.isOutOfStep = true
        closeScope(run.job.target.scope, access)
        endProbe(run)
        if let gate = gate(run) { hold(run, gate) }
    }

    /// The gate of its scope is closed, and the service refuses the credentials that were to open it.
    func isRefused(_ run: UploadRun, _ failure: RequestFailure) -> Bool {
        classify(failure) == .staleLease && gates["s:" + run.job.target.scope] != nil
    }

    /// Nobody else may find out the same way, and this upload is not to blame: it waits with the others.
    func credentialsRefused(_ run: UploadRun, _ failure: RequestFailure, _ generation: UInt64?) {
        if let generation {
            let target = run.job.target
            // Unstructured on purpose: nothing here waits for it, and the next who asks for credentials comes behind it.
            Task { [authorizer] in await authorizer.retire(generation: generation, target: target) }
        }
        run.isOutOfStep = true
        closeScope(run.job.target.scope, refusing: StoredError(failure, part: nil, at: clocks.wall()))
        endProbe(run)
        if let gate = gate(run) { hold(run, gate) }
    }

    // MARK: - The disk

    private func save(_ run: UploadRun) {
        run.isSaving = true
        run.refreshRow()
        if run.machine.checkpoint.initiateSent { run.row.initiateSent = run.row.initiateSent ?? clocks.wall() }
        let changes = run.machine.takeChanges()
        let (row, target, before, restarts) = (run.row, run.job.target, run.uploadIDOnDisk, run.machine.takeRestarts())
        run.uploadIDOnDisk = row.uploadID
        let at = clocks.wall()
        write(urgent: true) { db in
            try row.update(db)
            try QueueStore.write(changes, upload: row.id, db)
            for reason in restarts { try QueueStore.addEvent(db, upload: row.id, at: at, kind: "retry", text: reason) }
            guard row.uploadID != before else { return }
            // In the same transaction: an upload id is never known to the row and not to the ledger.
            try QueueStore.giveUp(db, upload: row.id, keeping: row.uploadID)
            if let uploadID = row.uploadID { try QueueStore.owe(db, row: row, uploadID: uploadID, target: target, at: at) }
        } then: { [self] in
            // Begun anew: the id before is owed from now on, and nothing else would look for it.
            if before != nil, row.uploadID != before { abandoned.isStale = true }
            saved(run, row)
        } failed: { [self] error in
            fail(run, code: "LocalError", message: "its progress cannot be written (\(error)). Report this")
        }
    }

    private func saved(_ run: UploadRun, _ row: UploadRow) {
        slotUse.free(run.row.job, run.slotsAwaitingSave)
        run.slotsAwaitingSave = 0
        (run.storedOnDisk, run.stateOnDisk) = (row.stored, .queued)
        guard runs[run.id] === run, !run.isLanding else { return }
        run.isSaving = false
        if let gate = run.pendingHold { hold(run, gate) }
        advance(run)
        if !run.isLanding, run.flights.isEmpty, !run.isSaving, !run.isProbe, let gate = gate(run) { hold(run, gate) }
    }
}

extension UploadAction {
    /// It leads to reading the file.
    fileprivate var needsSource: Bool {
        switch self {
        case .initiate, .put, .partsReady, .hash: true
        default: false
        }
    }

    /// `.cancelRequests` ends it, whether it was performed or still waits for the disk.
    fileprivate var isCalledOffByCancel: Bool {
        switch self {
        case .put, .findUploads, .listParts, .headObject, .hash, .abort, .awaitLease: true
        default: false
        }
    }
}

extension JobFacts {
    /// The destination has to be asked before anything is sent.
    var looksFirst: Bool { target.mayRead && ["skip", "newer", "rename"].contains(target.existing) }

    /// The same order where nothing may be asked: what is there is never overwritten.
    func withoutReading() -> JobFacts {
        var (target, headers) = (target, headers)
        (target.mayRead, headers.forbidOverwrite) = (false, true)
        return JobFacts(id: id, dest: dest, target: target, options: options, headers: headers)
    }
}
