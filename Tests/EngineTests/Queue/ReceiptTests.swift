import Contracts
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// What a job's manifest says, and what an order's plan foretells.
@Suite(.timeLimit(.minutes(2))) struct ReceiptTests {
    private func receipt(_ loop: EngineLoop, _ job: String, limit: Int = 1_000) async throws -> (ReceiptHead, [ReceiptObject]) {
        var page = try #require(try await loop.receipt(ReceiptRequest(job: job, limit: limit)))
        var objects = page.objects
        while let next = page.next {
            page = try #require(try await loop.receipt(ReceiptRequest(job: job, after: next, limit: limit)))
            objects += page.objects
        }
        return (page.head, objects)
    }

    @Test func aReceiptHasWhatTheServerSaidOfEachObject() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([bench.file("small", 10), bench.file("large", 3 << 20)], "oss://b/versioned/"))
        try await bench.untilAllEnded(loop)

        let (head, objects) = try await receipt(loop, job.job)

        #expect(head.bucket == "bucket" && head.gone == 0 && head.state == "ready")
        #expect(head.counts == ["done": 2])
        #expect(objects.map(\.key) == ["versioned/large", "versioned/small"], "in the order of keys")
        #expect(objects.map(\.requestId) == ["REQ-complete-1", "REQ-put-1"] && objects.map(\.versionId) == ["V1", "V1"])
        for object in objects {
            let stored = try #require(bench.oss.objects[object.key])
            #expect(object.crc64 == String(stored.crc64) && object.size == Int64(stored.bytes.count) && object.finished != nil)
            #expect(object.state == "done" && object.reason == nil && object.etag != nil)
        }
        await loop.stop(finishRunning: false)
    }

    @Test func theAnswerThatCountsIsThatOfTheRequestThatStoredTheObject() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        bench.oss.setFaults { $0.kind == "put" && $0.number < 3 ? .corrupted : nil }
        let job = try await loop.add(bench.order([bench.file("f", 10)]))
        try await bench.untilAllEnded(loop)

        #expect(try await receipt(loop, job.job).1.first?.requestId == "REQ-put-3")
        await loop.stop(finishRunning: false)
    }

    @Test func whatIsNotStoredIsListedWithItsStateAndWhy() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        bench.oss.setFaults { $0.key == "bad" ? .answer(status: 403, code: "AccessDenied") : nil }
        let job = try await loop.add(bench.order([bench.file("bad", 10), bench.file("good", 10), bench.folder + "/missing"]))
        try await bench.untilAllEnded(loop)
        let later = try await loop.add(bench.order([bench.file("waits", 10)], id: "s2") { $0.paused = true })

        let (head, objects) = try await receipt(loop, job.job)
        let (_, waiting) = try await receipt(loop, later.job)

        #expect(objects.map(\.state) == ["failed", "done"])
        #expect(objects[0].reason?.isEmpty == false && objects[0].etag == nil && objects[0].crc64 == nil)
        #expect(head.refused.map(\.path) == [bench.folder + "/missing"] && head.refusedTotal == 1)
        #expect(waiting.map(\.state) == ["paused"])
        await loop.stop(finishRunning: false)
    }

    @Test(arguments: [1, 3, 1_000]) func pagesOfAReceiptAreTheWholeOfIt(limit: Int) async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try HistoryTests.fill(store, rows: 50)
        let loop = try await bench.loop(store)

        let (_, objects) = try await receipt(loop, "j-1", limit: limit)

        #expect(objects.count == 50 && objects.map(\.key) == objects.map(\.key).sorted())
        await loop.stop(finishRunning: false)
    }

    @Test func aReceiptHoldsNoSecret() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let order = JobOrder(
            submissionId: "s1", sources: [bench.file("f", 10)], dest: "oss://b/",
            options: {
                var options = OrderOptions()
                options.callback = #"{"callbackUrl":"https://hook.example.com/?token=hook-secret","callbackBody":"x"}"#
                options.meta = ["note": "meta-secret"]
                return options
            }(),
            credentials: OrderCredentials(
                accessKeyId: "LTAIid", accessKeySecret: "key-secret", securityToken: "token-secret", region: nil, endpoint: nil, addressing: nil))
        let job = try await loop.add(order)
        try await bench.untilAllEnded(loop)

        let page = try #require(try await loop.receipt(ReceiptRequest(job: job.job)))
        let text = String(decoding: try ContractJSON.encode(page), as: UTF8.self)

        #expect(!text.contains("secret") && !text.contains("LTAIid"))
        await loop.stop(finishRunning: false)
    }

    @Test(arguments: ["j-99", "u-1", "", "j-"]) func thereIsNoReceiptOfNoJob(job: String) async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()

        #expect(try await loop.receipt(ReceiptRequest(job: job)) == nil)
        await loop.stop(finishRunning: false)
    }

    // MARK: - Plan

    @Test func aPlanCountsWhatTheOrderWouldDoAndQueuesNothing() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        Files.folder(bench.folder + "/d")
        for (name, size) in [("d/a", 10), ("d/b", 3 << 20), ("d/c.tmp", 7)] { bench.file(name, size) }

        let planned = try await loop.plan(bench.order([bench.folder + "/d/", bench.folder + "/gone"]) { $0.filters = ["-*.tmp"] })

        let view = planned.view
        #expect(view.files == 2 && view.bytes == (3 << 20) + 10 && view.filtered == 1)
        #expect(view.requests == PlanView.Requests(put: 1, initiate: 1, part: 3, complete: 1) && view.requests.total == 6)
        #expect(view.refused.map(\.path) == [bench.folder + "/gone"])
        #expect(planned.keys?.contains("a") == true && planned.keys?.contains("c.tmp") == false)
        #expect(bench.oss.calls.isEmpty)
        #expect(try await loop.uploads(UploadsRequest()).total == 0)
        await loop.stop(finishRunning: false)
    }

    @Test func aPlanNamesFilesThatWouldHaveOneKey() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        for folder in ["x", "y"] { Files.folder(bench.folder + "/" + folder) }
        let paths = [bench.file("x/same", 1), bench.file("y/same", 2)]

        let view = try await loop.plan(bench.order(paths)).view

        #expect(view.files == 1 && view.collisionsTotal == 1)
        #expect(view.collisions == [PlanView.Collision(key: "same", path: paths[1])])
        await loop.stop(finishRunning: false)
    }

    @Test func aPlanTellsATimeOnlyAtARateThatIsKnown() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let file = bench.file("f", 1_000_000)

        let unknown = try await loop.plan(bench.order([file])).view.time
        let ordered = try await loop.plan(bench.order([file]) { $0.limit = 100_000 }).view.time
        _ = try await loop.setLimits(LimitsChange(rate: "50000"))
        let limited = try await loop.plan(bench.order([file]) { $0.limit = 100_000 }).view.time

        #expect(unknown == nil)
        #expect(ordered == PlanView.Time(seconds: 10, rate: 100_000, basis: "order limit"))
        #expect(limited == PlanView.Time(seconds: 20, rate: 50_000, basis: "engine limit"))
        await loop.stop(finishRunning: false)
    }
}
