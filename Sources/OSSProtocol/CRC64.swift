/// CRC-64/XZ as OSS reports it in `x-oss-hash-crc64ecma`: only how two of them combine. Computing it over bytes is Platform's.
public enum CRC64 {
    /// The CRC of A followed by B, from CRC(A), CRC(B) and the length of B in bytes (0 or more).
    ///
    /// Appending n zero bytes multiplies the remainder by x^(8n) modulo the polynomial; initial value and final XOR are equal, so
    /// that holds for the finished values too. At most 63 multiplications, one for a length that is a power of two.
    public static func combine(_ a: UInt64, _ b: UInt64, lengthOfB: Int64) -> UInt64 {
        var shifted = a
        var (rest, power) = (UInt64(max(lengthOfB, 0)), 3)  // 2^3 bits a byte
        while rest != 0 {
            if rest & 1 == 1 { shifted = multiply(powers[power], shifted) }
            rest >>= 1
            power += 1
        }
        return shifted ^ b
    }

    /// The decimal of the header and of the element HashCrc64ecma.
    public static func parse(_ text: String) -> UInt64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return UInt64(text)
    }

    private static let polynomial: UInt64 = 0xC96C_5795_D787_0F42

    /// x^(2^n) modulo the polynomial; the highest bit is x^0.
    private static let powers: [UInt64] = {
        var list: [UInt64] = [1 << 62]
        for _ in 1..<67 { list.append(multiply(list[list.count - 1], list[list.count - 1])) }
        return list
    }()

    private static func multiply(_ a: UInt64, _ b: UInt64) -> UInt64 {
        var (product, factor, mask) = (UInt64(0), b, UInt64(1) << 63)
        while mask != 0 {
            if a & mask != 0 {
                product ^= factor
                if a & (mask - 1) == 0 { break }
            }
            mask >>= 1
            factor = factor & 1 == 1 ? factor >> 1 ^ polynomial : factor >> 1
        }
        return product
    }
}
