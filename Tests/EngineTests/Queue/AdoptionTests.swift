import Contracts
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// Uploads that somebody else, or a lost answer, began on the server.
@Suite(.timeLimit(.minutes(2))) struct AdoptionTests {
    private static let size = (5 << 20) + 17

    private func part(_ number: Int, seed: UInt64 = 1, size: Int = 1 << 20) -> [UInt8] {
        let bytes = Files.bytes(Self.size, seed: seed)
        return Array(bytes[(number - 1) * size..<min(number * size, bytes.count)])
    }

    @Test func partsThatHoldTheFilesBytesAreKeptAndOnlyTheGapsAreSent() async throws {
        let bench = QueueBench()
        let path = bench.file("f", Self.size)
        // Two that fit, with a gap between them, one of other bytes, and the last one.
        let id = bench.oss.begin("f", parts: [1: part(1), 3: part(3), 4: part(4, seed: 8), 6: part(6)])
        let loop = try await bench.loop()

        #expect(try await loop.adopt(uploadID: id, bucket: "bucket", key: ObjectKey("f")) == nil)
        let job = try await loop.add(bench.order([path]))
        try await bench.untilAllEnded(loop)

        #expect(await loop.upload(job.uploads[0])?.upload.state == .done)
        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(Self.size, seed: 1))
        #expect(Set(bench.oss.calls("part").compactMap(\.part)) == [2, 4, 5] && bench.oss.calls("initiate").isEmpty)
        #expect(bench.oss.uploadIDs.isEmpty)
        #expect(try await loop.ledger().isEmpty)
        await loop.stop(finishRunning: false)
    }

    @Test func itIsCutAsTheOtherCutIt() async throws {
        let bench = QueueBench()
        let path = bench.file("f", Self.size)
        let id = bench.oss.begin("f", parts: [2: part(2, size: 2 << 20)])
        let loop = try await bench.loop()

        _ = try await loop.adopt(uploadID: id, bucket: "bucket", key: ObjectKey("f"))
        let job = try await loop.add(bench.order([path]))
        try await bench.untilAllEnded(loop)

        #expect(Set(bench.oss.calls("part").compactMap(\.part)) == [1, 3])
        #expect(await loop.upload(job.uploads[0])?.upload.parts.size == 2 << 20)
        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(Self.size, seed: 1))
        await loop.stop(finishRunning: false)
    }

    @Test func anUploadThatWaitsInTheQueueGoesOnWithIt() async throws {
        let bench = QueueBench()
        let path = bench.file("f", Self.size)
        let id = bench.oss.begin("f", parts: [1: part(1)])
        let first = try await bench.loop()
        let job = try await first.add(bench.order([path]) { $0.paused = true })

        #expect(try await first.adopt(uploadID: id, bucket: "bucket", key: ObjectKey("f")) == job.uploads[0])
        await first.stop(finishRunning: false)
        let second = try await bench.loop()
        _ = try await second.act(ActionRequest(action: "resume", all: true))
        try await bench.untilAllEnded(second)

        #expect(Set(bench.oss.calls("part").compactMap(\.part)) == [2, 3, 4, 5, 6])
        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(Self.size, seed: 1))
        await second.stop(finishRunning: false)
    }

    @Test func whatIsGoneMeanwhileIsBegunAnew() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()

        _ = try await loop.adopt(uploadID: "GONE", bucket: "bucket", key: ObjectKey("f"))
        _ = try await loop.add(bench.order([bench.file("f", Self.size)]))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(Self.size, seed: 1) && bench.oss.calls("initiate").count == 1)
        await loop.stop(finishRunning: false)
    }

    @Test func nobodyAdoptsUnasked() async throws {
        let bench = QueueBench()
        let other = bench.oss.begin("f", parts: [1: part(1)])
        let loop = try await bench.loop()

        _ = try await loop.add(bench.order([bench.file("f", Self.size)]))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.uploadIDs == [other] && bench.oss.calls("part").count == 6)
        await loop.stop(finishRunning: false)
    }

    @Test func aLostInitiateLeavesNothingOnTheServer() async throws {
        let bench = QueueBench()
        // Another's, begun long before: never taken.
        let other = bench.oss.begin("f", parts: [:])
        bench.clock.advance(.seconds(600))
        bench.oss.setFaults { $0.kind == "initiate" && $0.number == 1 ? .lostAnswer : nil }
        let loop = try await bench.loop()

        _ = try await loop.add(bench.order([bench.file("f", Self.size)]))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.calls("initiate").count == 1 && bench.oss.calls("uploads").count == 1)
        #expect(bench.oss.uploadIDs == [other] && bench.oss.objects["f"]?.bytes == Files.bytes(Self.size, seed: 1))
        await loop.stop(finishRunning: false)
    }

    @Test func aKillRightAfterTheInitiateLeavesNothingOnTheServer() async throws {
        let bench = QueueBench()
        let path = bench.file("f", Self.size)
        // The commits: the order, its rows, its end, that an Initiate goes out; the next would have the upload id.
        let isCut = Lock(false)
        bench.oss.setFaults { call in
            if call.kind == "initiate" { isCut.withLock { $0 = true } }
            return nil
        }
        let first = try await bench.loop(hook: { _, isDone in if !isDone, isCut.withLock({ $0 }) { throw StoreIsGone() } })
        let job = try await first.add(bench.order([path]))
        try await bench.until(first, "the store is gone", step: .zero) { await first.isDead }

        isCut.withLock { $0 = false }
        bench.oss.setFaults { _ in nil }
        let second = try await bench.loop()
        try await bench.untilAllEnded(second)

        #expect(await second.upload(job.uploads[0])?.upload.state == .done)
        #expect(bench.oss.calls("initiate").count == 1 && bench.oss.uploadIDs.isEmpty)
        await second.stop(finishRunning: false)
    }
}
