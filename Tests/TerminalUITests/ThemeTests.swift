import Testing

@testable import TerminalUI

/// The theme files of the repository.
enum Themes {
    static let names = ["mono", "default-dark", "default-light", "contrast", "safe", "tidewater", "ember", "violet-hour"]

    static func text(_ name: String) -> String? {
        let parts = #filePath.split(separator: "/")
        let root = "/" + parts.dropLast(3).joined(separator: "/")
        return Golden.read(root + "/themes/\(name).toml")
    }

    static func load(_ name: String, _ depth: ColorDepth = .rgb) -> Theme {
        guard let text = text(name), let theme = try? Theme.load(text, name: name, depth: depth, resolve: { _ in nil }) else {
            Issue.record("\(name) cannot be loaded")
            return .mono
        }
        return theme
    }
}

@Suite struct ThemeFiles {
    private func messages(_ text: String, others: [String: String] = [:]) -> [String] {
        do {
            let theme = try Theme.load(text, name: "t.toml") { name in others[name].map { ($0, name + ".toml") } }
            return theme.warnings.map(\.description)
        } catch {
            return error.messages.map(\.description)
        }
    }

    @Test(arguments: Themes.names) func theShippedThemesHaveNoComplaints(name: String) {
        #expect(Themes.load(name).warnings.map(\.description) == [])
    }

    @Test func explicitValuesAreTakenAtTheirDepth() {
        #expect(Themes.load("default-dark", .rgb).style(.stateFailed).foreground == .rgb(0xF35534))
        #expect(Themes.load("default-dark", .indexed).style(.stateFailed).foreground == .indexed(202))
        #expect(Themes.load("default-dark", .ansi).style(.stateFailed).foreground == .ansi(9))
        #expect(Themes.load("default-dark", .none).style(.stateFailed) == Style(attributes: [.bold, .reverse]))
        #expect(Themes.load("default-dark", .rgb).style(.stateFailed).background == .rgb(0x10161D))
    }

    @Test(arguments: Themes.names) func withoutColourThereIsNone(name: String) {
        let theme = Themes.load(name, .none)
        for role in Role.allCases {
            #expect(theme.style(role).foreground == .standard && theme.style(role).background == .standard)
        }
        #expect(theme.style(.cursor).attributes.contains(.reverse))
    }

    @Test(arguments: Themes.names, ColorDepth.allCases) func theCursorRowIsAlwaysToldFromTheRest(name: String, depth: ColorDepth) {
        let theme = Themes.load(name, depth)
        #expect(theme.style(.cursor) != theme.style(.text))
    }

    @Test func aRoleFallsBackToThePartBeforeTheDotAndThenToText() {
        let text = "format = 1\n[roles]\ntext = { fg = \"#ffffff\" }\nbackground = { bg = \"#000000\" }\nstate = \"#aabbcc\"\n"
        let theme = try? Theme.load(text, name: "t") { _ in nil }
        #expect(theme?.style(.stateDone).foreground == .rgb(0xAABBCC))
        #expect(theme?.style(.tabActive).foreground == .rgb(0xFFFFFF))
        #expect(theme?.style(.tabActive).background == .rgb(0x000000))
    }

    @Test func aThemeMayInheritAndChangeOneRole() {
        let parent = Themes.text("default-dark") ?? ""
        let theme = try? Theme.load("format = 1\ninherits = \"default-dark\"\n[palette]\nfailed = \"#ff0000\"\n", name: "mine") { _ in
            (parent, "default-dark.toml")
        }
        #expect(theme?.style(.stateFailed).foreground == .rgb(0xFF0000))
        #expect(theme?.style(.stateDone).foreground == .rgb(0x71FFA8))
    }

    @Test func mistakesAreNamedWithTheirPlaceAndASuggestion() {
        #expect(
            messages("format = 1\n[roles]\n\"state.failed\" = \"bluw\"\n") == [
                "t.toml:3:18: error: unknown colour \"bluw\". Did you mean \"blue\"?"
            ])
        #expect(
            messages("format = 1\n[roles]\n\"state.fialed\" = \"red\"\n") == [
                "t.toml:3:1: warning: unknown role \"state.fialed\". Did you mean \"state.failed\"?"
            ])
        #expect(messages("format = 2\n") == ["t.toml:1:10: error: only format = 1 is known"])
        #expect(messages("name = \"x\"\n") == ["t.toml: error: the line format = 1 is missing"])
        #expect(messages("format = 1\ncolour = 1\n").first?.hasPrefix("t.toml:2:1: error: unknown key \"colour\"") == true)
        #expect(
            messages("format = 1\n[roles]\ntitle = { fg = \"#12345g\" }\n") == [
                "t.toml:3:16: error: \"#12345g\" is no colour: #rgb or #rrggbb"
            ])
        #expect(
            messages("format = 1\n[roles]\ntitle = { attrs = [\"blink\"] }\n").first?.hasPrefix(
                "t.toml:3:20: error: unknown attribute \"blink\"") == true)
        #expect(messages("format = 1\n[roles]\ntitle = 256\n") == ["t.toml:3:9: error: a colour index is 0 to 255, not 256"])
        #expect(messages("format = 1\n[roles\n").first?.hasPrefix("t.toml:2:") == true)
    }

    @Test func textAndBackgroundAreSetTogether() {
        #expect(
            messages("format = 1\n[roles]\ntext = \"#ffffff\"\n") == ["t.toml:3:1: error: text without background: set both or neither"])
    }

    @Test func unreadableTextIsAWarning() {
        #expect(
            messages("format = 1\n[roles]\ntext = \"#777777\"\nbackground = { bg = \"#555555\" }\n").contains {
                $0.hasPrefix("t.toml: warning: text on background has contrast 1.6:1")
            })
    }

    @Test func loopsAreNamed() {
        let other = "format = 1\ninherits = \"t\"\n"
        #expect(
            messages("format = 1\ninherits = \"warm\"\n", others: ["warm": other, "t": other]).contains {
                $0.contains("inherits loop: t -> warm -> t")
            })
        #expect(
            messages("format = 1\n[palette]\na = \"b\"\nb = \"a\"\n[roles]\ntitle = \"a\"\n").contains {
                $0.contains("colours refer to each other in a loop")
            })
    }

    @Test func theNearestOf256KeepsItsContrast() {
        for value: UInt32 in [0xF35534, 0x6490E4, 0x93A1B0, 0xDCC4FC, 0x5B6C7E, 0x123456] {
            let ground: UInt32 = 0x10161D
            let nearest = ColorMath.rgb(ofIndex: ColorMath.nearestIndexed(value, on: ground))
            #expect(ColorMath.contrast(nearest, ground) >= min(4.5, ColorMath.contrast(value, ground)) * 0.95)
        }
        #expect(ColorMath.nearestIndexed(0xFFFFFF, on: nil) == 231 || ColorMath.nearestIndexed(0xFFFFFF, on: nil) == 15 + 216)
    }

    @Test func contrastIsThatOfTheStandard() {
        #expect(abs(ColorMath.contrast(0xFFFFFF, 0x000000) - 21) < 0.01)
        #expect(abs(ColorMath.contrast(0x777777, 0xFFFFFF) - 4.48) < 0.01)
    }
}
