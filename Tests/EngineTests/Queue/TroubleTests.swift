import Contracts
import GRDB
import Glibc
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

@Suite(.timeLimit(.minutes(2))) struct TroubleTests {
    @Test func aSourceThatChangesWhileItIsReadFailsAndStoresNothing() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 4 << 20)
        bench.oss.setFaults { call in
            if call.kind == "part", call.part == 2, call.number == 1 { Files.write(path, Files.bytes(4 << 20, seed: 9)) }
            return nil
        }
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([path]))
        try await bench.untilAllEnded(loop)

        let view = try #require(await loop.upload(job.uploads[0])?.upload)
        #expect(view.state == .failed && view.lastError?.code == "SourceChanged")
        #expect(bench.oss.objects.isEmpty)
        await loop.stop(finishRunning: false)
    }

    @Test func aSourceThatChangedBeforeItsTurnIsTakenAsItIs() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 100)
        let loop = try await bench.loop()
        _ = try await loop.add(bench.order([path]) { $0.paused = true })
        Files.write(path, Files.bytes(3 << 20, seed: 5))

        _ = try await loop.act(ActionRequest(action: "resume", all: true))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(3 << 20, seed: 5))
        await loop.stop(finishRunning: false)
    }

    @Test func aSourceThatChangedBetweenTwoRunsIsBegunAnewAndTheOldPartsAreDeleted() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 3 << 20)
        bench.oss.setFaults { $0.kind == "part" && $0.part == 3 && $0.number == 1 ? .blackHole : nil }
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([path]))
        try await bench.until(loop, "two parts stored", step: .zero) { await loop.upload(job.uploads[0])?.upload.parts.stored == 2 }
        _ = try await loop.act(ActionRequest(action: "pause", all: true))
        Files.write(path, Files.bytes(3 << 20, seed: 6))

        _ = try await loop.act(ActionRequest(action: "resume", all: true))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(3 << 20, seed: 6))
        try await bench.until(loop, "the old upload id is aborted") { bench.oss.uploadIDs.isEmpty }
        try await bench.until(loop, "settled") { try await loop.ledger().isEmpty }
        await loop.stop(finishRunning: false)
    }

    @Test func aSourceThatNeverStandsStillFailsAndIsNotWrittenDownForEver() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 2 << 20)
        let commits = Lock(0)
        // Whatever is written down of it is wrong a moment later.
        let loop = try await bench.loop(hook: { number, isDone in
            commits.withLock { $0 = number }
            if number > 3, !isDone { Files.write(path, Files.bytes((2 << 20) + number, seed: 1)) }
        })
        let job = try await loop.add(bench.order([path]) { $0.paused = true })

        _ = try await loop.act(ActionRequest(action: "resume", all: true))
        try await bench.untilAllEnded(loop)

        #expect(await loop.upload(job.uploads[0])?.upload.lastError?.code == "SourceChanged")
        #expect(commits.withLock { $0 } < 20 && bench.oss.objects.isEmpty)
        await loop.stop(finishRunning: false)
    }

    @Test func aSourceThatIsGoneFailsWithThatName() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 100)
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([path]) { $0.paused = true })
        unlink(path)

        _ = try await loop.act(ActionRequest(action: "resume", all: true))
        try await bench.untilAllEnded(loop)

        #expect(await loop.upload(job.uploads[0])?.upload.lastError?.code == "SourceUnreadable")
        await loop.stop(finishRunning: false)
    }

    @Test func refusedCredentialsHoldEverythingAndFailNothing() async throws {
        let bench = QueueBench()
        bench.authorizer.refuse(.refused("the token is not known"))
        let loop = try await bench.loop()
        let paths = (0..<20).map { bench.file("f\($0)", 10) }

        _ = try await loop.add(bench.order(paths))
        try await bench.until(loop, "all are held", step: .milliseconds(10)) { await loop.status().counts["held"] == 20 }

        let view = try #require(try await loop.uploads(UploadsRequest()).items.first)
        #expect(view.heldReason == "credentials" && view.nextTry == nil && view.lastError?.message == "the token is not known")
        bench.authorizer.refuse(nil)
        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 20)
        await loop.stop(finishRunning: false)
    }

    @Test func credentialsThatAreAwayForAWhileAreAskedForAgainByThemselves() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        bench.authorizer.refuse(.unavailable(until: bench.clock.value + .seconds(60), "the authorization server does not answer"))

        _ = try await loop.add(bench.order([bench.file("f", 3 << 20)]))
        try await bench.until(loop, "held", step: .milliseconds(10)) { await loop.status().counts["held"] == 1 }

        #expect(try await loop.uploads(UploadsRequest()).items.first?.nextTry != nil)
        bench.authorizer.refuse(nil)
        bench.clock.advance(.seconds(60))
        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 1)
        await loop.stop(finishRunning: false)
    }

    @Test func anEndpointThatIsAwayIsProbedByOneAndNothingFails() async throws {
        let bench = QueueBench()
        let isAway = Lock(true)
        bench.oss.setFaults { _ in isAway.withLock { $0 } ? .curl(7) : nil }
        let loop = try await bench.loop(settings: QueueSettings(uploads: 8, parts: 16, partSize: 1 << 20))
        let paths = (0..<300).map { bench.file("f\($0)", 10) }

        _ = try await loop.add(bench.order(paths))
        try await bench.until(loop, "the outage is known") { await loop.status().outage != nil }
        try await bench.until(loop, "quiet", step: .milliseconds(10)) { await loop.asksNothing && bench.oss.inFlight <= 1 }
        let before = bench.oss.calls.count
        for _ in 0..<300 {
            bench.clock.advance(.milliseconds(100))
            await loop.tick()
        }
        // 30 s later: one probe now and then.
        #expect(bench.oss.calls.count - before <= 10)
        isAway.withLock { $0 = false }

        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 300)
        #expect(await loop.status().outage == nil)
        await loop.stop(finishRunning: false)
    }

    @Test func anEndpointThatRefusesMostRequestsStillGetsEveryFile() async throws {
        let bench = QueueBench()
        bench.oss.setFaults { call in
            // 60 of 100, decided by the call alone.
            var random = SeededRandom(UInt64(call.number) &* 7919 &+ UInt64(call.key.utf8.reduce(0) { $0 &* 31 &+ Int($1) }))
            return random.below(100) < 60 ? .answer(status: 503, code: "SlowDown") : nil
        }
        let loop = try await bench.loop(settings: QueueSettings(uploads: 5, parts: 16, partSize: 1 << 20))
        let start = bench.clock.value

        _ = try await loop.add(bench.order((0..<300).map { bench.file("f\($0)", 10) }))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects.count == 300)
        // Half of a thousand in 300 s is the least that is asked for.
        #expect(bench.clock.value - start < .seconds(180))
        await loop.stop(finishRunning: false)
    }

    @Test func aFullDiskHoldsTheEngineAndLosesNothing() async throws {
        let bench = QueueBench()
        let isFull = Lock(false)
        let loop = try await bench.loop(hook: { _, isDone in
            if !isDone && isFull.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_FULL, message: "database or disk is full") }
        })
        let path = bench.file("f", 4 << 20)
        bench.oss.setFaults { call in
            if call.kind == "part", call.part == 2 { isFull.withLock { $0 = true } }
            return nil
        }

        let job = try await loop.add(bench.order([path]))
        try await bench.until(loop, "the trouble is told", step: .milliseconds(10)) {
            await loop.status().outage?.reason.contains("full") == true
        }
        await #expect { try await loop.add(bench.order([path], id: "s2")) } throws: { ($0 as? OrderError)?.code == "QueueNotWritable" }
        #expect(bench.oss.objects.isEmpty)
        bench.oss.setFaults { _ in nil }
        isFull.withLock { $0 = false }

        try await bench.untilAllEnded(loop)
        #expect(await loop.upload(job.uploads[0])?.upload.state == .done)
        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(4 << 20, seed: 1))
        #expect(await loop.status().outage == nil)
        await loop.stop(finishRunning: false)
    }

    @Test func whatWaitsForAFullDiskIsWrittenAtTheEndWhenThereIsSpaceAgain() async throws {
        let bench = QueueBench()
        let isFull = Lock(false)
        let loop = try await bench.loop(hook: { _, isDone in
            if !isDone && isFull.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_FULL, message: "database or disk is full") }
        })
        bench.oss.setFaults { call in
            if call.kind == "initiate" { isFull.withLock { $0 = true } }
            return nil
        }
        _ = try await loop.add(bench.order([bench.file("f", 4 << 20)]))
        try await bench.until(loop, "the trouble is known", step: .milliseconds(10)) { await loop.status().outage != nil }
        isFull.withLock { $0 = false }

        await loop.stop(finishRunning: false)

        let second = try await bench.loop()
        #expect(try await second.ledger().map(\.uploadID) == Array(bench.oss.uploadIDs))
        try await bench.untilAllEnded(second)
        #expect(bench.oss.calls("initiate").count == 1 && bench.oss.uploadIDs.isEmpty)
        await second.stop(finishRunning: false)
    }

    @Test func aFullDiskIsRecognisedByWhatSQLiteSays() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await store.pool.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA max_page_count = 40") }

        await #expect {
            for number in 0..<200 {
                try await store.commit([{ db in try QueueStore.set(db, "n\(number)", String(repeating: "x", count: 4000)) }])
            }
        } throws: { QueueStore.isPlaceTrouble($0) }
    }
}
