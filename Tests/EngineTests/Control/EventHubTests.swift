import Contracts
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

@Suite struct EventHubTests {
    private let queue = FakeQueueService()

    private func hub() -> EventHub { EventHub(queue: queue, complete: { $0 }) }

    private func text(_ hub: EventHub, _ id: EventHub.ReaderID) async -> String { String(decoding: await hub.take(id), as: UTF8.self) }

    @Test func aNewReaderGetsTheStatusFirst() async {
        let hub = hub()

        let reader = await hub.attach(EventHub.Wish(), close: {})

        #expect(await text(hub, reader.id).contains("event: status\ndata: {"))
        #expect(await text(hub, reader.id).isEmpty)
    }

    @Test func aSlowReaderGetsTheLastStateOfEachUploadOnce() async {
        let hub = hub()
        let reader = await hub.attach(EventHub.Wish(), close: {})
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
        let first = await hub.attach(EventHub.Wish(), close: {})
        await hub.spread(.upload(queue.upload("u-1")))
        let seen = await text(hub, first.id)
        await hub.spread(.upload(queue.upload("u-2")))
        let last = seen.ids.max() ?? 0

        let second = await hub.attach(EventHub.Wish(after: last), close: {})

        let got = await text(hub, second.id)
        #expect(got.contains(#""id":"u-2""#) && !got.contains(#""id":"u-1""#))
        #expect(got.ids.allSatisfy { $0 > last })
    }

    @Test func aReaderOfAnotherEngineIsToldToAskAnew() async {
        let hub = hub()

        let reader = await hub.attach(EventHub.Wish(after: 900), close: {})

        #expect(await text(hub, reader.id).contains("event: missed"))
    }

    @Test func aReaderFarBehindIsToldToAskAnewAndCostsNoMore() async {
        let hub = hub()
        let reader = await hub.attach(EventHub.Wish(), close: {})
        for number in 0..<3000 { await hub.spread(.upload(queue.upload("u-\(number)"))) }

        let got = await text(hub, reader.id)

        #expect(got.contains("event: missed"))
        #expect(got.components("event: upload") <= 1024)
    }

    @Test func manyChangesAreTakenInPiecesAndInOrder() async {
        let hub = hub()
        let reader = await hub.attach(EventHub.Wish(), close: {})
        _ = await hub.take(reader.id)
        for number in 0..<300 { await hub.spread(.upload(queue.upload("u-\(number)"))) }

        var pieces: [String] = []
        while true {
            let piece = await text(hub, reader.id)
            if piece.isEmpty { break }
            pieces.append(piece)
        }

        let ids = pieces.flatMap(\.ids)
        #expect(pieces.count == 3 && ids.count == 300)
        #expect(ids == ids.sorted())
    }

    @Test func aReaderOfSomeUploadsGetsOnlyThoseAsTheyAreNow() async throws {
        let hub = hub()
        let query = try UploadQuery("state:failed", now: Timestamp(seconds: 0))
        let reader = await hub.attach(EventHub.Wish(wantsStatus: false, query: query), close: {})
        #expect(await text(hub, reader.id).contains("event: ready"))

        await hub.spread(.upload(queue.upload("u-1", state: .failed)))
        await hub.spread(.upload(queue.upload("u-2", state: .failed)))
        await hub.spread(.upload(queue.upload("u-2", state: .uploading)))
        await hub.spread(.status(await queue.status()))

        let got = await text(hub, reader.id)
        #expect(got.contains(#""id":"u-1""#) && !got.contains(#""id":"u-2""#) && !got.contains("event: status"))
    }

    @Test func readersAtTheSamePlaceGetTheSameWhateverOthersTook() async {
        let hub = hub()
        let wish = EventHub.Wish(wantsStatus: false)
        var readers: [EventHub.ReaderID] = []
        for _ in 0..<3 { readers.append(await hub.attach(wish, close: {}).id) }
        for reader in readers { _ = await hub.take(reader) }
        for number in 0..<100 { await hub.spread(.upload(queue.upload("u-\(number)"))) }

        let early = await text(hub, readers[0])
        await hub.spread(.upload(queue.upload("u-7", state: .done)))
        let rest = await text(hub, readers[0])
        let (second, third) = (await text(hub, readers[1]), await text(hub, readers[2]))

        #expect(early.ids.count == 100)
        #expect(rest.ids.count == 1 && rest.contains(#""state":"done""#))
        #expect(second == third && second.ids.count == 100)
        #expect(second.ids == second.ids.sorted() && second.ids.last == rest.ids.last)
    }

    @Test func aReaderOfFewUploadsThatStandsStillKeepsThemThoughManyOthersChange() async throws {
        let hub = hub()
        let query = try UploadQuery("state:failed", now: Timestamp(seconds: 0))
        let reader = await hub.attach(EventHub.Wish(wantsStatus: false, query: query), close: {})
        _ = await hub.take(reader.id)

        await hub.spread(.upload(queue.upload("u-a", state: .failed)))
        await hub.spread(.upload(queue.upload("u-b", state: .failed)))
        for number in 0..<2000 { await hub.spread(.upload(queue.upload("u-\(number)"))) }
        await hub.spread(.upload(queue.upload("u-b", state: .queued)))

        let got = await text(hub, reader.id)
        #expect(got.contains(#""id":"u-a""#) && got.ids.count == 1 && !got.contains("event: missed"))
    }

    @Test func aReaderThatIsSomeHundredsBehindMissesNothingThoughTheLogForgets() async {
        let hub = hub()
        let first = await hub.attach(EventHub.Wish(wantsStatus: false), close: {})
        for number in 0..<1000 { await hub.spread(.upload(queue.upload("u-\(number)"))) }
        let late = await hub.attach(EventHub.Wish(wantsStatus: false), close: {})
        _ = await hub.take(late.id)

        for number in 1000..<1500 { await hub.spread(.upload(queue.upload("u-\(number)"))) }

        var ids: [UInt64] = []
        while true {
            let piece = await text(hub, late.id)
            if piece.isEmpty { break }
            #expect(!piece.contains("event: missed"))
            ids += piece.ids
        }
        #expect(ids.count == 500 && ids == ids.sorted())
        #expect(await text(hub, first.id).contains("event: missed"))
    }

    @Test func aReaderThatComesBackWithinTheGraceHasMissedNothing() async {
        let hub = hub()
        let first = await hub.attach(EventHub.Wish(), close: {})
        await hub.spread(.upload(queue.upload("u-1")))
        let last = await text(hub, first.id).ids.max() ?? 0
        await hub.detach(first.id)
        await hub.spread(.upload(queue.upload("u-2")))

        let second = await hub.attach(EventHub.Wish(after: last), close: {})

        let got = await text(hub, second.id)
        #expect(got.contains(#""id":"u-2""#) && !got.contains("event: missed"))
    }

    @Test func afterTheGraceAReaderIsToldToAskAnew() async {
        let hub = hub()
        let first = await hub.attach(EventHub.Wish(), close: {})
        await hub.spread(.upload(queue.upload("u-1")))
        let last = await text(hub, first.id).ids.max() ?? 0
        await hub.detach(first.id)
        await hub.endGrace(await hub.arrivalCount)

        let second = await hub.attach(EventHub.Wish(after: last), close: {})

        #expect(await text(hub, second.id).contains("event: missed"))
    }

    @Test func theEndOfAnEarlierGraceDoesNotEndWhatALaterReaderHas() async {
        let hub = hub()
        let first = await hub.attach(EventHub.Wish(), close: {})
        await hub.detach(first.id)
        let arrival = await hub.arrivalCount
        let second = await hub.attach(EventHub.Wish(), close: {})
        await hub.spread(.upload(queue.upload("u-1")))
        let last = await text(hub, second.id).ids.max() ?? 0
        await hub.detach(second.id)

        await hub.endGrace(arrival)

        let third = await hub.attach(EventHub.Wish(after: last), close: {})
        #expect(!(await text(hub, third.id)).contains("event: missed"))
    }

    @Test func anEngineThatStartsLaterHasHigherIds() async {
        let earlier = EventHub(queue: queue, firstID: EventHub.firstID(at: Timestamp(seconds: 1000)), complete: { $0 })
        let reader = await earlier.attach(EventHub.Wish(), close: {})
        for number in 0..<1000 { await earlier.spread(.upload(queue.upload("u-\(number)"))) }
        let last = await text(earlier, reader.id).ids.max() ?? 0

        let later = EventHub(queue: queue, firstID: EventHub.firstID(at: Timestamp(seconds: 1001)), complete: { $0 })
        let back = await later.attach(EventHub.Wish(after: last), close: {})

        #expect(last > 0)
        #expect(await text(later, back.id).contains("event: missed"))
    }

    @Test func whatTheQueueCouldNotTellOneByOneIsMissed() async {
        let hub = hub()
        let reader = await hub.attach(EventHub.Wish(), close: {})
        _ = await hub.take(reader.id)
        await hub.spread(.upload(queue.upload("u-1")))

        await hub.spread(.missed)

        let got = await text(hub, reader.id)
        #expect(got.contains("event: missed") && !got.contains("event: upload"))
    }

    @Test func aSilentStreamIsKeptAliveAndAStuckReaderIsClosed() async {
        let hub = hub()
        let closed = Lock(false)
        let reader = await hub.attach(EventHub.Wish(), close: { closed.withLock { $0 = true } })
        _ = await hub.take(reader.id)
        await hub.beat()
        #expect(await text(hub, reader.id) == ": still here\n\n")

        for _ in 0..<3 { await hub.beat() }

        #expect(closed.withLock { $0 })
    }

    @Test func frontEndsAreCounted() async {
        let hub = hub()
        let first = await hub.attach(EventHub.Wish(), close: {})
        let second = await hub.attach(EventHub.Wish(), close: {})
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
