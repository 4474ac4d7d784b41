import OSSProtocol
import Testing

@testable import Authorization

@Suite struct RequestRateTests {
    private let start = Timestamp(seconds: 1000)

    @Test func asManyAsAMinuteHoldsMayComeAtOnceThenOneAtATime() {
        var rate = RequestRate()
        let first = (0..<60).map { _ in rate.take(client: "a", grant: 0, perMinute: 60, now: start) }

        #expect(first.allSatisfy { $0 == nil })
        #expect(rate.take(client: "a", grant: 0, perMinute: 60, now: start) == .seconds(1))
        #expect(rate.take(client: "a", grant: 0, perMinute: 60, now: start + .milliseconds(400)) == .milliseconds(600))
        #expect(rate.take(client: "a", grant: 0, perMinute: 60, now: start + .seconds(1)) == nil)
        #expect(rate.take(client: "a", grant: 0, perMinute: 60, now: start + .seconds(1)) != nil)
    }

    @Test func clientsAndGrantsDoNotShare() {
        var rate = RequestRate()

        #expect(rate.take(client: "a", grant: 0, perMinute: 1, now: start) == nil)
        #expect(rate.take(client: "a", grant: 1, perMinute: 1, now: start) == nil)
        #expect(rate.take(client: "b", grant: 0, perMinute: 1, now: start) == nil)
        #expect(rate.take(client: "a", grant: 0, perMinute: 1, now: start) == .seconds(60))
    }

    @Test func aClockThatIsSetBackLocksNobodyOut() {
        var rate = RequestRate()
        _ = rate.take(client: "a", grant: 0, perMinute: 1, now: start)

        #expect(rate.take(client: "a", grant: 0, perMinute: 1, now: start - .seconds(3600)) == .seconds(60))
        #expect(rate.take(client: "a", grant: 0, perMinute: 1, now: start - .seconds(3540)) == nil)
    }
}
