import Contracts
import OSSProtocol
import Platform
import TransferCore

/// Who gets a slot.
extension EngineLoop {
    private static let readAhead = 256
    /// How far behind a large file, which has to wait, small ones may overtake it.
    private static let overtaking = 64
    private static let secondsInFlight: Int64 = 4

    /// Fills the free slots. Called whenever one may be free or something may want one.
    func schedule() {
        guard isStarted, !isStopping, !isDead, limitsNow.rate != 0 else { return }
        let now = clocks.steady()
        while true {
            let isSlotFree = partSlotsUsed < limitsNow.parts
            if isSlotFree, !waitingPuts.isEmpty {
                let id = waitingPuts.removeFirst()
                guard let run = runs[id], run.awaitsSlot else { continue }
                run.awaitsSlot = false
                advance(run)
                continue
            }
            let wanting = isSlotFree ? nextForPart(now) : nil
            if let index = nextToStart(isSlotFree: isSlotFree, partsAreWanted: wanting != nil, now) {
                begin(ready.remove(at: index))
            } else if let wanting {
                guard sendPart(of: wanting, now) else { break }
            } else {
                break
            }
        }
        makeRoom(now)
        if ready.count < Self.readAhead / 2 { refill() }
    }

    private var mayStart: Bool {
        !isFinishing && startsBlocked == 0 && !queueMachine.isPaused && diskTrouble == nil && runs.count < Self.mostRuns
    }

    /// Large files have upload slots; small ones, a request each, may use every part slot, but leave half of them to large ones that want
    /// some.
    private func nextToStart(isSlotFree: Bool, partsAreWanted: Bool, _ now: Timestamp) -> Int? {
        guard mayStart, !ready.isEmpty else { return nil }
        let largeRunning = multipart.count
        let smallMayGo = isSlotFree && (!partsAreWanted || smallInFlight * 2 < limitsNow.parts)
        // A look takes no slot, but as many at once as there are small files would be more than any server likes.
        lazy var mayLook = runs.values.count { !$0.isStarted && !$0.isLanding && $0.lookAgain == nil } < limitsNow.parts
        return ready.prefix(Self.overtaking).firstIndex { row in
            guard turnHasCome(row.job, now), gate(row.job) == nil else { return false }
            guard row.size <= row.partSize else { return largeRunning < limitsNow.uploads }
            return smallMayGo && (jobs[row.job]?.looksFirst != true || mayLook)
        }
    }

    private var smallInFlight: Int { max(partSlotsUsed - multipart.reduce(0) { $0 + (runs[$1]?.slotsInUse ?? 0) }, 0) }

    /// Higher priority first, then whoever has the fewest parts in flight, so that all that run move.
    private func nextForPart(_ now: Timestamp) -> UploadRun? {
        guard mayAddToFlight else { return nil }
        var best: UploadRun?
        for id in multipart {
            guard let run = runs[id], run.isStarted, !run.isSaving, !run.isLanding, run.actions.isEmpty, run.machine.wantsParts(at: now),
                turnHasCome(run.row.job, now), run.isProbe || gate(run) == nil
            else { continue }
            guard let other = best else {
                best = run
                continue
            }
            let rank = (run.row.priority.code, run.slotsInUse)
            if rank < (other.row.priority.code, other.slotsInUse) { best = run }
        }
        return best
    }

    /// Under a limit only some seconds of it are in flight: more parts at once would not be faster, and a pause, a kill or a token's end would
    /// cost all that was sent of them.
    private var mayAddToFlight: Bool {
        guard let rate = limitsNow.rate else { return true }
        let inFlight = multipart.reduce(Int64(0)) { sum, id in
            sum + (runs[id]?.flights.values.reduce(0) { $0 + $1.length } ?? 0)
        }
        return inFlight < max(rate, 1) * Self.secondsInFlight
    }

    private func sendPart(of run: UploadRun, _ now: Timestamp) -> Bool {
        guard let source = run.source, let uploadID = run.machine.checkpoint.uploadID, let range = run.machine.takePart(at: now) else {
            return false
        }
        run.hasSent = true
        takeTurn(run.row.job, bytes: range.length, now)
        let (row, job) = (run.row, run.job)
        let attempt = (run.unanswered[range.number] ?? 0) + 1
        launch(run, .part(range.number), length: range.length, holdsSlot: true) { requests, meter in
            await requests.part(range, uploadID: uploadID, row, job: job, source: source, meter: meter, attempt: attempt)
        }
        return true
    }

    // MARK: - An order's own limit

    /// A body may go when the bytes before it have had their time: held back part by part, exact over a minute and coarse over a second.
    private func turnHasCome(_ job: Int64, _ now: Timestamp) -> Bool {
        jobTurns.isEmpty || jobTurns[job].map { now >= $0 } ?? true
    }

    func takeTurn(_ job: Int64, bytes: Int64, _ now: Timestamp) {
        guard let limit = jobs[job]?.options.limit, limit > 0 else { return }
        let cost = Duration.milliseconds(Int64(Double(bytes) / Double(limit) * 1000))
        jobTurns[job] = max(jobTurns[job] ?? now, now) + cost
    }

    /// Time has come for some: their rows may be read ahead again.
    func endTurns(_ now: Timestamp) {
        guard jobTurns.contains(where: { $0.value <= now }) else { return }
        jobTurns = jobTurns.filter { $0.value > now }
        moreMayBeReady()
    }

    /// Rows of orders that hold themselves back must not keep everything behind them from being read ahead.
    private func makeRoom(_ now: Timestamp) {
        guard !jobTurns.isEmpty, lastPurge.map({ now - $0 >= .seconds(1) }) ?? true, ready.contains(where: { !turnHasCome($0.job, now) })
        else {
            return
        }
        lastPurge = now
        ready.removeAll { !turnHasCome($0.job, now) }
        moreMayBeReady()
    }

    // MARK: - Reading ahead

    /// What was read ahead may not be what would start next any more.
    func forgetReady() {
        ready = []
        readyEpoch += 1
        isDry = false
    }

    /// What was read ahead still comes first, but there are rows that a read ahead under way may not have seen.
    func moreMayBeReady() {
        isDry = false
        if isRefilling { readyEpoch += 1 }
    }

    private func refill() {
        guard !isRefilling, !isDry, mayStart else { return }
        isRefilling = true
        endedSinceRefill = []
        let running = Array(runs.keys)
        let epoch = readyEpoch
        let (scopes, endpoints) = (closedScopes, closedEndpoints)
        let now = clocks.steady()
        let waiting = jobTurns.filter { $0.value > now }.map(\.key)
        let known = Set(jobs.keys)
        let store = store
        // Unstructured on purpose: the loop goes on while the store reads.
        Task {
            let found = try? await store.read { db in
                let rows = try QueueStore.nextRows(
                    db, excluding: running, closedScopes: scopes, closedEndpoints: endpoints, waitingJobs: waiting, limit: Self.readAhead)
                var facts: [JobFacts] = []
                for job in Set(rows.map(\.job)).subtracting(known) {
                    if let read = try QueueStore.job(db, id: job) { facts.append(read) }
                }
                return (rows, facts)
            }
            refilled(found, epoch: epoch)
        }
    }

    private func refilled(_ found: (rows: [UploadRow], jobs: [JobFacts])?, epoch: Int) {
        isRefilling = false
        guard !isDead, let found else { return }
        for job in found.jobs { jobs[job.id] = job }
        guard epoch == readyEpoch else { return schedule() }
        isDry = found.rows.count < Self.readAhead
        let ended = endedSinceRefill
        ready = found.rows.filter { runs[$0.id] == nil && !ended.contains($0.id) && jobs[$0.job] != nil }
        if !ready.isEmpty { schedule() }
    }
}
