import Testing

@testable import TerminalUI

/// What `scripts/fuzz` found in names, pastes and theme files.
@Suite struct FuzzFindingsTests {
    @Test(arguments: ["\u{1F44D}\u{200D}\u{1F3FB}", "\u{1F44D}\u{FE0F}\u{1F3FD}"]) func whatMayBeShownIsShownAsItIs(name: String) {
        let shown = displayText(name)

        // The joiner was left out and the skin tone behind it stayed, so that the terminal joined what was counted apart.
        #expect(shown.plain == "\u{1F44D}" && shown.width == 2)
        #expect(displayText(shown.plain).plain == shown.plain)
    }

    @Test func whatAThemeSaysReachesNoTerminalThroughItsErrors() {
        let text = "format = 1\n\"a\\u001b]0;x\\u0007\" = 1\ninherits = \"p\\u009bq\"\n[roles]\n\"t\\u202e\" = \"red\"\ntext = \"n\\n\"\n"

        let error = #expect(throws: ThemeError.self) { try Theme.load(text, name: "x\u{1B}.toml") { _ in nil } }

        let scalars = (error?.messages ?? []).flatMap { $0.description.unicodeScalars }
        #expect((error?.messages.count ?? 0) >= 3)
        #expect(!scalars.contains { $0.properties.generalCategory == .control || $0.properties.isBidiControl })
    }

    @Test(.timeLimit(.minutes(1))) func aThemeMadeOfMistakesIsRefusedSoon() {
        // Each unknown colour was compared with all names of the palette, and each message with all others.
        let palette = (0..<2_000).map { "a\($0) = \"b\($0)\"\n" }.joined()
        let large = (0..<30_000).map { "a\($0) = \"b\($0)\"\n" }.joined()

        let error = #expect(throws: ThemeError.self) { try Theme.load("format = 1\n[palette]\n" + palette, name: "t") { _ in nil } }
        let other = #expect(throws: ThemeError.self) { try Theme.load("format = 1\n[palette]\n" + large, name: "t") { _ in nil } }

        #expect(error?.messages.count == 100)
        #expect(other?.messages.count == 1)
    }

    @Test func manyWarningsHideNoError() {
        let roles = (0..<150).map { "nobody\($0) = \"red\"\n" }.joined()

        #expect(throws: ThemeError.self) { try Theme.load("format = 1\n[roles]\n\(roles)ok = \"nocolour\"\n", name: "t") { _ in nil } }
    }

    @Test func aPileOfMarksIsNoCharacterToType() {
        var field = TextField()

        field.insert("a" + String(repeating: "\u{301}", count: 500_000) + "b")
        field.insert("\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{200D}\u{1F466}")

        #expect(field.text == "b\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{200D}\u{1F466}")
    }
}
