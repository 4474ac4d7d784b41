import FoundationEssentials

/// The JSON of the control API and of the authorization API, as values. This module imports nothing of ours and does nothing.
public enum ContractJSON {
    /// Keys in snake case, sorted, slashes unescaped: one value, one text.
    public static func encode<T: Encodable>(_ value: T) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
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
    public init(items: [Item], total: Int, truncated: Bool = false) {
        (self.items, self.total, self.truncated) = (items, total, truncated)
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
