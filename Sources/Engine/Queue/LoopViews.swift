import Contracts
import FoundationEssentials
import GRDB
import Glibc
import OSSProtocol
import Platform
import TransferCore

/// Single uploads as people see them.
extension EngineLoop {
    private static let mostMap = 10_000
    private static let mostEvents = 200

    public func upload(_ id: String) async -> UploadDetail? {
        guard let number = UploadID.row(id) else { return nil }
        let read = try? await store.read { db -> (UploadRow, JobFacts?, [StoredPart], [UploadEventView])? in
            guard let row = try QueueStore.row(db, id: number) else { return nil }
            let events = try QueueStore.events(db, upload: number, limit: Self.mostEvents)
            return (
                row, try QueueStore.job(db, id: row.job), try QueueStore.parts(db, upload: number),
                events.map { UploadEventView(at: $0.at.iso8601, kind: $0.kind, text: $0.text) }
            )
        }
        guard let (row, job, parts, events) = read ?? nil, let job else { return nil }
        if let run = runs[number], !run.isLanding {
            return UploadDetail(
                upload: view(run.row, job, run), map: map(run), active: active(run), events: withMilestones(events, run.row, job), limit: uploadLimits[number])
        }
        let isDone = row.state == .done
        return UploadDetail(
            upload: view(row, job), map: map(row, parts), active: [], events: withMilestones(events, row, job),
            versionId: isDone ? row.versionID : nil, requestId: isDone ? row.requestID : nil, limit: uploadLimits[number])
    }

    /// What every upload goes through is not written as events: the row's times say it.
    private func withMilestones(_ events: [UploadEventView], _ row: UploadRow, _ job: JobFacts) -> [UploadEventView] {
        var all = [UploadEventView(at: row.added.iso8601, kind: "queued", text: "queued")]
        if let wanted = job.options.partSize, let plan = try? PartPlan(fileSize: row.size, preferred: wanted), plan.isRaised(over: wanted) {
            let text = "parts of \(plan.partSize) bytes, not \(wanted) as ordered: an upload has at most \(PartPlan.mostParts)"
            all.append(UploadEventView(at: row.added.iso8601, kind: "queued", text: text))
        }
        if let started = row.started { all.append(UploadEventView(at: started.iso8601, kind: "start", text: "started")) }
        all += events
        if row.state == .done, let finished = row.finished {
            let sum = row.crc64.map { ", CRC-64 \($0)" } ?? ""
            if row.isVerified == false {
                let text = "the server gave no checksum to compare with: unverified"
                all.append(UploadEventView(at: finished.iso8601, kind: "verify", text: text))
            }
            all.append(UploadEventView(at: finished.iso8601, kind: "done", text: "done\(sum)"))
        }
        // Same second: as they were put.
        let ordered = all.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
        return Array(ordered.suffix(Self.mostEvents))
    }

    private func map(_ run: UploadRun) -> String {
        guard run.isStarted else { return map(run.row, []) }
        var bytes: [UInt8] = []
        for part in 1...min(run.machine.plan.partCount, Self.mostMap) {
            switch run.machine.state(of: part) {
            case .todo, .checking: bytes.append(UInt8(ascii: "."))
            case .stored: bytes.append(UInt8(ascii: "#"))
            case .sending(let attempt): bytes.append(attempt <= 1 ? UInt8(ascii: "s") : UInt8(48 + min(attempt, 9)))
            case .waiting: bytes.append(UInt8(ascii: "!"))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func map(_ row: UploadRow, _ parts: [StoredPart]) -> String {
        guard let plan = try? PartPlan(fileSize: row.size, partSize: row.partSize) else { return "" }
        let todo = row.state == .failed && plan.isSinglePut ? UInt8(ascii: "!") : UInt8(ascii: ".")
        var bytes = [UInt8](repeating: row.state == .done ? UInt8(ascii: "#") : todo, count: min(plan.partCount, Self.mostMap))
        for part in parts where bytes.indices.contains(part.number - 1) { bytes[part.number - 1] = UInt8(ascii: "#") }
        if let failed = row.error?.part, row.state == .failed, bytes.indices.contains(failed - 1) { bytes[failed - 1] = UInt8(ascii: "!") }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// In flight, and those that wait for another try.
    private func active(_ run: UploadRun) -> [PartView] {
        let now = clocks.steady()
        var views: [Int: PartView] = [:]
        for flight in run.flights.values {
            let number: Int
            switch flight.kind {
            case .part(let part): number = part
            case .put: number = 1
            default: continue
            }
            let tries = max(run.machine.tries(number), 1)
            var rate = flight.rate
            views[number] = PartView(
                number: number, state: tries > 1 ? .again : .sending, sent: min(flight.meter.bytes, flight.length), size: flight.length,
                rate: rate.rate(at: now), tries: tries, since: Double((now - flight.since).inMilliseconds) / 1000,
                lastAnswer: run.lastAnswers[number])
        }
        for (number, answer) in run.lastAnswers where views[number] == nil && (1...run.machine.plan.partCount).contains(number) {
            guard case .waiting(let attempt, _) = run.machine.state(of: number) else { continue }
            views[number] = PartView(
                number: number, state: .failed, sent: 0, size: run.machine.plan.range(of: number).length, rate: 0, tries: attempt,
                since: nil,
                lastAnswer: answer)
        }
        return views.values.sorted { $0.number < $1.number }
    }

    // MARK: - One upload

    func view(_ row: UploadRow, _ job: JobFacts, _ run: UploadRun? = nil) -> UploadView {
        let live = run.flatMap { $0.isLanding ? nil : $0 }
        let total = (try? PartPlan(fileSize: row.size, partSize: row.partSize).partCount) ?? 1
        let state = live?.state ?? row.state
        var (stored, sending, rate, storedParts, resent) = (row.stored, Int64(0), Int64(0), row.partsStored, row.resent)
        if let live {
            if live.isStarted {
                (stored, storedParts, resent) = (live.machine.storedBytes, live.machine.storedParts, live.machine.checkpoint.resentBytes)
            }
            sending = min(live.sendingBytes, row.size - stored)
            rate = live.rate.rate(at: clocks.steady())
        }
        let isHeld = state == .held
        let gate = live == nil ? gate(of: row, job) : nil
        var next = isHeld ? gate.map(\.shownNextTry) ?? row.nextTry : nil
        var held = isHeld ? row.held?.rawValue : nil
        if let live, live.state == .retrying { next = live.isStarted ? live.machine.nextDeadline : live.lookAgain }
        var shown = state
        if live != nil, let trouble = diskTrouble, live?.isSaving == true {
            (shown, held, next) = (.held, HeldReason.disk.rawValue, trouble.nextTry)
        }
        var error = live.flatMap(Self.lastError) ?? row.error
        if let gate, error == nil || error?.code == gate.code { error = StoredError(gate, at: error?.at ?? row.added) }
        if rateNow.isPausedBySchedule, [.queued, .uploading, .retrying].contains(shown) {
            (shown, held, next) = (.held, HeldReason.schedule.rawValue, rateNow.until)
        }
        let eta = live.flatMap { estimate($0, left: row.size - stored, clocks.steady()) }
        return UploadView(
            id: row.text, job: JobID.text(row.job), state: shown, heldReason: held, path: PathText.shown(row.path),
            pathB64: PathText.bytes(row.path).map { Data($0).base64EncodedString() }, dest: "oss://\(job.target.bucket)/\(row.key)",
            bucket: job.target.bucket, key: row.key, size: row.size, stored: stored, sending: max(sending, 0), resent: resent, rate: rate,
            etaLow: eta?.low, etaHigh: eta?.high,
            parts: UploadView.Parts(
                size: row.partSize, total: total, stored: state == .done ? total : storedParts,
                sending: live?.flights.values.count(where: \.holdsSlot) ?? 0),
            tries: live?.tries ?? row.tries, priority: row.priority, remote: job.target.remote,
            uploadId: live.map { $0.machine.checkpoint.uploadID } ?? row.uploadID, lastError: error?.view, nextTry: next?.iso8601,
            added: row.added.iso8601, started: row.started?.iso8601, finished: row.finished?.iso8601, crc64: row.crc64.map { String($0) },
            etag: row.etag, verify: UploadView.Verify(method: settings.verify, state: Self.verify(row, state)))
    }

    private static func lastError(_ run: UploadRun) -> StoredError? {
        guard run.isStarted, let last = run.machine.lastFailure, last.failure.cause != .cancelled else { return nil }
        return StoredError(last.failure, part: last.part, at: last.at)
    }

    private static func verify(_ row: UploadRow, _ state: UploadState) -> String {
        switch state {
        case .done: row.isVerified == true ? "ok" : "unverified"
        case .verifying: "running"
        case .failed where row.error?.code == "ChecksumMismatch": "failed"
        default: "pending"
        }
    }
}

extension StoredError {
    var view: UploadView.LastError {
        UploadView.LastError(code: code, http: http, requestId: request, at: at.iso8601, part: part, message: message)
    }
}
