import Contracts
import Platform
import Testing

@testable import Engine

@Suite struct EventHubTests {
    private let queue = FakeQueueService()

    private func hub() -> EventHub { EventHub(queue: queue, complete: { $0 }) }

    private func text(_ hub: EventHub, _ id: EventHub.ReaderID) async -> String { String(decoding: await hub.take(id), as: UTF8.self) }

    @Test func aNewReaderGetsTheStatusFirst() async {
        let hub = hub()

        let reader = await hub.attach(after: nil, close: {})

        #expect(await text(hub, reader.id).contains("event: status\ndata: {"))
        #expect(await text(hub, reader.id).isEmpty)
    }

    @Test func aSlowReaderGetsTheLastStateOfEachUploadOnce() async {
        let hub = hub()
        let reader = await hub.attach(after: nil, close: {})
        _ = await hub.take(reader.id)

        for _ in 0..<500 { await hub.spread(.upload(queue.upload("u-1"))) }
        await hub.spread(.upload(queue.upload("u-1", state: .done)))
        await hub.spread(.upload(queue.upload("u-2")))

        let got = await text(hub, reader.id)
        #expect(got.components("event: upload") == 2)
        #expect(got.contains(#""state":"done""#))
    }

    @Test func aReaderThatComesBackGetsWhatChangedSince() async {
        let hub = hub()
        let first = await hub.attach(after: nil, close: {})
        await hub.spread(.upload(queue.upload("u-1")))
        let seen = await text(hub, first.id)
        await hub.spread(.upload(queue.upload("u-2")))
        let last = seen.ids.max() ?? 0

        let second = await hub.attach(after: last, close: {})

        let got = await text(hub, second.id)
        #expect(got.contains(#""id":"u-2""#) && !got.contains(#""id":"u-1""#))
        #expect(got.ids.allSatisfy { $0 > last })
    }

    @Test func aReaderOfAnotherEngineIsToldToAskAnew() async {
        let hub = hub()

        let reader = await hub.attach(after: 900, close: {})

        #expect(await text(hub, reader.id).contains("event: missed"))
    }

    @Test func aReaderFarBehindIsToldToAskAnewAndCostsNoMore() async {
        let hub = hub()
        let reader = await hub.attach(after: nil, close: {})
        for number in 0..<3000 { await hub.spread(.upload(queue.upload("u-\(number)"))) }

        let got = await text(hub, reader.id)

        #expect(got.contains("event: missed"))
        #expect(got.components("event: upload") <= 1024)
    }

    @Test func aSilentStreamIsKeptAliveAndAStuckReaderIsClosed() async {
        let hub = hub()
        let closed = Lock(false)
        let reader = await hub.attach(after: nil, close: { closed.withLock { $0 = true } })
        _ = await hub.take(reader.id)
        await hub.beat()
        #expect(await text(hub, reader.id) == ": still here\n\n")

        for _ in 0..<3 { await hub.beat() }

        #expect(closed.withLock { $0 })
    }

    @Test func frontEndsAreCounted() async {
        let hub = hub()
        let first = await hub.attach(after: nil, close: {})
        let second = await hub.attach(after: nil, close: {})
        #expect(queue.state.withLock { $0.frontEnds } == 2)

        await hub.detach(first.id)
        await hub.detach(first.id)
        #expect(queue.state.withLock { $0.frontEnds } == 1)
        await hub.closeAll()

        #expect(queue.state.withLock { $0.frontEnds } == 0)
        for await _ in second.bell {}
    }
}

extension String {
    fileprivate func components(_ needle: String) -> Int {
        let (all, mark) = (Array(utf8), Array(needle.utf8))
        guard all.count >= mark.count else { return 0 }
        return (0...(all.count - mark.count)).count { all[$0..<($0 + mark.count)].elementsEqual(mark) }
    }

    fileprivate var ids: [UInt64] {
        split(separator: "\n").compactMap { $0.hasPrefix("id: ") ? UInt64($0.dropFirst(4)) : nil }
    }
}
