import Foundation
import OSSProtocol
import Testing

@Suite struct TimestampTests {
    @Test(arguments: 0..<300) func everyFormReadsBackWhatItWrites(step: Int) {
        // Steps that visit all months, leap days and both sides of 1970.
        let time = Timestamp(milliseconds: -3_000_000_000_000 + Int64(step) * 30_601_234_567)

        #expect(Timestamp(iso8601: time.iso8601Milliseconds) == time)
        #expect(Timestamp(iso8601: time.iso8601)?.seconds == time.seconds)
        #expect(Timestamp(basic: time.basic)?.seconds == time.seconds)
        #expect(Timestamp(httpDate: time.httpDate)?.seconds == time.seconds)
        #expect(time.basic.hasPrefix(time.day8))
    }

    @Test(arguments: [0, 951_782_400, 1_709_208_001, 1_768_465_800, 4_107_542_399, -1]) func textsAreThoseOfFoundation(seconds: Int64) {
        let date = Date(timeIntervalSince1970: Double(seconds))
        let style = Date.VerbatimFormatStyle(
            format:
                "\(weekday: .abbreviated), \(day: .twoDigits) \(month: .abbreviated) \(year: .padded(4)) \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\(second: .twoDigits) GMT",
            locale: Locale(identifier: "en_US_POSIX"), timeZone: .gmt, calendar: Calendar(identifier: .gregorian))

        #expect(Timestamp(seconds: seconds).iso8601 == date.formatted(.iso8601))
        #expect(Timestamp(seconds: seconds).httpDate == date.formatted(style))
    }

    @Test(arguments: [
        ("2026-01-15T16:30:00+08:00", Int64(1_768_465_800_000)), ("2026-01-15T08:30:00.1Z", 1_768_465_800_100),
        ("2026-01-15t08:30:00.123456z", 1_768_465_800_123),
        ("2026-01-15T05:00:00-03:30", 1_768_465_800_000),
    ]) func offsetsAndFractionsAreRead(text: String, milliseconds: Int64) {
        #expect(Timestamp(iso8601: text)?.milliseconds == milliseconds)
    }

    @Test(arguments: [
        "", "2026-01-15", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-15T24:00:00Z",
        "2026-01-15T08:30:00",
        "2026-01-15T08:30:00.Z", "2026-01-15T08:30:00Zx", "+026-01-15T08:30:00Z", "2026-01-15T08:30:00+99:00", "0000-01-01T00:00:00Z",
    ]) func whatIsNoMomentIsRefused(text: String) {
        #expect(Timestamp(iso8601: text) == nil)
        #expect(Timestamp(basic: text) == nil)
        #expect(Timestamp(httpDate: text) == nil)
    }

    @Test func whatDoesNotFitEndsAtTheEndsOfTheRange() {
        #expect(Timestamp(seconds: .max).milliseconds == .max && Timestamp(seconds: .min).milliseconds == .min)
        #expect(Duration.seconds(Int64.max).inMilliseconds == .max && Duration.seconds(Int64.min).inMilliseconds == .min)
        let (first, last) = (Timestamp(milliseconds: .min), Timestamp(milliseconds: .max))
        #expect(last + .seconds(1) == last && first - .seconds(1) == first && last - first == .milliseconds(Int64.max))
        #expect(Timestamp(milliseconds: 5) - .milliseconds(7) == Timestamp(milliseconds: -2))
    }

    @Test(arguments: [Int64.min, Int64.max]) func theEndsOfTheRangeAreWritableToo(milliseconds: Int64) {
        #expect(Timestamp(milliseconds: milliseconds).iso8601.count == 20)
    }
}
