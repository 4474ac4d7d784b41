import Testing

@testable import TransferCore

@Suite struct FiltersTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var rules: [String]
        var taken: [String]
        var left: [String]
        var testDescription: String { rules.joined(separator: " ") }

        init(_ rules: [String], taken: [String] = [], left: [String] = []) { (self.rules, self.taken, self.left) = (rules, taken, left) }
    }

    static let cases: [Case] = [
        Case([], taken: ["a", "a/b.txt"]),
        Case(["-*.tmp"], taken: ["a", "tmp", "a.tmp/b"], left: ["a.tmp", "x/y/b.tmp", ".tmp"]),
        Case(["+*.jpg"], taken: ["a.jpg", "x/y/b.jpg"], left: ["a.png", "jpg"]),
        Case(["-/top.txt"], taken: ["x/top.txt"], left: ["top.txt"]),
        Case(["-top.txt"], taken: ["stop.txt"], left: ["top.txt", "x/top.txt"]),
        Case(["-*.o", "+*.c"], taken: ["a.c"], left: ["a.o", "a.h"]),
        Case(["+keep.o", "-*.o", "+**"], taken: ["keep.o", "x/keep.o", "a"], left: ["a.o"]),
        Case(["-.git/"], taken: [".gitignore", "a/.gitx/b"], left: [".git/config", "x/.git/a/b"]),
        Case(["-/build/**"], taken: ["x/build/a", "build"], left: ["build/a", "build/a/b"]),
        Case(["-a*b"], taken: ["a/b", "axc"], left: ["ab", "axb", "x/axxb"]),
        Case(["-a**b"], left: ["a/b", "ab", "a/x/y/b"]),
        Case(["-?.txt"], taken: ["ab.txt", ".txt"], left: ["a.txt", "é.txt", "猫.txt"]),
        Case(["-[a-c]1"], taken: ["d1", "a2"], left: ["a1", "b1"]),
        Case(["-[!a-c]1"], taken: ["a1"], left: ["d1", "é1", "猫1", "😀1"]),
        Case(["+[!.]*"], taken: ["a", "Übersicht.pdf", "猫"], left: [".hidden"]),
        Case(["-[!a]"], taken: ["a", "éé", "猫x"], left: ["b", "é", "猫"]),
        Case(["-*.{jpg,png}"], taken: ["a.gif", "a.{jpg,png}"], left: ["a.jpg", "b/a.png"]),
        Case(["-{a,b{c,d}}.x"], taken: ["b.x"], left: ["a.x", "bc.x", "bd.x"]),
        Case(["-\\*.txt"], taken: ["a.txt"], left: ["*.txt"]),
        Case(["- spaced name"], taken: ["spaced"], left: ["spaced name"]),
        Case(["-*.TXT"], taken: ["a.txt"], left: ["a.TXT"]),
        Case(["-]"], left: ["]"]),
        Case(["-[]]x"], left: ["]x"]),
    ]

    @Test(arguments: cases) func theFirstRuleThatMatchesDecides(example: Case) throws {
        let filters = try Filters(example.rules)

        #expect(example.taken.filter { !filters.includes($0) } == [])
        #expect(example.left.filter { filters.includes($0) } == [])
    }

    @Test(arguments: ["a.txt", "+", "-", "", "-[a", "-{a", "-a}", "-\\", "-[z-a]", "-[ä]", "-/", "=a"]) func aBrokenRuleIsRefused(
        rule: String
    ) {
        #expect(throws: FilterError.self) { try Filters([rule]) }
    }

    @Test func namesAreBytes() throws {
        let filters = try Filters(["-é"])

        #expect(!filters.includes(Array("é".utf8)))
        #expect(filters.includes(Array("e\u{301}".utf8)), "decomposed is another name")
        #expect(filters.includes([0xff, 0xfe]))
        #expect(try !Filters(["-*"]).includes([0xff, 0xfe]))
        #expect(try !Filters(["-?x"]).includes([0xff, 0x78]))
    }

    @Test func aFolderThatCannotHoldAnythingIsNotRead() throws {
        let filters = try Filters(["-node_modules/", "-/build/**"])

        #expect(filters.excludesEverything(below: Array("node_modules".utf8)))
        #expect(filters.excludesEverything(below: Array("a/node_modules/x".utf8)))
        #expect(filters.excludesEverything(below: Array("build".utf8)))
        #expect(!filters.excludesEverything(below: Array("a/build".utf8)))
        #expect(
            try !Filters(["+a.txt", "-x/"]).excludesEverything(below: Array("x".utf8)), "a rule before could take something out of there")
        #expect(try !Filters(["-*.o"]).excludesEverything(below: Array("a.o".utf8)))
        #expect(try Filters(["-**"]).excludesEverything(below: Array("a".utf8)))
    }

    @Test func excludingAFolderAgreesWithExcludingItsFiles() throws {
        let filters = try Filters(["-x/", "-/y/z/**", "-{p,q}/"])
        for folder in ["x", "a/x", "y/z", "y", "p", "a/q/b", "z"] where filters.excludesEverything(below: Array(folder.utf8)) {
            #expect(!filters.includes("\(folder)/file"))
            #expect(!filters.includes("\(folder)/deeper/file"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func aMaliciousPatternTakesNoMoreThanItsSize() throws {
        let filters = try Filters(["-" + String(repeating: "**a*", count: 100) + "b"])

        #expect(filters.includes(String(repeating: "a", count: 1_000)))
    }

    @Test func tooMuchIsRefused() {
        #expect(throws: FilterError.self) { try Filters(Array(repeating: "-a", count: 1_001)) }
        #expect(throws: FilterError.self) { try Filters(["-" + String(repeating: "a", count: 4_097)]) }
        #expect(throws: FilterError.self) { try Filters(["-" + String(repeating: "{", count: 50)]) }
    }
}
