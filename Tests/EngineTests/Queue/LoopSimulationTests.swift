import Contracts
import GRDB
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// Whole engines on a server that fails in every way, with credentials that come and go, a disk that fills up and people who press every
/// key. Then everything works again, and nothing of what was promised may be missing.
@Suite(.timeLimit(.minutes(2))) struct LoopSimulationTests {
    private static let actions = ["pause", "resume", "retry", "cancel", "priority", "move", "undo"]
    private static let sizes = [0, 10, 100_000, 1 << 20, (2 << 20) + 1, 4 << 20]

    private static func fault(_ random: inout SeededRandom, _ call: ModelOSS.Call) -> ModelOSS.Fault? {
        guard random.below(100) < 30 else { return nil }
        switch random.below(10) {
        case 0: return .answer(status: 500, code: "InternalError")
        case 1: return .answer(status: 503, code: "SlowDown")
        case 2: return .curl(7)
        case 3: return .curl(28)
        // A lost answer to Initiate leaves an id that only the server knows.
        case 4: return call.kind == "initiate" ? .curl(56) : .lostAnswer
        case 5: return .answer(status: 403, code: "SecurityTokenExpired")
        case 6: return .answer(status: 403, code: "RequestTimeTooSkewed")
        case 7: return ["put", "part"].contains(call.kind) ? .corrupted : nil
        case 8: return .busy(retryAfter: 40)
        // Nothing but the time-outs of a real transport ends the wait for these.
        default: return ["initiate", "complete", "abort"].contains(call.kind) ? .curl(28) : .blackHole
        }
    }

    private func act(_ loop: EngineLoop, _ random: inout SeededRandom, _ uploads: [String]) async {
        let action = Self.actions[random.below(Self.actions.count)]
        var request = ActionRequest(action: action)
        switch random.below(4) {
        case 0: request.all = true
        case 1: request.query = ["state:uploading", "state:held", "state:failed", "size:>1"][random.below(4)]
        default: request.ids = uploads.filter { _ in random.below(3) == 0 }
        }
        if request.ids?.isEmpty == true { request.ids = [uploads[0]] }
        if action == "priority" { request.value = ["high", "normal", "low"][random.below(3)] }
        if action == "move" { request.value = random.below(2) == 0 ? "front" : "back" }
        if action == "undo" { request = ActionRequest(action: "undo") }
        _ = try? await loop.act(request)
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>) func whateverHappensEveryFileIsStoredOnceAndNothingIsOwed(seed: UInt64) async throws {
        var random = SeededRandom(seed)
        let bench = QueueBench()
        let (isFull, isRough) = (Lock(false), Lock(true))
        let draw = Lock(SeededRandom(seed &* 977))
        bench.oss.setFaults { call in isRough.withLock { $0 } ? draw.withLock { Self.fault(&$0, call) } : nil }
        let hook: @Sendable (Int, Bool) throws -> Void = { _, isDone in
            if !isDone && isFull.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_FULL, message: "database or disk is full") }
        }
        var loop = try await bench.loop(
            resolver: FakeResolver(ports: ["second": 8]), policy: RetryPolicy(base: .milliseconds(100), cap: .seconds(2)), hook: hook)
        var (sizes, uploads): ([String: Int], [String]) = ([:], [])
        for (index, dest) in ["oss://b/", "oss://second/"].enumerated() {
            let names = (0..<8).map { "f\(index)-\($0)" }
            for name in names { sizes[name] = Self.sizes[random.below(Self.sizes.count)] }
            let job = try await loop.add(bench.order(names.map { bench.file($0, sizes[$0] ?? 0) }, dest, id: dest))
            uploads += job.uploads
        }

        for _ in 0..<60 {
            switch random.below(12) {
            case 0: bench.authorizer.refuse(random.below(2) == 0 ? .refused("no") : .unavailable(until: nil, "away"), scope: "second")
            case 1, 2: bench.authorizer.refuse(nil, scope: "second")
            case 3: isFull.withLock { $0 = random.below(3) == 0 }
            case 4, 5: await act(loop, &random, uploads)
            case 6 where random.below(4) == 0:
                isFull.withLock { $0 = false }
                await loop.stop(finishRunning: false)
                loop = try await bench.loop(
                    resolver: FakeResolver(ports: ["second": 8]), policy: RetryPolicy(base: .milliseconds(100), cap: .seconds(2)), hook: hook)
            default: bench.clock.advance(.milliseconds(Int64(random.below(20_000))))
            }
            for _ in 0..<3 {
                await loop.tick()
                try await Task.sleep(for: .milliseconds(1))
            }
        }
        isFull.withLock { $0 = false }
        isRough.withLock { $0 = false }
        bench.authorizer.refuse(nil, scope: "second")
        // What hangs on a line that says nothing, a person ends.
        _ = try await loop.act(ActionRequest(action: "pause", all: true))
        _ = try await loop.act(ActionRequest(action: "resume", all: true))
        _ = try await loop.act(ActionRequest(action: "resume", query: "state:paused"))

        try await bench.until(loop, "all are done") {
            // What was ending as cancelled or failed just now is asked for once more.
            _ = try await loop.act(ActionRequest(action: "retry", query: "state:failed,cancelled"))
            return try await bench.states(loop).values.allSatisfy { $0 == .done }
        }
        for (name, size) in sizes { #expect(bench.oss.objects[name]?.bytes == Files.bytes(size, seed: 1)) }
        try await bench.until(loop, "nothing is owed", step: .seconds(1)) { await loop.ledger().isEmpty }
        #expect(bench.oss.uploadIDs.isEmpty)
        let status = await loop.status()
        #expect(status.totals.bytes == status.totals.stored && status.totals.uploads == 16)
        await loop.stop(finishRunning: false)
    }
}
