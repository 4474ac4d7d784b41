import Contracts
import Testing

@testable import TerminalUI

/// An idle queue is not drawn once a second for the sake of its clock.
@Suite struct CalmTests {
    private static func idle() -> AppState {
        var state = AppState(options: Mix.options(), now: Mix.now)
        var status = Mix.status
        status.counts = ["done": 3]
        (status.engine.uptime, status.rate) = (700, 0)
        var desk = Desk(rows: [])
        desk.perform(reduce(&state, .status(status)), on: &state)
        return state
    }

    private static func head(_ state: AppState) -> String { render(state, size: state.size, theme: .mono).lines.prefix(4).joined(separator: "\n") }

    @Test func afterAWhileNothingChangesFromOneSecondToTheNext() {
        var state = Self.idle()
        #expect(Self.head(state).contains("14:03:22"))

        _ = reduce(&state, .tick(now: Mix.now + 10_000))
        let before = render(state, size: state.size, theme: .mono)
        _ = reduce(&state, .tick(now: Mix.now + 11_000))

        #expect(render(state, size: state.size, theme: .mono) == before)
        #expect(Self.head(state).contains("14:03") && !Self.head(state).contains("14:03:"))
    }

    @Test func aKeyBringsTheSecondsBack() {
        var state = Self.idle()

        _ = reduce(&state, .key(.character("j"), at: Mix.now + 60_000))

        #expect(Self.head(state).contains("14:04:22"))
    }

    @Test func whatMovesIsNeverCalm() {
        var state = Mix.state()

        _ = reduce(&state, .tick(now: Mix.now + 60_000))

        #expect(Self.head(state).contains("14:04:22"))
    }
}
