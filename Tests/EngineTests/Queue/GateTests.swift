import Contracts
import GRDB
import Glibc
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// What stands in the way of many uploads, and how it is found out that it does no more.
@Suite(.timeLimit(.minutes(2))) struct GateTests {
    private static let small = QueueSettings(uploads: 8, parts: 16, partSize: 1 << 20)

    /// Puts of an endpoint that does not answer until it is known to be away.
    private func away(_ bench: QueueBench, _ loop: EngineLoop) async throws {
        try await bench.until(loop, "the outage is known") { await !loop.closedEndpoints.isEmpty }
        // Also nothing that has yet to be signed.
        try await bench.until(loop, "quiet", step: .milliseconds(10)) { await loop.asksNothing && bench.oss.inFlight == 0 }
    }

    @Test func aProbeThatIsPausedLeavesItsTurnToTheNext() async throws {
        let bench = QueueBench()
        bench.authorizer.refuse(.refused("the token is not known"))
        let loop = try await bench.loop()
        _ = try await loop.add(bench.order((0..<5).map { bench.file("f\($0)", 10) }))
        try await bench.until(loop, "all are held", step: .milliseconds(10)) { await loop.status().counts["held"] == 5 }
        let isFirst = Lock(true)
        bench.oss.setFaults { _ in
            isFirst.withLock { first in
                defer { first = false }
                return first ? .blackHole : nil
            }
        }
        bench.authorizer.refuse(nil)
        try await bench.until(loop, "one probes") { bench.oss.inFlight == 1 }

        _ = try await loop.act(ActionRequest(action: "pause", query: "state:uploading"))

        try await bench.until(loop, "the others are stored") { bench.oss.objects.count == 4 }
        #expect(try await bench.states(loop, "state:paused").count == 1)
        await loop.stop(finishRunning: false)
    }

    @Test func aScopeWithoutCredentialsKeepsNoOtherFromItsEndpoint() async throws {
        let bench = QueueBench()
        let isAway = Lock(true)
        bench.oss.setFaults { _ in isAway.withLock { $0 } ? .curl(7) : nil }
        let loop = try await bench.loop(settings: Self.small)
        _ = try await loop.add(
            bench.order((0..<150).map { bench.file("a\($0)", 10) }, "oss://first/", id: "a") { $0.priority = .high })
        _ = try await loop.add(bench.order((0..<150).map { bench.file("b\($0)", 10) }, "oss://second/", id: "b"))
        try await away(bench, loop)

        bench.authorizer.refuse(.refused("the token is not known"), scope: "first")
        isAway.withLock { $0 = false }

        let start = bench.clock.value
        try await bench.until(loop, "the second scope's are stored") { bench.oss.objects.count == 150 }
        #expect(bench.clock.value - start < .seconds(90))
        #expect(bench.oss.objects.keys.allSatisfy { $0.utf8.first == UInt8(ascii: "b") })
        bench.authorizer.refuse(nil, scope: "first")
        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 300)
        await loop.stop(finishRunning: false)
    }

    @Test func credentialsThatAreAwayDuringAnOutageAreAskedForAfterIt() async throws {
        let bench = QueueBench()
        let isAway = Lock(true)
        bench.oss.setFaults { _ in isAway.withLock { $0 } ? .curl(7) : nil }
        let loop = try await bench.loop(settings: Self.small)
        _ = try await loop.add(bench.order((0..<200).map { bench.file("f\($0)", 10) }))
        try await away(bench, loop)
        bench.authorizer.refuse(.refused("the token is not known"))
        for _ in 0..<300 {
            bench.clock.advance(.milliseconds(100))
            await loop.tick()
        }
        #expect(await loop.closedScopes.isEmpty, "nothing could be signed for")

        isAway.withLock { $0 = false }
        try await bench.until(loop, "the credentials are missed") { await !loop.closedScopes.isEmpty }
        bench.authorizer.refuse(nil)

        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 200)
        await loop.stop(finishRunning: false)
    }

    @Test func probesWhoseFilesAreGoneKeepTheEndpointClosedNoLonger() async throws {
        let bench = QueueBench()
        let isAway = Lock(true)
        bench.oss.setFaults { _ in isAway.withLock { $0 } ? .curl(7) : nil }
        let loop = try await bench.loop(settings: Self.small)
        let paths = (0..<200).map { bench.file("f\($0)", 10) }
        _ = try await loop.add(bench.order(paths))
        try await away(bench, loop)
        for path in paths.prefix(50) { unlink(path) }
        isAway.withLock { $0 = false }

        let start = bench.clock.value
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects.count == 150)
        // With 20 s for each of the 50 it would be more than a quarter of an hour.
        #expect(bench.clock.value - start < .seconds(120))
        await loop.stop(finishRunning: false)
    }

    @Test func anEndpointThatOnlyHasToSayWhatIsThereIsOpenedByThat() async throws {
        let bench = QueueBench()
        let isAway = Lock(true)
        bench.oss.setFaults { _ in isAway.withLock { $0 } ? .curl(7) : nil }
        let loop = try await bench.loop(settings: Self.small)
        let paths = (0..<200).map { index in
            bench.oss.put("f\(index)", Files.bytes(10, seed: 1))
            return bench.file("f\(index)", 10)
        }
        _ = try await loop.add(bench.order(paths) { $0.existing = "skip" })
        try await away(bench, loop)
        isAway.withLock { $0 = false }

        let start = bench.clock.value
        try await bench.untilAllEnded(loop)

        #expect(try await bench.states(loop).values.allSatisfy { $0 == .skipped })
        #expect(bench.clock.value - start < .seconds(120))
        await loop.stop(finishRunning: false)
    }

    @Test(arguments: ["SecurityTokenExpired", "InvalidAccessKeyId"], ["overwrite", "skip"])
    func credentialsThatTheServiceRefusesAgainAndAgainAreTriedByOneNowAndThen(code: String, existing: String) async throws {
        let bench = QueueBench()
        bench.oss.setFaults { _ in .answer(status: 403, code: code) }
        let loop = try await bench.loop()
        _ = try await loop.add(bench.order((0..<200).map { bench.file("f\($0)", 10) }) { $0.existing = existing })

        // Those that begin before the first refusal try it out, three times each at most.
        for _ in 0..<300 {
            bench.clock.advance(.milliseconds(200))
            await loop.tick()
            try await Task.sleep(for: .microseconds(300))
        }
        let first = bench.oss.calls.count
        for _ in 0..<300 {
            bench.clock.advance(.milliseconds(200))
            await loop.tick()
            try await Task.sleep(for: .microseconds(300))
        }

        // Then, within a minute, one at a time with pauses that grow. All of them would be hundreds.
        #expect(bench.oss.calls.count - first <= 20)
        let view = try #require(try await loop.uploads(UploadsRequest(query: "state:held")).items.last)
        #expect(view.heldReason == "credentials" && view.nextTry != nil)
        #expect(view.lastError?.message.contains(code) == true)
        #expect(await loop.status().counts["failed"] == 0)
        bench.oss.setFaults { _ in nil }
        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 200)
        await loop.stop(finishRunning: false)
    }

    @Test func rowsThatWaitForCredentialsAreWrittenOnceAndShowWhatIsNewAllTheSame() async throws {
        let bench = QueueBench()
        Files.folder(bench.folder + "/d")
        for index in 0..<2_500 { bench.file("d/f\(index)", 1) }
        bench.authorizer.refuse(.refused("the token is not known"))
        let store = try bench.store()
        let loop = try await bench.loop(store)
        _ = try await loop.add(bench.order([bench.folder + "/d"]))
        try await bench.until(loop, "all are held", step: .milliseconds(10)) { await loop.status().counts["held"] == 2_500 }
        let count = { try await store.pool.writeWithoutTransaction { db in db.totalChangesCount } }
        let before = try await count()

        bench.authorizer.refuse(.unavailable(until: nil, "the authorization server does not answer"))
        try await bench.until(loop, "the reason is the new one") {
            try await loop.uploads(UploadsRequest(offset: 2_000, limit: 1)).items[0].lastError?.message.contains("does not answer") == true
        }
        for _ in 0..<100 {
            bench.clock.advance(.seconds(1))
            await loop.tick()
            try await Task.sleep(for: .milliseconds(1))
        }

        #expect(try await loop.uploads(UploadsRequest(offset: 2_000, limit: 1)).items[0].nextTry != nil)
        // A probe's own row now and then.
        #expect(try await count() - before < 500)
        bench.authorizer.refuse(nil)
        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 2_500)
        await loop.stop(finishRunning: false)
    }

    @Test func filesFoundWhileCredentialsAreMissingAreHeldFromTheBeginning() async throws {
        let bench = QueueBench()
        bench.authorizer.refuse(.refused("the token is not known"))
        let loop = try await bench.loop()
        _ = try await loop.add(bench.order([bench.file("f", 1)]))
        try await bench.until(loop, "held", step: .milliseconds(10)) { await loop.status().counts["held"] == 1 }

        let later = try await loop.add(bench.order([bench.file("g", 1)], id: "s2"))

        #expect(await loop.upload(later.uploads[0])?.upload.heldReason == "credentials")
        bench.authorizer.refuse(nil)
        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 2)
        await loop.stop(finishRunning: false)
    }

    @Test func aServerThatAsksForMuchPatienceGetsItWithoutTheSlotsOfOthers() async throws {
        let bench = QueueBench()
        let isBusy = Lock(true)
        bench.oss.setFaults { $0.key.utf8.first == UInt8(ascii: "a") && isBusy.withLock { $0 } ? .busy(retryAfter: 300) : nil }
        let loop = try await bench.loop(
            settings: QueueSettings(uploads: 2, parts: 4, partSize: 1 << 20), resolver: FakeResolver(ports: ["first": 8]))
        let start = bench.clock.value
        let job = try await loop.add(bench.order((0..<3).map { bench.file("a\($0)", 2 << 20) }, "oss://first/", id: "a"))

        _ = try await loop.add(bench.order([bench.file("b", 2 << 20)], "oss://second/", id: "b"))
        try await bench.until(loop, "the other endpoint's is stored") { bench.oss.objects.count == 1 }

        #expect(bench.clock.value - start < .seconds(30))
        try await bench.until(loop, "its own wait", step: .milliseconds(10)) { await loop.upload(job.uploads[0])?.upload.state == .held }
        let view = try #require(await loop.upload(job.uploads[0])?.upload)
        #expect(view.state == .held && view.heldReason == "network" && view.nextTry != nil && view.lastError?.http == 503)
        isBusy.withLock { $0 = false }
        _ = try await loop.act(ActionRequest(action: "retry", query: "state:held"))
        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 4)
        await loop.stop(finishRunning: false)
    }

    @Test func anOrderForLaterGoesByTheTimeOfDayThoughThatWasSetBack() async throws {
        let bench = QueueBench()
        let wall = ManualClock()
        let loop = try await bench.loop(wall: wall)
        _ = try await loop.add(bench.order([bench.file("f", 1)]) { $0.at = (wall.value + .seconds(1800)).iso8601 })

        wall.advance(.seconds(-3600))
        for _ in 0..<40 {
            bench.clock.advance(.seconds(100))
            wall.advance(.seconds(100))
            await loop.tick()
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(bench.oss.calls.isEmpty)
        wall.advance(.seconds(3600))

        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 1)
        await loop.stop(finishRunning: false)
    }
}
