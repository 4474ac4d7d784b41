import FoundationEssentials
import OSSProtocol
import Platform

enum JSON {
    /// Keys sorted, slashes left alone, one line.
    static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return Array("{}".utf8) }
        return Array(data)
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}

/// Two lower-case digits a byte: for ids and names of files.
func randomHex(_ bytes: Int) -> String { Hex.encode(Randomness.bytes(bytes)) }

extension StringProtocol {
    /// Before and after the first `separator`, by bytes.
    func cut(at separator: Character) -> (before: String, after: String)? {
        guard let byte = separator.asciiValue, let place = utf8.firstIndex(of: byte) else { return nil }
        return (String(self[..<place]), String(self[utf8.index(after: place)...]))
    }

    /// ASCII letters only.
    var asciiLower: String { String(decoding: utf8.map { (65...90).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self) }
}

extension Int {
    /// Decimal digits and nothing else.
    init?(digits text: String) {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int(text) else { return nil }
        self = value
    }
}

/// `*` stands for any run of bytes, also none and also `/`; `?` for one byte.
struct Glob: Sendable, Equatable {
    private let pattern: [UInt8]

    init(_ text: String) { pattern = Array(text.utf8) }

    func matches(_ text: [UInt8]) -> Bool {
        var (at, place) = (0, 0)
        var (star, resume) = (-1, 0)
        while place < text.count {
            if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
                (star, resume) = (at, place)
                at += 1
            } else if at < pattern.count, pattern[at] == UInt8(ascii: "?") || pattern[at] == text[place] {
                at += 1
                place += 1
            } else if star >= 0 {
                resume += 1
                (at, place) = (star + 1, resume)
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

extension Timestamp {
    /// As OSS writes times in XML: always `.000Z`, which one SDK insists on.
    var wholeSecond: String { Timestamp(seconds: seconds).iso8601Milliseconds }
}
