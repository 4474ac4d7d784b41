import FoundationEssentials
import Testing

@testable import TransferCore

/// Ten thousand histories of a lease and its thousand callers, each from its seed; `DAVIT_LONG=1` takes a hundred thousand. A seed that
/// breaks a rule is named with its last steps; `DAVIT_LEASE_SEED=N` runs that one alone and prints all of them.
@Suite struct LeaseSimulationTests {
    private static let blocks = 20
    private static let totals = Totals()

    private static func number(_ name: String) -> UInt64? { ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } }

    private static let seedsABlock = UInt64(number("DAVIT_LONG") == 1 ? 5_000 : 500)

    /// Each argument is a block of seeds, so that the cores share the work.
    @Test(.enabled(if: number("DAVIT_LEASE_SEED") == nil), arguments: 0..<blocks)
    func everyHistoryKeepsTheRules(block: Int) async {
        let first = UInt64(block) * LeaseSimulationTests.seedsABlock
        var sum = Sum()
        for seed in first..<(first + LeaseSimulationTests.seedsABlock) {
            var simulation = LeaseSimulation(seed: seed)
            let broken = simulation.history()
            sum.add(simulation)
            guard let broken else { continue }

            var traced = LeaseSimulation(seed: seed, isTracing: true)
            _ = traced.history()
            Issue.record("seed \(seed): \(broken)\n\(traced.world)\n\(traced.trace.suffix(25).joined(separator: "\n"))")
            return
        }

        // A history that meets nothing shows nothing.
        for kind in LeaseSimulation.Happening.allCases { #expect(sum.happened[kind.rawValue] > 0, "never: \(kind)") }
        #expect(sum.mostWaiting >= LeaseSimulation.callers)
        if let text = await LeaseSimulationTests.totals.add(sum, of: LeaseSimulationTests.blocks) { print(text) }
    }

    @Test(.enabled(if: number("DAVIT_LEASE_SEED") != nil)) func oneHistoryAlone() {
        var simulation = LeaseSimulation(seed: LeaseSimulationTests.number("DAVIT_LEASE_SEED") ?? 0, isTracing: true)
        let broken = simulation.history()

        print("\(simulation.world)", simulation.trace.joined(separator: "\n"), separator: "\n")
        #expect(broken == nil)
    }

    private struct Sum {
        var happened = [Int](repeating: 0, count: LeaseSimulation.Happening.allCases.count)
        var (seeds, asks, fetches, mostWaiting) = (0, 0, 0, 0)

        mutating func add(_ simulation: LeaseSimulation) {
            for index in happened.indices { happened[index] += simulation.happened[index] }
            (seeds, asks, fetches) = (seeds + 1, asks + simulation.asks, fetches + simulation.fetches)
            mostWaiting = max(mostWaiting, simulation.mostWaiting)
        }
    }

    private actor Totals {
        private var sums: [Sum] = []

        /// - Returns: what happened in all blocks, with the last of them.
        func add(_ sum: Sum, of blocks: Int) -> String? {
            sums.append(sum)
            guard sums.count == blocks else { return nil }
            let total = { (value: (Sum) -> Int) in self.sums.reduce(0) { $0 + value($1) } }
            let counts = LeaseSimulation.Happening.allCases.map { kind in "\(kind) \(total { $0.happened[kind.rawValue] })" }
            return "lease simulation: \(total { $0.seeds }) seeds, \(total { $0.asks }) asks, \(total { $0.fetches }) fetches; "
                + counts.joined(separator: ", ")
        }
    }
}
