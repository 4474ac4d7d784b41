import Credentials
import Testing

@Suite struct PlainTextTests {
    @Test(arguments: ["a\u{1B}[31mb", "a\u{202E}b", "a\u{2028}b", "a\r\nb", "a\u{85}b", "a\u{2066}b"])
    func nothingThatMovesACursorOrTurnsTheLineIsLeft(text: String) {
        let line = PlainText.line(text)

        #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && !$0.properties.isBidiControl && ![0x85, 0x2028].contains($0.value) })
        #expect(line.hasPrefix("a") && line.hasSuffix("b"))
    }

    @Test func aServersFullStopDoesNotMeetOurs() {
        #expect(PlainText.clause("Denied. . ") == "Denied")
        #expect(PlainText.line(String(repeating: "x", count: 400), limit: 300).count == 300)
    }
}
