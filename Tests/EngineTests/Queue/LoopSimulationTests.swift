import FoundationEssentials
import Testing

@testable import Engine

/// Whole engines, each history from its seed: twenty, three hundred with `DAVIT_LONG=1`; `DAVIT_SEED=N` runs one alone.
@Suite(.timeLimit(.minutes(30))) struct LoopSimulationTests {
    private static func number(_ name: String) -> UInt64? { ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } }

    private static let seeds = number("DAVIT_SEED").map { $0...$0 } ?? 1...(number("DAVIT_LONG") == 1 ? 300 : 20)

    @Test func whateverHappensEveryFileIsStoredOnceAndNothingIsOwed() async throws {
        var total = EngineHistory.Counts()
        for seed in LoopSimulationTests.seeds {
            let history = EngineHistory(seed: seed)
            let broken: String?
            do { broken = try await history.run() } catch { broken = "\(error)" }
            total.add(history.counts.withLock { $0 })
            guard let broken else { continue }
            Issue.record("seed \(seed): \(broken)\nagain: DAVIT_SEED=\(seed) scripts/test --simulate")
            return
        }

        print("engine simulation: \(total.text)")
        guard LoopSimulationTests.seeds.count > 1 else { return }
        #expect(total.kills > 0 && total.killsBefore > 0 && total.killsBefore < total.kills)
        #expect(total.restarts > 0 && total.fullDisks > 0 && total.actions > 0 && total.faults > 0)
    }
}
