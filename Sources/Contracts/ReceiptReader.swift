/// Reads a receipt piece by piece as its bytes come, so that one of a million objects needs no memory: the head, and each object of
/// `objects`. Any layout of the JSON is read, not only the one that `davit receipt` writes.
public struct ReceiptReader: Sendable {
    public enum Problem: Error, Sendable, Equatable {
        case notJSON(byte: Int)
        case notReceipt(String)
        case tooLarge(byte: Int)
        case cut

        /// What is wrong, without the file's name.
        public var message: String {
            switch self {
            case .notJSON(let byte): "it is no JSON at byte \(byte)"
            case .notReceipt(let why): why
            case .tooLarge(let byte): "a value ending at byte \(byte) is larger than any of a receipt"
            case .cut: "it ends before its end"
            }
        }
    }

    /// Of one object, or of everything around the objects. Bytes.
    private static let mostBytes = 4 << 20

    private enum Place { case start, head, objects, object, over }

    private var place = Place.start
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    private var byte = 0
    /// The head without what `objects` holds: `[]` stands there.
    private var head: [UInt8] = []
    private var object: [UInt8] = []
    /// The newest whole string at the head's first level: a key when a colon follows.
    private var word: [UInt8] = []
    private var key: [UInt8] = []
    private var hasObjects = false

    public init() {}

    /// - Returns: the objects that have become whole.
    /// - Throws: where the bytes are no receipt.
    public mutating func feed(_ bytes: some Sequence<UInt8>) throws(Problem) -> [ReceiptObject] {
        var found: [ReceiptObject] = []
        for value in bytes {
            byte += 1
            if let object = try take(value) { found.append(object) }
        }
        return found
    }

    /// When all bytes were fed.
    public func finish() throws(Problem) -> ReceiptHead {
        guard place == .over else { throw .cut }
        guard hasObjects else { throw .notReceipt("it has no “objects”: it is no receipt of davit") }
        struct Version: Decodable { var schema: Int? }
        if let version = try? ContractJSON.decode(Version.self, from: head).schema, version > 1 {
            throw .notReceipt("it is of schema \(version), which this version of davit does not know")
        }
        do { return try ContractJSON.decode(ReceiptHead.self, from: head) } catch {
            throw .notReceipt("it lacks what a receipt of davit says of its job")
        }
    }

    /// What is read of the head so far may already say where the objects are: `davit receipt` writes it in front of them.
    public var headSoFar: ReceiptHead? {
        guard place == .objects || place == .object else { return nil }
        return try? ContractJSON.decode(ReceiptHead.self, from: head + Array("]}".utf8))
    }

    private mutating func take(_ value: UInt8) throws(Problem) -> ReceiptObject? {
        let isBlank = value == 0x20 || value == 0x0A || value == 0x0D || value == 0x09
        switch place {
        case .start:
            if isBlank { return nil }
            guard value == UInt8(ascii: "{") else { throw .notJSON(byte: byte) }
            (place, depth) = (.head, 1)
            try ReceiptReader.keep(value, &head, at: byte)
        case .over: guard isBlank else { throw .notJSON(byte: byte) }
        case .head:
            try ReceiptReader.keep(value, &head, at: byte)
            try walkHead(value)
        case .objects:
            if isBlank || value == UInt8(ascii: ",") { return nil }
            if value == UInt8(ascii: "]") {
                (place, depth) = (.head, 1)
                try ReceiptReader.keep(value, &head, at: byte)
            } else {
                guard value == UInt8(ascii: "{") else { throw .notJSON(byte: byte) }
                (place, depth, object) = (.object, 1, [value])
            }
        case .object:
            try ReceiptReader.keep(value, &object, at: byte)
            if step(value), depth == 0 {
                place = .objects
                do { return try ContractJSON.decode(ReceiptObject.self, from: object) } catch {
                    throw .notReceipt("the object that ends at byte \(byte) lacks name, key, size or state, or is no JSON")
                }
            }
        }
        return nil
    }

    private mutating func walkHead(_ value: UInt8) throws(Problem) {
        let wasString = isInString
        if step(value), depth == 0 {
            place = .over
            return
        }
        guard depth == 1 || (depth == 2 && value == UInt8(ascii: "[")) else { return }
        if isInString {
            if wasString { word.append(value) } else { word = [] }
        } else if value == UInt8(ascii: ":") {
            key = word
        } else if value == UInt8(ascii: "["), !wasString, key.elementsEqual("objects".utf8) {
            guard !hasObjects else { throw .notReceipt("it has “objects” twice") }
            (place, hasObjects, key) = (.objects, true, [])
        }
    }

    /// Keeps count of braces and strings. Whether the byte was one of structure.
    private mutating func step(_ value: UInt8) -> Bool {
        if isInString {
            if isEscaped {
                isEscaped = false
            } else if value == UInt8(ascii: "\\") {
                isEscaped = true
            } else if value == UInt8(ascii: "\"") {
                isInString = false
            }
            return false
        }
        switch value {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
        default: return false
        }
        return true
    }

    /// Static: a method would share the buffer with its own copy of the reader, and copy it for each byte.
    private static func keep(_ value: UInt8, _ buffer: inout [UInt8], at byte: Int) throws(Problem) {
        guard buffer.count < mostBytes else { throw .tooLarge(byte: byte) }
        buffer.append(value)
    }
}
