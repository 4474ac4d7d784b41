import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct LeaseMachineTests {
    private let start = Timestamp(seconds: 1_000)
    private let hour = Duration.seconds(3_600)

    private func held(_ life: Duration? = .seconds(3_600), seed: UInt64 = 1) -> LeaseMachine {
        var machine = LeaseMachine(seed: seed)
        _ = machine.ask(minimumLife: .zero, at: start)
        _ = machine.on(.fetched(life: life), at: start)
        return machine
    }

    @Test func whoeverAsksThereIsOneFetch() {
        var machine = LeaseMachine(seed: 1)

        let first = machine.ask(minimumLife: .zero, at: start)
        let others = (0..<32).map { _ in machine.ask(minimumLife: .zero, at: start) }

        #expect(first.actions == [.fetch])
        #expect(others.allSatisfy { $0.actions.isEmpty && $0.answer == .wait })
        #expect(machine.on(.fetched(life: hour), at: start) == [.wake])
        #expect(machine.ask(minimumLife: .zero, at: start).answer == .use(generation: 1))
    }

    @Test(arguments: 1...50) func theRefreshComesAtFourFifthsOfTheLifeMoreOrLess(seed: UInt64) throws {
        let machine = held(seed: seed)
        let at = try #require(machine.nextDeadline) - start

        #expect(at >= .seconds(2_700) && at <= .seconds(3_060))
    }

    @Test func refreshTimesOfManyMachinesDiffer() {
        #expect(Set((1...50).map { held(seed: $0).nextDeadline }).count > 40)
    }

    @Test func whileARefreshRunsTheOldLeaseIsUsed() throws {
        var machine = held()
        let due = try #require(machine.nextDeadline)

        #expect(machine.on(.deadline, at: due) == [.fetch])
        #expect(machine.ask(minimumLife: .seconds(60), at: due).answer == .use(generation: 1))
        #expect(machine.on(.fetched(life: hour), at: due) == [.forget(generation: 1), .wake])
        #expect(machine.ask(minimumLife: .zero, at: due).answer == .use(generation: 2))
    }

    @Test func anAskPastTheRefreshPointStartsItToo() throws {
        var machine = held()
        let due = try #require(machine.nextDeadline)

        let (answer, actions) = machine.ask(minimumLife: .zero, at: due)

        #expect(answer == .use(generation: 1))
        #expect(actions == [.fetch])
    }

    @Test func aLeaseWithLessLeftThanAPartNeedsIsNeverHandedOut() {
        var machine = held()

        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(3_569)).answer == .use(generation: 1))
        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(3_571)).answer == .wait, "30 s at least")
        #expect(machine.ask(minimumLife: .seconds(600), at: start + .seconds(3_100)).answer == .wait)
    }

    @Test func aLeaseOfFiveSecondsIsUsableForFourOfThem() {
        var machine = held(.seconds(5))

        #expect(machine.ask(minimumLife: .seconds(60), at: start).answer == .use(generation: 1))
        #expect(machine.ask(minimumLife: .zero, at: start + .milliseconds(3_700)).answer == .use(generation: 1))
        #expect(machine.ask(minimumLife: .zero, at: start + .milliseconds(4_100)).answer == .wait)
    }

    @Test func fiveSecondLeasesForFortySecondsCostAboutOneFetchALife() {
        var machine = LeaseMachine(seed: 3)
        var fetches = 0
        for tick in 0..<4_000 {
            let now = start + .milliseconds(Int64(tick * 10))
            let (_, actions) = machine.ask(minimumLife: .seconds(30), at: now)
            if actions.contains(.fetch) {
                fetches += 1
                _ = machine.on(.fetched(life: .seconds(5)), at: now)
            }
        }

        #expect((8...12).contains(fetches), "\(fetches)")
    }

    @Test func oneFailedFetchIsATimeNotAnAnswer() throws {
        var machine = LeaseMachine(seed: 1)
        _ = machine.ask(minimumLife: .zero, at: start)

        #expect(machine.on(.failed(retryAfter: nil, reason: "away"), at: start) == [.wake])
        guard case .unavailable(let until, "away") = machine.ask(minimumLife: .zero, at: start).answer else {
            Issue.record("not unavailable")
            return
        }
        #expect(until > start && until <= start + .seconds(1))
        #expect(machine.ask(minimumLife: .zero, at: until).actions == [.fetch])
        _ = machine.on(.fetched(life: hour), at: until)
        #expect(machine.ask(minimumLife: .zero, at: until).answer == .use(generation: 1))
    }

    @Test func aFailedRefreshKeepsTheLeaseUntilItsEnd() throws {
        var machine = held()
        let due = try #require(machine.nextDeadline)
        _ = machine.on(.deadline, at: due)

        _ = machine.on(.failed(retryAfter: .seconds(120), reason: "away"), at: due)

        #expect(machine.ask(minimumLife: .zero, at: due + .seconds(60)).answer == .use(generation: 1))
        #expect(machine.nextDeadline == due + .seconds(120))
        guard case .backingOff(old: .some, _, "away") = machine.state(at: due) else {
            Issue.record("the failure does not show")
            return
        }
    }

    @Test func failuresInARowAreAskedEverMoreRarelyButNeverMoreThanHalfAMinuteApart() {
        var machine = LeaseMachine(seed: 5)
        var now = start
        var asked = 0
        // Ten minutes of an authorization server that is away, with somebody asking all the time.
        for _ in 0..<60_000 {
            if machine.ask(minimumLife: .zero, at: now).actions == [.fetch] {
                asked += 1
                _ = machine.on(.failed(retryAfter: nil, reason: "away"), at: now)
            }
            now = now + .milliseconds(10)
        }

        #expect((20...60).contains(asked), "\(asked)")
    }

    @Test func aHundredRequestsThatFailWithOneLeaseCauseOneFetch() {
        var machine = held()
        let actions = (0..<100).flatMap { _ in machine.on(.retired(generation: 1), at: start + .seconds(2_000)) }

        #expect(actions == [.forget(generation: 1), .fetch])
        _ = machine.on(.fetched(life: hour), at: start + .seconds(2_001))
        #expect(machine.on(.retired(generation: 1), at: start + .seconds(2_002)) == [], "late news about the old one")
        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(2_002)).answer == .use(generation: 2))
    }

    @Test func aLeaseThatIsRetiredDuringItsRefreshIsNotHandedOut() {
        var machine = held()
        _ = machine.on(.renewRequested, at: start + .seconds(10))

        #expect(machine.on(.retired(generation: 1), at: start + .seconds(11)) == [.forget(generation: 1)])
        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(11)).answer == .wait)
    }

    @Test func aSourceWhoseFreshLeasesAreRefusedIsNotHammered() {
        var machine = LeaseMachine(seed: 1)
        var fetches = 0
        for tick in 0..<6_000 {
            let now = start + .milliseconds(Int64(tick * 10))
            let (answer, actions) = machine.ask(minimumLife: .zero, at: now)
            if actions.contains(.fetch) {
                fetches += 1
                _ = machine.on(.fetched(life: hour), at: now)
            } else if case .use(let generation) = answer, machine.on(.retired(generation: generation), at: now).contains(.fetch) {
                fetches += 1
                _ = machine.on(.fetched(life: hour), at: now)
            }
        }

        #expect(fetches <= 9, "\(fetches) in a minute")
    }

    @Test func aSourceThatGivesTheSameDyingTokenIsNotAskedInEverShorterSteps() {
        var machine = LeaseMachine(seed: 1)
        let end = start + .seconds(60)
        var fetches = 0
        for tick in 0..<5_900 {
            let now = start + .milliseconds(Int64(tick * 10))
            if machine.ask(minimumLife: .zero, at: now).actions.contains(.fetch) {
                fetches += 1
                _ = machine.on(.fetched(life: end - now), at: now)
            }
        }

        #expect(fetches < 30, "\(fetches) in a minute")
    }

    @Test func aRefusalSaysSoAndEndsByItself() {
        var machine = LeaseMachine(seed: 1)
        _ = machine.ask(minimumLife: .zero, at: start)

        #expect(machine.on(.refused(reason: "not allowed"), at: start) == [.wake])
        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(59)).answer == .refused(reason: "not allowed"))
        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(60)).actions == [.fetch])
    }

    @Test func aRenewalByAPersonDoesNotWait() {
        var machine = LeaseMachine(seed: 1)
        _ = machine.ask(minimumLife: .zero, at: start)
        _ = machine.on(.refused(reason: "no"), at: start)

        #expect(machine.on(.renewRequested, at: start) == [.fetch])
        #expect(machine.on(.renewRequested, at: start) == [], "one flight")
    }

    @Test func keysWithoutAnEndAreHeldForEver() {
        var machine = held(nil)

        #expect(machine.nextDeadline == nil)
        #expect(machine.ask(minimumLife: hour, at: start + .seconds(1_000_000_000)).answer == .use(generation: 1))
        #expect(machine.state(at: start) == .held(until: nil))
    }

    @Test func aLeaseFromTheCacheIsRefreshedByItsWholeLife() throws {
        var machine = LeaseMachine(seed: 1)
        _ = machine.ask(minimumLife: .zero, at: start)
        _ = machine.on(.fetched(life: .seconds(600), age: .seconds(3_000)), at: start)

        let due = try #require(machine.nextDeadline)
        #expect(due <= start + .seconds(60), "0.8 of the hour is over")
        #expect(machine.ask(minimumLife: .zero, at: start).answer == .use(generation: 1))
    }

    @Test func credentialsThatCameTooLateAreAFailure() {
        var machine = LeaseMachine(seed: 1)
        _ = machine.ask(minimumLife: .zero, at: start)

        _ = machine.on(.fetched(life: .zero), at: start)

        guard case .unavailable = machine.ask(minimumLife: .zero, at: start).answer else {
            Issue.record("dead credentials were handed out")
            return
        }
    }

    /// Asks, answers, retirements and time in any order.
    @Test(arguments: 0..<10) func everyHistoryKeepsTheRules(block: Int) {
        for offset in 0..<100 {
            let seed = UInt64(block * 100 + offset)
            #expect(LeaseHistory(seed: seed).broken() == nil, "seed \(seed)")
        }
    }
}

/// One history of a lease machine from a seed.
struct LeaseHistory {
    let seed: UInt64

    func broken() -> String? {
        var random = SeededRandom(seed)
        var machine = LeaseMachine(seed: seed)
        var now = Timestamp(seconds: 0)
        var isFlying = false
        var retired: Set<UInt64> = []
        var ends: [UInt64: Timestamp] = [:]
        var quiet = 0
        for _ in 0..<400 {
            now = now + .milliseconds(Int64(random.below(random.below(10) == 0 ? 60_000 : 3_000)))
            var actions: [LeaseAction] = []
            switch random.below(10) {
            case 0...4:
                let (answer, more) = machine.ask(minimumLife: .seconds(random.below(60)), at: now)
                actions = more
                switch answer {
                case .use(let generation):
                    if retired.contains(generation) { return "retired \(generation) was handed out" }
                    if let end = ends[generation], end <= now { return "a dead lease was handed out" }
                case .wait: if !isFlying && !more.contains(.fetch) { return "told to wait for nothing" }
                case .refused, .unavailable: if isFlying, ends.isEmpty { return "an answer while the first fetch is under way" }
                }
            case 5, 6:
                guard isFlying else { continue }
                isFlying = false
                switch random.below(4) {
                case 0: actions = machine.on(.failed(retryAfter: random.below(3) == 0 ? .seconds(20) : nil, reason: "f"), at: now)
                case 1: actions = machine.on(.refused(reason: "r"), at: now)
                default:
                    let life = Duration.seconds(1 + random.below(120))
                    actions = machine.on(.fetched(life: life), at: now)
                    ends[machine.generation] = now + life
                }
                if !actions.contains(.wake) { return "nobody was told" }
            case 7:
                let generation = UInt64(random.below(Int(machine.generation) + 1))
                actions = machine.on(.retired(generation: generation), at: now)
                retired.insert(generation)
            case 8: if let due = machine.nextDeadline, due <= now { actions = machine.on(.deadline, at: now) }
            default: if random.below(20) == 0 { actions = machine.on(.renewRequested, at: now) }
            }
            for action in actions where action == .fetch {
                if isFlying { return "two flights at once" }
                isFlying = true
            }
            quiet = isFlying ? 0 : quiet + 1
        }
        return nil
    }
}
