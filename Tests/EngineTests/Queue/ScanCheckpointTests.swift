import Contracts
import GRDB
import Glibc
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// A scan that is cut off goes on where it was: nothing twice, nothing missed.
@Suite(.timeLimit(.minutes(2))) struct ScanCheckpointTests {
    private func names(_ step: ScanStep) -> [String] {
        step.items.compactMap { if case .file(_, let relative, _) = $0 { relative } else { nil } }
    }

    private func rest(_ scanner: Scanner, most: Int) -> [String] {
        var all: [String] = []
        while true {
            let step = scanner.step(most)
            all += names(step)
            if step.isEnd { return all }
        }
    }

    /// Names whose order with and without a slash behind them differs, folders in folders, an empty one.
    private func tree(_ seed: UInt64, _ bench: QueueBench) -> String {
        var random = SeededRandom(seed)
        let names = ["a", "a-b", "a.b", "a b", "a0", "A", "\u{fc}", "zz", "a\u{1}", "-"]
        func fill(_ path: String, depth: Int) {
            Files.folder(path)
            for name in names where random.next() % 4 > 0 {
                if depth < 3, random.next() % 3 == 0 {
                    fill(path + "/" + name, depth: depth + 1)
                } else {
                    Files.write(path + "/" + name, [1])
                }
            }
        }
        let root = bench.folder + "/d"
        fill(root, depth: 0)
        return root
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>) func aScanGoesOnBehindEveryPlaceItWasCutOffAt(seed: UInt64) {
        let bench = QueueBench()
        let root = tree(seed, bench)
        // Little room: folders are read in several runs.
        let capacity = seed % 2 == 0 ? 700 : nil
        let whole = rest(Scanner(source: root, links: .skip), most: 4_000)

        let scanner = Scanner(source: root, links: .skip, capacity: capacity)
        var before: [String] = []
        while true {
            let step = scanner.step(1 + Int(seed % 3))
            before += names(step)
            if step.isEnd { break }
            let after = rest(Scanner(source: root, links: .skip, from: step.place, capacity: capacity), most: 3)
            #expect(before + after == whole, "cut at \(String(decoding: step.place, as: UTF8.self))")
        }

        #expect(before == whole && Set(whole).count == whole.count)
    }

    @Test func aFolderOfMoreNamesThanFitComesSortedAndWhole() {
        let bench = QueueBench()
        let root = bench.folder + "/d"
        Files.folder(root)
        let expected = (0..<3_000).map { "file-\(($0 * 7_919) % 3_000 + 10_000)" }
        for name in expected { Files.write(root + "/" + name, []) }

        let found = rest(Scanner(source: root, links: .skip, capacity: 5_000), most: 100)

        #expect(found == expected.sorted())
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>) func whereFewFoldersCanBeOpenEveryFileIsFoundAllTheSame(seed: UInt64) {
        let bench = QueueBench()
        let root = tree(seed, bench)
        var deep = root
        for depth in 0..<40 {
            deep += "/deep\(depth)"
            Files.folder(deep)
            for name in ["a", "z"] { Files.write(deep + "/" + name, [1]) }
        }
        let whole = rest(Scanner(source: root, links: .skip), most: 4_000)

        // Little room as well: folders that were closed are read again for the rest of their names.
        let scanner = Scanner(source: root, links: .skip, capacity: seed % 2 == 0 ? 700 : nil, mostOpen: 2 + Int(seed % 3))

        #expect(rest(scanner, most: 7) == whole && whole.count >= 80)
    }

    @Test func aScanThatCanOpenNoFolderStandsStillAndGoesOnWhereItWas() {
        let bench = QueueBench()
        let root = tree(3, bench)
        let whole = rest(Scanner(source: root, links: .skip), most: 4_000)

        let none = Scanner(source: root, links: .skip, from: Array("a/b".utf8), mostOpen: 0).step()
        #expect(none.lacksFiles && !none.isEnd && none.items.isEmpty && none.place == Array("a/b".utf8))
        // The source alone, and no folder in it.
        let scanner = Scanner(source: root, links: .skip, mostOpen: 1)
        var found: [String] = []
        var step = ScanStep()
        repeat {
            step = scanner.step(3)
            found += names(step)
        } while !step.lacksFiles && !step.isEnd
        let again = scanner.step()

        #expect(step.lacksFiles && again.lacksFiles && again.items.isEmpty && again.place == step.place)
        #expect(found + rest(Scanner(source: root, links: .skip, from: step.place), most: 3) == whole)
    }

    @Test func whatIsNotQueuedIsCountedByKind() {
        let bench = QueueBench()
        let root = bench.folder + "/d"
        Files.folder(root)
        bench.file("d/yes", 1)
        bench.file("d/no.tmp", 1)
        symlink("yes", root + "/link")
        mkfifo(root + "/pipe", 0o600)

        let step = Scanner(source: root, links: .skip) { name, _ in name.last != UInt8(ascii: "p") }.step()

        #expect(step.skipped == [.links: 1, .pipes: 1, .filtered: 1] && step.looked == 5 && names(step) == ["yes"])
    }

    // MARK: - The engine killed

    static let cuts = (1...7).flatMap { [CrashTests.Cut(commit: $0, isAfter: false), CrashTests.Cut(commit: $0, isAfter: true)] }

    @Test(arguments: cuts) func aKilledEngineLooksAtNothingAgainThatItQueued(cut: CrashTests.Cut) async throws {
        let bench = QueueBench()
        let root = bench.folder + "/d"
        Files.folder(root)
        for folder in 0..<8 {
            Files.folder("\(root)/\(folder)")
            for index in 0..<700 { Files.write("\(root)/\(folder)/f\(index)", [1]) }
        }
        symlink("0", root + "/0-link")
        let order = bench.order([root + "/"]) { $0.paused = true }
        let isCut = Lock(false)
        let first = try await bench.loop(hook: { number, isDone in
            guard number > cut.commit || (number == cut.commit && isDone == cut.isAfter) else { return }
            isCut.withLock { $0 = true }
            throw StoreIsGone()
        })
        let answered = try? await first.add(order)
        try await bench.until(first, "cut or scanned") {
            if isCut.withLock({ $0 }) { return true }
            guard let answered else { return false }
            return await first.job(answered.job)?.state == "ready"
        }
        await first.stop(finishRunning: false)

        let store = try bench.store()
        let queued = try await store.read { db in try String.fetchAll(db, sql: "SELECT path FROM uploads") }
        // Whoever looks at one of them again finds a pipe.
        for path in queued {
            unlink(path)
            mkfifo(path, 0o600)
        }
        bench.file("d/zz", 1)
        let second = try await bench.loop(store)
        let job = try await second.add(order)
        try await bench.until(second, "scanned") { await second.job(job.job)?.state == "ready" }

        let view = try #require(await second.job(job.job))
        // What came to be before the scan was there is queued with the others.
        #expect(view.total == (queued.count == 5_600 ? 5_600 : 5_601))
        #expect(view.refused.isEmpty && view.skipped == ["links": 1])
        let paths = try await store.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(DISTINCT path) FROM uploads") }
        #expect(paths == view.total)
        await second.stop(finishRunning: false)
    }

    @Test func anOrderOfManySourcesGoesOnAtTheOneItWasAt() async throws {
        let bench = QueueBench()
        let paths = (0..<1_800).map { bench.file("f\($0 + 10_000)", 1) }
        let order = bench.order(paths) { $0.paused = true }
        // The order, then its first batch.
        let first = try await bench.loop(hook: { number, isDone in if number == 2 && isDone || number > 2 { throw StoreIsGone() } })
        _ = try? await first.add(order)
        try await bench.until(first, "cut") { await first.isDead }
        await first.stop(finishRunning: false)

        let store = try bench.store()
        let place = try await store.read { db in try QueueStore.scanPlace(db, job: 1) }
        let second = try await bench.loop(store)
        let job = try await second.add(order)
        try await bench.until(second, "scanned") { await second.job(job.job)?.state == "ready" }

        #expect(place == ScanPlace(source: 500))
        #expect(await second.job(job.job)?.total == 1_800)
        await second.stop(finishRunning: false)
    }
}
