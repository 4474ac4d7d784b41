import FoundationEssentials

/// The JSON of the control API and of the authorization API, as values. This module imports nothing of ours and does nothing.
public enum ContractJSON {
    /// Keys in snake case, sorted, slashes unescaped: one value, one text.
    public static func encode<T: Encodable>(_ value: T) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return escaped(Array(try encoder.encode(value)))
    }

    /// What a terminal obeys or a reader cannot see, DEL, C1 and the controls of direction, as `\uXXXX`: names from outside may hold it.
    ///
    /// Outside of strings JSON is ASCII, so no byte of such a character can be anything else.
    static func escaped(_ json: [UInt8]) -> [UInt8] {
        guard json.contains(where: { $0 >= 0x7F }) else { return json }
        var result: [UInt8] = []
        result.reserveCapacity(json.count + 64)
        var rest = json[...]
        while let first = rest.first {
            let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
            let bytes = rest.prefix(length)
            rest = rest.dropFirst(length)
            let scalar: UInt32? =
                switch length {
                case 1: UInt32(first)
                case 2 where bytes.count == 2: UInt32(first & 0x1F) << 6 | UInt32(bytes[bytes.startIndex + 1] & 0x3F)
                case 3 where bytes.count == 3:
                    UInt32(first & 0x0F) << 12 | UInt32(bytes[bytes.startIndex + 1] & 0x3F) << 6 | UInt32(bytes[bytes.startIndex + 2] & 0x3F)
                default: nil
                }
            switch scalar {
            case .some(let value) where isHidden(value): result += Array("\\u".utf8) + hex(value)
            default: result += bytes
            }
        }
        return result
    }

    private static func isHidden(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    private static func hex(_ scalar: UInt32) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return [12, 8, 4, 0].map { digits[Int(scalar >> $0 & 15)] }
    }

    /// Unknown fields are ignored.
    public static func decode<T: Decodable>(_ type: T.Type, from bytes: some Sequence<UInt8>) throws -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(bytes))
    }
}

/// An optional that is written as `null` when it is unknown, never left out; read as `nil` when absent.
@propertyWrapper
public struct Nullable<Value: Codable & Sendable & Equatable>: Codable, Sendable, Equatable {
    public var wrappedValue: Value?
    public init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
    }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}

extension KeyedDecodingContainer {
    public func decode<T>(_ type: Nullable<T>.Type, forKey key: Key) throws -> Nullable<T> {
        try decodeIfPresent(type, forKey: key) ?? Nullable(wrappedValue: nil)
    }
}

/// `{"schema":1,"items":[…],"total":N,"truncated":false}`.
public struct ListEnvelope<Item: Codable & Sendable>: Codable, Sendable {
    public var schema = 1
    public var items: [Item]
    public var total: Int
    public var truncated: Bool
    /// `after` of the page that follows, where a list goes on from a place; left out at its end, and of lists without pages.
    public var next: String?
    public init(items: [Item], total: Int, truncated: Bool = false, next: String? = nil) {
        (self.items, self.total, self.truncated, self.next) = (items, total, truncated, next)
    }
}

/// `{"error":{"code","message"}}`; `message` is one sentence: what, why, what to do. `exit` is the exit status a command gives.
public struct ErrorBody: Codable, Sendable, Equatable {
    public struct Detail: Codable, Sendable, Equatable {
        public var code: String
        public var message: String
        public var exit: Int
    }
    public var error: Detail
    public init(code: String, message: String, exit: Int = 1) { error = Detail(code: code, message: message, exit: exit) }
}

/// Counts by name that are left out when there are none, and read as none when absent: for fields that messages of before did not have.
@propertyWrapper
public struct Sparse: Codable, Sendable, Equatable {
    public var wrappedValue: [String: Int]
    public init(wrappedValue: [String: Int]) { self.wrappedValue = wrappedValue }
    public init(from decoder: any Decoder) throws { wrappedValue = try decoder.singleValueContainer().decode([String: Int].self) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(wrappedValue)
    }
}

extension KeyedDecodingContainer {
    public func decode(_ type: Sparse.Type, forKey key: Key) throws -> Sparse {
        try decodeIfPresent(type, forKey: key) ?? Sparse(wrappedValue: [:])
    }
}

extension KeyedEncodingContainer {
    public mutating func encode(_ value: Sparse, forKey key: Key) throws {
        if !value.wrappedValue.isEmpty { try encode(value.wrappedValue, forKey: key) }
    }
}
