import Testing
import TransferCore

@Suite struct UploadSimulationTests {
    /// Each argument is a block of histories, so that the cores share the work.
    @Test(arguments: 0..<20) func everyHistoryKeepsTheRules(block: Int) {
        for offset in 0..<500 {
            let seed = UInt64(block * 500 + offset)
            var simulation = Simulation(seed: seed)

            let broken = simulation.history()

            #expect(broken == nil, "seed \(seed)")
            if broken != nil { return }
        }
    }
}
