/// Texts from outside on their way into a message, when they may repeat what nobody is to see.
enum Redaction {
    /// One line of it, the secrets cut out wherever they stand.
    /// - Parameter isTail: of a text that is too long its end is shown, not its beginning.
    static func line(_ text: String, without secrets: [String], limit: Int = 300, isTail: Bool = false) -> String {
        let clean = cut(secrets, from: text).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let scalars = clean.unicodeScalars
        guard isTail, scalars.count > limit else { return PlainText.line(clean, limit: limit) }
        return "…" + PlainText.line(String(scalars.suffix(limit)), limit: limit)
    }

    private static func cut(_ secrets: [String], from text: String) -> String {
        var bytes = Array(text.utf8)
        // The longest first: one may be a part of another. Very short ones are no secrets and would tear any text apart.
        for secret in secrets.map({ Array($0.utf8) }).filter({ $0.count >= 4 }).sorted(by: { $0.count > $1.count }) {
            bytes = cut(secret, from: bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// In a time that grows with the sum of both lengths and not with their product: both are a stranger's (Knuth, Morris, Pratt).
    private static func cut(_ secret: [UInt8], from bytes: [UInt8]) -> [UInt8] {
        // How much of the secret's beginning still stands when the byte after that many does not fit.
        var back = [0]
        for byte in secret.dropFirst() {
            var length = back[back.count - 1]
            while length > 0, byte != secret[length] { length = back[length - 1] }
            back.append(byte == secret[length] ? length + 1 : 0)
        }
        var kept: [UInt8] = []
        var matched = 0
        for byte in bytes {
            while matched > 0, byte != secret[matched] { matched = back[matched - 1] }
            if byte == secret[matched] { matched += 1 }
            kept.append(byte)
            guard matched == secret.count else { continue }
            kept.removeLast(matched)
            kept += Array("<redacted>".utf8)
            matched = 0
        }
        return kept
    }
}
