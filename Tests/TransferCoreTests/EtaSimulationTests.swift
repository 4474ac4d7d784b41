import OSSProtocol
import Testing

@testable import TransferCore

/// The estimate against what then happens, in virtual time: uploads share a limit, each has a most of its own and a pause between two
/// objects, rates vary. Asked every 2 s until 10 s before the end.
@Suite struct EtaSimulationTests {
    private static let mebibyte: Int64 = 1 << 20
    private static let gibibyte: Int64 = 1 << 30
    private static let part: Int64 = 16 << 20

    struct Load {
        /// In the order of the queue.
        var sizes: [Int64]
        /// Bytes a second of all together, by second.
        var limit: (Int) -> Int64
        /// Bytes a second of one upload at most; `.max` where an upload is sent in parts that use every slot.
        var mostOfOne: Int64
        /// Parts in flight over all uploads; `nil`: an upload is one stream.
        var parts: Int?
        var uploads = 5

        var slots: Int { parts ?? uploads }
    }

    private struct Told {
        var second: Int
        var estimate: EtaEstimator.Estimate
    }

    private struct Active {
        var left: Int64
        /// Milliseconds in which nothing of it moves.
        var pause: Int64 = 150
        var rate = DecayedRate()
    }

    /// What was told when, and how long it all took.
    private static func run(_ load: Load, seed: UInt64) -> (told: [Told], end: Int) {
        var random = SeededRandom(seed)
        var eta = EtaEstimator()
        var waiting = load.sizes[...]
        var active: [Active] = []
        var told: [Told] = []
        var second = 0
        let start = Timestamp(seconds: 1_000)
        while !waiting.isEmpty || !active.isEmpty {
            while active.count < load.uploads, let next = waiting.popFirst() { active.append(Active(left: next)) }
            if second > 0, load.limit(second) != load.limit(second - 1) {
                let isLower = load.limit(second) < load.limit(second - 1)
                eta.changed(share: isLower ? Double(load.limit(second)) / Double(load.slots) : nil, at: start + .seconds(second))
            }
            let moving = active.indices.filter { active[$0].pause < 1_000 }
            var gained: Int64 = 0
            for index in active.indices {
                let share = min(load.limit(second) / Int64(max(moving.count, 1)), load.mostOfOne)
                let time = 1_000 - min(active[index].pause, 1_000)
                active[index].pause -= 1_000 - time
                let step = min(Int64(Double(share * time / 1_000) * (0.8 + 0.4 * random.unit())), active[index].left)
                active[index].left -= step
                active[index].rate.add(step, over: .seconds(1))
                gained += step
            }
            second += 1
            let now = start + .seconds(second)
            eta.observe(gained, over: .seconds(1), uploads: load.parts ?? moving.count, at: now)
            for _ in 0..<active.count(where: { $0.left == 0 }) { eta.finished(overhead: .milliseconds(150)) }
            active.removeAll { $0.left == 0 }
            guard second % 2 == 0 else { continue }
            let left = Self.left(active, waiting, load)
            told.append(Told(second: second, estimate: eta.estimate(left, slots: load.slots, limit: load.limit(second - 1), at: now)))
        }
        return (told, second)
    }

    private static func left(_ active: [Active], _ waiting: ArraySlice<Int64>, _ load: Load) -> EtaEstimator.Left {
        let longest = active.max { Double($0.left) / ($0.rate.rate ?? 1) < Double($1.left) / ($1.rate.rate ?? 1) }
        let queued = waiting.max() ?? 0
        let (largest, rate) = longest.flatMap { $0.left > queued ? ($0.left, $0.rate.rate) : nil } ?? (queued, nil)
        let bytes = active.reduce(0) { $0 + $1.left } + waiting.reduce(0, +)
        let requests: (Int64) -> Int? = { load.parts == nil ? nil : Int($0 / part) + 1 }
        return EtaEstimator.Left(
            uploads: active.count + waiting.count, bytes: bytes, requests: requests(bytes), largest: largest, largestRate: rate,
            largestRequests: requests(largest) ?? 1)
    }

    /// Shares of the true time left, of every estimate of a number.
    private static func errors(_ run: (told: [Told], end: Int), from: Int = 0) -> [Double] {
        run.told.compactMap { told in
            guard told.second >= from, run.end - told.second >= 10, case .about(let low, let high) = told.estimate else { return nil }
            let truth = Double(run.end - told.second)
            return abs(Double(low + high) / 2 - truth) / truth
        }.sorted()
    }

    private static func percentile(_ values: [Double], _ share: Double) -> Double {
        values.isEmpty ? .infinity : values[min(values.count - 1, Int(Double(values.count) * share))]
    }

    private static func cut(parts: Int?) -> Load {
        Load(
            sizes: Array(repeating: gibibyte, count: 33), limit: { $0 < 60 ? 200 * mebibyte : 40 * mebibyte },
            mostOfOne: parts == nil ? 45 * mebibyte : .max, parts: parts)
    }

    private static func oneLarge(parts: Int?, isFirst: Bool) -> Load {
        let small = Array(repeating: gibibyte, count: 20)
        return Load(
            sizes: isFirst ? [60 * gibibyte] + small : small + [60 * gibibyte], limit: { _ in 200 * mebibyte },
            mostOfOne: parts == nil ? 45 * mebibyte : .max, parts: parts)
    }

    @Test(arguments: [nil, 32] as [Int?], 1...5 as ClosedRange<UInt64>)
    func afterTheLimitWasCutTheEndIsBeingEstimatedOrRight(parts: Int?, seed: UInt64) {
        let run = Self.run(Self.cut(parts: parts), seed: seed)

        for told in run.told where told.second > 60 && told.second <= 65 && told.estimate != .estimating {
            guard case .about(let low, let high) = told.estimate else {
                Issue.record("\(told)")
                continue
            }
            let truth = Double(run.end - told.second)
            #expect(abs(Double(low + high) / 2 - truth) / truth <= 0.15, "\(told), \(truth) s left")
        }
        let errors = Self.errors(run, from: 65)
        #expect(Self.percentile(errors, 0.9) <= 0.15)
    }

    @Test(arguments: [nil, 32] as [Int?], 1...5 as ClosedRange<UInt64>)
    func oneLargeFileAmongSmallOnesIsForeseen(parts: Int?, seed: UInt64) {
        for isFirst in [true, false] {
            let run = Self.run(Self.oneLarge(parts: parts, isFirst: isFirst), seed: seed)

            let errors = Self.errors(run)
            #expect(Self.percentile(errors, 0.9) <= 0.15)
            #expect(errors.count >= run.told.count * 9 / 10)
        }
    }
}
