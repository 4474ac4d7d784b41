import Contracts
import GRDB
import OSSProtocol
import Platform
import Testing

@testable import Engine

/// What may start next, read ahead of its turn.
@Suite(.timeLimit(.minutes(2))) struct ReadAheadTests {
    private static func read(_ store: QueueStore, into ready: inout ReadyRows, running: [Int64: [Int64]] = [:], limit: Int) async throws {
        let known = ready.known
        ready.add(
            try await store.read { db in
                try QueueStore.nextLanes(db, excluding: running, known: known, closedScopes: [], closedEndpoints: [], limit: limit)
            })
    }

    private static func takeAll(_ ready: inout ReadyRows, most: Int = .max) -> [Int64] {
        var ids: [Int64] = []
        while ids.count < most, let lane = ready.lanes.firstIndex(where: { !$0.rows.isEmpty }) {
            ids.append(ready.take(lane: lane, row: ready.lanes[lane].rows.startIndex).id)
        }
        return ids
    }

    /// More files of the first job, as a scan finds them.
    private static func add(_ store: QueueStore, _ names: ClosedRange<Int>) async throws {
        try await store.commit([
            { db in
                let rows = names.map { number in
                    UploadRow(
                        job: 1, path: "/late/\(number)", key: "late/\(number)",
                        identity: SourceIdentity(device: 1, inode: UInt64(number), size: 1, modified: 0), added: Timestamp(milliseconds: 1),
                        partSize: 8 << 20)
                }
                _ = try QueueStore.insert(db, rows)
            }
        ])
    }

    @Test func eachRowIsReadOnceAndInOrder() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 100)
        var ready = ReadyRows()
        var ids: [Int64] = []

        // No row changes its state meanwhile: whoever read from the beginning would find those that were taken again.
        for _ in 0..<20 where ids.count < 100 {
            try await Self.read(store, into: &ready, limit: 16)
            ids += Self.takeAll(&ready, most: 8)
        }

        #expect(ids == Array(1...100))
    }

    @Test func rowsThatComeLaterAreFound() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 10)
        var ready = ReadyRows()
        try await Self.read(store, into: &ready, limit: 64)
        ready.moreMayCome()
        let before = Self.takeAll(&ready)
        try await Self.add(store, 11...20)

        try await Self.read(store, into: &ready, limit: 64)

        #expect(before == Array(1...10) && Self.takeAll(&ready) == Array(11...20))
    }

    @Test func aRowThatWasMovedToTheEndHidesNoneThatComesLater() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 10)
        try await store.commit([{ db in try db.execute(sql: "UPDATE uploads SET position = 7 WHERE id = 3") }])
        var ready = ReadyRows()
        try await Self.read(store, into: &ready, limit: 64)
        ready.moreMayCome()
        let before = Self.takeAll(&ready)
        // All are over, so the next come at place 0.
        try await store.commit([{ db in try db.execute(sql: "UPDATE uploads SET state = 6") }])
        try await Self.add(store, 11...12)

        try await Self.read(store, into: &ready, limit: 64)

        #expect(before.last == 3 && Self.takeAll(&ready) == [11, 12])
    }
}
