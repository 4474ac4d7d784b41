import OSSProtocol
import Testing

@Suite struct CRC64Tests {
    static let vectors = Vector.file("crc64")["vectors"]

    @Test(arguments: Vector.list("crc64", "vectors", "single")) func cuttingAndCombiningGivesTheWhole(vector: Vector) throws {
        let bytes = Self.bytes(vector["data"])
        let whole = try #require(CRC64.parse(vector["crc64"].string))
        let cut = bytes.count / 3

        let combined = CRC64.combine(Self.slow(bytes[..<cut]), Self.slow(bytes[cut...]), lengthOfB: Int64(bytes.count - cut))

        #expect(Self.slow(bytes[...]) == whole)
        #expect(combined == whole)
    }

    @Test(arguments: Vector.list("crc64", "vectors", "combine")) func partsInOrderGiveTheWhole(vector: Vector) {
        let combined = vector["parts"].list.reduce(UInt64(0)) { sum, part in
            CRC64.combine(sum, UInt64(part["crc64"].string) ?? 0, lengthOfB: Int64(part["length"].int))
        }

        #expect(combined == UInt64(vector["combined_crc64"].string))
    }

    @Test(arguments: Vector.list("crc64", "vectors", "long_runs")) func terabytesAreReachedByDoubling(vector: Vector) {
        var (rest, block) = (Int64(vector["length"].int), Self.slow([UInt8(vector["byte"].int)][...]))
        var (sum, length) = (UInt64(0), Int64(1))
        while rest > 0 {
            if rest & 1 == 1 { sum = CRC64.combine(sum, block, lengthOfB: length) }
            block = CRC64.combine(block, block, lengthOfB: length)
            (length, rest) = (length * 2, rest >> 1)
        }

        #expect(sum == UInt64(vector["crc64"].string))
    }

    @Test(arguments: Vector.list("crc64", "vectors", "resume")) func anUploadGoesOnFromThePrefixesCRC(vector: Vector) {
        let rest = Array(vector["text"].string.utf8).dropFirst(vector["cut"].int)

        let whole = CRC64.combine(UInt64(vector["crc_of_prefix"].string) ?? 0, Self.slow(rest), lengthOfB: Int64(rest.count))

        #expect(whole == UInt64(vector["crc_of_whole"].string))
    }

    @Test func theNumberOfAHeaderIsUnsigned() {
        #expect(CRC64.parse("18446744073709551615") == .max)
        for text in ["", "-1", "+1", " 1", "0x1", "18446744073709551616"] { #expect(CRC64.parse(text) == nil, "\(text)") }
    }

    /// Bit by bit, from the definition: slow, and with nothing in common with the code under test.
    private static func slow(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var crc = UInt64.max
        for byte in bytes {
            crc ^= UInt64(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xC96C_5795_D787_0F42 : crc >> 1 }
        }
        return ~crc
    }

    private static func bytes(_ data: JSON) -> [UInt8] {
        let length = data["length"].int
        switch data["kind"].string {
        case "utf8": return Array(data["text"].string.utf8)
        case "hex": return Hex.decode(data["hex"].string) ?? []
        case "repeat": return [UInt8](repeating: UInt8(data["byte"].int), count: length)
        case "counter": return (0..<length).map { UInt8($0 & 255) }
        default:
            var state = UInt32(data["seed"].int)
            return (0..<length).map { _ in
                state = 1_664_525 &* state &+ 1_013_904_223
                return UInt8(state >> 24)
            }
        }
    }
}
