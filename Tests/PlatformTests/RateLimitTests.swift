import Testing

@testable import Platform
@testable import Wire

@Suite struct RateLimitTests {
    @Test func theUrgentBodyGoesFirstAndTheOtherIsNotForgotten() {
        let limit = RateLimit(1_000_000)
        limit.held(1, priority: 0)
        limit.held(1, priority: 2)
        var bytes = [0, 0]
        var now: UInt64 = 1_000_000_000
        for _ in 0..<2_000 {
            now += 5_000_000
            // The low one always asks first.
            for (index, priority) in [(1, 2), (0, 0)] {
                if case .bytes(let count) = limit.take(20_000, priority: priority, now: now) { bytes[index] += count }
            }
        }
        let share = Double(bytes[1]) / Double(bytes[0] + bytes[1])
        #expect(share > 0.02 && share < 0.12, "\(bytes)")
        #expect(abs(Double(bytes[0] + bytes[1]) - 10_000_000) < 500_000)
        // Nobody urgent waits any more: it is as if there never was one.
        limit.held(-1, priority: 0)
        now += 1_000_000_000
        #expect(limit.take(20_000, priority: 2, now: now) == .bytes(20_000))
    }

    /// Takes as much as it can for so many seconds of a clock of its own.
    func bytes(_ limit: RateLimit, wanting wanted: Int, seconds: UInt64, from start: UInt64 = 0) -> Int {
        var now = start
        var total = 0
        while now < start + seconds * 1_000_000_000 {
            switch limit.take(wanted, now: now) {
            case .bytes(let count): total += count
            case .wait(let nanoseconds): now += nanoseconds
            }
        }
        return total
    }

    @Test(arguments: [300, 50_000, 5 << 20, 1 << 30], [1, 16_384, 524_288])
    func tenSecondsCarryTheRate(rate: Int, wanted: Int) {
        let limit = RateLimit()
        limit.set(Int64(rate), now: 0)
        // One byte at a time cannot be asked for a billion times in a test.
        if wanted == 1 && rate > 50_000 { return }

        let ratio = Double(bytes(limit, wanting: wanted, seconds: 10)) / Double(10 * rate)

        #expect(ratio > 0.95 && ratio < 1.05, "\(ratio)")
    }

    @Test func anIdleHourIsNoBurst() {
        let limit = RateLimit()
        limit.set(1_000_000, now: 0)

        let total = bytes(limit, wanting: 65_536, seconds: 1, from: 3_600_000_000_000)

        #expect(total <= 1_250_000)
    }

    @Test func zeroNeverGivesAndNothingAlwaysDoes() {
        let limit = RateLimit()

        let unlimited = limit.take(1 << 30, now: 0)
        limit.set(0, now: 0)

        #expect(unlimited == .bytes(1 << 30))
        #expect(limit.take(1, now: .max / 2) == .wait(.max))
        #expect(limit.isStopped)
    }

    @Test func aNewRateForgetsWhatTheOldOneSavedUp() {
        let limit = RateLimit()
        limit.set(1_000_000_000, now: 0)
        _ = limit.take(1, now: 1_000_000_000)

        limit.set(1000, now: 1_000_000_000)

        guard case .wait = limit.take(1000, now: 1_000_000_000) else {
            Issue.record("it gave at once")
            return
        }
    }

    @Test func whatIsGivenBackCanBeTakenAgain() {
        let limit = RateLimit()
        limit.set(1_000_000, now: 0)
        let first = limit.take(100_000, now: 100_000_000)

        limit.giveBack(100_000)

        #expect(first == .bytes(100_000))
        #expect(limit.take(100_000, now: 100_000_000) == .bytes(100_000))
    }
}

@Suite struct ReadTimesTests {
    @Test func oneHiccupIsNoSlowDiskAndThreeSlowReadsAre() {
        let times = ReadTimes(slow: .milliseconds(1))

        times.note(nanoseconds: 900_000_000)
        let afterOne = times.isSlow
        for _ in 0..<2 { times.note(nanoseconds: 5_000_000) }

        #expect(!afterOne)
        #expect(times.isSlow)
    }

    @Test func itIsFastAgainOnlyWellBelowTheBound() {
        let times = ReadTimes(slow: .milliseconds(1))
        for _ in 0..<50 { times.note(nanoseconds: 5_000_000) }

        for _ in 0..<50 { times.note(nanoseconds: 800_000) }
        let stillSlow = times.isSlow
        for _ in 0..<50 { times.note(nanoseconds: 50_000) }

        #expect(stillSlow)
        #expect(!times.isSlow)
    }
}
