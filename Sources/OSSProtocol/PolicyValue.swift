/// JSON as policies use it: texts, whole numbers, lists, objects; anything else is carried as `other` and refused where it stands.
indirect enum PolicyValue: Decodable, Equatable {
    case text(String)
    case number(Int64)
    case list([PolicyValue])
    case object([String: PolicyValue])
    case other

    init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: Name.self) {
            var fields: [String: PolicyValue] = [:]
            for name in container.allKeys { fields[name.stringValue] = try container.decode(PolicyValue.self, forKey: name) }
            self = .object(fields)
        } else if var container = try? decoder.unkeyedContainer() {
            var list: [PolicyValue] = []
            while !container.isAtEnd { list.append(try container.decode(PolicyValue.self)) }
            self = .list(list)
        } else if let text = try? decoder.singleValueContainer().decode(String.self) {
            self = .text(text)
        } else if let number = try? decoder.singleValueContainer().decode(Int64.self) {
            self = .number(number)
        } else {
            self = .other
        }
    }

    /// A text, or a list of at least one text.
    var texts: [String]? {
        switch self {
        case .text(let text): return [text]
        case .list(let values):
            let texts = values.compactMap { if case .text(let text) = $0 { text } else { nil } }
            return texts.isEmpty || texts.count != values.count ? nil : texts
        case .number, .object, .other: return nil
        }
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

extension String {
    /// As a JSON string, with its quotes.
    var quotedAsJSON: String {
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<32: bytes += Array("\\u00\(Hex.encode([byte]))".utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        return String(decoding: bytes, as: UTF8.self)
    }
}
