import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct RatesTests {
    private let start = Timestamp(seconds: 100)
    private func at(_ milliseconds: Int) -> Timestamp { start + .milliseconds(milliseconds) }

    @Test func theRateIsThatOfTheLastThreeSeconds() {
        var rate = RateEstimator()
        for tick in 0..<100 { rate.add(tick < 50 ? 1_000 : 5_000, at: at(tick * 100)) }

        let now = rate.rate(at: at(9_900))

        #expect((48_000...52_000).contains(now), "\(now)")
    }

    @Test func nothingForThreeSecondsIsZero() {
        var rate = RateEstimator()
        rate.add(1_000_000, at: start)

        #expect(rate.rate(at: at(1_000)) > 0)
        #expect(rate.rate(at: at(3_001)) == 0)
    }

    @Test func takenBackBytesNeverGiveANegativeRate() {
        var rate = RateEstimator()
        rate.add(1_000, at: start)
        rate.add(-5_000, at: at(500))

        #expect(rate.rate(at: at(1_000)) == 0)
    }

    @Test func aMillionReportsTakeNoMoreThanAFewEntries() {
        var rate = RateEstimator()
        for tick in 0..<100_000 { rate.add(1, at: start + .milliseconds(tick / 100)) }

        #expect((95_000...105_000).contains(rate.rate(at: at(1_000))))
    }

    @Test func aDecayedRateForgetsByHalves() throws {
        var rate = DecayedRate(halfLife: .seconds(20))
        rate.add(100_000, over: .seconds(1))
        rate.add(0, over: .seconds(1))
        for _ in 0..<200 { rate.add(10, over: .seconds(1)) }

        let value = try #require(rate.rate)
        #expect((9.9...110).contains(value), "\(value)")
        #expect(DecayedRate().rate == nil)
    }

    @Test func weightsFallByHalfInAHalfLife() throws {
        var rate = DecayedRate(halfLife: .seconds(10))
        rate.add(1_000, over: .milliseconds(1))
        rate.add(0, over: .seconds(10))

        // 500 bytes are left of it, over 10 s.
        let value = try #require(rate.rate)
        #expect(abs(value - 50) < 0.1, "\(value)")
    }
}

@Suite struct EtaEstimatorTests {
    private let start = Timestamp(seconds: 1_000)

    /// Slots, each with its own rate, work through sizes in order; asked at that share of the whole.
    private func error(sizes: [Int64], slots: Int, rate: Int64, overhead: Int, askAt share: Double) -> Double {
        var total = 0.0
        var estimate: (at: Int, low: Int64)?
        for isAsking in [false, true] {
            var eta = EtaEstimator()
            var waiting = sizes[...]
            var active: [(left: Int64, pause: Int)] = []
            var second = 0
            while !waiting.isEmpty || !active.isEmpty {
                while active.count < slots, let next = waiting.popFirst() { active.append((next, overhead)) }
                var (gained, transferring) = (Int64(0), 0)
                for index in active.indices {
                    if active[index].pause > 0 {
                        active[index].pause -= 1
                    } else {
                        let step = min(rate, active[index].left)
                        active[index].left -= step
                        gained += step
                        transferring += 1
                    }
                }
                second += 1
                let now = start + .seconds(second)
                eta.observe(gained, over: .seconds(1), uploads: transferring, at: now)
                for done in active where done.left == 0 && done.pause == 0 {
                    _ = done
                    eta.finished(overhead: .seconds(overhead))
                }
                active.removeAll { $0.left == 0 && $0.pause == 0 }
                if isAsking, estimate == nil, Double(second) >= total * share {
                    let left = active.map(\.left) + waiting
                    let sum = EtaEstimator.Left(uploads: left.count, bytes: left.reduce(0, +), largest: left.max() ?? 0)
                    if case .about(let low, _) = eta.estimate(sum, slots: slots, at: now) { estimate = (second, low) }
                }
            }
            total = Double(second)
        }
        guard let estimate else { return 1 }
        let truth = total - Double(estimate.at)
        return abs(Double(estimate.low) - truth) / max(truth, 1)
    }

    @Test func equalFilesAreEstimatedWithinATenth() {
        #expect(error(sizes: Array(repeating: 1_000, count: 60), slots: 5, rate: 40, overhead: 1, askAt: 0.3) < 0.1)
    }

    @Test func smallFilesFirstDoNotFoolIt() {
        #expect(
            error(
                sizes: Array(repeating: 40, count: 300) + Array(repeating: 4_000, count: 20), slots: 5, rate: 40, overhead: 1, askAt: 0.15)
                < 0.3)
    }

    @Test func oneHugeFileAmongSmallOnesSetsTheEnd() {
        #expect(error(sizes: [40_000] + Array(repeating: 400, count: 20), slots: 5, rate: 40, overhead: 1, askAt: 0.1) < 0.1)
    }

    @Test func fewerThanTenSecondsGiveNoEstimate() {
        var eta = EtaEstimator()
        let left = EtaEstimator.Left(uploads: 1, bytes: 1_000, largest: 1_000)
        for second in 1...9 { eta.observe(10, over: .seconds(1), uploads: 1, at: start + .seconds(second)) }
        #expect(eta.estimate(left, slots: 5, at: start + .seconds(9)) == .unknown)

        eta.observe(10, over: .seconds(1), uploads: 1, at: start + .seconds(10))

        #expect(eta.estimate(left, slots: 5, at: start + .seconds(10)) == .about(low: 100, high: 100))
    }

    @Test func aStallSaysSo() {
        var eta = EtaEstimator()
        for second in 1...60 { eta.observe(second < 30 ? 10 : 0, over: .seconds(1), uploads: 1, at: start + .seconds(second)) }

        #expect(eta.estimate(.init(uploads: 1, bytes: 10, largest: 10), slots: 1, at: start + .seconds(60)) == .stalled(.seconds(31)))
    }

    @Test func aLowerLimitCountsAtOnceAfterAMoment() {
        var eta = EtaEstimator()
        for second in 1...60 { eta.observe(1_000, over: .seconds(1), uploads: 1, at: start + .seconds(second)) }
        let left = EtaEstimator.Left(uploads: 1, bytes: 10_000, largest: 10_000)

        eta.changed(share: 100, at: start + .seconds(60))

        #expect(eta.estimate(left, slots: 1, at: start + .seconds(62)) == .estimating)
        for second in 61...66 { eta.observe(100, over: .seconds(1), uploads: 1, at: start + .seconds(second)) }
        guard case .about(let low, _) = eta.estimate(left, slots: 1, at: start + .seconds(66)) else {
            Issue.record("no estimate")
            return
        }
        #expect((90...110).contains(low), "\(low)")
    }

    @Test func varyingRatesGiveARange() {
        var eta = EtaEstimator()
        for second in 1...300 {
            eta.observe(second / 10 % 2 == 0 ? 100 : 300, over: .seconds(1), uploads: 1, at: start + .seconds(second))
        }

        guard
            case .about(let low, let high) = eta.estimate(
                .init(uploads: 1, bytes: 60_000, largest: 60_000), slots: 1, at: start + .seconds(300))
        else {
            Issue.record("no estimate")
            return
        }
        #expect(low <= 300 && high >= 400, "\(low) to \(high)")
    }
}

@Suite struct SeededRandomTests {
    @Test func theNumbersAreThoseOfSplitMix64() {
        // Published values of the reference implementation for seed 1234567.
        var random = SeededRandom(1_234_567)

        #expect((0..<3).map { _ in random.next() } == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
    }

    @Test func unitStaysBelowOne() {
        var random = SeededRandom(1)
        let numbers = (0..<10_000).map { _ in random.unit() }

        #expect(numbers.allSatisfy { (0..<1).contains($0) })
        #expect(abs(numbers.reduce(0, +) / 10_000 - 0.5) < 0.02)
        #expect(random.below(0) == 0)
    }
}
