import Contracts
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// The network away for a time, in virtual time: nothing fails, everything says why it waits, and it goes on by itself.
@Suite(.timeLimit(.minutes(2))) struct OutageTests {
    private static let settings = QueueSettings(uploads: 4, parts: 16, partSize: 1 << 20)

    /// - Parameter step: as a real engine ticks.
    private func pass(_ time: Duration, _ bench: QueueBench, _ loop: EngineLoop, step: Duration = .milliseconds(500)) async throws {
        let end = bench.clock.value + time
        while bench.clock.value < end {
            bench.clock.advance(step)
            await loop.tick()
            try await Task.sleep(for: .microseconds(500))
        }
    }

    /// 6: no name; 7: refused; 28: silence.
    @Test(arguments: [6, 7, 28] as [Int32], [120, 1800]) func anEndIsNoticedWithinFiveSeconds(code: Int32, length: Int) async throws {
        let bench = QueueBench()
        let isAway = Lock(false)
        bench.oss.setFaults { _ in isAway.withLock { $0 } ? .curl(code) : nil }
        let loop = try await bench.loop(settings: Self.settings)
        bench.oss.setFaults { call in
            if isAway.withLock({ $0 }) { return .curl(code) }
            return call.kind == "part" && call.part ?? 0 > 4 ? .curl(code) : nil
        }
        _ = try await loop.add(bench.order([bench.file("large", 8 << 20)]))
        try await bench.until(loop, "in the middle") { bench.oss.finished.count { $0.kind == "part" } == 4 }
        isAway.withLock { $0 = true }
        try await bench.until(loop, "the outage is known") { await !loop.closedEndpoints.isEmpty }

        try await pass(.seconds(length), bench, loop)

        let view = try #require(try await loop.uploads(UploadsRequest(query: "state:held")).items.first)
        #expect(view.heldReason == "network" && view.nextTry != nil && view.lastError?.message.contains("curl \(code)") == true)
        #expect(await loop.status().outage?.reason.contains("curl \(code)") == true)
        #expect(await loop.status().counts["failed"] == 0)
        let probes = bench.oss.calls("head").count
        #expect(probes <= length / 3 + 2, "hardly anything is sent meanwhile")

        bench.oss.setFaults { _ in nil }
        let back = bench.clock.value
        let sent = bench.oss.calls("part").count
        try await bench.until(loop, "parts are sent again") { bench.oss.calls("part").count > sent }

        #expect(bench.clock.value - back <= .seconds(5))
        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects["large"]?.bytes == Files.bytes(8 << 20, seed: 1))
        await loop.stop(finishRunning: false)
    }

    @Test func requestsThatWereLostWhileOthersWereAnsweredAreNoOutageHoweverManyEndTogether() async throws {
        let bench = QueueBench()
        let isOver = OpenGate()
        bench.oss.setFaults { $0.key.utf8.first == UInt8(ascii: "l") && $0.number == 1 ? .isLost(isOver) : nil }
        let loop = try await bench.loop(settings: QueueSettings(uploads: 32, parts: 32, partSize: 1 << 20))
        let lost = (0..<Reachability.many * 2).map { bench.file("lost\($0)", 100, seed: UInt64($0)) }
        _ = try await loop.add(bench.order(lost + (0..<20).map { bench.file("f\($0)", 100, seed: UInt64($0)) }))
        try await bench.until(loop, "the others are stored") { bench.oss.objects.count == 20 }
        #expect(bench.oss.inFlight == lost.count)

        isOver.open()

        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 20 + lost.count)
        #expect(bench.oss.calls("head").isEmpty, "nobody had to ask whether the endpoint is there")
        await loop.stop(finishRunning: false)
    }

    @Test func namesThatStopResolvingNowAndThenFailNothing() async throws {
        let bench = QueueBench()
        let second: @Sendable () -> Int64 = { [clock = bench.clock] in clock.value.milliseconds / 1000 }
        bench.oss.setFaults { _ in second() / 20 % 2 == 0 ? .curl(6) : nil }
        let loop = try await bench.loop(settings: Self.settings)
        _ = try await loop.add(bench.order((0..<300).map { bench.file("f\($0)", 100, seed: UInt64($0)) }))

        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects.count == 300)
        #expect(await loop.status().counts["done"] == 300)
        await loop.stop(finishRunning: false)
    }

    @Test func aMachineThatSleptForADayGoesOnAtOnce() async throws {
        let bench = QueueBench()
        let isAway = Lock(true)
        bench.oss.setFaults { _ in isAway.withLock { $0 } ? .curl(7) : nil }
        let loop = try await bench.loop(settings: Self.settings)
        _ = try await loop.add(bench.order((0..<50).map { bench.file("f\($0)", 100, seed: UInt64($0)) }))
        try await bench.until(loop, "the outage is known") { await !loop.closedEndpoints.isEmpty }

        bench.clock.advance(.seconds(86_400))
        isAway.withLock { $0 = false }
        let awake = bench.clock.value

        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 50)
        #expect(bench.clock.value - awake < .seconds(30))
        await loop.stop(finishRunning: false)
    }

    @Test(arguments: [3600, -3600]) func aClockSetByAnHourDuringAnOutageChangesNothing(jump: Int) async throws {
        let bench = QueueBench()
        let wall = ManualClock()
        let isAway = Lock(true)
        bench.oss.setFaults { _ in isAway.withLock { $0 } ? .curl(28) : nil }
        let loop = try await bench.loop(settings: Self.settings, wall: wall)
        _ = try await loop.add(bench.order((0..<50).map { bench.file("f\($0)", 100, seed: UInt64($0)) }))
        try await bench.until(loop, "the outage is known") { await !loop.closedEndpoints.isEmpty }

        wall.advance(.seconds(jump))
        try await pass(.seconds(30), bench, loop)
        isAway.withLock { $0 = false }
        let back = bench.clock.value
        let sent = bench.oss.finished.count
        try await bench.until(loop, "something is stored") { bench.oss.finished.count > sent }

        #expect(bench.clock.value - back <= .seconds(5))
        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 50)
        await loop.stop(finishRunning: false)
    }
}
