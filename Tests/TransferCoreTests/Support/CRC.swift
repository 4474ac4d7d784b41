/// CRC-64/XZ over bytes: what the model server reports. The module itself only combines them.
func crc64(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var crc: UInt64 = ~0
    for byte in bytes { crc = crcTable[Int((crc ^ UInt64(byte)) & 0xff)] ^ (crc >> 8) }
    return ~crc
}

private let crcTable: [UInt64] = (0..<256).map { index in
    (0..<8).reduce(UInt64(index)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0xC96C_5795_D787_0F42 : crc >> 1 }
}
