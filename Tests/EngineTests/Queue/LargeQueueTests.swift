import Contracts
import GRDB
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// What a queue of very many rows needs: counts that are always right, a start that waits for nothing, an end for what is over.
@Suite(.timeLimit(.minutes(2))) struct LargeQueueTests {
    private func row(_ job: Int64, _ key: String, _ random: inout SeededRandom) -> UploadRow {
        var row = UploadRow(
            job: job, path: "/\(key)", key: key,
            identity: SourceIdentity(device: 1, inode: 1, size: Int64(random.next() % 5_000), modified: 0),
            added: Timestamp(milliseconds: 1), partSize: 1 << 20)
        row.state = [UploadState.queued, .held, .paused][Int(random.next() % 3)]
        return row
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>) func countsEqualRowsAfterAnyChanges(seed: UInt64) async throws {
        let store = try QueueBench().store()
        try await store.commit([
            { db in
                var random = SeededRandom(seed)
                for _ in 0..<60 {
                    let some = "id % 7 = \(random.next() % 7)"
                    switch random.next() % 7 {
                    case 0, 1, 2:
                        // Keys come again: such rows are not inserted, and must not be counted.
                        let job = Int64(random.next() % 3) + 1
                        let rows = (0..<Int(random.next() % 30)).map { _ in row(job, "k\(random.next() % 200)", &random) }
                        _ = try QueueStore.insert(db, rows)
                    case 6:
                        // However they come in.
                        try db.execute(
                            sql: """
                                INSERT OR IGNORE INTO uploads (job, path, key, size, device, inode, modified, state, priority, position, added,
                                  partSize) VALUES (2, '/x', 'k\(random.next() % 200)', 9, 1, 1, 1, 2, 1, 0, 1, 100)
                                """)
                    case 3: try db.execute(sql: "UPDATE uploads SET state = \(random.next() % 7), stored = size / 2, resent = 3 WHERE \(some)")
                    case 4: try db.execute(sql: "UPDATE uploads SET hidden = \(random.next() % 2), size = size + 1 WHERE \(some)")
                    default: try db.execute(sql: "DELETE FROM uploads WHERE \(some)")
                    }
                }
            }
        ])

        let (counted, summed) = try await store.read { db in
            let columns = "state, SUM(n) AS n, SUM(bytes), SUM(stored), SUM(resent)"
            let rows = """
                SELECT job, state, COUNT(*) AS n, SUM(size) AS bytes, SUM(stored) AS stored, SUM(resent) AS resent FROM uploads GROUP BY job, state
                UNION ALL SELECT 0, state, COUNT(*), SUM(size), SUM(stored), SUM(resent) FROM uploads WHERE hidden = 0 GROUP BY state
                """
            let read = { (from: String) in
                try Row.fetchAll(db, sql: "SELECT job, \(columns) FROM \(from) GROUP BY job, state HAVING SUM(n) > 0 ORDER BY job, state").map { row in
                    (0..<row.count).map { row[$0] as Int64 }
                }
            }
            return (try read("counts"), try read("(\(rows))"))
        }
        #expect(counted == summed && !counted.isEmpty)
    }

    @Test func aRowComesBackAsItWasInserted() async throws {
        let store = try QueueBench().store()
        var row = UploadRow(
            job: 1, path: "/p", key: "k", identity: SourceIdentity(device: 1, inode: .max, size: 3, modified: -4, changed: 5),
            added: Timestamp(milliseconds: 6), partSize: 7)
        (row.state, row.held, row.nextTry, row.priority) = (.held, .schedule, Timestamp(milliseconds: 8), .low)
        row.error = StoredError(code: "c", http: nil, request: nil, at: Timestamp(milliseconds: 9), part: nil, message: "m")
        let inserted = row

        try await store.commit([{ db in _ = try QueueStore.insert(db, [inserted]) }])

        row.id = 1
        #expect(try await store.read { db in try QueueStore.row(db, id: 1) } == row)
    }

    @Test func newRowsComeBehindThoseThatWereMoved() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 5, state: .paused)
        try await store.commit([{ db in try db.execute(sql: "UPDATE uploads SET position = 9 WHERE id = 2") }])

        let loop = try await bench.loop(store)
        _ = try await loop.add(bench.order([bench.file("new", 1)], id: "s2") { $0.paused = true })

        #expect(try await loop.uploads(UploadsRequest()).items.last?.key == "new")
        await loop.stop(finishRunning: false)
    }

    @Test func windowsFromTheEndAreThoseFromTheBeginning() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 500, state: .paused)
        try await store.commit([
            { db in
                try db.execute(sql: "UPDATE uploads SET state = 3 WHERE id % 3 = 0")
                try db.execute(sql: "UPDATE uploads SET priority = 2 WHERE id % 5 = 0")
                try db.execute(sql: "UPDATE uploads SET hidden = 1 WHERE id % 11 = 0")
            }
        ])
        let loop = try await bench.loop(store)

        for query in [nil, "state:paused", "state:failed,paused", "prio:low"] {
            let all = try await loop.uploads(UploadsRequest(query: query, limit: 1_000))
            #expect(all.total == all.items.count)
            var paged: [String] = []
            while paged.count < all.total {
                let page = try await loop.uploads(UploadsRequest(query: query, offset: paged.count, limit: 37))
                #expect(page.total == all.total && !page.items.isEmpty)
                if page.items.isEmpty { break }
                paged += page.items.map(\.id)
            }
            #expect(paged == all.items.map(\.id), "\(query ?? "everything")")
            var (followed, last): ([String], String?) = ([], nil)
            while true {
                let page = try await loop.uploads(UploadsRequest(query: query, after: last, limit: 41)).items.map(\.id)
                guard let end = page.last else { break }
                followed += page
                last = end
            }
            #expect(followed == paged)
        }
        await loop.stop(finishRunning: false)
    }

    @Test func rowsThatAnEarlierEngineHeldGoBackIntoTheQueueWhileThisOneWorks() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 25_000, state: .held)
        try await store.commit([
            { db in
                try db.execute(sql: "UPDATE uploads SET held = CASE id % 3 WHEN 0 THEN 'network' WHEN 1 THEN 'credentials' ELSE 'disk' END")
                try db.execute(sql: "UPDATE uploads SET held = 'schedule' WHERE id <= 10")
                try QueueStore.set(db, "queuePaused", "0")
            }
        ])

        let loop = try await bench.loop(store)
        try await bench.until(loop, "released") { await loop.status().counts["queued"] == 24_990 }

        #expect(await loop.status().counts["held"] == 10)
        await loop.stop(finishRunning: false)
    }

    @Test func anOrderThatCannotBeReadFailsItsUploadsWithTheReason() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        let first = try await bench.loop(store)
        let job = try await first.add(bench.order([bench.file("f", 10)]) { $0.paused = true })
        await first.stop(finishRunning: false)
        try await store.commit([
            { db in try db.execute(sql: "UPDATE jobs SET options = '{\"priority\":7}'") },
            { db in try db.execute(sql: "UPDATE uploads SET state = 0") },
        ])

        let second = try await bench.loop(store)
        try await bench.untilAllEnded(second)

        let view = try #require(try await second.uploads(UploadsRequest()).items.first)
        #expect(view.state == .failed && view.lastError?.code == "BadOrder" && view.id == job.uploads.first)
        #expect(bench.oss.calls.isEmpty)
        await second.stop(finishRunning: false)
    }

    @Test func aScanThatCannotGoOnSaysSoAndItsUploadsFail() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        let first = try await bench.loop(store)
        let job = try await first.add(bench.order([bench.file("f", 10)]) { $0.paused = true })
        await first.stop(finishRunning: false)
        try await store.commit([
            { db in try db.execute(sql: "UPDATE jobs SET isScanning = 1, target = 'x'") },
            { db in try db.execute(sql: "UPDATE uploads SET state = 0") },
        ])

        let second = try await bench.loop(store)
        try await bench.untilAllEnded(second)
        try await bench.until(second, "told") { await second.job(job.job)?.state == "ready" }

        let view = try #require(await second.job(job.job))
        #expect(view.counts == ["failed": 1] && view.refused.count == 1)
        #expect(await second.upload(job.uploads[0])?.upload.lastError?.code == "BadOrder")
        await second.stop(finishRunning: false)
    }

    @Test func jobsOfWhichNothingIsLeftGoWithTheHistory() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        let loop = try await bench.loop(store, settings: QueueSettings(uploads: 1, parts: 1, keepHistory: .seconds(3_600)))
        _ = try await loop.add(bench.order([bench.file("old", 1)], id: "old"))
        _ = try await loop.add(bench.order([bench.file("waits", 1)], id: "waits") { $0.paused = true })
        try await bench.until(loop, "done") { await loop.status().counts["done"] == 1 }

        try await bench.until(loop, "purged", step: .seconds(60)) {
            try await store.read { db in try String.fetchAll(db, sql: "SELECT submission FROM jobs") } == ["waits"]
        }

        let counts = try await store.read { db in try Int64.fetchAll(db, sql: "SELECT DISTINCT job FROM counts WHERE n > 0 ORDER BY job") }
        #expect(counts == [0, 2])
        await loop.stop(finishRunning: false)
    }

    @Test func aQueueOfTheVersionBeforeIsTakenOver() async throws {
        let bench = QueueBench()
        let old = try DatabasePool(path: bench.database)
        try QueueSchema.migrator.migrate(old, upTo: "2 places and names")
        try await old.write { db in
            try db.execute(
                sql: """
                    INSERT INTO jobs (submission, isScanning, dest, scope, endpoint, target, options, sources, added)
                      VALUES ('s', 0, 'oss://b/', 'x', 'http://e', '{}', '{}', '[]', 1);
                    INSERT INTO uploads (job, path, key, size, device, inode, modified, state, priority, position, added, partSize)
                      VALUES (1, '/a', 'a', 5, 1, 1, 1, 2, 1, 0, 1, 100);
                    """)
        }
        try old.close()

        let store = try bench.store()
        try await store.commit([
            { db in
                var random = SeededRandom(1)
                _ = try QueueStore.insert(db, [row(1, "b", &random)])
            }
        ])

        let count = try await store.read { db in try Int.fetchOne(db, sql: "SELECT SUM(n) FROM counts WHERE job = 1") }
        #expect(count == 2)
    }
}
