import OSSProtocol

/// The prefix of a grant as `authd.toml` writes it: text with `{client}`, `{date}` and `{claim:NAME}` in it.
///
/// What a placeholder stands for may come from outside, so no value can leave its step of the prefix: every byte but
/// `A-Za-z0-9.@-_` becomes `%XX`, and so do the dots of a value that is nothing but dots. Letters that only look like ASCII are
/// bytes of UTF-8 and become `%XX` too. The result ends in `/` unless it is empty.
public struct PrefixTemplate: Sendable, Equatable {
    private enum Piece: Sendable, Equatable {
        case text([UInt8])
        case client
        /// The day in UTC, `2026-11-30`.
        case date
        case claim(String)
    }

    private let pieces: [Piece]
    public let description: String

    static let longestValue = 256

    /// - Throws: what is accepted instead.
    public init(_ text: String) throws(SettingError) {
        description = text
        var pieces: [Piece] = []
        var literal: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "{") else {
                guard byte != UInt8(ascii: "}") else { throw PrefixTemplate.braces }
                literal.append(byte)
                continue
            }
            guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else { throw PrefixTemplate.braces }
            if !literal.isEmpty { pieces.append(.text(literal)) }
            literal = []
            pieces.append(try PrefixTemplate.placeholder(String(decoding: rest[..<end], as: UTF8.self)))
            rest = rest[(end + 1)...]
        }
        if !literal.isEmpty { pieces.append(.text(literal)) }
        self.pieces = pieces
        // What is wrong with the text around the values is wrong for every client: found now, not at the first request.
        _ = try resolve { _ in "x" }
    }

    /// Whether a claim of a JWT is needed, which only grants of a `[[jwt]]` have.
    public var needsClaims: Bool {
        pieces.contains { if case .claim = $0 { true } else { false } }
    }

    /// - Parameter claims: the value of a claim, `nil` when the client has none of that name.
    func resolve(client: String, day: Timestamp, claims: (String) -> String? = { _ in nil }) throws(SettingError) -> String {
        try resolve { piece in
            switch piece {
            case .text: nil
            case .client: client
            case .date: String(decoding: Array(day.iso8601.utf8.prefix(10)), as: UTF8.self)
            case .claim(let name): claims(name)
            }
        }
    }

    private func resolve(_ value: (Piece) -> String?) throws(SettingError) -> String {
        var result: [UInt8] = []
        for piece in pieces {
            if case .text(let bytes) = piece {
                result += bytes
                continue
            }
            guard let text = value(piece), !text.isEmpty, text.utf8.count <= PrefixTemplate.longestValue else {
                throw SettingError("\(PrefixTemplate.name(piece)) has no value of 1 to \(PrefixTemplate.longestValue) bytes")
            }
            result += PrefixTemplate.escaped(text)
        }
        if let last = result.last, last != UInt8(ascii: "/") { result.append(UInt8(ascii: "/")) }
        if let reason = KeyRule.problem(prefix: result) {
            throw SettingError("\(reason). Accepted: a prefix like uploads/{client}/, or \"\" for the whole bucket")
        }
        return String(decoding: result, as: UTF8.self)
    }

    static func escaped(_ value: String) -> [UInt8] {
        let isDots = value.utf8.allSatisfy { $0 == UInt8(ascii: ".") }
        return value.utf8.flatMap { byte -> [UInt8] in
            let isPlain = !isDots && SettingText.isNameByte(byte)
            return isPlain ? [byte] : Array("%\(Hex.encode([byte]).uppercased())".utf8)
        }
    }

    private static func placeholder(_ text: String) throws(SettingError) -> Piece {
        switch text {
        case "client": return .client
        case "date": return .date
        default:
            let mark = Array("claim:".utf8)
            let name = Array(text.utf8.dropFirst(mark.count))
            guard text.utf8.starts(with: mark), !name.isEmpty, name.count <= 100 else { throw braces }
            return .claim(String(decoding: name, as: UTF8.self))
        }
    }

    private static func name(_ piece: Piece) -> String {
        switch piece {
        case .text, .client: "{client}"
        case .date: "{date}"
        case .claim(let name): "{claim:\(Line.clean(name, most: 100))}"
        }
    }

    private static let braces = SettingError(
        "a prefix with braces. Accepted: {client} for the client's name, {date} for the day, {claim:NAME} for a claim of its JWT")
}
