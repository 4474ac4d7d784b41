import OSSProtocol

@testable import TransferCore

/// One history of the credentials of one scope from a seed: the desk that the engine's keeper drives, a thousand callers, a source that
/// fails, lingers and repeats itself, an OSS that revokes tokens, clocks that are set, and engines that begin anew with the cache.
/// Ends with the first broken rule, or with `nil` when all held.
struct LeaseSimulation {
    static let callers = 1_000

    private struct Token {
        var identity: String
        /// On the server's clock, milliseconds; `Int64.max`: none.
        var expiration: Int64
        var issued: Int64
        var life: Int64
        /// Whom the configuration named then.
        var owner: String
        /// When it ends by what its source said of its life, on the clock of the world.
        var toldEnd: Int64?
        var isRevoked = false
        /// The desk has been told.
        var isReported = false
        var reportedAt: Int64 = 0
    }

    private struct Flight {
        var since: Int64
        var at: Int64
        var refusing: String?
        var fromCache: LeaseEvent?
    }

    private enum Landing {
        case none
        case success(at: Int64, left: Int64?)
        case failure(at: Int64)
        case refusal(at: Int64)
    }

    /// The day on which all begins.
    private static let epoch: Int64 = 1_768_465_800_000
    private static let hour: Int64 = 3_600_000

    let seed: UInt64
    let world: World
    private(set) var trace: [String] = []
    private(set) var happened = [Int](repeating: 0, count: Happening.allCases.count)
    private(set) var asks = 0
    private(set) var fetches = 0
    /// How many waited at once.
    private(set) var mostWaiting = 0

    private let isTracing: Bool
    private var random: SeededRandom
    private var problem: String?

    // The world.
    private var time: Int64 = 0
    private var wallOffset: Int64 = 0
    private var serverOffset: Int64 = 0
    private var tokens: [Token] = []
    /// What a source of those that keep has at hand.
    private var atHand: Int?
    private var isWell = false

    // The engine's process.
    private var desk: LeaseDesk
    private var clock = LeaseClock()
    private var runBase = LeaseSimulation.epoch
    private var flight: Flight?
    private var landing: Int?
    /// By generation.
    private var kept: [Int] = [-1]
    private var isCacheRead = false
    /// A source's own count of the life is kept for the next run, a guess is not.
    private var isStorable = false
    private var toldEnd: Int64?
    private var isLandingFromCache = false
    private var isHeldFromCache = false
    private var lastLanding = Landing.none
    private var mayFetch = true

    // On the disk.
    private var cache: (record: LeaseRecord, token: Int, runBase: Int64)?
    private var fingerprint = "a"

    /// By caller: 0 waits, 1 was answered.
    private var status: [UInt8] = []
    private var waiting = 0
    private var renewals: Set<LeaseCaller> = []

    init(seed: UInt64, isTracing: Bool = false) {
        (self.seed, self.isTracing) = (seed, isTracing)
        var random = SeededRandom(seed)
        let needs: [[Duration]] = [[.seconds(30)], [.zero, .seconds(60)], [.seconds(5), .seconds(30), .seconds(600)]]
        let sources: [Source] = [.fresh, .fresh, .keeping, .keeping, .deaf, .deaf, .key]
        world = World(
            source: sources[random.below(sources.count)], life: [5_000, 10_000, 60_000, 900_000, 3_600_000][random.below(5)],
            tellsTime: random.below(4) > 0, hasBoot: random.below(4) > 0, failures: [0, 10, 40][random.below(3)],
            slowness: [0, 10, 40][random.below(3)], needs: needs[random.below(needs.count)])
        // A machine's clock may be wrong from the beginning.
        if random.below(3) == 0 { serverOffset = (random.below(2) == 0 ? 1 : -1) * LeaseSimulation.hour }
        self.random = random
        desk = LeaseDesk(seed: seed)
        status.reserveCapacity(2 * LeaseSimulation.callers)
    }

    private var now: Timestamp { Timestamp(milliseconds: runBase + time) }
    private var serverNow: Int64 { LeaseSimulation.epoch + serverOffset + time }
    private var boot: BootTime? { world.hasBoot ? BootTime(boot: "b", milliseconds: time) : nil }

    // MARK: - The history

    /// The broken rule, or `nil`.
    mutating func history() -> String? {
        burst(LeaseSimulation.callers)
        for _ in 0..<(40 + random.below(40)) where problem == nil {
            pass()
            if problem == nil { step() }
            if waiting > 0, flight == nil { broken("\(waiting) wait, and nothing is under way") }
            if desk.waiting != waiting { broken("the desk knows \(desk.waiting) who wait, and there are \(waiting)") }
        }
        if problem == nil { recover() }
        return problem
    }

    private mutating func step() {
        switch random.below(32) {
        case 0...13: burst(random.below(24) == 0 ? 200 : 1 + random.below(12))
        case 14...18: advance(to: flight?.at ?? time)
        case 19, 20: cancel()
        case 21, 22: revoke()
        case 23: reportLate()
        case 24, 25: jump()
        case 26, 27: learn(serverNow)
        case 28, 29: restart()
        default: renew()
        }
    }

    private mutating func pass() {
        let longest: Int64 =
            switch random.below(8) {
            case 0: 2 * world.life
            case 1, 2: world.life / 2
            case 3, 4: 1_000
            default: 50
            }
        advance(to: time + Int64(random.below(Int(longest) + 1)))
    }

    /// What is under way lands on the way.
    private mutating func advance(to target: Int64) {
        while problem == nil, let flight, flight.at <= target {
            time = max(time, flight.at)
            land(flight)
        }
        time = max(time, target)
    }

    /// The source is well again and OSS refuses nothing: whoever asks at the time that was told must get a lease.
    private mutating func recover() {
        isWell = true
        atHand = nil
        if let flight { advance(to: flight.at) }
        if clock.offset != nil { learn(serverNow) }
        for _ in 0..<12 where problem == nil {
            asks += 1
            let caller = LeaseCaller(status.count)
            status.append(0)
            let (answer, actions) = desk.ask(caller, minimumLife: world.needs[0], at: now)
            switch answer {
            case .use(let generation)?:
                check(generation)
                return perform(actions)
            case .unavailable(let until, _)?: time += max(1, until.milliseconds - now.milliseconds)
            case .refused?: time += 60_000
            case .cancelled?: broken("cancelled, and nobody did")
            case nil:
                waiting += 1
                perform(actions)
                while problem == nil, let flight { advance(to: flight.at) }
                if status[Int(caller)] == 0 { broken("no answer at the end") }
            }
        }
        broken("the source is well again, and there are no credentials")
    }

    // MARK: - Callers

    private mutating func burst(_ count: Int) {
        let need = world.needs[random.below(world.needs.count)]
        let at = now
        var checked: UInt64 = .max
        asks += count
        for _ in 0..<count {
            let caller = LeaseCaller(status.count)
            let (answer, actions) = desk.ask(caller, minimumLife: need, at: at)
            switch answer {
            case nil:
                status.append(0)
                waiting += 1
                note(.waited)
            case .use(let generation)?:
                status.append(1)
                note(.usedAtOnce)
                if generation != checked { check(generation) }
                checked = generation
            case .some(let answer):
                status.append(1)
                if actions.isEmpty { told(answer) } else { broken("\(answer) from a source that is being asked") }
            }
            if !actions.isEmpty { perform(actions) }
            if problem != nil { return }
        }
        mostWaiting = max(mostWaiting, waiting)
        record { "\(count) ask for \(need): \($0.waiting) wait" }
    }

    /// A caller is turned away: until when must be in the time to come.
    private mutating func told(_ answer: LeaseAnswer) {
        switch answer {
        case .unavailable(let until, _):
            note(.toldUnavailable)
            if until <= now { broken("a failure is remembered beyond its time") }
        case .refused:
            note(.toldRefused)
            guard case .refusal(let at) = lastLanding, time - at < 60_000 else { return broken("a refusal is remembered beyond its time") }
        case .use, .cancelled: broken("\(answer) is no refusal")
        }
    }

    private mutating func answered(_ callers: [LeaseCaller], _ answer: LeaseAnswer) {
        for caller in callers {
            if status[Int(caller)] != 0 { return broken("caller \(caller) is answered twice") }
            status[Int(caller)] = 1
        }
        waiting -= callers.count
        happened[Happening.woken.rawValue] += callers.count
        switch answer {
        case .use(let generation): check(generation)
        case .refused, .unavailable:
            note({ if case .refused = answer { .toldRefused } else { .toldUnavailable } }())
            if callers.contains(where: { renewals.contains($0) }) { note(.renewalFailed) }
        case .cancelled: note(.cancelledWaiting)
        }
    }

    /// What is handed out must be good by all that could be known.
    private mutating func check(_ generation: UInt64) {
        guard kept.indices.contains(Int(generation)), kept[Int(generation)] >= 0 else {
            return broken("generation \(generation) is nothing")
        }
        let token = tokens[kept[Int(generation)]]
        if token.owner != fingerprint { return broken("\(token.identity) is another source's and is handed out") }
        if token.isReported { return broken("\(token.identity) was refused by OSS and is handed out again") }
        // Servers tell whole seconds.
        guard token.expiration != .max, serverNow >= token.expiration + 1_000 else { return }
        let known = clock.offset?.inMilliseconds ?? 0
        let isHeard = clock.offset != nil && abs((serverNow - now.milliseconds) - known) <= LeaseClock.noise.inMilliseconds
        if isHeard { return broken("\(token.identity) has ended and is handed out") }
        if let end = token.toldEnd, time >= end + 1_000, !isHeldFromCache || world.hasBoot || cache?.runBase == runBase {
            broken("\(token.identity) is older than its life and is handed out")
        }
    }

    private mutating func cancel() {
        guard waiting > 0 else { return }
        let all = random.below(6) == 0
        var left = all ? waiting : 1 + random.below(20)
        for caller in status.indices.reversed() where left > 0 && status[caller] == 0 && problem == nil {
            guard all || random.below(3) > 0 else { continue }
            perform(desk.cancelled(LeaseCaller(caller)))
            if status[caller] == 0 { return broken("a caller that went away still waits") }
            left -= 1
        }
        if waiting == 0, flight != nil { note(.flightWithoutCallers) }
        record { "some go away: \($0.waiting) wait" }
    }

    private mutating func renew() {
        // As the keeper does: what an earlier run has left is not to be lost for a source that is away.
        if !isCacheRead, flight == nil { burst(1) }
        if let flight, flight.fromCache != nil { advance(to: flight.at) }
        guard problem == nil else { return }
        isCacheRead = true
        let caller = LeaseCaller(status.count)
        status.append(0)
        waiting += 1
        renewals.insert(caller)
        note(.renewed)
        record { _ in "a person renews" }
        if flight == nil { mayFetch = true }
        perform(desk.renew(caller, at: now))
    }

    // MARK: - OSS

    /// Somebody revokes the token that is held, and those who used it hear of it, many at once.
    private mutating func revoke() {
        let generation = desk.generation
        guard generation > 0, kept.indices.contains(Int(generation)), kept[Int(generation)] >= 0 else { return }
        tokens[kept[Int(generation)]].isRevoked = true
        note(.revoked)
        if random.below(3) == 0 { return }
        report(generation)
    }

    private mutating func report(_ generation: UInt64) {
        let token = kept[Int(generation)]
        record { "OSS refuses \($0.tokens[token].identity) (generation \(generation))" }
        if flight != nil { note(.reportedDuringFlight) }
        for _ in 0..<(1 + random.below(100)) where problem == nil {
            let isCurrent = kept[Int(generation)] == kept[Int(desk.generation)]
            let actions = desk.on(.retired(generation: generation), at: now)
            if isCurrent {
                note(.reported)
                if tokens[token].expiration != .max, !tokens[token].isReported {
                    (tokens[token].isReported, tokens[token].reportedAt) = (true, time)
                }
                if !actions.isEmpty { mayFetch = true }
            }
            perform(actions)
        }
    }

    private mutating func reportLate() {
        guard desk.generation > 1 else { return }
        let old = UInt64(1 + random.below(Int(desk.generation) - 1))
        note(.reportedLate)
        // The same token under another number is what is held now.
        if kept[Int(old)] == kept[Int(desk.generation)] { return report(old) }
        let actions = desk.on(.retired(generation: old), at: now)
        if !actions.isEmpty, actions != [.forget(generation: old, isRefused: true)] {
            return broken("late news about generation \(old) did \(actions)")
        }
        if kept[Int(old)] >= 0, tokens[kept[Int(old)]].expiration != .max, !actions.isEmpty { tokens[kept[Int(old)]].isReported = true }
        perform(actions)
    }

    // MARK: - Clocks

    private mutating func jump() {
        let forward = random.below(2) == 0
        let by = (forward ? 1 : -1) * LeaseSimulation.hour
        if random.below(2) == 0 {
            serverOffset += by
            note(forward ? .serverForward : .serverBack)
            record { _ in "the server's clock jumps by \(by)" }
        } else {
            // What waits here goes by the steady clock: nothing moves before the next run of the engine.
            wallOffset += by
            note(forward ? .machineForward : .machineBack)
            record { _ in "the machine's clock jumps by \(by)" }
        }
    }

    /// As the keeper does: whoever learned it, the desk hears of it before it is asked again.
    private mutating func learn(_ server: Int64) {
        let before = clock.offset
        clock.learn(serverTime: Timestamp(milliseconds: server / 1000 * 1000), at: now)
        guard let offset = clock.offset, offset != before else { return }
        note(.clockLearned)
        record { _ in "the server's clock is \(offset) later than ours" }
        mayFetch = true
        if case .held(let until?) = desk.state(at: now) {
            perform(desk.on(.clockLearned(offset: offset), at: now))
            switch desk.state(at: now) {
            case .held(let later?): if later != until { note(later < until ? .endMovedNearer : .endMovedAway) }
            default: note(.endMovedNearer)
            }
        } else {
            perform(desk.on(.clockLearned(offset: offset), at: now))
        }
    }

    // MARK: - The engine begins anew

    private mutating func restart() {
        note(.restarted)
        if flight != nil { note(.restartedInFlight) }
        for caller in status.indices where status[caller] == 0 { status[caller] = 1 }
        (waiting, flight, kept, isCacheRead, lastLanding, mayFetch) = (0, nil, [-1], false, .none, true)
        clock = LeaseClock()
        runBase = LeaseSimulation.epoch + wallOffset
        if random.below(10) == 0 {
            fingerprint = fingerprint == "a" ? "b" : "a"
            atHand = nil
        }
        let refused = cache.flatMap { $0.record.isRefused && $0.record.fingerprint == fingerprint ? tokens[$0.token].identity : nil }
        if refused != nil { note(.cacheRefused) }
        // One is remembered.
        for index in tokens.indices { tokens[index].isReported = refused != nil && index == cache?.token }
        desk = LeaseDesk(seed: random.next(), refused: refused)
        record { _ in "the engine begins anew" }
    }

    private mutating func fromCache() -> LeaseEvent? {
        guard !isCacheRead else { return nil }
        isCacheRead = true
        guard let cache else { return nil }
        guard let rest = cache.record.rest(at: now, boot: boot, fingerprint: fingerprint) else {
            if cache.record.fingerprint != fingerprint { note(.cacheOfAnother) } else if !cache.record.isRefused { note(.cacheOver) }
            return nil
        }
        note(.cacheUsed)
        (landing, isStorable, toldEnd) = (cache.token, false, nil)
        let token = tokens[cache.token]
        let end = LeaseEnd.after(rest.left, expiration: Timestamp(milliseconds: token.expiration))
        return .fetched(identity: token.identity, end: end, age: max(rest.age, .milliseconds(1)))
    }

    // MARK: - The flight

    private mutating func perform(_ actions: [LeaseAction]) {
        for action in actions where problem == nil {
            switch action {
            case .fetch(let refusing): takeOff(refusing)
            case .keep(let generation):
                guard let landing else { return broken("nothing has landed") }
                while kept.count <= Int(generation) { kept.append(-1) }
                kept[Int(generation)] = landing
                isHeldFromCache = isLandingFromCache
                if toldEnd != nil { tokens[landing].toldEnd = toldEnd }
                if isStorable { store(landing) }
            case .forget(let generation, let isRefused):
                guard isRefused, kept.indices.contains(Int(generation)), kept[Int(generation)] == cache?.token else { break }
                cache?.record.isRefused = true
            case .answer(let callers, let answer): answered(callers, answer)
            }
        }
    }

    private mutating func takeOff(_ refusing: String?) {
        if flight != nil { return broken("a second flight") }
        if let event = fromCache() {
            flight = Flight(since: time, at: time + 1, refusing: refusing, fromCache: event)
            return
        }
        fetches += 1
        checkThatItWasDue()
        if refusing != nil { note(.sourceWasTold) }
        let isSlow = !isWell && random.below(100) < world.slowness
        if isSlow { note(.slowAnswer) }
        let takes = isSlow ? Int64(random.below(Int(2 * world.life))) : Int64(1 + random.below(100))
        flight = Flight(since: time, at: time + takes, refusing: refusing, fromCache: nil)
    }

    /// About one fetch a life, plus failures and what people and OSS say.
    private mutating func checkThatItWasDue() {
        defer { mayFetch = false }
        guard !mayFetch else { return }
        let wait: (since: Int64, least: Int64?) =
            switch lastLanding {
            case .none: (time, 0)
            case .success(let at, let left): (at, left.map { $0 / 2 - 1 })
            case .failure(let at): (at, 500)
            case .refusal(let at): (at, 60_000)
            }
        guard let least = wait.least, time - wait.since >= least else {
            return broken("asked again \(time - wait.since) ms after \(lastLanding)")
        }
    }

    private mutating func land(_ flight: Flight) {
        self.flight = nil
        isLandingFromCache = flight.fromCache != nil
        if let event = flight.fromCache {
            lastLanding = .none
            return perform(desk.on(event, at: now))
        }
        if !isWell, random.below(100) < world.failures { return fail() }
        let token = issue(flight)
        landing = token
        let issued = tokens[token]
        // The answer was written at some time between the question and now.
        let written = max(issued.issued, flight.since + Int64(random.below(Int(time - flight.since) + 1)))
        let told: Timestamp? =
            world.tellsTime ? Timestamp(milliseconds: (LeaseSimulation.epoch + serverOffset + written) / 1000 * 1000) : nil
        if let told { learn(told.milliseconds) }
        let end: LeaseEnd =
            issued.expiration == .max ? .never : LeaseClock.end(of: Timestamp(milliseconds: issued.expiration), serverTime: told)
        var (left, toldEnd): (Int64?, Int64?)
        switch end {
        case .never: left = nil
        case .after(let life, _):
            left = flight.since + life.inMilliseconds - time
            toldEnd = flight.since + life.inMilliseconds
        case .at(let expiration):
            note(.guessedEnd)
            left = clock.local(expiration, serverTime: nil, at: now).milliseconds - now.milliseconds
            if clock.offset == nil, left ?? 0 <= 0 {
                note(.usedOnTrust)
                left = LeaseMachine.trust.inMilliseconds
            }
        }
        if issued.isReported {
            note(.refusedTokenAgain)
            if world.source == .keeping, flight.since > issued.reportedAt { return broken("the source was not told of \(issued.identity)") }
        }
        self.toldEnd = toldEnd
        isStorable = { if case .after = end { true } else { false } }()
        note(.landed)
        let generation = desk.generation
        record { _ in "\(issued.identity) lands, \(left ?? -1) ms left" }
        let actions = desk.on(.fetched(identity: issued.identity, end: end), at: now)
        if actions.contains(where: { if case .fetch = $0 { true } else { false } }) {
            note(.repeatedFlight)
            mayFetch = true
        }
        let isKept = actions.contains { if case .keep = $0 { true } else { false } }
        if isKept, desk.generation == generation { note(.sameTokenAgain) }
        if !isKept, let left, left <= 0 { note(.leaseEndedWhileAsked) }
        // From when it was asked for: an answer that took long is soon worth a refresh.
        lastLanding = isKept ? .success(at: flight.since, left: left.map { $0 + time - flight.since }) : .failure(at: time)
        perform(actions)
    }

    private mutating func fail() {
        if random.below(4) == 0 {
            note(.refusedBySource)
            lastLanding = .refusal(at: time)
            record { _ in "the source refuses" }
            perform(desk.on(.refused(reason: "r"), at: now))
        } else {
            note(.failed)
            lastLanding = .failure(at: time)
            record { _ in "the source fails" }
            perform(desk.on(.failed(retryAfter: random.below(3) == 0 ? .seconds(20) : nil, reason: "f"), at: now))
        }
    }

    /// - Returns: the token that the source gives.
    private mutating func issue(_ flight: Flight) -> Int {
        if let atHand {
            let token = tokens[atHand]
            let left = token.expiration == .max ? Int64.max : token.expiration - serverNow
            let isGiven: Bool =
                switch world.source {
                case .fresh: false
                case .keeping: left > token.life * 3 / 10 && flight.refusing != token.identity
                case .deaf: left > 0
                case .key: true
                }
            if isGiven { return atHand }
        }
        let isKey = world.source == .key
        let issued = flight.since + Int64(random.below(Int(time - flight.since) + 1))
        let expiration = LeaseSimulation.epoch + serverOffset + issued + world.life
        tokens.append(
            Token(
                identity: "STS.\(tokens.count)", expiration: isKey ? .max : expiration / 1000 * 1000, issued: issued, life: world.life,
                owner: fingerprint))
        atHand = tokens.count - 1
        return tokens.count - 1
    }

    private mutating func store(_ token: Int) {
        guard case .held(let until?) = desk.state(at: now) else { return }
        cache = (LeaseRecord(fetched: now, expires: until, boot: boot, fingerprint: fingerprint), token, runBase)
    }

    // MARK: - Notes

    private mutating func note(_ happening: Happening) { happened[happening.rawValue] += 1 }

    private mutating func broken(_ text: String) {
        record { _ in text }
        problem = problem ?? text
    }

    private mutating func record(_ line: (LeaseSimulation) -> String) {
        if isTracing { trace.append("\(time) \(line(self))") }
    }
}
