import HummingbirdCore
import NIOCore
import OSSProtocol
import Testing

@testable import Sandbox

@Suite struct ObjectOperationsTests {
    /// Below and above what is kept in the object's own file.
    @Test(arguments: [0, 1, 32 << 10, (32 << 10) + 1, 300_000]) func whatIsPutIsGot(size: Int) async throws {
        let caller = try Caller()
        let bytes = content(size)

        let put = try await caller.send("PUT", "a b/é", headers: ["Content-Type": "video/mp4", "x-oss-meta-Camera": "7"], body: bytes)
        let got = try await caller.send("GET", "a b/é")
        let head = try await caller.send("HEAD", "a b/é")

        #expect(put.status == 200 && got.status == 200 && got.body == bytes)
        #expect(put.headers["ETag"] == "\"\(Hex.encode(Digests.md5(bytes)).uppercased())\"")
        #expect(put.headers["x-oss-hash-crc64ecma"] == crc64(bytes))
        #expect(head.headers["Content-Length"] == String(size) && head.body.isEmpty)
        #expect(head.headers["Content-Type"] == "video/mp4" && head.headers["x-oss-meta-camera"] == "7")
        #expect(head.headers["x-oss-object-type"] == "Normal" && head.headers["Content-MD5"] == Base64.encode(Digests.md5(bytes)))
    }

    @Test func anAnswerHasWhatEveryAnswerOfOSSHas() async throws {
        let caller = try Caller()

        let answer = try await caller.send("GET", "absent")

        #expect(answer.status == 404)
        #expect(answer.headers["x-oss-request-id"]?.utf8.count == 24)
        #expect(answer.headers["Date"] == caller.now.httpDate)
        #expect(answer.headers["x-oss-ec"] == "0026-00000001")
        let error = OSSError(response: answer)
        #expect(error.code == "NoSuchKey" && error.fields["Key"] == "absent" && error.requestID == answer.headers["x-oss-request-id"])
    }

    @Test func anErrorOfHeadComesInItsHeader() async throws {
        let caller = try Caller()

        let answer = try await caller.send("HEAD", "absent")

        #expect(answer.body.isEmpty)
        #expect(OSSError(response: answer).code == "NoSuchKey")
    }

    @Test(arguments: [
        ("bytes=0-9", 206, 0..<10), ("bytes=990-", 206, 990..<1000), ("bytes=-5", 206, 995..<1000), ("bytes=995-2000", 206, 995..<1000),
        ("bytes=1000-", 200, 0..<1000), ("bytes=9-1", 200, 0..<1000), ("items=1-2", 200, 0..<1000), ("bytes=-0", 200, 0..<1000),
    ]) func aRangeGivesItsBytes(range: String, status: Int, expected: Range<Int>) async throws {
        let caller = try Caller()
        let bytes = content(1000)
        _ = try await caller.send("PUT", "k", body: bytes)

        let got = try await caller.send("GET", "k", headers: ["Range": range])

        #expect(got.status == status && got.body == Array(bytes[expected]))
        #expect(got.headers["x-oss-hash-crc64ecma"] == crc64(bytes))
        #expect(got.headers["Content-Range"] == (status == 206 ? "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/1000" : nil))
    }

    @Test func aRangeBeyondTheEndIsRefusedWhenAskedStrictly() async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "k", body: [1])

        #expect(try await caller.code("GET", "k", headers: ["Range": "bytes=1-", "x-oss-range-behavior": "standard"]) == "InvalidRange")
    }

    @Test(arguments: [
        ("Content-MD5", "nonsense", "InvalidDigest"), ("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==", "InvalidDigest"),
        ("x-oss-hash-crc64ecma", "1", "InvalidCRC64"), ("x-oss-storage-class", "Cold", "InvalidArgument"),
        ("x-oss-object-acl", "nobody", "InvalidArgument"), ("x-oss-server-side-encryption", "DES", "InvalidEncryptionAlgorithmError"),
        ("If-None-Match", "*", "NotImplemented"), ("x-oss-callback", "e30=", "InvalidArgument"), ("x-oss-tagging", "=v", "InvalidTag"),
        ("x-oss-tagging", "a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9&j=10&k=11", "TooManyTags"), ("x-oss-traffic-limit", "1", "InvalidArgument"),
        ("x-oss-meta-a", String(repeating: "x", count: 8192), "MetadataTooLarge"), ("x-oss-forbid-overwrite", "true", "FileAlreadyExists"),
        ("x-oss-copy-source", "b/k", "InvalidArgument"),
    ]) func aPutWithAWrongHeaderStoresNothing(name: String, value: String, code: String) async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "k", body: Array("first".utf8))

        #expect(try await caller.code("PUT", "k", headers: [name: value], body: Array("second".utf8)) == code)

        #expect(try await caller.send("GET", "k").body == Array("first".utf8))
    }

    @Test func aBodyThatEndsEarlyStoresNothing() async throws {
        let caller = try Caller()
        let torn = IncomingBody(RequestBody(buffer: ByteBuffer(bytes: content(1000))), announced: 1001)
        let key = ObjectKey("k")
        let signed = V4Signer(region: caller.settings.region).sign(
            caller.address.request(method: "PUT", key: key), resource: caller.address.resource(key), credentials: caller.credentials,
            now: caller.now)

        let delivery = await caller.parts.oss.respond(
            to: IncomingRequest(method: "PUT", target: signed.path, host: signed.host, headers: signed.headers), body: torn)

        #expect(delivery.answer == nil)
        #expect(try await caller.code("GET", "k") == "NoSuchKey")
        #expect(try caller.reopened.allObjects().isEmpty)
    }

    @Test func aPutWithoutALengthIsRefusedUnlessChunked() async throws {
        let caller = try Caller()
        func body() -> IncomingBody { IncomingBody(RequestBody(buffer: ByteBuffer(bytes: [1, 2, 3])), announced: nil) }

        #expect(try await caller.send("PUT", "k", sends: body()).status == 411)
        #expect(try await caller.send("PUT", "k", headers: ["Transfer-Encoding": "chunked"], sends: body()).status == 200)
        #expect(try await caller.send("GET", "k").body == [1, 2, 3])
    }

    @Test(arguments: ["/leading", "\\leading", String(repeating: "k", count: 1024)]) func aKeyThatOSSRefusesIsRefused(key: String)
        async throws
    {
        #expect(try await Caller().code("PUT", key) == "InvalidObjectName")
    }

    @Test(arguments: [
        ".", "..", "a/../b", "a//b", "./x", "trailing/", "é", "e\u{301}", String(repeating: "k", count: 1023), "fault", "\u{1}%00",
    ])
    func keysAreBytes(key: String) async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "other", body: [0])

        _ = try await caller.send("PUT", key, body: Array(key.utf8))

        #expect(try await caller.send("GET", key).body == Array(key.utf8))
        #expect(Set(try caller.reopened.allObjects().map(\.object.key)) == [ObjectKey(key), ObjectKey("other")])
    }

    @Test func composedAndDecomposedLettersAreTwoKeys() async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "\u{e9}", body: [1])
        _ = try await caller.send("PUT", "e\u{301}", body: [2])

        #expect(try await caller.send("GET", "\u{e9}").body == [1])
        #expect(try await caller.send("GET", "e\u{301}").body == [2])
    }

    @Test func deletingTwiceIsNoError() async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "k", body: content(100_000))

        #expect(try await caller.send("DELETE", "k").status == 204)
        #expect(try await caller.send("DELETE", "k").status == 204)
        #expect(try await caller.code("GET", "k") == "NoSuchKey")
    }

    @Test(arguments: [100, 100_000]) func aReaderGoesOnWhenTheObjectIsReplaced(size: Int) async throws {
        let caller = try Caller()
        let bytes = content(size)
        _ = try await caller.send("PUT", "k", body: bytes)
        let (object, reader) = try caller.parts.store.read(ObjectKey("k"), in: caller.settings.bucket)

        _ = try await caller.send("PUT", "k", body: content(size, seed: 2))

        #expect(try reader.read(at: 0, end: object.size) == bytes)
    }

    @Test func conditionsOfReadingAreKept() async throws {
        let caller = try Caller()
        let etag = try #require(try await caller.send("PUT", "k", body: [1]).headers["ETag"])

        #expect(try await caller.send("GET", "k", headers: ["If-None-Match": etag]).status == 304)
        #expect(try await caller.send("GET", "k", headers: ["If-Match": "\"0\""]).status == 412)
        #expect(try await caller.send("HEAD", "k", headers: ["If-Match": etag]).status == 200)
        #expect(try await caller.send("HEAD", "k", headers: ["If-Modified-Since": caller.now.httpDate]).status == 304)
    }
}
