import OSSProtocol
import Testing

@testable import Credentials

/// The largest files that are read at all, filled with what costs most. What grows with the square of the size takes minutes.
@Suite struct ProfileBoundsTests {
    static let limit = Duration.seconds(20)

    struct Filling: Sendable {
        var start: String
        var unit: String
        var end = ""

        var bytes: [UInt8] {
            let count = (INIFile.mostBytes - start.utf8.count - end.utf8.count) / unit.utf8.count
            return Array((start + String(repeating: unit, count: count) + end).utf8)
        }
    }

    @Test(arguments: [
        Filling(start: #"{"profiles":["#, unit: "{},", end: "{}]}"),
        Filling(start: #"{"profiles":[{"name":"p","#, unit: #""a":[],"#, end: #""b":{}}]}"#),
        Filling(start: #"{"profiles":[{"name":"p","mode":"External","process_command":""#, unit: "\\\"a b\\\" ", end: #""}]}"#),
    ])
    func aConfigurationOfTheLargestSizeIsReadInTime(filling: Filling) throws {
        let bytes = filling.bytes

        let time = try ContinuousClock().measure {
            let profiles = try AliyunProfiles(parsing: bytes)
            _ = try? profiles.profile("p", in: "/f", at: Timestamp(seconds: 0))
        }

        #expect(time < ProfileBoundsTests.limit)
    }

    @Test(arguments: [
        Filling(start: "[default]\nmode=Process\ncredential-process=/p\n", unit: "# \(String(repeating: "x", count: 97))\n"),
        Filling(start: "[default]\nmode=Anonymous\nbuckets=b\n[buckets b]\n", unit: String(repeating: "x=region=a y=b ", count: 40) + "\n"),
    ])
    func anINIFileOfTheLargestSizeIsReadInTime(filling: Filling) throws {
        let bytes = filling.bytes

        let time = try ContinuousClock().measure { _ = try OSSUtilProfiles(parsing: bytes).profile(nil, in: "/f") }

        #expect(time < ProfileBoundsTests.limit)
    }

    @Test func aThousandProfilesOnTopOfEachOtherAreRefusedInTime() {
        let text = (0..<INIFile.mostSections).map { "[profile p\($0)]\nsource-profile=p\($0 + 1)\n" }.joined()

        let time = ContinuousClock().measure {
            #expect(ProfileOSSUtilTests.message(text, "p0")?.contains("more than 8 profiles") == true)
        }

        #expect(time < ProfileBoundsTests.limit)
    }
}
