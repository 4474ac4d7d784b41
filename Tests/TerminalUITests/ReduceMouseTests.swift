import Contracts
import Testing

@testable import TerminalUI

@Suite struct ReduceMouseTests {
    private func click(_ column: Int, _ row: Int, _ state: inout AppState, _ desk: inout Desk) {
        desk.perform(reduce(&state, .mouse(MouseEvent(action: .press, column: column, row: row), at: state.now + 500)), on: &state)
    }

    /// Where a word stands in the first row that holds it.
    private func place(_ word: String, _ state: AppState) -> (column: Int, row: Int)? {
        let frame = render(state, size: state.size, theme: .mono)
        for row in 0..<frame.size.rows {
            let cells = (0..<frame.size.columns).map { frame[row: row, column: $0].text }
            for column in 0..<cells.count where cells[column...].joined().hasPrefix(word) { return (column, row) }
        }
        return nil
    }

    @Test(arguments: [Size(columns: 80, rows: 24), Size(columns: 140, rows: 40), Size(columns: 300, rows: 100)])
    func aTabOpensItsScreen(size: Size) throws {
        var state = Mix.state(size: size)
        var desk = Desk(rows: Mix.rows)
        let tab = try #require(place("4 Log", state))
        click(tab.column, tab.row, &state, &desk)

        #expect(state.screen == .log)
    }

    @Test func aHeadingSortsAndTurnsRound() throws {
        var state = Mix.state(size: Size(columns: 300, rows: 100))
        var desk = Desk(rows: Mix.rows)
        let heading = try #require(place("ETA ", state).map { _ in place("     ETA     PARTS", state) } ?? nil)
        click(heading.column + 6, heading.row, &state, &desk)
        #expect(state.queue.sort == "eta")
        click(heading.column + 6, heading.row, &state, &desk)

        #expect(state.queue.sort == "eta-")
    }

    @Test func aHintDoesWhatItsKeyDoes() throws {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        let hint = try #require(place("p pause", state))
        click(hint.column + 3, hint.row, &state, &desk)

        #expect(desk.others == [.act(ActionRequest(action: "pause", ids: ["u-1"], by: "ops"))])
    }

    @Test func theMarkColumnMarksAndDraggingMarksARange() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        click(1, 6, &state, &desk)
        #expect(Set(state.queue.marks.ids.keys) == ["u-2"])
        _ = reduce(&state, .mouse(MouseEvent(action: .release, column: 1, row: 9), at: state.now + 300))

        #expect(Set(state.queue.marks.ids.keys) == ["u-2", "u-3", "u-4", "u-5"])
        #expect(state.queue.cursorID == "u-5")
    }

    @Test func theScrollBarGoesToItsPlaceInTheList() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        click(79, 20, &state, &desk)

        #expect(state.queue.cursor == 39)
    }

    @Test func theWheelMovesTheViewAndTheCursorStaysOnItsUpload() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        for _ in 0..<8 { desk.press("j", &state) }
        for _ in 0..<2 { _ = reduce(&state, .mouse(MouseEvent(action: .wheelDown, column: 10, row: 10), at: state.now)) }

        #expect(state.queue.top == 6 && state.queue.cursor == 8)
    }

    @Test func aClickBesideAQuestionAnswersNothing() throws {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        Marking.mark(128, in: &state)
        desk.press("x", &state)
        _ = reduce(&state, .painted(at: state.now))
        click(2, 22, &state, &desk)
        click(3, 0, &state, &desk)
        #expect(state.overlays.count == 1 && state.screen == .queue)
        let button = try #require(place("y  cancel 128 uploads", state))
        click(button.column + 1, button.row, &state, &desk)

        #expect(desk.others.contains { if case .act(let request) = $0 { request.action == "cancel" } else { false } })
    }

    @Test func aQuestionThatHasJustOpenedTakesNoClick() throws {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        Marking.mark(128, in: &state)
        desk.press("x", &state)
        _ = reduce(&state, .painted(at: state.now))
        let button = try #require(place("y  cancel 128 uploads", state))
        _ = reduce(&state, .mouse(MouseEvent(action: .press, column: button.column, row: button.row), at: state.now + 100))

        #expect(state.overlays.count == 1 && desk.others.isEmpty)
    }

    @Test func aLineOfThePaletteIsRun() throws {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(":retry state", &state)
        let line = try #require(place("retry state:failed", state))
        click(line.column, line.row, &state, &desk)

        #expect(desk.others == [.act(ActionRequest(action: "retry", query: "state:failed", by: "ops"))])
    }

    @Test func anyClickAnywhereIsSurvived() {
        var random = SystemLike(seed: 7)
        for keys in ["", "2", "3", "4", "5", "6", "?", ":", "Q", "b"] {
            var state = Mix.state()
            var desk = Desk(rows: Mix.rows)
            desk.press(keys, &state)
            for _ in 0..<40 {
                let action: MouseEvent.Action = [.press, .release, .wheelUp, .wheelDown][random.next(4)]
                _ = reduce(&state, .mouse(MouseEvent(action: action, column: random.next(200), row: random.next(60)), at: state.now + 400))
            }
            _ = render(state, size: state.size, theme: .mono)
        }
    }
}
