import Contracts
import Glibc
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// What happens to a file while it is sent.
@Suite(.timeLimit(.minutes(2))) struct SourceTests {
    /// Other bytes in the same file, its time of writing set back as `touch -r` does.
    private static func rewriteUnseen(_ path: String, _ bytes: [UInt8]) {
        var before = stat()
        stat(path, &before)
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        defer { close(descriptor) }
        _ = pwrite(descriptor, bytes, bytes.count, 0)
        _ = futimens(descriptor, [before.st_atim, before.st_mtim])
    }

    private func upload(_ bench: QueueBench, _ path: String) async throws -> UploadView {
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([path]))
        try await bench.untilAllEnded(loop)
        let view = try #require(await loop.upload(job.uploads[0])?.upload)
        await loop.stop(finishRunning: false)
        return view
    }

    @Test func aRewriteWhoseTimeIsSetBackIsFoundBeforeThePartsBecomeAnObject() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 4 << 20)
        bench.oss.setFaults { call in
            if call.kind == "part", call.part == 2, call.number == 1 { Self.rewriteUnseen(path, Files.bytes(4 << 20, seed: 9)) }
            return nil
        }

        let view = try await upload(bench, path)

        #expect(view.state == .failed && view.lastError?.code == "SourceChanged")
        #expect(bench.oss.objects.isEmpty && bench.oss.calls("complete").isEmpty)
    }

    @Test(arguments: ["mode", "link", "name"]) func whatIsNotAWriteFailsNothing(what: String) async throws {
        let bench = QueueBench()
        let path = bench.file("f", 4 << 20)
        let other = bench.file("other", 4 << 20, seed: 3)
        bench.oss.setFaults { call in
            guard call.kind == "part", call.part == 2, call.number == 1 else { return nil }
            switch what {
            case "mode": chmod(path, 0o644)
            case "link": link(path, path + ".link")
            // Replaced by rename: the open file is still whole.
            default: rename(other, path)
            }
            return nil
        }

        let view = try await upload(bench, path)

        #expect(view.state == .done && view.verify.state == "ok")
        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(4 << 20, seed: 1))
        #expect(bench.oss.calls("part").count == 4)
    }

    @Test func aSmallFileIsStoredInOneStateOrNotAtAll() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 1000)
        bench.oss.setFaults { call in
            if call.kind == "put", call.number == 1 { Self.rewriteUnseen(path, Files.bytes(1000, seed: 9)) }
            return nil
        }

        let view = try await upload(bench, path)

        // The first body never left as a whole; what is stored is what the file holds now.
        #expect(view.state == .done && bench.oss.calls("put").count == 2)
        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(1000, seed: 9))
    }

    @Test func aSmallFileThatIsRewrittenBeforeItsBytesLeaveIsTakenAsItIsNow() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 1000)
        bench.oss.setFaults { call in
            if call.kind == "put", call.number == 1 { Files.write(path, Files.bytes(2000, seed: 9)) }
            return nil
        }

        let view = try await upload(bench, path)

        #expect(view.state == .done && view.size == 2000)
        #expect(bench.oss.objects["f"]?.bytes == Files.bytes(2000, seed: 9))
    }

    @Test func anUploadThatGoesOnAfterARestartComparesWhatOnlyItsBytesCanTell() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 3 << 20)
        bench.oss.setFaults { $0.kind == "part" && $0.part == 3 && $0.number == 1 ? .blackHole : nil }
        let first = try await bench.loop()
        let job = try await first.add(bench.order([path]))
        try await bench.until(first, "two parts stored", step: .zero) { await first.upload(job.uploads[0])?.upload.parts.stored == 2 }
        await first.stop(finishRunning: false)
        Self.rewriteUnseen(path, Files.bytes(3 << 20, seed: 9))

        let second = try await bench.loop()
        try await bench.untilAllEnded(second)

        #expect(await second.upload(job.uploads[0])?.upload.lastError?.code == "SourceChanged")
        #expect(bench.oss.objects.isEmpty)
        await second.stop(finishRunning: false)
    }
}

/// File systems that do not answer.
@Suite(.timeLimit(.minutes(2))) struct SourceOpeningTests {
    @Test func aFileSystemThatHangsKeepsNoOtherWaiting() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 10)
        let never = Lock(true)
        defer { never.withLock { $0 = false } }

        await #expect(throws: FileError.self) {
            try await SourceOpening.open("/dead/f", device: 1_000_001, patience: .milliseconds(50)) { () throws(FileError) in
                while never.withLock({ $0 }) { usleep(10_000) }
                throw FileError(path: "/dead/f", errno: EIO, what: "cannot be opened")
            }
        }
        // Behind it nothing of the same file system moves, everything of another does.
        await #expect(throws: FileError.self) {
            try await SourceOpening.open(path, device: 1_000_001, patience: .milliseconds(50)) { () throws(FileError) in
                try SourceFile.open(path)
            }
        }
        let source = try await SourceOpening.open(path, device: 1_000_002, patience: .seconds(60)) { () throws(FileError) in
            try SourceFile.open(path)
        }
        #expect(source.identity.size == 10)
    }

    @Test func readingALargeFileKeepsNobodyFromOpeningOneOfTheSameFileSystem() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 0)
        // Sparse: hours of reading, no space.
        #expect(truncate(path, 1 << 40) == 0)
        let source = try SourceFile.open(path, mayHang: true)
        let reading = Task { try await SourceReader.crc64(of: source, offset: 0, length: 1 << 40) }

        let identity = try await SourceOpening.identity(source)

        #expect(identity.size == 1 << 40)
        reading.cancel()
        await #expect(throws: FileError.self) { try await reading.value }
    }

    @Test func aFileSystemThatIsSlowAndMovesIsWaitedFor() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 10)

        // Together longer than anybody has patience.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    _ = try await SourceOpening.open(path, device: 1_000_003, patience: .seconds(2)) { () throws(FileError) in
                        usleep(500_000)
                        return try SourceFile.open(path)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
