import Testing

@testable import Platform

@Suite struct PathTextTests {
    static let names: [[UInt8]] = [
        Array("plain".utf8), Array("\u{fc}ber/\u{1F600}".utf8), [0x62, 0xFF, 0x61], [0xC3], [0xE2, 0x82], Array("\u{10FFFF}x\u{10FF80}".utf8),
        [0xF4, 0x8F, 0xBE], [0xED, 0xA0, 0x80], [0xC0, 0xAF],
    ]

    @Test(arguments: names) func everyNameComesBackFromItsText(name: [UInt8]) {
        let text = PathText.text(name)

        #expect(PathText.bytes(text) ?? Array(text.utf8) == name)
        #expect(PathText.withPath(text) { String(cString: $0) }.utf8.count > 0)
    }

    @Test func noTwoNamesHaveOneText() {
        #expect(Set(Self.names.map(PathText.text)).count == Self.names.count)
    }

    @Test func bytesThatAreNoTextAreWrittenOut() {
        #expect(PathText.shown(PathText.text([0x61, 0xFF, 0xC3])) == "a\\xFF\\xC3")
        #expect(PathText.percent([0x61, 0xFF, 0xC3, 0xBC]) == "a%FF\u{fc}")
        #expect(PathText.shown(PathText.text(Array("\u{10FFFF}".utf8))) == "\u{10FFFF}")
    }
}
