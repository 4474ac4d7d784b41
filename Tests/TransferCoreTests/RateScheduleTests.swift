import OSSProtocol
import Testing
import TransferCore

private func at(_ text: String) throws -> Timestamp { try #require(Timestamp(iso8601: text), "\(text)") }

private let mebi: Int64 = 1 << 20
private let workdays = RateRule(days: [0, 1, 2, 3, 4], from: 8 * 60, until: 18 * 60, rate: 20 * mebi)
private let otherwise = RateRule(days: [], from: 0, until: 1440, rate: nil)

@Suite struct RateScheduleTests {
    @Test(arguments: [
        // Monday 2026-11-30.
        ("2026-11-30T07:59:59Z", nil, "2026-11-30T08:00:00Z"), ("2026-11-30T08:00:00Z", 20 * mebi, "2026-11-30T18:00:00Z"),
        ("2026-11-30T18:00:00Z", nil, "2026-12-01T08:00:00Z"), ("2026-12-04T18:00:00Z", nil, "2026-12-07T08:00:00Z"),
    ] as [(String, Int64?, String)]) func officeHoursHoldOnWorkdays(_ now: String, _ rate: Int64?, _ until: String) throws {
        let standing = RateSchedule([workdays, otherwise], zone: .utc).standing(at: try at(now), otherwise: 1)

        #expect(standing == RateSchedule.Standing(rate: rate, until: try at(until)))
    }

    @Test func aWindowOverMidnightBelongsToTheDayOnWhichItBegins() throws {
        let night = RateSchedule([RateRule(days: [4], from: 22 * 60, until: 6 * 60, rate: 0)], zone: .utc)

        // Friday 2026-12-04, 22:00 to Saturday 06:00.
        #expect(night.standing(at: try at("2026-12-04T03:00:00Z"), otherwise: 5).rate == 5)
        #expect(night.standing(at: try at("2026-12-04T22:00:00Z"), otherwise: 5) == .init(rate: 0, until: try at("2026-12-05T06:00:00Z")))
        #expect(night.standing(at: try at("2026-12-05T05:59:00Z"), otherwise: 5).rate == 0)
        #expect(night.standing(at: try at("2026-12-05T22:30:00Z"), otherwise: 5).rate == 5)
    }

    @Test func theFirstLineThatHoldsStandsWhereverElseIsWritten() throws {
        let lunch = RateRule(days: Set(0...6), from: 12 * 60, until: 13 * 60, rate: 1)
        let schedule = RateSchedule([otherwise, lunch, workdays], zone: .utc)

        #expect(schedule.standing(at: try at("2026-11-30T12:30:00Z"), otherwise: 9) == .init(rate: 1, until: try at("2026-11-30T13:00:00Z")))
        #expect(schedule.standing(at: try at("2026-11-30T13:30:00Z"), otherwise: 9).rate == 20 * mebi)
        #expect(schedule.standing(at: try at("2026-11-29T13:30:00Z"), otherwise: 9).rate == nil)
    }

    @Test func withoutLinesTheConfiguredRateStandsForEver() throws {
        let none = RateSchedule([], zone: .utc)
        #expect(none.standing(at: try at("2026-11-30T12:00:00Z"), otherwise: 7) == .init(rate: 7, until: nil))
        let always = RateSchedule([RateRule(days: Set(0...6), from: 0, until: 1440, rate: 3)], zone: .utc)
        #expect(always.standing(at: try at("2026-11-30T12:00:00Z"), otherwise: 7) == .init(rate: 3, until: nil))
    }

    // MARK: - When the clocks change

    private static let berlin = ZoneRules(posix: "CET-1CEST,M3.5.0,M10.5.0/3")

    @Test func theSkippedHourOfSpringHasNoTime() throws {
        let berlin = try #require(Self.berlin)
        // On 2026-03-29 02:00 is followed by 03:00.
        let skipped = RateSchedule([RateRule(days: [6], from: 135, until: 165, rate: 1)], zone: berlin)
        #expect(skipped.standing(at: try at("2026-03-29T00:59:00Z"), otherwise: 9).rate == 9)
        #expect(skipped.standing(at: try at("2026-03-29T01:00:00Z"), otherwise: 9).rate == 9)
        // What begins in it begins at 03:00.
        let longer = RateSchedule([RateRule(days: [6], from: 150, until: 240, rate: 1)], zone: berlin)
        #expect(
            longer.standing(at: try at("2026-03-29T00:30:00Z"), otherwise: 9) == .init(rate: 9, until: try at("2026-03-29T01:00:00Z")))
        #expect(
            longer.standing(at: try at("2026-03-29T01:00:00Z"), otherwise: 9) == .init(rate: 1, until: try at("2026-03-29T02:00:00Z")))
    }

    @Test func inTheHourThatComesTwiceAWindowHoldsTwice() throws {
        let berlin = try #require(Self.berlin)
        // On 2026-10-25 03:00 is followed by 02:00.
        let schedule = RateSchedule([RateRule(days: [6], from: 135, until: 165, rate: 1)], zone: berlin)
        for (now, rate) in [
            ("2026-10-25T00:14:00Z", 9), ("2026-10-25T00:15:00Z", 1), ("2026-10-25T00:45:00Z", 9), ("2026-10-25T01:15:00Z", 1),
            ("2026-10-25T01:45:00Z", 9),
        ] as [(String, Int64)] {
            #expect(schedule.standing(at: try at(now), otherwise: 9).rate == rate, "\(now)")
        }
    }

    @Test func officeHoursFollowTheClockOnTheWallOverTheYear() throws {
        let berlin = try #require(Self.berlin)
        let schedule = RateSchedule([workdays, otherwise], zone: berlin)
        #expect(schedule.standing(at: try at("2026-01-12T06:30:00Z"), otherwise: 9).until == (try at("2026-01-12T07:00:00Z")))
        #expect(schedule.standing(at: try at("2026-07-13T05:30:00Z"), otherwise: 9).until == (try at("2026-07-13T06:00:00Z")))
    }
}

@Suite struct ZoneRulesTests {
    @Test(arguments: [
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", 3_600), ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 7_200),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z", 7_200), ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 3_600),
        // New York, second Sunday of March to first of November.
        ("EST5EDT,M3.2.0,M11.1.0", "2026-03-08T06:59:59Z", -18_000), ("EST5EDT,M3.2.0,M11.1.0", "2026-03-08T07:00:00Z", -14_400),
        // Sydney: summer goes over New Year.
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01T00:00:00Z", 39_600), ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-06-01T00:00:00Z", 36_000),
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-12-31T23:00:00Z", 39_600),
        // Shanghai, Kathmandu, and a rule by day numbers with half an hour.
        ("CST-8", "2026-07-01T00:00:00Z", 28_800), ("<+0545>-5:45", "2026-07-01T00:00:00Z", 20_700),
        ("AAA3BBB2:30,J60/0,300/1:30:00", "2024-03-01T03:00:00Z", -9_000), ("AAA3BBB2:30,J60/0,300/1:30:00", "2024-03-01T02:59:59Z", -10_800),
    ]) func rulesOfPOSIXSayTheOffset(_ rule: String, _ now: String, _ offset: Int) throws {
        #expect(try #require(ZoneRules(posix: rule)).offset(at: try at(now)) == offset)
    }

    @Test(arguments: ["", "X1", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0x", "CET-200"])
    func whatIsNoRuleIsRefused(_ text: String) { #expect(ZoneRules(posix: text) == nil) }

    /// Two changes in 64 bits and a rule for later, after a first block with none, as zic writes it.
    private static func file(_ footer: String) -> [UInt8] {
        func number(_ value: Int64, _ size: Int) -> [UInt8] { (0..<size).map { UInt8(truncatingIfNeeded: value >> ((size - 1 - $0) * 8)) } }
        func header(_ counts: [Int64]) -> [UInt8] { Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15) + counts.flatMap { number($0, 4) } }
        let type = { (offset: Int64) in number(offset, 4) + [0, 0] }
        return header([0, 0, 0, 0, 1, 1]) + type(0) + [0] + header([0, 0, 0, 2, 2, 1]) + number(1_000_000_000, 8) + number(1_100_000_000, 8)
            + [1, 0] + type(-3_600) + type(7_200) + [0] + Array("\n\(footer)\n".utf8)
    }

    @Test func aFileOfTheDatabaseIsReadWithItsRuleForLater() throws {
        let zone = try #require(ZoneRules(tzif: Self.file("CST-8")))
        #expect(zone.offset(at: Timestamp(seconds: 999_999_999)) == -3_600)
        #expect(zone.offset(at: Timestamp(seconds: 1_000_000_000)) == 7_200)
        #expect(zone.offset(at: Timestamp(seconds: 1_100_000_000)) == 28_800)
        #expect(try #require(ZoneRules(tzif: Self.file(""))).offset(at: Timestamp(seconds: 2_000_000_000)) == -3_600)
    }

    @Test func aFileThatIsCutOffOrNoneIsRefused() {
        let whole = Self.file("CST-8")
        // Without the rule at its end it is still whole.
        let data = whole.count - "\nCST-8\n".utf8.count
        for length in 0..<data { #expect(ZoneRules(tzif: Array(whole[..<length])) == nil, "\(length)") }
        #expect(ZoneRules(tzif: Array("Hello, world, this is no zone file at all, but long enough".utf8)) == nil)
    }
}
