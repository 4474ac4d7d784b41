import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct LeaseMachineTests {
    private let start = Timestamp(seconds: 1_000)
    private let hour = Duration.seconds(3_600)

    /// On a server's clock that is ours.
    private func after(_ life: Duration) -> LeaseEnd { .after(life, expiration: start + life) }

    private func held(_ life: Duration? = .seconds(3_600), identity: String = "STS.1", seed: UInt64 = 1) -> LeaseMachine {
        var machine = LeaseMachine(seed: seed)
        _ = machine.ask(minimumLife: .zero, at: start)
        _ = machine.on(.fetched(identity: identity, end: life.map { after($0) } ?? .never), at: start)
        return machine
    }

    @Test func whoeverAsksThereIsOneFetch() {
        var machine = LeaseMachine(seed: 1)

        let first = machine.ask(minimumLife: .zero, at: start)
        let others = (0..<32).map { _ in machine.ask(minimumLife: .zero, at: start) }

        #expect(first.flight == LeaseMachine.Flight(since: start, refusing: nil))
        #expect(others.allSatisfy { $0.flight == nil && $0.reply == .wait })
        #expect(machine.on(.fetched(identity: "a", end: after(hour)), at: start) == [.keep(generation: 1), .wake])
        #expect(machine.ask(minimumLife: .zero, at: start).reply == .use(generation: 1))
    }

    @Test(arguments: 1...50) func theRefreshComesAtFourFifthsOfTheLifeMoreOrLess(seed: UInt64) throws {
        let machine = held(seed: seed)
        let at = try #require(machine.nextFetch) - start

        #expect(at >= .seconds(2_700) && at <= .seconds(3_060))
    }

    @Test func refreshTimesOfManyMachinesDiffer() {
        #expect(Set((1...50).map { held(seed: $0).nextFetch }).count > 40)
    }

    @Test func whileARefreshRunsTheOldLeaseIsUsed() throws {
        var machine = held()
        let due = try #require(machine.nextFetch)

        let (reply, flight) = machine.ask(minimumLife: .seconds(60), at: due)
        #expect(reply == .use(generation: 1) && flight != nil)
        #expect(machine.ask(minimumLife: .seconds(60), at: due).flight == nil)
        #expect(
            machine.on(.fetched(identity: "STS.2", end: after(hour)), at: due)
                == [.forget(generation: 1, isRefused: false), .keep(generation: 2), .wake])
        #expect(machine.ask(minimumLife: .zero, at: due).reply == .use(generation: 2))
    }

    @Test func aLeaseWithLessLeftThanAPartNeedsIsNeverHandedOut() {
        var machine = held()

        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(3_569)).reply == .use(generation: 1))
        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(3_571)).reply == .wait, "30 s at least")
        #expect(machine.ask(minimumLife: .seconds(600), at: start + .seconds(3_100)).reply == .wait)
    }

    @Test func aLeaseOfFiveSecondsIsUsableForFourOfThem() {
        var machine = held(.seconds(5))

        #expect(machine.ask(minimumLife: .seconds(60), at: start).reply == .use(generation: 1))
        #expect(machine.ask(minimumLife: .zero, at: start + .milliseconds(3_700)).reply == .use(generation: 1))
        #expect(machine.ask(minimumLife: .zero, at: start + .milliseconds(4_100)).reply == .wait)
    }

    @Test func aLifeCountsFromWhenTheSourceWasAsked() {
        var machine = LeaseMachine(seed: 1)
        _ = machine.ask(minimumLife: .zero, at: start)
        // The answer was given at once and took 100 s: which of both is slow cannot be told.
        _ = machine.on(.fetched(identity: "a", end: after(hour)), at: start + .seconds(100))

        #expect(machine.state(at: start + .seconds(100)) == .held(until: start + hour))
    }

    @Test func fiveSecondLeasesForFortySecondsCostAboutOneFetchALife() {
        var machine = LeaseMachine(seed: 3)
        var fetches = 0
        for tick in 0..<4_000 {
            let now = start + .milliseconds(Int64(tick * 10))
            guard machine.ask(minimumLife: .seconds(30), at: now).flight != nil else { continue }
            fetches += 1
            _ = machine.on(.fetched(identity: "STS.\(fetches)", end: after(.seconds(5))), at: now)
        }

        #expect((8...12).contains(fetches), "\(fetches)")
    }

    // MARK: - Failures

    @Test func oneFailedFetchIsATimeNotAnAnswer() throws {
        var machine = LeaseMachine(seed: 1)
        _ = machine.ask(minimumLife: .zero, at: start)

        #expect(machine.on(.failed(retryAfter: nil, reason: "away"), at: start) == [.wake])
        guard case .unavailable(let until, "away") = machine.ask(minimumLife: .zero, at: start).reply else {
            Issue.record("not unavailable")
            return
        }
        #expect(until > start && until <= start + .seconds(1))
        #expect(machine.ask(minimumLife: .zero, at: until).flight != nil)
        _ = machine.on(.fetched(identity: "a", end: after(hour)), at: until)
        #expect(machine.ask(minimumLife: .zero, at: until).reply == .use(generation: 1))
    }

    @Test func aFailedRefreshKeepsTheLeaseUntilItsEnd() throws {
        var machine = held()
        let due = try #require(machine.nextFetch)
        _ = machine.ask(minimumLife: .zero, at: due)

        #expect(machine.on(.failed(retryAfter: .seconds(120), reason: "away"), at: due) == [.wake])

        #expect(machine.ask(minimumLife: .zero, at: due + .seconds(60)).reply == .use(generation: 1))
        #expect(machine.nextFetch == due + .seconds(120))
        guard case .backingOff(old: .some, _, "away") = machine.state(at: due) else {
            Issue.record("the failure does not show")
            return
        }
    }

    @Test func aLeaseThatDiedWhileTheSourceWasAskedIsForgotten() throws {
        var machine = held()
        _ = machine.ask(minimumLife: .zero, at: start + .seconds(3_500))

        let actions = machine.on(.failed(retryAfter: nil, reason: "away"), at: start + .seconds(3_700))

        #expect(actions == [.forget(generation: 1, isRefused: false), .wake])
    }

    @Test func failuresInARowAreAskedEverMoreRarelyButNeverMoreThanHalfAMinuteApart() {
        var machine = LeaseMachine(seed: 5)
        var now = start
        var asked = 0
        // Ten minutes of an authorization server that is away, with somebody asking all the time.
        for _ in 0..<60_000 {
            if machine.ask(minimumLife: .zero, at: now).flight != nil {
                asked += 1
                _ = machine.on(.failed(retryAfter: nil, reason: "away"), at: now)
            }
            now = now + .milliseconds(10)
        }

        #expect((20...60).contains(asked), "\(asked)")
    }

    @Test func aRefusalSaysSoAndEndsByItself() {
        var machine = LeaseMachine(seed: 1)
        _ = machine.ask(minimumLife: .zero, at: start)

        #expect(machine.on(.refused(reason: "not allowed"), at: start) == [.wake])
        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(59)).reply == .refused(reason: "not allowed"))
        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(60)).flight != nil)
    }

    @Test func credentialsThatCameTooLateAreAFailure() {
        var machine = LeaseMachine(seed: 1)
        _ = machine.ask(minimumLife: .zero, at: start)

        _ = machine.on(.fetched(identity: "a", end: after(.zero)), at: start)

        guard case .unavailable = machine.ask(minimumLife: .zero, at: start).reply else {
            Issue.record("dead credentials were handed out")
            return
        }
    }

    @Test func newsOfAFlightThatIsOverIsIgnored() {
        var machine = held()

        #expect(machine.on(.fetched(identity: "late", end: after(hour)), at: start + .seconds(1)) == [])
        #expect(machine.on(.failed(retryAfter: nil, reason: "late"), at: start + .seconds(1)) == [])
        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(1)).reply == .use(generation: 1))
    }

    // MARK: - What OSS refuses

    @Test func aHundredRequestsThatFailWithOneLeaseCauseOneFetchThatNamesIt() {
        var machine = held()
        let at = start + .seconds(2_000)
        let actions = (0..<100).flatMap { _ in machine.on(.retired(generation: 1), at: at) }

        #expect(
            actions == [.forget(generation: 1, isRefused: true), .fetch(LeaseMachine.Flight(since: at, refusing: "STS.1"))])
        _ = machine.on(.fetched(identity: "STS.2", end: after(hour)), at: start + .seconds(2_001))
        #expect(machine.on(.retired(generation: 1), at: start + .seconds(2_002)) == [], "late news about the old one")
        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(2_002)).reply == .use(generation: 2))
    }

    @Test func aLeaseThatIsRetiredDuringItsRefreshIsNotHandedOut() {
        var machine = held()
        _ = machine.renew(at: start + .seconds(10))

        #expect(machine.on(.retired(generation: 1), at: start + .seconds(11)) == [.forget(generation: 1, isRefused: true)])
        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(11)).reply == .wait)
    }

    @Test func aFlightThatLeftBeforeTheRefusalIsRepeatedOnceWhenItBringsTheRefusedOnes() {
        var machine = held()
        _ = machine.renew(at: start + .seconds(10))
        _ = machine.on(.retired(generation: 1), at: start + .seconds(11))

        let again = machine.on(.fetched(identity: "STS.1", end: after(hour)), at: start + .seconds(12))
        let thrice = machine.on(.fetched(identity: "STS.1", end: after(hour)), at: start + .seconds(13))

        #expect(again == [.fetch(LeaseMachine.Flight(since: start + .seconds(12), refusing: "STS.1", isRepeated: true))])
        #expect(thrice == [.wake], "it heard and gives it all the same: a failure, not an endless question")
        guard case .unavailable = machine.ask(minimumLife: .zero, at: start + .seconds(13)).reply else {
            Issue.record("refused credentials were handed out")
            return
        }
    }

    @Test func whatWasRefusedInAnEarlierRunIsToldAndNotTaken() {
        var machine = LeaseMachine(seed: 1, refused: "STS.1")

        #expect(machine.ask(minimumLife: .zero, at: start).flight?.refusing == "STS.1")
        #expect(machine.on(.fetched(identity: "STS.1", end: after(hour)), at: start) == [.wake])
    }

    @Test func aSourceThatGivesOneRefusedTokenAfterAnotherIsNotAskedWithoutEnd() {
        var machine = held(identity: "STS.a")
        _ = machine.on(.retired(generation: 1), at: start)
        _ = machine.on(.fetched(identity: "STS.b", end: after(hour)), at: start)
        _ = machine.on(.retired(generation: 2), at: start)
        var now = start + .seconds(60)
        _ = machine.ask(minimumLife: .zero, at: now)

        var questions = 0
        for identity in ["STS.a", "STS.b", "STS.a", "STS.b"] {
            now = now + .milliseconds(1)
            let actions = machine.on(.fetched(identity: identity, end: after(hour)), at: now)
            if case .fetch? = actions.first { questions += 1 }
        }

        #expect(questions == 1)
    }

    @Test func newsOfTheSameTokenUnderAnOlderNumberConcernsTheLeaseThatIsHeld() {
        var machine = held()
        // The token dies by our count while the source is away, and the source gives it again.
        _ = machine.ask(minimumLife: .zero, at: start + .seconds(3_500))
        _ = machine.on(.failed(retryAfter: nil, reason: "away"), at: start + .seconds(3_700))
        _ = machine.ask(minimumLife: .zero, at: start + .seconds(3_800))
        _ = machine.on(.fetched(identity: "STS.1", end: after(hour)), at: start + .seconds(3_800))

        let actions = machine.on(.retired(generation: 1), at: start + .seconds(3_801))

        #expect(actions.first == .forget(generation: 2, isRefused: true))
        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(3_801)).reply == .wait)
    }

    @Test func aKeyWithoutAnEndMayBeTriedAgainAfterItWasRefused() {
        var machine = held(nil, identity: "LTAI1")

        _ = machine.on(.retired(generation: 1), at: start)
        _ = machine.on(.fetched(identity: "LTAI1", end: .never), at: start)

        #expect(machine.ask(minimumLife: .zero, at: start).reply == .use(generation: 2), "it may have been switched on again")
    }

    @Test func theSameCredentialsKeepTheirNumber() throws {
        var machine = held()
        let due = try #require(machine.nextFetch)
        _ = machine.ask(minimumLife: .zero, at: due)

        #expect(machine.on(.fetched(identity: "STS.1", end: after(.seconds(700))), at: due) == [.keep(generation: 1), .wake])
    }

    @Test func aSourceWhoseFreshLeasesAreRefusedIsNotHammered() {
        var machine = LeaseMachine(seed: 1)
        var fetches = 0
        func land(_ now: Timestamp) {
            fetches += 1
            _ = machine.on(.fetched(identity: "STS.\(fetches)", end: after(hour)), at: now)
        }
        for tick in 0..<6_000 {
            let now = start + .milliseconds(Int64(tick * 10))
            let (reply, flight) = machine.ask(minimumLife: .zero, at: now)
            if flight != nil {
                land(now)
            } else if case .use(let generation) = reply, machine.on(.retired(generation: generation), at: now).count > 1 {
                land(now)
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
            if machine.ask(minimumLife: .zero, at: now).flight != nil {
                fetches += 1
                _ = machine.on(.fetched(identity: "same", end: after(end - now)), at: now)
            }
        }

        #expect(fetches < 30, "\(fetches) in a minute")
    }

    // MARK: - Others

    @Test func aRenewalByAPersonDoesNotWait() {
        var machine = LeaseMachine(seed: 1)
        _ = machine.ask(minimumLife: .zero, at: start)
        _ = machine.on(.refused(reason: "no"), at: start)

        #expect(machine.renew(at: start) != nil)
        #expect(machine.renew(at: start) == nil, "one flight")
    }

    @Test func keysWithoutAnEndAreHeldForEver() {
        var machine = held(nil)

        #expect(machine.nextFetch == nil)
        #expect(machine.ask(minimumLife: hour, at: start + .seconds(1_000_000_000)).reply == .use(generation: 1))
        #expect(machine.state(at: start) == .held(until: nil))
    }

    @Test func aLeaseFromTheCacheIsRefreshedByItsWholeLife() throws {
        var machine = LeaseMachine(seed: 1)
        _ = machine.ask(minimumLife: .zero, at: start)
        _ = machine.on(.fetched(identity: "a", end: after(.seconds(600)), age: .seconds(3_000)), at: start)

        let due = try #require(machine.nextFetch)
        #expect(due <= start + .seconds(60), "0.8 of the hour is over")
        #expect(machine.ask(minimumLife: .zero, at: start).reply == .use(generation: 1))
    }

    @Test func aClockThatIsLaterThanThoughtBringsTheEndNearer() {
        var machine = held()

        _ = machine.on(.clockLearned(offset: hour), at: start + .seconds(1))

        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(1)).reply == .wait)
    }

    @Test func aClockThatIsEarlierThanThoughtMovesOnlyAnEndThatWasAGuess() {
        var counted = held()
        var guessed = LeaseMachine(seed: 1)
        _ = guessed.on(.clockLearned(offset: .zero), at: start)
        _ = guessed.ask(minimumLife: .zero, at: start)
        _ = guessed.on(.fetched(identity: "a", end: .at(expiration: start + .seconds(100))), at: start)

        _ = counted.on(.clockLearned(offset: .seconds(-3_600)), at: start)
        _ = guessed.on(.clockLearned(offset: .seconds(-3_600)), at: start)

        #expect(counted.state(at: start) == .held(until: start + hour))
        #expect(guessed.state(at: start) == .held(until: start + .seconds(3_700)))
    }

    @Test func aLeaseFromTheCacheIsJudgedByWhatIsKnownOfTheClockNow() {
        var machine = LeaseMachine(seed: 1)
        _ = machine.on(.clockLearned(offset: .zero), at: start)
        _ = machine.ask(minimumLife: .zero, at: start)

        // The run that had it believed in another clock.
        let end = LeaseEnd.after(.seconds(3_000), expiration: start + .seconds(500))
        _ = machine.on(.fetched(identity: "a", end: end, age: .seconds(1)), at: start)

        #expect(machine.state(at: start) == .held(until: start + .seconds(500)))
    }

    @Test func whatSeemsToBeOverByAClockThatNobodyConfirmedIsTriedUntilOneHas() {
        var machine = LeaseMachine(seed: 1)
        _ = machine.ask(minimumLife: .zero, at: start)
        // Our clock is an hour fast, and the source names an end that is 50 minutes away.
        _ = machine.on(.fetched(identity: "a", end: .at(expiration: start - .seconds(600))), at: start)

        #expect(machine.ask(minimumLife: .zero, at: start).reply == .use(generation: 1))
        _ = machine.on(.clockLearned(offset: .seconds(-3_600)), at: start + .seconds(1))
        #expect(machine.state(at: start + .seconds(1)) == .held(until: start + .seconds(3_000)))
    }

    @Test func whatIsOverByAClockThatIsKnownIsNotUsed() {
        var machine = LeaseMachine(seed: 1)
        _ = machine.on(.clockLearned(offset: .zero), at: start)
        _ = machine.ask(minimumLife: .zero, at: start)

        let actions = machine.on(.fetched(identity: "a", end: .at(expiration: start)), at: start)

        #expect(actions == [.wake])
    }

    @Test func lateNewsOfALeaseThatIsGoneIsRemembered() {
        var machine = held()
        _ = machine.ask(minimumLife: .zero, at: start + .seconds(3_500))
        _ = machine.on(.failed(retryAfter: nil, reason: "away"), at: start + .seconds(3_700))

        #expect(machine.on(.retired(generation: 1), at: start + .seconds(3_700)) == [.forget(generation: 1, isRefused: true)])
        #expect(machine.on(.retired(generation: 1), at: start + .seconds(3_700)) == [], "once")
        #expect(machine.ask(minimumLife: .zero, at: start + .seconds(3_800)).flight?.refusing == "STS.1")
        #expect(machine.on(.fetched(identity: "STS.1", end: after(hour)), at: start + .seconds(3_800)) == [.wake])
    }
}
