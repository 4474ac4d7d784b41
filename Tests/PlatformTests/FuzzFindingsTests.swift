import Testing

@testable import Platform

/// What `scripts/fuzz` found in what comes off the engine's socket.
@Suite struct FuzzFindingsTests {
    @Test func howLongAHeadMayBeDoesNotDependOnTheCuts() throws {
        // 40 KiB of head, allowed; read byte by byte it was counted twice.
        let bytes = Array("HTTP/1.1 200 OK\r\nX-A: \(String(repeating: "b", count: 40 << 10))\r\nContent-Length: 0\r\n\r\n".utf8)
        var parser = AnswerParser()

        for byte in bytes { _ = try parser.feed([byte]) }

        #expect(parser.isComplete && parser.status == 200)
    }

    @Test(arguments: 1...40) func theIdOfAnEventThatIsLeftOutIsNeverTakenInHalf(cut: Int) {
        let stream = Array("data: xxxxxxxx\nid: 12345678901234567890\n\ndata: y\n\n".utf8)
        var parser = EventStreamParser(largest: 24)

        let events = parser.feed(Array(stream[..<cut])) + parser.feed(Array(stream[cut...]))

        #expect(events == [ServerEvent(id: nil, event: "message", data: Array("y".utf8))])
    }

    @Test func aCarriageReturnWithinAnEventThatIsLeftOutDoesNotEndIt() {
        var parser = EventStreamParser(largest: 16)

        let events = parser.feed(Array("data: xxxxxxxxxxxxxxxxxxxx\n\rz\ndata: rest\n\ndata: y\n\n".utf8))

        #expect(events.map { String(decoding: $0.data, as: UTF8.self) } == ["y"])
    }
}
