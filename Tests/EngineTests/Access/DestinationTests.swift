import Credentials
import OSSProtocol
import Testing

@testable import Engine

@Suite struct DestinationTests {
    @Test(arguments: [
        ("oss://media/2026/a.mov", Destination.bucket("media", name: "2026/a.mov")),
        ("oss://media/2026/", .bucket("media", name: "2026/")),
        ("oss://media", .bucket("media", name: "")),
        ("oss://media/", .bucket("media", name: "")),
        ("ingest:2026/a b+%.mov", .remote("ingest", name: "2026/a b+%.mov")),
        ("ingest:", .remote("ingest", name: "")),
        ("ingest:a:b", .remote("ingest", name: "a:b")),
    ]) func destinationsAreRead(_ text: String, _ destination: Destination) throws {
        #expect(try Destination(text, remotes: ["ingest"]) == destination)
    }

    @Test(arguments: ["no\u{1B}[31msuch:k", "no\u{1B}[31msuch"]) func aTextThatMovesACursorIsNotRepeated(_ text: String) {
        let error = #expect(throws: OrderError.self) { try Destination(text, remotes: []) }

        #expect(error?.message.utf8.contains(0x1B) == false)
    }

    @Test(arguments: [
        ("2026/a.mov", "ingest:"), ("other:x", "ingest:"), ("oss://", "bucket"), ("oss:///x", "bucket"), ("oss://UPPER/x", "bucket"),
        ("oss://media//x", "cannot begin"), ("ingest:/x", "cannot begin"), ("ingest:\\x", "cannot begin"),
        ("oss://media/" + String(repeating: "k", count: 1024), "1023"),
    ]) func otherTextsSayWhatIsAccepted(_ text: String, _ word: String) {
        let error = #expect(throws: OrderError.self) { try Destination(text, remotes: ["ingest"]) }

        #expect(error?.exit == 2)
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        ("uploads/camera-7/", "incoming/", "uploads/camera-7/incoming/"),
        ("uploads/camera-7/", "uploads/camera-7/incoming/", "uploads/camera-7/incoming/"),
        ("uploads/camera-7", "uploads/camera-70/", "uploads/camera-7/uploads/camera-70/"),
        ("", "incoming", "incoming/"), ("uploads/", "", "uploads/"), ("", "", ""),
        // Composed and decomposed é are different bytes, so this is no repetition.
        ("\u{e9}/", "e\u{301}/", "\u{e9}/e\u{301}/"),
    ]) func theRemotesPrefixLiesUnderTheGrantedOneOnce(_ granted: String, _ remote: String, _ joined: String) {
        #expect(Array(Prefixes.under(granted: granted, remote: remote).utf8) == Array(joined.utf8))
    }

    @Test(
        arguments: [
            ("https://oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"), ("oss-cn-hangzhou-internal.aliyuncs.com", "cn-hangzhou"),
            ("http://oss-ap-southeast-1.aliyuncs.com:80", "ap-southeast-1"), ("https://oss-accelerate.aliyuncs.com", nil),
            ("http://127.0.0.1:9000", nil), ("https://example.com", nil),
        ] as [(String, String?)]) func theRegionIsToldFromTheEndpointWhereItCanBe(_ endpoint: String, _ region: String?)
    {
        #expect(Endpoint.region(of: endpoint) == region)
    }
}
