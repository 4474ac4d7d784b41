import FoundationEssentials
import Testing

@testable import TransferCore

/// Ten thousand histories of whole queues, each from its seed; `DAVIT_LONG=1` takes a hundred thousand. A seed that breaks a rule is named
/// with its last steps and the command that repeats it; `DAVIT_SEED=N` runs that one alone and prints all of it.
@Suite struct HistorySimulationTests {
    private static let blocks = 20
    private static let totals = Totals()

    private static func number(_ name: String) -> UInt64? { ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } }

    private static let seedsABlock = UInt64(number("DAVIT_LONG") == 1 ? 5_000 : 500)

    /// Each argument is a block of seeds, so that the cores can share the work.
    @Test(.enabled(if: number("DAVIT_SEED") == nil), arguments: 0..<blocks)
    func everyHistoryKeepsTheRules(block: Int) async {
        let first = UInt64(block) * HistorySimulationTests.seedsABlock
        var sum = Sum()
        for seed in first..<(first + HistorySimulationTests.seedsABlock) {
            var history = History(seed: seed)
            let broken = history.history()
            sum.add(history)
            if let broken { return HistorySimulationTests.report(seed, broken) }
        }
        guard let total = await HistorySimulationTests.totals.add(sum, of: HistorySimulationTests.blocks) else { return }

        print(total.text)
        // A simulation that never meets something shows nothing about it.
        for kind in History.Happening.allCases { #expect(total.happened[kind.rawValue] > 0, "never: \(kind)") }
        for point in History.SavePoint.allCases {
            #expect(total.killedBefore[point.rawValue] > 0, "never killed before this is written: \(point)")
            #expect(total.killedAfter[point.rawValue] > 0, "never killed after this is written: \(point)")
        }
    }

    @Test(.enabled(if: number("DAVIT_SEED") != nil)) func oneHistoryAlone() {
        var history = History(seed: HistorySimulationTests.number("DAVIT_SEED") ?? 0, isTracing: true)
        let broken = history.history()

        print("\(history.world)", history.trace.joined(separator: "\n"), "simulation: \(broken ?? "every rule held")", separator: "\n")
        #expect(broken == nil)
    }

    private static func report(_ seed: UInt64, _ broken: String) {
        var traced = History(seed: seed, isTracing: true)
        _ = traced.history()
        Issue.record(
            """
            seed \(seed): \(broken)
            again: DAVIT_SEED=\(seed) scripts/test --simulate
            \(traced.world)
            \(traced.trace.suffix(30).joined(separator: "\n"))
            """)
    }

    // MARK: - Histories that found something

    /// What broke there once holds now. Seeds keep their histories only while the simulation draws as it does; what was found is also tested
    /// by name where it was mended.
    @Test func seed7AnUploadIDThatIsGivenUpWhileItsUploadGoesOn() { holds(7) }
    @Test func seed543ARowThatIsBeingWrittenAsHeldWhileItsGateOpens() { holds(543) }
    @Test func seed3578APauseWhileThePutWaitsForTheDisk() { holds(3_578) }
    @Test func seed1064768AConflictAfterALostCompleteWhereNeitherChecksumNorListTells() { holds(1_064_768) }
    @Test func seed1566716AnAbortOfARowThatIsHeldWithACompleteInDoubt() { holds(1_566_716) }

    private func holds(_ seed: UInt64, location: SourceLocation = #_sourceLocation) {
        var history = History(seed: seed)
        if let broken = history.history() { Issue.record("seed \(seed): \(broken)", sourceLocation: location) }
    }

    // MARK: - Sums

    private struct Sum {
        var happened = [Int](repeating: 0, count: History.Happening.allCases.count)
        var killedBefore = [Int](repeating: 0, count: History.SavePoint.allCases.count)
        var killedAfter = [Int](repeating: 0, count: History.SavePoint.allCases.count)
        var (seeds, steps, requests, uploads, mostAMinute) = (0, 0, 0, 0, 0)

        mutating func add(_ history: History) {
            for index in happened.indices { happened[index] += history.happened[index] }
            for index in killedBefore.indices {
                killedBefore[index] += history.killedBefore[index]
                killedAfter[index] += history.killedAfter[index]
            }
            (seeds, steps, requests) = (seeds + 1, steps + history.steps, requests + history.requests)
            uploads += history.disk.rows.count
            mostAMinute = max(mostAMinute, history.mostRequestsAMinute)
        }

        mutating func add(_ other: Sum) {
            for index in happened.indices { happened[index] += other.happened[index] }
            for index in killedBefore.indices {
                killedBefore[index] += other.killedBefore[index]
                killedAfter[index] += other.killedAfter[index]
            }
            (seeds, steps, requests) = (seeds + other.seeds, steps + other.steps, requests + other.requests)
            uploads += other.uploads
            mostAMinute = max(mostAMinute, other.mostAMinute)
        }

        var text: String {
            let kinds = History.Happening.allCases.dropFirst().map { "\($0) \(happened[$0.rawValue])" }
            let kills = History.SavePoint.allCases.map { "\($0) \(killedBefore[$0.rawValue])/\(killedAfter[$0.rawValue])" }
            var lines = [
                "\(seeds) seeds, \(uploads) uploads, \(requests) requests, \(steps) steps, "
                    + "at most \(mostAMinute) requests a minute of an upload while nothing works"
            ]
            for start in stride(from: 0, to: kinds.count, by: 12) {
                lines.append("  " + kinds[start..<min(start + 12, kinds.count)].joined(separator: ", "))
            }
            lines.append("  killed before/after a transaction: " + kills.joined(separator: ", "))
            return lines.map { "simulation: " + $0 }.joined(separator: "\n")
        }
    }

    private actor Totals {
        private var sums: [Sum] = []

        /// - Returns: what happened in all blocks, with the last of them.
        func add(_ sum: Sum, of blocks: Int) -> Sum? {
            sums.append(sum)
            guard sums.count == blocks else { return nil }
            return sums.reduce(into: Sum()) { $0.add($1) }
        }
    }
}
