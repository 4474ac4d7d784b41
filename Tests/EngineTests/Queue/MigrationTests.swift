import Contracts
import FoundationEssentials
import GRDB
import Glibc
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// Queues that earlier versions left behind, as SQL that was dumped from them once (`Fixtures/queue-N.sql`, N the last migration): rows in
/// every state, one upload half-way, one order whose scan was cut off.
@Suite(.timeLimit(.minutes(2))) struct MigrationTests {
    private static let large = 5 << 20
    private static let small = ["held", "paused", "failed", "cancelled", "skipped", "done", "queued", "hidden", "late"]

    /// The files that the rows are about, the parts that the server has, and the queue's file as that version left it.
    private func queue(of version: Int, _ bench: QueueBench) async throws {
        var folder = #filePath.split(separator: "/").dropLast(2).map(String.init)
        folder += ["Fixtures", "queue-\(version).sql"]
        let bytes = try SecureFile.read("/" + folder.joined(separator: "/"), limit: 1 << 20, mustBePrivate: false)
        let sql = String(decoding: bytes, as: UTF8.self).split(separator: "@FILES@", omittingEmptySubsequences: false).joined(
            separator: bench.folder)
        let large = bench.file("large", Self.large, seed: 2)
        for name in Self.small { bench.file(name, 100, seed: 3) }
        let address = BucketAddress(endpoint: try Endpoint("http://127.0.0.1:9"), addressing: .path, region: "r", bucket: "bucket")
        let begin = OSSOperation.initiate(ObjectHeaders()).request(at: address, key: ObjectKey("large"))
        _ = try await bench.oss.send(begin, body: nil, options: SendOptions(), progress: nil)
        let queue = try DatabaseQueue(path: bench.database)
        for number in 1...2 {
            let source = try SourceFile.open(large)
            let part = OSSOperation.uploadPart(number: number, uploadID: "UPLOAD1").request(at: address, key: ObjectKey("large"))
            let body = FileBody(source: source, offset: Int64(number - 1) << 20, length: 1 << 20)
            _ = try await bench.oss.send(part, body: body, options: SendOptions(), progress: nil)
        }
        let identities = try (["large"] + Self.small.dropLast()).map { try SourceFile.open(bench.folder + "/" + $0).identity }
        try await queue.writeWithoutTransaction { db in
            try db.execute(sql: sql)
            for identity in identities.enumerated() {
                let (name, file) = ((["large"] + Self.small)[identity.offset], identity.element)
                try db.execute(
                    sql: "UPDATE uploads SET device = ?, inode = ?, modified = ? WHERE key = ?",
                    arguments: [Int64(bitPattern: file.device), Int64(bitPattern: file.inode), file.modified, name])
            }
            for number in 1...2 {
                let part = Array(Files.bytes(Self.large, seed: 2)[((number - 1) << 20)..<(number << 20)])
                let object = ModelOSS.Object(bytes: part, crc64: ModelOSS.crc(part))
                try db.execute(
                    sql: "INSERT INTO parts VALUES (1, ?, 1048576, ?, ?)",
                    arguments: [number, ModelOSS.etag(object), Int64(bitPattern: object.crc64)])
            }
        }
        try queue.close()
    }

    @Test(arguments: [1, 2]) func aQueueOfThatVersionGoesOnWhereItWas(version: Int) async throws {
        let bench = QueueBench()
        try await queue(of: version, bench)

        let store = try bench.store()
        let loop = try await bench.loop(store)
        try await bench.until(loop, "all that may run has run") {
            let counts = await loop.status().counts
            return counts["scanning"] == 0 && counts["queued"] == 0 && counts["uploading"] == 0 && counts["held"] == 0
        }
        try await bench.until(loop, "what is owed is paid") { try await loop.ledger().isEmpty }

        #expect(
            try await bench.states(loop) == [
                "large": .done, "held": .done, "paused": .paused, "failed": .failed, "cancelled": .cancelled, "skipped": .skipped,
                "done": .done, "queued": .done, "late": .done,
            ])
        #expect(bench.oss.objects["large"]?.bytes == Files.bytes(Self.large, seed: 2))
        // The two that were there before and the three that were missing.
        #expect(bench.oss.finished.filter { $0.kind == "part" }.compactMap(\.part).sorted() == [1, 2, 3, 4, 5])
        #expect(bench.oss.calls("initiate").count == 1)
        #expect(await loop.limits().parts == 3)
        #expect(await loop.job("j-1")?.refused.first?.reason == "it is a pipe")
        await loop.stop(finishRunning: false)
    }

    @Test(arguments: [1, 2]) func aMigratedQueueHasTheTablesOfANewOne(version: Int) async throws {
        let (old, new) = (QueueBench(), QueueBench())
        try await queue(of: version, old)

        let tables = { (store: QueueStore) in
            try await store.read { db in
                try String.fetchAll(
                    db, sql: "SELECT type || ' ' || name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1")
                    + Row.fetchAll(
                        db,
                        sql: """
                            SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
                            WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY 1
                            """
                    ).map { $0[0] as String }
            }
        }

        #expect(try await tables(old.store()) == tables(new.store()))
    }
}
