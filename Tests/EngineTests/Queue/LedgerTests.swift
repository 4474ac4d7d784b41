import Contracts
import GRDB
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// Upload ids that somebody has to complete or abort.
@Suite(.timeLimit(.minutes(2))) struct LedgerTests {
    /// Large uploads of which the server has a part each, paused.
    private func begun(_ bench: QueueBench, _ loop: EngineLoop, _ names: [String], _ dest: String, id: String) async throws -> [String] {
        bench.oss.setFaults { $0.kind == "part" && $0.part == 2 ? .blackHole : nil }
        let job = try await loop.add(bench.order(names.map { bench.file($0, 2 << 20) }, dest, id: id))
        for name in names {
            try await bench.until(loop, "\(name) has begun", step: .zero) {
                bench.oss.finished.contains { $0.kind == "part" && $0.key == name }
            }
        }
        _ = try await loop.act(ActionRequest(action: "pause", ids: job.uploads))
        return job.uploads
    }

    @Test func anAbortWhoseEndCannotBeWrittenIsSettledWhenItCan() async throws {
        let bench = QueueBench()
        let isFull = Lock(false)
        let loop = try await bench.loop(hook: { _, isDone in
            if !isDone && isFull.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_FULL, message: "database or disk is full") }
        })
        let ids = try await begun(bench, loop, ["f"], "oss://b/", id: "s1")
        bench.oss.setFaults { call in
            if call.kind == "abort" { isFull.withLock { $0 = true } }
            return nil
        }

        _ = try await loop.act(ActionRequest(action: "abort", ids: ids))
        #expect(bench.oss.uploadIDs.isEmpty)
        #expect(try await loop.ledger().count == 1)
        bench.oss.setFaults { _ in nil }
        isFull.withLock { $0 = false }

        try await bench.until(loop, "settled") { try await loop.ledger().isEmpty }
        await loop.stop(finishRunning: false)
    }

    @Test func aServerThatDoesNotAnswerKeepsNoOtherDebtWaiting() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop(
            settings: QueueSettings(uploads: 8, parts: 16, partSize: 1 << 20), resolver: FakeResolver(ports: ["first": 8]))
        let silent = try await begun(bench, loop, (0..<5).map { "a\($0)" }, "oss://first/", id: "a")
        let other = try await begun(bench, loop, ["b"], "oss://second/", id: "b")
        bench.oss.setFaults { $0.kind == "abort" && $0.key.utf8.first == UInt8(ascii: "a") ? .curl(28) : nil }

        _ = try await loop.act(ActionRequest(action: "abort", ids: silent + other))

        try await bench.until(loop, "the other is settled", step: .zero) { try await loop.ledger().count == 5 }
        #expect(bench.oss.calls("abort").count { $0.key.utf8.first == UInt8(ascii: "a") } == 1)
        bench.oss.setFaults { _ in nil }
        try await bench.until(loop, "all are settled") { try await loop.ledger().isEmpty }
        #expect(bench.oss.uploadIDs.isEmpty)
        await loop.stop(finishRunning: false)
    }

    @Test func aServerThatHangsKeepsNoOtherDebtWaitingNorOneThatComesLater() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop(
            settings: QueueSettings(uploads: 8, parts: 16, partSize: 1 << 20), resolver: FakeResolver(ports: ["first": 8]))
        let hanging = try await begun(bench, loop, ["a"], "oss://first/", id: "a")
        let (other, later) = (
            try await begun(bench, loop, ["b"], "oss://second/", id: "b"), try await begun(bench, loop, ["c"], "oss://third/", id: "c")
        )
        bench.oss.setFaults { $0.kind == "abort" && $0.key == "a" ? .blackHole : nil }
        let first = Task { try await loop.act(ActionRequest(action: "abort", ids: hanging)) }
        try await bench.until(loop, "the first hangs", step: .zero) { bench.oss.calls("abort").contains { $0.key == "a" } }

        _ = try await loop.act(ActionRequest(action: "abort", ids: other))
        try await bench.until(loop, "the second is settled", step: .zero) { try await loop.ledger().count == 2 }
        _ = try await loop.act(ActionRequest(action: "abort", ids: later))
        try await bench.until(loop, "the third is settled", step: .zero) { try await loop.ledger().count == 1 }

        #expect(bench.oss.calls("abort").count { $0.key == "a" } == 1)
        await loop.stop(finishRunning: false)
        _ = try await first.value
    }

    @Test func aBusyServerIsAskedForTheRestAsLongAsItSettlesSome() async throws {
        let bench = QueueBench()
        let target = try await FakeResolver().resolve(dest: "oss://b/", credentials: nil)
        let ids = (0..<60).map { bench.oss.begin("k\($0)", parts: [1: [1]]) }
        let store = try bench.store()
        try await store.pool.write { db in
            for (index, id) in ids.enumerated() {
                let row = UploadRow(
                    job: 1, path: "/k", key: "k\(index)", identity: SourceIdentity(device: 0, inode: 0, size: 1, modified: 0),
                    added: Timestamp(milliseconds: 0), partSize: 1)
                try QueueStore.owe(db, row: row, uploadID: id, target: target, at: Timestamp(milliseconds: 0))
            }
            try db.execute(sql: "UPDATE ledger SET upload = NULL")
        }
        let asked = Lock(0)
        bench.oss.setFaults { call in
            let number = asked.withLock { count in
                count += 1
                return count
            }
            return call.kind == "abort" && number % 10 == 0 ? .answer(status: 503, code: "SlowDown") : nil
        }
        let loop = try await bench.loop(store)

        var rounds = 0
        while try await !loop.ledger().isEmpty, rounds < 60 {
            rounds += 1
            bench.clock.advance(.seconds(2))
            await loop.tick()
            try await bench.until(loop, "tried", step: .zero) { await loop.abandoned.isAtRest(except: []) }
        }

        #expect(try await loop.ledger().isEmpty && bench.oss.uploadIDs.isEmpty, "\(rounds) rounds")
        await loop.stop(finishRunning: false)
    }

    @Test func oneThatCannotBeAbortedKeepsNoneBehindItWaiting() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let ids = try await begun(bench, loop, ["a", "b", "c"], "oss://b/", id: "s1")
        bench.oss.setFaults { $0.kind == "abort" && $0.key == "a" ? .answer(status: 500, code: "InternalError") : nil }

        _ = try await loop.act(ActionRequest(action: "abort", ids: ids))

        #expect(try await loop.ledger().map(\.key) == [ObjectKey("a")])
        await loop.stop(finishRunning: false)
    }

    @Test func theQueueOwesWhatACancelledUploadKeepsUntilItIsAborted() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let ids = try await begun(bench, loop, ["f"], "oss://b/", id: "s1")
        #expect(await !loop.isOwing(), "a paused upload waits for a person")

        _ = try await loop.act(ActionRequest(action: "cancel", ids: ids))
        #expect(await loop.isOwing())
        _ = try await loop.act(ActionRequest(action: "abort", ids: ids))

        try await bench.until(loop, "settled") { try await loop.ledger().isEmpty }
        #expect(await !loop.isOwing())
        await loop.stop(finishRunning: false)
    }

    /// A paused large upload of whose Initiate nobody heard.
    private func lost(_ bench: QueueBench, _ loop: EngineLoop) async throws -> [String] {
        bench.oss.setFaults { $0.kind == "initiate" ? .lostAnswer : nil }
        let job = try await loop.add(bench.order([bench.file("f", 3 << 20)]))
        try await bench.until(loop, "its answer is lost", step: .zero) { bench.oss.uploadIDs.count == 1 && bench.oss.inFlight == 0 }
        _ = try await loop.act(ActionRequest(action: "pause", ids: job.uploads))
        bench.oss.setFaults { _ in nil }
        return job.uploads
    }

    @Test func whatALostInitiateBeganIsAbortedWithItsUpload() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let ids = try await lost(bench, loop)

        _ = try await loop.act(ActionRequest(action: "abort", ids: ids))

        #expect(bench.oss.uploadIDs.isEmpty)
        #expect(await loop.upload(ids[0])?.upload.state == .cancelled)
        #expect(await !loop.isOwing())
        await loop.stop(finishRunning: false)
    }

    @Test func whatALostInitiateBeganIsAbortedWhenTheTimeOfACancelledUploadIsOver() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let ids = try await lost(bench, loop)
        _ = try await loop.act(ActionRequest(action: "cancel", ids: ids))
        #expect(await loop.isOwing())
        bench.clock.advance(.seconds(86_401))

        try await bench.until(loop, "aborted", step: .seconds(1)) { bench.oss.uploadIDs.isEmpty }
        try await bench.until(loop, "nothing is owed") { await !loop.isOwing() }
        await loop.stop(finishRunning: false)
    }

    @Test func whatALostInitiateBeganTakesTheFileThatHasChangedMeanwhile() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let ids = try await lost(bench, loop)
        Files.write(bench.folder + "/f", Files.bytes(4 << 20, seed: 9))

        _ = try await loop.act(ActionRequest(action: "resume", ids: ids))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(4 << 20, seed: 9))
        #expect(bench.oss.uploadIDs.isEmpty && bench.oss.calls("initiate").count == 1)
        await loop.stop(finishRunning: false)
    }

    @Test func anUploadThatBeganAfterTheOneGivenUpIsNobodysDebt() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let ids = try await lost(bench, loop)
        bench.oss.setFaults { $0.kind == "uploads" && $0.number == 1 ? .answer(status: 503, code: "SlowDown") : nil }
        _ = try await loop.act(ActionRequest(action: "abort", ids: ids))
        #expect(await loop.isOwing())
        bench.clock.advance(.seconds(3))
        let other = bench.oss.begin("f", parts: [:])

        try await bench.until(loop, "nothing is owed") { await !loop.isOwing() }

        #expect(bench.oss.uploadIDs == [other])
        await loop.stop(finishRunning: false)
    }

    @Test func whatIsAbortedForAChangedSourceIsOwedNoMore() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 4 << 20)
        bench.oss.setFaults { call in
            if call.kind == "part", call.part == 2, call.number == 1 { Files.write(path, Files.bytes(4 << 20, seed: 9)) }
            return nil
        }
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([path]))
        try await bench.untilAllEnded(loop)

        #expect(await loop.upload(job.uploads[0])?.upload.state == .failed)
        try await bench.until(loop, "settled") { try await loop.ledger().isEmpty }
        #expect(bench.oss.uploadIDs.isEmpty)
        await loop.stop(finishRunning: false)
    }

    @Test func aCancelledUploadWhoseRetryWasTakenBackIsAbortedInTime() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let ids = try await begun(bench, loop, ["f"], "oss://b/", id: "s1")
        // Nothing starts meanwhile.
        _ = try await loop.setLimits(LimitsChange(rate: "0"))
        _ = try await loop.act(ActionRequest(action: "cancel", ids: ids))
        _ = try await loop.act(ActionRequest(action: "retry", ids: ids))
        _ = try await loop.act(ActionRequest(action: "undo"))

        let view = try #require(await loop.upload(ids[0])?.upload)
        #expect(view.state == .cancelled && view.finished != nil)
        bench.clock.advance(.seconds(86_401))

        try await bench.until(loop, "aborted", step: .seconds(1)) { bench.oss.uploadIDs.isEmpty }
        try await bench.until(loop, "settled") { try await loop.ledger().isEmpty }
        await loop.stop(finishRunning: false)
    }

    @Test func anUploadWhoseInitiateIsUnderWayOwnsWhatLiesAtItsKey() async throws {
        let bench = QueueBench()
        let gate = OpenGate()
        bench.oss.setFaults { $0.kind == "initiate" ? .waits(gate) : nil }
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([bench.file("f", 4 << 20)]))
        try await bench.until(loop, "it asks to begin", step: .zero) { try await loop.owner(uploadID: "U", bucket: "bucket", key: ObjectKey("f")) != .other }

        let here = try await loop.owner(uploadID: "U", bucket: "bucket", key: ObjectKey("f"))
        let elsewhere = try await loop.owner(uploadID: "U", bucket: "another", key: ObjectKey("f"))
        gate.open()
        try await bench.untilAllEnded(loop)

        #expect(here == .upload(job.uploads[0]) && elsewhere == .other)
        #expect(try await loop.owner(uploadID: "U", bucket: "bucket", key: ObjectKey("f")) == .other)
        await loop.stop(finishRunning: false)
    }

    @Test func aDebtThatCannotBeReadIsStillOurs() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await store.pool.write { db in
            try db.execute(sql: "INSERT INTO ledger (bucket, key, uploadID, target, upload, since) VALUES ('b', 'k', 'U', '{}', NULL, 1)")
        }
        let loop = try await bench.loop(store)

        #expect(try await loop.ledger().map(\.uploadID) == ["U"])
        #expect(try await loop.owner(uploadID: "U", bucket: "b", key: ObjectKey("k")) == .ledger)
        await loop.stop(finishRunning: false)
    }

    @Test func moreDebtsThanAreReadAreAnError() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await store.pool.write { db in
            try db.execute(
                sql: """
                    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < \(QueueStore.mostOwed))
                    INSERT INTO ledger (bucket, key, uploadID, target, upload, since) SELECT 'b', 'k', 'U' || i, '{}', 1, 1 FROM n
                    """)
        }
        let loop = try await bench.loop(store)

        let error = await #expect(throws: OrderError.self) { try await loop.ledger() }

        #expect(error?.code == "TooManyUnfinished")
        await loop.stop(finishRunning: false)
    }

    @Test func anIDThatSomebodyElseLeftIsAbortedInTheBackground() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let target = try await FakeResolver().resolve(dest: "oss://b/", credentials: nil)

        await loop.owe(LedgerEntry(bucket: "bucket", key: ObjectKey("probe"), uploadID: "P", upload: nil, target: target))

        try await bench.until(loop, "settled") { try await loop.ledger().isEmpty }
        #expect(bench.oss.calls("abort").map(\.key) == ["probe"])
        await loop.stop(finishRunning: false)
    }
}
