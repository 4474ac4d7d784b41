import OSSProtocol
import TransferCore

/// What must hold in every history.
extension History {
    /// Most requests of one upload in a minute while nothing works.
    static let mostAMinute = 120

    // MARK: - While a run goes on

    /// Stored bytes never fall without a word.
    mutating func checkStep(_ row: Int, _ event: UploadEvent, _ stored: Int64, _ restarts: Int, _ phase: UploadCheckpoint.Phase) {
        guard let run = engine.runs[row] else { return }
        if run.machine.restarts.count > restarts { note(.begunAnew) { "\(row) \(run.machine.restarts.last ?? "")" } }
        if run.machine.storedBytes < stored, run.machine.restarts.count == restarts, phase != .aborting, run.machine.outcome == nil,
            run.machine.phase != .aborting
        {
            broken("\(row) fell from \(stored) to \(run.machine.storedBytes) bytes without a word after \(event)")
        }
        for part in run.machine.checkpoint.parts where part.crc64 != content(row, run.row.version, part.number).crc64 {
            broken("part \(part.number) of \(row) is noted and does not hold the file's bytes")
        }
    }

    mutating func checkLaunch(_ row: Int, _ kind: Kind, _ id: String, _ part: Int) {
        let onDisk = disk.rows[row]
        guard let run = engine.runs[row] else { return broken("\(kind) of \(row) without a run") }
        if onDisk.state.isEnded || onDisk.state == .paused || onDisk.isHidden { return broken("\(kind) of \(row), which is \(onDisk.state)") }
        if run.isLanding || run.machine.outcome != nil { return broken("\(kind) of \(row) after the end of its run") }
        if run.wasStopped, !run.isAborting, [.put, .part].contains(kind) { return broken("\(kind) of \(row) after the order to stop") }
        for flight in engine.flights where flight.row == row && flight.run == run.number {
            if flight.kind == kind, kind != .part || flight.part == part { return broken("\(kind) \(part) of \(row) twice at once") }
            if kind != .part, kind != .hash, flight.kind != .part, flight.kind != .hash { return broken("\(kind) of \(row) besides \(flight.kind)") }
        }
        if kind == .part || kind == .put, engine.slotsUsed >= engine.parts { return broken("more bodies at once than \(engine.parts)") }
        guard kind == .part else { return }
        guard onDisk.uploadID == id else { return broken("a part of \(row) before \(id) is written down") }
        guard let upload = server.living(id), part <= server.uploads[upload].parts.count, let stored = server.uploads[upload].parts[part - 1], stored.isNoted else { return }
        broken("part \(part) of \(row) is stored and written down, and is sent again")
    }

    mutating func checkComplete(_ row: Int, _ id: String, _ parts: [StoredPart]) {
        let onDisk = disk.rows[row]
        guard let run = engine.runs[row] else { return }
        if parts.map(\.number) != Array(1...run.machine.plan.partCount) { return broken("\(row) is completed with parts \(parts.map(\.number))") }
        if onDisk.phase != .completing || !onDisk.completeSent || onDisk.uploadID != id {
            return broken("\(row) is completed before that is written down")
        }
        if onDisk.parts.count != parts.count { broken("\(row) is completed with parts that are not written down") }
    }

    /// - Parameter begins: a large upload that has its turn now, and not to find out about a gate: a probe is let through whatever runs.
    mutating func checkLimits(begins: Bool = false) {
        let large = engine.multipart.count
        if begins, large > engine.queueMachine.slots { broken("\(large) large uploads at once, of \(engine.queueMachine.slots)") }
        var slots = 0
        for flight in engine.flights where flight.holdsSlot { slots += 1 }
        for run in engine.runs { slots += run?.slotsAwaitingSave ?? 0 }
        if slots != engine.slotsUsed { broken("\(engine.slotsUsed) slots are taken, and \(slots) are used") }
    }

    // MARK: - At the end of a run

    mutating func checkOutcome(_ row: Int, _ outcome: UploadOutcome) {
        guard let run = engine.runs[row] else { return }
        if engine.flights.contains(where: { $0.run == run.number && $0.kind.mustLand }) { return broken("\(outcome) while an answer is due that matters") }
        switch outcome {
        case .done(_, let crc, let isVerified):
            guard isWhole(server.objects[row], row, run.row.version) else {
                return broken("\(row) is done, and the object is not the file (verified: \(isVerified))")
            }
            if let crc, crc != server.objects[row]?.crc64 { return broken("\(row) is done with a wrong checksum") }
        case .aborted:
            if !run.isAborting, disk.rows[row].phase != .aborting { return broken("\(row) is aborted without an order") }
            if world.mayRead, world.saysChecksums, let object = server.objects[row], object.from == run.row.uploadID, isWhole(object, row, run.row.version) {
                broken("\(row) is aborted, and the object is there")
            }
        case .failed(let reason):
            switch reason.code {
            case "SourceChanged":
                if files[row].sizes.count == 1 { broken("the source of \(row) changed, and it did not") }
            case "FileAlreadyExists":
                if !world.forbidOverwrite || server.objects[row] == nil { return broken("nothing is in the way of \(row)") }
                if world.mayRead, !world.listDenied, world.saysChecksums, let object = server.objects[row], object.from != "other", object.size > 0, !wasAborted[row],
                    isWhole(object, row, run.row.version)
                {
                    broken("\(row) is refused because of itself")
                }
            default: break
            }
        case .held(_, let until):
            if let until, until.milliseconds - steady > 301_000 { broken("\(row) is held for \(until.milliseconds - steady) ms") }
        case .paused, .cancelled: break
        }
    }

    // MARK: - At each transaction

    mutating func checkDisk() {
        for (row, onDisk) in disk.rows.enumerated() {
            if onDisk.state == .held, onDisk.held == nil { broken("\(row) is held without a reason") }
            if onDisk.state.isActive { broken("\(row) is written as \(onDisk.state)") }
            guard let id = onDisk.uploadID, let upload = server.find(id) else { continue }
            (server.uploads[upload].wasSaved, server.uploads[upload].isLost) = (true, false)
            for part in onDisk.parts {
                guard part.number <= server.uploads[upload].parts.count else { continue }
                if server.uploads[upload].parts[part.number - 1]?.etag == part.etag {
                    server.uploads[upload].parts[part.number - 1]?.isNoted = true
                }
            }
        }
        checkLedger("a transaction")
    }

    /// Every upload id that was written down and is alive on the server is owed.
    mutating func checkLedger(_ when: String) {
        for upload in server.uploads where upload.isAlive && upload.wasSaved {
            if !disk.ledger.contains(where: { $0.id == upload.id }) { return broken("\(upload.id) is alive and forgotten at \(when)") }
        }
        for (row, onDisk) in disk.rows.enumerated() {
            guard let id = onDisk.uploadID, server.living(id) != nil else { continue }
            if !disk.ledger.contains(where: { $0.id == id && $0.row == row }) { broken("\(id) is of \(row) and owed by nobody at \(when)") }
        }
    }

    // MARK: - Now and then

    /// Nothing waits without something that will end the wait.
    mutating func checkIdle() {
        guard isUp, problem == nil, !engine.isStopping, !engine.isFlushing, engine.pending.isEmpty, !engine.isFinishing else { return }
        for row in disk.rows.indices {
            if let run = engine.runs[row] {
                guard run.isStarted, !run.isSaving, !run.isLanding, run.flights == 0, !run.awaitsSlot, run.pendingHold == nil else { continue }
                if run.machine.nextDeadline == nil, !run.machine.wantsParts(at: now), !run.awaitsLease {
                    broken("\(row) is stuck in \(run.machine.phase): nothing in flight, nothing awaited")
                }
            } else if disk.rows[row].state == .held, disk.rows[row].nextTry == nil, gate(row) == nil {
                broken("\(row) is held for ever: \(disk.rows[row].held.map { "\($0)" } ?? "-")")
            }
        }
        if let nextTry = engine.diskTrouble, !isDiskFull, steady - nextTry > 10_000 { broken("the disk has space again and nobody finds out") }
        checkLimits()
    }

    /// While nothing works, nothing spins.
    mutating func judgeOutage(_ endpoint: Int) {
        let minutes = Double(time - outageBegan[endpoint]) / 60_000
        guard minutes > 1 else { return }
        let rate = Int(Double(outageRequests) / minutes / Double(files.count))
        mostRequestsAMinute = max(mostRequestsAMinute, rate)
        if rate > History.mostAMinute { broken("\(rate) requests a minute of each upload while nothing works") }
    }

    // MARK: - When all is over

    func verdict() -> String? {
        guard isQuiet else { return "the history ended before it was quiet" }
        for row in disk.rows.indices {
            let onDisk = disk.rows[row]
            if !isSettled(row) { return "\(row) never ended: \(rowsText)" }
            if onDisk.state == .done, let object = server.objects[row], object.from != "put", !isWhole(object, row, onDisk.version) {
                return "\(row) was done, and its object is another one now"
            }
        }
        for upload in server.uploads where upload.isAlive && !upload.isLost {
            if !disk.ledger.contains(where: { $0.id == upload.id }) { return "\(upload.id) is left on the server: \(rowsText)" }
        }
        // What only the server knew was found before a second was begun.
        for upload in server.uploads where upload.isAlive && upload.isLost && !upload.isStray && !isExcused[upload.row] {
            if disk.rows[upload.row].state == .done { return "\(upload.id) was begun by a lost Initiate, and nobody found it: \(rowsText)" }
        }
        return nil
    }
}
