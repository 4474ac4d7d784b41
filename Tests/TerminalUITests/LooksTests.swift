import Contracts
import Testing

@testable import TerminalUI

/// Small things of the Queue, the Detail and the Log.
@Suite struct LooksTests {
    private func text(_ state: AppState) -> String { render(state, size: state.size, theme: .mono).lines.joined(separator: "\n") }

    @Test func anEmptyLogIsNotOneThatNothingMatches() {
        var state = Mix.state()
        _ = reduce(&state, .key(.character("4"), at: Mix.now + 1))
        #expect(text(state).contains("Reading the log…"))
        _ = reduce(&state, .logLines([], isWhole: true))
        #expect(text(state).contains("Nothing has been logged yet.") && !text(state).contains("No line matches"))
        _ = reduce(&state, .logLines(Logs.lines, isWhole: true))
        state.log.setFilter("nowhere")

        #expect(text(state).contains("No line matches."))
    }

    @Test func hintsOfTheLogAndTheHistoryStandInTheirOrder() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("4", &state)
        #expect(render(state, size: state.size, theme: .mono).lines.last?.hasPrefix(" F follow  e/E next/prev error  / find  f filter  w wrap  Enter open  ? help") == true)
        desk.press("3", &state)
        #expect(render(state, size: state.size, theme: .mono).lines.last?.hasPrefix(" Enter detail  r queue again  y copy  f filter  s sort  [ ] day") == true)
    }

    @Test func backspaceWidensTheFilterByAWord() {
        var state = Mix.state()
        var desk = Desk(rows: [])
        desk.press("f", &state)
        desk.press("state:failed and bucket:x", &state, after: 0)
        desk.press(.enter, &state)
        #expect(text(state).contains("No upload matches.") && text(state).contains("Esc clear filter  f edit"))
        desk.press(.backspace, &state)
        #expect(state.queue.query == "state:failed")
        desk.press(.backspace, &state)
        #expect(state.queue.query.isEmpty)
    }

    @Test func jAndKScrollTheInspectorOfTheQueue() {
        let size = Size(columns: 140, rows: 40)
        var state = Mix.state(size: size)
        var desk = Desk(rows: Mix.rows)
        desk.perform(reduce(&state, .tick(now: Mix.now)), on: &state)
        #expect(text(state).contains("part 316: 503 SlowDown"))
        let cursor = state.queue.cursor
        desk.press("J", &state)
        #expect(!text(state).contains("part 316: 503 SlowDown") && state.queue.cursor == cursor)
        desk.press("j", &state)
        #expect(state.inspectorScroll == 0, "another upload begins at its newest event")
    }

    @Test func longEventsAreWrappedInTheDetail() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(.enter, &state)
        desk.press(.tab, &state)
        #expect(!text(state).contains("sent again\n") || text(state).contains("…"))
        desk.press("w", &state)

        #expect(state.detail?.wraps == true && text(state).contains("waited 2.1 s"))
    }

    @Test func aClickOnASectionOpensIt() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(.enter, &state)
        let row = render(state, size: state.size, theme: .mono).lines[6]
        let column = row.distance(from: row.startIndex, to: row.range(of: "Object")?.lowerBound ?? row.startIndex)
        _ = reduce(&state, .mouse(MouseEvent(action: .press, column: column, row: 6), at: state.now + 500))

        #expect(state.detail?.section == .object)
    }
}

extension String {
    fileprivate func range(of wanted: String) -> Range<String.Index>? {
        indices.lazy.compactMap { start -> Range<String.Index>? in
            self[start...].hasPrefix(wanted) ? start..<self.index(start, offsetBy: wanted.count) : nil
        }.first
    }
}
