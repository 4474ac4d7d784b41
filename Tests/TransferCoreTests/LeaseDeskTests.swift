import OSSProtocol
import Testing
import TransferCore

/// Who waits, who is told, and what becomes of those who go away.
@Suite struct LeaseDeskTests {
    private let start = Timestamp(seconds: 1_000)
    private let need = Duration.seconds(30)

    /// A desk with callers 0, 1, 2, of whom each waits for the first flight.
    private func waiting() -> LeaseDesk {
        var desk = LeaseDesk(seed: 1)
        for caller in LeaseCaller(0)..<3 { #expect(desk.ask(caller, minimumLife: need, at: start).answer == nil) }
        return desk
    }

    @Test func allWhoWaitAreAnsweredByTheOneFlight() {
        var desk = waiting()

        let actions = desk.on(.fetched(identity: "a", end: .after(.seconds(3_600), expiration: start + .seconds(3_600))), at: start)

        #expect(actions == [.keep(generation: 1), .answer([0, 1, 2], .use(generation: 1))])
        #expect(desk.waiting == 0)
    }

    @Test func aFailureAnswersAllToo() {
        var desk = waiting()

        let actions = desk.on(.refused(reason: "no"), at: start)

        #expect(actions == [.answer([0, 1, 2], .refused(reason: "no"))])
    }

    @Test func aCallerThatGoesAwayTakesNobodyWithIt() {
        var desk = waiting()

        #expect(desk.cancelled(1) == [.answer([1], .cancelled)])
        #expect(desk.cancelled(1) == [], "once")
        #expect(
            desk.on(.failed(retryAfter: .seconds(5), reason: "away"), at: start).last
                == .answer([0, 2], .unavailable(until: start + .seconds(5), reason: "away")))
    }

    @Test func whatAFlightBringsIsKeptThoughAllHaveGone() {
        var desk = waiting()
        for caller in LeaseCaller(0)..<3 { _ = desk.cancelled(caller) }

        #expect(
            desk.on(.fetched(identity: "a", end: .after(.seconds(3_600), expiration: start + .seconds(3_600))), at: start) == [
                .keep(generation: 1)
            ])
        #expect(desk.ask(3, minimumLife: need, at: start).answer == .use(generation: 1))
    }

    @Test func theCancellationOfOneWhoNeverWaitedIsNothing() {
        var desk = LeaseDesk(seed: 1)

        #expect(desk.cancelled(7) == [])
    }

    @Test func callersOfOtherNeedsAreJudgedByTheirOwn() {
        var desk = LeaseDesk(seed: 1)
        _ = desk.ask(0, minimumLife: need, at: start)
        _ = desk.on(.fetched(identity: "old", end: .after(.seconds(3_600), expiration: start + .seconds(3_600)), age: .zero), at: start)
        let late = start + .seconds(3_400)
        let brief = desk.ask(1, minimumLife: need, at: late)
        let long = desk.ask(2, minimumLife: .seconds(600), at: late)

        #expect(brief.answer == .use(generation: 1), "200 s are enough for it")
        #expect(brief.actions == [.fetch(refusing: nil)])
        #expect(long.answer == nil && long.actions.isEmpty)
        #expect(
            desk.on(.failed(retryAfter: .seconds(9), reason: "away"), at: late)
                == [.answer([2], .unavailable(until: late + .seconds(9), reason: "away"))])
    }

    @Test func aRenewalIsAnsweredByTheFlightAndNotByWhatIsHeld() {
        var desk = waiting()
        _ = desk.on(.fetched(identity: "a", end: .after(.seconds(3_600), expiration: start + .seconds(3_600))), at: start)

        #expect(desk.renew(9, at: start) == [.fetch(refusing: nil)])
        #expect(desk.renew(10, at: start) == [], "the same flight serves both")
        #expect(desk.ask(11, minimumLife: need, at: start).answer == .use(generation: 1))
        #expect(
            desk.on(.failed(retryAfter: .seconds(5), reason: "away"), at: start)
                == [.answer([9, 10], .unavailable(until: start + .seconds(5), reason: "away"))])
        #expect(desk.ask(12, minimumLife: need, at: start).answer == .use(generation: 1), "the old lease lives")
    }

    @Test func aRenewalThatBringsTheSameCredentialsIsOneAllTheSame() {
        var desk = waiting()
        _ = desk.on(.fetched(identity: "a", end: .after(.seconds(3_600), expiration: start + .seconds(3_600))), at: start)
        _ = desk.renew(9, at: start)

        #expect(
            desk.on(.fetched(identity: "a", end: .after(.seconds(3_500), expiration: start + .seconds(3_500))), at: start)
                == [.keep(generation: 1), .answer([9], .use(generation: 1))])
    }

    @Test func aPersonWhoGoesAwayIsAnsweredOnce() {
        var desk = LeaseDesk(seed: 1)
        _ = desk.renew(1, at: start)

        #expect(desk.cancelled(1) == [.answer([1], .cancelled)])
        #expect(desk.waiting == 0)
        #expect(desk.on(.refused(reason: "no"), at: start) == [])
    }
}
