/// Hexadecimal text.
public enum Hex {
    private static let digits: [UInt8] = Array("0123456789abcdef".utf8)

    /// Lower case, two digits a byte.
    public static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
            for (place, byte) in bytes.enumerated() {
                buffer[place * 2] = digits[Int(byte >> 4)]
                buffer[place * 2 + 1] = digits[Int(byte & 15)]
            }
            return bytes.count * 2
        }
    }

    static func append(_ bytes: [UInt8], to buffer: inout [UInt8]) {
        for byte in bytes {
            buffer.append(digits[Int(byte >> 4)])
            buffer.append(digits[Int(byte & 15)])
        }
    }

    /// Either case; `nil` for an odd count or another character.
    public static func decode(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        guard bytes.count.isMultiple(of: 2) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count / 2)
        for place in stride(from: 0, to: bytes.count, by: 2) {
            guard let high = value(bytes[place]), let low = value(bytes[place + 1]) else { return nil }
            result.append(high << 4 | low)
        }
        return result
    }

    static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 48...57: digit - 48
        case 65...70: digit - 55
        case 97...102: digit - 87
        default: nil
        }
    }
}
