import Contracts
import GRDB
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// What has ended, how it is found again, and when it is forgotten.
@Suite(.timeLimit(.minutes(2))) struct HistoryTests {
    /// A store with so many ended rows of job 1, one a second, straight into the tables.
    static func fill(_ store: QueueStore, rows: Int, hidden: Bool = true, at: Int64 = 1_794_000_000_000) throws {
        try store.pool.write { db in
            try db.execute(
                sql: """
                    INSERT INTO jobs (submission, isScanning, dest, scope, endpoint, target, options, sources, added)
                    VALUES ('s0', 0, 'oss://b/', 'oss://b', 'https://e', ?, '{}', '[]', \(at))
                    """,
                arguments: [
                    try QueueStore.json(
                        Target(
                            scope: "oss://b", remote: nil, bucket: "b", region: "r", endpoint: "https://oss-r.aliyuncs.com",
                            addressing: "path", prefix: "", isKey: false))
                ])
            try db.execute(
                sql: """
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(rows))
                    INSERT INTO uploads (job, path, key, size, device, inode, modified, state, hidden, priority, position, stored, added,
                      finished, etag, crc64, isVerified, partSize, requestID)
                    SELECT 1, '/d/f' || i, printf('f%09d', i), i % 1000, 1, i, 1, CASE WHEN i % 10 = 0 THEN 3 ELSE 6 END, \(hidden ? 1 : 0), 1,
                      0, i % 1000, \(at), \(at) + i * 1000, 'E' || i, i, 1, 8388608, 'R' || i FROM n
                    """)
        }
    }

    private func all(_ loop: EngineLoop, _ query: String? = nil, sort: String? = nil, limit: Int = 100) async throws -> [HistoryItem] {
        var items: [HistoryItem] = []
        var after: String?
        repeat {
            let page = try await loop.history(HistoryRequest(query: query, sort: sort, after: after, limit: limit))
            items += page.items
            after = page.next
        } while after != nil
        return items
    }

    @Test func whatIsStoredLeavesTheQueueAfterTenMinutesAndStaysInTheHistory() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        _ = try await loop.add(bench.order([bench.file("f", 10)]))
        try await bench.untilAllEnded(loop)
        #expect(try await loop.uploads(UploadsRequest()).total == 1)
        #expect(try await loop.history(HistoryRequest()).total == 1)

        bench.clock.advance(.seconds(660))
        try await bench.until(loop, "the queue is empty") { try await loop.uploads(UploadsRequest()).total == 0 }

        let page = try await loop.history(HistoryRequest())
        #expect(page.items.map(\.upload.state) == [.done] && page.items.first?.removed == false)
        #expect(page.items.first?.requestId == "REQ-put-1" && page.items.first?.reason == nil)
        await loop.stop(finishRunning: false)
    }

    @Test func whatFailedWasCancelledOrRemovedIsThereWithItsReason() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        bench.oss.setFaults { $0.key == "bad" ? .answer(status: 403, code: "AccessDenied") : $0.key == "slow" ? .blackHole : nil }
        _ = try await loop.add(bench.order([bench.file("bad", 10), bench.file("slow", 10)]))
        try await bench.until(loop, "one failed") { await loop.status().counts["failed"] == 1 }
        _ = try await loop.act(ActionRequest(action: "cancel", query: "slow"))
        try await bench.untilAllEnded(loop)
        _ = try await loop.act(ActionRequest(action: "remove", query: "state:failed"))

        let items = try await all(loop)

        #expect(items.map(\.upload.key) == ["slow", "bad"], "the newest first")
        #expect(items[0].upload.state == .cancelled && items[0].reason?.contains("cancelled") == true && !items[0].removed)
        #expect(items[1].upload.state == .failed && items[1].reason?.isEmpty == false && items[1].removed)
        #expect(try await loop.uploads(UploadsRequest()).items.map(\.key) == ["slow"])
        await loop.stop(finishRunning: false)
    }


    @Test(arguments: [1, 7, 100]) func pagesTogetherAreAllOfItOnceAndInOrder(limit: Int) async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try HistoryTests.fill(store, rows: 250)
        let loop = try await bench.loop(store)

        let newest = try await all(loop, limit: limit)
        let oldest = try await all(loop, sort: "finished", limit: limit)
        let failed = try await all(loop, "state:failed", limit: limit)

        #expect(newest.map(\.upload.key) == (1...250).reversed().map { HistoryTests.key($0) })
        #expect(oldest.map(\.upload.key) == (1...250).map { HistoryTests.key($0) })
        #expect(failed.map(\.upload.key) == stride(from: 250, through: 10, by: -10).map { HistoryTests.key($0) })
        await loop.stop(finishRunning: false)
    }

    private static func key(_ number: Int) -> String {
        let digits = String(number)
        return "f" + String(repeating: "0", count: 9 - digits.utf8.count) + digits
    }

    @Test(arguments: ["size-", "name", "added", "size,finished-"]) func anotherOrderIsTheSameSetOfRows(sort: String) async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try HistoryTests.fill(store, rows: 120)
        let loop = try await bench.loop(store)

        let items = try await all(loop, sort: sort, limit: 50)

        #expect(Set(items.map(\.upload.key)).count == 120 && items.count == 120)
        let sizes = items.compactMap(\.upload.size)
        if sort == "size-" { #expect(sizes == sizes.sorted(by: >)) }
        if sort == "name" { #expect(items.prefix(3).map(\.upload.path) == ["/d/f1", "/d/f2", "/d/f3"]) }
        await loop.stop(finishRunning: false)
    }

    @Test func aQueryThatHasToLookAtEachRowEndsItsPageInTimeAndGoesOn() throws {
        let bench = QueueBench()
        let store = try bench.store()
        try HistoryTests.fill(store, rows: 1_000)
        let plan = try QueryPlan("f7", now: Timestamp(milliseconds: 1_795_000_000_000))
        var question = HistoryQuestion(
            plan: plan, limit: 1_000, mostLooks: 300, wantsTotal: true, jobs: [:], now: Timestamp(milliseconds: 1_795_000_000_000))

        var found: [String] = []
        var pages = 0
        while true {
            let answer = try store.pool.read { [question] db in try QueueStore.history(db, question) }
            #expect(answer.total == nil, "nobody counted them")
            found += answer.rows.map(\.key)
            pages += 1
            guard let next = answer.next else { break }
            (question.after, question.wantsTotal) = (next, true)
        }

        #expect(pages == 4)
        // f7, f70 to f79, f700 to f799.
        #expect(found.count == 111 && Set(found).count == 111)
    }

    @Test func totalsAreGivenWhereTheyAreKnown() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try HistoryTests.fill(store, rows: 200)
        let loop = try await bench.loop(store)

        let totals = [
            try await loop.history(HistoryRequest(limit: 1)).total, try await loop.history(HistoryRequest(query: "state:failed", limit: 1)).total,
            try await loop.history(HistoryRequest(query: "job:j-1 state:done", limit: 1)).total,
            try await loop.history(HistoryRequest(query: "f7", limit: 1)).total,
        ]

        #expect(totals == [200, 20, 180, nil])
        await loop.stop(finishRunning: false)
    }

    @Test(arguments: ["x", "1", "n-5", "1-2-3", "-5"]) func anAfterThatNoPageGaveIsRefused(after: String) async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()

        let error = await #expect(throws: OrderError.self) { try await loop.history(HistoryRequest(after: after)) }

        #expect(error?.exit == 2)
        await loop.stop(finishRunning: false)
    }

    @Test func aPageOfAMillionRowsIsReadByTheIndexOnTime() throws {
        let bench = QueueBench()
        let store = try bench.store()

        let plans = try store.pool.read { db in
            try [
                "SELECT \(UploadRow.columns) FROM uploads INDEXED BY uploadsFinished WHERE finished IS NOT NULL AND (1) AND (finished, id) < (5, 5) ORDER BY finished DESC, id DESC LIMIT 101",
                "SELECT \(UploadRow.columns) FROM uploads INDEXED BY uploadsByKey WHERE job = 1 AND key > 'a' ORDER BY job, key LIMIT 1001",
            ].map { sql in
                try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN " + sql).map { $0["detail"] as String }.joined(separator: "; ")
            }
        }

        #expect(plans.allSatisfy { $0.contains("SEARCH") && !$0.contains("TEMP B-TREE") }, "\(plans)")
    }

    // MARK: - Forgetting

    @Test func whatIsOlderThanTheHistoryGoesInBatchesAndItsJobRemembersHowMany() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        // One a second from 2026-11-06 on; the clock stands at 2026-11-18.
        try HistoryTests.fill(store, rows: 12_000)
        var settings = QueueSettings(uploads: 3, parts: 4)
        settings.keepHistory = .seconds(995_000)
        let loop = try await bench.loop(store, settings: settings)

        try await bench.until(loop, "the old ones are gone", step: .seconds(1)) {
            try await loop.history(HistoryRequest(limit: 1)).total.map { $0 < 7_100 } ?? false
        }

        let receipt = try #require(try await loop.receipt(ReceiptRequest(job: "j-1", limit: 1)))
        let left = try #require(try await loop.history(HistoryRequest(limit: 1)).total)
        #expect(receipt.head.gone == 12_000 - left && receipt.head.gone >= 4_900)
        let kept = try await store.read { db in try Int.fetchOne(db, sql: "SELECT SUM(n) FROM counts WHERE job = 1") }
        #expect(kept == left, "the sums go with the rows")
        await loop.stop(finishRunning: false)
    }

    @Test func aFullBatchIsFollowedByTheNextOneAtOnce() throws {
        let bench = QueueBench()
        let store = try bench.store()
        try HistoryTests.fill(store, rows: 25)

        let swept = try store.pool.write { db in
            try (0..<4).map { _ in try QueueStore.sweepHistory(db, before: 1_795_000_000_000, limit: 10) }
        }

        #expect(swept == [10, 10, 5, 0])
    }

    @Test func aFailedUploadThatStillStandsInTheQueueIsNotForgotten() throws {
        let bench = QueueBench()
        let store = try bench.store()
        try HistoryTests.fill(store, rows: 25, hidden: false)

        #expect(try store.pool.write { db in try QueueStore.sweepHistory(db, before: 1_795_000_000_000, limit: 10) } == 0)
    }

    // MARK: - Edits

    @Test func theEditsAreListedTheNewestFirstAndSayWhatWasTakenBack() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        let job = try await loop.add(bench.order([bench.file("f", 10), bench.file("g", 10)]) { $0.paused = true })
        _ = try await loop.act(ActionRequest(action: "priority", query: "job:\(job.job)", value: "high", by: "ops2"))
        _ = try await loop.act(ActionRequest(action: "cancel", ids: [job.uploads[0]]))
        _ = try await loop.act(ActionRequest(action: "undo"))

        let edits = try await loop.edits()

        #expect(edits.map(\.action) == ["cancel", "priority"] && edits.map(\.uploads) == [1, 2])
        #expect(edits.map(\.undone) == [true, false] && edits.map(\.by) == [nil, "ops2"] && edits.allSatisfy(\.undoable))
        await loop.stop(finishRunning: false)
    }

    @Test func aRetryThatIsTakenBackHasItsErrorAgain() async throws {
        let bench = QueueBench()
        let loop = try await bench.loop()
        bench.oss.setFaults { _ in .answer(status: 403, code: "AccessDenied") }
        let job = try await loop.add(bench.order([bench.file("f", 10)]))
        try await bench.untilAllEnded(loop)
        let before = try #require(await loop.upload(job.uploads[0])?.upload.lastError)
        // Nothing may start between the retry and its undo.
        _ = try await loop.setLimits(LimitsChange(rate: "0"))
        _ = try await loop.act(ActionRequest(action: "retry", ids: job.uploads))
        #expect(await loop.upload(job.uploads[0])?.upload.state == .queued)
        #expect(await loop.upload(job.uploads[0])?.upload.lastError == nil)

        let undone = try await loop.act(ActionRequest(action: "undo"))

        #expect(undone.changed == 1)
        let after = try #require(await loop.upload(job.uploads[0])?.upload)
        #expect(after.state == .failed && after.lastError == before && after.finished != nil)
        await loop.stop(finishRunning: false)
    }
}
