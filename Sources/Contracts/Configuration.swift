/// `POST /v1/configuration`: values that the configuration file is to have. The file is changed in place, comments stay, it is read as
/// strictly as ever before anything is written, and the engine works by it at once.
public struct ConfigurationChange: Codable, Sendable, Equatable {
    /// Values to put, in order; without a value the key is taken out.
    public var set: [ConfigurationEntry]
    /// Whole tables to take out first, such as `["remote", "ingest"]`.
    public var remove: [[String]]?
    /// Written to files of their own that only the user can read; the key gets the file's name.
    public var secrets: [ConfigurationSecret]?
    /// The remote `remove` or `set` is about must not be there yet.
    public var isNew: Bool?
    /// Who asks, for people.
    public var by: String?
    public init(
        set: [ConfigurationEntry] = [], remove: [[String]]? = nil, secrets: [ConfigurationSecret]? = nil, isNew: Bool? = nil, by: String? = nil
    ) {
        (self.set, self.remove, self.secrets, self.isNew, self.by) = (set, remove, secrets, isNew, by)
    }
}

/// One key of the configuration, by all keys from the root on.
public struct ConfigurationEntry: Codable, Sendable, Equatable {
    public var path: [String]
    @Nullable public var value: ConfigurationValue?
    public init(_ path: [String], _ value: ConfigurationValue?) {
        self.path = path
        _value = Nullable(wrappedValue: value)
    }
}

/// A text, a whole number or a list of texts.
public enum ConfigurationValue: Codable, Sendable, Equatable {
    case text(String)
    case number(Int64)
    case list([String])

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let texts = try? container.decode([String].self) {
            self = .list(texts)
        } else {
            self = .number(try container.decode(Int64.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .number(let number): try container.encode(number)
        case .list(let texts): try container.encode(texts)
        }
    }
}

/// A secret on its way into the engine. It never leaves it, and no print shows it.
public struct ConfigurationSecret: Codable, Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Of the key that names the file: `["remote", NAME, "credentials", "access-key-secret-file"]`.
    public var path: [String]
    public var secret: String
    public init(_ path: [String], secret: String) { (self.path, self.secret) = (path, secret) }
    public var description: String { "<redacted secret>" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// What was done to the configuration.
public struct ConfigurationResult: Codable, Sendable, Equatable {
    public var schema = 1
    public var file: String
    /// In words: `engine.keep-cancelled "24h" -> "48h"`, `remote cold added`.
    public var what: String
    /// Names of files with secrets that belonged to what was taken out: they are left.
    public var left: [String]
    public init(file: String, what: String, left: [String] = []) { (self.file, self.what, self.left) = (file, what, left) }
}
