import Contracts
import Glibc
import OSSProtocol
import Platform
import Testing

@testable import Engine

/// The engine killed at each write of its store, before and after it reached the disk, then started again on what is there.
@Suite(.timeLimit(.minutes(2))) struct CrashTests {
    struct Cut: Sendable, CustomTestStringConvertible {
        var commit: Int
        var isAfter: Bool
        var testDescription: String { "\(isAfter ? "after" : "before") commit \(commit)" }
    }

    /// More commits than the story needs: the last ones must find nothing left to cut.
    static let commits = 16
    static let cuts = (1...commits).flatMap { [Cut(commit: $0, isAfter: false), Cut(commit: $0, isAfter: true)] }

    @Test(arguments: cuts) func aKillCostsNothingThatWasPromised(cut: Cut) async throws {
        let bench = QueueBench()
        let paths = [bench.file("small", 1000, seed: 1), bench.file("large", 4 << 20, seed: 2)]
        let order = bench.order(paths)
        let isCut = Lock(false)
        let first = try await bench.loop(hook: { number, isDone in
            if number > cut.commit || (number == cut.commit && isDone == cut.isAfter) {
                isCut.withLock { $0 = true }
                throw StoreIsGone()
            }
        })
        let job = try? await first.add(order)
        try await bench.until(first, "cut or ended") {
            if isCut.withLock({ $0 }) { return true }
            let status = await first.status()
            return status.counts["done"] == 2
        }
        let doneBefore = job == nil ? [] : try await bench.states(first).filter { $0.value == .done }.map(\.key)
        let objectsBefore = Set(bench.oss.objects.keys)
        await first.stop(finishRunning: false)
        let acknowledged = bench.oss.finished.filter { $0.kind == "part" }

        let second = try await bench.loop()
        let again = try await second.add(order)
        try await bench.untilAllEnded(second)

        // Whoever was answered finds the same job; nobody finds two.
        if let job { #expect(job.job == again.job) }
        #expect(doneBefore.allSatisfy(objectsBefore.contains), "nothing is done before its object is there")
        #expect(try await bench.states(second) == ["small": .done, "large": .done])
        #expect(bench.oss.objects["small"]?.bytes == Files.bytes(1000, seed: 1))
        #expect(bench.oss.objects["large"]?.bytes == Files.bytes(4 << 20, seed: 2))
        // A part whose answer came is never sent again under the same upload id.
        let sent = bench.oss.finished.filter { $0.kind == "part" }
        let perPart = Dictionary(grouping: sent) { "\($0.uploadID ?? "") \($0.part ?? 0)" }
        #expect(perPart.values.allSatisfy { $0.count == 1 })
        #expect(acknowledged.allSatisfy(sent.contains))
        #expect(try await second.ledger().isEmpty)
        // An id whose answer was being written down at the kill is all that may be left, and only then.
        #expect(bench.oss.uploadIDs.count <= (bench.oss.calls("initiate").count - 1))
        await second.stop(finishRunning: false)
    }

    @Test func theStoryHasNoMoreCommitsThanAreCut() async throws {
        let bench = QueueBench()
        let count = Lock(0)
        let loop = try await bench.loop(hook: { number, _ in count.withLock { $0 = number } })

        _ = try await loop.add(bench.order([bench.file("small", 1000, seed: 1), bench.file("large", 4 << 20, seed: 2)]))
        try await bench.untilAllEnded(loop)
        try await bench.until(loop, "all is written") { await loop.isIdle }

        let commits = count.withLock { $0 }
        #expect((8...Self.commits).contains(commits))
        await loop.stop(finishRunning: false)
    }

    @Test func aScanThatWasCutOffQueuesEveryFileOnce() async throws {
        let bench = QueueBench()
        Files.folder(bench.folder + "/d")
        for index in 0..<2_500 { bench.file("d/f\(index)", 1) }
        let order = bench.order([bench.folder + "/d"]) { $0.paused = true }
        let first = try await bench.loop(hook: { number, isDone in if number == 3 && isDone || number > 3 { throw StoreIsGone() } })
        _ = try? await first.add(order)
        try await bench.until(first, "cut") { await first.isDead }
        await first.stop(finishRunning: false)

        let second = try await bench.loop()
        let job = try await second.add(order)
        try await bench.until(second, "scanned") { await second.job(job.job)?.state == "ready" }

        let view = try #require(await second.job(job.job))
        #expect(view.total == 2_500 && view.counts == ["paused": 2_500] && view.refused.isEmpty)
        await second.stop(finishRunning: false)
    }

    @Test(arguments: [true, false]) func anAbortThatAKillCutShortIsAnAbortStill(isReplaced: Bool) async throws {
        let bench = QueueBench()
        let path = bench.file("f", 3 << 20)
        let isKilled = Lock(false)
        bench.oss.setFaults { call in
            switch call.kind {
            case "part" where call.part != 1, "abort": .blackHole
            default: nil
            }
        }
        let first = try await bench.loop(hook: { _, _ in if isKilled.withLock({ $0 }) { throw StoreIsGone() } })
        let job = try await first.add(bench.order([path]))
        try await bench.until(first, "one part stored", step: .zero) {
            await first.upload(job.uploads[0])?.upload.parts.stored == 1
        }
        let acting = Task { try await first.act(ActionRequest(action: "abort", ids: job.uploads)) }
        try await bench.until(first, "the server is asked", step: .zero) { !bench.oss.calls("abort").isEmpty }
        isKilled.withLock { $0 = true }
        await first.stop(finishRunning: false)
        _ = try? await acting.value
        unlink(path)
        if isReplaced { Files.write(path, Files.bytes(2 << 20, seed: 9)) }
        bench.oss.setFaults { _ in nil }

        let second = try await bench.loop()
        try await bench.untilAllEnded(second)

        #expect(await second.upload(job.uploads[0])?.upload.state == .cancelled)
        try await bench.until(second, "nothing is owed") { try await second.ledger().isEmpty }
        #expect(bench.oss.uploadIDs.isEmpty && bench.oss.objects.isEmpty)
        await second.stop(finishRunning: false)
    }

    @Test(arguments: [true, false]) func anObjectWhoseCompleteWentOutIsAskedForThoughItsFileIsGone(isStored: Bool) async throws {
        let bench = QueueBench()
        let path = bench.file("f", 3 << 20)
        bench.oss.setFaults { $0.kind != "complete" ? nil : isStored ? .lostAnswer : .curl(28) }
        let first = try await bench.loop()
        let job = try await first.add(bench.order([path]))
        try await bench.until(first, "Complete went out", step: .zero) { !bench.oss.calls("complete").isEmpty && bench.oss.inFlight == 0 }
        await first.stop(finishRunning: false)
        unlink(path)
        bench.oss.setFaults { _ in nil }

        let second = try await bench.loop()
        try await bench.untilAllEnded(second)

        #expect(await second.upload(job.uploads[0])?.upload.state == .done)
        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(3 << 20, seed: 1))
        await second.stop(finishRunning: false)
    }

    @Test func anUploadWhosePartsAreGoneFailsForItsMissingFile() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 3 << 20)
        bench.oss.setFaults { $0.kind == "complete" ? .curl(28) : nil }
        let first = try await bench.loop()
        let job = try await first.add(bench.order([path]))
        try await bench.until(first, "Complete went out", step: .zero) { !bench.oss.calls("complete").isEmpty && bench.oss.inFlight == 0 }
        await first.stop(finishRunning: false)
        unlink(path)
        bench.oss.setFaults { $0.kind == "complete" ? .answer(status: 400, code: "InvalidPart") : $0.kind == "list" ? .answer(status: 404, code: "NoSuchUpload") : nil }

        let second = try await bench.loop()
        try await bench.untilAllEnded(second)

        #expect(await second.upload(job.uploads[0])?.upload.lastError?.code == "SourceUnreadable")
        #expect(bench.oss.calls("initiate").count == 1)
        await second.stop(finishRunning: false)
    }

    @Test func aPausedJobAndTheLimitsArePausedAndSetAfterARestart() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 10)
        let first = try await bench.loop()
        _ = try await first.add(bench.order([path]) { $0.paused = true })
        _ = try await first.setLimits(LimitsChange(rate: "50MiB", uploads: 7, parts: 9))
        await first.stop(finishRunning: false)

        let second = try await bench.loop()
        for _ in 0..<20 {
            bench.clock.advance(.seconds(1))
            await second.tick()
        }

        #expect(try await bench.states(second) == ["f": .paused])
        #expect(await second.limits() == LimitsView(rate: 50 << 20, uploads: 7, parts: 9, rateBy: "person"))
        #expect(bench.rate.withLock { $0.last } == .some(.some(50 << 20)))
        #expect(bench.oss.calls.isEmpty)
        await second.stop(finishRunning: false)
    }
}
