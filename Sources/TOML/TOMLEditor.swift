/// A line of a document, or the lines of one value: a header, or `key = value`. Offsets are bytes of the text.
struct TOMLPiece: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        case header
        case entry(value: Range<Int>)
    }
    var kind: Kind
    /// All keys from the root on.
    var path: [String]
    /// Of the header above it.
    var section: [String]
    var start = 0
    /// Behind the header or the value, before a comment.
    var contentEnd = 0
    /// Behind the line end.
    var end = 0
}

/// A value as TOML writes it.
public enum TOMLLiteral: Sendable, Hashable {
    case text(String)
    case number(Int64)
    case flag(Bool)
    case list([String])

    public var toml: String {
        switch self {
        case .text(let text): TOMLLiteral.quoted(text)
        case .number(let number): "\(number)"
        case .flag(let flag): flag ? "true" : "false"
        case .list(let texts): "[" + texts.map(TOMLLiteral.quoted).joined(separator: ", ") + "]"
        }
    }

    public static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// A key as a header or a line writes it.
    public static func key(_ key: String) -> String {
        let isBare =
            !key.isEmpty
            && key.utf8.allSatisfy {
                (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
            }
        return isBare ? key : quoted(key)
    }
}

/// Changes single values of a TOML text. Comments, blank lines, order and spelling of all that is not named stay byte for byte.
public struct TOMLEditor: Sendable {
    public private(set) var bytes: [UInt8]
    private var pieces: [TOMLPiece] = []
    private let limits: TOMLLimits

    /// - Throws: where the text is no TOML: nothing can be changed in it safely.
    public init(_ bytes: [UInt8], limits: TOMLLimits = TOMLLimits()) throws(TOMLError) {
        (self.bytes, self.limits) = (bytes, limits)
        try read()
    }

    private mutating func read() throws(TOMLError) {
        var parser = try TOMLParser(bytes, limits: limits)
        _ = try parser.document()
        pieces = parser.pieces
    }

    /// The value of that key as it is written; `nil` when there is none.
    public func text(of path: [String]) -> String? {
        guard let place = entry(path) else { return nil }
        return String(decoding: bytes[place.value], as: UTF8.self)
    }

    /// Anything of that table is there.
    public func hasTable(_ path: [String]) -> Bool { pieces.contains { $0.path.starts(with: path) } }

    private func entry(_ path: [String]) -> (piece: TOMLPiece, value: Range<Int>)? {
        for piece in pieces where piece.path == path {
            if case .entry(let value) = piece.kind { return (piece, value) }
        }
        return nil
    }

    // MARK: changing

    /// Puts the value in the place of the old one, or adds the key to its table, which is made when it is missing.
    /// - Throws: where the table cannot take a key by a line of its own, as `{ … }` cannot.
    public mutating func set(_ path: [String], to value: TOMLLiteral) throws(TOMLError) { try set(path, toText: value.toml) }

    /// - Parameter text: a value as it is written.
    public mutating func set(_ path: [String], toText text: String) throws(TOMLError) {
        guard let key = path.last else { return }
        if let (_, old) = entry(path) { return try replace(old, with: text) }
        let table = Array(path.dropLast())
        if let inline = pieces.first(where: { piece in
            if case .entry = piece.kind { return piece.path.count <= table.count && table.starts(with: piece.path) }
            return false
        }) {
            throw TOMLError(
                position: position(of: inline.start),
                message: "“\(inline.path.joined(separator: "."))” is written in one line: change it by hand, or write it as [\(table.map(TOMLLiteral.key).joined(separator: "."))]")
        }
        let line = { (keys: [String]) in keys.map(TOMLLiteral.key).joined(separator: ".") + " = " + text + "\n" }
        if let last = pieces.last(where: { piece in
            if case .entry = piece.kind { return piece.path.count > table.count && piece.path.dropLast().elementsEqual(table) }
            return false
        }) {
            // Beside its neighbours, as they are written: under a header, or with dots.
            return try insert(line(Array(path.dropFirst(last.section.count))), at: last.end)
        }
        if let header = pieces.first(where: { $0.kind == .header && $0.path == table }) { return try insert(line([key]), at: header.end) }
        if table.isEmpty {
            // Before the first header and the comment that stands right above it.
            guard let first = pieces.first else { return try insert(line([key]), at: bytes.count) }
            return try insert(line([key]) + "\n", at: commentStart(above: lineStart(first.start)))
        }
        let header = "[" + table.map(TOMLLiteral.key).joined(separator: ".") + "]\n"
        // A table of a table stands behind it.
        let parent = Array(table.dropLast())
        let place = parent.isEmpty ? nil : pieces.last { $0.path.starts(with: parent) }
        try insert((place?.end ?? bytes.count) == 0 ? header + line([key]) : "\n" + header + line([key]), at: place?.end ?? bytes.count)
    }

    /// Takes the key's lines out, or the whole table with all below it. What stands beside them stays, comments too.
    /// - Returns: whether there was anything.
    @discardableResult
    public mutating func remove(_ path: [String]) throws(TOMLError) -> Bool {
        var cuts: [Range<Int>] = []
        for (index, piece) in pieces.enumerated() where piece.path.starts(with: path) {
            let hasNext = index + 1 < pieces.count && pieces[index + 1].path.starts(with: path)
            // What is said between two lines that go belongs to them.
            let cut = lineStart(piece.start)..<(hasNext ? lineStart(pieces[index + 1].start) : piece.end)
            if let last = cuts.last, last.upperBound == cut.lowerBound { cuts[cuts.count - 1] = last.lowerBound..<cut.upperBound } else { cuts.append(cut) }
        }
        guard !cuts.isEmpty else { return false }
        var new = bytes
        for cut in cuts.reversed() {
            var range = cut
            // One of the blank lines around a table is enough.
            let isTable = pieces.contains { $0.kind == .header && lineStart($0.start) == cut.lowerBound }
            if isTable, range.lowerBound >= 2, new[range.lowerBound - 1] == 0x0A, new[range.lowerBound - 2] == 0x0A {
                range = range.lowerBound - 1..<range.upperBound
            }
            new.removeSubrange(range)
        }
        bytes = new
        try read()
        return true
    }

    private mutating func replace(_ range: Range<Int>, with text: String) throws(TOMLError) {
        let old = bytes
        bytes.replaceSubrange(range, with: Array(text.utf8))
        try readOrGoBack(to: old)
    }

    private mutating func insert(_ text: String, at offset: Int) throws(TOMLError) {
        let old = bytes
        let endsLine = offset == 0 || bytes[offset - 1] == 0x0A || (offset == 3 && bytes.starts(with: [0xEF, 0xBB, 0xBF]))
        bytes.insert(contentsOf: Array(((endsLine ? "" : "\n") + text).utf8), at: offset)
        try readOrGoBack(to: old)
    }

    private mutating func readOrGoBack(to old: [UInt8]) throws(TOMLError) {
        do throws(TOMLError) { try read() } catch {
            bytes = old
            throw error
        }
    }

    // MARK: places

    private func lineStart(_ offset: Int) -> Int {
        var start = offset
        while start > 0, bytes[start - 1] != 0x0A { start -= 1 }
        return start == 0 && bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : start
    }

    /// The first of the comment lines that stand right above that line.
    private func commentStart(above start: Int) -> Int {
        var found = start
        while found > 0, bytes[found - 1] == 0x0A {
            let before = lineStart(found - 1)
            guard let first = bytes[before..<found].first(where: { $0 != 0x20 && $0 != 0x09 }), first == UInt8(ascii: "#") else { break }
            found = before
        }
        return found
    }

    private func position(of offset: Int) -> TOMLPosition {
        TOMLPosition(line: bytes[..<offset].count { $0 == 0x0A } + 1, column: offset - lineStart(offset) + 1)
    }
}
