import Testing

@testable import OSSProtocol

@Suite struct ByteTextTests {
    static let sizes: [(text: String, bytes: Int64)] = [
        ("0", 0), ("4096", 4_096), ("20B", 20), ("512KiB", 524_288), ("50MiB", 52_428_800), ("50 MiB", 52_428_800), ("50mib", 52_428_800),
        ("1.5G", 1_610_612_736), ("1.5GB", 1_500_000_000), ("800M", 838_860_800), ("10k", 10_240), ("10K", 10_240), ("10kB", 10_000),
        ("10KB", 10_000), ("2T", 2_199_023_255_552), ("0.5KiB", 512), ("8388607T", 9_223_370_937_343_148_032),
    ]
    static let rates: [(text: String, bytes: Int64?)] = [
        ("none", nil), ("0", 0), ("16Mbit", 2_000_000), ("400Mbit", 50_000_000), ("1Gbit", 125_000_000), ("800kbit", 100_000),
        ("50MiB", 52_428_800),
        ("50MiB/s", 52_428_800), ("50MB", 50_000_000), ("16Mbits", 2_000_000), ("8bit", 1), ("1000000", 1_000_000),
    ]

    @Test(arguments: sizes) func aSizeIsReadAsPeopleMeanIt(text: String, bytes: Int64) throws {
        #expect(try ByteSize(parsing: text).bytes == bytes)
    }

    @Test(arguments: rates) func aRateIsReadAsPeopleMeanIt(text: String, bytes: Int64?) throws {
        #expect(try ByteRate(parsing: text).bytesPerSecond == bytes)
    }

    @Test(arguments: ["20 Mb", "20Mb", "20mb", "20mB", "20gb", "20Kb", "20kb", "50b"]) func whatCouldBeBitsOrBytesIsRefused(text: String) {
        for result in [Result { try ByteSize(parsing: text).bytes }, Result { try ByteRate(parsing: text).bytesPerSecond ?? -1 }] {
            guard case .failure(ByteTextError.ambiguous(_, let meant)) = result else {
                Issue.record("\(text): \(result)")
                continue
            }
            #expect(meant.allSatisfy { ByteRate($0) != nil }, "what it proposes is accepted")
        }
    }

    @Test(arguments: [
        "", " ", "-1", "+1", "1,5G", "1.", ".5G", "1.5", "1.5B", "1e3", "0x10", "MiB", "5 Mi B", "5X", "5MiBs", "٣", "5  MiB", "5MiB ",
        "fast", "∞", "5/s",
    ])
    func nonsenseIsRefused(text: String) {
        #expect(ByteSize(text) == nil)
    }

    @Test(arguments: ["16Mbit", "none", "50MiB/s"]) func aSizeIsNoRate(text: String) {
        #expect(ByteSize(text) == nil)
    }

    @Test(arguments: ["99999999999999999999", "9223372036854775808", "8388608T", "8192P"]) func moreThanCanBeCountedIsRefused(text: String)
    {
        #expect(throws: ByteTextError.tooLarge(text)) { try ByteSize(parsing: text) }
    }

    @Test func lessThanAByteASecondIsNotAPause() {
        #expect(ByteRate("1bit") == nil)
        #expect(ByteRate("0bit")?.bytesPerSecond == 0)
    }
}
