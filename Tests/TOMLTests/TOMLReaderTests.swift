import Testing

@testable import TOML

@Suite struct TOMLReaderTests {
    /// The problems that `read` leaves, in the form people see.
    private func problems(_ text: String, _ read: (TOMLReader) -> Void) throws -> [String] {
        let problems = TOMLProblems()
        read(TOMLReader(try TOMLDocument(parsing: text), problems))
        return problems.sorted.map { $0.text(file: "c.toml") }
    }

    @Test func anUnknownKeyIsNamedWithItsPlaceAndTheNearestAccepted() throws {
        let found = try problems("[remote.x]\n  bukcet = \"b\"\n") { root in
            for (_, _, remote) in root.subtable("remote")?.named() ?? [] {
                #expect(remote.string("bucket") == nil)
                #expect(remote.string("region") == nil)
                remote.finish()
            }
            root.finish()
        }

        #expect(found == ["c.toml:2:3: error: unknown key \"bukcet\" in [remote.x]. Did you mean \"bucket\"? Accepted: bucket, region"])
    }

    @Test func aFarWordGetsNoGuess() throws {
        let found = try problems("zzz = 1") { root in
            _ = root.string("bucket")
            root.finish()
        }

        #expect(found == ["c.toml:1:1: error: unknown key \"zzz\". Accepted: bucket"])
    }

    @Test func everyAccessorReportsAWrongTypeAtTheValue() throws {
        let found = try problems("a = 1\nb = 'x'\nc = 'x'\nd = 1\ne = 1\nf = 1\ng = [1]\nh = ['x', 2]\ni = 'x'") { root in
            #expect(root.string("a") == nil)
            #expect(root.boolean("b") == nil)
            #expect(root.integer("c", in: 1...9) == nil)
            #expect(root.choice("d", of: ["p", "q"]) == nil)
            #expect(root.strings("e") == nil)
            #expect(root.subtable("f") == nil)
            #expect(root.subtables("g").isEmpty)
            #expect(root.strings("h")?.map(\.text) == ["x"])
            #expect(root.number("i") == nil)
            root.finish()
        }

        #expect(
            found == [
                "c.toml:1:5: error: \"a\" is an integer. Accepted: a string in quotes",
                "c.toml:2:5: error: \"b\" is a string. Accepted: true or false",
                "c.toml:3:5: error: \"c\" is a string. Accepted: an integer from 1 to 9",
                "c.toml:4:5: error: \"d\" is an integer. Accepted: \"p\", \"q\"",
                "c.toml:5:5: error: \"e\" is an integer. Accepted: an array of strings",
                "c.toml:6:5: error: \"f\" is an integer. Accepted: a table, [f]",
                "c.toml:7:6: error: \"g\" holds an integer. Accepted: tables, [[g]]",
                "c.toml:8:11: error: \"h\" holds an integer. Accepted: an array of strings",
                "c.toml:9:5: error: \"i\" is a string. Accepted: a number",
            ])
    }

    @Test func aBadValueSaysWhatIsAccepted() throws {
        struct No: Error, CustomStringConvertible { var description: String { "not a size. Accepted: 50MiB" } }

        let found = try problems("kind = 'stattic'\nn = 99\ns = ''\nr = '5x'") { root in
            #expect(root.choice("kind", of: ["static", "env"]) == nil)
            #expect(root.integer("n", in: 1...9) == nil)
            #expect(root.string("s", allowEmpty: false) == nil)
            #expect(root.parsed("r", by: { _ throws(No) -> Int in throw No() }) == nil)
            #expect(root.string("t", required: true) == nil)
        }

        #expect(
            found == [
                "c.toml:1:1: error: the file needs the key \"t\", which is missing",
                "c.toml:1:8: error: \"kind\" cannot be \"stattic\". Did you mean \"static\"? Accepted: \"static\", \"env\"",
                "c.toml:2:5: error: \"n\" is 99. Accepted: an integer from 1 to 9", "c.toml:3:5: error: \"s\" must not be empty",
                "c.toml:4:5: error: \"r\" cannot be \"5x\": not a size. Accepted: 50MiB",
            ])
    }

    @Test func aMessageStaysOneCleanLineWhateverTheFileHolds() throws {
        let found = try problems("\"a\\nb\\u001b\\u202e\" = 1") { $0.finish() }

        #expect(found == ["c.toml:1:1: error: unknown key \"a\u{FFFD}b\u{FFFD}\u{FFFD}\". Accepted: no keys"])
    }

    @Test(arguments: [
        ("bukcet", "bucket"), ("Bucket", "bucket"), ("regoin", "region"), ("prefx", "prefix"), ("xx", nil), ("", nil),
        ("acces-key-id", "access-key-id"),
    ])
    func theNearestWordIsOneThatCouldHaveBeenMeant(word: String, meant: String?) {
        #expect(nearest(word, among: ["bucket", "region", "prefix", "access-key-id"]) == meant)
    }
}
