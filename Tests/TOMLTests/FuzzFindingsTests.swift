import Testing

@testable import TOML

/// What `scripts/fuzz` found in reading TOML strictly.
@Suite struct FuzzFindingsTests {
    private func problems(_ text: String, _ read: (TOMLReader) -> Void) throws -> [TOMLProblem] {
        let problems = TOMLProblems()
        read(TOMLReader(try TOMLDocument(parsing: text), problems))
        return problems.sorted
    }

    @Test func theNameOfATableReachesNoTerminalAsItIs() throws {
        let found = try problems("[remote.\"a\\u001b[2J\"]\nexistign = 1\n\"x\\u009b\" = 1\n") { root in
            for (_, _, remote) in root.subtable("remote")?.named() ?? [] {
                _ = remote.subtable("credentials", required: true)
                _ = remote.string("existing")
                remote.finish()
            }
        }

        #expect(found.count == 3)
        #expect(found.allSatisfy { $0.message.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) } })
        #expect(found.first?.message.hasPrefix("[remote.a\u{FFFD}[2J] ") == true)
    }

    @Test(.timeLimit(.minutes(1))) func aFileFullOfMistakesIsReadInATimeThatGrowsWithItsLength() throws {
        // Each mistake and each name was looked for among all others: minutes for one file.
        let names = (0..<40_000).map { "\($0) = 1\n" }.joined()

        let wrong = try problems("[remote]\n" + names) { _ = $0.subtable("remote")?.named() }
        let unknown = try problems(names) { $0.finish() }

        #expect(wrong.count == 40_000 && unknown.count == 40_000)
    }
}
