import CCRC64
import CLzma

/// CRC-64/XZ over bytes as they come: what OSS reports as `x-oss-hash-crc64ecma`.
///
/// By carry-less multiplication where the processor has it (17 GB/s, 68 with 512-bit registers), else liblzma's.
public struct CRC64Stream: Sendable, Equatable {
    public private(set) var value: UInt64 = 0

    private static let isFast = dcrc64_is_supported() == 1

    public init() {}

    public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        value =
            CRC64Stream.isFast
            ? dcrc64_update(value, start, bytes.count) : lzma_crc64(start.assumingMemoryBound(to: UInt8.self), bytes.count, value)
    }
}
