import Glibc
import Testing

@testable import Platform
@testable import Wire

/// A file of pseudo-random bytes that is gone with the test.
final class TestFile {
    let path = "/tmp/davit-test-" + Randomness.token()
    let bytes: [UInt8]

    init(_ count: Int) throws {
        var state: UInt64 = 88_172_645_463_325_252
        bytes = [UInt8](unsafeUninitializedCapacity: count + 8) { buffer, initialized in
            for offset in stride(from: 0, to: count, by: 8) {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                UnsafeMutableRawPointer(buffer.baseAddress!).storeBytes(of: state, toByteOffset: offset, as: UInt64.self)
            }
            initialized = count
        }
        try SecureFile.write(path, bytes)
    }

    /// So many zeros that need no disk; `bytes` is empty.
    init(hole count: Int) throws {
        bytes = []
        try SecureFile.write(path, [])
        truncate(path, off_t(count))
    }

    deinit { unlink(path) }

    func body(_ range: Range<Int>? = nil) throws -> FileBody {
        let range = range ?? 0..<bytes.count
        return FileBody(source: try SourceFile.open(path), offset: Int64(range.lowerBound), length: Int64(range.count))
    }
}

func crc64(_ bytes: [UInt8]) -> UInt64 {
    var crc = CRC64Stream()
    crc.update(bytes)
    return crc.value
}

/// The failure of something that must fail.
func failure<Value>(_ work: () async throws -> Value) async -> TransportError? {
    do {
        let value = try await work()
        Issue.record("it did not fail: \(value)")
        return nil
    } catch {
        if let error = error as? TransportError { return error }
        Issue.record("another failure: \(error)")
        return nil
    }
}
