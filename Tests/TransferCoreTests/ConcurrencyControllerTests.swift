import OSSProtocol
import Testing
import TransferCore

private let mebi = 1024.0 * 1024
private let long = ModelLine(perConnection: 5 * mebi, link: 119 * mebi, latency: 0.2, body: 8 * mebi)

@Suite struct ConcurrencyControllerTests {
    /// Lines as they are: a fast local one whose machine tires of many connections, 200 ms and 1 Gbit/s with and without a service that
    /// refuses, tiny files 40 ms away, a thin home line, many slow connections.
    static let lines: [(name: String, line: ModelLine)] = {
        var busy = long
        busy.mostInFlight = 20
        let small = ModelLine(perConnection: 50 * mebi, link: 119 * mebi, latency: 0.04, body: 4096, mostRequests: 2_900)
        var smallBusy = small
        smallBusy.mostInFlight = 24
        return [
            ("local", ModelLine(perConnection: 400 * mebi, link: 1_000 * mebi, latency: 0.001, body: 8 * mebi, crowd: 16, crowdCost: 0.003)),
            ("long", long), ("long, then refusing", busy), ("small", small), ("small, refusing", smallBusy),
            ("home", ModelLine(perConnection: 2 * mebi, link: 2.5 * mebi, latency: 0.03, body: 8 * mebi)),
            ("slow readers", ModelLine(perConnection: 50e6, link: 3.2e9, latency: 0.04, body: 16 * mebi)),
        ]
    }()

    @Test(arguments: 0..<10) func aMinuteAfterAnyChangeOfNetworkItIsCloseToTheBestFixedNumber(_ seed: UInt64) {
        for first in Self.lines {
            for second in Self.lines where second.name != first.name {
                var run = ModelRun(seed: seed)
                _ = run.run(first.line, seconds: 90, measured: 1)
                let got = run.run(second.line, seconds: 120, measured: 60)
                let best = second.line.best(upTo: ConcurrencyController.usualMost)
                #expect(got >= best * 0.85, "\(first.name) to \(second.name), seed \(seed): \(got) of \(best)\n\(run.reasons.suffix(20))")
            }
        }
    }

    @Test func aHundredSmallRequestsAreInFlightWithinASecond() {
        var run = ModelRun(seed: 1)
        _ = run.run(ModelLine(perConnection: 50 * mebi, link: 119 * mebi, latency: 0.04, body: 4096), seconds: 1, measured: 0.1)

        #expect(run.real >= 100)
    }

    @Test func refusalsThatComeWhateverTheNumberDoNotStopIt() {
        var line = ModelLine(perConnection: 50e6, link: 3.2e9, latency: 0.04, body: 16 * mebi)
        line.randomRefusals = 0.05
        var run = ModelRun(seed: 3)
        let got = run.run(line, seconds: 60, measured: 50)

        #expect(got >= line.best(upTo: 128) * 0.9, "\(run.reasons)")
    }

    @Test func itHalvesOnceAMomentHoweverManyAnswersRefuse() {
        var controller = ConcurrencyController(start: 64, memory: 1 << 30, perPart: 1 << 20)
        var now = Timestamp(seconds: 1_000)
        func tick(_ refused: Int) {
            now = now + .milliseconds(100)
            controller.observe(
                ConcurrencyController.Sample(bytes: 0, answers: 1, refused: refused, inFlight: controller.parts, isFull: true), at: now)
        }
        tick(0)
        for _ in 0..<10 { tick(20) }
        #expect(controller.parts == 32)
        #expect(controller.reason.contains("slow down"))
        for _ in 0..<15 { tick(20) }
        #expect(controller.parts == 16)
        for _ in 0..<200 { tick(20) }
        #expect(controller.parts == 2)
    }

    @Test func oneRefusalAmongManyAnswersHalvesNothing() {
        var controller = ConcurrencyController(start: 32, memory: 1 << 30, perPart: 1 << 20)
        let now = Timestamp(seconds: 1_000)
        for step in 0..<3 {
            controller.observe(
                ConcurrencyController.Sample(bytes: 1 << 20, answers: 19, refused: 1, inFlight: 32, isFull: true),
                at: now + .milliseconds(100 * step))
        }
        #expect(controller.parts >= 32)
    }

    @Test func memoryIsNeverExceededAndSmallBodiesNeedLessOfIt() {
        let controller = ConcurrencyController(memory: 10 << 20, perPart: 1 << 20)
        #expect(controller.parts == 10)
        var large = ModelRun(seed: 1, controller)
        _ = large.run(ModelLine(perConnection: mebi, link: 1e12, latency: 0.01, body: 8 * mebi), seconds: 60, measured: 1)
        #expect(large.most == 10)
        var small = ModelRun(seed: 1, controller)
        _ = small.run(ModelLine(perConnection: 50 * mebi, link: 1e12, latency: 0.04, body: 4096), seconds: 60, measured: 1)
        #expect(small.most == 128)
        // As soon as they are large again the buffers count.
        _ = small.run(ModelLine(perConnection: mebi, link: 1e12, latency: 0.01, body: 8 * mebi), seconds: 5, measured: 1)
        #expect(small.controller.parts == 10)
        #expect(ConcurrencyController(memory: 0, perPart: 1 << 20).parts == 1)
    }

    @Test func itGoesUpTo256WhereThatIsAllowedAndPays() {
        var run = ModelRun(seed: 2, ConcurrencyController(most: 1_000, memory: 1 << 30, perPart: 512 << 10))
        _ = run.run(ModelLine(perConnection: 0.3 * mebi, link: 119 * mebi, latency: 0.2, body: 8 * mebi), seconds: 60, measured: 1)

        #expect(run.most == 256)
    }

    @Test func aQueueThatWantsFewerTeachesNothing() {
        var controller = ConcurrencyController(start: 8, memory: 1 << 30, perPart: 1 << 20)
        for step in 0..<1_000 {
            controller.observe(
                ConcurrencyController.Sample(bytes: 100_000, answers: 1, inFlight: 2, isFull: false),
                at: Timestamp(milliseconds: Int64(step * 100)))
        }
        #expect(controller.parts == 8)
    }

    @Test func onAThinLineItGivesConnectionsBack() {
        var run = ModelRun(seed: 5)
        _ = run.run(ModelLine(perConnection: 2 * mebi, link: 2.5 * mebi, latency: 0.03, body: 8 * mebi), seconds: 300, measured: 1)

        #expect(run.controller.parts <= 16, "\(run.reasons)")
    }
}
