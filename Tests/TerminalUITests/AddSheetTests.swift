import Contracts
import Testing

@testable import TerminalUI

@Suite struct AddSheetTests {
    let size = Size(columns: 80, rows: 24)

    static func progress(_ files: Int, scanned: Bool = false) -> PlanProgress {
        PlanProgress(
            files: files, bytes: Int64(files) << 20, refused: 0, collisions: 0, skipped: [:], requests: PlanView.Requests(put: files),
            scanned: scanned)
    }

    static func plan(files: Int = 3, there: Int? = 1, rule: String = "overwrite") -> PlanView {
        var plan = PlanView(
            bucket: "media-prod", prefix: "2026/11/raw/", files: files, bytes: 34_681_860_914, filtered: 0,
            refused: [JobView.Refused(path: "/home/ops/media/2026-11/raw/locked.mov", reason: "permission denied")], refusedTotal: 1,
            collisions: [], collisionsTotal: 2, requests: PlanView.Requests(initiate: files, part: 1324, complete: files, head: 3),
            existing: PlanView.Existing(objects: there, keys: [], partial: false, rule: rule),
            checks: [AuthCheck(scope: "prod", check: "put", ok: true, text: "uploads to oss://media-prod/2026/11/raw/ are allowed")],
            time: PlanView.Time(seconds: 208, rate: 166_723_584, basis: "last minute"))
        plan.skipped = ["unreadable": 1, "links": 4]
        return plan
    }

    /// The sheet is open; answers have the version of what it asked last.
    static func open(size: Size = Size(columns: 80, rows: 24)) -> (AppState, Desk) {
        var state = Browsing.state(size: size)
        var desk = Desk(rows: [])
        desk.press("a", &state)
        return (state, desk)
    }

    static func version(_ desk: Desk) -> Int {
        guard case .plan(_, _, _, _, let version)? = desk.plans.last(where: { if case .plan = $0 { true } else { false } }) else { return -1 }
        return version
    }

    private func sheet(_ state: AppState) -> AddSheet? {
        guard case .add(let sheet)? = state.overlays.last else { return nil }
        return sheet
    }

    private func text(_ state: AppState) -> String { render(state, size: size, theme: .mono).lines.joined(separator: "\n") }

    @Test func openingTheSheetCountsWhatItHolds() {
        let (_, desk) = Self.open()

        guard case .plan(let sources, let dest, let options, let checks, _)? = desk.plans.first else {
            Issue.record("nothing is counted")
            return
        }
        #expect(sources.count == 3 && dest == "prod:2026/11/raw/" && options == OrderOptions() && checks)
    }

    @Test func theCountsGrowOnTheSheetUntilTheyAreWhole() {
        var (state, desk) = Self.open()
        let version = Self.version(desk)
        _ = reduce(&state, .planProgress(version: version, Self.progress(4000)))
        #expect(text(state).contains("4,000+ objects, 3.91 GiB+, counting…") && text(state).contains("add 4,000+"))
        #expect(text(state).contains("Esc stop") && text(state).contains("4,000+ (4,000 put)"))
        _ = reduce(&state, .planProgress(version: version, Self.progress(10_000, scanned: true)))
        #expect(text(state).contains("10,000 objects, 9.77 GiB, asking OSS…"))
        _ = reduce(&state, .planned(version: version, Self.plan(files: 10_000)))

        #expect(text(state).contains("10,000 objects, 32.3 GiB, about 3m28s "))
        #expect(text(state).contains("2 with the name of another, 1 unreadable") && text(state).contains("prod: may put here"))
    }

    @Test func escapeStopsTheCountingFirstAndClosesTheSheetThen() {
        var (state, desk) = Self.open()
        let version = Self.version(desk)
        _ = reduce(&state, .planProgress(version: version, Self.progress(4000)))
        desk.press(.escape, &state)
        #expect(desk.plans.last == .stopPlan && sheet(state)?.preFlight.stage == .stopped)
        _ = reduce(&state, .planProgress(version: version, Self.progress(5000)))
        #expect(text(state).contains("4,000+ objects"), "what comes late does not count")
        desk.press(.escape, &state)

        #expect(state.overlays.isEmpty && desk.others.isEmpty)
    }

    @Test func enterQueuesBeforeTheCountingHasEnded() {
        var (state, desk) = Self.open()
        _ = reduce(&state, .planProgress(version: Self.version(desk), Self.progress(4000)))
        desk.press(.enter, &state)

        #expect(desk.others.count == 1 && desk.plans.last == .stopPlan && state.overlays.isEmpty)
    }

    @Test func whatChangesTheCountsIsCountedAnewWithoutTryingTheDestinationAgain() {
        var (state, desk) = Self.open()
        _ = reduce(&state, .planned(version: Self.version(desk), Self.plan()))
        let before = desk.plans.count
        desk.press(.tab, &state)
        desk.press(" ", &state)

        guard case .plan(_, _, let options, let checks, let version)? = desk.plans.last else {
            Issue.record("not counted again")
            return
        }
        #expect(desk.plans.count == before + 1 && options.flat == true && !checks && version > 1)
        #expect(text(state).contains("prod: may put here"))
        for _ in 0..<3 { desk.press(.tab, &state) }
        desk.press(" ", &state)
        #expect(desk.plans.count == before + 1, "the priority changes nothing that is counted")
    }

    @Test func aTypedDestinationIsCountedWhenItRestsAndTriedAnew() {
        var (state, desk) = Self.open()
        _ = reduce(&state, .planned(version: Self.version(desk), Self.plan()))
        let before = desk.plans.count
        desk.press("x/", &state, after: 400)
        desk.perform(reduce(&state, .tick(now: state.now + 100)), on: &state)
        #expect(desk.plans.count == before)
        desk.perform(reduce(&state, .tick(now: state.now + 1000)), on: &state)

        guard case .plan(_, let dest, _, let checks, _)? = desk.plans.last else {
            Issue.record("not counted again")
            return
        }
        #expect(dest == "prod:2026/11/raw/x/" && checks && desk.plans.count == before + 1)
    }

    @Test func objectsThatWouldBeReplacedWantTheirNumberTyped() {
        var (state, desk) = Self.open()
        _ = reduce(&state, .planned(version: Self.version(desk), Self.plan(there: 7)))
        #expect(text(state).contains("7 there already: REPLACED"))
        desk.press(.enter, &state)
        #expect(text(state).contains("Replace 7 objects?") && desk.others.isEmpty)
        desk.press("7", &state)
        desk.press(.enter, &state)

        #expect(desk.others.count == 1)
    }

    @Test func whatIsKeptAsksNothing() {
        var (state, desk) = Self.open()
        _ = reduce(&state, .planned(version: Self.version(desk), Self.plan(there: 7, rule: "skip")))
        #expect(text(state).contains("7 there already: skipped where they are the same"))
        desk.press(.enter, &state)

        #expect(desk.others.count == 1 && state.overlays.isEmpty)
    }

    @Test func whatCannotBeCountedSaysWhyAndCanStillBeAdded() {
        var (state, desk) = Self.open()
        _ = reduce(&state, .planFailed(version: Self.version(desk), message: "there is no remote “x”"))
        #expect(text(state).contains("not counted: there is no remote “x”"))
        desk.press(.enter, &state)

        #expect(desk.others.count == 1)
    }

    @Test func theStorageClassIsChosen() {
        var (state, desk) = Self.open()
        desk.press(.backTab, &state)
        desk.press("  ", &state)
        desk.press(.enter, &state)

        guard case .add(_, _, let options)? = desk.others.first else {
            Issue.record("nothing is added")
            return
        }
        #expect(options.storageClass == "IA")
    }

    @Test(arguments: Goldens.sizes + [Size(columns: 300, rows: 100), Size(columns: 40, rows: 8)]) func theSheetLooksAsRecorded(size: Size) {
        var (state, desk) = Self.open(size: size)
        let version = Self.version(desk)
        _ = reduce(&state, .planProgress(version: version, Self.progress(4000)))
        if size.columns < 300 { Golden.check(render(state, size: size, theme: .mono), "add-counting-\(size.columns)x\(size.rows)") }
        _ = reduce(&state, .planned(version: version, Self.plan()))

        Golden.check(render(state, size: size, theme: .mono), "add-counted-\(size.columns)x\(size.rows)")
    }
}
