import Testing

@testable import Credentials

@Suite struct INIFileTests {
    /// `SECTION.KEY=VALUE`, in order.
    static func flat(_ text: String) throws -> [String] { try flat(Array(text.utf8)) }
    static func flat(_ bytes: [UInt8]) throws -> [String] {
        try INIFile(parsing: bytes).sections.flatMap { section in section.entries.map { "\(section.name).\($0.key)=\($0.value)" } }
    }

    @Test(
        arguments: [
            ("[default]\nregion = cn-hangzhou\n", ["default.region=cn-hangzhou"]),
            ("[a]\nk=v", ["a.k=v"]),
            ("[a]\r\nk=v\r\n\r\n", ["a.k=v"]),
            ("\u{FEFF}[a]\nk=v\n", ["a.k=v"]),
            ("  [ a ]  \n\t k\t=\t v \t\n", ["a.k=v"]),
            ("[profile my dev] # mine\nk=v", ["profile my dev.k=v"]),
            ("; one\n# two\n[a]\n  # three\n;k=v\nk=v", ["a.k=v"]),
            ("[a]\nk: v", ["a.k=v"]),
            ("[a]\nurl = http://h:1/?a=b", ["a.url=http://h:1/?a=b"]),
            ("[a]\nk=a=b==", ["a.k=a=b=="]),
            ("[a]\nk=", ["a.k="]),
            ("[a]\nk=v # no comment\nl=#v", ["a.k=v # no comment", "a.l=#v"]),
            ("[a]\nk=1\n[b]\nk=2\n[a]\nl=3", ["a.k=1", "a.l=3", "b.k=2"]),
            ("[a]\nk=1\nk=2", ["a.k=1", "a.k=2"]),
            ("[]x]\n", nil), ("", []), ("\n\n", []), ("[a]\nключ = значение", ["a.ключ=значение"]),
        ] as [(String, [String]?)])
    func aFileHasTheKeysThatItsTextSays(text: String, keys: [String]?) throws {
        #expect((try? INIFileTests.flat(text)) == keys)
    }

    @Test(arguments: [
        ("\"a b\"", "a b"), ("'a b'", "a b"), ("\"\"", ""), ("\"", "\""), ("\"a", "\"a"), ("a\"", "a\""), ("'a\"", "'a\""),
        ("\"/opt/my tool\" \"x\"", "\"/opt/my tool\" \"x\""), ("'\"a\"'", "\"a\""), ("\" a \"", " a "), ("it's", "it's"),
    ])
    func onlyOnePairOfQuotesAroundTheWholeValueIsDropped(text: String, value: String) throws {
        #expect(try INIFileTests.flat("[a]\nk = \(text)") == ["a.k=\(value)"])
    }

    @Test func keysFurtherRightAreToldByTheirIndent() throws {
        let file = try INIFile(parsing: Array("[a]\nb =\n  k = v\n\tl = w\nc = d".utf8))

        #expect(file.sections[0].entries.map(\.indent) == [0, 2, 1, 0])
        #expect(file.sections[0].entries.map(\.line) == [2, 3, 4, 5])
    }

    @Test(arguments: [
        ("[a]\nk=v\ntoken-that-somebody-broke", 3, "has no “=”"),
        ("[a]\n= v", 2, "in front of the “=”"),
        ("k = v\n[a]", 1, "in front of the first section"),
        ("[a", 1, "“]”"), ("\n[]\n", 2, "no name"), ("[ ]", 1, "no name"), ("[a] k=v", 1, "behind the section"),
        ("[a]\nk=\u{1B}[2J", 2, "no text"), ("[a]\nk=\0", 2, "no text"), ("[a]\nk=v\rl=w\n", 2, "no text"),
    ])
    func whatIsWrongIsNamedWithItsLine(text: String, line: Int, says: String) {
        let error = #expect(throws: ProfileError.self) { try INIFile(parsing: Array(text.utf8)) }

        guard case .wrong(let place, let message) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(place == line && message.contains(says), "\(message)")
        #expect(!message.contains("somebody"))
    }

    @Test(arguments: [[0xFF, 0xFE, 0x5B, 0], [0xFE, 0xFF, 0, 0x5B], Array("[a]\nk=".utf8) + [0xC3, 0x28]] as [[UInt8]])
    func whatIsNoUTF8IsRefused(bytes: [UInt8]) {
        #expect(throws: ProfileError.self) { try INIFile(parsing: bytes) }
    }

    @Test(arguments: [("", "#", INIFile.mostBytes + 1), ("", "\n", INIFile.mostLines + 1), ("[a]\nk=", "v", INIFile.longestLine)])
    func whatIsTooLongForAFileOfProfilesIsRefused(start: String, unit: String, count: Int) {
        let text = start + String(repeating: unit, count: count)

        #expect(throws: ProfileError.self) { try INIFile(parsing: Array(text.utf8)) }
    }

    @Test func moreSectionsThanAFileOfProfilesHasAreRefused() {
        let text = (0...INIFile.mostSections).map { "[\($0)]\n" }.joined()

        #expect(throws: ProfileError.self) { try INIFile(parsing: Array(text.utf8)) }
    }

    @Test func theLargestFileIsStillRead() throws {
        let sections = (1...INIFile.mostSections).map { "[\($0)]\nk=\($0)\n" }.joined()

        #expect(try INIFileTests.flat(sections).count == INIFile.mostSections)
    }

    /// Bytes out of a small alphabet meet every rule often.
    @Test(arguments: 1...300 as ClosedRange<UInt64>) func noTextEndsTheProgram(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15
        func next(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }
        let alphabet = Array("[]=:#;\"' \t\n\r\\default profile buckets mode ak-_é".utf8) + [0, 0xEF, 0xBB, 0xBF]
        let bytes = (0..<next(400)).map { _ in alphabet[next(alphabet.count)] }

        if let file = try? INIFile(parsing: bytes) { #expect(file.sections.allSatisfy { !$0.name.isEmpty }) }
        _ = try? OSSUtilProfiles(parsing: bytes).profile(nil, in: "f")
        _ = try? CredentialsFile(parsing: bytes).profile(nil, in: "f")
        _ = try? AliyunProfiles(parsing: bytes)
        _ = CommandWords.split(String(decoding: bytes, as: UTF8.self))
    }
}
