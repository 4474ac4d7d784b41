import Contracts
import GRDB
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

@Suite(.timeLimit(.minutes(2))) struct ActionTests {
    /// A large upload with one part stored and the others in flight for ever.
    private func begun(_ bench: QueueBench, parts: Int = 4) async throws -> (loop: EngineLoop, id: String) {
        let path = bench.file("f", parts << 20)
        bench.oss.setFaults { $0.kind == "part" && $0.part != 1 && $0.number == 1 ? .blackHole : nil }
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([path]))
        try await bench.until(loop, "one part stored, the rest in flight", step: .zero) {
            await loop.upload(job.uploads[0])?.upload.parts.stored == 1 && bench.oss.inFlight == parts - 1
        }
        return (loop, job.uploads[0])
    }

    @Test func pauseStopsTrafficAndResumeSendsOnlyWhatIsMissing() async throws {
        let bench = QueueBench()
        let (loop, id) = try await begun(bench)

        let result = try await loop.act(ActionRequest(action: "pause", ids: [id]))
        #expect(result.changed == 1 && result.items.first?.state == .paused)
        try await bench.until(loop, "no traffic") { bench.oss.inFlight == 0 }
        let paused = try #require(await loop.upload(id)?.upload)
        #expect(paused.state == .paused && paused.parts.stored == 1 && paused.stored == 1 << 20)
        _ = try await loop.act(ActionRequest(action: "resume", ids: [id]))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.finished.filter { $0.kind == "part" }.map { $0.part ?? 0 }.sorted() == [1, 2, 3, 4])
        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(4 << 20, seed: 1))
        await loop.stop(finishRunning: false)
    }

    @Test func pausingTheWholeQueueStopsNewOrdersTooUntilItIsResumed() async throws {
        let bench = QueueBench()
        let (loop, id) = try await begun(bench)
        let single = try await loop.add(bench.order([bench.file("alone", 10)], id: "s2") { $0.paused = true })

        _ = try await loop.act(ActionRequest(action: "pause", all: true))
        _ = try await loop.add(bench.order([bench.file("later", 10)], id: "s3"))
        for _ in 0..<20 { await loop.tick() }
        #expect(await loop.status().queuePaused && bench.oss.objects.isEmpty)
        _ = try await loop.act(ActionRequest(action: "resume", all: true))
        try await bench.until(loop, "both done") { bench.oss.objects.count == 2 }

        #expect(await loop.upload(id)?.upload.state != .paused)
        #expect(await loop.upload(single.uploads[0])?.upload.state == .paused, "what was paused singly stays paused")
        await loop.stop(finishRunning: false)
    }

    @Test func cancelKeepsThePartsAndUndoGoesOnFromThem() async throws {
        let bench = QueueBench()
        let (loop, id) = try await begun(bench)

        _ = try await loop.act(ActionRequest(action: "cancel", ids: [id]))
        #expect(await loop.upload(id)?.upload.state == .cancelled)
        #expect(bench.oss.uploadIDs.count == 1 && bench.oss.calls("abort").isEmpty)
        let undone = try await loop.act(ActionRequest(action: "undo"))
        try await bench.untilAllEnded(loop)

        #expect(undone.changed == 1)
        #expect(bench.oss.calls("initiate").count == 1 && bench.oss.objects["f"]?.bytes.count == 4 << 20)
        #expect(bench.oss.finished.count { $0.kind == "part" && $0.part == 1 } == 1)
        await loop.stop(finishRunning: false)
    }

    @Test func theKeptPartsOfACancelledUploadAreAbortedWhenTheirTimeIsOver() async throws {
        let bench = QueueBench()
        let (loop, id) = try await begun(bench)

        _ = try await loop.act(ActionRequest(action: "cancel", ids: [id]))
        bench.clock.advance(.seconds(86_401))
        try await bench.until(loop, "aborted", step: .seconds(1)) { bench.oss.uploadIDs.isEmpty }

        try await bench.until(loop, "ledger settled") { try await loop.ledger().isEmpty }
        await loop.stop(finishRunning: false)
    }

    @Test(arguments: [false, true]) func abortLeavesNothingOnTheServer(isPausedBefore: Bool) async throws {
        let bench = QueueBench()
        let (loop, id) = try await begun(bench)
        if isPausedBefore { _ = try await loop.act(ActionRequest(action: "pause", ids: [id])) }

        let result = try await loop.act(ActionRequest(action: "abort", ids: [id]))

        #expect(result.changed == 1)
        try await bench.until(loop, "gone") { try await loop.ledger().isEmpty && bench.oss.uploadIDs.isEmpty }
        let view = try #require(await loop.upload(id)?.upload)
        #expect(view.state == .cancelled && view.stored == 0 && view.uploadId == nil)
        await loop.stop(finishRunning: false)
    }

    @Test func anAbortThatTheServerDoesNotAnswerIsOwedAcrossARestart() async throws {
        let bench = QueueBench()
        let (first, id) = try await begun(bench)
        _ = try await first.act(ActionRequest(action: "pause", ids: [id]))
        bench.oss.setFaults { $0.kind == "abort" ? .curl(7) : nil }

        _ = try await first.act(ActionRequest(action: "abort", ids: [id]))
        #expect(try await first.ledger().count == 1)
        await first.stop(finishRunning: false)
        bench.oss.setFaults { _ in nil }
        let second = try await bench.loop()

        try await bench.until(second, "aborted after the restart") { bench.oss.uploadIDs.isEmpty }
        try await bench.until(second, "settled") { try await second.ledger().isEmpty }
        await second.stop(finishRunning: false)
    }

    @Test func aFailedUploadKeepsItsPartsAndRetryGoesOnFromThem() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 3 << 20)
        bench.oss.setFaults { $0.kind == "part" && $0.part == 3 && $0.number == 1 ? .answer(status: 403, code: "AccessDenied") : nil }
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([path]))
        try await bench.until(loop, "failed") { await loop.upload(job.uploads[0])?.upload.state == .failed }
        #expect(try await loop.ledger().map(\.upload) == [job.uploads[0]])

        _ = try await loop.act(ActionRequest(action: "retry", query: "state:failed"))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.calls("initiate").count == 1)
        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(3 << 20, seed: 1))
        await loop.stop(finishRunning: false)
    }

    @Test(arguments: ["pause", "cancel", "abort"]) func anActionThatCannotBeWrittenStopsNothing(action: String) async throws {
        let bench = QueueBench()
        let isFull = Lock(false)
        bench.oss.setFaults { $0.kind == "part" && $0.part != 1 ? .blackHole : nil }
        let loop = try await bench.loop(hook: { _, isDone in
            if !isDone && isFull.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_FULL, message: "database or disk is full") }
        })
        let job = try await loop.add(bench.order([bench.file("f", 4 << 20)]))
        try await bench.until(loop, "one part stored, the rest in flight", step: .zero) {
            await loop.upload(job.uploads[0])?.upload.parts.stored == 1 && bench.oss.inFlight == 3
        }
        isFull.withLock { $0 = true }

        await #expect(throws: OrderError.self) { try await loop.act(ActionRequest(action: action, ids: job.uploads)) }

        #expect(bench.oss.inFlight == 3 && bench.oss.calls("abort").isEmpty)
        let state = try #require(await loop.upload(job.uploads[0])?.upload.state)
        #expect(![.paused, .cancelled].contains(state), "\(state)")
        isFull.withLock { $0 = false }
        await loop.stop(finishRunning: false)
    }

    @Test func anActionOnWhatHadFinishedSaysSo() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([bench.file("f", 10)]))
        try await bench.untilAllEnded(loop)

        let result = try await loop.act(ActionRequest(action: "cancel", ids: job.uploads))

        #expect(result.matched == 1 && result.changed == 0 && result.items.first?.reason == "had already finished")
        await loop.stop(finishRunning: false)
    }

    @Test func aDryRunChangesNothing() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        _ = try await loop.add(bench.order([bench.file("f", 10)]) { $0.paused = true })

        let result = try await loop.act(ActionRequest(action: "cancel", all: true, dryRun: true))

        #expect(result.matched == 1 && result.changed == 1 && result.bytes == 10 && result.stored == 0)
        #expect(try await bench.states(loop) == ["f": .paused])
        await loop.stop(finishRunning: false)
    }

    @Test func removedRowsComeBackByUndo() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        _ = try await loop.add(bench.order([bench.file("f", 3 << 20)]))
        try await bench.untilAllEnded(loop)

        _ = try await loop.act(ActionRequest(action: "remove", query: "state:done"))
        #expect(try await bench.states(loop).isEmpty)
        _ = try await loop.act(ActionRequest(action: "undo"))

        #expect(try await bench.states(loop) == ["f": .done])
        #expect(try await loop.uploads(UploadsRequest()).items.first?.stored == 3 << 20)
        await loop.stop(finishRunning: false)
    }

    @Test func priorityIsTakenBackToEachRowsOwn() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        for (index, priority) in [Priority.low, .normal].enumerated() {
            _ = try await loop.add(
                bench.order([bench.file("f\(index)", 10)], id: "s\(index)") { ($0.paused, $0.priority) = (true, priority) })
        }

        _ = try await loop.act(ActionRequest(action: "priority", all: true, value: "high"))
        #expect(try await loop.uploads(UploadsRequest()).items.map(\.priority) == [.high, .high])
        _ = try await loop.act(ActionRequest(action: "undo"))

        #expect(Set(try await loop.uploads(UploadsRequest()).items.map(\.priority)) == [.low, .normal])
        await loop.stop(finishRunning: false)
    }

    @Test(arguments: ["fly", "undo x"]) func anUnknownActionIsRefused(action: String) async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()

        await #expect(throws: OrderError.self) { try await loop.act(ActionRequest(action: action, all: true)) }
        await loop.stop(finishRunning: false)
    }
}
