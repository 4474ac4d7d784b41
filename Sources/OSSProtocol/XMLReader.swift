/// One element of an XML document: name without its namespace prefix, text, children. Attributes are not kept; OSS uses none.
///
/// Own code, because the XML libraries for Swift parse with whole Foundation, which would come into the front end through Platform
/// and cost it more memory than all the rest.
public struct XMLElement: Sendable, Equatable {
    public var name: String
    /// The text directly in it, as written: not trimmed, since an object key may begin or end with a blank.
    public var text: String
    public var children: [XMLElement]

    public init(_ name: String, text: String = "", children: [XMLElement] = []) {
        (self.name, self.text, self.children) = (name, text, children)
    }

    /// The trimmed text of the first child of that name.
    public subscript(name: String) -> String? { child(name)?.trimmed }

    public func child(_ name: String) -> XMLElement? { children.first { $0.name == name } }

    public func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

    /// The text without blanks and line breaks at both ends.
    public var trimmed: String {
        let bytes = Array(text.utf8)
        guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) }) else { return "" }
        return first == 0 && last == bytes.count - 1 ? text : String(decoding: bytes[first...last], as: UTF8.self)
    }
}

/// Why a text is not XML we take.
public enum XMLError: Error, Sendable, Equatable, CustomStringConvertible {
    case tooLarge(bytes: Int)
    case tooDeep
    case tooManyElements
    case notUTF8
    /// Document types are refused: they are the way in for entity expansion.
    case documentType
    /// Ended or broke off at that byte.
    case broken(at: Int)
    /// Well formed, but not what was asked for.
    case unexpected(String)

    public var description: String {
        switch self {
        case .tooLarge(let bytes): "the XML has \(bytes) bytes, more than is taken"
        case .tooDeep: "the XML is nested too deep"
        case .tooManyElements: "the XML has too many elements"
        case .notUTF8: "the XML is not UTF-8"
        case .documentType: "the XML has a document type, which is refused"
        case .broken(let place): "the XML breaks at byte \(place)"
        case .unexpected(let what): "the XML has \(what)"
        }
    }
}

/// Reads one small XML document whole. Bounded in bytes, depth and number of elements.
public struct XMLReader {
    public struct Limits: Sendable {
        public var bytes = 4 << 20
        public var depth = 16
        /// A page of 1,000 entries has about 12,000, a Complete of 10,000 parts 30,001.
        public var elements = 60_000
        public init() {}
    }

    private let bytes: [UInt8]
    private let limits: Limits
    private var place = 0
    private var elements = 0

    private init(_ bytes: [UInt8], _ limits: Limits) { (self.bytes, self.limits) = (bytes, limits) }

    public static func parse(_ bytes: [UInt8], limits: Limits = Limits()) throws(XMLError) -> XMLElement {
        guard bytes.count <= limits.bytes else { throw .tooLarge(bytes: bytes.count) }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .notUTF8 }
        var reader = XMLReader(bytes, limits)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { reader.place = 3 }
        try reader.skipMisc()
        let root = try reader.element(depth: 1)
        try reader.skipMisc()
        guard reader.place == bytes.count else { throw .broken(at: reader.place) }
        return root
    }

    /// Declaration, comments, processing instructions and blanks around the root.
    private mutating func skipMisc() throws(XMLError) {
        while place < bytes.count {
            if isBlank(bytes[place]) {
                place += 1
            } else if at("<?") {
                try skip(past: "?>")
            } else if at("<!--") {
                try skip(past: "-->")
            } else if at("<!") {
                throw .documentType
            } else {
                return
            }
        }
    }

    private mutating func element(depth: Int) throws(XMLError) -> XMLElement {
        guard depth <= limits.depth else { throw .tooDeep }
        elements += 1
        guard elements <= limits.elements else { throw .tooManyElements }
        guard at("<") else { throw .broken(at: place) }
        place += 1
        let fullName = try name()
        var element = XMLElement(local(fullName))
        if try skipAttributes() { return element }

        var text: [UInt8] = []
        while true {
            guard place < bytes.count else { throw .broken(at: place) }
            let byte = bytes[place]
            if byte == UInt8(ascii: "&") {
                try reference(into: &text)
            } else if byte != UInt8(ascii: "<") {
                text.append(byte)
                place += 1
            } else if at("</") {
                place += 2
                guard try name() == fullName else { throw .broken(at: place) }
                skipBlanks()
                guard at(">") else { throw .broken(at: place) }
                place += 1
                element.text = String(decoding: text, as: UTF8.self)
                return element
            } else if at("<![CDATA[") {
                let start = place + 9
                try skip(past: "]]>")
                text.append(contentsOf: bytes[start..<(place - 3)])
            } else if at("<!--") {
                try skip(past: "-->")
            } else if at("<?") {
                try skip(past: "?>")
            } else if at("<!") {
                throw .documentType
            } else {
                element.children.append(try self.element(depth: depth + 1))
            }
        }
    }

    /// - Returns: whether the tag closed itself (`<a/>`).
    private mutating func skipAttributes() throws(XMLError) -> Bool {
        while true {
            skipBlanks()
            if at("/>") {
                place += 2
                return true
            }
            if at(">") {
                place += 1
                return false
            }
            _ = try name()
            skipBlanks()
            guard at("=") else { throw .broken(at: place) }
            place += 1
            skipBlanks()
            guard place < bytes.count, bytes[place] == UInt8(ascii: "\"") || bytes[place] == UInt8(ascii: "'") else {
                throw .broken(at: place)
            }
            guard let end = bytes[(place + 1)...].firstIndex(of: bytes[place]) else { throw .broken(at: place) }
            place = end + 1
        }
    }

    private mutating func name() throws(XMLError) -> ArraySlice<UInt8> {
        let start = place
        while place < bytes.count {
            switch bytes[place] {
            case 48...57, 65...90, 97...122, 128..., UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: ":"): place += 1
            default:
                guard place > start else { throw .broken(at: place) }
                return bytes[start..<place]
            }
        }
        throw .broken(at: place)
    }

    private func local(_ name: ArraySlice<UInt8>) -> String {
        let colon = name.lastIndex(of: UInt8(ascii: ":"))
        return String(decoding: name[(colon.map { $0 + 1 } ?? name.startIndex)...], as: UTF8.self)
    }

    /// The five entities of XML and character references; there are no others without a document type.
    private mutating func reference(into text: inout [UInt8]) throws(XMLError) {
        // 12: enough for "&#x0010FFFF;".
        guard let end = bytes[place..<min(place + 12, bytes.count)].firstIndex(of: UInt8(ascii: ";")) else { throw .broken(at: place) }
        let body = bytes[(place + 1)..<end]
        switch String(decoding: body, as: UTF8.self) {
        case "amp": text.append(UInt8(ascii: "&"))
        case "lt": text.append(UInt8(ascii: "<"))
        case "gt": text.append(UInt8(ascii: ">"))
        case "quot": text.append(UInt8(ascii: "\""))
        case "apos": text.append(UInt8(ascii: "'"))
        case let number:
            let isHex = number.hasPrefix("#x") || number.hasPrefix("#X")
            guard number.hasPrefix("#"), let code = UInt32(number.dropFirst(isHex ? 2 : 1), radix: isHex ? 16 : 10),
                let scalar = Unicode.Scalar(code)
            else { throw .broken(at: place) }
            text.append(contentsOf: String(Character(scalar)).utf8)
        }
        place = end + 1
    }

    private func at(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard place + count <= bytes.count else { return false }
        for offset in 0..<count where bytes[place + offset] != text.utf8Start[offset] { return false }
        return true
    }

    private mutating func skip(past mark: StaticString) throws(XMLError) {
        while place < bytes.count {
            if at(mark) {
                place += mark.utf8CodeUnitCount
                return
            }
            place += 1
        }
        throw .broken(at: place)
    }

    private mutating func skipBlanks() {
        while place < bytes.count, isBlank(bytes[place]) { place += 1 }
    }
}

private func isBlank(_ byte: UInt8) -> Bool { byte == 32 || (9...10).contains(byte) || byte == 13 }
