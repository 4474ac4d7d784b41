import OSSProtocol
import Testing

@Suite struct XMLTests {
    @Test(arguments: [
        "", " ", "<a>", "<a></b>", "<a", "<a b></a>", "<a b=c></a>", "<a/><b/>", "<a>&unknown;</a>", "<a>&#xD800;</a>",
        "<a>&#99999999;</a>",
        "<a>&amp</a>", "text", "<a><![CDATA[x</a>", "<a><!-- x</a>", "<a/>x", "< a/>", "<a>&#-5;</a>",
    ]) func brokenTextIsRefused(text: String) {
        #expect(throws: XMLError.self) { try XMLReader.parse(Array(text.utf8)) }
    }

    @Test(arguments: [
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "<?xml version=\"1.0\"?><!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        "<a><!DOCTYPE b></a>",
    ]) func documentTypesAreRefused(text: String) {
        #expect(throws: XMLError.documentType) { try XMLReader.parse(Array(text.utf8)) }
    }

    @Test func depthElementsAndBytesAreBounded() {
        let deep = String(repeating: "<a>", count: 100_000)
        let wide = "<r>" + String(repeating: "<a/>", count: 60_001) + "</r>"
        let long = "<r>" + String(repeating: "x", count: 4 << 20) + "</r>"

        #expect(throws: XMLError.tooDeep) { try XMLReader.parse(Array(deep.utf8)) }
        #expect(throws: XMLError.tooManyElements) { try XMLReader.parse(Array(wide.utf8)) }
        #expect(throws: XMLError.tooLarge(bytes: long.utf8.count)) { try XMLReader.parse(Array(long.utf8)) }
        #expect(throws: XMLError.notUTF8) { try XMLReader.parse([0x3C, 0x61, 0x3E, 0xFF, 0x3C, 0x2F, 0x61, 0x3E]) }
    }

    @Test func everythingLegalIsRead() throws {
        let text =
            "\u{FEFF}<?xml version='1.0'?><!-- > --><o:r xmlns:o='u' a=\"<>\"> x<![CDATA[<&]]>&lt;&#x4f60;&#20320;<!-- - --><?p ?> <b/><c d='1' />y </o:r > "

        let root = try XMLReader.parse(Array(text.utf8))

        #expect(root.name == "r")
        #expect(root.text == " x<&<你你 y ")
        #expect(root.trimmed == "x<&<你你 y")
        #expect(root.children.map(\.name) == ["b", "c"])
    }

    @Test func whatIsWrittenIsReadBack() throws {
        let odd = "a<b>&\"'\t\r\n\u{1} é e\u{301} 🚀]]>"
        var writer = XMLWriter()
        writer.element("Root") { writer in
            writer.element("Key", odd)
            writer.element("Empty", "")
        }

        let root = try XMLReader.parse(writer.bytes)

        #expect(root.child("Key").map { Array($0.text.utf8) } == Array(odd.utf8))
        #expect(root["Empty"] == "")
    }

    @Test(arguments: 0..<400) func noCutAndNoFlippedByteBringsTheReaderDown(place: Int) {
        let whole = Array("<?xml version=\"1.0\"?><E a='b'><C>x&amp;&#65;</C><!-- c --><D><![CDATA[y]]></D></E>".utf8)
        var flipped = whole
        flipped[place % whole.count] ^= UInt8(1 << (place / whole.count))

        _ = try? XMLReader.parse(flipped)

        let cut = Array(whole.prefix(place % whole.count))
        #expect(throws: XMLError.self) { try XMLReader.parse(cut) }
    }
}
