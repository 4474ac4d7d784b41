import Contracts
import OSSProtocol
import Testing
import TransferCore

@testable import Engine

/// What edits change beside what was meant, and what taking them back gives back.
@Suite(.timeLimit(.minutes(2))) struct EditTests {
    private func keys(_ loop: EngineLoop) async throws -> [String] { try await loop.uploads(UploadsRequest()).items.map(\.key) }

    @Test func takingBackTheEditOfOneUploadLeavesAPausedQueuePaused() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        _ = try await loop.add(bench.order([bench.file("f", 10)]) { $0.paused = true })
        _ = try await loop.act(ActionRequest(action: "pause", all: true))
        let later = try await loop.add(bench.order([bench.file("g", 10)], id: "s2"))
        _ = try await loop.act(ActionRequest(action: "pause", ids: later.uploads))

        let undone = try await loop.act(ActionRequest(action: "undo"))
        for _ in 0..<20 { await loop.tick() }

        #expect(undone.changed == 1)
        #expect(await loop.status().queuePaused && bench.oss.calls.isEmpty)
        await loop.stop(finishRunning: false)
    }

    @Test func aPausedQueueGoesOnHoweverManyEditsCameAfterIt() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let single = try await loop.add(bench.order([bench.file("f", 10)]) { $0.paused = true })
        let other = try await loop.add(bench.order([bench.file("g", 10)], id: "s2") { $0.at = "2099-01-01T00:00:00Z" })
        _ = try await loop.act(ActionRequest(action: "pause", all: true))
        for _ in 0..<QueueStore.mostEdits + 5 {
            _ = try await loop.act(ActionRequest(action: "priority", ids: single.uploads, value: "low"))
        }
        bench.clock.advance(.seconds(31))
        await loop.tidy(true)

        let resumed = try await loop.act(ActionRequest(action: "resume", all: true))

        #expect(resumed.changed == 1)
        #expect(await loop.upload(single.uploads[0])?.upload.state == .paused, "it was paused alone before")
        #expect(await loop.upload(other.uploads[0])?.upload.state != .paused)
        await loop.stop(finishRunning: false)
    }

    @Test func anActionThatIsRefusedLeavesAPausedQueuePaused() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([bench.file("f", 10)]))
        try await bench.untilAllEnded(loop)
        _ = try await loop.act(ActionRequest(action: "pause", all: true))

        let result = try await loop.act(ActionRequest(action: "resume", ids: job.uploads))

        #expect(result.changed == 0)
        #expect(await loop.status().queuePaused)
        await loop.stop(finishRunning: false)
    }

    @Test func thePriorityOfAnUploadThatRunsIsTakenBackToo() async throws {
        let bench = QueueBench()
        bench.oss.setFaults { _ in .blackHole }
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([bench.file("f", 10)]) { $0.priority = .low })
        try await bench.until(loop, "it runs", step: .zero) { bench.oss.inFlight == 1 }

        _ = try await loop.act(ActionRequest(action: "priority", ids: job.uploads, value: "high"))
        #expect(await loop.upload(job.uploads[0])?.upload.priority == .high)
        let undone = try await loop.act(ActionRequest(action: "undo"))

        #expect(undone.changed == 1)
        #expect(await loop.upload(job.uploads[0])?.upload.priority == .low)
        _ = try await loop.act(ActionRequest(action: "pause", ids: job.uploads))
        #expect(await loop.upload(job.uploads[0])?.upload.priority == .low, "on the disk as well")
        await loop.stop(finishRunning: false)
    }

    @Test func takingBackAnotherEditStopsNothingThatRuns() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([bench.file("f", 10)]) { $0.paused = true })
        bench.oss.setFaults { _ in .blackHole }
        _ = try await loop.act(ActionRequest(action: "move", ids: job.uploads, value: "front"))
        _ = try await loop.act(ActionRequest(action: "resume", ids: job.uploads))
        try await bench.until(loop, "it runs", step: .zero) { bench.oss.inFlight == 1 }

        let undone = try await loop.act(ActionRequest(action: "undo", value: "1"))

        #expect(undone.matched == 1 && undone.changed == 1)
        #expect(await loop.upload(job.uploads[0])?.upload.state == .uploading)
        await loop.stop(finishRunning: false)
    }

    @Test func takingBackAPauseOfWhatWaitedForCredentialsDoesNotMakeItWaitForEver() async throws {
        let bench = QueueBench()
        bench.authorizer.refuse(.refused("the token is not known"))
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([bench.file("f", 10)]))
        try await bench.until(loop, "held", step: .milliseconds(10)) { await loop.status().counts["held"] == 1 }
        _ = try await loop.act(ActionRequest(action: "pause", ids: job.uploads))
        bench.authorizer.refuse(nil)
        try await bench.until(loop, "nothing is in the way") { await loop.closedScopes.isEmpty }

        _ = try await loop.act(ActionRequest(action: "undo"))

        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 1)
        await loop.stop(finishRunning: false)
    }

    @Test(arguments: [("front", ["c", "d", "a", "b", "e"]), ("back", ["a", "b", "e", "c", "d"])])
    func movedUploadsStayInTheirOrderAndUndoPutsThemBack(edge: String, order: [String]) async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order(["a", "b", "c", "d", "e"].map { bench.file($0, 1) }) { $0.paused = true })

        let moved = try await loop.act(ActionRequest(action: "move", ids: [job.uploads[2], job.uploads[3]], value: edge))
        #expect(moved.changed == 2)
        #expect(try await keys(loop) == order)
        _ = try await loop.act(ActionRequest(action: "undo"))

        #expect(try await keys(loop) == ["a", "b", "c", "d", "e"])
        await loop.stop(finishRunning: false)
    }

    @Test func whatComesLaterStandsBehindWhatWasMovedToTheBack() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order(["a", "b"].map { bench.file($0, 1) }) { $0.paused = true })
        _ = try await loop.act(ActionRequest(action: "move", ids: [job.uploads[0]], value: "back"))

        _ = try await loop.add(bench.order([bench.file("c", 1)], id: "s2") { $0.paused = true })

        #expect(try await keys(loop) == ["b", "a", "c"])
        await loop.stop(finishRunning: false)
    }

    @Test func twoWhoChangeDifferentLimitsAtOnceBothGetTheirs() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()

        async let rate = loop.setLimits(LimitsChange(rate: "1MiB"))
        async let parts = loop.setLimits(LimitsChange(uploads: 7, parts: 9))
        _ = try await (rate, parts)

        #expect(await loop.limits() == LimitsView(rate: 1 << 20, uploads: 7, parts: 9, rateBy: "person"))
        await loop.stop(finishRunning: false)
        let second = try await bench.loop()
        #expect(await second.limits() == LimitsView(rate: 1 << 20, uploads: 7, parts: 9, rateBy: "person"))
        await second.stop(finishRunning: false)
    }
}
