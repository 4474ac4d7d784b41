import Testing

@testable import Platform
@testable import Wire

/// The checksum OSS reports, held against documented values and those of the official libraries.
@Suite struct CRC64VectorTests {
    static let texts: [(String, UInt64)] = [
        ("", 0), ("123456789", 11_051_210_869_376_104_954), ("a", 3_675_645_893_302_102_789), ("hello world", 5_981_764_153_023_615_706),
        ("你好，世界 🚀", 3_439_740_564_698_596_627),
    ]

    @Test(arguments: texts) func aTextHasItsKnownChecksum(text: String, expected: UInt64) {
        #expect(crc64(Array(text.utf8)) == expected)
    }

    @Test(arguments: [
        (UInt8(0), 1, UInt64(2_282_658_103_124_508_505)), (0xFF, 1, 18_374_686_479_671_623_680), (0, 8, 13_144_445_341_178_972_864),
        (65, 102_399, 5_749_920_654_971_362_734), (0, 1_048_576, 6_947_770_692_288_575_170), (255, 1_048_576, 3_946_797_202_531_432_512),
    ])
    func aRunOfOneByteHasItsKnownChecksum(byte: UInt8, count: Int, expected: UInt64) {
        #expect(crc64([UInt8](repeating: byte, count: count)) == expected)
    }

    @Test(arguments: [1, 7, 4096, 65_537]) func itIsTheSameInPiecesOfAnySize(piece: Int) {
        let bytes = (0..<1_048_576).map { UInt8(truncatingIfNeeded: $0) }
        var crc = CRC64Stream()

        for start in stride(from: 0, to: bytes.count, by: piece) {
            bytes[start..<min(start + piece, bytes.count)].withUnsafeBytes { crc.update($0) }
        }

        #expect(crc.value == 12_198_584_541_786_614_250)
    }

    /// Other code does the first 64 bytes, whole blocks of 64 and of 256, and what is left.
    @Test(arguments: [0, 1, 15]) func everyLengthAgreesWithTheDefinition(offset: Int) {
        let bytes = (0..<1_500).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 31 &+ $0 >> 3) }
        var (expected, before) = (UInt64(0), CRC64Stream())
        before.update(Array("what came before".utf8))
        expected = before.value

        for count in 0...(bytes.count - offset) {
            var crc = before
            bytes[offset..<offset + count].withUnsafeBytes { crc.update($0) }

            #expect(crc.value == expected, "\(count) bytes")
            if offset + count < bytes.count { expected = Self.appending(bytes[offset + count], to: expected) }
        }
    }

    /// Bit by bit.
    private static func appending(_ byte: UInt8, to crc: UInt64) -> UInt64 {
        var value = ~crc ^ UInt64(byte)
        for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xC96C_5795_D787_0F42 : value >> 1 }
        return ~value
    }
}
