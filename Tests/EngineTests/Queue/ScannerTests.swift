import Glibc
import Platform
import Testing

@testable import Engine

@Suite struct ScannerTests {
    private func scan(_ source: String, links: Scanner.Links = .skip, wants: @escaping @Sendable ([UInt8], Bool) -> Bool = { _, _ in true })
        async -> [ScanItem]
    {
        let scanner = Scanner(source: source, links: links, wants: wants)
        var all: [ScanItem] = []
        while true {
            let items = await scanner.next()
            if items.isEmpty { return all }
            #expect(items.count <= Scanner.batchSize + 1)
            all += items
        }
    }

    private func names(_ items: [ScanItem]) -> [String] {
        items.compactMap { if case .file(_, let relative, _) = $0 { relative } else { nil } }
    }

    private func refusals(_ items: [ScanItem]) -> [String] {
        items.compactMap { if case .refused(_, let reason) = $0 { reason } else { nil } }
    }

    @Test func everyFileComesOnceWithItsPathBelowTheSource() async {
        let bench = QueueBench()
        for folder in ["/d", "/d/a", "/d/a/b", "/d/empty"] { Files.folder(bench.folder + folder) }
        for name in ["d/1", "d/.hidden", "d/a/2", "d/a/b/3", "d/ü", "d/e\u{301}", "d/new\nline"] { bench.file(name, 3) }

        let items = await scan(bench.folder + "/d")

        #expect(
            Set(names(items).map { Array($0.utf8) })
                == Set(["1", ".hidden", "a/2", "a/b/3", "ü", "e\u{301}", "new\nline"].map { Array($0.utf8) }))
        #expect(refusals(items).isEmpty)
    }

    @Test func aFileFromTheFarFutureIsQueuedLikeAnyOther() async {
        let bench = QueueBench()
        let path = bench.file("f", 3)
        let far = timespec(tv_sec: 10_413_792_000, tv_nsec: 5)
        utimensat(AT_FDCWD, path, [far, far], 0)

        let items = await scan(path)

        guard case .file(_, _, let identity)? = items.first else {
            Issue.record("\(items)")
            return
        }
        #expect(identity.modified == .max && items.count == 1)
        #expect(SourceIdentity.nanoseconds(timespec(tv_sec: -10_413_792_000, tv_nsec: 5)) == .min)
        #expect(SourceIdentity.nanoseconds(timespec(tv_sec: -1, tv_nsec: 5)) == -999_999_995)
    }

    @Test(.timeLimit(.minutes(1))) func readingAFileThatNobodyWaitsForAnyMoreEnds() async throws {
        let bench = QueueBench()
        let path = bench.file("f", 0)
        // Sparse: hours of reading, no space.
        #expect(truncate(path, 1 << 40) == 0)
        let source = try SourceFile.open(path)
        let reading = Task { try await SourceReader.crc64(of: source, offset: 0, length: 1 << 40) }

        reading.cancel()

        await #expect(throws: FileError.self) { try await reading.value }
    }

    @Test func namesComeSortedWithinAFolder() async {
        let bench = QueueBench()
        Files.folder(bench.folder + "/d")
        for index in (0..<2_345).reversed() { bench.file("d/\(index + 10_000)", 0) }

        let found = names(await scan(bench.folder + "/d"))

        #expect(found.count == 2_345 && found == found.sorted())
    }

    @Test func linksAreSkippedUnlessTheyAreToBeFollowed() async {
        let bench = QueueBench()
        Files.folder(bench.folder + "/d")
        Files.folder(bench.folder + "/other")
        bench.file("d/file", 1)
        bench.file("other/far", 1)
        symlink(bench.folder + "/other", bench.folder + "/d/folderlink")
        symlink("file", bench.folder + "/d/link")
        symlink("nowhere", bench.folder + "/d/broken")

        #expect(names(await scan(bench.folder + "/d")) == ["file"])
        let followed = await scan(bench.folder + "/d", links: .follow)
        #expect(Set(names(followed)) == ["file", "link", "folderlink/far"])
        #expect(refusals(followed).count == 1)
    }

    @Test func aLinkThatLeadsBackIsRefusedAndTheScanEnds() async {
        let bench = QueueBench()
        Files.folder(bench.folder + "/d")
        Files.folder(bench.folder + "/d/in")
        bench.file("d/in/f", 1)
        symlink("..", bench.folder + "/d/in/up")

        let items = await scan(bench.folder + "/d", links: .follow)

        #expect(names(items) == ["in/f"] && refusals(items) == ["the link leads back to a folder it lies in"])
    }

    @Test func aNameThatIsNotUTF8IsRefusedAndTheOthersGoOn() async {
        let bench = QueueBench()
        Files.folder(bench.folder + "/d")
        bench.file("d/good", 1)
        let bad = Array((bench.folder + "/d/bad").utf8).map { CChar(bitPattern: $0) } + [CChar(bitPattern: 0xFF), 0]
        close(open(bad, O_CREAT | O_WRONLY, 0o600))

        let items = await scan(bench.folder + "/d")

        #expect(names(items) == ["good"] && refusals(items).count == 1)
        let encoded = Scanner(source: bench.folder + "/d", links: .skip, encodesNames: true).step().items
        #expect(names(encoded) == ["bad%FF", "good"] && refusals(encoded).isEmpty)
    }

    @Test func whatIsNoFileIsRefusedWithWhatItIs() async {
        let bench = QueueBench()
        Files.folder(bench.folder + "/d")
        mkfifo(bench.folder + "/d/pipe", 0o600)

        #expect(refusals(await scan(bench.folder + "/d")) == ["it is a pipe, not a file"])
        #expect(refusals(await scan(bench.folder + "/d/pipe")) == ["it is a pipe, not a file"])
        #expect(refusals(await scan("/dev/null")) == ["it is a device, not a file"])
        #expect(refusals(await scan(bench.folder + "/none")).count == 1)
    }

    @Test func foldersThatCannotHoldAnythingWantedAreNotRead() async {
        let bench = QueueBench()
        for folder in ["/d", "/d/no", "/d/yes"] { Files.folder(bench.folder + folder) }
        bench.file("d/no/f", 1)
        bench.file("d/yes/f", 1)

        let items = await scan(bench.folder + "/d") { relative, isFolder in !(isFolder && relative == Array("no".utf8)) }

        #expect(names(items) == ["yes/f"])
    }

    @Test(arguments: [("/a/b", "b"), ("/a/b/", nil), ("/", nil), ("/a/.", nil), ("/a/..", nil), ("/a/...", "...")] as [(String, String?)])
    func theSlashDecidesWhetherTheFoldersNameGoesInFront(source: String, name: String?) {
        #expect(KeyRules.ownName(source) == name)
    }

    @Test(arguments: [("a.txt", "a (1).txt"), ("d.x/a", "d.x/a (1)"), (".bashrc", ".bashrc (1)"), ("a.tar.gz", "a.tar (1).gz")])
    func theNumberOfARenamedKeyComesBeforeItsExtension(key: String, numbered: String) {
        #expect(KeyRules.numbered(key, 1) == numbered)
    }
}
