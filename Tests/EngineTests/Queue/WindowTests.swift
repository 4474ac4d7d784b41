import Contracts
import OSSProtocol
import Testing

@testable import Engine

@Suite(.timeLimit(.minutes(2)), .serialized) struct WindowTests {
    static let rows = 100_000

    /// One filled queue for all questions: filling it is what costs.
    @Test func everyWindowOver100000RowsIsRightAndQuick() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, Self.rows, state: .paused)
        let loop = try await bench.loop(store)

        func ids(_ request: UploadsRequest) async throws -> [Int64] {
            try await loop.uploads(request).items.compactMap { UploadID.row($0.id) }
        }

        let first = try await loop.uploads(UploadsRequest(limit: 100))
        #expect(first.total == Self.rows && first.truncated && first.items.count == 100)
        #expect(try await ids(UploadsRequest(offset: 50_000, limit: 3)) == [50_001, 50_002, 50_003])
        #expect(try await ids(UploadsRequest(offset: 99_999, limit: 3)) == [100_000])
        #expect(try await ids(UploadsRequest(offset: 200_000, limit: 3)).isEmpty)
        #expect(try await ids(UploadsRequest(after: UploadID.text(77_777), limit: 2)) == [77_778, 77_779])
        #expect(try await ids(UploadsRequest(sort: "size-", limit: 2)) == [100_000, 99_999])
        #expect(try await ids(UploadsRequest(sort: "size-", after: UploadID.text(50_000), limit: 2)) == [49_999, 49_998])
        #expect(try await ids(UploadsRequest(query: "state:paused", sort: "added-", after: UploadID.text(3), limit: 9)) == [2, 1])
        #expect(try await ids(UploadsRequest(sort: "added-", offset: 10, limit: 1)) == [99_990])
        #expect(
            try await loop.uploads(UploadsRequest(sort: "name", limit: 3)).items.map(\.key) == [
                "folder 0/file-0.bin", "folder 0/file-100.bin", "folder 0/file-200.bin",
            ])
        #expect(try await loop.uploads(UploadsRequest(query: "state:paused", limit: 1)).total == Self.rows)
        #expect(try await loop.uploads(UploadsRequest(query: "state:failed", limit: 1)).total == 0)
        #expect(try await loop.uploads(UploadsRequest(query: "job:j-1 state:paused", limit: 1)).total == Self.rows)
        let text = try await loop.uploads(UploadsRequest(query: "file-9999", limit: 5))
        #expect(text.total == 11, "file-9999 and file-99990 to file-99999")

        // Milliseconds each, far from a bound that a busy machine could break.
        let clock = ContinuousClock()
        let time = try await clock.measure {
            for offset in stride(from: 0, to: 90_000, by: 9_000) { _ = try await ids(UploadsRequest(offset: offset, limit: 100)) }
        }
        #expect(time < .seconds(3))
        await #expect(throws: OrderError.self) { try await loop.uploads(UploadsRequest(sort: "beauty")) }
        await loop.stop(finishRunning: false)
    }

    /// Page by page, with `next`; what `between` does happens after the first page.
    private func walked(_ loop: EngineLoop, _ query: String?, limit: Int, between: () async throws -> Void) async throws -> [Int64] {
        var page = try await loop.uploads(UploadsRequest(query: query, limit: limit))
        var found = page.items
        try await between()
        while let next = page.next {
            page = try await loop.uploads(UploadsRequest(query: query, after: next, limit: limit))
            found += page.items
        }
        return found.compactMap { UploadID.row($0.id) }
    }

    @Test(arguments: [nil, "state:paused,cancelled,failed", "job:j-1", "name:file-*", "file"])
    func pagesHoldEachRowThoughTheQueueMovesBetweenThem(query: String?) async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 500, state: .paused)
        let loop = try await bench.loop(store)

        // The last row of the first page, and others of it, end: they go to the end of the queue.
        let ids = try await walked(loop, query, limit: 100) {
            let some = [1, 50, 99, 100].map { UploadID.text($0) }
            let cancelled = try await loop.act(ActionRequest(action: "cancel", ids: some))
            #expect(cancelled.changed == 4)
        }

        #expect(Set(ids) == Set(1...500))
        // Nobody is left out, and who moved on may come once more.
        #expect(ids.count <= 504)
        await loop.stop(finishRunning: false)
    }

    @Test func aPlaceNeedsTheQueuesOwnOrder() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 10, state: .paused)
        let loop = try await bench.loop(store)

        let page = try await loop.uploads(UploadsRequest(limit: 4))
        let next = try #require(page.next)

        #expect(try await loop.uploads(UploadsRequest(after: next, limit: 4)).total == 10)
        #expect(try await loop.uploads(UploadsRequest(limit: 20)).next == nil)
        await #expect(throws: OrderError.self) { try await loop.uploads(UploadsRequest(sort: "name", after: next)) }
        await #expect(throws: OrderError.self) { try await loop.uploads(UploadsRequest(after: "1.2.3.4")) }
        await loop.stop(finishRunning: false)
    }

    @Test func whatRunsComesFirst() async throws {
        let bench = QueueBench()
        bench.oss.setFaults { _ in .blackHole }
        let loop = try await bench.loop(settings: QueueSettings(uploads: 1, parts: 1, partSize: 1 << 20))
        for index in 0..<3 { _ = try await loop.add(bench.order([bench.file("f\(index)", 10)], id: "s\(index)")) }
        try await bench.until(loop, "one runs", step: .zero) { bench.oss.inFlight == 1 }

        let list = try await loop.uploads(UploadsRequest())

        #expect(list.items.map(\.state) == [.uploading, .queued, .queued] && list.total == 3)
        #expect(try await loop.uploads(UploadsRequest(query: "state:uploading")).items.map(\.key) == ["f0"])
        #expect(try await loop.uploads(UploadsRequest(query: "state:queued")).total == 2)
        #expect(try await loop.uploads(UploadsRequest(offset: 1, limit: 1)).items.map(\.key) == ["f1"])
        #expect(try await loop.uploads(UploadsRequest(sort: "name")).items.map(\.state) == [.uploading, .queued, .queued])
        await loop.stop(finishRunning: false)
    }
}

@Suite(.timeLimit(.minutes(2))) struct EventTests {
    @Test func aReaderHearsOfEachUploadsEndAndOfTheStatus() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let events = await loop.events()
        let seen = Task {
            var (ended, statuses) = (Set<String>(), 0)
            for await event in events {
                switch event {
                case .status: statuses += 1
                case .upload(let view): if view.state == .done { ended.insert(view.key) }
                case .missed: break
                }
                if ended.count == 3, statuses > 0 { break }
            }
            return ended
        }

        _ = try await loop.add(bench.order((0..<3).map { bench.file("f\($0)", 10) }))
        try await bench.untilAllEnded(loop)
        await loop.tick()

        #expect(await seen.value == ["f0", "f1", "f2"])
        await loop.stop(finishRunning: false)
    }

    @Test func aReaderThatDoesNotReadCostsABoundedMemory() {
        let reader = EventReader()

        for id in 0..<10_000 { reader.add(Int64(id), nil) }

        #expect(reader.pending.count <= EventReader.mostPending)
        #expect(reader.hasMissed)
    }
}
