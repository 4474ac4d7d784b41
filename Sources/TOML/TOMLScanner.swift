/// Bytes of TOML and the place in them: blanks, comments, keys and strings. Numbers and dates are in `TOMLNumbers.swift`.
struct TOMLScanner {
    let bytes: [UInt8]
    private(set) var offset = 0
    private var line = 1
    /// Where the current line starts.
    private var lineStart = 0
    /// Columns before `countedTo` on this line, so that a long line is counted once.
    private var counted = 0
    private var countedTo = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    // MARK: place

    var position: TOMLPosition {
        mutating get {
            while countedTo < offset {
                // Continuation bytes of UTF-8 take no column.
                if bytes[countedTo] & 0xC0 != 0x80 { counted += 1 }
                countedTo += 1
            }
            return TOMLPosition(line: line, column: counted + 1)
        }
    }

    func peek(_ ahead: Int = 0) -> UInt8? { offset + ahead < bytes.count ? bytes[offset + ahead] : nil }

    mutating func advance(_ count: Int = 1) { offset += count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: character) else { return false }
        offset += 1
        return true
    }

    private mutating func startLine() {
        line += 1
        (lineStart, counted, countedTo) = (offset, 0, offset)
    }

    mutating func fail(_ message: String) -> TOMLError { TOMLError(position: position, message: message) }

    /// “expected X, found Y”.
    mutating func expected(_ what: String) -> TOMLError {
        let found: String
        switch peek() {
        case nil: found = "the end of the text"
        case UInt8(ascii: "\n"), UInt8(ascii: "\r"): found = "the end of the line"
        default:
            let rest = String(decoding: bytes[offset..<min(bytes.count, offset + 4)], as: UTF8.self)
            found = "“\(cleaned(String(rest.unicodeScalars.first ?? " ")))”"
        }
        return fail("expected \(what), found \(found)")
    }

    // MARK: lines

    mutating func checkUTF8() throws(TOMLError) {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var place = (line: 1, column: 1)
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar):
                if scalar == "\n" { place = (place.line + 1, 1) } else { place.column += 1 }
            case .emptyInput: return
            case .error:
                throw TOMLError(position: TOMLPosition(line: place.line, column: place.column), message: "not UTF-8")
            }
        }
    }

    mutating func skipByteOrderMark() {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { (offset, lineStart, countedTo) = (3, 3, 3) }
    }

    mutating func skipBlanks() {
        while let byte = peek(), byte == 0x20 || byte == 0x09 { offset += 1 }
    }

    /// Blanks, comments and line ends.
    mutating func skipBlankLines() throws(TOMLError) {
        while true {
            skipBlanks()
            try comment()
            guard try lineEnd() else { return }
        }
    }

    /// What may follow on a line that said something: blanks, a comment, the end.
    mutating func endLine() throws(TOMLError) {
        skipBlanks()
        try comment()
        guard try lineEnd() || offset == bytes.count else { throw expected("the end of the line") }
    }

    private mutating func comment() throws(TOMLError) {
        guard take("#") else { return }
        while let byte = peek(), byte != 0x0A {
            if byte == 0x0D, peek(1) == 0x0A { return }
            guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else { throw fail("a control character in a comment") }
            offset += 1
        }
    }

    private mutating func lineEnd() throws(TOMLError) -> Bool {
        switch peek() {
        case 0x0A: offset += 1
        case 0x0D:
            guard peek(1) == 0x0A else { throw fail("a carriage return without a line feed") }
            offset += 2
        default: return false
        }
        startLine()
        return true
    }

    // MARK: keys

    mutating func key() throws(TOMLError) -> String {
        switch peek() {
        case UInt8(ascii: "\""):
            guard !(peek(1) == UInt8(ascii: "\"") && peek(2) == UInt8(ascii: "\"")) else {
                throw fail("a key cannot be a multi-line string")
            }
            return try basicString()
        case UInt8(ascii: "'"):
            guard !(peek(1) == UInt8(ascii: "'") && peek(2) == UInt8(ascii: "'")) else { throw fail("a key cannot be a multi-line string") }
            return try literalString()
        default:
            let start = offset
            while let byte = peek(), TOMLScanner.isBare(byte) { offset += 1 }
            guard offset > start else { throw expected("a key (letters, digits, “-”, “_”; others in quotes)") }
            return String(decoding: bytes[start..<offset], as: UTF8.self)
        }
    }

    private static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    // MARK: strings

    mutating func scalar() throws(TOMLError) -> TOMLValue.Kind {
        switch peek() {
        case UInt8(ascii: "\""): return .string(try isTriple("\"") ? multilineBasic() : basicString())
        case UInt8(ascii: "'"): return .string(try isTriple("'") ? multilineLiteral() : literalString())
        default: return try bareScalar()
        }
    }

    private func isTriple(_ quote: Unicode.Scalar) -> Bool {
        (0..<3).allSatisfy { peek($0) == UInt8(ascii: quote) }
    }

    private mutating func basicString() throws(TOMLError) -> String {
        offset += 1
        var text: [UInt8] = []
        while true {
            guard let byte = peek(), byte != 0x0A, byte != 0x0D else { throw expected("a quote at the end of the string") }
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &text)
            default: try plain(byte, into: &text)
            }
        }
    }

    private mutating func literalString() throws(TOMLError) -> String {
        offset += 1
        var text: [UInt8] = []
        while true {
            guard let byte = peek(), byte != 0x0A, byte != 0x0D else { throw expected("a quote at the end of the string") }
            if take("'") { return String(decoding: text, as: UTF8.self) }
            try plain(byte, into: &text)
        }
    }

    private mutating func plain(_ byte: UInt8, into text: inout [UInt8]) throws(TOMLError) {
        guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else { throw fail("a control character in a string (write \\u00XX)") }
        text.append(byte)
        offset += 1
    }

    private mutating func multilineBasic() throws(TOMLError) -> String {
        offset += 3
        _ = try lineEnd()
        var text: [UInt8] = []
        while true {
            guard let byte = peek() else { throw expected("three quotes at the end of the string") }
            if byte == UInt8(ascii: "\""), closing("\"", into: &text) { return String(decoding: text, as: UTF8.self) }
            switch byte {
            case UInt8(ascii: "\""): break
            case UInt8(ascii: "\\"):
                if try !continuation() { try escape(into: &text) }
            case 0x0A, 0x0D:
                _ = try lineEnd()
                text.append(0x0A)
            default: try plain(byte, into: &text)
            }
        }
    }

    private mutating func multilineLiteral() throws(TOMLError) -> String {
        offset += 3
        _ = try lineEnd()
        var text: [UInt8] = []
        while true {
            guard let byte = peek() else { throw expected("three quotes at the end of the string") }
            if byte == UInt8(ascii: "'") {
                if closing("'", into: &text) { return String(decoding: text, as: UTF8.self) }
            } else if try lineEnd() {
                text.append(0x0A)
            } else {
                try plain(byte, into: &text)
            }
        }
    }

    /// Takes a run of quotes: up to two are text, three close, up to two before the closing three are text again.
    private mutating func closing(_ quote: Unicode.Scalar, into text: inout [UInt8]) -> Bool {
        var run = 0
        while run < 5, peek(run) == UInt8(ascii: quote) { run += 1 }
        offset += run
        text += Array(repeating: UInt8(ascii: quote), count: run < 3 ? run : run - 3)
        return run >= 3
    }

    /// A backslash at the end of a line swallows the line end and all blanks after it.
    private mutating func continuation() throws(TOMLError) -> Bool {
        var ahead = 1
        while let byte = peek(ahead), byte == 0x20 || byte == 0x09 { ahead += 1 }
        guard peek(ahead) == 0x0A || peek(ahead) == 0x0D && peek(ahead + 1) == 0x0A else { return false }
        offset += ahead
        while try lineEnd() { skipBlanks() }
        return true
    }

    private mutating func escape(into text: inout [UInt8]) throws(TOMLError) {
        guard let letter = peek(1) else { throw expected("a quote at the end of the string") }
        switch letter {
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): text.append(letter)
        case UInt8(ascii: "u"): return try unicode(digits: 4, into: &text)
        case UInt8(ascii: "U"): return try unicode(digits: 8, into: &text)
        default:
            throw fail(
                "an unknown escape. Accepted: \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX \\UXXXXXXXX; in 'single quotes' nothing is escaped")
        }
        offset += 2
    }

    private mutating func unicode(digits: Int, into text: inout [UInt8]) throws(TOMLError) {
        let hex = bytes[min(bytes.count, offset + 2)..<min(bytes.count, offset + 2 + digits)]
        guard hex.count == digits, hex.allSatisfy(TOMLScanner.isHex), let code = UInt32(String(decoding: hex, as: UTF8.self), radix: 16),
            let scalar = Unicode.Scalar(code)
        else { throw fail("\\u needs 4 and \\U 8 hexadecimal digits of a Unicode scalar") }
        text += Array(String(scalar).utf8)
        offset += 2 + digits
    }

    static func isHex(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): true
        default: false
        }
    }
}
