import Contracts
import Testing

@testable import TerminalUI

@Suite struct ReduceHistoryTests {
    /// `count` uploads that ended one a minute, the newest first: number 1 is the newest.
    static func ended(_ count: Int) -> [UploadView] {
        (1...count).map { number in
            Mix.upload(
                number, number % 7 == 0 ? .failed : .done, "photos/IMG_\(number).jpg", "oss://photos/", size: 4 << 20, done: 1, parts: (1, 1),
                error: number % 7 == 0 ? Mix.denied : nil, finished: Mix.time(Int64(number) * 60))
        }
    }

    static func state(_ count: Int) -> (AppState, Desk) {
        var state = Mix.state()
        var desk = Desk(rows: ended(count))
        desk.press("3", &state)
        return (state, desk)
    }

    @Test func olderPagesComeAsTheCursorComesNear() {
        var (state, desk) = Self.state(500)
        let first = state.history.total
        #expect(first < 500)
        for _ in 0..<40 { desk.press(.pageDown, &state) }

        #expect(state.history.total == 500)
        #expect(state.history.cursorRow?.path == "photos/IMG_500.jpg")
    }

    @Test func theNewestPageAgainKeepsWhatLiesBehindIt() {
        var (state, desk) = Self.state(300)
        for _ in 0..<20 { desk.press(.pageDown, &state) }
        let before = state.history.total
        let cursor = state.history.cursorID
        // Two more have ended meanwhile.
        desk.rows = Self.ended(300)
        for number in [900, 901] {
            desk.rows.append(
                Mix.upload(number, .done, "photos/new-\(number).jpg", "oss://photos/", size: 1, done: 1, parts: (1, 1), finished: Mix.time(5)))
        }
        desk.perform(state.refresh(\.history), on: &state)

        #expect(state.history.total == before + 2)
        #expect(state.history.cursorID == cursor, "the cursor stays on its upload")
        #expect(Set(state.history.window?.rows.map(\.id) ?? []).count == state.history.total, "no row twice")
    }

    @Test func theDayIsCounted() {
        let (state, _) = Self.state(20)
        let today = state.historyPages.today

        #expect(today.counts == [.done: 18, .failed: 2])
        #expect(today.bytes == 18 * 4 << 20)
        #expect(today.isWhole)
    }

    @Test func bracketsMoveByDay() {
        var (state, desk) = Self.state(1500)
        desk.press("[", &state)
        for _ in 0..<60 { desk.press(.pageDown, &state) }
        desk.press("g", &state)
        desk.press("[", &state)
        let date = { (row: UploadView?) in row?.finished.flatMap(LocalTime.milliseconds).map { LocalTime(seconds: $0 / 1000, zone: Mix.zone).date } }
        #expect(date(state.history.cursorRow) == "2026-11-22")
        desk.press("]", &state)

        #expect(date(state.history.cursorRow) == "2026-11-23" && state.history.cursor == 0)
    }

    @Test func whatIsStoredIsQueuedAgainAsANewOrder() {
        var (state, desk) = Self.state(3)
        desk.rows[0].path = "/srv/IMG_1.jpg"
        desk.perform(state.refresh(\.history), on: &state)
        desk.press("r", &state)

        #expect(desk.others == [.add(sources: ["/srv/IMG_1.jpg"], dest: "prod:IMG_1.jpg", options: OrderOptions())])
    }

    @Test func whatFailedIsTriedAgain() {
        var (state, desk) = Self.state(7)
        desk.press("Gr", &state)

        #expect(desk.others == [.act(ActionRequest(action: "retry", ids: ["u-7"], by: "ops"))])
    }

    @Test func aFilterOfTheHistoryIsAskedOfTheEngine() {
        var (state, desk) = Self.state(20)
        desk.press("f", &state)
        let effects = reduce(&state, .key(.character("x"), at: state.now + 500))
        guard case .fetchHistory(let query, _, nil, _, _)? = effects.first else {
            Issue.record("\(effects)")
            return
        }
        #expect(query == "x")
    }
}

@Suite struct LogScreenTests {
    static func state(size: Size = Size(columns: 80, rows: 24)) -> (AppState, Desk) {
        var state = Mix.state(size: size)
        var desk = Desk(rows: Mix.rows)
        desk.press("4", &state)
        _ = reduce(&state, .logLines(Logs.lines, isWhole: true))
        return (state, desk)
    }

    @Test func itFollowsUntilTheCursorLeavesTheEnd() {
        var (state, desk) = Self.state()
        #expect(state.log.follows && state.log.cursor == state.log.shown.count - 1)
        desk.press("k", &state)
        _ = reduce(&state, .logLines([Logs.line(0, .info, "one more"), Logs.line(0, .info, "and another")], isWhole: false))
        #expect(!state.log.follows && state.log.missed == 2)
        #expect(render(state, size: state.size, theme: .mono).lines[1].contains("2 new, F follows"))
        desk.press("F", &state)

        #expect(state.log.follows && state.log.cursorLine?.text == "and another")
    }

    @Test func debugLinesAreShownWhenTheyAreAskedFor() {
        var (state, desk) = Self.state()
        let without = state.log.shown.count
        desk.press("flevel:debug", &state)
        desk.press(.enter, &state)

        #expect(state.log.shown.count == without + 1)
    }

    @Test func problemsAreFoundAndOpened() {
        var (state, desk) = Self.state()
        desk.press("E", &state)
        #expect(state.log.cursorLine?.uploadID == "u-8")
        desk.press(.enter, &state)

        #expect(state.screen == .detail && state.detail?.id == "u-8")
    }

    @Test func theLogIsReadWithoutTheEngine() {
        var (state, _) = Self.state()
        _ = reduce(&state, .engineLost(reason: "gone", attempt: 1, nextIn: 1))

        #expect(reduce(&state, .tick(now: state.now + 1000)) == [.readLog(isWhole: false)])
    }

    @Test func wrappedLinesLoseNothing() {
        var (state, desk) = Self.state()
        desk.press("Ew", &state)
        let text = render(state, size: state.size, theme: .mono).lines.joined(separator: " ")

        #expect(text.contains("65A3BF77"))
        #expect(!text.contains("\u{1B}"))
    }

    @Test func noMoreLinesAreKeptThanTheLimit() {
        var log = LogState()
        for _ in 0..<6 { log.add((0..<1000).map { Logs.line(Int64($0), .info, "line \($0)") }, isWhole: false) }

        #expect(log.lines.count == LogState.most && log.shown.count == LogState.most)
        #expect(log.cursor == LogState.most - 1)
    }
}
