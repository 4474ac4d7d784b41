/// Base64 (RFC 4648) without Foundation.
public enum Base64 {
    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The standard alphabet, padded.
    public static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var place = 0
        while place < bytes.count {
            let count = min(3, bytes.count - place)
            var group = UInt32(bytes[place]) << 16
            if count > 1 { group |= UInt32(bytes[place + 1]) << 8 }
            if count > 2 { group |= UInt32(bytes[place + 2]) }
            text.append(standard[Int(group >> 18)])
            text.append(standard[Int(group >> 12 & 63)])
            text.append(count > 1 ? standard[Int(group >> 6 & 63)] : UInt8(ascii: "="))
            text.append(count > 2 ? standard[Int(group & 63)] : UInt8(ascii: "="))
            place += 3
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// - Parameter urlSafe: the alphabet with `-` and `_`, where padding may be missing (JWT).
    /// - Returns: `nil` for a foreign character, a wrong length, or padding that is not at the end.
    public static func decode(_ text: String, urlSafe: Bool = false) -> [UInt8]? {
        var digits = Array(text.utf8)
        let padding = digits.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard padding <= 2 else { return nil }
        digits.removeLast(padding)
        guard digits.count % 4 != 1, (urlSafe && padding == 0) || (digits.count + padding).isMultiple(of: 4) else { return nil }

        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count * 3 / 4)
        var group: UInt32 = 0
        var bits = 0
        for digit in digits {
            guard let value = value(digit, urlSafe: urlSafe) else { return nil }
            group = group << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        return bytes
    }

    private static func value(_ digit: UInt8, urlSafe: Bool) -> UInt8? {
        switch digit {
        case 65...90: digit - 65
        case 97...122: digit - 71
        case 48...57: digit + 4
        case UInt8(ascii: "+") where !urlSafe, UInt8(ascii: "-") where urlSafe: 62
        case UInt8(ascii: "/") where !urlSafe, UInt8(ascii: "_") where urlSafe: 63
        default: nil
        }
    }
}
