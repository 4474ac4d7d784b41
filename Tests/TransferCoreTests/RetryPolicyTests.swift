import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct RetryPolicyTests {
    @Test(arguments: [(1, 200), (2, 400), (3, 800), (5, 3_200), (7, 12_800), (8, 20_000), (60, 20_000)])
    func theCeilingDoublesUpToTheCap(failures: Int, ceiling: Int) {
        var random = SeededRandom(7)
        let delays = (0..<2_000).map { _ in RetryPolicy().delay(afterFailures: failures, random: &random).inMilliseconds }

        #expect(delays.allSatisfy { (0..<Int64(ceiling)).contains($0) })
        #expect(delays.max() ?? 0 > Int64(ceiling) * 95 / 100, "full jitter reaches the top")
        #expect(delays.min() ?? 0 < Int64(ceiling) * 5 / 100, "and the bottom")
    }

    @Test func retryAfterIsHonouredUpToFiveMinutes() {
        var random = SeededRandom(1)
        let policy = RetryPolicy()

        #expect(policy.delay(afterFailures: 1, retryAfter: .seconds(90), random: &random) == .seconds(90))
        #expect(policy.delay(afterFailures: 1, retryAfter: .seconds(86_400), random: &random) == .seconds(300))
    }

    @Test func theFirstTimeThatOneOfManyFailsItWaitsAQuarterOfTheUsual() {
        var random = SeededRandom(4)
        let longest = { (failures: Int, othersAnswered: Bool) in
            (0..<2_000).map { _ in RetryPolicy().delay(afterFailures: failures, othersAnswered: othersAnswered, random: &random) }.max() ?? .zero
        }

        #expect(longest(1, true) < .milliseconds(50))
        #expect(longest(1, false) > .milliseconds(150))
        #expect(longest(2, true) > .milliseconds(300), "a server that refuses it again is busy")
        #expect(RetryPolicy().delay(afterFailures: 1, retryAfter: .seconds(2), othersAnswered: true, random: &random) == .seconds(2))
    }

    @Test func whoIsLostAloneWaitsNoLongerForThat() {
        var random = SeededRandom(3)
        let delays = (0..<2_000).map { _ in RetryPolicy().delay(afterFailures: 8, isAlone: true, random: &random) }

        #expect(delays.allSatisfy { $0 < RetryPolicy.alone })
        #expect(delays.max() ?? .zero > RetryPolicy.alone * 9 / 10)
        #expect(RetryPolicy().delay(afterFailures: 8, retryAfter: .seconds(9), isAlone: true, random: &random) == .seconds(9))
    }

    @Test func theSameSeedWaitsTheSame() {
        var (one, other) = (SeededRandom(9), SeededRandom(9))

        #expect(
            (1...9).map { RetryPolicy().delay(afterFailures: $0, random: &one) }
                == (1...9).map { RetryPolicy().delay(afterFailures: $0, random: &other) })
    }
}

@Suite struct RetryBudgetTests {
    private let start = Timestamp(seconds: 100)

    private func closed() -> RetryBudget {
        var budget = RetryBudget()
        for _ in 0..<100 { budget.failed(at: start) }
        return budget
    }

    @Test func aHundredFailuresInARowCloseTheEndpoint() {
        var budget = RetryBudget()
        for _ in 0..<99 { budget.failed(at: start) }
        #expect(budget.isOpen)

        budget.failed(at: start)

        #expect(!budget.isOpen)
        #expect(budget.closedSince == start)
        #expect(budget.admit(at: start) == .wait(until: start + .seconds(1)))
    }

    @Test func successesPayForRetries() {
        var budget = RetryBudget()

        for _ in 0..<10_000 {
            budget.failed(at: start)
            for _ in 0..<5 { budget.succeeded() }
        }

        #expect(budget.isOpen)
    }

    @Test func anEndpointThatRefusesHalfStaysOpenAndOneThatOnlyRefusesDoesNot() {
        var (half, dead) = (RetryBudget(), RetryBudget())

        for _ in 0..<10_000 {
            half.failed(at: start, throttled: true)
            half.succeeded()
        }
        for _ in 0..<500 { dead.failed(at: start, throttled: true) }

        #expect(half.isOpen)
        #expect(!dead.isOpen)
    }

    @Test func oneProbeAtATimeGoesOut() {
        var budget = closed()
        let later = start + .seconds(1)

        #expect(budget.admit(at: later) == .probe)
        #expect(budget.admit(at: later) == .wait(until: later + .seconds(20)), "the others wait for what it finds")
    }

    @Test func aProbeThatFailsWaitsLongerEachTimeUpToTwentySeconds() {
        var budget = closed()
        var now = start + .seconds(1)
        var pauses: [Int64] = []

        for _ in 0..<8 {
            #expect(budget.admit(at: now) == .probe)
            budget.failed(at: now)
            guard let until = budget.closedUntil else { break }
            pauses.append((until - now).inMilliseconds / 1000)
            now = until
        }

        #expect(pauses == [2, 4, 8, 16, 20, 20, 20, 20])
    }

    @Test func aProbeThatGetsThroughOpensTheEndpoint() {
        var budget = closed()
        _ = budget.admit(at: start + .seconds(1))

        budget.succeeded()

        #expect(budget.isOpen)
        #expect(budget.admit(at: start + .seconds(1)) == .go)
        #expect(budget.tokens == 250)
    }

    @Test func lateFailuresOfBeforeSayNothingNew() {
        var budget = closed()
        let until = budget.closedUntil

        for _ in 0..<50 { budget.failed(at: start + .milliseconds(10)) }

        #expect(budget.closedUntil == until)
    }

    @Test func aProbeThatToldNothingLeavesItsTurnToAnotherAtOnce() {
        var budget = closed()
        _ = budget.admit(at: start + .seconds(1))

        budget.probeLost(at: start + .seconds(2))

        #expect(budget.admit(at: start + .seconds(2)) == .probe)
        budget.failed(at: start + .seconds(3))
        #expect(budget.closedUntil == start + .seconds(5), "it counts as the first that failed")
    }

    @Test func aProbeWhoseEndIsNeverReportedDoesNotLockTheEndpoint() {
        var budget = closed()
        _ = budget.admit(at: start + .seconds(1))

        #expect(budget.admit(at: start + .seconds(21)) == .probe)
    }
}
