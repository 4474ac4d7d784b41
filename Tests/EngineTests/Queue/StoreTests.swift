import Contracts
import GRDB
import Glibc
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

@Suite(.timeLimit(.minutes(2))) struct StoreTests {
    @Test func commitsAreFlushedAndTheFileIsTheOwnersAlone() throws {
        let bench = QueueBench()
        let store = try bench.store()

        let level = try store.pool.writeWithoutTransaction { db in try Int.fetchOne(db, sql: "PRAGMA synchronous") }
        let mode = try store.pool.read { db in try String.fetchOne(db, sql: "PRAGMA journal_mode") }
        var information = stat()
        stat(bench.database, &information)

        #expect(level == 2 && mode == "wal" && information.st_mode & 0o777 == 0o600)
    }

    @Test func aDamagedFileIsNamed() {
        let bench = QueueBench()
        Files.write(bench.database, Files.bytes(8192, seed: 1))

        #expect(throws: QueueStoreError.damaged(path: bench.database, reason: "file is not a database")) { try bench.store() }
    }

    @Test func aStoreOfANewerDavitIsNotTouched() throws {
        let bench = QueueBench()
        do {
            let store = try bench.store()
            try store.pool.write { db in try db.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('99 the future')") }
            try store.close()
        }

        #expect(throws: QueueStoreError.newer(path: bench.database)) { try bench.store() }
    }

    @Test func aFolderThatIsNotThereIsNamed() {
        #expect(throws: QueueStoreError.self) { try QueueStore(path: "/nonexistent/davit.sqlite") }
    }

    @Test(arguments: [1, 31, 32, 1000, 1 << 25] as [Int64]) func idsAreReadAsTheyAreWritten(row: Int64) {
        let text = UploadID.text(row)

        #expect(UploadID.row(text) == row && UploadID.row(text.lowercased()) == row)
        #expect(text.utf8.dropFirst(2).allSatisfy { !Set("ILOU".utf8).contains($0) })
    }

    @Test(arguments: ["", "u-", "u-0", "x-10000", "u-!!!!!", "u-ZZZZZZZZZZZZZZZ"]) func whatIsNoIDIsNone(text: String) {
        #expect(UploadID.row(text) == nil)
    }

    @Test(arguments: [("m2", "m10"), ("a", "B"), ("a1b2", "a1b10"), ("x", "x1"), ("file007", "file8"), ("a-1", "a0"), ("f10", "f10a"), ("a/9", "a/x")]) func namesSortAsPeopleCount(
        first: String, second: String
    ) {
        #expect(NaturalOrder.key(first).lexicographicallyPrecedes(NaturalOrder.key(second)))
    }

    @Test func countsFollowEveryChangeOfRows() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 100)

        try await store.commit([
            { db in
                try db.execute(sql: "UPDATE uploads SET state = 6, stored = size WHERE id <= 30")
                try db.execute(sql: "UPDATE uploads SET hidden = 1 WHERE id <= 10")
                try db.execute(sql: "DELETE FROM uploads WHERE id = 100")
            }
        ])

        let (queue, job) = try await store.read { db in (try QueueStore.counts(db, job: 0), try QueueStore.counts(db, job: 1)) }
        #expect(queue[.done]?.uploads == 20 && queue[.queued]?.uploads == 69)
        #expect(job[.done]?.uploads == 30 && job[.queued]?.uploads == 69)
        let bytes = (11...30).reduce(Int64(0)) { $0 + Int64($1) }
        #expect(queue[.done]?.stored == bytes && queue[.done]?.bytes == bytes)
    }

    @Test func sizesWhoseSumNoNumberHoldsAreShownAsTheLargest() async throws {
        let bench = QueueBench()
        let store = try bench.store()
        try await QueueFiller.fill(store, 30, state: .paused)
        try await store.commit([{ db in try db.execute(sql: "UPDATE uploads SET size = \(Int64.max / 4)") }])
        let loop = try await bench.loop(store)

        #expect(await loop.status().totals.bytes == .max)
        #expect(await loop.job("j-1")?.bytes == .max)
        await loop.stop(finishRunning: false)
    }
}

/// Rows without files: for what only looks at rows.
enum QueueFiller {
    static func fill(_ store: QueueStore, _ count: Int, state: UploadState = .queued) async throws {
        let target = Target(
            scope: "test", remote: nil, bucket: "bucket", region: "r", endpoint: "http://127.0.0.1:9", addressing: "path", prefix: "",
            isKey: false)
        let plan = try OrderPlan(OrderOptions(), target: target, partSize: 8 << 20, now: Timestamp(milliseconds: 0))
        let order = JobOrder(submissionId: "fill", sources: ["/x"], dest: "oss://bucket/")
        try await store.commit([
            { db in
                let job = try QueueStore.addJob(db, order, dest: "oss://bucket/", plan: plan, at: Timestamp(milliseconds: 0)).job.id
                try QueueStore.endScan(db, job: job)
                for start in stride(from: 0, to: count, by: 1_000) {
                    let rows = (start..<min(start + 1_000, count)).map { number in
                        var row = UploadRow(
                            job: job, path: "/data/folder \(number % 100)/file-\(number).bin",
                            key: "folder \(number % 100)/file-\(number).bin",
                            identity: SourceIdentity(device: 1, inode: UInt64(number), size: Int64(number + 1), modified: 0),
                            added: Timestamp(milliseconds: Int64(number)), partSize: 8 << 20)
                        row.state = state
                        return row
                    }
                    try QueueStore.addRows(db, job: job, rows, refused: [])
                }
            }
        ])
    }
}
