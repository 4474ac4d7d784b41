import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct ReachabilityTests {
    private let start = Timestamp(seconds: 100)

    private func lost() -> Reachability {
        var reach = Reachability()
        for _ in 0..<Reachability.many { reach.unanswered(at: start) }
        return reach
    }

    @Test func manyUnansweredRequestsInARowAreAnOutageAtOnce() {
        var reach = Reachability()
        for _ in 0..<Reachability.many - 1 { reach.unanswered(at: start) }
        #expect(!reach.isLost)

        reach.unanswered(at: start)

        #expect(reach.lostSince == start)
        #expect(reach.nextProbe == start, "whether it is one is asked at once")
    }

    @Test func fewAreOneOnlyAfterSomeSilence() {
        var reach = Reachability()
        reach.answered(at: start)
        for second in 1...5 { reach.unanswered(at: start + .seconds(second)) }
        #expect(!reach.isLost)

        reach.unanswered(at: start + Reachability.silence)

        #expect(reach.isLost)
    }

    @Test func anAnswerBetweenThemStartsTheCountAnew() {
        var reach = Reachability()

        for second in 0..<1000 {
            for _ in 0..<Reachability.many - 1 { reach.unanswered(at: start + .seconds(second)) }
            reach.answered(at: start + .seconds(second))
        }

        #expect(!reach.isLost)
    }

    @Test func oneProbeAtATimeGoesOutAndTheNextSoonAfter() {
        var reach = lost()
        #expect(reach.takeProbe(at: start) == true)
        #expect(reach.takeProbe(at: start + .seconds(60)) == false, "the first is still waited for")

        reach.probeFailed(at: start + .milliseconds(100))
        #expect(reach.takeProbe(at: start + .milliseconds(2900)) == false)
        #expect(reach.takeProbe(at: start + .seconds(3)) == true)

        reach.probeFailed(at: start + .seconds(7))
        #expect(reach.takeProbe(at: start + .milliseconds(7900)) == false)
        #expect(reach.takeProbe(at: start + .seconds(8)) == true, "it waited long enough itself")
    }

    @Test(arguments: [60, 3600]) func howeverLongItLastsItsEndIsSeenWithinFiveSeconds(length: Int) {
        // A refused connection fails at once, a silent one after the 4 s that a probe is waited for.
        for took in [Duration.zero, .seconds(4)] {
            var (reach, now) = (lost(), start)
            var probes: [Timestamp] = []
            while now < start + .seconds(length) {
                if reach.takeProbe(at: now) {
                    probes.append(now)
                    now = now + took
                    reach.probeFailed(at: now)
                }
                now = now + .milliseconds(100)
            }

            #expect(zip(probes, probes.dropFirst()).allSatisfy { $1 - $0 <= .milliseconds(5_100) })
            #expect(probes.count <= length / 3 + 1, "and yet it is hardly asked")
        }
    }

    @Test func theFirstAnswerEndsIt() {
        var reach = lost()
        _ = reach.takeProbe(at: start)

        reach.answered(at: start + .seconds(1))

        #expect(!reach.isLost && reach.nextProbe == nil)
        reach.probeFailed(at: start + .seconds(2))
        #expect(!reach.isLost, "late news of a probe says nothing any more")
    }

    @Test func afterAClockThatJumpedItIsStillAsked() {
        var reach = lost()
        #expect(reach.takeProbe(at: start + .seconds(7200)) == true)
        reach.probeFailed(at: start + .seconds(7200))
        #expect(reach.takeProbe(at: start + .seconds(7203)) == true)
    }
}
