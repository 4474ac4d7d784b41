import FoundationEssentials
import GRDB
import OSSProtocol
import Testing

@testable import Engine

/// Many rows that end at once, and the counts that are made for all of them together.
@Suite(.timeLimit(.minutes(2))) struct StoreEndingsTests {
    struct TornCommit: Error {}

    static func done(_ store: QueueStore, _ ids: ClosedRange<Int64>) async throws -> [UploadRow] {
        try await store.read { db in
            try ids.compactMap { id -> UploadRow? in
                guard var row = try QueueStore.row(db, id: id) else { return nil }
                (row.state, row.stored, row.phase, row.partsStored) = (.done, row.size, .done, 1)
                (row.etag, row.crc64, row.isVerified, row.resent) = ("\"e\(id)\"", UInt64.max - UInt64(id), true, id)
                row.finished = Timestamp(milliseconds: 1_000 + id)
                return row
            }
        }
    }

    /// What `counts` says, and what the rows say.
    static func counts(_ store: QueueStore) async throws -> (kept: [[Int64]], counted: [[Int64]]) {
        try await store.read { db in
            let kept = try Row.fetchAll(db, sql: "SELECT job, state, n, bytes, stored, resent FROM counts WHERE n <> 0 ORDER BY 1, 2")
            let counted = try Row.fetchAll(
                db,
                sql: """
                    SELECT job, state, COUNT(*), SUM(size), SUM(stored), SUM(resent) FROM uploads GROUP BY 1, 2
                    UNION ALL SELECT 0, state, COUNT(*), SUM(size), SUM(stored), SUM(resent) FROM uploads WHERE hidden = 0 GROUP BY 2
                    ORDER BY 1, 2
                    """)
            func numbers(_ rows: [Row]) -> [[Int64]] { rows.map { row in (0..<6).map { row[$0] } } }
            return (numbers(kept), numbers(counted))
        }
    }

    @Test func rowsWrittenTogetherReadAsTheyWereWritten() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 10)
        let rows = try await Self.done(store, 3...7)

        try await store.commit([{ db in try QueueStore.finish(db, rows) }])

        for row in rows { #expect(try await store.read { db in try QueueStore.row(db, id: row.id) } == row) }
        #expect(try await store.read { db in try QueueStore.row(db, id: 8) }?.state == .queued)
    }

    @Test func theyAreCountedAsTheTriggerCounts() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 100)
        try await store.commit([
            { db in
                try db.execute(sql: "UPDATE uploads SET hidden = 1 WHERE id <= 10")
                try db.execute(sql: "UPDATE uploads SET state = 1 WHERE id BETWEEN 20 AND 25")
                try db.execute(sql: "UPDATE uploads SET stored = 1, resent = 7 WHERE id = 30")
            }
        ])
        let rows = try await Self.done(store, 5...40)

        try await store.commit([
            { db in
                try QueueStore.finish(db, rows)
                // The trigger counts again, in the same transaction and afterwards.
                try db.execute(sql: "UPDATE uploads SET state = 2 WHERE id = 50")
            }
        ])
        try await store.commit([{ db in try db.execute(sql: "UPDATE uploads SET state = 4 WHERE id = 5") }])

        let (kept, counted) = try await Self.counts(store)
        #expect(kept == counted)
    }

    @Test func aTornCommitLeavesTheTriggerAtWork() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 20)
        let rows = try await Self.done(store, 1...5)

        await #expect(throws: TornCommit.self) {
            try await store.commit([
                { db in
                    try QueueStore.finish(db, rows)
                    throw TornCommit()
                }
            ])
        }
        try await store.commit([{ db in try db.execute(sql: "UPDATE uploads SET state = 2 WHERE id <= 3") }])

        let (kept, counted) = try await Self.counts(store)
        #expect(kept == counted)
        #expect(try await store.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM countedTogether") } == 0)
    }

    @Test func aRowThatIsGoneIsNoLonger() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 5)
        let rows = try await Self.done(store, 1...5)
        try await store.commit([{ db in try db.execute(sql: "DELETE FROM uploads WHERE id = 2") }])

        try await store.commit([{ db in try QueueStore.finish(db, rows) }])

        let (kept, counted) = try await Self.counts(store)
        #expect(kept == counted && counted.last?[2] == 4)
    }

    @Test(arguments: [nil, "", "text", "größer 🚀", String(repeating: "x", count: 10_000)] as [String?])
    func whatIsBoundIsReadBack(text: String?) async throws {
        let bench = QueueBench()
        let store = try bench.store()

        let read = try store.pool.write { db in
            try db.execute(sql: "CREATE TABLE things (i INTEGER, t TEXT, n INTEGER, f INTEGER)")
            let statement = try db.makeStatement(sql: "INSERT INTO things VALUES (?, ?, ?, ?)")
            // Twice: what was bound before must not stay.
            for (number, text, flag) in [(Int64.max, "before", true), (Int64.min, text, nil)] as [(Int64, String?, Bool?)] {
                try statement.run { values in
                    values.add(number)
                    values.add(text)
                    values.add(7)
                    values.add(flag)
                }
            }
            return try Row.fetchAll(db, sql: "SELECT i, t, n, f, typeof(t) FROM things")
        }

        #expect(read.last?[0] as Int64? == .min && read.last?[1] as String? == text && read.last?[2] as Int? == 7)
        #expect(read.first?[3] as Bool? == true && read.last?[3] as Bool? == nil && read.last?[4] as String? == (text == nil ? "null" : "text"))
    }

    @Test func aRefusedChangeSaysWhy() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 1)

        await #expect(throws: DatabaseError.self) {
            try await store.pool.write { db in
                try db.makeStatement(sql: "INSERT INTO uploads (id, job) VALUES (?, ?)").run { values in
                    values.add(1)
                    values.add(nil as Int64?)
                }
            }
        }
    }
}
