/// The ids people see: `u-` and a number in Crockford's base 32 (no I, L, O, U: they are read out and typed), `j-` and a decimal one.
enum UploadID {
    private static let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)
    /// Rows count from 1; ids begin here, so that they all have five digits for the first 33 million.
    static let first: Int64 = 1 << 20
    private static let mostDigits = 12

    static func text(_ row: Int64) -> String {
        var rest = UInt64(bitPattern: row &+ first &- 1)
        var bytes: [UInt8] = []
        repeat {
            bytes.append(digits[Int(rest & 31)])
            rest >>= 5
        } while rest > 0
        return "u-" + String(decoding: bytes.reversed(), as: UTF8.self)
    }

    /// `nil` for what is no id of ours. Small letters are read too, and the letters Crockford calls alike (I and L are 1, O is 0).
    static func row(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count > 2, bytes.count <= mostDigits + 2, bytes[0] | 0x20 == UInt8(ascii: "u"), bytes[1] == UInt8(ascii: "-") else {
            return nil
        }
        var number: Int64 = 0
        for byte in bytes.dropFirst(2) {
            guard let digit = value(byte) else { return nil }
            number = number << 5 | digit
        }
        let row = number - first + 1
        return row > 0 ? row : nil
    }

    private static func value(_ byte: UInt8) -> Int64? {
        let upper = (97...122).contains(byte) ? byte & 0xDF : byte
        switch upper {
        case UInt8(ascii: "I"), UInt8(ascii: "L"): return 1
        case UInt8(ascii: "O"): return 0
        default: return digits.firstIndex(of: upper).map(Int64.init)
        }
    }
}

enum JobID {
    static func text(_ row: Int64) -> String { "j-\(row)" }
    static func row(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count > 2, bytes.count <= 20, bytes[0] | 0x20 == UInt8(ascii: "j"), bytes[1] == UInt8(ascii: "-") else { return nil }
        return Int64(String(decoding: bytes.dropFirst(2), as: UTF8.self)).flatMap { $0 > 0 ? $0 : nil }
    }
}
