import Testing

@testable import Contracts

@Suite struct LogLineTests {
    private let time = "2026-01-15T08:30:00.123Z"

    static let lines: [(message: String, fields: [String: String])] = [
        ("the engine starts", [:]), ("a request failed", ["upload": "u-7Q4K2", "request_id": "65A3C0E1D2", "http": "503"]),
        ("an upload failed", ["reason": "AccessDenied: you may not", "key": "a b=c \"quoted\" \\ back"]), ("", ["empty": ""]),
        ("what = is this", ["a": "1"]), ("\"quoted\" message", ["a": "ü 文"]),
    ]

    @Test(arguments: lines, LogLine.Format.allCases) func aLineIsReadBackAsItWasWritten(
        _ content: (message: String, fields: [String: String]), _ format: LogLine.Format
    ) {
        let line = LogLine(time: time, level: .warning, message: content.message, fields: content.fields)

        let written = line.written(as: format)

        #expect(LogLine(parsing: written) == line, "\(written)")
    }

    @Test func textIsForPeopleAndJSONHasTheFieldsBesideTheMessage() {
        let line = LogLine(time: time, level: .info, message: "done", fields: ["upload": "u-1", "key": "a b"])

        #expect(line.written(as: .text) == #"2026-01-15T08:30:00.123Z info done key="a b" upload=u-1"#)
        #expect(
            line.written(as: .json) == #"{"time":"2026-01-15T08:30:00.123Z","level":"info","message":"done","key":"a b","upload":"u-1"}"#)
    }

    @Test(arguments: ["\n", "\u{1B}[2J", "\u{9B}2J", "\u{202E}", "\u{2028}", "\u{7F}", "\u{0}", "\u{FEFF}"], LogLine.Format.allCases)
    func whatATerminalObeysNeverLeavesALine(_ text: String, _ format: LogLine.Format) {
        let line = LogLine(time: time, level: .info, message: "m\(text)m", fields: ["key\(text)": "v\(text)v"]).written(as: format)

        #expect(!line.unicodeScalars.contains { text.unicodeScalars.contains($0) && $0 != "[" && $0 != "2" && $0 != "J" })
        #expect(line.contains("\\u{") || line.contains("\\\\u{"))
    }

    @Test func aFieldThatIsNamedLikeAPartOfTheLineDoesNotReplaceIt() {
        let line = LogLine(time: time, level: .info, message: "m", fields: ["level": "x", "field_level": "y"])

        #expect(LogLine(parsing: line.written(as: .json))?.level == .info)
    }

    @Test func whatIsTooLongIsCut() {
        let line = LogLine(time: time, level: .info, message: "m", fields: ["body": String(repeating: "x", count: 100_000)])

        #expect(line.written(as: .text).utf8.count < LogLine.longest + 200)
    }

    @Test(arguments: ["", "Fatal error: index out of range", "2026-01-15 08:30 info x", "{\"time\":1}", "{", "2026-01-15T08:30:00.123Z loud m"])
    func whatIsNoneOfOursIsNoLine(_ text: String) { #expect(LogLine(parsing: text) == nil) }

    @Test(arguments: 1...300) func noLineIsTooStrangeToBeRead(seed: UInt64) {
        var state = seed
        let alphabet = Array(" =\"\\{}:,aZ0é文".unicodeScalars)
        var text = "2026-01-15T08:30:00.123Z info "
        for _ in 0..<40 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            text.unicodeScalars.append(alphabet[Int(state >> 33) % alphabet.count])
        }

        let line = LogLine(parsing: text)

        // As JSON it is the same whatever it was.
        #expect(line != nil && line.flatMap { LogLine(parsing: $0.written(as: .json)) }?.message == line?.message)
    }

    @Test func levelsAreOrderedAndHaveThePrioritiesOfTheJournal() {
        #expect(LogLine.Level.allCases == LogLine.Level.allCases.sorted())
        #expect(LogLine.Level.allCases.map(\.priority) == [7, 7, 6, 5, 4, 3, 2])
    }
}
