import Glibc
import Testing

@testable import Platform

@Suite struct SourceTimeTests {
    @Test(arguments: [(4_102_444_800, 5, 4_102_444_800_000_000_005), (10_413_792_000, 0, Int64.max), (-10_413_792_000, 0, Int64.min), (Int.max, 0, .max)])
    func aTimeThatNanosecondsDoNotHoldIsTheNearestOne(seconds: Int, nanoseconds: Int, expected: Int64) {
        #expect(SourceIdentity.nanoseconds(timespec(tv_sec: seconds, tv_nsec: nanoseconds)) == expected)
    }

    @Test func aFileFromTheYear2300CanBeOpened() throws {
        let file = try TestFile(10)
        var times = [timespec(tv_sec: 10_413_792_000, tv_nsec: 0), timespec(tv_sec: 10_413_792_000, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, file.path, &times, 0) == 0)

        // Some file systems end in 2038 and store that.
        #expect(try SourceFile.open(file.path).identity.modified >= 2_147_483_647_000_000_000)
    }
}
