import Testing

@testable import TerminalUI

@Suite struct KeyMapTests {
    @Test(arguments: KeyTable.bindings.flatMap(\.keys)) func everyKeyOfTheTableIsReadByItsName(key: Key) throws {
        let name = KeyTable.name(key)

        #expect(try KeyMap.key(name).get() == key)
    }

    @Test func theTableItselfHasNoClash() {
        for screen in Screen.allCases {
            var owners: [Key: Action] = [:]
            for binding in KeyTable.bindings where binding.isBound(on: screen) {
                for key in binding.keys {
                    #expect(owners[key] == nil, "\(KeyTable.name(key)) on \(screen): \(binding.action)")
                    owners[key] = binding.action
                }
            }
        }
    }

    @Test func aChangeReplacesTheKeysOfAnAction() {
        let (map, problems) = KeyMap.read("pause = \"Ctrl-P\"\nundo = [\"F3\", \"F2\"]\n")

        #expect(problems.isEmpty)
        #expect(map.action(for: .control("p"), on: .queue) == .pause && map.action(for: .character("p"), on: .queue) == nil)
        #expect(map.action(for: .function(3), on: .log) == .undo && map.action(for: .function(2), on: .browse) == .undo)
        #expect(map.action(for: .character("j"), on: .queue) == .nextRow, "the rest stays")
    }

    @Test func aChangeOfOneScreenLeavesTheOthers() {
        let (map, problems) = KeyMap.read("[queue]\nundo = \"F3\"\n")

        #expect(problems.isEmpty)
        #expect(map.action(for: .function(3), on: .queue) == .undo && map.action(for: .character("u"), on: .queue) == nil)
        #expect(map.action(for: .character("u"), on: .history) == .undo && map.action(for: .function(3), on: .history) == nil)
    }

    @Test func noKeysTakeAnActionAway() {
        let (map, problems) = KeyMap.read("slow = []\n")

        #expect(problems.isEmpty && map.action(for: .character("B"), on: .queue) == nil)
        #expect(!map.hints(on: .queue).contains { $0.keys.isEmpty })
    }

    static let wrong: [(text: String, place: String, word: String)] = [
        ("puase = \"x\"", "1:1", "“pause”"), ("pause = 5", "1:9", "in quotes"), ("pause = \"Hyper-X\"", "1:9", "no key"),
        ("pause = [\"p\", \"Ctrl-I\"]", "1:15", "Tab"), ("pause = \"Ctrl-C\"", "1:9", "leaves"), ("[nowhere]\nadd = \"a\"", "1:2", "screen"),
        ("[log]\npause = \"p\"", "2:1", "does nothing"), ("pause = \"r\"", "1:9", "retry"), ("pause = \"", "1:10", "quote"),
        ("[queue]\nretry = \"Ctrl-P\"\npause = \"Ctrl-P\"", "3:9", "retry"),
    ]

    @Test(arguments: wrong) func aMistakeIsToldWhereItStands(text: String, place: String, word: String) {
        let (map, problems) = KeyMap.read(text)

        #expect(map == .standard)
        #expect(problems.contains { "\($0.position)" == place && $0.message.contains(word) }, "\(problems)")
    }

    @Test func everyMistakeIsToldAtOnce() {
        #expect(KeyMap.read("a = 1\nb = 2\n[c]\n").problems.count == 3)
    }
}
