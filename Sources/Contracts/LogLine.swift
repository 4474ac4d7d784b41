import FoundationEssentials

/// One line of the engine's log: how it is written, as text or as JSON, and read again by `davit log`.
///
/// Text is `TIME LEVEL message key=value key="a value"`, JSON one object with `time`, `level`, `message` and the fields beside them, all of
/// them text. Whatever came from outside is cleaned of what a terminal would obey, so that a line is one line wherever it is shown.
public struct LogLine: Sendable, Equatable {
    public enum Format: String, Sendable, CaseIterable { case text, json }

    /// As swift-log names them, the least first.
    public enum Level: String, Sendable, CaseIterable, Comparable {
        case trace, debug, info, notice, warning, error, critical

        public static func < (one: Level, other: Level) -> Bool { one.rank < other.rank }

        private var rank: Int { Level.allCases.firstIndex(of: self) ?? 0 }

        /// The priority of syslog and of the journal: 7 is debug, 2 is critical.
        public var priority: Int {
            switch self {
            case .trace, .debug: 7
            case .info: 6
            case .notice: 5
            case .warning: 4
            case .error: 3
            case .critical: 2
            }
        }
    }

    /// A longer line is cut: it is something from outside that nobody bounded. Bytes.
    public static let longest = 16 << 10

    /// RFC 3339 in UTC with milliseconds: lines in order of time are in order of this text.
    public var time: String
    public var level: Level
    public var message: String
    public var fields: [String: String]

    public init(time: String, level: Level, message: String, fields: [String: String] = [:]) {
        (self.time, self.level, self.message, self.fields) = (time, level, message, fields)
    }

    // MARK: - Out

    public func written(as format: Format) -> String {
        switch format {
        case .text: return "\(time) \(level.rawValue) \(body)"
        case .json:
            var object = Dictionary(
                fields.map { (LogLine.isReserved($0.key) ? "field_\($0.key)" : $0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
            (object["time"], object["level"], object["message"]) = (time, level.rawValue, LogLine.cut(message))
            let pairs = object.sorted { LogLine.rank($0.key) < LogLine.rank($1.key) }
            let members = pairs.map { "\(LogLine.quoted(LogLine.clean($0.key))):\(LogLine.quoted(LogLine.cut($0.value)))" }
            return "{" + members.joined(separator: ",") + "}"
        }
    }

    /// Without time and level: what the journal gets, which has both.
    public var body: String {
        let text = LogLine.cut(message)
        // The first “ key=” ends the message, so one that could hold such a thing is put in quotes.
        var line = text.isEmpty || text.utf8.contains(UInt8(ascii: "=")) || text.utf8.first == UInt8(ascii: "\"") ? LogLine.quoted(text) : text
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            line += " \(LogLine.clean(key))="
            let value = LogLine.cut(value)
            line += LogLine.isPlain(value) ? value : LogLine.quoted(value)
        }
        return line
    }

    private static func isReserved(_ key: String) -> Bool { ["time", "level", "message"].contains(key) }

    /// Time, level and message stand first, so that the raw file can be read by people too.
    private static func rank(_ key: String) -> String {
        switch key {
        case "time": "0"
        case "level": "1"
        case "message": "2"
        default: "3" + key
        }
    }

    private static func cut(_ text: String) -> String {
        let clean = clean(text)
        guard clean.utf8.count > longest else { return clean }
        return String(decoding: clean.utf8.prefix(longest), as: UTF8.self) + "…"
    }

    /// Control characters and those that change the direction or the line of what follows, written as `\u{…}`.
    public static func clean(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isHarmful) else { return text }
        var clean = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if isHarmful(scalar) {
                clean.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
            } else {
                clean.append(scalar)
            }
        }
        return String(clean)
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    private static func isPlain(_ value: String) -> Bool {
        !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    }

    /// Clean text has no control characters, so two escapes are enough, for JSON too.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted.unicodeScalars.append("\\") }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }

    // MARK: - In

    /// `nil` for a line that is none of ours, such as the last words of a program that crashed.
    public init?(parsing line: String) {
        if line.utf8.first == UInt8(ascii: "{") {
            self.init(json: line)
        } else {
            self.init(text: line)
        }
    }

    private init?(json line: String) {
        guard var object = try? JSONDecoder().decode([String: String].self, from: Data(line.utf8)),
            let time = object.removeValue(forKey: "time"), let level = object.removeValue(forKey: "level").flatMap(Level.init(rawValue:)),
            let message = object.removeValue(forKey: "message")
        else { return nil }
        self.init(time: time, level: level, message: message, fields: object)
    }

    private init?(text line: String) {
        var reader = Reader(rest: Substring(line).utf8)
        guard let time = reader.word(), LogLine.isTime(time), let level = reader.word().flatMap(Level.init(rawValue:)) else { return nil }
        self.init(time: time, level: level, message: reader.message(), fields: [:])
        while let (key, value) = reader.field() { fields[key] = value }
    }

    /// `2026-01-15T08:30:00.123Z`.
    private static func isTime(_ text: String) -> Bool {
        let form = Array("0000-00-00T00:00:00.000Z".utf8)
        let bytes = Array(text.utf8)
        return bytes.count == form.count && zip(bytes, form).allSatisfy { $1 == 48 ? (48...57).contains($0) : $0 == $1 }
    }

    private struct Reader {
        var rest: Substring.UTF8View

        mutating func word() -> String? {
            let word = rest.prefix { $0 != 0x20 }
            guard !word.isEmpty else { return nil }
            rest = rest.dropFirst(word.count + 1)
            return String(Substring(word))
        }

        mutating func message() -> String {
            if rest.first == UInt8(ascii: "\"") { return quoted() }
            var words: [String] = []
            while !rest.isEmpty {
                let word = rest.prefix { $0 != 0x20 }
                if word.contains(UInt8(ascii: "=")) { break }
                rest = rest.dropFirst(word.count + 1)
                words.append(String(Substring(word)))
            }
            return words.joined(separator: " ")
        }

        mutating func field() -> (String, String)? {
            rest = rest.drop { $0 == 0x20 }
            let key = rest.prefix { $0 != UInt8(ascii: "=") }
            guard !key.isEmpty, key.count < rest.count else { return nil }
            rest = rest.dropFirst(key.count + 1)
            let name = String(Substring(key))
            if rest.first == UInt8(ascii: "\"") { return (name, quoted()) }
            return (name, word() ?? "")
        }

        /// Up to the closing quote, or to the end of a line that was cut.
        private mutating func quoted() -> String {
            rest = rest.dropFirst()
            var text: [UInt8] = []
            while let byte = rest.popFirst() {
                if byte == UInt8(ascii: "\"") { break }
                if byte == UInt8(ascii: "\\"), let next = rest.popFirst() { text.append(next) } else { text.append(byte) }
            }
            return String(decoding: text, as: UTF8.self)
        }
    }
}
