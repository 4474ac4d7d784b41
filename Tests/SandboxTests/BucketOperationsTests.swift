import OSSProtocol
import Testing

@testable import Sandbox

@Suite struct BucketOperationsTests {
    @Test(arguments: 1...5) func listingsFoldAndPage(limit: Int) async throws {
        let caller = try Caller()
        for key in ["a/1", "a/2", "b/1", "c", "d e/+"] { _ = try await caller.send("PUT", key) }
        var (seen, continuation): ([String], String?) = ([], nil)

        repeat {
            var query = [
                QueryItem("list-type", "2"), QueryItem("delimiter", "/"), QueryItem("max-keys", String(limit)),
                QueryItem("encoding-type", "url"),
            ]
            if let continuation { query.append(QueryItem("continuation-token", continuation)) }
            let page = try OSSReply.listObjects(try await caller.send("GET", nil, query))
            seen += (page.entries.map(\.key) + page.prefixes).map(\.description)
            continuation = page.continuation
        } while continuation != nil

        #expect(seen.sorted() == ["a/", "b/", "c", "d e/"])
    }

    @Test func aListingBeginsAfterAKeyAndWithinAPrefix() async throws {
        let caller = try Caller()
        for key in ["p/a", "p/b", "p/c", "q"] { _ = try await caller.send("PUT", key) }
        let query = [QueryItem("list-type", "2"), QueryItem("prefix", "p/"), QueryItem("start-after", "p/a")]

        #expect(try OSSReply.listObjects(try await caller.send("GET", nil, query)).entries.map(\.key.description) == ["p/b", "p/c"])
    }

    @Test(arguments: [("max-keys", "0"), ("max-keys", "1001"), ("continuation-token", "?")]) func aWrongPageIsRefused(
        name: String, value: String
    ) async throws {
        #expect(try await Caller().code("GET", nil, [QueryItem("list-type", "2"), QueryItem(name, value)]) == "InvalidArgument")
    }

    @Test func aBucketIsMadeFilledEmptiedAndRemoved() async throws {
        let caller = try Caller()
        let other = BucketAddress(
            endpoint: caller.address.endpoint, addressing: .path, region: caller.settings.region, bucket: "other-bucket")
        func send(_ method: String, _ key: String? = nil) async throws -> Int {
            let key = key.map { ObjectKey($0) }
            let signed = V4Signer(region: caller.settings.region).sign(
                other.request(method: method, key: key), resource: other.resource(key), credentials: caller.credentials, now: caller.now)
            return try await caller.deliver(signed).status
        }

        #expect(try await send("PUT", "k") == 404)
        #expect(try await send("PUT") == 200)
        #expect(try await send("PUT", "k") == 200)
        #expect(try await send("DELETE") == 409)
        #expect(try await send("DELETE", "k") == 204)
        #expect(try await send("DELETE") == 204)
        #expect(try caller.reopened.bucketNames == [caller.settings.bucket])
    }

    @Test(
        arguments: [
            ("127.0.0.1:9000", "/b/a%2Fb/%2e%2E//c", "b", "a/b/..//c"), ("b.localhost:9000", "/k%20+", "b", "k +"),
            ("localhost", "/b", "b", nil),
            ("localhost", "/b/", "b", nil), ("[::1]:9000", "/", nil, nil), ("oss-b.oss-cn-hangzhou.aliyuncs.com", "/k", "oss-b", "k"),
            ("cn-hangzhou.oss.aliyuncs.com", "/", nil, nil), ("b.cn-hangzhou.oss.aliyuncs.com", "/k", "b", "k"),
            ("oss-cn-hangzhou.aliyuncs.com", "/", nil, nil), ("files.example.com", "/k", "from-table", "k"),
            ("B.LOCALHOST", "/k", "b", "k"),
        ] as [(String, String, String?, String?)]) func bucketAndKeyAreFoundInHostAndPath(
            host: String, path: String, bucket: String?, key: String?
        ) throws
    {
        let address = try ServiceAddress.find(host: host, path: path, hosts: ["files.example.com": "from-table"])

        #expect(address == ServiceAddress(bucket: bucket, key: key.map { ObjectKey($0) }))
    }

    @Test(arguments: [
        ("unknown.example.com", "/k", "NonStandardHostForbidden"), ("oss-cn-hangzhou.aliyuncs.com", "/b/k", "SecondLevelDomainForbidden"),
        ("localhost", "/b/%zz", "InvalidURI"),
    ]) func anAddressThatOSSRefusesIsRefused(host: String, path: String, code: String) {
        let failure = #expect(throws: OSSFailure.self) { try ServiceAddress.find(host: host, path: path, hosts: [:]) }

        #expect(failure?.code == code)
    }
}
