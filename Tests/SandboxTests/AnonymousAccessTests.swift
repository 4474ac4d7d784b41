import OSSProtocol
import Testing

@testable import Sandbox

@Suite struct AnonymousAccessTests {
    /// Without a signature: the error code, `nil` for success.
    private func code(_ caller: Caller, _ method: String, _ key: String?, _ query: [QueryItem] = []) async throws -> String? {
        let answer = try await caller.deliver(caller.address.request(method: method, key: key.map { ObjectKey($0) }, query: query))
        return answer.status < 300 ? nil : OSSError(response: answer).code
    }

    private func setACL(_ caller: Caller, bucket acl: String) async throws {
        #expect(try await caller.code("PUT", nil, [QueryItem("acl")], headers: ["x-oss-acl": acl]) == nil)
    }

    private static let writes: [(String, [QueryItem])] = [
        ("PUT", []), ("DELETE", []), ("POST", [QueryItem("uploads")]), ("POST", [QueryItem("append"), QueryItem("position", "0")]),
    ]

    @Test func aPrivateBucketIsClosed() async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "k")

        let answer = try await caller.deliver(caller.address.request(method: "GET", key: ObjectKey("k")))

        #expect(answer.status == 403 && OSSError(response: answer).code == "AccessDenied")
        #expect(answer.headers["x-oss-ec"] == "0003-00001201")
        #expect(try await code(caller, "GET", "absent") == "AccessDenied")
        for (method, query) in Self.writes { #expect(try await code(caller, method, "new", query) == "AccessDenied") }
    }

    @Test func aPublicBucketIsReadByEverybodyAndListedByNobody() async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "k", body: [1])
        try await setACL(caller, bucket: "public-read")

        #expect(try await code(caller, "GET", "k") == nil)
        #expect(try await code(caller, "HEAD", "k") == nil)
        #expect(try await code(caller, "HEAD", "k", [QueryItem("objectMeta")]) == nil)
        #expect(try await code(caller, "GET", "absent") == "NoSuchKey")
        for (method, query) in Self.writes { #expect(try await code(caller, method, "new", query) == "AccessDenied") }
        for query in [[], [QueryItem("acl")], [QueryItem("bucketInfo")], [QueryItem("uploads")]] {
            #expect(try await code(caller, "GET", nil, query) == "AccessDenied")
        }
        #expect(try await code(caller, "GET", "k", [QueryItem("acl")]) == "AccessDenied")
        #expect(try await code(caller, "GET", "k", [QueryItem("response-content-type", "text/html")]) == "InvalidRequest")
    }

    @Test func aBucketOpenForWritingIsWrittenByEverybody() async throws {
        let caller = try Caller()
        try await setACL(caller, bucket: "public-read-write")

        for (method, query) in Self.writes { #expect(try await code(caller, method, "new", query) == nil) }
        #expect(try await code(caller, "DELETE", nil) == "AccessDenied")
        #expect(try await code(caller, "PUT", nil, [QueryItem("acl")]) == "AccessDenied")
    }

    @Test(arguments: [
        ("private", "public-read", true, false), ("private", "public-read-write", true, true), ("public-read", "private", false, false),
        ("public-read-write", "private", false, false), ("public-read", "default", true, false), ("private", "default", false, false),
    ]) func theObjectsOwnACLDecides(bucket: String, object: String, reads: Bool, writes: Bool) async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "k", body: [1])
        try await setACL(caller, bucket: bucket)
        #expect(try await caller.code("PUT", "k", [QueryItem("acl")], headers: ["x-oss-object-acl": object]) == nil)

        #expect((try await code(caller, "GET", "k") == nil) == reads)
        #expect((try await code(caller, "PUT", "k") == nil) == writes)
    }

    @Test(arguments: [10, 100_000]) func anACLChangesNothingElseOfAnObjectAndOutlivesARestart(size: Int) async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "k", headers: ["x-oss-meta-a": "1"], body: content(size))
        let before = try caller.parts.store.object(ObjectKey("k"), in: caller.settings.bucket)

        _ = try await caller.send("PUT", "k", [QueryItem("acl")], headers: ["x-oss-object-acl": "public-read"])

        let (after, reader) = try caller.reopened.read(ObjectKey("k"), in: caller.settings.bucket)
        #expect(after.attributes.acl == "public-read" && after.attributes.meta == ["a": "1"])
        #expect(after.etag == before.etag && after.modified == before.modified && after.crc64 == before.crc64)
        #expect(try reader.sha256() == Digests.sha256(content(size)))
        let shown = try XMLReader.parse(try await caller.send("GET", "k", [QueryItem("acl")]).body)
        #expect(shown.child("AccessControlList")?["Grant"] == "public-read")
        #expect(try await caller.send("GET", "k").body == content(size))
    }

    @Test func aWrongACLIsRefused() async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "k")

        for headers in [[:], ["x-oss-acl": "default"], ["x-oss-acl": "open"]] as [HTTPHeaders] {
            #expect(try await caller.code("PUT", nil, [QueryItem("acl")], headers: headers) == "InvalidArgument")
        }
        #expect(try await caller.code("PUT", "k", [QueryItem("acl")], headers: ["x-oss-object-acl": "open"]) == "InvalidArgument")
        #expect(try await caller.code("PUT", "absent", [QueryItem("acl")], headers: ["x-oss-object-acl": "private"]) == "NoSuchKey")
    }
}
