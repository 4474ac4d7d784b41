import Contracts
import Testing

@testable import TerminalUI

@Suite struct QuietTests {
    static func state() -> AppState {
        var state = Mix.state()
        state.options.isQuiet = true
        state.drawn()
        return state
    }

    @Test func whatTheEnginePushesIsNotDrawn() {
        var state = Self.state()
        var status = Mix.status
        status.rate += 1
        _ = reduce(&state, .status(status))
        _ = reduce(&state, .tick(now: state.now + 5000))

        #expect(!state.isDue)
    }

    @Test func aKeyIsDrawnAndSoIsItsAnswer() {
        var state = Self.state()
        let effects = reduce(&state, .key(.character("f"), at: state.now + 5000))
        #expect(effects.isEmpty && state.isDue)
        state.drawn()
        let asked = reduce(&state, .key(.character("x"), at: state.now + 100))
        state.drawn()
        guard case .fetchWindow(_, _, _, _, let version)? = asked.first else {
            Issue.record("nothing was asked")
            return
        }
        _ = reduce(&state, .window(WindowAnswer(version: version, offset: 0, total: 0, rows: [])))

        #expect(state.isDue)
    }

    @Test func aNewFailureIsDrawn() {
        var state = Self.state()
        _ = reduce(&state, .upload(Mix.rows[7]))

        #expect(state.isDue)
    }

    @Test func theRowIsASentence() {
        var state = Self.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("jk", &state)

        #expect(
            state.message?.text
                == "row 1 of 40: camera-03_interview-full_master_v7.mov, uploading, 62 percent, 2 minutes 35 left")
    }

    @Test func enterReadsTheRowBeforeItOpensIt() {
        var state = Self.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(.enter, &state)
        #expect(state.screen == .queue && state.message?.text.hasPrefix("row 1 of 40") == true)
        desk.press(.enter, &state)

        #expect(state.screen == .detail)
    }

    @Test func aSlowLineWaitsForTheTickAsWell() {
        var state = Mix.state()
        _ = reduce(&state, .linkIsSlow(true))
        state.drawn()
        var status = Mix.status
        status.rate += 1
        _ = reduce(&state, .status(status))
        #expect(!state.isDue)
        _ = reduce(&state, .tick(now: state.now + 5000))

        #expect(state.isDue)
        #expect(render(state, size: state.size, theme: .mono).lines[3].contains("slow link"))
    }

    @Test func thereIsNoGraph() {
        let state = Self.state()
        let lines = render(state, size: Size(columns: 140, rows: 40), theme: .mono).lines

        #expect(!lines.prefix(6).contains { $0.contains("█") || $0.contains("▄") })
    }
}
