/// A reader of TOML 1.0 in which every key and value knows its line and column.
///
/// Ours, because the configuration must name file, line and key of whatever is wrong in it, and because the front end must not
/// link whole Foundation, which the TOML libraries for Linux bring. `TOMLEditor` changes single values of a text and leaves every other
/// byte of it alone: people edit these files too.
///
/// This module is pure: text in, values out. It may not open files; its callers bound what they read, and it bounds depth and
/// size again. Source of the grammar: toml.io/en/v1.0.0.
public struct TOMLDocument: Sendable, Hashable {
    public let root: TOMLTable

    /// - Throws: at the first thing that is not TOML 1.0, or past a limit.
    public init(parsing text: String, limits: TOMLLimits = TOMLLimits()) throws(TOMLError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }

    /// The bytes of a file: UTF-8, a byte order mark at the start is skipped.
    public init(parsing bytes: [UInt8], limits: TOMLLimits = TOMLLimits()) throws(TOMLError) {
        var parser = try TOMLParser(bytes, limits: limits)
        root = try parser.document()
    }

    public subscript(key: String) -> TOMLValue? { root[key] }
}

/// What a document may cost. A file past a limit is refused, never cut.
public struct TOMLLimits: Sendable, Hashable {
    /// Bytes of text.
    public var size = 1 << 20
    /// Tables and arrays inside each other, dotted keys counted by their parts.
    public var depth = 32
    /// Keys and array elements of the whole document.
    public var values = 100_000

    public init() {}
}

/// Where something begins. Lines and columns start at 1; a column is one Unicode scalar, a tab is one column.
public struct TOMLPosition: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var line: Int
    public var column: Int
    public init(line: Int, column: Int) { (self.line, self.column) = (line, column) }
    public static func < (a: TOMLPosition, b: TOMLPosition) -> Bool { (a.line, a.column) < (b.line, b.column) }
    public var description: String { "\(line):\(column)" }
}

/// Text that is not TOML: where, and what was expected there.
public struct TOMLError: Error, Sendable, Hashable, CustomStringConvertible {
    public var position: TOMLPosition
    public var message: String

    public init(position: TOMLPosition, message: String) { (self.position, self.message) = (position, message) }

    public var line: Int { position.line }
    public var column: Int { position.column }
    /// `LINE:COLUMN: message`.
    public var description: String { "\(position): \(message)" }
    /// The same error in the form that problems of content have.
    public var problem: TOMLProblem { TOMLProblem(position: position, message: message) }
}

/// One value and where it begins.
public struct TOMLValue: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case string(String)
        case integer(Int64)
        case float(Double)
        case boolean(Bool)
        /// A date, a time or both, as written; checked to be a possible one.
        case date(String)
        /// `[1, 2]`, or the tables of `[[name]]`.
        case array([TOMLValue])
        case table(TOMLTable)

        /// For messages: “a string”, “an integer” …
        public var name: String {
            switch self {
            case .string: "a string"
            case .integer: "an integer"
            case .float: "a float"
            case .boolean: "a boolean"
            case .date: "a date"
            case .array: "an array"
            case .table: "a table"
            }
        }
    }
    public var kind: Kind
    public var position: TOMLPosition

    public init(_ kind: Kind, at position: TOMLPosition) { (self.kind, self.position) = (kind, position) }

    public var string: String? { if case .string(let text) = kind { text } else { nil } }
    public var integer: Int64? { if case .integer(let number) = kind { number } else { nil } }
    public var boolean: Bool? { if case .boolean(let flag) = kind { flag } else { nil } }
    public var array: [TOMLValue]? { if case .array(let values) = kind { values } else { nil } }
    public var table: TOMLTable? { if case .table(let table) = kind { table } else { nil } }
    /// A float, or an integer as one.
    public var number: Double? {
        switch kind {
        case .float(let number): number
        case .integer(let number): Double(number)
        default: nil
        }
    }
}

/// Keys with values, in the order of the file. Keys are compared by their bytes.
public struct TOMLTable: Sendable, Hashable {
    public struct Entry: Sendable, Hashable {
        public let key: String
        /// Of the key; that of the value is in the value.
        public let position: TOMLPosition
        public let value: TOMLValue

        public init(key: String, position: TOMLPosition, value: TOMLValue) {
            (self.key, self.position, self.value) = (key, position, value)
        }
    }
    public let entries: [Entry]
    /// Of the header, the brace or the first key that made the table.
    public let position: TOMLPosition
    private let places: [[UInt8]: Int]

    /// Of two entries with the same key the later one is found.
    public init(_ entries: [Entry], at position: TOMLPosition) {
        self.entries = entries
        self.position = position
        places = Dictionary(entries.enumerated().map { (Array($0.element.key.utf8), $0.offset) }) { $1 }
    }

    public var keys: [String] { entries.map(\.key) }
    public var isEmpty: Bool { entries.isEmpty }

    public func entry(_ key: String) -> Entry? { places[Array(key.utf8)].map { entries[$0] } }
    public subscript(key: String) -> TOMLValue? { entry(key)?.value }
}
