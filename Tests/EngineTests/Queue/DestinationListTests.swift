import Contracts
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// `--existing`: what is there is asked page by page.
@Suite(.timeLimit(.minutes(2))) struct DestinationListTests {
    private func folder(_ bench: QueueBench, _ count: Int) -> String {
        Files.folder(bench.folder + "/d")
        for index in 0..<count { bench.file("d/f\(index)", 10, seed: UInt64(index)) }
        return bench.folder + "/d/"
    }

    private func run(_ bench: QueueBench, _ sources: [String], existing: String) async throws -> EngineLoop {
        let loop = try await bench.loop(resolver: FakeResolver(existing: existing))
        _ = try await loop.add(bench.order(sources))
        try await bench.untilAllEnded(loop)
        return loop
    }

    @Test(arguments: ["skip", "newer", "rename"]) func newFilesCostOneRequestEachAndOneListing(existing: String) async throws {
        let bench = QueueBench()

        let loop = try await run(bench, [folder(bench, 300)], existing: existing)

        #expect(bench.oss.calls("put").count == 300 && bench.oss.calls("keys").count == 1 && bench.oss.calls("head").isEmpty)
        #expect(bench.oss.objects.count == 300)
        await loop.stop(finishRunning: false)
    }

    @Test func aFewFilesAreAskedForByHead() async throws {
        let bench = QueueBench()

        let loop = try await run(bench, [folder(bench, 5)], existing: "skip")

        #expect(bench.oss.calls("head").count == 5 && bench.oss.calls("keys").isEmpty && bench.oss.objects.count == 5)
        await loop.stop(finishRunning: false)
    }

    @Test func onlyWhereSizesAgreeTheChecksumIsAskedFor() async throws {
        let bench = QueueBench()
        let source = folder(bench, 40)
        bench.oss.put("f1", Files.bytes(10, seed: 1))
        bench.oss.put("f2", Files.bytes(10, seed: 99))
        bench.oss.put("f3", [1])

        let loop = try await run(bench, [source], existing: "skip")

        #expect(Set(bench.oss.calls("head").map(\.key)) == ["f1", "f2"] && bench.oss.calls("keys").count == 1)
        #expect(bench.oss.calls("put").count == 39, "f1 is there")
        #expect(bench.oss.objects["f2"]?.bytes == Files.bytes(10, seed: 2) && bench.oss.objects["f3"]?.bytes == Files.bytes(10, seed: 3))
        #expect(try await bench.states(loop)["f1"] == .skipped)
        await loop.stop(finishRunning: false)
    }

    @Test func aDestinationOfManyKeysIsListedAThousandAtATime() async throws {
        let bench = QueueBench()
        let source = folder(bench, 60)
        for index in 0..<2_500 { bench.oss.put("f\(index % 60)/\(index)", [1]) }

        let loop = try await run(bench, [source], existing: "skip")

        #expect(bench.oss.calls("put").count == 60 && bench.oss.calls("head").isEmpty)
        #expect((1...6).contains(bench.oss.calls("keys").count), "\(bench.oss.calls("keys").count) pages")
        await loop.stop(finishRunning: false)
    }

    @Test func aNameThatIsTakenIsCountedUpWithoutARequestOfItsOwn() async throws {
        let bench = QueueBench()
        let source = folder(bench, 30)
        bench.oss.put("f7", [1])
        bench.oss.put("f7 (1)", [2])

        let loop = try await run(bench, [source], existing: "rename")

        #expect(bench.oss.objects["f7 (2)"]?.bytes == Files.bytes(10, seed: 7) && bench.oss.objects["f7"]?.bytes == [1])
        #expect(bench.oss.calls("head").isEmpty)
        await loop.stop(finishRunning: false)
    }

    @Test func aNumberedNameThatANeighbourBearsIsPassedOver() async throws {
        let bench = QueueBench()
        Files.folder(bench.folder + "/d")
        bench.file("d/a.txt", 10, seed: 3)
        bench.file("d/a (1).txt", 10, seed: 4)
        bench.oss.put("a.txt", [1])

        let loop = try await run(bench, [bench.folder + "/d/"], existing: "rename")

        #expect(bench.oss.objects["a (1).txt"]?.bytes == Files.bytes(10, seed: 4))
        #expect(bench.oss.objects["a (2).txt"]?.bytes == Files.bytes(10, seed: 3))
        await loop.stop(finishRunning: false)
    }

    @Test func whoMayNotListAsksByHead() async throws {
        let bench = QueueBench()
        bench.oss.setFaults { $0.kind == "keys" ? .answer(status: 403, code: "AccessDenied") : nil }

        let loop = try await run(bench, [folder(bench, 30)], existing: "skip")

        #expect(bench.oss.calls("keys").count == 1 && bench.oss.calls("head").count == 30 && bench.oss.objects.count == 30)
        await loop.stop(finishRunning: false)
    }

    @Test func whoMayNotAskAtAllOverwritesNothing() async throws {
        let bench = QueueBench()
        let source = folder(bench, 30)
        bench.oss.put("f3", [1])
        bench.oss.setFaults { ["keys", "head"].contains($0.kind) ? .answer(status: 403, code: "AccessDenied") : nil }

        let loop = try await run(bench, [source], existing: "skip")

        #expect(bench.oss.objects["f3"]?.bytes == [1] && bench.oss.objects.count == 30)
        #expect(try await bench.states(loop)["f3"] == .skipped)
        #expect(await loop.status().counts["done"] == 29)
        await loop.stop(finishRunning: false)
    }

    @Test func aListingThatFailsIsAskedForAgain() async throws {
        let bench = QueueBench()
        bench.oss.setFaults { $0.kind == "keys" && $0.number <= 2 ? .answer(status: 503, code: "SlowDown") : nil }

        let loop = try await run(bench, [folder(bench, 30)], existing: "skip")

        #expect(bench.oss.objects.count == 30 && bench.oss.calls("head").isEmpty)
        await loop.stop(finishRunning: false)
    }
}
