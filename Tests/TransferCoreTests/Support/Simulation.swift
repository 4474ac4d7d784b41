import OSSProtocol
import TransferCore

/// One history of one upload from a seed: a machine, a driver that performs what it says, a model of OSS that fails in every way it can,
/// and a person. Ends with the first broken rule, or with `nil` when all held.
struct Simulation {
    /// What this history may meet; drawn from the seed.
    struct World {
        var parts: Int
        var partSize: Int
        var lastPart: Int
        var slots: Int
        var mayRead: Bool
        var forbidOverwrite: Bool
        /// Chance of a fault a request, of 1000.
        var faults: Int
        var damages: Int
        var vanishings: Int
        var crashes: Int
        var orders: Int
        var ordersAbort: Bool
        var changesSource: Bool
        var listDenied: Bool
    }

    enum Reply {
        case event(UploadEvent)
        case nothing
    }

    struct Pending {
        var at: Int64
        var order: Int
        /// 0 for what no `.cancelRequests` and no crash takes away.
        var epoch: Int
        var run: Int
        var what: What
    }

    enum What {
        case deliver(UploadEvent)
        /// Late work of the server for a request whose client is gone.
        case ghost(Job)
        case deadline
        case start
        case person(UploadEvent)
    }

    enum Job {
        case part(String, PartRange, damaged: Bool)
        case complete(String, [StoredPart])
        case put(damaged: Bool)
        case abort(String)
    }

    /// After so many milliseconds everything works, so that every history can end well.
    static let quiet: Int64 = 12_000
    static let mostSteps = 20_000

    let seed: UInt64
    var random: SeededRandom
    var world: World
    let file: [UInt8]
    var server = ModelOSS()
    var machine: UploadMachine
    var saved: UploadCheckpoint
    var now: Int64 = 1_000_000
    var queue: [Pending] = []
    var made = 0
    var epoch = 1
    var run = 0
    var isRunning = false
    var isLeasePending = false
    var inFlight = 0
    var flyingParts: Set<Int> = []
    var savedIDs: Set<String> = []
    var openComplete: String?
    var acknowledged: Set<String> = []
    var deadlineAt: Int64 = -1
    var isAbortOrdered = false
    var isSourceChanged = false
    var retries = 0
    var finished: UploadOutcome?
    var problem: String?
    var trace: [String] = []
    let isTracing: Bool
    var completesSent = 0
    var abortsSurvived = 0
    /// An initiate or a complete is under way, whose answer no end of a run may miss.
    var isAnswerDue = false
    /// A person said stop: nothing new is sent any more.
    var isStopOrdered = false
    /// Upload ids that lost a part on the server.
    var lossy: Set<String> = []
    var faultsMade = 0
    /// Lists of begun uploads that were not answered: then what a lost Initiate began may stay.
    var findsFailed = 0

    var isQuiet: Bool { now > 1_000_000 + Simulation.quiet }

    init(seed: UInt64, isTracing: Bool = false) {
        self.seed = seed
        self.isTracing = isTracing
        var random = SeededRandom(seed)
        let partSize = 1 + random.below(3)
        let parts = random.below(4) == 0 ? 1 : 1 + random.below(6)
        world = World(
            parts: parts, partSize: partSize, lastPart: 1 + random.below(partSize), slots: 1 + random.below(4),
            mayRead: random.below(4) > 0,
            forbidOverwrite: random.below(4) == 0, faults: [0, 100, 250, 500][random.below(4)], damages: [0, 0, 80][random.below(3)],
            vanishings: [0, 0, 40][random.below(3)], crashes: [0, 15, 60][random.below(3)], orders: [0, 200, 600][random.below(3)],
            ordersAbort: random.below(3) == 0, changesSource: random.below(12) == 0, listDenied: random.below(16) == 0)
        let size = parts == 1 && random.below(5) == 0 ? 0 : (parts - 1) * partSize + world.lastPart
        file = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        switch random.below(4) {
        case 0: _ = server.put([1, 2, 3, 4], forbidOverwrite: false)
        case 1 where !world.forbidOverwrite: _ = server.put(file, forbidOverwrite: false)
        default: break
        }
        saved = UploadCheckpoint(partSize: Int64(partSize))
        self.random = random
        machine = UploadMachine(fileSize: Int64(file.count), checkpoint: saved, seed: seed)
    }

    // MARK: - The loop

    /// The broken rule, or `nil`.
    mutating func history() -> String? {
        push(.start, in: 0)
        var steps = 0
        while problem == nil, let next = pop() {
            steps += 1
            if steps > Simulation.mostSteps { return "no end after \(steps) steps" }
            now = max(now, next.at)
            guard next.epoch == 0 || next.epoch == epoch else { continue }
            perform(next)
        }
        if let problem { return problem }
        return verdict()
    }

    private mutating func perform(_ pending: Pending) {
        switch pending.what {
        case .start:
            guard !isRunning, finished == nil else { return }
            begin()
        case .ghost(let job): ghost(job)
        case .deadline:
            guard isRunning, pending.run == run else { return }
            deadlineAt = -1
            tell(.deadline)
        case .person(let event):
            guard isRunning, pending.run == run else { return }
            if event == .abortRequested { isAbortOrdered = true }
            // What is over stays so, and an abort is not taken back.
            isStopOrdered = machine.phase != .aborting && ![.aborting, .done].contains(machine.checkpoint.phase)
            tell(event)
        case .deliver(let event):
            guard isRunning, pending.run == run else { return }
            deliver(event)
        }
    }

    private mutating func begin() {
        run += 1
        (isRunning, isLeasePending, isAnswerDue, isStopOrdered, inFlight, deadlineAt) = (true, false, false, false, 0, -1)
        flyingParts = []
        epoch += 1
        machine = UploadMachine(
            fileSize: Int64(file.count), checkpoint: saved,
            settings: .init(
                policy: RetryPolicy(tries: 5, hold: .seconds(5)), mayRead: world.mayRead, forbidOverwrite: world.forbidOverwrite),
            seed: random.next())
        note { "run \($0.run) from \($0.saved.phase) \($0.saved.uploadID ?? "-") \($0.saved.parts.map(\.number))" }
        if isAbortOrdered { return tell(.abortRequested) }
        if isSourceChanged { return tell(.sourceChanged(detail: "")) }
        if chance(world.orders) { push(.person(order()), in: random.below(900), run: run) }
        tell(.started)
    }

    private mutating func order() -> UploadEvent {
        if world.ordersAbort, random.below(3) == 0 { return .abortRequested }
        return random.below(2) == 0 ? .paused : .cancelled
    }

    private mutating func deliver(_ event: UploadEvent) {
        switch event {
        case .initiated, .initiateFailed, .completed, .completeFailed: isAnswerDue = false
        default: break
        }
        switch event {
        case .leaseArrived, .leaseRefused: isLeasePending = false
        case .partSent(let number, let reply):
            inFlight -= 1
            flyingParts.remove(number)
            acknowledged.insert(reply.etag)
        case .partFailed(let number, _, _):
            inFlight -= 1
            flyingParts.remove(number)
        case .partsListed(let parts):
            inFlight -= 1
            openComplete = nil
            for part in parts { acknowledged.insert(part.etag) }
        case .objectHead:
            inFlight -= 1
            openComplete = nil
        case .listPartsFailed(let failure):
            inFlight -= 1
            if case .answer(404, _, _) = failure.cause { openComplete = nil }
        case .completed:
            inFlight -= 1
            openComplete = nil
        case .completeFailed(let failure):
            inFlight -= 1
            // A refusal settles this one; silence does not.
            if case .answer(let status, _, _) = failure.cause, (400..<500).contains(status) { openComplete = nil }
        default: inFlight -= 1
        }
        tell(event)
    }

    /// Tells the machine and performs what it says, with a crash between any two actions.
    private mutating func tell(_ event: UploadEvent) {
        let (stored, fell, phase) = (machine.storedBytes, machine.restarts.count, machine.checkpoint.phase)
        let actions = machine.on(event, at: Timestamp(milliseconds: now))
        note { _ in "\(event) -> \(actions)" }
        if machine.storedBytes < stored, machine.restarts.count == fell, phase != .aborting, machine.outcome == nil {
            return broken("stored fell from \(stored) to \(machine.storedBytes) without a word after \(event)")
        }
        checkNotes()
        for action in actions {
            guard problem == nil, isRunning else { return }
            if chance(world.crashes) { return crash() }
            act(action)
        }
        guard problem == nil, isRunning else { return }
        if chance(world.crashes) { return crash() }
        fill()
    }

    private mutating func fill() {
        while inFlight < world.slots, isRunning, problem == nil {
            guard let range = machine.takePart(at: Timestamp(milliseconds: now)) else { break }
            take(range)
        }
        guard isRunning, problem == nil else { return }
        let parts = flyingParts.count
        if machine.phase != .uploading || machine.plan.isSinglePut == false, parts > 0, machine.partsInFlight != parts {
            return broken("\(machine.partsInFlight) parts in flight by the machine, \(parts) by the driver")
        }
        if let deadline = machine.nextDeadline {
            if deadlineAt != deadline.milliseconds {
                deadlineAt = deadline.milliseconds
                push(.deadline, in: max(0, Int(deadline.milliseconds - now)), run: run, epoch: 0)
            }
        } else if inFlight == 0, !isLeasePending {
            broken("stuck in \(machine.phase): nothing in flight, nothing awaited")
        }
    }

    // MARK: - The driver

    private mutating func act(_ action: UploadAction) {
        if isLeasePending {
            switch action {
            case .save, .hash, .finish, .cancelRequests, .partsReady, .correctClock: break
            default: return broken("\(action) while no lease is there")
            }
        }
        if isStopOrdered {
            switch action {
            case .initiate, .put, .complete, .listParts: if !isAbortOrdered { return broken("\(action) after the order to stop") }
            default: break
            }
        }
        switch action {
        case .save:
            saved = machine.checkpoint
            if let id = saved.uploadID { savedIDs.insert(id) }
        case .initiate:
            if let id = machine.checkpoint.uploadID { return broken("initiate while \(id) is ours") }
            request(.initiate)
        case .findUploads: request(.find)
        case .put: request(.put)
        case .listParts(let id): request(.list(id))
        case .complete(let id, let parts): complete(id, parts)
        case .abort(let id): request(.abort(id))
        case .headObject:
            if !world.mayRead { return broken("HEAD that is not allowed") }
            request(.head)
        case .awaitLease:
            isLeasePending = true
            let isRefused = chance(world.faults / 8)
            push(.deliver(isRefused ? .leaseRefused(reason: "no") : .leaseArrived), in: 1 + random.below(500), run: run, epoch: epoch)
        case .correctClock, .partsReady: break
        case .hash(let range): request(.hash(range))
        case .cancelRequests:
            epoch += 1
            (inFlight, flyingParts) = (0, [])
            // A lease that comes all the same does no harm.
            if isLeasePending, random.below(2) == 0 { push(.deliver(.leaseArrived), in: random.below(300), run: run, epoch: epoch) }
            isLeasePending = false
        case .finish(let outcome): finish(outcome)
        }
    }

    private mutating func complete(_ id: String, _ parts: [StoredPart]) {
        if parts.map(\.number) != Array(1...machine.plan.partCount) { return broken("complete with parts \(parts.map(\.number))") }
        if saved.phase != .completing || !saved.completeSent { return broken("complete before it was written down") }
        // With neither HEAD nor ListParts allowed, Complete is the only question left.
        if openComplete == id, world.mayRead || !world.listDenied { return broken("a second complete of \(id) while the first is open") }
        openComplete = id
        completesSent += 1
        request(.complete(id, parts))
    }

    private mutating func take(_ range: PartRange) {
        if isLeasePending { return broken("a part while no lease is there") }
        if isStopOrdered { return broken("a part after the order to stop") }
        let checkpoint = machine.checkpoint
        guard let id = checkpoint.uploadID, saved.uploadID == id else { return broken("a part before its upload id was written down") }
        if saved.parts != checkpoint.parts { return broken("a slot reused before the last part was written down") }
        if !flyingParts.insert(range.number).inserted { return broken("part \(range.number) sent twice at once") }
        if let noted = saved.parts.first(where: { $0.number == range.number }), server.uploads[id]?[range.number]?.etag == noted.etag {
            return broken("part \(range.number) is stored and written down, and sent again")
        }
        request(.part(id, range))
    }

    private mutating func finish(_ outcome: UploadOutcome) {
        if isAnswerDue { return broken("\(outcome) while an answer is due that matters") }
        isRunning = false
        epoch += 1
        if chance(world.crashes) { return crash() }
        saved = machine.checkpoint
        checkLedger("\(outcome)")
        switch outcome {
        case .done(_, let crc, let verified):
            if server.object?.bytes != file { return broken("done, and the object is not the file (verified: \(verified))") }
            if let crc, crc != crc64(file) { return broken("done with a wrong checksum") }
            if let id = saved.uploadID { return broken("done, and \(id) is still in the books") }
            if isAbortOrdered || isSourceChanged { if server.object?.from == nil { return broken("done of nothing") } }
            finished = outcome
        case .paused, .cancelled: push(.start, in: 500)
        case .held(_, let until): push(.start, in: until.map { max(0, Int($0.milliseconds - now)) } ?? 2_000)
        case .aborted:
            if !isAbortOrdered { return broken("aborted without an order") }
            if world.mayRead, let object = server.object, server.completed.contains(object.from), object.bytes == file {
                return broken("aborted, and the object is there")
            }
            finished = outcome
        case .failed(let reason): failed(reason, outcome)
        }
    }

    private mutating func failed(_ reason: UploadFailureReason, _ outcome: UploadOutcome) {
        if reason.code == "SourceChanged" {
            if !isSourceChanged { return broken("source changed, and it did not") }
            finished = outcome
            return
        }
        if reason.code == "FileAlreadyExists" {
            if !world.forbidOverwrite || server.object == nil { return broken("in the way: nothing") }
            // Its own object may be in the way only where it cannot look or compare.
            if world.mayRead, let object = server.object, object.bytes == file, completesSent > 0 || world.parts == 1,
                object.from != "put" || world.parts == 1,
                !world.listDenied, object.from != "other"
            {
                return broken("refused because of itself")
            }
            finished = outcome
            return
        }
        retries += 1
        if retries > 60 { return broken("fails for ever: \(reason)") }
        push(.start, in: 1_000)
    }

    private mutating func crash() {
        note { _ in "crash" }
        epoch += 1
        isRunning = false
        checkLedger("a crash")
        push(.start, in: 100)
    }

    // MARK: - Rules about what is known

    private mutating func checkNotes() {
        for part in machine.checkpoint.parts {
            if !acknowledged.contains(part.etag) { return broken("part \(part.number) is noted and was never acknowledged") }
            let range = machine.plan.range(of: part.number)
            if part.crc64 != crc64(file[Int(range.offset)..<Int(range.offset + range.length)]) {
                return broken("part \(part.number) is noted and does not hold the file's bytes")
            }
        }
    }

    /// Every upload id that was written down and is alive on the server is in the checkpoint.
    private mutating func checkLedger(_ when: String) {
        for id in savedIDs where server.uploads[id] != nil && saved.uploadID != id {
            return broken("\(id) is alive and forgotten at \(when)")
        }
    }

    private mutating func verdict() -> String? {
        guard let finished else { return "ended without an end" }
        if findsFailed == 0, let id = server.uploads.keys.sorted().first(where: { !savedIDs.contains($0) }) {
            return "\(id) was begun, and nobody knows it"
        }
        if case .aborted = finished, let id = savedIDs.first(where: { server.uploads[$0] != nil }) { return "aborted, and \(id) is alive" }
        return nil
    }

    mutating func broken(_ rule: String) { problem = problem ?? rule }

    // MARK: - Small things

    mutating func note(_ line: (Simulation) -> String) { if isTracing { trace.append("\(now - 1_000_000) \(line(self))") } }

    /// Of 1000; never once the world is quiet.
    mutating func chance(_ share: Int) -> Bool { share > 0 && !isQuiet && random.below(1000) < share }

    mutating func push(_ what: What, in delay: Int, run: Int = 0, epoch: Int = 0) {
        made += 1
        queue.append(Pending(at: now + Int64(delay), order: made, epoch: epoch, run: run, what: what))
    }

    private mutating func pop() -> Pending? {
        var best = -1
        for index in queue.indices where best < 0 || (queue[index].at, queue[index].order) < (queue[best].at, queue[best].order) {
            best = index
        }
        guard best >= 0 else { return nil }
        let next = queue[best]
        queue.swapAt(best, queue.count - 1)
        queue.removeLast()
        return next
    }
}
