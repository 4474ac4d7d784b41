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
}
