import Contracts
import Testing

@testable import TerminalUI

@Suite struct PaneTreeTests {
    let size = Size(columns: 80, rows: 24)
    let folder = "/home/ops/media/2026-11/raw"

    private func names(_ state: AppState, _ path: KeyPath<BrowseState, Pane> = \.local) -> [String] {
        state.browse.visible(state.browse[keyPath: path]).map { String(decoding: $0.name, as: UTF8.self) }
    }

    private func cursor(on name: String, _ state: inout AppState) {
        state.browse.active.cursor = state.browse.visible(state.browse.active).firstIndex { $0.name == Array(name.utf8) } ?? 0
    }

    /// The folder `camera` of the local pane, unfolded.
    private func unfolded(size: Size? = nil) -> AppState {
        var state = Browsing.state(size: size ?? self.size)
        cursor(on: "camera", &state)
        let effects = reduce(&state, .key(.character("l"), at: state.now + 500))
        #expect(effects == [.listLocal(path: folder + "/camera")])
        let entries = [Browsing.file("b10.mov", 10, "2026-11-20T08:00"), Browsing.file("b2.mov", 2, "2026-11-20T08:00")]
        _ = reduce(&state, .localListing(path: folder + "/camera", entries: entries))
        return state
    }

    @Test func aDirectoryIsUnfoldedBelowItselfInItsOrder() {
        let state = unfolded()

        #expect(names(state).prefix(4) == ["..", "camera", "camera/b2.mov", "camera/b10.mov"])
        #expect(names(state)[state.browse.local.cursor] == "camera", "the cursor stays on its entry")
        #expect(state.browse.local.place == folder)
        let lines = render(state, size: size, theme: .mono).lines
        #expect(lines.contains { $0.hasPrefix("    b2.mov") } && lines.contains { $0.hasPrefix("    b10.mov") })
    }

    @Test func leftFoldsThenGoesUpAnEntryThenOutOfTheDirectory() {
        var state = unfolded()
        cursor(on: "camera/b10.mov", &state)
        #expect(reduce(&state, .key(.left, at: state.now + 500)).isEmpty)
        #expect(names(state)[state.browse.local.cursor] == "camera")
        #expect(reduce(&state, .key(.left, at: state.now + 500)).isEmpty)
        #expect(!names(state).contains("camera/b2.mov"))

        #expect(reduce(&state, .key(.left, at: state.now + 500)) == [.listLocal(path: "/home/ops/media/2026-11")])
    }

    @Test func whatIsMarkedInATreeKeepsItsPathBelowThePlace() {
        var state = unfolded()
        state.browse.local.marks = [Array("camera/b2.mov".utf8), Array("audio-mix_v3.wav".utf8)]
        var desk = Desk(rows: [])
        desk.press("a", &state)
        desk.press(.enter, &state)

        guard case .add(let sources, _, let options)? = desk.others.first else {
            Issue.record("nothing is added")
            return
        }
        #expect(Set(sources) == [folder + "/camera/b2.mov", folder + "/audio-mix_v3.wav"] && options.base == folder)
    }

    @Test func whatLiesInAMarkedDirectoryIsNotAddedTwice() {
        var state = unfolded()
        state.browse.local.marks = [Array("camera/b2.mov".utf8), Array("camera".utf8)]

        #expect(state.browse.chosenLocal.map { String(decoding: $0.name, as: UTF8.self) } == ["camera"])
    }

    @Test func aPrefixIsUnfoldedPageByPage() {
        var state = Browsing.state(size: size)
        state.browse.side = .bucket
        cursor(on: "proxy", &state)
        let dest = "prod:2026/11/raw/proxy/"
        #expect(reduce(&state, .key(.right, at: state.now + 500)) == [.listBucket(dest: dest, continuation: nil)])
        func page(_ names: [String], _ next: String?) -> ListResult {
            let items = names.map {
                ListResult.Entry(key: "2026/11/raw/proxy/" + $0, isPrefix: false, size: 1, modified: nil, etag: "E", storageClass: "IA")
            }
            return ListResult(bucket: "media-prod", prefix: "2026/11/raw/proxy/", items: items, truncated: next != nil, continuation: next)
        }
        #expect(reduce(&state, .bucketListing(dest: dest, page(["a", "c"], "t"))) == [.listBucket(dest: dest, continuation: "t")])
        #expect(reduce(&state, .bucketListing(dest: dest, page(["b"], nil))).isEmpty)

        #expect(names(state, \.bucket).prefix(5) == ["..", "proxy", "proxy/a", "proxy/b", "proxy/c"])
        #expect(state.browse.bucket.isComplete && state.browse.bucket.place == "prod:2026/11/raw/")
    }

    @Test func aDirectoryThatCannotBeReadStaysFolded() {
        var state = Browsing.state(size: size)
        cursor(on: "camera", &state)
        _ = reduce(&state, .key(.right, at: state.now + 500))
        _ = reduce(&state, .localListingFailed(path: folder + "/camera", message: "Permission denied"))

        #expect(state.message?.text == "Permission denied" && state.browse.local.problem == nil)
        #expect(names(state).filter { $0.hasPrefix("camera/") }.isEmpty)
    }

    @Test func listingAgainKeepsWhatIsUnfoldedAndStillThere() {
        var state = unfolded()
        _ = reduce(&state, .key(.character("R"), at: state.now + 500))
        _ = reduce(&state, .localListing(path: folder, entries: Browsing.local))
        #expect(names(state).contains("camera/b2.mov"))
        _ = reduce(&state, .key(.character("R"), at: state.now + 500))
        _ = reduce(&state, .localListing(path: folder, entries: Array(Browsing.local.dropFirst())))

        #expect(!names(state).contains("camera/b2.mov"))
    }

    @Test func thePaneIsSortedByPromptByKeyAndByHeading() {
        var state = Browsing.state(size: size)
        var desk = Desk(rows: [])
        let first = names(state)[2]
        desk.press("s", &state)
        desk.press(.control("u"), &state)
        desk.press("size-", &state)
        desk.press(.enter, &state)
        #expect(names(state).prefix(3) == ["..", "camera", "camera-03_interview-full_master_v7.mov"], "directories come first")
        desk.press("S", &state)
        #expect(state.browse.local.order == PaneOrder(.size))
        let row = 2
        _ = reduce(&state, .mouse(MouseEvent(action: .press, column: 3, row: row), at: state.now + 500))
        #expect(state.browse.local.order == PaneOrder() && names(state)[2] == first)
        _ = reduce(&state, .mouse(MouseEvent(action: .press, column: 3, row: row), at: state.now + 500))
        #expect(state.browse.local.order == PaneOrder(.name, isDescending: true))
    }

    @Test func aClickWithShiftMarksWhatLiesBetween() {
        var state = Browsing.state(size: size)
        state.browse.local.marks = []
        state.browse.local.cursor = 2
        _ = reduce(&state, .mouse(MouseEvent(action: .press, column: 10, row: 3 + 4, isShifted: true), at: state.now + 500))

        #expect(state.browse.local.marks.count == 3)
        var queue = Mix.state()
        _ = reduce(&queue, .mouse(MouseEvent(action: .press, column: 10, row: 5 + 3, isShifted: true), at: queue.now + 500))
        #expect(queue.queue.marks.count == 4 && queue.queue.cursor == 3)
    }

    @Test func aLargeDirectoryIsShownBeforeAllOfItIsRead() {
        var state = Mix.state()
        _ = reduce(&state, .key(.character("2"), at: Mix.now + 1))
        let entries = (1...3000).map { LocalEntry(name: Array("f\($0)".utf8), kind: .file, size: 1, modified: 0) }
        _ = reduce(&state, .localListing(path: folder, entries: Array(entries.prefix(1000)), isWhole: false))
        _ = reduce(&state, .localCount(path: folder, 2000))
        let text = render(state, size: size, theme: .mono).lines.joined(separator: "\n")
        #expect(text.contains("  f1 ") && text.contains("Listing… 2,000 so far"))
        _ = reduce(&state, .key(.character("G"), at: Mix.now + 2))
        _ = reduce(&state, .localListing(path: folder, entries: entries))

        #expect(names(state)[state.browse.local.cursor] == "f1000" && state.browse.local.isComplete && state.browse.local.loading == nil)
    }

    @Test func settingsThatComeLateLoseNoListing() {
        var state = AppState(options: Mix.options(), size: size, now: Mix.now)
        _ = reduce(&state, .status(Mix.status))
        _ = reduce(&state, .key(.character("2"), at: Mix.now + 1))
        state.browse.side = .bucket
        var desk = Desk(rows: [])
        desk.press("o", &state)
        desk.press(.control("u"), &state)
        desk.press("oss://b/p/", &state)
        desk.press(.enter, &state)
        _ = reduce(&state, .settings(Mix.settings))
        _ = reduce(&state, .bucketListingFailed(dest: "oss://b/p/", message: "403 AccessDenied"))

        #expect(render(state, size: size, theme: .mono).lines.joined().contains("403 AccessDenied"))
    }

    @Test func filesOfTheQueueAreTold() {
        var state = Browsing.state(size: size)
        _ = reduce(&state, .queued(folder: folder, ["camera-04_master_v7.mov": .queued, "camera-01_b-roll.mov": .done]))
        let lines = render(state, size: size, theme: .mono).lines

        #expect(lines.contains { $0.contains("camera-04_master_v7.mov      12.1Gi q") })
        #expect(lines.contains { $0.contains("camera-01_b-roll.mov         7.90Gi =") })
    }

    @Test(arguments: [Size(columns: 200, rows: 60), Size(columns: 300, rows: 100), Size(columns: 160, rows: 24)]) func wideWindowsHaveAnInspector(size: Size) {
        var state = unfolded(size: size)
        cursor(on: "camera-03_interview-full_master_v7.mov", &state)
        Golden.check(render(state, size: size, theme: .mono), "browse-tree-\(size.columns)x\(size.rows)")
        let text = render(state, size: size, theme: .mono).lines.joined(separator: "\n")

        #expect(text.contains("13,421,772,800 bytes") && text.contains("compared") && text.contains("differs"))
    }

    @Test func jAndKScrollTheInspectorWithoutMovingTheRow() {
        let size = Size(columns: 160, rows: 16)
        var state = unfolded(size: size)
        cursor(on: "camera-03_interview-full_master_v7.mov", &state)
        let before = state.browse.local.cursor
        #expect(render(state, size: size, theme: .mono).lines.joined().contains("name        camera-03"))
        _ = reduce(&state, .resize(size))
        _ = reduce(&state, .key(.character("J"), at: state.now + 500))
        _ = reduce(&state, .key(.character("J"), at: state.now + 500))

        #expect(state.browse.local.cursor == before && state.browse.scroll == 2)
    }
}
