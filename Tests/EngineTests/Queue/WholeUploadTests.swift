import Contracts
import OSSProtocol
import Testing
import TransferCore

@testable import Engine

@Suite(.timeLimit(.minutes(2))) struct WholeUploadTests {
    @Test(arguments: [0, 1, 100 << 10, 1 << 20, (1 << 20) + 1, (5 << 20) + 17]) func theObjectHoldsTheFilesBytes(size: Int) async throws {
        let bench = QueueBench()
        let path = bench.file("a file+%.bin", size)
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([path]))
        try await bench.untilAllEnded(loop)

        #expect(job.uploads.count == 1)
        let view = try #require(await loop.upload(job.uploads[0])?.upload)
        #expect(bench.oss.objects["a file+%.bin"]?.bytes == Files.bytes(size, seed: 1))
        #expect(view.state == .done && view.verify.state == "ok" && view.stored == Int64(size))
        #expect(view.crc64 == String(ModelOSS.crc(Files.bytes(size, seed: 1))))
        #expect(try await loop.ledger().isEmpty && bench.oss.uploadIDs.isEmpty)
        await loop.stop(finishRunning: false)
    }

    @Test func aSmallFileCostsOneRequest() async throws {
        let bench = QueueBench()
        Files.folder(bench.folder + "/d")
        for index in 0..<100 { bench.file("d/f\(index)", 10, seed: UInt64(index)) }
        let loop = try await bench.loop()

        try await _ = loop.add(bench.order([bench.folder + "/d/"]))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects.count == 100 && bench.oss.calls.count == 100)
        #expect(bench.oss.mostInFlight <= 4)
        let status = await loop.status()
        #expect(status.counts["done"] == 100 && status.totals.stored == 1000)
        await loop.stop(finishRunning: false)
    }

    @Test func partsInFlightNeverExceedTheLimit() async throws {
        let bench = QueueBench()
        for index in 0..<4 { bench.file("f\(index)", 6 << 20, seed: UInt64(index)) }
        let loop = try await bench.loop()

        try await _ = loop.add(bench.order((0..<4).map { bench.folder + "/f\($0)" }))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects.count == 4)
        // Requests other than parts need no slot: at most one an upload.
        #expect(bench.oss.mostInFlight <= 4 + 3)
        await loop.stop(finishRunning: false)
    }

    @Test(arguments: ["put", "part", "initiate", "complete"]) func aFailedRequestIsRepeatedAndNothingIsLost(kind: String) async throws {
        let bench = QueueBench()
        let path = bench.file("f", kind == "put" ? 1000 : 3 << 20)
        bench.oss.setFaults { $0.kind == kind && $0.number <= 2 ? .answer(status: 503, code: "SlowDown") : nil }
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([path]))
        try await bench.untilAllEnded(loop)

        let view = try #require(await loop.upload(job.uploads[0])?.upload)
        #expect(view.state == .done && view.tries >= 3)
        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(kind == "put" ? 1000 : 3 << 20, seed: 1))
        await loop.stop(finishRunning: false)
    }

    @Test func aLostAnswerToCompleteIsSettledByHead() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 3 << 20)
        bench.oss.setFaults { $0.kind == "complete" && $0.number == 1 ? .lostAnswer : nil }
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([path]))
        try await bench.untilAllEnded(loop)

        #expect(await loop.upload(job.uploads[0])?.upload.state == .done)
        #expect(bench.oss.calls("part").count == 3 && bench.oss.calls("head").count >= 1)
        await loop.stop(finishRunning: false)
    }

    /// HEAD after a Complete whose answer was lost: an ended token must not be read as "may not look, so believe it".
    @Test func aStaleLeaseDuringTheLookAtTheObjectIsRenewedAndTheObjectVerified() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 3 << 20)
        bench.oss.setFaults {
            switch ($0.kind, $0.number) {
            case ("complete", 1): .lostAnswer
            case ("head", 1): .answer(status: 403, code: "SecurityTokenExpired")
            default: nil
            }
        }
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([path]))
        try await bench.untilAllEnded(loop)

        #expect(bench.authorizer.retired == [1])
        #expect(await loop.upload(job.uploads[0])?.upload.verify.state == "ok")
        await loop.stop(finishRunning: false)
    }

    @Test func aCorruptedPartIsSentAgain() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 3 << 20)
        bench.oss.setFaults { $0.kind == "part" && $0.part == 2 && $0.number == 1 ? .corrupted : nil }
        let loop = try await bench.loop()

        try await _ = loop.add(bench.order([path]))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(3 << 20, seed: 1))
        await loop.stop(finishRunning: false)
    }

    @Test func aStaleLeaseIsRetiredAndTheUploadGoesOn() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 3 << 20)
        bench.oss.setFaults {
            $0.kind == "part" && $0.part == 2 && $0.number == 1 ? .answer(status: 403, code: "SecurityTokenExpired") : nil
        }
        let loop = try await bench.loop()

        try await _ = loop.add(bench.order([path]))
        try await bench.untilAllEnded(loop)

        #expect(bench.authorizer.retired == [1])
        #expect(bench.oss.objects["f"]?.bytes.count == 3 << 20)
        await loop.stop(finishRunning: false)
    }

    @Test func aClockThatIsWrongIsCorrectedAndNoSlotIsLost() async throws {
        let bench = QueueBench()
        let paths = [bench.file("large", 3 << 20), bench.file("small", 10)]
        bench.oss.setFaults {
            ["part", "put"].contains($0.kind) && $0.number == 1 ? .answer(status: 403, code: "RequestTimeTooSkewed") : nil
        }
        let loop = try await bench.loop(settings: QueueSettings(uploads: 1, parts: 1, partSize: 1 << 20))

        try await _ = loop.add(bench.order(paths))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects.count == 2)
        await loop.stop(finishRunning: false)
    }

    @Test func triesAgainNeverTakeMoreSlotsThanThereAre() async throws {
        let bench = QueueBench()
        bench.oss.setFaults { $0.number == 1 ? .answer(status: 503, code: "SlowDown") : nil }
        let loop = try await bench.loop(settings: QueueSettings(uploads: 2, parts: 2, partSize: 1 << 20))

        try await _ = loop.add(bench.order((0..<40).map { bench.file("f\($0)", 10) }))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects.count == 40 && bench.oss.mostInFlight <= 2)
        await loop.stop(finishRunning: false)
    }

    @Test func aRefusedUploadFailsWithTheServersReason() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 10)
        bench.oss.setFaults { _ in .answer(status: 403, code: "AccessDenied") }
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([path]))
        try await bench.untilAllEnded(loop)

        let view = try #require(await loop.upload(job.uploads[0])?.upload)
        #expect(view.state == .failed && view.lastError?.code == "AccessDenied" && view.lastError?.http == 403)
        await loop.stop(finishRunning: false)
    }

    @Test func priorityDecidesWhoGoesFirst() async throws {
        let bench = QueueBench()
        for name in ["low", "normal", "high"] { bench.file(name, 10) }
        let loop = try await bench.loop(settings: QueueSettings(uploads: 1, parts: 1, partSize: 1 << 20))
        _ = try await loop.act(ActionRequest(action: "pause", all: true))

        try await _ = loop.add(bench.order([bench.folder + "/low"], id: "1") { $0.priority = .low })
        try await _ = loop.add(bench.order([bench.folder + "/normal"], id: "2"))
        try await _ = loop.add(bench.order([bench.folder + "/high"], id: "3") { $0.priority = .high })
        _ = try await loop.act(ActionRequest(action: "resume", all: true))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.calls.map(\.key) == ["high", "normal", "low"])
        await loop.stop(finishRunning: false)
    }
}
