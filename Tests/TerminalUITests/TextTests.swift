import Testing

@testable import TerminalUI

@Suite struct CleanedText {
    @Test(arguments: [
        ("plain.txt", "plain.txt"), ("esc\u{1B}[31m", "esc^[[31m"), ("a\nb\rc\td", "a^Jb^Mc^Id"), ("\u{7F}", "^?"),
        ("\u{9B}31m", "\\x9B31m"),
        ("\u{2028}\u{2029}", "<U+2028><U+2029>"), ("a\u{202E}b", "a<U+202E>b"),
        ("\u{200B}\u{2060}\u{FEFF}\u{AD}", "<U+200B><U+2060><U+FEFF><U+00AD>"),
        ("\u{E0041}", "<U+E0041>"), ("\u{61C}\u{200E}\u{200F}\u{2066}", "<U+061C><U+200E><U+200F><U+2066>"),
        ("\u{1F468}\u{200D}\u{1F469}", "\u{1F468}\u{1F469}"), ("\u{2764}\u{FE0F}", "\u{2764}"), ("\u{1F44D}\u{1F3FD}", "\u{1F44D}"),
        ("\u{301}x", "\u{25CC}\u{301}x"), ("日本", "日本"),
    ]) func namesLoseWhatMustNotReachATerminal(name: String, shown: String) {
        #expect(Array(displayText(name).plain.utf8) == Array(shown.utf8))
    }

    @Test func invalidBytesAreWrittenOut() {
        #expect(displayText([0x61, 0xFF, 0xC3, 0x28] as [UInt8]).plain == "a\\xFF\\xC3(")
        #expect(displayText([0xED, 0xA0, 0x80] as [UInt8]).plain == "\\xED\\xA0\\x80", "a surrogate is not UTF-8")
        #expect(displayText([0xC0, 0xAF] as [UInt8]).plain == "\\xC0\\xAF", "an overlong form is not UTF-8")
    }

    @Test func atMostFourMarksStayOnABase() {
        let text = displayText("o\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}")
        #expect(text.plain == "o\u{301}\u{302}\u{303}\u{304}<U+0305><U+0306>")
        #expect(text.width == 17)
    }

    @Test func escapesAreToldApartFromTypedOnes() {
        let escaped = displayText("\r").glyphs
        let typed = displayText("^M").glyphs
        #expect(escaped.map(\.text) == typed.map(\.text))
        #expect(escaped.allSatisfy(\.isEscape) && typed.allSatisfy { !$0.isEscape })
    }

    @Test(arguments: [
        ("a", 1), ("日", 2), ("각", 2), ("각".decomposedHangul, 2), ("e\u{301}", 1), ("😀", 2), ("𠀀", 2), ("ｱ", 1), ("Ａ", 2), ("·", 1),
    ])
    func widthIsThatOfTheTable(text: String, width: Int) {
        #expect(displayText(text).width == width)
    }

    @Test func ambiguousCharactersAreWideWhereTheTerminalSaysSo() {
        #expect(displayText("·α", rules: TextRules(ambiguousWide: true)).width == 4)
    }

    @Test func aMarkRidesOnTheBlankBehindRightToLeftTextWhereItIsWanted() {
        for isWanted in [true, false] {
            var frame = Frame(size: Size(columns: 12, rows: 1), theme: .mono, rules: TextRules(marksRightToLeft: isWanted))
            frame.put("גיבוי", row: 0, column: 0)
            frame.put("12", row: 0, column: 7)

            #expect(frame[row: 0, column: 5].text == (isWanted ? " \u{200E}" : " "))
            #expect(frame.lines[0].unicodeScalars.filter { $0 != "\u{200E}" }.count == 12)
        }
    }

    @Test func aMarkIsNotPutOverOtherText() {
        var frame = Frame(size: Size(columns: 6, rows: 1), theme: .mono, rules: TextRules(marksRightToLeft: true))
        frame.put("x", row: 0, column: 5)
        frame.put("גיבוי", row: 0, column: 0)

        #expect(frame[row: 0, column: 5].text == "x")
    }

    @Test(arguments: [
        ("\u{1B}[1;3R", 1, 3), ("ab\u{1B}[24;80Rcd", 24, 80), ("\u{1B}\u{1B}[1;2R", 1, 2), ("\u{1B}[1;x\u{1B}[2;5R", 2, 5),
    ])
    func theCursorsPlaceIsFoundAmongWhatWasTyped(bytes: String, row: Int, column: Int) throws {
        let report = try #require(CursorReport(in: Array(bytes.utf8)))

        #expect(report.row == row && report.column == column)
        #expect(Array(bytes.utf8)[report.range].first == 0x1B && Array(bytes.utf8)[report.range].last == UInt8(ascii: "R"))
    }

    @Test(arguments: ["", "R", "\u{1B}[1;3", "\u{1B}[R", "\u{1B}[0;0R", "\u{1B}[1;99999999999999999999R", "\u{1B}]1;3R"])
    func whatIsNoReportOfTheCursorIsNone(bytes: String) {
        #expect(CursorReport(in: Array(bytes.utf8)) == nil)
    }

    @Test func withoutUTF8EverythingElseIsAQuestionMark() {
        #expect(displayText("año-日本-é\u{1B}", rules: TextRules(charset: .ascii)).plain == "a?o-??-?^[")
    }

    @Test(arguments: 4...60) func aCutNameHasTheWidthItWasGivenAndNoBrokenCluster(width: Int) {
        for name in Hostile.names {
            let whole = displayText(name)
            let cut = Cutting.middle(whole, width: width, ellipsis: "…")
            #expect(cut.width <= width)
            if whole.width > width { #expect(cut.width > width - largestCluster(whole), "\(whole.plain)") }
            for (index, glyph) in cut.glyphs.enumerated() where glyph.continues {
                #expect(index > 0 && cut.glyphs[index - 1].text != "…", "cut inside a cluster")
            }
        }
    }

    /// Cells of the widest cluster and one: what may stay empty where two cuts meet.
    private func largestCluster(_ text: DisplayText) -> Int {
        var largest = 1
        var current = 0
        for glyph in text.glyphs {
            current = glyph.continues ? current + glyph.width : glyph.width
            largest = max(largest, current)
        }
        return 2 * largest
    }

    @Test func theExtensionAndBothEndsStay() {
        let name = displayText("a-very-long-name-of-a-concert-recording.tar.zst")
        for width in 20...40 {
            let cut = Cutting.middle(name, width: width, ellipsis: "…").plain
            #expect(cut.hasSuffix(".tar.zst") && cut.hasPrefix("a-very"), "\(cut)")
        }
    }

    @Test(arguments: [
        ("video/2026-11/raw/audio-mix_v3.wav", 32, "video/2026-11/…/audio-mix_v3.wav"),
        ("video/2026-11/raw/camera-01_b-roll.mov", 32, "video/…/camera-01_b-roll.mov"),
        ("db/full-2026-11-23.tar.zst", 25, "…/full-2026-11-23.tar.zst"),
        ("video/2026-11/raw/camera-03_interview-full_master_v7.mov", 32, "…/camera-03_inter…_master_v7.mov"),
    ]) func directoriesGiveWayFirst(path: String, width: Int, shown: String) {
        #expect(Cutting.path(path, width: width, rules: TextRules(), ellipsis: "…").plain == shown)
    }

    @Test func urlsKeepTheirBucket() {
        for width in 26...60 {
            let cut = Cutting.url("oss://media-prod/2026/11/raw/camera-03/take-7/", width: width, rules: TextRules(), ellipsis: "…")
            #expect(cut.width <= width && cut.plain.hasPrefix("oss://media-prod/"))
        }
    }
}

@Suite struct Numbers {
    @Test(
        arguments: [
            (0, "0B", "0 B"), (512, "512B", "512 B"), (1023, "1023B", "1023 B"), (1024, "1.00Ki", "1.00 KiB"),
            (13_421_772_800, "12.5Gi", "12.5 GiB"),
            (1_023_410_176, "976Mi", "976 MiB"), (1_048_051_712, "0.98Gi", "0.98 GiB"), (1_605_286_720_000, "1.46Ti", "1.46 TiB"),
            (234_075_717_632, "218Gi", "218 GiB"),
        ] as [(Int64, String, String)]) func sizesHaveThreeDigitsAndAUnit(bytes: Int64, short: String, long: String)
    {
        #expect(Formats.shortSize(bytes) == short)
        #expect(Formats.size(bytes) == long)
    }

    @Test func noShortSizeIsWiderThanItsColumn() {
        var bytes: Int64 = 1
        while bytes < Int64.max / 3 {
            for near in [bytes - 1, bytes, bytes + 1] { #expect(Formats.shortSize(near).utf8.count <= 6, "\(near)") }
            bytes = bytes * 3 / 2 + 1
        }
    }

    @Test(
        arguments: [
            (0, 1000, "0.0%"), (621, 1000, "62.1%"), (9999, 10_000, "99.9%"), (1000, 1000, "99.9%"), (2, 3, "66.6%"),
            (999_999_999_999, 1_000_000_000_000, "99.9%"),
            (1, 3_000_000_000_000, "0.0%"),
        ] as [(Int64, Int64, String)]) func percentIsNeverRoundedUp(stored: Int64, size: Int64, text: String)
    {
        #expect(Formats.percent(stored, of: size) == text)
    }

    @Test func percentIsTheFloorOfTheExactQuotient() {
        var random = SystemLike(seed: 7)
        for _ in 0..<10_000 {
            let size = Int64(random.next(1_000_000)) + 1
            let stored = Int64(random.next(Int(size) + 1))
            let tenths = min(999, stored * 1000 / size)
            #expect(Formats.percent(stored, of: size) == "\(tenths / 10).\(tenths % 10)%")
        }
    }

    @Test func strangeNumbersOfAnEngineStopNothing() {
        #expect(Formats.percent(.max, of: 1) == "99.9%" && Formats.percent(-5, of: 10) == "0.0%")
        #expect(Canvas.barCells(.max, sending: .max, of: 3, isDone: false, width: 8).full == 7)
        #expect(Formats.sum([Int64.max, 5]) == .max && Formats.mean(.max, 1e-9) == 0)
        #expect(Formats.duration(.nan) == "0s" && Formats.duration(.infinity) == ">99d")
        #expect(LocalTime(seconds: .max, zone: 50_400).year == 10_000 && LocalTime(seconds: .min, zone: -50_400).year <= 1)
        #expect(Formats.shortSize(.max).utf8.count <= 6)
    }

    @Test func anEmptyFileHasNoPercent() { #expect(Formats.percent(0, of: 0) == nil && Formats.percent(5, of: nil) == nil) }

    @Test(
        arguments: [
            (0, "<1s"), (0.4, "<1s"), (4, "4s"), (312, "5m12s"), (12_000, "3h20m"), (187_200, "2d04h"), (8_640_000, ">99d"), (59.9, "59s"),
            (3599, "59m59s"),
        ] as [(Double, String)]) func durationsNameTwoUnits(seconds: Double, text: String)
    { #expect(Formats.duration(seconds) == text) }

    @Test func aRangeOfNearValuesIsOne() {
        #expect(Formats.range(12_000, 13_800, dash: "–") == "3h20m–3h50m")
        #expect(Formats.range(12_000, 13_000, dash: "–") == "3h20m")
    }

    @Test func countsHaveThousandsSeparators() {
        #expect(Formats.count(12_402) == "12,402" && Formats.count(999) == "999" && Formats.count(1_000_000) == "1,000,000")
    }

    @Test func barsAreNeverFullBeforeTheEndAndNeverEmptyOnceBegun() {
        for width in [1, 2, 8, 14, 57] {
            for stored in stride(from: Int64(0), through: 1000, by: 1) {
                let (full, light) = Canvas.barCells(stored, sending: min(20, 1000 - stored), of: 1000, isDone: false, width: width)
                #expect(full < width || width == 1 && full <= 1)
                if width > 1, stored > 0 { #expect(full >= 1) }
                #expect(full + light <= width && light >= 0)
            }
            #expect(Canvas.barCells(1000, sending: 0, of: 1000, isDone: true, width: width).full == width)
        }
    }

    @Test(arguments: [
        ("200M", "209715200"), ("1.5G", "1610612736"), ("800Mbit", "100000000"), ("16Mbit", "2000000"), ("50MiB", "52428800"),
        ("50MB", "50000000"),
        ("50MiB/s", "52428800"), ("none", "none"), ("0", "0"), ("+10%", "110000"), ("-10%", "90000"), ("123456", "123456"),
    ]) func ratesAreUnderstood(typed: String, sent: String) {
        #expect(RateText.read(typed, current: 100_000) == .success(sent))
    }

    @Test(arguments: ["20 Mb", "20Mb", "fast", "", "1.2.3M", "-5M", "10X", "9999999T", "12", "999999999999999Tb"]) func otherRatesAreRefusedInWords(
        typed: String
    ) {
        guard case .failure(let problem) = RateText.read(typed, current: 100_000) else {
            Issue.record("\(typed) was taken")
            return
        }
        #expect(problem.text.utf8.count > 10)
    }

    @Test func anAmbiguousRateIsRefusedWithBothReadings() {
        #expect(
            RateText.read("20 Mb", current: nil)
                == .failure(RateText.Problem(text: "? did you mean 20Mbit (2.38 MiB/s) or 20M (20.0 MiB/s)?")))
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-23T06:03:22Z", 1_795_413_802_000), ("2024-02-29T23:59:59.250Z", 1_709_251_199_250),
            ("2000-03-01T00:00:00Z", 951_868_800_000),
        ] as [(String, Int64)]) func timesAreReadAndWritten(text: String, milliseconds: Int64)
    {
        #expect(LocalTime.milliseconds(text) == milliseconds)
        let back = LocalTime(seconds: milliseconds / 1000, zone: 0)
        #expect(text.hasPrefix("\(back.date)T\(back.clock)"))
    }

    @Test(arguments: ["", "2026-11-23", "2026-13-01T00:00:00Z", "2026-11-23T06:03:22+08:00", "garbage-in-a-row-of-20Z"])
    func otherTimesAreRefused(text: String) {
        #expect(LocalTime.milliseconds(text) == nil)
    }
}
