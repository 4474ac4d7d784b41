import Contracts
import GRDB
import Glibc
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// What people order for all of an order while its folder is still being read.
@Suite(.timeLimit(.minutes(2))) struct ScanOrderTests {
    private static let files = 12_000
    private static let job = "j-1"

    /// A queue in which nothing starts, with an order of which some files are queued, and what the action was answered.
    private func act(
        _ bench: QueueBench, _ requests: [ActionRequest], _ change: (inout OrderOptions) -> Void = { _ in }
    ) async throws -> (loop: EngineLoop, results: [ActionResult]) {
        Files.folder(bench.folder + "/d")
        for index in 0..<Self.files { Files.write("\(bench.folder)/d/f\(index)", []) }
        let store = try bench.store()
        let loop = try await bench.loop(store)
        _ = try await loop.setLimits(LimitsChange(rate: "0"))
        let order = bench.order([bench.folder + "/d"]) { change(&$0) }
        let adding = Task { try await loop.add(order) }
        let (gate, isHeld) = (OpenGate(), OpenGate())
        // Whoever has the one writer keeps the scan where it is.
        let holding = Task {
            while !isHeld.isOpen {
                try await store.pool.write { db in
                    guard try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM uploads") ?? 0 >= 500 else { return }
                    try #require(try QueueStore.scanning(db) == [1])
                    isHeld.open()
                    while !gate.isOpen { usleep(500) }
                }
                try await Task.sleep(for: .milliseconds(1))
            }
        }
        while !isHeld.isOpen, !holding.isCancelled { try await Task.sleep(for: .milliseconds(1)) }
        var results: [ActionResult] = []
        for request in requests {
            let acting = Task { try await loop.act(request) }
            while await loop.pendingCount == 0, !gate.isOpen { try await Task.sleep(for: .milliseconds(1)) }
            gate.open()
            results.append(try await acting.value)
        }
        try await holding.value
        _ = try await adding.value
        try await bench.until(loop, "read") { await loop.job(Self.job)?.state == "ready" }
        return (loop, results)
    }

    private static let selections = [ActionRequest(action: "", all: true), ActionRequest(action: "", query: "job:j-1")]

    @Test(arguments: ["cancel", "abort"], 0..<2) func whatIsCancelledIsReadNoFurther(action: String, selection: Int) async throws {
        let bench = QueueBench()
        var request = Self.selections[selection]
        request.action = action

        let (loop, results) = try await act(bench, [request])

        let view = try #require(await loop.job(Self.job))
        #expect(view.total >= 500 && view.total < Self.files && view.counts == ["cancelled": view.total])
        #expect(results[0].scans == 1 && results[0].changed == view.total)
        #expect(view.refused.map(\.reason) == ["cancelled while it was being read: the rest of it was not queued"])
        // Nor is it read on by the next engine.
        await loop.stop(finishRunning: false)
        let second = try await bench.loop()
        for _ in 0..<50 { await second.tick() }
        #expect(await second.job(Self.job)?.total == view.total)
        await second.stop(finishRunning: false)
    }

    @Test(arguments: 0..<2) func whatIsFoundOfAPausedOrderIsPausedToo(selection: Int) async throws {
        let bench = QueueBench()
        var request = Self.selections[selection]
        request.action = "pause"

        let (loop, results) = try await act(bench, [request])

        #expect(results[0].scans == 1 && results[0].changed < Self.files)
        #expect(await loop.job(Self.job)?.counts == ["paused": Self.files])
        request.action = "resume"
        _ = try await loop.act(request)
        #expect(await loop.job(Self.job)?.counts == ["queued": Self.files])
        await loop.stop(finishRunning: false)
    }

    @Test func aPauseTakenBackIsTakenBackOfWhatWasFoundSince() async throws {
        let bench = QueueBench()

        let (loop, _) = try await act(bench, [ActionRequest(action: "pause", query: "job:j-1")])
        let undone = try await loop.act(ActionRequest(action: "undo"))

        #expect(undone.changed == Self.files)
        #expect(await loop.job(Self.job)?.counts == ["queued": Self.files])
        await loop.stop(finishRunning: false)
    }

    @Test func whatIsResumedWhileItIsReadComesQueued() async throws {
        let bench = QueueBench()

        let (loop, results) = try await act(bench, [ActionRequest(action: "resume", query: "job:j-1")]) { $0.paused = true }

        #expect(results[0].scans == 1)
        #expect(await loop.job(Self.job)?.counts == ["queued": Self.files])
        _ = try await loop.act(ActionRequest(action: "undo"))
        #expect(await loop.job(Self.job)?.counts == ["paused": Self.files])
        await loop.stop(finishRunning: false)
    }

    @Test func whatIsFoundLaterHasThePriorityThatWasGivenAndUndoTakesItBack() async throws {
        let bench = QueueBench()

        let (loop, _) = try await act(bench, [ActionRequest(action: "priority", query: "job:j-1", value: "high")])

        #expect(try await loop.uploads(UploadsRequest(query: "prio:high")).total == Self.files)
        _ = try await loop.act(ActionRequest(action: "undo"))
        #expect(try await loop.uploads(UploadsRequest(query: "prio:normal")).total == Self.files)
        await loop.stop(finishRunning: false)
    }

    @Test func anActionOnSomeUploadsSaysNothingOfWhatIsFoundLater() async throws {
        let bench = QueueBench()

        let (loop, results) = try await act(bench, [ActionRequest(action: "cancel", query: "job:j-1 state:queued")])

        let view = try #require(await loop.job(Self.job))
        #expect(results[0].scans == nil && view.total == Self.files)
        #expect(view.counts["queued"] == Self.files - results[0].changed)
        await loop.stop(finishRunning: false)
    }

    @Test func manyOrdersAtOnceAreReadAFewAtATimeAndAllOfThem() async throws {
        let bench = QueueBench()
        for folder in 0..<20 {
            Files.folder("\(bench.folder)/d\(folder)")
            for index in 0..<50 { Files.write("\(bench.folder)/d\(folder)/f\(index)", []) }
        }
        let loop = try await bench.loop()

        let most = try await withThrowingTaskGroup(of: Void.self) { group in
            for folder in 0..<20 {
                let order = bench.order(["\(bench.folder)/d\(folder)"], "oss://b/\(folder)/", id: "s\(folder)") { $0.paused = true }
                group.addTask { _ = try await loop.add(order) }
            }
            var most = 0
            while try await group.next() != nil { most = max(most, await loop.foldersRead.count) }
            return most
        }

        try await bench.until(loop, "all are read") { await loop.status().counts["scanning"] == 0 }
        #expect(most <= EngineLoop.mostScans)
        #expect(await loop.status().counts["paused"] == 1_000)
        await loop.stop(finishRunning: false)
    }

    @Test func agesAreThoseOfTheOrderAlsoAfterARestart() async throws {
        let bench = QueueBench()
        let paths = (0..<1_800).map { bench.file("f\($0 + 10_000)", 1) }
        let written = timespec(tv_sec: Int(bench.clock.value.milliseconds / 1000) - 50, tv_nsec: 0)
        for path in paths { utimensat(AT_FDCWD, path, [written, written], 0) }
        let order = bench.order(paths) { ($0.paused, $0.maxAge) = (true, 60) }
        // The order, then its first batch.
        let first = try await bench.loop(hook: { number, isDone in if number == 2 && isDone || number > 2 { throw StoreIsGone() } })
        _ = try? await first.add(order)
        try await bench.until(first, "cut", step: .zero) { await first.isDead }
        await first.stop(finishRunning: false)
        bench.clock.advance(.seconds(100))

        let second = try await bench.loop()
        let job = try await second.add(order)
        try await bench.until(second, "read") { await second.job(job.job)?.state == "ready" }

        let view = try #require(await second.job(job.job))
        #expect(view.total == 1_800 && view.skipped == [:])
        await second.stop(finishRunning: false)
    }
}

extension EngineLoop {
    /// Changes that wait for their turn to be written.
    var pendingCount: Int { pending.count }
}
