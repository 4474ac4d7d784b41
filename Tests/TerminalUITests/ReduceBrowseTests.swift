import Contracts
import Testing

@testable import TerminalUI

@Suite struct ReduceBrowse {
    let size = Size(columns: 80, rows: 24)

    private func cursor(on name: String, _ state: inout AppState) {
        state.browse.local.cursor = state.browse.visible(state.browse.local).firstIndex { $0.name == Array(name.utf8) } ?? 0
    }

    @Test func browseBeginsWithTheStartFolderAndTheDefaultRemote() {
        var state = Mix.state()
        #expect(
            reduce(&state, .key(.character("2"), at: Mix.now + 1)) == [
                .listLocal(path: "/home/ops/media/2026-11/raw"), .listBucket(dest: "prod:", continuation: nil),
            ])
        #expect(reduce(&state, .key(.character("1"), at: Mix.now + 2)).allSatisfy { if case .fetchWindow = $0 { true } else { false } })
        #expect(reduce(&state, .key(.character("2"), at: Mix.now + 3)).isEmpty, "what is listed already is not listed again")
    }

    @Test func enterOpensADirectoryAndLeftGoesBackToIt() {
        var state = Browsing.state(size: size)
        cursor(on: "camera", &state)
        #expect(reduce(&state, .key(.enter, at: state.now + 1)) == [.listLocal(path: "/home/ops/media/2026-11/raw/camera")])
        _ = reduce(&state, .localListing(path: "/home/ops/media/2026-11/raw/camera", entries: []))
        #expect(render(state, size: size, theme: .mono).lines.contains { $0.contains("This directory is empty.") })
        #expect(reduce(&state, .key(.character("h"), at: state.now + 2)) == [.listLocal(path: "/home/ops/media/2026-11/raw")])
        _ = reduce(&state, .localListing(path: "/home/ops/media/2026-11/raw", entries: Browsing.local))

        #expect(state.browse.visible(state.browse.local)[state.browse.local.cursor].name == Array("camera".utf8))
    }

    @Test func theBucketPaneGoesUpToTheRemotes() {
        var state = Browsing.state(size: size)
        state.browse.side = .bucket
        #expect(reduce(&state, .key(.left, at: state.now + 1)) == [.listBucket(dest: "prod:2026/11/", continuation: nil)])
        state.browse.bucket.place = "prod:"
        #expect(reduce(&state, .key(.left, at: state.now + 2)).isEmpty)

        #expect(state.browse.bucket.place.isEmpty)
        #expect(state.browse.bucket.all.map { String(decoding: $0.name, as: UTF8.self) } == ["prod:", "finance:"])
        #expect(state.browse.bucket.cursor == 0)
    }

    @Test func addingTheMarkedAsksOnTheSheetAndSendsOneOrder() {
        var state = Browsing.state(size: size)
        var desk = Desk(rows: [])
        desk.press("a", &state)
        desk.press(.tab, &state)
        desk.press(.tab, &state)
        desk.press("  ", &state)
        desk.press(.enter, &state)

        var options = OrderOptions()
        options.existing = "newer"
        let folder = "/home/ops/media/2026-11/raw/"
        let sources = ["camera-01_b-roll.mov", "camera-02_master_v7.mov", "camera-03_interview-full_master_v7.mov"].map { folder + $0 }
        #expect(desk.others == [.add(sources: sources, dest: "prod:2026/11/raw/", options: options)])
        #expect(state.browse.local.marks.isEmpty && state.overlays.isEmpty)
    }

    @Test func replacingObjectsWantsTheirNumberTyped() {
        var state = Browsing.state(size: size)
        var desk = Desk(rows: [])
        desk.press("a", &state)
        desk.press(.tab, &state)
        desk.press(.tab, &state)
        desk.press("   ", &state)
        desk.press(.enter, &state)
        #expect(desk.others.isEmpty)
        #expect(render(state, size: size, theme: .mono).lines.contains { $0.contains("Replace 1 object?") }, "by the listing, before it is counted")
        desk.press("1", &state)
        desk.press(.enter, &state)

        #expect(desk.others.count == 1)
    }

    @Test func compareMarksWhatIsNewOrDiffers() {
        var state = Browsing.state(size: size)
        state.browse.local.marks = []
        _ = reduce(&state, .key(.character("="), at: state.now + 1))
        let marks = Set(state.browse.local.marks.map { String(decoding: $0, as: UTF8.self) })

        #expect(!marks.contains("camera-01_b-roll.mov") && !marks.contains("camera"))
        #expect(marks.contains("camera-03_interview-full_master_v7.mov") && marks.contains("audio-mix_v3.wav"))
    }

    @Test func aFailedListingKeepsTheOldOneAndNeverSaysEmpty() {
        var state = Browsing.state(size: size)
        state.browse.side = .bucket
        #expect(reduce(&state, .key(.character("R"), at: state.now + 1)) == [.listBucket(dest: "prod:2026/11/raw/", continuation: nil)])
        _ = reduce(
            &state, .bucketListingFailed(dest: "prod:2026/11/raw/", message: "403 AccessDenied: oss:ListObjects on media-prod is missing."))
        let text = render(state, size: size, theme: .mono).lines.joined(separator: "\n")

        #expect(text.contains("storyboard.pdf") && text.contains("as of 14:03:22") && text.contains("403 AccessDenied"))
        #expect(!text.contains("no objects"))
    }

    @Test func aFirstListingThatFailsNeverSaysEmpty() {
        var state = Mix.state()
        _ = reduce(&state, .key(.character("2"), at: Mix.now + 1))
        _ = reduce(&state, .bucketListingFailed(dest: "prod:", message: "403 AccessDenied (oss:ListObjects on media-prod)."))
        let text = render(state, size: size, theme: .mono).lines.joined(separator: "\n")

        #expect(text.contains("Could not list:") && !text.contains("no objects"))
    }

    @Test func pagesOfAListingAreAskedForByThemselves() {
        var state = Mix.state()
        _ = reduce(&state, .key(.character("2"), at: Mix.now + 1))
        func page(_ from: Int, _ next: String?) -> ListResult {
            ListResult(
                bucket: "b", prefix: "",
                items: (from..<from + 1000).map {
                    ListResult.Entry(key: "k\($0)", isPrefix: false, size: 1, modified: nil, etag: nil, storageClass: nil)
                }, truncated: next != nil, continuation: next)
        }
        #expect(reduce(&state, .bucketListing(dest: "prod:", page(0, "t1"))) == [.listBucket(dest: "prod:", continuation: "t1")])
        #expect(render(state, size: size, theme: .mono).lines.contains { $0.contains("1,000 so far") })
        #expect(reduce(&state, .bucketListing(dest: "prod:", page(1000, nil))).isEmpty)

        #expect(state.browse.bucket.all.count == 2001)
        #expect(state.browse.bucket.isComplete)
    }

    @Test func theLastOfTenThousandIsOneKeyAway() {
        var state = Mix.state()
        _ = reduce(&state, .key(.character("2"), at: Mix.now + 1))
        let entries = (1...10_000).map { LocalEntry(name: Array("f\($0)".utf8), kind: .file, size: 1, modified: 0) }
        _ = reduce(&state, .localListing(path: "/home/ops/media/2026-11/raw", entries: entries.reversed()))
        _ = reduce(&state, .key(.character("G"), at: Mix.now + 2))

        #expect(render(state, size: size, theme: .mono).lines.contains { $0.hasPrefix("> f10000 ") }, "natural order: f2 before f10")
    }

    @Test func namesThatAreNotUTF8AreNeitherOpenedNorQueued() {
        var state = Mix.state()
        _ = reduce(&state, .key(.character("2"), at: Mix.now + 1))
        _ = reduce(
            &state,
            .localListing(
                path: "/home/ops/media/2026-11/raw", entries: [LocalEntry(name: [0xFF, 0x61], kind: .directory, size: 0, modified: 0)]))
        state.browse.local.cursor = 1
        #expect(reduce(&state, .key(.enter, at: Mix.now + 2)).isEmpty)
        #expect(state.message?.text.contains("not UTF-8") == true)
        #expect(reduce(&state, .key(.character("a"), at: Mix.now + 3)).isEmpty)
        #expect(state.overlays.isEmpty)
    }

    @Test func goToTakesPathsAndDestinations() {
        for (text, effect) in [
            ("/srv/x/../y", Effect.listLocal(path: "/srv/y")), ("~/media", .listLocal(path: "/home/ops/media")),
            ("oss://b/p", .listBucket(dest: "oss://b/p/", continuation: nil)), ("prod:", .listBucket(dest: "prod:", continuation: nil)),
        ] {
            var state = Browsing.state(size: size)
            var desk = Desk(rows: [])
            desk.press("o", &state)
            desk.press(.control("u"), &state)
            _ = reduce(&state, .paste(text))
            desk.press(.enter, &state)
            #expect(desk.others == [effect], "\(text)")
        }
    }

    @Test func hiddenFilesAreShownOnDemand() {
        var state = Browsing.state(size: size)
        #expect(!state.browse.visible(state.browse.local).contains { $0.name.first == UInt8(ascii: ".") && $0.kind != .up })
        _ = reduce(&state, .key(.character("."), at: state.now + 1))
        #expect(state.browse.visible(state.browse.local).contains { $0.name == Array(".hidden".utf8) })
    }

    @Test func aFilterNarrowsThePaneByLetters() {
        var state = Browsing.state(size: size)
        var desk = Desk(rows: [])
        desk.press("fcam", &state)
        #expect(
            state.browse.visible(state.browse.local).dropFirst().allSatisfy { String(decoding: $0.name, as: UTF8.self).contains("cam") })
        desk.press(.escape, &state)
        #expect(state.browse.visible(state.browse.local).count == 10)
    }

    @Test(
        arguments: [
            ("/a/b\n/c d/e\n", ["/a/b", "/c d/e"]), ("'/a b/c'", ["/a b/c"]), ("/a\\ b/c", ["/a b/c"]), ("file:///a%20b", ["/a b"]),
            ("\"/x y\" /z", ["/x y", "/z"]), ("~/m", ["/home/ops/m"]),
        ] as [(String, [String])]) func pastedPathsAreRead(text: String, paths: [String])
    {
        #expect(PastedPaths.read(text, home: "/home/ops") == paths)
    }

    @Test(arguments: ["hello", "rm -rf /", "/a\nhello", "", "file://host/x", "relative/path"]) func otherTextIsNoPath(text: String) {
        #expect(PastedPaths.read(text, home: "/home/ops") == nil)
    }
}

@Suite struct ReduceDetail {
    @Test func bigMapsShowTheWorstOfEachGroup() {
        let upload = Mix.upload(1, .uploading, "big", "oss://b/", size: 1 << 40, done: 0.5, parts: (5000, 10_000), sendingParts: 1)
        var map = Array(repeating: UInt8(ascii: "#"), count: 5000) + Array(repeating: UInt8(ascii: "."), count: 5000)
        map[1234] = UInt8(ascii: "!")
        let size = Size(columns: 80, rows: 24)
        var state = Mix.state(size: size, rows: [upload])
        _ = reduce(&state, .key(.enter, at: Mix.now + 1))
        _ = reduce(
            &state, .detail(id: "u-1", UploadDetail(upload: upload, map: String(decoding: map, as: UTF8.self), active: [], events: [])))
        let lines = render(state, size: size, theme: .mono).lines

        #expect(lines[7...14].joined().filter { $0 == "!" }.count == 1)
        #expect(lines.contains { $0.contains("1=20") || $0.contains("cell = 20 parts") })
    }

    @Test func theNeighbourIsOneBracketAway() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(.enter, &state)
        desk.press("]", &state)
        #expect(state.detail?.id == "u-2")
        desk.press("q", &state)

        #expect(state.screen == .queue && state.queue.cursorID == "u-2")
    }

    @Test func anUploadThatIsGoneIsSaidToBe() {
        var state = Mix.state()
        _ = reduce(&state, .key(.enter, at: Mix.now + 1))
        _ = reduce(&state, .detail(id: "u-1", nil))
        #expect(render(state, size: state.size, theme: .mono).lines[2].contains("no longer in the queue"))
    }

    @Test func equalFailuresAreCountedInOneToast() {
        var state = Mix.state()
        for _ in 0..<4 { _ = reduce(&state, .upload(Mix.rows[7])) }
        #expect(state.toast?.more == 3)
        var other = Mix.rows[7]
        other.lastError?.code = "NoSuchBucket"
        _ = reduce(&state, .upload(other))
        #expect(state.toast?.more == 0)
        let effects = reduce(&state, .key(.character("!"), at: Mix.now + 1))
        #expect(effects == [.fetchDetail(id: "u-8")] && state.toast == nil)
    }

    @Test func copyTakesTheNamedThingCleaned() {
        var state = Mix.state()
        state.queue.cursor = 7
        _ = reduce(&state, .key(.character("y"), at: Mix.now + 1))
        #expect(reduce(&state, .key(.character("p"), at: Mix.now + 2)) == [.copy("photos/2019/IMG_0001 (copy)^[[31m.jpg")])
        _ = reduce(&state, .key(.character("y"), at: Mix.now + 3))
        #expect(
            reduce(&state, .key(.character("e"), at: Mix.now + 4)) == [
                .copy("403 AccessDenied: role uploader may not put here (request 65A3BF77)")
            ])
    }
}
