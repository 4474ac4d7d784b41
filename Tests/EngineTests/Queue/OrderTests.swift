import Contracts
import FoundationEssentials
import Glibc
import OSSProtocol
import Testing
import TransferCore

@testable import Engine

@Suite(.timeLimit(.minutes(2))) struct OrderTests {
    @Test func theSameOrderTwiceQueuesOnce() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let order = bench.order([bench.file("f", 10)]) { $0.paused = true }

        async let one = loop.add(order)
        async let two = loop.add(order)
        let jobs = try await [one, two, loop.add(order)]

        #expect(Set(jobs.map(\.job)).count == 1 && jobs.last?.total == 1)
        #expect(try await loop.uploads(UploadsRequest()).total == 1)
        await loop.stop(finishRunning: false)
    }

    struct KeyCase: Sendable, CustomTestStringConvertible {
        var source: String
        var dest: String
        var keys: [String]
        var flat = false
        var testDescription: String { "\(source) to \(dest)" }
    }

    @Test(arguments: [
        KeyCase(source: "photos/", dest: "oss://b/2026/", keys: ["2026/1.jpg", "2026/a/b.jpg"]),
        KeyCase(source: "photos", dest: "oss://b/2026/", keys: ["2026/photos/1.jpg", "2026/photos/a/b.jpg"]),
        KeyCase(source: "photos", dest: "oss://b/", keys: ["photos/1.jpg", "photos/a/b.jpg"]),
        KeyCase(source: "photos/", dest: "oss://b/2026", keys: ["2026/1.jpg", "2026/a/b.jpg"]),
        KeyCase(source: "photos/1.jpg", dest: "oss://b/2026/", keys: ["2026/1.jpg"]),
        KeyCase(source: "photos/1.jpg", dest: "oss://b/other.jpg", keys: ["other.jpg"]),
        KeyCase(source: "photos", dest: "oss://b/x/", keys: ["x/1.jpg", "x/b.jpg"], flat: true),
    ]) func keysFollowTheSlashes(_ sample: KeyCase) async throws {
        let bench = QueueBench()
        Files.folder(bench.folder + "/photos")
        Files.folder(bench.folder + "/photos/a")
        bench.file("photos/1.jpg", 1)
        bench.file("photos/a/b.jpg", 1)
        let loop = try await bench.loop()

        _ = try await loop.add(
            bench.order([bench.folder + "/" + sample.source], sample.dest) { ($0.paused, $0.flat) = (true, sample.flat) })

        try await bench.until(loop, "scanned") { await loop.status().counts["scanning"] == 0 }
        #expect(try await bench.states(loop).keys.sorted() == sample.keys)
        await loop.stop(finishRunning: false)
    }

    @Test func aNameThatIsNotUTF8GoesUpUnderAnEncodedKey() async throws {
        let bench = QueueBench()
        Files.folder(bench.folder + "/d")
        let name = Array((bench.folder + "/d/bad").utf8) + [0xFF]
        let descriptor = open(name.map { CChar(bitPattern: $0) } + [0], O_CREAT | O_WRONLY, 0o600)
        #expect(write(descriptor, "hello", 5) == 5)
        close(descriptor)
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([bench.folder + "/d/"]) { $0.encodeNames = "percent" })
        try await bench.untilAllEnded(loop)

        let view = try #require(await loop.upload(job.uploads[0])?.upload)
        #expect(view.state == .done && view.key == "bad%FF" && view.path == bench.folder + "/d/bad\\xFF")
        #expect(view.pathB64.flatMap { Data(base64Encoded: $0) }.map(Array.init) == name)
        #expect(bench.oss.objects["bad%FF"]?.bytes == Array("hello".utf8))
        await loop.stop(finishRunning: false)
    }

    @Test func sourcesBelowTheBaseKeepTheirFolders() async throws {
        let bench = QueueBench()
        for folder in ["/z", "/a"] { Files.folder(bench.folder + folder) }
        let sources = [bench.file("z/same", 1), bench.file("a/same", 1), bench.folder + "/./z/../a/same"]
        let loop = try await bench.loop()

        _ = try await loop.add(bench.order(sources, "oss://b/in/") { ($0.base, $0.paused) = (bench.folder, true) })

        #expect(try await loop.uploads(UploadsRequest()).items.map(\.key) == ["in/z/same", "in/a/same", "in/same"])
        await loop.stop(finishRunning: false)
    }

    @Test func twoSourcesOfOneKeyAreReported() async throws {
        let bench = QueueBench()
        Files.folder(bench.folder + "/a")
        Files.folder(bench.folder + "/b")
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([bench.file("a/f", 1), bench.file("b/f", 2)]) { $0.paused = true })

        #expect(job.total == 1 && job.refused.count == 1 && job.refused.first?.path == bench.folder + "/b/f")
        await loop.stop(finishRunning: false)
    }

    @Test func aMissingSourceIsReportedAndTheOthersAreQueued() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([bench.file("f", 1), bench.folder + "/none"]) { $0.paused = true })

        #expect(job.total == 1 && job.refused.map(\.path) == [bench.folder + "/none"])
        await #expect { try await loop.add(bench.order([bench.folder + "/none"], id: "s2")) } throws: { ($0 as? OrderError)?.exit == 2 }
        await loop.stop(finishRunning: false)
    }

    @Test func aKeyThatIsTooLongIsRefusedWithTheReason() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let longest = String(repeating: "k", count: 1022) + "/"

        let job = try await loop.add(bench.order([bench.file("f", 1)], "oss://b/" + longest) { $0.paused = true })
        let tooLong = try await loop.add(bench.order([bench.file("ff", 1)], "oss://b/" + longest, id: "s2") { $0.paused = true })

        #expect(job.total == 0 && tooLong.total == 0 && tooLong.refused.count == 1)
        await loop.stop(finishRunning: false)
    }

    @Test(
        arguments: [
            ("limit", { @Sendable (options: inout OrderOptions) in options.limit = 0 }),
            ("existing", { @Sendable (options: inout OrderOptions) in options.existing = "perhaps" }),
            ("part size", { @Sendable (options: inout OrderOptions) in options.partSize = 1 }),
            ("at", { @Sendable (options: inout OrderOptions) in options.at = "tomorrow" }),
            ("sse", { @Sendable (options: inout OrderOptions) in options.sse = "rot13" }),
            ("storage class", { @Sendable (options: inout OrderOptions) in options.storageClass = "Attic" }),
        ] as [(String, @Sendable (inout OrderOptions) -> Void)])
    func anOptionThatCannotWorkIsRefusedBeforeAnythingIsQueued(name: String, change: @Sendable (inout OrderOptions) -> Void) async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()

        await #expect { try await loop.add(bench.order([bench.file("f", 1)], "oss://b/", id: "s1", change)) } throws: {
            ($0 as? OrderError)?.exit == 2
        }
        #expect(try await loop.uploads(UploadsRequest()).total == 0)
        await loop.stop(finishRunning: false)
    }

    @Test func aDryRunCountsAndQueuesNothing() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([bench.file("f", 10), bench.file("g", 5)]) { $0.dryRun = true })

        #expect(job.total == 2 && job.bytes == 15)
        #expect(try await loop.uploads(UploadsRequest()).total == 0)
        await loop.stop(finishRunning: false)
    }

    @Test func sizesAndAgesSelectFiles() async throws {
        let bench = QueueBench()
        Files.folder(bench.folder + "/d")
        for size in [1, 10, 100] { bench.file("d/\(size)", size) }
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([bench.folder + "/d"]) { ($0.minSize, $0.maxSize, $0.paused) = (5, 50, true) })

        #expect(job.total == 1 && job.bytes == 10)
        await loop.stop(finishRunning: false)
    }

    @Test func anOrderForLaterStartsWhenItsTimeHasCome() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let at = (bench.clock.value + .seconds(3600)).iso8601

        _ = try await loop.add(bench.order([bench.file("f", 1)]) { $0.at = at })
        for _ in 0..<20 {
            bench.clock.advance(.seconds(1))
            await loop.tick()
        }
        #expect(bench.oss.calls.isEmpty)
        #expect(try await loop.uploads(UploadsRequest()).items.first?.heldReason == "schedule")
        bench.clock.advance(.seconds(3600))

        try await bench.untilAllEnded(loop)
        #expect(bench.oss.objects.count == 1)
        await loop.stop(finishRunning: false)
    }

    @Test(arguments: [
        ("skip", "same", UploadState.skipped), ("skip", "other", .done), ("fail", "same", .failed), ("overwrite", "other", .done),
        ("newer", "same", .done), ("rename", "same", .done),
    ]) func whatIsThereIsTreatedAsTheOrderSays(existing: String, there: String, state: UploadState) async throws {
        let bench = QueueBench()
        let path = bench.file("f.txt", 100)
        let content = there == "same" ? Files.bytes(100, seed: 1) : Files.bytes(100, seed: 2)
        bench.oss.put("f.txt", content)
        let loop = try await bench.loop()

        let job = try await loop.add(bench.order([path]) { $0.existing = existing })
        try await bench.untilAllEnded(loop)

        let view = try #require(await loop.upload(job.uploads[0])?.upload)
        #expect(view.state == state)
        if existing == "rename" {
            #expect(view.key == "f (1).txt" && bench.oss.objects["f (1).txt"] != nil)
        } else {
            #expect(bench.oss.objects["f.txt"]?.bytes == (state == .done ? Files.bytes(100, seed: 1) : content))
        }
        await loop.stop(finishRunning: false)
    }

    @Test func aScanThatBeginsAgainKnowsAFileThatWasRenamedMeanwhile() async throws {
        let bench = QueueBench()
        Files.folder(bench.folder + "/d")
        bench.file("d/f.txt", 100)
        bench.oss.put("f.txt", [1])
        let order = bench.order([bench.folder + "/d/"]) { $0.existing = "rename" }
        let store = try bench.store()
        let first = try await bench.loop(store)
        _ = try await first.add(order)
        try await bench.untilAllEnded(first)
        await first.stop(finishRunning: false)
        // As a kill leaves it before the end of a long scan.
        try await store.commit([{ db in try db.execute(sql: "UPDATE jobs SET isScanning = 1") }])

        let second = try await bench.loop(store)
        let job = try await second.add(order)
        try await bench.untilAllEnded(second)

        #expect(await second.job(job.job)?.total == 1)
        #expect(bench.oss.objects.keys.sorted() == ["f (1).txt", "f.txt"])
        await second.stop(finishRunning: false)
    }

    @Test func aSubmissionIDThatWasAnotherOrderIsRefused() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let order = bench.order([bench.file("f", 10)]) { $0.paused = true }
        let job = try await loop.add(order)

        let others = [
            bench.order([bench.file("g", 10)]) { $0.paused = true },
            bench.order(order.sources, "oss://b/elsewhere/") { $0.paused = true },
            bench.order(order.sources) { ($0.paused, $0.storageClass) = (true, "IA") },
        ]
        for other in others {
            let error = await #expect(throws: OrderError.self) { try await loop.add(other) }
            #expect(error?.code == "SubmissionTaken" && error?.message.contains(job.job) == true && error?.exit == 1)
        }
        // The same command given again: only what it was given at differs.
        var again = order
        again.options.at = "2099-01-01T00:00:00Z"
        again.credentials = OrderCredentials(
            accessKeyId: "a", accessKeySecret: "s", securityToken: nil, region: nil, endpoint: nil, addressing: nil)
        #expect(try await loop.add(again).job == job.job)
        #expect(try await loop.uploads(UploadsRequest()).total == 1)
        await loop.stop(finishRunning: false)
    }

    @Test func anOrderFromBeforeItsContentsWereKeptIsStillTheSame() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        let loop = try await bench.loop(store)
        let job = try await loop.add(bench.order([bench.file("f", 10)]) { $0.paused = true })
        try await store.pool.write { db in try db.execute(sql: "UPDATE jobs SET fingerprint = NULL") }

        #expect(try await loop.add(bench.order([bench.file("g", 10)])).job == job.job)
        await loop.stop(finishRunning: false)
    }

    @Test func aPartSizeThatWasTooSmallForTheFileIsToldOfTheUpload() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let path = bench.file("holes", 1)
        truncate(path, 20 << 30)

        let job = try await loop.add(bench.order([path, bench.file("small", 10)]) { ($0.paused, $0.partSize) = (true, 1 << 20) })

        for id in job.uploads {
            let detail = try #require(await loop.upload(id))
            #expect(detail.events.contains { $0.text.contains("parts of 3145728 bytes, not 1048576") } == (detail.upload.size != 10))
        }
        await loop.stop(finishRunning: false)
    }

    @Test func looksAtTheDestinationAreNoMoreAtOnceThanParts() async throws {
        let bench = QueueBench()
        bench.oss.setFaults { _ in .blackHole }
        let loop = try await bench.loop()

        // So few are asked one by one; of more the destination is listed.
        _ = try await loop.add(bench.order((0..<15).map { bench.file("f\($0)", 10) }) { $0.existing = "skip" })
        try await bench.until(loop, "some look", step: .zero) { bench.oss.inFlight >= 4 }
        for _ in 0..<50 { await loop.tick() }

        #expect(bench.oss.mostInFlight == 4)
        await loop.stop(finishRunning: false)
    }

    @Test func skipWithoutTheRightToReadNeverOverwrites() async throws {
        let bench = QueueBench()
        bench.oss.put("f", [1, 2, 3])
        let loop = try await bench.loop(resolver: FakeResolver(mayRead: false))

        let job = try await loop.add(bench.order([bench.file("f", 100)]) { $0.existing = "skip" })
        try await bench.untilAllEnded(loop)

        #expect(await loop.upload(job.uploads[0])?.upload.state == .skipped)
        #expect(bench.oss.objects["f"]?.bytes == [1, 2, 3] && bench.oss.calls("head").isEmpty)
        await loop.stop(finishRunning: false)
    }

    @Test func theBodiesOfAnOrderShareItsOwnLimit() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()

        _ = try await loop.add(
            bench.order([bench.file("f", 3 << 20), bench.file("g", 100)], id: "s1") { ($0.limit, $0.priority) = (1 << 20, .high) })
        _ = try await loop.add(bench.order([bench.file("h", 100)], id: "s2"))
        try await bench.untilAllEnded(loop)

        let paces = bench.oss.paces
        #expect(paces.count == 5)
        let limited = paces.filter { $0.key != "h" }.map(\.pace)
        // A large file has a limit of its own beside it, which says nothing until somebody sets it.
        let limits = limited.map { pace in pace.limits.filter { $0.rate != nil } }
        #expect(limited.allSatisfy { $0.priority == 0 } && limits.allSatisfy { $0.map(\.rate) == [1 << 20] })
        #expect(Set(limits.joined().map { ObjectIdentifier($0) }).count == 1)
        #expect(paces.filter { $0.key == "h" }.allSatisfy { $0.pace.priority == 1 && !$0.pace.isLimited })
        await loop.stop(finishRunning: false)
    }
}
