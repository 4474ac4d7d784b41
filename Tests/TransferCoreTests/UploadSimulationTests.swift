import Testing
import TransferCore

/// Ten thousand histories, each from its seed: everything that can go wrong, in every order. A seed that breaks a rule is named with its
/// last steps; `Simulation(seed: N, isTracing: true)` repeats it.
@Suite struct UploadSimulationTests {
    private static let blocks = 20
    private static let seedsABlock = 500

    /// Each argument is a block of seeds, so that the cores share the work.
    @Test(arguments: 0..<blocks) func everyHistoryKeepsTheRules(block: Int) {
        for offset in 0..<UploadSimulationTests.seedsABlock {
            let seed = UInt64(block * UploadSimulationTests.seedsABlock + offset)
            var simulation = Simulation(seed: seed)
            guard let broken = simulation.history() else { continue }

            var traced = Simulation(seed: seed, isTracing: true)
            _ = traced.history()
            let steps = traced.trace.suffix(25).joined(separator: "\n")
            Issue.record("seed \(seed): \(broken)\n\(traced.world)\n\(steps)")
            return
        }
    }

    /// The simulation is worth something only if its histories are rich.
    @Test func theHistoriesMeetWhatTheyShould() {
        var (faults, runs, completes, restarts, hashes) = (0, 0, 0, 0, 0)
        var ends: Set<String> = []
        for seed in UInt64(0)..<500 {
            var simulation = Simulation(seed: seed, isTracing: true)
            _ = simulation.history()
            faults += simulation.faultsMade
            runs += simulation.run
            completes += simulation.completesSent
            restarts += simulation.trace.filter { $0.contains("crash") }.count
            hashes += simulation.trace.filter { $0.contains("hash(") }.count
            if let end = simulation.finished { ends.insert("\(end)".prefix { $0 != "(" }.description) }
        }

        #expect(faults > 1_000)
        #expect(runs > 900)
        #expect(completes > 400)
        #expect(restarts > 200)
        #expect(hashes > 20)
        #expect(ends == ["done", "aborted", "failed"])
    }
}
