import Testing

@testable import Platform
@testable import Wire

@Suite struct AnswerParserTests {
    static let answers: [(String, Int, String)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello", 200, "hello"),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na;x=y\r\n0123456789\r\n0\r\nX-T: t\r\n\r\n", 200,
            "abc0123456789"
        ),
        ("HTTP/1.1 100 Continue\r\nX-I: i\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}", 404, "{}"),
    ]

    @Test(arguments: answers) func anAnswerIsTheSameWhereverItIsCut(text: String, status: Int, body: String) throws {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            var parser = AnswerParser()

            let read = try parser.feed(Array(bytes[..<cut])) + parser.feed(Array(bytes[cut...]))

            #expect(parser.isComplete, "cut at \(cut)")
            #expect(parser.status == status)
            #expect(String(decoding: read, as: UTF8.self) == body)
            #expect(parser.headers["X-I"] == nil)
        }
    }

    @Test func withoutALengthTheEndOfTheConnectionIsTheEnd() throws {
        var parser = AnswerParser()

        let body = try parser.feed(Array("HTTP/1.0 200 OK\r\n\r\nabc".utf8))
        let before = parser.isComplete
        try parser.end()

        #expect(!before && parser.isComplete)
        #expect(body == Array("abc".utf8))
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 20",
    ])
    func anEndWithinTheAnswerIsTruncated(text: String) throws {
        var parser = AnswerParser()
        _ = try parser.feed(Array(text.utf8))

        #expect(throws: AnswerParser.Failure.truncated) { try parser.end() }
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
    ])
    func whatIsNoAnswerIsRefused(text: String) {
        var parser = AnswerParser()

        #expect(throws: AnswerParser.Failure.malformed) { _ = try parser.feed(Array(text.utf8)) }
    }

    @Test func endlessHeadersAreRefused() {
        var parser = AnswerParser()

        #expect(throws: AnswerParser.Failure.headersTooLarge) {
            _ = try parser.feed(Array("HTTP/1.1 200 OK\r\n".utf8))
            for _ in 0..<1000 { _ = try parser.feed(Array("X-Filler: ".utf8) + [UInt8](repeating: 0x78, count: 100)) }
        }
    }
}
