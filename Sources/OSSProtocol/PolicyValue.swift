/// JSON as policies use it: texts, lists, objects; anything else is carried as `other` and refused where it stands.
indirect enum PolicyValue: Decodable, Equatable {
    case text(String)
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
        case .object, .other: return nil
        }
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
