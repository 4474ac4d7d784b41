import Testing

@testable import TOML

@Suite struct TOMLDocumentTests {
    private func kind(_ text: String) throws -> TOMLValue.Kind? { try TOMLDocument(parsing: "v = " + text)["v"]?.kind }

    @Test(arguments: [
        ("\"a\\tb\\u00e9\\U0001F600\\\\\"", "a\tb\u{e9}\u{1F600}\\"), ("'C:\\new'", "C:\\new"), ("''", ""), ("\"\"", ""),
        ("\"\"\"\nfirst\r\nsecond \\\n\n   third\"\"\"", "first\nsecond third"), ("\"\"\"\"quoted\"\"\"\"", "\"quoted\""),
        ("\"\"\"a \"\"b\"\"\"\"\"", "a \"\"b\"\""), ("'''\n'it' \\n'''", "'it' \\n"), ("\"\"\"\"\"\"", ""),
    ])
    func aStringMeansWhatTheGrammarSays(text: String, meaning: String) throws {
        #expect(try kind(text) == .string(meaning))
    }

    @Test(arguments: [
        ("0", 0), ("+7", 7), ("-0", 0), ("1_000", 1000), ("0xDEAD_beef", 0xDEAD_BEEF), ("0o755", 0o755), ("0b11_01", 13),
        ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min),
    ])
    func anIntegerMeansWhatTheGrammarSays(text: String, meaning: Int64) throws {
        #expect(try kind(text) == .integer(meaning))
    }

    @Test(arguments: [
        ("1.5", 1.5), ("-0.25", -0.25), ("1e3", 1000), ("6.6_2E-1", 0.662), ("+1.0", 1), ("inf", .infinity), ("-inf", -.infinity),
    ])
    func aFloatMeansWhatTheGrammarSays(text: String, meaning: Double) throws {
        #expect(try kind(text) == .float(meaning))
    }

    @Test(arguments: [
        "1979-05-27T07:32:00Z", "1979-05-27 07:32:00.999-07:00", "1979-05-27t07:32:00", "2024-02-29", "07:32:00", "00:32:00.5",
    ])
    func aDateIsKeptAsItWasWritten(text: String) throws {
        #expect(try kind(text) == .date(text))
    }

    @Test(arguments: [
        "01", "1__0", "_1", "1_", "1.", ".5", "1.e3", "1e", "0x", "0xG", "-0x1", "+0b1", "9223372036854775808", "1 2", "tru", "TRUE", "",
        "2023-02-29", "2023-13-01", "25:00:00", "07:32", "2023-01-01T07:32", "2023-01-01T07:32:00+25:00", "\"a", "'a", "\"\"\"a", "\"\\x\"",
        "\"\\uD800\"", "\"\\u12\"", "\"\u{1}\"", "'\u{7F}'", "[1, 2", "[1 2]", "[,]", "{a = 1,}", "{a = 1\n}", "{a = 1, a = 2}",
        "\"a\" \"b\"",
        "\"\"\"\"\"\"\"\"\"", "bare", "{a.b = 1, a.b.c = 2}",
    ])
    func whatIsNoValueIsRefused(text: String) {
        #expect(throws: TOMLError.self) { try TOMLDocument(parsing: "v = " + text) }
    }

    @Test func tablesKeepTheOrderOfTheFile() throws {
        let document = try TOMLDocument(parsing: "z = 1\na = 2\n[t.x]\nb = 1\n[s]\n[t]\nc.d = 1\n\"quoted key\".e = 2\n")

        #expect(document.root.keys == ["z", "a", "t", "s"])
        #expect(document["t"]?.table?.keys == ["x", "c", "quoted key"])
    }

    @Test func tablesOfOneNameFormAnArrayThatHeadersExtend() throws {
        let document = try TOMLDocument(
            parsing:
                "[[client]]\nname = \"a\"\n[[client.grant]]\nbucket = \"b\"\n[[client.grant]]\nbucket = \"c\"\n[[client]]\nname = \"d\"")
        let clients = try #require(document["client"]?.array)

        #expect(clients.map { $0.table?["name"]?.string } == ["a", "d"])
        #expect(clients[0].table?["grant"]?.array?.map { $0.table?["bucket"]?.string } == ["b", "c"])
        #expect(clients[1].position == TOMLPosition(line: 7, column: 1))
    }

    @Test(arguments: [
        ("a = 1\na = 2", 2, 1), ("[a]\n[a]", 2, 2), ("a = 1\n[a]", 2, 2), ("a = {}\n[a.b]", 2, 2), ("a = {}\na.b = 1", 2, 1),
        ("a.b = 1\n[a]", 2, 2), ("[a.b.c]\nz = 9\n[a]\nb.c.t = 9", 4, 3), ("a = []\n[[a]]", 2, 3), ("[[a]]\n[a]", 2, 2),
        ("[a]\n[[a]]", 2, 3),
        ("a.b = 1\na.b.c = 2", 2, 3),
    ])
    func nothingIsDefinedTwice(text: String, line: Int, column: Int) throws {
        let error = try #require(throws: TOMLError.self) { try TOMLDocument(parsing: text) }

        #expect(error.position == TOMLPosition(line: line, column: column), "\(error)")
    }

    @Test func keysAreComparedByBytesNotByLook() throws {
        let document = try TOMLDocument(parsing: "\"\u{e9}\" = 1\n\"e\u{301}\" = 2")

        #expect(document["\u{e9}"]?.integer == 1)
        #expect(document["e\u{301}"]?.integer == 2)
    }

    @Test func aColumnCountsScalarsNotBytes() throws {
        let table = try TOMLDocument(parsing: "\u{FEFF}# \u{1F600}\r\nv = [ \"é\", 2 ]  # x").root

        #expect(table.entry("v")?.position == TOMLPosition(line: 2, column: 1))
        #expect(table["v"]?.array?.map(\.position) == [TOMLPosition(line: 2, column: 7), TOMLPosition(line: 2, column: 12)])
    }

    @Test(arguments: [
        ("v = yes", "1:5: “yes” is no value. Text goes in quotes: \"yes\""), ("\n  v 1", "2:5: expected “=” after the key, found “1”"),
        ("v = [1\n w", "2:2: expected “,” or “]” in the array, found “w”"), ("a = 1 b = 2", "1:7: expected the end of the line, found “b”"),
        ("[a", "1:3: expected “]” at the end of the header, found the end of the text"),
        ("a = 1\r", "1:6: a carriage return without a line feed"),
        ("# \u{1}", "1:3: a control character in a comment"), ("v = [1] 2", "1:9: expected the end of the line, found “2”"),
    ])
    func anErrorSaysWhereAndWhatWasExpected(text: String, message: String) throws {
        let error = try #require(throws: TOMLError.self) { try TOMLDocument(parsing: text) }

        #expect(error.description == message)
    }

    @Test func bytesThatAreNotUTF8AreRefusedWithTheirPlace() throws {
        let error = try #require(throws: TOMLError.self) { try TOMLDocument(parsing: Array("a = 1\nb = '".utf8) + [0xC3, 0x28]) }

        #expect(error.position == TOMLPosition(line: 2, column: 6))
    }

    @Test(arguments: [
        "v = " + String(repeating: "[", count: 5000), String(repeating: "a.", count: 5000) + "b = 1", String(repeating: "{a=", count: 5000),
        "[" + String(repeating: "a.", count: 5000) + "b]", "v = [" + String(repeating: "1,", count: 200_000) + "]",
        "v = '" + String(repeating: "a", count: 2 << 20) + "'", "v = " + String(repeating: "{a=", count: 5000),
    ])
    func whatIsTooLargeIsRefusedNotCrashedOn(text: String) {
        #expect(throws: TOMLError.self) { try TOMLDocument(parsing: text) }
    }

    /// Every cut and every changed byte of a document is read or refused, never crashed on.
    @Test(arguments: 0..<97)
    func damagedTextNeverTraps(seed: Int) {
        let text = Array(
            "a.b = [1, {c = \"x\\u00e9\"}] # é\n[[t]]\nd = '''\nx'''\ne = \"\"\"a\\\n b\"\"\"\n[t.u]\nf = 1979-05-27 07:32:00.1-07:00\ng = -1.5e3"
                .utf8)
        var outcomes = 0
        for cut in text.indices {
            var damaged = text
            damaged[cut] = UInt8(truncatingIfNeeded: seed &* 41 &+ cut &* 7)
            for candidate in [damaged, Array(text[..<cut])] {
                do throws(TOMLError) {
                    _ = try TOMLDocument(parsing: candidate)
                } catch {
                    #expect(error.line >= 1 && error.column >= 1)
                }
                outcomes += 1
            }
        }
        #expect(outcomes == 2 * text.count)
    }
}
