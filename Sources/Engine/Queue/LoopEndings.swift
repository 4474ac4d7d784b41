import Contracts
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// How runs end, and what that makes of their rows.
extension EngineLoop {
    /// The machine has come to its end.
    func land(_ run: UploadRun, _ outcome: UploadOutcome) {
        let now = clocks.wall()
        run.refreshRow()
        run.row.held = nil
        run.row.nextTry = nil
        var event: (kind: String, text: String)?
        var isRefused = false
        switch outcome {
        case .done(let etag, let crc64, let isVerified):
            run.row.state = .done
            run.row.finished = now
            run.row.stored = run.row.size
            run.row.partsStored = run.machine.plan.partCount
            (run.row.etag, run.row.crc64, run.row.isVerified, run.row.error) = (etag, crc64, isVerified, nil)
            // The server has forgotten it too.
            run.row.uploadID = nil
            if let last = run.machine.lastFailure, classify(last.failure) == .storedCallbackFailed {
                event = ("done", "stored, but the callback failed (\(FlightEnd(failure: last.failure).text ?? last.failure.message))")
            }
        case .paused:
            run.row.state = .paused
            event = ("paused", "paused")
        case .cancelled:
            run.row.state = .cancelled
            run.row.finished = now
            event = ("cancelled", "cancelled, stored parts are kept for a while")
        case .aborted:
            run.row.state = .cancelled
            run.row.finished = now
            event = ("abort", "aborted, the server holds nothing of it")
        case .failed(let reason):
            run.row.finished = now
            // Where the object cannot be looked at, the server's refusal is how one learns that it is there.
            if reason.code == "FileAlreadyExists", run.job.target.existing == "skip" {
                (run.row.state, run.row.error) = (.skipped, nil)
                event = ("done", "skipped: the object is there")
                break
            }
            run.row.state = .failed
            run.row.error = StoredError(
                code: reason.code, http: reason.httpStatus, request: reason.requestID, at: now, part: reason.part, message: reason.message)
            event = ("failed", reason.message)
        case .held(let reason, let until):
            run.row.state = .held
            run.row.held = reason
            run.row.nextTry = until
            isRefused = reason == .credentials
            event = ("held", run.row.error?.message ?? reason.rawValue)
            if reason == .network {
                let endpoint = run.job.target.endpoint
                silences[endpoint] = (silences[endpoint]?.since ?? now, until)
            }
        }
        if run.isAborting, run.row.state != .done {
            run.row.state = .cancelled
            run.row.finished = now
            (run.row.held, run.row.nextTry) = (nil, nil)
        }
        // The end of a large upload is worth a flush of its own: somebody may wait for it.
        leave(run, event: event, isUrgent: run.row.state != .done || !run.isSmall || isLastEnd(run))
        // Each of a million uploads could ask three times more: one asks for all.
        if isRefused { closeScope(run.job.target.scope, refusing: run.row.error) }
    }

    /// Ends a run without its machine: what the store has is what a later run begins with, as after a kill.
    func leave(_ run: UploadRun, as state: UploadState, event: (kind: String, text: String)? = nil) {
        run.refreshRow()
        run.row.state = state
        if let error = run.heldError { run.row.error = error }
        if state != .held { (run.row.held, run.row.nextTry) = (nil, nil) }
        if state.isEnded { run.row.finished = clocks.wall() }
        leave(run, event: event, isUrgent: true)
    }

    /// The row is written; only then is the run forgotten and its end told.
    private func leave(_ run: UploadRun, event: (kind: String, text: String)?, isUrgent: Bool) {
        cancelFlights(run, all: true)
        slotUse.free(run.row.job, run.slotsAwaitingSave)
        run.slotsAwaitingSave = 0
        run.isLanding = true
        run.actions = []
        run.row.tries = run.tries
        multipart.removeAll { $0 == run.id }
        let restarts = run.machine.takeRestarts()
        let changes = run.isStarted ? run.machine.takeChanges() : CheckpointChanges(header: false, replacesParts: false, parts: [])
        let isOver = run.row.state == .done || (run.isAborting && run.machine.outcome == .aborted)
        let isAborted = run.isAborting && !isOver
        // The machine knows it to be gone, or has given it up: it is no upload's any more, and whoever aborts has the last look.
        let isForgotten = !isOver && !isAborted && run.row.uploadID == nil && run.uploadIDOnDisk != nil
        if run.isAborting, run.row.state != .done {
            (run.row.phase, run.row.uploadID, run.row.partsStored, run.row.stored) = (.fresh, nil, 0, 0)
        }
        let (row, target, before, at) = (run.row, run.job.target, run.uploadIDOnDisk, clocks.wall())
        if row.state == .done, run.isSmall, before == nil, event == nil, restarts.isEmpty {
            writeDone(run)
            return changed(run.id)
        }
        write(urgent: isUrgent) { db in
            try row.update(db)
            try QueueStore.write(changes, upload: row.id, db)
            for reason in restarts { try QueueStore.addEvent(db, upload: row.id, at: at, kind: "retry", text: reason) }
            if let event { try QueueStore.addEvent(db, upload: row.id, at: at, kind: event.kind, text: event.text) }
            if isOver {
                if let before { try QueueStore.settle(db, bucket: target.bucket, key: row.key, uploadID: before) }
                if before != nil || row.partsStored > 1 {
                    try db.cachedStatement(sql: "DELETE FROM parts WHERE upload = ?").execute(arguments: [row.id])
                }
            } else if isAborted {
                try QueueStore.giveUp(db, upload: row.id)
                try db.cachedStatement(sql: "DELETE FROM parts WHERE upload = ?").execute(arguments: [row.id])
            } else if isForgotten {
                try QueueStore.giveUp(db, upload: row.id)
            } else if let uploadID = row.uploadID, uploadID != before {
                try QueueStore.giveUp(db, upload: row.id, keeping: uploadID)
                try QueueStore.owe(db, row: row, uploadID: uploadID, target: target, at: at)
            }
        } then: { [self] in
            if isForgotten { abandoned.isStale = true }
            left(run)
        } failed: { [self] _ in
            left(run)
            // Its row says what it said before.
            forgetReady()
        }
        changed(run.id)
    }

    func left(_ run: UploadRun) {
        guard runs[run.id] === run else { return }
        observe(ended: run)
        runs[run.id] = nil
        if let gate = run.probed { loseProbe(gate) }
        if isRefilling { endedSinceRefill.insert(run.id) }
        if run.row.state == .queued { forgetReady() }
        if run.isAborting { abandoned.isStale = true }
        if run.row.state == .done {
            uploadLimits[run.id] = nil
            dropSpooled(run.row)
        }
        changed(run.id, row: run.row)
        ringJob(run.row.job)
    }

    /// Something outside is missing: the row waits for the gate, as soon as what is on its way has landed. That was sent in good faith and
    /// may well arrive; cutting it off would cost a large part each time an endpoint stumbles.
    func hold(_ run: UploadRun, _ gate: Gate) {
        guard !run.isLanding else { return }
        guard run.flights.isEmpty, !run.isSaving else {
            run.pendingHold = gate
            return
        }
        run.pendingHold = nil
        if gates[gate.name] == nil, !run.isOutOfStep { return advance(run) }
        if run.isAborting { return leave(run, as: .cancelled) }
        // It was opened while the last answers were awaited.
        guard let gate = gates[gate.name] else { return leave(run, as: .queued) }
        run.row.held = gate.reason
        run.row.nextTry = gate.shownNextTry
        let error = StoredError(gate, at: clocks.wall())
        run.row.error = error
        run.heldError = error
        leave(run, as: .held, event: ("held", gate.text))
    }

    /// The engine stops: the row goes back to where it was.
    func drop(_ run: UploadRun) { leave(run, as: run.isAborting ? .cancelled : .queued) }

    func fail(_ run: UploadRun, code: String, message: String) {
        guard !run.isLanding else { return }
        run.refreshRow()
        let error = StoredError(code: code, http: nil, request: nil, at: clocks.wall(), part: nil, message: message)
        run.row.error = error
        run.heldError = error
        leave(run, as: run.isAborting ? .cancelled : .failed, event: ("failed", message))
    }

    /// The file is another one than was queued and nothing of it was sent in this run: it is taken as it is now, from its beginning.
    func adopt(_ run: UploadRun, _ identity: SourceIdentity) {
        guard !run.isLanding, !run.isAborting else { return }
        if run.hasSent {
            let detail = SourceReader.difference(run.row.identity, identity)
            return feed(run, .sourceChanged(detail: detail))
        }
        run.adoptions += 1
        guard run.adoptions <= UploadRun.mostAdoptions else {
            return fail(
                run, code: "SourceChanged", message: "\(PathText.shown(run.row.path)) is being written to all the time. Retry when it is complete")
        }
        let preferred = run.job.options.partSize ?? settings.partSize * PartPlan.factor(forFileOf: identity.size)
        guard let plan = try? PartPlan(fileSize: identity.size, preferred: preferred) else {
            return fail(run, code: "LocalError", message: "\(PathText.shown(run.row.path)) is larger than an object can be (48.8 TiB). Split it")
        }
        let begunBefore = run.row.uploadID != nil || run.row.partsStored > 0
        run.row.identity = identity
        (run.row.partSize, run.row.phase, run.row.uploadID, run.row.partsStored) = (plan.partSize, .fresh, nil, 0)
        (run.row.stored, run.row.completeSent, run.row.initiateSent) = (0, false, nil)
        run.uploadIDOnDisk = nil
        run.isStarted = false
        run.actions = []
        run.machine = machine(run.row, job: run.job, parts: [])
        run.isSaving = true
        if run.isSmall { multipart.removeAll { $0 == run.id } } else if !multipart.contains(run.id) { multipart.append(run.id) }
        let (row, at) = (run.row, clocks.wall())
        write(urgent: true) { db in
            try row.update(db)
            try db.execute(sql: "DELETE FROM parts WHERE upload = ?", arguments: [row.id])
            try QueueStore.giveUp(db, upload: row.id)
            let text = "the source changed since it was queued" + (begunBefore ? ": begun again from 0, the old parts are deleted" : "")
            try QueueStore.addEvent(db, upload: row.id, at: at, kind: "start", text: text)
        } then: { [self] in
            // Also where a person has stopped it meanwhile.
            abandoned.isStale = true
            guard runs[run.id] === run, !run.isLanding else { return }
            run.isSaving = false
            (run.storedOnDisk, run.stateOnDisk) = (0, .queued)
            look(run)
        } failed: { [self] error in
            fail(run, code: "LocalError", message: "what its file is now cannot be written (\(error)). Report this")
        }
    }

    /// What is worth remembering of an upload besides its state.
    func note(_ event: UploadEvent, _ run: UploadRun) {
        let entry: (kind: String, text: String)
        switch event {
        case .partsListed(let parts): entry = ("resume", "the server has \(parts.count) of \(run.machine.plan.partCount) parts")
        case .partFailed(let number, let failure, _) where failure.cause != .cancelled:
            entry = ("retry", "part \(number): \(FlightEnd(failure: failure).text ?? failure.message)")
        case .putFailed(let failure, _) where failure.cause != .cancelled:
            entry = ("retry", FlightEnd(failure: failure).text ?? failure.message)
        case .initiateFailed(let failure), .listPartsFailed(let failure), .completeFailed(let failure), .objectHeadFailed(let failure),
            .findUploadsFailed(let failure):
            entry = ("retry", FlightEnd(failure: failure).text ?? failure.message)
        case .sourceChanged(let detail): entry = ("failed", "the source changed while it was read: \(detail)")
        default: return
        }
        run.notes += 1
        // A part that fails again and again must not fill the disk.
        guard run.notes <= UploadRun.mostNotes else { return }
        let (id, at) = (run.id, clocks.wall())
        write(urgent: false) { db in try QueueStore.addEvent(db, upload: id, at: at, kind: entry.kind, text: entry.text) }
    }
}
