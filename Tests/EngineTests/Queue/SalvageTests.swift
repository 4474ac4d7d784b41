import Contracts
import GRDB
import Glibc
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// A queue whose file is damaged is put aside and rebuilt from what can be read of it.
@Suite(.timeLimit(.minutes(2))) struct SalvageTests {
    enum Harm: String, CaseIterable, Sendable {
        case cutOff, cutShort, zeroedPages, randomBytes, randomHeader, randomFirstPage, randomLog
    }

    private static let page = 4096
    private static let files = 600

    /// Paused, so that every one of them is in the file that is damaged.
    private func filled(_ bench: QueueBench) async throws {
        Files.folder(bench.folder + "/d")
        for index in 0..<Self.files { bench.file("d/f\(index)", 10 + index, seed: UInt64(index)) }
        let store = try bench.store()
        let loop = try await bench.loop(store)
        let job = try await loop.add(bench.order([bench.folder + "/d"]) { $0.paused = true })
        try await bench.until(loop, "scanned") { await loop.job(job.job)?.state == "ready" }
        await loop.stop(finishRunning: false)
        try store.close()
    }

    private func harm(_ path: String, _ harm: Harm) throws {
        let size = Int(try FileCopy.size(path))
        switch harm {
        case .cutOff: truncate(path, off_t(size * 6 / 10 / Self.page * Self.page + 100))
        // With it goes the list of tables.
        case .cutShort: truncate(path, off_t(15 * Self.page))
        case .zeroedPages:
            // Every fifth from the middle on.
            for page in stride(from: size / Self.page / 2, to: size / Self.page, by: 5) {
                try FileCopy.overwrite(path, [UInt8](repeating: 0, count: Self.page), at: Int64(page * Self.page))
            }
        case .randomBytes: try FileCopy.overwrite(path, Files.bytes(16 << 10, seed: 5), at: Int64(size / 2))
        case .randomHeader: try FileCopy.overwrite(path, Files.bytes(100, seed: 5), at: 0)
        case .randomFirstPage: try FileCopy.overwrite(path, Files.bytes(Self.page, seed: 5), at: 0)
        case .randomLog: Files.write(path + "-wal", Files.bytes(50_000, seed: 5))
        }
    }

    @Test(arguments: Harm.allCases) func everyFileIsStoredInTheEndWhateverWasDamaged(what: Harm) async throws {
        let bench = QueueBench()
        try await filled(bench)
        try harm(bench.database, what)

        let (store, damage) = try QueueStore.openOrRebuild(path: bench.database, at: bench.clock.value)
        let loop = try await bench.loop(store)
        try await bench.until(loop, "what was lost is found again") { await loop.status().counts["scanning"] == 0 }
        _ = try await loop.act(ActionRequest(action: "resume", query: "state:paused"))
        try await bench.untilAllEnded(loop)

        #expect(bench.oss.objects.count == Self.files)
        #expect(bench.oss.objects["d/f7"]?.bytes == Files.bytes(17, seed: 7))
        // A -wal that is none holds nothing that anybody could miss.
        if what != .randomLog {
            let damage = try #require(damage)
            #expect(access(damage.setAside, F_OK) == 0 && damage.jobs == 1)
            #expect(await loop.status().notice?.contains(damage.setAside) == true)
        }
        await loop.stop(finishRunning: false)
    }

    @Test(arguments: [Harm.randomHeader, .randomFirstPage]) func whatOnlyLostItsBeginningIsReadWhole(what: Harm) async throws {
        let bench = QueueBench()
        try await filled(bench)
        try harm(bench.database, what)

        let (store, damage) = try QueueStore.openOrRebuild(path: bench.database, at: bench.clock.value)

        #expect(damage?.uploads == Self.files && damage?.rescanned == 0 && damage?.isWhole == true)
        #expect(try await store.read { db in try QueueStore.counts(db, job: 0)[.paused]?.uploads } == Self.files)
    }

    @Test func storedPartsOfAnUploadUnderWayAreNotSentAgain() async throws {
        let bench = QueueBench()
        let path = bench.file("large", 5 << 20, seed: 2)
        let first = try bench.store()
        let before = try await bench.loop(first)
        bench.oss.setFaults { $0.kind == "part" && $0.part ?? 0 > 3 ? .blackHole : nil }
        _ = try await before.add(bench.order([path]))
        try await bench.until(before, "three parts are stored") {
            try await first.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM parts") } == 3
        }
        await before.stop(finishRunning: false)
        try first.close()
        try harm(bench.database, .randomHeader)
        bench.oss.setFaults { _ in nil }

        let (store, _) = try QueueStore.openOrRebuild(path: bench.database, at: bench.clock.value)
        let after = try await bench.loop(store)
        try await bench.untilAllEnded(after)

        #expect(bench.oss.objects["large"]?.bytes == Files.bytes(5 << 20, seed: 2))
        #expect(bench.oss.calls("initiate").count == 1)
        #expect(bench.oss.finished.count { $0.kind == "part" } == 5)
        await after.stop(finishRunning: false)
    }

    @Test func ofAFileThatIsNoQueueAtAllNothingIsKeptButTheFile() async throws {
        let bench = QueueBench()
        let noise = Files.bytes(100_000, seed: 1)
        Files.write(bench.database, noise)

        let (store, damage) = try QueueStore.openOrRebuild(path: bench.database, at: bench.clock.value)

        let aside = try #require(damage?.setAside)
        #expect(try SecureFile.read(aside, limit: 1 << 20, mustBePrivate: false) == noise)
        #expect(damage?.uploads == 0 && damage?.isWhole == false)
        #expect(try await store.read { db in try QueueStore.counts(db, job: 0) }.isEmpty)
    }

    @Test func aKillBetweenTheTwoRenamesLosesNothing() async throws {
        let bench = QueueBench()
        try await filled(bench)
        // The rebuilt queue is whole, the damaged one has gone, and the new one has not got its name yet.
        rename(bench.database, bench.database + ".rebuilt")
        Files.write(bench.database + "-wal", Files.bytes(1000, seed: 1))

        let (store, _) = try QueueStore.openOrRebuild(path: bench.database, at: bench.clock.value)

        #expect(try await store.read { db in try QueueStore.counts(db, job: 0)[.paused]?.uploads } == Self.files)
    }

    @Test func damageThatShowsInUseIsToldOnce() async throws {
        let bench = QueueBench()
        try await filled(bench)
        let store = try bench.store()
        let told = Lock<[String]>([])
        store.whenDamaged { reason in told.withLock { $0.append(reason) } }
        try harm(bench.database, .zeroedPages)
        try await store.pool.write { db in db.clearSchemaCache() }

        for _ in 0..<3 { await store.findDamage() }

        #expect(told.withLock { $0.count } == 1)
    }
}
