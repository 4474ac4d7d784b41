import OSSProtocol
import TransferCore

/// One history of a whole queue from a seed: uploads of several sizes with their machines, the lease desk and the retry budget of each
/// place, the queue's decisions, a store that is written in transactions, an OSS that fails in every way it can, and people. The engine of
/// this world performs what the pure machines say in the order of the real one (`EngineLoop`): row, parts and ledger in one transaction.
///
/// Ends with the first broken rule, or with `nil` when all held. Time is virtual; the same seed gives the same history everywhere.
struct History {
    /// Something that happens at its time.
    enum What {
        /// A request reaches the server.
        case arrival(Flight, Fate)
        case answer(Int, FlightEnd)
        /// A source of credentials answers.
        case lease(scope: Int, engine: Int, LeaseEvent, token: Int)
        case leaseRenewed(row: Int, run: Int)
        case looked(Int)
        case commit(engine: Int)
        case tick(engine: Int)
        case start
        case kill
        case stop
        case stopped(engine: Int, patience: Int)
        case person
        case clockJump
        case newSource
        case outage(endpoint: Int, begins: Bool)
        case fullDisk(Bool)
        case lifecycle
        case revocation
        /// Everything works from here on, and somebody wants it all to be done.
        case quiet
        case lastPush
    }

    private struct Due {
        var at: Int64
        var order: Int
        var place: Int

        static func < (a: Due, b: Due) -> Bool { a.at == b.at ? a.order < b.order : a.at < b.at }
    }

    /// The day on which all begins. Milliseconds.
    static let epoch: Int64 = 1_795_000_000_000
    static let mostSteps = 12_000
    /// From when on everything works to when everything must have ended.
    static let patience: Int64 = 30 * 60_000

    let seed: UInt64
    let world: World
    var random: SeededRandom
    /// Milliseconds since the history began, on no clock of anybody.
    var time: Int64 = 0
    var steps = 0
    var isQuiet = false
    /// When that began.
    var quietAt: Int64 = 0

    // Outside.
    var files: [SourceFile] = []
    var server = HistoryServer()
    var tokens: [Token] = []
    var isOut: [Bool] = [false, false]
    var outageBegan: [Int64] = [0, 0]
    var outageRequests = 0
    var serverOffset: Int64 = 0
    var wallOffset: Int64 = 0
    var isDiskFull = false
    /// Rows whose abort was told to be done: what a put that was not answered left there is in the way afterwards.
    var wasAborted: [Bool] = []
    /// Rows of which a lost Initiate may leave an upload: nobody could, or would, look for it.
    var isExcused: [Bool] = []

    // The engine's machine.
    var disk: Disk
    var engine: EngineState
    var isUp = false
    var engines = 0
    var flightsMade = 0
    var runsMade = 0
    var pushes = 0

    // What is found.
    var happened = [Int](repeating: 0, count: Happening.allCases.count)
    var killedBefore = [Int](repeating: 0, count: SavePoint.allCases.count)
    var killedAfter = [Int](repeating: 0, count: SavePoint.allCases.count)
    var requests = 0
    var mostRequestsAMinute = 0
    var problem: String?
    var trace: [String] = []
    let isTracing: Bool

    private var queue: [Due] = []
    private var whats: [What?] = []
    private var free: [Int] = []
    private var made = 0

    init(seed: UInt64, isTracing: Bool = false) {
        self.seed = seed
        self.isTracing = isTracing
        var random = SeededRandom(seed)
        world = World(&random)
        self.random = random
        disk = Disk()
        engine = EngineState(world, number: 0, seed: 0)
        for index in 0..<world.files {
            let file = SourceFile(world, place: index % world.endpoints, &self.random)
            disk.rows.append(Row(position: Int64(index), priority: self.random.below(3), version: 0, partSize: file.partSize))
            files.append(file)
            server.objects.append(nil)
            server.lastBegun.append(0)
            server.lastLooked.append(0)
            wasAborted.append(false)
            isExcused.append(world.listDenied)
            if self.random.below(5) == 0 { server.objects[index] = .other }
        }
    }

    // MARK: - The history

    /// The broken rule, or `nil`.
    mutating func history() -> String? {
        plan()
        while problem == nil, let next = pop() {
            steps += 1
            if steps > History.mostSteps { return "no end after \(steps) steps, at \(time) ms" }
            perform(next)
            if isQuiet, problem == nil {
                if isOver { break }
                if time - quietAt > History.patience { return "not over \(History.patience / 60_000) minutes after everything works: \(rowsText)" }
            }
        }
        return problem ?? verdict()
    }

    /// What will befall this world, drawn before it begins.
    private mutating func plan() {
        push(.start, in: 0)
        let chaos = Int(world.chaos)
        func times(_ count: Int, _ what: What) -> [(Int, What)] { (0..<count).map { _ in (0, what) } }
        let befalls =
            times(world.acts, .person) + times(world.kills, .kill) + times(world.stops, .stop) + times(world.jumps, .clockJump)
            + times(world.sourceChanges, .newSource) + times(world.lifecycles, .lifecycle) + times(world.revocations, .revocation)
        // Most of it early, while there is something to befall.
        for befall in befalls { push(befall.1, in: 1 + random.below(random.below(3) == 0 ? chaos : min(chaos, 3_000))) }
        for _ in 0..<world.outages {
            let (endpoint, at) = (random.below(world.endpoints), random.below(chaos))
            push(.outage(endpoint: endpoint, begins: true), in: at)
            push(.outage(endpoint: endpoint, begins: false), in: at + 1_000 + random.below(150_000))
        }
        for _ in 0..<world.fullDisks {
            let at = random.below(chaos)
            push(.fullDisk(true), in: at)
            push(.fullDisk(false), in: at + 100 + random.below(12_000))
        }
        push(.quiet, in: chaos)
    }

    private mutating func perform(_ what: What) {
        switch what {
        case .arrival(let flight, let fate): arrive(flight, fate)
        case .answer(let number, let end): landed(number, end)
        case .lease(let scope, let number, let event, let token):
            guard isUp, engine.number == number else { return }
            engine.landing[scope] = token
            tell(scope, event)
            schedule()
        case .leaseRenewed(let row, let run):
            guard has(row), engine.runs[row]?.number == run else { return }
            engine.runs[row]?.awaitsLease = false
            feed(row, .leaseArrived)
            schedule()
        case .looked(let number): looked(number)
        case .commit(let number):
            guard isUp, engine.number == number else { return }
            commit()
        case .tick(let number):
            guard isUp, engine.number == number else { return }
            tick()
        case .start: if !isUp { start() }
        case .kill: if isUp, !isQuiet { crash("kill", .killed) }
        case .stop: if isUp, !isQuiet { stop() }
        case .stopped(let number, let patience):
            guard isUp, engine.number == number else { return }
            goOnStopping(patience)
        case .person: if isUp, !isQuiet { act() }
        case .clockJump: jump()
        case .newSource: if !isQuiet { changeSource() }
        case .outage(let endpoint, let begins): outage(endpoint, begins)
        case .fullDisk(let isFull): if !isQuiet || !isFull { fillDisk(isFull) }
        case .lifecycle: if !isQuiet { expireUploads() }
        case .revocation: revoke()
        case .quiet: becomeQuiet()
        case .lastPush: lastPush()
        }
        if isUp, problem == nil { armTick() }
    }

    // MARK: - The end

    private mutating func becomeQuiet() {
        isQuiet = true
        quietAt = time
        isOut = [false, false]
        isDiskFull = false
        for index in files.indices { files[index].isReadable = true }
        note(.none) { "from here on everything works" }
        push(.lastPush, in: 100)
    }

    /// Somebody who wants it done: what was paused goes on, what failed is tried again.
    private mutating func lastPush() {
        pushes += 1
        guard pushes < 200 else { return broken("somebody pushes for ever: \(rowsText)") }
        if isUp, engine.startsBlocked == 0 { finishAll() }
        push(.lastPush, in: 5_000)
    }

    private var isOver: Bool {
        guard isUp, !engine.isStopping, engine.pending.isEmpty, !engine.isFlushing else { return false }
        guard !engine.runs.contains(where: { $0 != nil }), !disk.ledger.contains(where: { $0.row < 0 }) else { return false }
        return !disk.isPaused && disk.rows.indices.allSatisfy { isSettled($0) }
    }

    // MARK: - The outside

    private mutating func jump() {
        guard !isQuiet else { return }
        // How long ago an Initiate went out is told by the machine's clock.
        for row in isExcused.indices { isExcused[row] = true }
        let by = Int64([1, -1][random.below(2)] * [20_000, 3_600_000, 90_000_000][random.below(3)])
        switch random.below(3) {
        case 0:
            serverOffset += by
            note(.serverClockJumped) { "the server's clock jumps by \(by)" }
        case 1:
            wallOffset += by
            note(.clockJumped) { "the machine's clock is set by \(by)" }
        default:
            // The machine slept, and every clock that counts went on.
            wallOffset += abs(by)
            engine.steadyOffset += abs(by)
            serverOffset += abs(by)
            note(.suspended) { "the machine slept \(abs(by))" }
        }
    }

    private mutating func outage(_ endpoint: Int, _ begins: Bool) {
        guard begins != isOut[endpoint], !isQuiet || !begins else { return }
        isOut[endpoint] = begins
        if begins {
            (outageBegan[endpoint], outageRequests) = (time, 0)
            note(.outage) { "endpoint \(endpoint) is dead" }
        } else {
            judgeOutage(endpoint)
        }
    }

    private mutating func fillDisk(_ isFull: Bool) {
        isDiskFull = isFull
        if isFull { note(.diskFull) { "the disk is full" } }
    }

    // MARK: - Small things

    mutating func broken(_ rule: String) { problem = problem ?? rule }

    mutating func note(_ happening: Happening, _ line: () -> String) {
        happened[happening.rawValue] += 1
        if isTracing { trace.append("\(time) \(line())") }
    }

    mutating func record(_ line: (History) -> String) { if isTracing { trace.append("\(time) \(line(self))") } }

    /// Of 1000; never once the world is quiet.
    mutating func chance(_ share: Int) -> Bool { share > 0 && !isQuiet && random.below(1000) < share }

    var steady: Int64 { History.epoch + engine.steadyOffset + time }
    var wall: Int64 { History.epoch + wallOffset + time }
    var serverNow: Int64 { History.epoch + serverOffset + time }
    var now: Timestamp { Timestamp(milliseconds: steady) }

    var rowsText: String {
        disk.rows.enumerated().map { "\($0) \($1.state) \($1.phase) \($1.code ?? "-") \($1.held.map { "\($0)" } ?? "-")" }
            .joined(separator: ", ") + ", ledger \(disk.ledger.map { "\($0.id)/\($0.row)" }), up \(isUp), paused \(disk.isPaused)"
            + ", runs \(engine.runs.indices.filter { engine.runs[$0] != nil }), gates \(engine.gates.indices.filter { engine.gates[$0] != nil })"
            + ", pending \(engine.pending.count) flushing \(engine.isFlushing) blocked \(engine.startsBlocked)"
    }

    // MARK: - The queue of what is to come

    mutating func push(_ what: What, in delay: Int) {
        made += 1
        let place: Int
        if let reused = free.popLast() {
            place = reused
            whats[place] = what
        } else {
            place = whats.count
            whats.append(what)
        }
        queue.append(Due(at: time + Int64(delay), order: made, place: place))
        var child = queue.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard queue[child] < queue[parent] else { break }
            queue.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func pop() -> What? {
        guard let first = queue.first else { return nil }
        let last = queue.removeLast()
        if !queue.isEmpty {
            queue[0] = last
            var parent = 0
            while true {
                var child = 2 * parent + 1
                guard child < queue.count else { break }
                if child + 1 < queue.count, queue[child + 1] < queue[child] { child += 1 }
                guard queue[child] < queue[parent] else { break }
                queue.swapAt(child, parent)
                parent = child
            }
        }
        time = max(time, first.at)
        free.append(first.place)
        let what = whats[first.place]
        whats[first.place] = nil
        return what
    }
}
