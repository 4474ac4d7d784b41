import Testing

@testable import Contracts

@Suite struct ReceiptReaderTests {
    static let head = ReceiptHead(
        written: "2026-11-30T12:00:00.000Z", job: "j-31", added: "2026-11-30T11:00:00.000Z", dest: "ingest:2026/", remote: "ingest",
        bucket: "media-ingest", region: "cn-hangzhou", endpoint: "https://oss-cn-hangzhou.aliyuncs.com",
        options: ReceiptHead.Options(existing: "skip", storageClass: "IA", acl: nil, contentType: nil, sse: "aes256"), state: "ready",
        counts: ["done": 2, "failed": 1], bytes: 42, gone: 3,
        refused: [JobView.Refused(path: "/d/objects\":[{", reason: "it is a pipe, not a file")], refusedTotal: 1)
    static let objects = [
        ReceiptObject(
            name: "/d/a \"quoted\" ] } name", key: "2026/a", size: 5, state: "done", crc64: "18446744073709551615", etag: "\"E\"",
            versionId: nil, requestId: "65A3", finished: "2026-11-30T11:59:00.000Z"),
        ReceiptObject(name: "/d/文件\\", key: "2026/文件", size: 0, state: "failed", reason: "AccessDenied"),
    ]

    /// As `davit receipt` writes it.
    private static func text(_ head: ReceiptHead = head, _ objects: [ReceiptObject] = objects) throws -> [UInt8] {
        let lines = try objects.map { "\n" + String(decoding: try ContractJSON.encode($0), as: UTF8.self) }
        let start = String(decoding: try ContractJSON.encode(head).dropLast(), as: UTF8.self)
        return Array((start + ",\"objects\":[" + lines.joined(separator: ",") + "\n],\"total\":\(objects.count)}\n").utf8)
    }

    private func read(_ bytes: [UInt8], pieces: Int = .max) throws -> (ReceiptHead, [ReceiptObject]) {
        var reader = ReceiptReader()
        var found: [ReceiptObject] = []
        for start in stride(from: 0, to: bytes.count, by: min(pieces, max(bytes.count, 1))) {
            found += try reader.feed(bytes[start..<min(start + min(pieces, bytes.count), bytes.count)])
        }
        return (try reader.finish(), found)
    }

    @Test(arguments: [1, 2, 7, 64, 100_000]) func aReceiptIsReadWhateverPiecesItComesIn(pieces: Int) throws {
        let (head, objects) = try read(try Self.text(), pieces: pieces)

        #expect(head == Self.head && objects == Self.objects)
    }

    @Test func anotherToolMayHaveLaidItOutAnew() throws {
        // As jq -S prints it: the objects stand in the middle, every value on a line of its own.
        let compact = String(decoding: try Self.text(), as: UTF8.self)
        var reader = ReceiptReader()
        let spread = compact.replacing(",\"region\"", with: " ,\n  \"region\"").replacing("\"objects\":[", with: "\"objects\" : [ ")

        let objects = try reader.feed(Array(spread.utf8))

        #expect(try reader.finish() == Self.head && objects.count == 2)
    }

    @Test func theHeadIsKnownBeforeTheObjectsWhereItStandsInFront() throws {
        let bytes = try Self.text()
        let cut = try #require(String(decoding: bytes, as: UTF8.self).firstRange(of: "\"objects\":["))
        let length = String(decoding: bytes, as: UTF8.self)[..<cut.upperBound].utf8.count
        var reader = ReceiptReader()

        _ = try reader.feed(bytes[..<(length - 1)])
        #expect(reader.headSoFar == nil)
        _ = try reader.feed(bytes[(length - 1)..<length])
        #expect(reader.headSoFar == Self.head)
    }

    static let broken: [(text: String, why: String)] = [
        ("", "ends before its end"), ("{", "ends before its end"), ("[1]", "no JSON"), ("{}", "no receipt"), ("hello", "no JSON"),
        (#"{"objects":[]}"#, "lacks"), (#"{"objects":[{"key":"a"}]}"#, "lacks name"), (#"{"objects":[5]}"#, "no JSON"),
        (#"{"schema":2,"objects":[]}"#, "schema 2"), (#"{"objects":[],"objects":[]}"#, "twice"), (#"{"objects":[]}}"#, "no JSON"),
    ]

    @Test(arguments: broken) func whatIsNoReceiptIsNamed(text: String, why: String) {
        let error = #expect(throws: ReceiptReader.Problem.self) { try read(Array(text.utf8)) }

        #expect(error?.message.contains(why) == true, "\(String(describing: error))")
    }

    @Test func aValueWithoutAnEndDoesNotFillTheMemory() {
        var reader = ReceiptReader()
        let error = #expect(throws: ReceiptReader.Problem.self) {
            _ = try reader.feed(Array("{\"objects\":[{\"name\":\"".utf8))
            while true { _ = try reader.feed([UInt8](repeating: 0x61, count: 1 << 20)) }
        }

        if case .tooLarge? = error {} else { Issue.record("\(String(describing: error))") }
    }
}
