import Contracts
import Testing

@testable import TerminalUI

/// Help, palette, command line, hints and `keys.toml` come from one table: an action that is missing in one of them is missing in it.
@Suite struct ActionTableTests {
    @Test(arguments: Action.allCases) func everyActionHasAKeyACommandAndAHelpLine(action: Action) throws {
        let binding = try #require(KeyTable.bindings.first { $0.action == action }, "no line of the table")

        #expect(!binding.keys.isEmpty)
        #expect(!binding.label.isEmpty)
        #expect(binding.commands.first?.word == action.rawValue)
    }

    @Test func noWordMeansTwoThings() {
        let words = KeyTable.bindings.flatMap { $0.commands.map(\.word) }

        #expect(Set(words).count == words.count, "\(words)")
    }

    @Test(arguments: KeyTable.bindings.flatMap { $0.commands.map(\.word) }) func thePaletteFindsEveryCommandByName(word: String) {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(":" + word, &state)
        guard case .palette(let palette)? = state.overlays.last else {
            Issue.record("no palette")
            return
        }

        let lines = PalettePage(state: state, palette: palette).entries.map(\.line)
        #expect(lines.contains { $0 == word || $0.hasPrefix(word + " ") }, "\(lines)")
    }

    @Test(arguments: Screen.allCases) func theHelpListsEveryKeyOfTheScreen(screen: Screen) {
        var state = Mix.state()
        state.screen = screen
        if screen == .detail { state.detail = DetailState(id: "u-1") }
        let page = HelpPage(state: state, help: HelpState())

        #expect(page.bindings.count == KeyTable.bindings.count { $0.isBound(on: screen) })
    }
}

@Suite struct PaletteTests {
    private func entries(_ typed: String, _ state: AppState = Mix.state()) -> [PalettePage.Entry] {
        PalettePage(state: state, palette: Palette(field: TextField(typed))).entries
    }

    @Test func itSaysHowManyUploadsACommandWouldChange() throws {
        let retry = try #require(entries("retry").first { $0.line == "retry state:failed" })

        #expect(retry.note == "4 uploads")
    }

    @Test func whatIsTypedIsRunAsItStands() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(":pause state:failed size>1G", &state)
        desk.press(.enter, &state)

        #expect(desk.others == [.act(ActionRequest(action: "pause", query: "state:failed size>1G", by: "ops"))])
        #expect(state.overlays.isEmpty)
    }

    @Test func aWordAloneDoesWhatItsKeyDoes() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(":pause", &state)
        desk.press(.enter, &state)

        #expect(desk.others == [.act(ActionRequest(action: "pause", ids: ["u-1"], by: "ops"))])
    }

    @Test func idsAreSentAsIds() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(":resume u-16 u-17", &state)
        desk.press(.enter, &state)

        #expect(desk.others == [.act(ActionRequest(action: "resume", ids: ["u-16", "u-17"], by: "ops"))])
    }

    @Test func anImpossibleCommandStaysAndSaysWhy() {
        var state = Mix.state()
        state.options.isReadOnly = true
        var desk = Desk(rows: Mix.rows)
        desk.press(":pause all", &state)
        #expect(entries("pause all", state).first?.refusal == "this front end is read-only")
        desk.press(.enter, &state)

        #expect(desk.others.isEmpty)
        guard case .palette(let palette)? = state.overlays.last else {
            Issue.record("the palette is gone")
            return
        }
        #expect(palette.problem == "this front end is read-only")
    }

    @Test func tabTakesTheMarkedLine() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(":retry st", &state)
        desk.press(.tab, &state)
        guard case .palette(let palette)? = state.overlays.last else {
            Issue.record("the palette is gone")
            return
        }
        #expect(palette.field.text.hasPrefix("retry state:"))
    }

    @Test func cancelOfAQueryIsCountedBeforeItAsks() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(":cancel all", &state)
        desk.press(.enter, &state)
        #expect(desk.others == [.act(ActionRequest(action: "cancel", all: true, dryRun: true, by: "ops"))])
        _ = reduce(&state, .actionDone(ActionResult(action: "cancel", matched: 12_411, changed: 0, items: [])))
        guard case .confirm(let question)? = state.overlays.last else {
            Issue.record("nothing was asked")
            return
        }
        #expect(question.title == "Cancel 12,411 uploads?")
    }

    @Test func aRateThatCannotBeReadIsAskedForAgain() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(":limit 20Mb", &state)
        desk.press(.enter, &state)
        guard case .prompt(let prompt)? = state.overlays.last else {
            Issue.record("no prompt")
            return
        }
        #expect(prompt.kind == .limit && prompt.field.text == "20Mb" && prompt.problem?.contains("did you mean") == true)
        #expect(desk.others.isEmpty)
    }

    @Test func whatWasRunIsOfferedAgain() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(":filter state:failed size>1G", &state)
        desk.press(.enter, &state)

        #expect(entries("size>1G", state).contains { $0.line == "filter state:failed size>1G" && $0.note.hasPrefix("used 14:03") })
    }

    @Test func aFilterIsKeptAsAViewAndTakenUpAgain() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press("fstate:failed", &state)
        desk.press(.enter, &state)
        desk.press(":view save failures", &state)
        desk.press(.enter, &state)
        guard case .saveView(let name, let view)? = desk.others.last else {
            Issue.record("nothing was kept")
            return
        }
        #expect(name == "failures" && view.query == "state:failed" && view.cursor == nil)
        desk.press(.escape, &state)
        desk.press(.escape, &state)
        #expect(state.queue.query.isEmpty)
        desk.press("3:view failures", &state)
        desk.press(.enter, &state)

        #expect(state.screen == .queue && state.queue.query == "state:failed")
    }

    @Test func aPasteIntoThePaletteNeverRuns() {
        var state = Mix.state()
        var desk = Desk(rows: Mix.rows)
        desk.press(":", &state)
        #expect(reduce(&state, .paste("abort all\n")).isEmpty)
        #expect(state.overlays.count == 1 && desk.others.isEmpty)
    }
}
