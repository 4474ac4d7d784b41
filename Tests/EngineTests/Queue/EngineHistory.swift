import Contracts
import GRDB
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// One history of real engines from a seed: the real loop on the real store, one engine after the other, with a server that fails in every
/// way, credentials that come and go, a disk that fills up, people who press every key, and kills at any commit. Then everything works.
///
/// The order in which tasks run is the machine's: a seed draws the same troubles each time and may meet them in another order.
final class EngineHistory: Sendable {
    /// What happened, for the line that is printed.
    struct Counts: Sendable {
        var (seeds, uploads, requests, faults, kills, killsBefore, restarts, fullDisks, actions, lostIDs) = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

        mutating func add(_ other: Counts) {
            (seeds, uploads, requests) = (seeds + other.seeds, uploads + other.uploads, requests + other.requests)
            (faults, kills, killsBefore) = (faults + other.faults, kills + other.kills, killsBefore + other.killsBefore)
            (restarts, fullDisks, actions) = (restarts + other.restarts, fullDisks + other.fullDisks, actions + other.actions)
            lostIDs += other.lostIDs
        }

        var text: String {
            "\(seeds) seeds, \(uploads) uploads, \(requests) requests, \(faults) faults, \(kills) kills at a commit (\(killsBefore) before it), "
                + "\(restarts) stops, \(fullDisks) full disks, \(actions) actions of people, \(lostIDs) upload ids known to the server alone"
        }
    }

    private struct Kill {
        /// The first commit that finds the process gone.
        var commit: Int
        var isAfter: Bool
        var hasHappened = false
    }

    private static let steps = 60
    private static let mostParts = 5
    private static let mostUploads = 3
    private static let sizes = [0, 10, 100_000, 1 << 20, (1 << 20) + 1, (2 << 20) + 1, 4 << 20]
    /// What every file is a beginning of.
    private static let bytes = Files.bytes(4 << 20, seed: 1)

    let bench = QueueBench()
    let seed: UInt64
    let counts = Lock(Counts())
    private let isFull = Lock(false)
    private let isRough = Lock(true)
    private let draw: Lock<SeededRandom>
    private let commit = Lock(0)
    private let kill = Lock<Kill?>(nil)

    init(seed: UInt64) {
        self.seed = seed
        draw = Lock(SeededRandom(seed &* 977))
    }

    // MARK: - The world

    private func fault(_ call: ModelOSS.Call) -> ModelOSS.Fault? {
        guard isRough.withLock({ $0 }) else { return nil }
        let (dice, kind) = draw.withLock { ($0.below(100), $0.below(12)) }
        guard dice < 30 else { return nil }
        counts.withLock { $0.faults += 1 }
        switch kind {
        case 0: return .answer(status: 500, code: "InternalError")
        case 1: return .answer(status: 503, code: "SlowDown")
        case 2: return .curl(7)
        case 3: return .curl(28)
        // A lost answer to Initiate leaves an id that only the server knows.
        case 4, 5: return call.kind == "initiate" ? .curl(56) : .lostAnswer
        case 6: return .answer(status: 403, code: "SecurityTokenExpired")
        case 7: return .answer(status: 403, code: "RequestTimeTooSkewed")
        case 8: return ["put", "part"].contains(call.kind) ? .corrupted : nil
        case 9: return .busy(retryAfter: 40)
        case 10: return .answer(status: 502, code: "")
        // Nothing but the time-outs of a real transport ends the wait for these.
        default: return ["initiate", "complete", "abort"].contains(call.kind) ? .curl(28) : .blackHole
        }
    }

    private func hook(_ number: Int, _ isDone: Bool) throws {
        commit.withLock { $0 = number }
        let isDead = kill.withLock { kill -> Bool in
            guard let planned = kill else { return false }
            guard number > planned.commit || number == planned.commit && isDone == planned.isAfter else { return planned.hasHappened }
            kill?.hasHappened = true
            return true
        }
        if isDead { throw StoreIsGone() }
        if !isDone, isFull.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_FULL, message: "database or disk is full") }
    }

    private func start() async throws -> EngineLoop {
        kill.withLock { $0 = nil }
        return try await bench.loop(
            settings: QueueSettings(uploads: Self.mostUploads, parts: Self.mostParts, partSize: 1 << 20),
            resolver: FakeResolver(ports: ["second": 8]), policy: RetryPolicy(base: .milliseconds(100), cap: .seconds(2)),
            hook: { [self] number, isDone in try hook(number, isDone) })
    }

    private func file(_ name: String, _ size: Int) -> String {
        let path = bench.folder + "/" + name
        Files.write(path, Array(Self.bytes.prefix(size)))
        return path
    }

    // MARK: - People

    private func act(_ loop: EngineLoop, _ random: inout SeededRandom, _ uploads: [String]) async {
        counts.withLock { $0.actions += 1 }
        let actions = ["pause", "resume", "retry", "cancel", "priority", "move", "undo"]
        let action = actions[random.below(actions.count)]
        var request = ActionRequest(action: action)
        switch random.below(6) {
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

    // MARK: - The history

    /// - Returns: the broken rule, or `nil`.
    func run() async throws -> String? {
        var random = SeededRandom(seed)
        bench.oss.setFaults { [self] call in fault(call) }
        // Else each history would hold itself, its files in memory and all, to the end of the run.
        defer { bench.oss.setFaults { _ in nil } }
        var loop = try await start()
        var (sizes, uploads): ([String: Int], [String]) = ([:], [])
        for (index, dest) in ["oss://b/", "oss://second/", "oss://b/more/"].enumerated() {
            let names = (0..<(3 + random.below(4))).map { "f\(index)-\($0)" }
            for name in names { sizes[(index == 2 ? "more/" : "") + name] = Self.sizes[random.below(Self.sizes.count)] }
            let paths = names.map { file($0, sizes[(index == 2 ? "more/" : "") + $0] ?? 0) }
            let priority = [Priority.high, .normal, .low][random.below(3)]
            uploads += try await loop.add(bench.order(paths, dest, id: dest) { $0.priority = priority }).uploads
        }
        counts.withLock { ($0.seeds, $0.uploads) = (1, uploads.count) }

        var lost: Set<String> = []
        for _ in 0..<Self.steps {
            switch random.below(14) {
            case 0: bench.authorizer.refuse(random.below(2) == 0 ? .refused("no") : .unavailable(until: nil, "away"), scope: "second")
            case 1, 2: bench.authorizer.refuse(nil, scope: "second")
            case 3:
                let fills = random.below(3) == 0
                if fills { counts.withLock { $0.fullDisks += 1 } }
                isFull.withLock { $0 = fills }
            case 4, 5: await act(loop, &random, uploads)
            case 6 where random.below(4) == 0:
                counts.withLock { $0.restarts += 1 }
                isFull.withLock { $0 = false }
                await loop.stop(finishRunning: false)
                loop = try await start()
            case 7 where kill.withLock({ $0 == nil }):
                let planned = Kill(commit: commit.withLock { $0 } + 1 + random.below(6), isAfter: random.below(2) == 0)
                kill.withLock { $0 = planned }
            default: bench.clock.advance(.milliseconds(Int64(random.below(20_000))))
            }
            for _ in 0..<3 {
                await loop.tick()
                try await Task.sleep(for: .microseconds(500))
            }
            if let broken = await broken(loop) { return broken }
            if await loop.isDead {
                counts.withLock { $0.kills += 1 }
                if kill.withLock({ $0?.isAfter }) == false { counts.withLock { $0.killsBefore += 1 } }
                isFull.withLock { $0 = false }
                await loop.stop(finishRunning: false)
                loop = try await start()
                // What the server had given, and what was not written down before the kill.
                let known = Set(try await loop.ledger().map(\.uploadID))
                lost.formUnion(bench.oss.uploadIDs.subtracting(known))
            }
        }
        let problem = try await settle(loop, sizes, lost)
        counts.withLock { ($0.requests, $0.lostIDs) = (bench.oss.calls.count, lost.count) }
        await loop.stop(finishRunning: false)
        return problem
    }

    /// What must hold at any time.
    private func broken(_ loop: EngineLoop) async -> String? {
        let (slots, large, gates) = await (loop.partSlotsUsed, loop.multipart.count, loop.gates.count)
        if slots > Self.mostParts + EngineLoop.express { return "\(slots) bodies at once, of \(Self.mostParts)" }
        // More urgent ones begin in the place of others, which end what they have in flight; a probe of a gate is let through whatever runs.
        if large > Self.mostUploads * 2 + gates + 1 { return "\(large) large uploads at once, of \(Self.mostUploads)" }
        return nil
    }

    /// Everything works: every file is stored, once, and nothing is owed.
    private func settle(_ first: EngineLoop, _ sizes: [String: Int], _ lost: Set<String>) async throws -> String? {
        kill.withLock { if $0?.hasHappened == false { $0 = nil } }
        isFull.withLock { $0 = false }
        isRough.withLock { $0 = false }
        bench.authorizer.refuse(nil, scope: "second")
        // What hangs on a line that says nothing, a person ends.
        for request in [
            ActionRequest(action: "pause", all: true), ActionRequest(action: "resume", all: true),
            ActionRequest(action: "resume", query: "state:paused"),
        ] { _ = try await first.act(request) }

        var looks = 0
        try await bench.until(first, "all are done", step: .milliseconds(500)) { [bench] in
            looks += 1
            // What was ending as cancelled or failed just now is asked for once more.
            if looks % 8 == 1 { _ = try await first.act(ActionRequest(action: "retry", query: "state:failed,cancelled")) }
            return try await bench.states(first).values.allSatisfy { $0 == .done }
        }
        for (name, size) in sizes {
            guard let object = bench.oss.objects[name] else { return "\(name) is done and not there" }
            if object.bytes.count != size || !object.bytes.elementsEqual(Self.bytes.prefix(size)) { return "\(name) is not its file" }
        }
        try await bench.until(first, "nothing is owed", step: .seconds(1)) { try await first.ledger().isEmpty }
        let left = bench.oss.uploadIDs.subtracting(lost)
        if !left.isEmpty { return "left on the server, and owed by nobody: \(left)" }
        let status = await first.status()
        if status.totals.bytes != status.totals.stored || status.totals.uploads != sizes.count { return "the totals are wrong: \(status.totals)" }
        if await first.partSlotsUsed != 0 { return "slots are taken when all is done" }
        return nil
    }
}
