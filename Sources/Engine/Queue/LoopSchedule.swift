import Contracts
import OSSProtocol
import Platform
import TransferCore

/// Who gets a slot: higher priority first, then the job that uses the fewest, then the order of the queue.
extension EngineLoop {
    private static let readAhead = 256
    /// How far behind a large file, which has to wait, small ones of its job may overtake it.
    private static let overtaking = 64
    private static let secondsInFlight: Int64 = 4
    /// Bytes that may be in flight under a rate: more would only wait.
    static func inFlight(at rate: Int64) -> Int64 {
        let (bytes, isTooMuch) = rate.multipliedReportingOverflow(by: secondsInFlight)
        return isTooMuch ? .max : bytes
    }
    /// Slots beyond those allowed, for what is more urgent than a large file in flight: its parts may take minutes, and are not taken back.
    static let express = 4

    /// Fills the free slots. Called whenever one may be free or something may want one.
    func schedule() {
        guard isStarted, !isStopping, !isDead, limitsNow.rate != 0 else { return }
        let now = clocks.steady()
        while true {
            let isSlotFree = partSlotsUsed < partsAllowed
            if isSlotFree, !waitingPuts.isEmpty {
                let id = waitingPuts.removeFirst()
                guard let run = runs[id], run.awaitsSlot else { continue }
                run.awaitsSlot = false
                advance(run)
                continue
            }
            let isExpress = !isSlotFree && partSlotsUsed < partsAllowed + Self.express
            let wanting = isSlotFree || isExpress ? nextForPart(now, onlyUrgent: isExpress) : nil
            if let place = nextToStart(isSlotFree: isSlotFree, isExpress: isExpress, wanting: wanting, now) {
                begin(ready.take(lane: place.lane, row: place.row))
            } else if let wanting {
                guard sendPart(of: wanting, now) else { break }
            } else {
                break
            }
        }
        if ready.isLow(below: Self.readAhead / 2) { refill() }
    }

    private var mayStart: Bool {
        !isFinishing && startsBlocked == 0 && !queueMachine.isPaused && diskTrouble == nil && !lacksDescriptors && runs.count < Self.mostRuns
    }

    /// Large files have upload slots; small ones, a request each, may use every part slot, but leave half of them to large ones of their
    /// job that want some. The first row that may go of each lane stands for it.
    private func nextToStart(isSlotFree: Bool, isExpress: Bool, wanting: UploadRun?, _ now: Timestamp) -> (lane: Int, row: Int)? {
        guard mayStart else { return nil }
        var best: (lane: Int, row: Int)?
        for (index, lane) in ready.lanes.enumerated() {
            if let best, !isBefore(lane, ready.lanes[best.lane]) { continue }
            guard gate(lane.job) == nil, !hasEnoughInFlight(lane.job) else { continue }
            let mayTakeSlot = isSlotFree || isExpress && isUrgent(lane.priority)
            let smallMayGo = mayTakeSlot && (wanting.map { smallGoesFirst(lane, $0) } ?? true)
            // A look takes no slot, but as many at once as there are small files would be more than any server likes.
            let mayLook = jobs[lane.job]?.looksFirst != true || looking < limitsNow.parts
            let (smallFits, largeFits) = (smallMayGo && mayLook, mayBeginAnother || displaces(lane))
            guard smallFits || largeFits else { continue }
            let rows = lane.rows
            // By index: a row is not copied for a look at its size.
            let row = rows.indices.prefix(Self.overtaking).first { rows[$0].size <= rows[$0].partSize ? smallFits : largeFits }
            if let row { best = (index, row) }
        }
        return best
    }

    /// The slots that an upload of that priority may use.
    func slotsAllowed(_ priority: Priority) -> Int { partsAllowed + (isUrgent(priority) ? Self.express : 0) }

    /// A large file of lower priority is in flight.
    private func isUrgent(_ priority: Priority) -> Bool {
        guard priority != .low else { return false }
        return multipart.contains { id in
            guard let run = runs[id], run.row.priority.code > priority.code else { return false }
            return run.slotsInUse > 0
        }
    }

    private var looking: Int { runs.values.count { !$0.isStarted && !$0.isLanding && $0.lookAgain == nil } }

    private func isBefore(_ lane: ReadyRows.Lane, _ other: ReadyRows.Lane) -> Bool {
        if lane.priority.code != other.priority.code { return lane.priority.code < other.priority.code }
        if lane.isMoved != other.isMoved { return lane.isMoved }
        return slotUse.slots(of: lane.job) < slotUse.slots(of: other.job)
    }

    /// Whether a small file of that lane comes before the next part of that large one.
    private func smallGoesFirst(_ lane: ReadyRows.Lane, _ wanting: UploadRun) -> Bool {
        let priority = wanting.row.priority.code
        if lane.priority.code != priority { return lane.priority.code < priority }
        if lane.job != wanting.row.job { return slotUse.slots(of: lane.job) <= slotUse.slots(of: wanting.row.job) }
        return smallInFlight * 2 < limitsNow.parts
    }

    private var smallInFlight: Int { max(partSlotsUsed - multipart.reduce(0) { $0 + (runs[$1]?.slotsInUse ?? 0) }, 0) }

    // MARK: - Large files

    /// Beyond the uploads at once a large file may begin in the place of another: of one of lower priority, or of a job that has several
    /// while its own has none. That one gets no new part until there is a place again; what it has in flight goes on.
    private func displaces(_ lane: ReadyRows.Lane) -> Bool {
        guard multipart.count < limitsNow.uploads * 2 else { return false }
        var others: [Int64: Int] = [:]
        var isUrgent = false
        for id in multipart {
            guard let run = runs[id], !run.isLanding else { continue }
            let priority = run.row.priority.code
            if priority > lane.priority.code { isUrgent = true }
            if priority == lane.priority.code { others[run.row.job, default: 0] += 1 }
        }
        return isUrgent || (others[lane.job] ?? 0) == 0 && others.values.contains { $0 > 1 }
    }

    /// Those that may have new parts, where more began than may run at once: higher priority first, then one of each job in turn.
    private var entitled: [Int64] {
        guard !limitsNow.uploadsAuto, multipart.count > limitsNow.uploads else { return multipart }
        var turns: [Int64: Int] = [:]
        var order: [(priority: Int, turn: Int, start: Int, id: Int64)] = []
        for (start, id) in multipart.enumerated() {
            guard let run = runs[id], !run.isLanding else { continue }
            let turn = turns[run.row.job, default: 0]
            turns[run.row.job] = turn + 1
            order.append((run.row.priority.code, turn, start, id))
        }
        return order.sorted { ($0.priority, $0.turn, $0.start) < ($1.priority, $1.turn, $1.start) }.prefix(limitsNow.uploads).map(\.id)
    }

    /// Higher priority first, then the job and then the upload with the fewest slots, so that all that run move.
    private func nextForPart(_ now: Timestamp, onlyUrgent: Bool) -> UploadRun? {
        var best: (run: UploadRun, rank: (Int, Int, Int))?
        for id in entitled {
            guard let run = runs[id], run.isStarted, !run.isSaving, !run.isLanding, run.actions.isEmpty, run.machine.wantsParts(at: now),
                run.isProbe || gate(run) == nil, mayAddToFlight(run), !hasEnoughInFlight(run.row.job), !hasEnoughInFlight(run), !onlyUrgent || isUrgent(run.row.priority)
            else { continue }
            let rank = (run.row.priority.code, slotUse.slots(of: run.row.job), run.slotsInUse)
            if let best, best.rank <= rank { continue }
            best = (run, rank)
        }
        return best?.run
    }

    /// Under a limit only some seconds of it are in flight: more parts at once would not be faster, and a pause, a kill or a token's end would
    /// cost all that was sent of them. Less urgent ones do not count: their bodies let it pass.
    private func mayAddToFlight(_ run: UploadRun) -> Bool {
        guard let rate = limitsNow.rate else { return true }
        let inFlight = multipart.reduce(Int64(0)) { sum, id in
            guard let other = runs[id], other.row.priority.code <= run.row.priority.code else { return sum }
            return sum + other.flights.values.reduce(0) { $0 + $1.length }
        }
        return inFlight < Self.inFlight(at: max(rate, 1))
    }

    private func sendPart(of run: UploadRun, _ now: Timestamp) -> Bool {
        guard let source = run.source, let uploadID = run.machine.checkpoint.uploadID, let range = run.machine.takePart(at: now) else {
            return false
        }
        run.hasSent = true
        let (row, job) = (run.row, run.job)
        let attempt = (run.unanswered[range.number] ?? 0) + 1
        launch(run, .part(range.number), length: range.length, holdsSlot: true) { requests, meter in
            await requests.part(range, uploadID: uploadID, row, job: job, source: source, meter: meter, attempt: attempt)
        }
        return true
    }

    // MARK: - Reading ahead

    /// What was read ahead may not be what would start next any more.
    func forgetReady() {
        ready = ReadyRows()
        readyEpoch += 1
        isDry = false
    }

    /// What was read ahead still comes first, but there are rows that a read ahead under way may not have seen.
    func moreMayBeReady() {
        isDry = false
        ready.moreMayCome()
        if isRefilling { readyEpoch += 1 }
    }

    private func refill() {
        guard !isRefilling, !isDry, mayStart else { return }
        isRefilling = true
        endedSinceRefill = []
        let running = Dictionary(grouping: runs.values, by: \.row.job).mapValues { $0.map(\.id) }
        let epoch = readyEpoch
        let (scopes, endpoints) = (closedScopes, closedEndpoints)
        let known = Set(jobs.keys)
        let before = ready.known
        let store = store
        // Unstructured on purpose: the loop goes on while the store reads.
        Task {
            let found = try? await store.read { db in
                let lanes = try QueueStore.nextLanes(
                    db, excluding: running, known: before, closedScopes: scopes, closedEndpoints: endpoints, limit: Self.readAhead)
                var facts: [JobFacts] = []
                for job in Set(lanes.map(\.job)).subtracting(known) {
                    if let read = try QueueStore.job(db, id: job) { facts.append(read) }
                }
                return (lanes, facts)
            }
            refilled(found, epoch: epoch)
        }
    }

    private func refilled(_ found: (lanes: [ReadyRows.Lane], jobs: [JobFacts])?, epoch: Int) {
        isRefilling = false
        guard !isDead, let found else { return }
        for job in found.jobs { jobs[job.id] = job }
        // Facts of jobs may have been thrown away while the store read: then it is read once more.
        guard epoch == readyEpoch, found.lanes.allSatisfy({ jobs[$0.job] != nil }) else { return schedule() }
        isDry = !found.lanes.contains(where: \.hasMore)
        let ended = endedSinceRefill
        for job in Set(found.lanes.map(\.job)) { if let facts = jobs[job], facts.problem != nil { failUploads(of: facts) } }
        ready.add(
            found.lanes.compactMap { lane in
                guard let job = jobs[lane.job], job.problem == nil else { return nil }
                var lane = lane
                lane.rows.removeAll { runs[$0.id] != nil || ended.contains($0.id) }
                return lane
            })
        if !ready.isEmpty { schedule() }
    }
}
