import OSSProtocol
import Testing

@Suite struct DurationTextTests {
    @Test(arguments: [
        ("24h", 86_400_000), ("90d", 7_776_000_000), ("1h30m", 5_400_000), ("45s", 45_000), ("2w", 1_209_600_000), ("0s", 0),
    ])
    func aTimeIsReadTheSameInBothStyles(text: String, milliseconds: Int) {
        #expect(DurationText.parse(text) == .milliseconds(milliseconds))
        #expect(DurationText.parse(text, .typed) == .milliseconds(milliseconds))
    }

    @Test(arguments: [("90", 90_000), ("1.5h", 5_400_000), ("0.25s", 250), ("0.0009s", 0), ("2.5", 2_500), ("1.5h30s", 5_430_000), ("3.d", 259_200_000)])
    func whatIsTypedMayBeShorter(text: String, milliseconds: Int) {
        #expect(DurationText.parse(text, .typed) == .milliseconds(milliseconds))
        #expect(DurationText.parse(text) == nil)
    }

    @Test(arguments: [
        "", "h", "-5s", "5 m", "99999999999999999999s", "5x", "1h5", ".5h", "1..5h", "1.2.3s", "101000d", "9223372036854775807w", "٣s", "1H", "5µs",
    ])
    func otherTextsAreNone(text: String) {
        #expect(DurationText.parse(text) == nil)
        #expect(DurationText.parse(text, .typed) == nil)
    }
}
