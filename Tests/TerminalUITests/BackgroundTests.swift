import Testing

@testable import TerminalUI

@Suite struct BackgroundTests {
    @Test(arguments: [
        ("]11;rgb:1010/1616/1d1d", Background.dark), ("]11;rgb:ffff/ffff/ffff", .light), ("]11;rgb:fd/f6/e3", .light), ("]11;rgb:0/0/0", .dark),
        ("]11;rgba:0000/2b2b/3636/ffff", .dark), ("]11;#fafafa", .light), ("]11;rgb:f/f/f", .light),
    ])
    func theAnswerOfATerminalIsDarkOrLight(report: String, background: Background) {
        #expect(Background(report: Array(report.utf8)) == background)
    }

    @Test(arguments: [
        "]10;rgb:ffff/ffff/ffff", "[0n", "]11;", "]11;rgb:", "]11;rgb:1/2", "]11;rgb:1/2/3/4", "]11;rgb:12345/0/0", "]11;rgb:g/0/0", "]11;#fff", "]11;?",
        "]11;rgb://", "]11;rgb:+1/0/0",
    ])
    func whatIsNoAnswerIsNone(report: String) {
        #expect(Background(report: Array(report.utf8)) == nil)
    }

    @Test(arguments: [("15;0", Background.dark), ("0;15", .light), ("0;default;7", .light)])
    func theEnvironmentSaysItToo(text: String, background: Background) {
        #expect(Background(colorFGBG: text) == background)
    }

    @Test(arguments: [nil, "", "0;default", "0;16"]) func anEnvironmentThatSaysNothingIsNoAnswer(text: String?) {
        #expect(Background(colorFGBG: text) == nil)
    }

    @Test func aChangeConcernsTheThemeAndWhatItInheritsFrom() {
        var watch = ThemeWatch()
        watch.begin()
        for name in ["/home/ops/.config/davit/themes/mine.toml", "warm", "builtin:default-dark"] { watch.looked(for: name) }

        #expect(watch.isConcerned(by: ["x", "mine.toml"]) && watch.isConcerned(by: ["warm.toml"]) && watch.isConcerned(by: ["default-dark.toml"]))
        #expect(!watch.isConcerned(by: ["other.toml", ".mine.toml.swp", "mine.toml~", "4913", ""]))
        #expect(watch.isConcerned(by: [], isIncomplete: true))
        watch.begin()
        watch.looked(for: "ember")
        #expect(!watch.isConcerned(by: ["mine.toml"]))
    }

    @Test func aThemeTellsWhatItInheritsFrom() throws {
        var watch = ThemeWatch()
        let parent = (text: "format = 1\nname = \"P\"\nkind = \"dark\"\n[roles]\n\"text\" = { fg = \"white\" }\n\"background\" = { bg = \"black\" }\n", name: "warm.toml")
        _ = try Theme.load("format = 1\nname = \"M\"\nkind = \"dark\"\ninherits = \"warm\"\n", name: "mine.toml", depth: .rgb) { name in
            watch.looked(for: name)
            return name == "warm" ? parent : nil
        }
        #expect(watch.isConcerned(by: ["warm.toml"]))
    }
}
