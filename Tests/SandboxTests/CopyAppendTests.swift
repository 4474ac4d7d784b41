import OSSProtocol
import Testing

@testable import Sandbox

@Suite struct CopyAppendTests {
    private func append(_ caller: Caller, _ key: String, at position: Int, _ body: [UInt8], headers: HTTPHeaders = [:]) async throws
        -> HTTPResponse
    {
        try await caller.send(
            "POST", key, [QueryItem("append"), QueryItem("position", String(position))], headers: headers, body: body)
    }

    // MARK: Append

    @Test func appendedBytesFollowEachOtherAlsoAfterARestart() async throws {
        let caller = try Caller()
        let all = content(150_000)
        var position = 0
        for end in [10, 10, 100_000, 150_000] {
            let answer = try await append(caller, "log", at: position, Array(all[position..<end]), headers: ["x-oss-meta-a": "\(end)"])
            #expect(answer.status == 200 && answer.headers["x-oss-next-append-position"] == String(end))
            #expect(answer.headers["x-oss-hash-crc64ecma"] == crc64(Array(all[..<end])))
            position = end
        }

        let head = try await caller.send("HEAD", "log")
        #expect(head.headers["x-oss-object-type"] == "Appendable" && head.headers["x-oss-next-append-position"] == "150000")
        #expect(head.headers["x-oss-meta-a"] == "10" && head.headers["Content-MD5"] == nil)
        #expect(try await caller.send("GET", "log").body == all)
        #expect(try await caller.send("GET", "log", headers: ["Range": "bytes=5-100005"]).body == Array(all[5...100_005]))
        let (object, reader) = try caller.reopened.read(ObjectKey("log"), in: caller.settings.bucket)
        #expect(try reader.sha256() == Digests.sha256(all))
        #expect(object.kind == .appendable && "\"\(object.etag)\"" == head.headers["ETag"])
    }

    @Test func aWrongPositionIsToldTheRightOne() async throws {
        let caller = try Caller()
        _ = try await append(caller, "log", at: 0, content(7))

        for (key, position, right) in [("log", 0, "7"), ("log", 8, "7"), ("new", 1, "0")] {
            let answer = try await append(caller, key, at: position, [1])
            #expect(answer.status == 409 && OSSError(response: answer).code == "PositionNotEqualToLength")
            #expect(answer.headers["x-oss-next-append-position"] == right)
        }
        _ = try await caller.send("PUT", "normal")
        #expect(OSSError(response: try await append(caller, "normal", at: 0, [1])).code == "ObjectNotAppendable")
        #expect(try await caller.code("POST", "log", [QueryItem("append")]) == "InvalidArgument")
    }

    @Test func theFilesOfAnAppendableObjectGoWithIt() async throws {
        let caller = try Caller()
        let folder = "\(caller.folder)/buckets/\(caller.settings.bucket)/content"
        for key in ["a", "b"] {
            _ = try await append(caller, key, at: 0, content(10))
            _ = try await append(caller, key, at: 10, content(10))
        }
        #expect(try StoreFiles.list(folder).count == 4)
        let reader = try caller.parts.store.read(ObjectKey("a"), in: caller.settings.bucket).1

        _ = try await caller.send("DELETE", "a")
        _ = try await caller.send("PUT", "b", body: [1])

        // A reader that began before goes on to the end.
        #expect(try reader.sha256() == Digests.sha256(content(10) + content(10)))
        #expect(try StoreFiles.list(folder).count <= 2)
        _ = try caller.reopened
        #expect(try StoreFiles.list(folder).isEmpty)
    }

    @Test func aShorterReaderKeepsItsFilesWhenALongerObjectDies() async throws {
        let caller = try Caller()
        _ = try await append(caller, "log", at: 0, content(10))
        let reader = try caller.parts.store.read(ObjectKey("log"), in: caller.settings.bucket).1
        _ = try await append(caller, "log", at: 10, content(10))

        _ = try await caller.send("DELETE", "log")

        #expect(try reader.sha256() == Digests.sha256(content(10)))
    }

    @Test func anACLOfAnAppendableObjectKeepsItAppendable() async throws {
        let caller = try Caller()
        _ = try await append(caller, "log", at: 0, content(10))

        _ = try await caller.send("PUT", "log", [QueryItem("acl")], headers: ["x-oss-object-acl": "private"])

        #expect(try await append(caller, "log", at: 10, content(10)).status == 200)
        let reader = try caller.reopened.read(ObjectKey("log"), in: caller.settings.bucket).1
        #expect(try reader.sha256() == Digests.sha256(content(10) + content(10)))
    }

    @Test func aChangedACLOfACompletedUploadKeepsItsParts() async throws {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        let etag = try await caller.upload("k", id, 1, content(9))
        _ = try await caller.complete("k", id, [(1, etag)])

        _ = try await caller.send("PUT", "k", [QueryItem("acl")], headers: ["x-oss-object-acl": "public-read"])

        let (object, reader) = try caller.reopened.read(ObjectKey("k"), in: caller.settings.bucket)
        #expect(try reader.sha256() == Digests.sha256(content(9)) && object.attributes.acl == "public-read")
    }

    // MARK: Copy

    @Test(arguments: [0, 10, 100_000]) func aCopyHasBytesAndAttributesOfItsSource(size: Int) async throws {
        let caller = try Caller()
        _ = try await caller.send(
            "PUT", "src é+", headers: ["Content-Type": "a/b", "x-oss-meta-a": "1", "x-oss-tagging": "t=u"], body: content(size))

        let answer = try await caller.send("PUT", "dst", headers: ["x-oss-copy-source": "/sandbox-bucket/src%20%C3%A9%2B"])

        let result = try XMLReader.parse(answer.body)
        let head = try await caller.send("HEAD", "dst")
        #expect(result.name == "CopyObjectResult" && result["ETag"] == head.headers["ETag"] && result["LastModified"] != nil)
        #expect(head.headers["Content-Type"] == "a/b" && head.headers["x-oss-meta-a"] == "1" && head.headers["x-oss-tagging-count"] == "1")
        #expect(try await caller.send("GET", "dst").body == content(size))
    }

    @Test func aCopyMayTakeOtherAttributes() async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "k", headers: ["Content-Type": "a/b", "x-oss-meta-a": "1", "x-oss-tagging": "t=u"], body: [1, 2])

        _ = try await caller.send(
            "PUT", "k",
            headers: [
                "x-oss-copy-source": "/sandbox-bucket/k", "x-oss-metadata-directive": "REPLACE", "x-oss-tagging-directive": "Replace",
                "Content-Type": "c/d", "x-oss-meta-b": "2", "x-oss-storage-class": "IA",
            ])

        let head = try await caller.send("HEAD", "k")
        #expect(head.headers["Content-Type"] == "c/d" && head.headers["x-oss-meta-b"] == "2" && head.headers["x-oss-meta-a"] == nil)
        #expect(head.headers["x-oss-tagging-count"] == nil && head.headers["x-oss-storage-class"] == "IA")
        #expect(try await caller.send("GET", "k").body == [1, 2])
    }

    @Test func aCopyIsRefusedForWhatIsWrongWithItsSource() async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "k", body: [1])
        let etag = try #require(try await caller.send("HEAD", "k").headers["ETag"])
        let source = "/sandbox-bucket/k"

        for (headers, code) in [
            (["x-oss-copy-source": "sandbox-bucket/k"], "InvalidArgument"), (["x-oss-copy-source": "/sandbox-bucket"], "InvalidArgument"),
            (["x-oss-copy-source": "/sandbox-bucket/absent"], "NoSuchKey"), (["x-oss-copy-source": "/absent-bucket/k"], "NoSuchBucket"),
            (["x-oss-copy-source": source, "x-oss-copy-source-if-match": "x"], "PreconditionFailed"),
            (["x-oss-copy-source": source, "x-oss-metadata-directive": "KEEP"], "InvalidArgument"),
            (["x-oss-copy-source": source, "x-oss-forbid-overwrite": "true"], "FileAlreadyExists"),
        ] as [(HTTPHeaders, String)] {
            #expect(try await caller.code("PUT", "k", headers: headers) == code)
        }
        let unchanged = try await caller.send("PUT", "d", headers: ["x-oss-copy-source": source, "x-oss-copy-source-if-none-match": etag])
        #expect(unchanged.status == 304)
    }

    @Test func partsMayBeCopiedInRanges() async throws {
        let caller = try Caller()
        let data = content(250_000)
        _ = try await caller.send("PUT", "src", body: data)
        let id = try await caller.initiate("dst")
        var parts: [(Int, String)] = []
        for (number, range) in ["bytes=0-149999", "bytes=150000-249999"].enumerated() {
            let answer = try await caller.send(
                "PUT", "dst", [QueryItem("partNumber", String(number + 1)), QueryItem("uploadId", id)],
                headers: ["x-oss-copy-source": "/sandbox-bucket/src", "x-oss-copy-source-range": range])
            let result = try XMLReader.parse(answer.body)
            #expect(result.name == "CopyPartResult")
            parts.append((number + 1, try #require(result["ETag"])))
        }

        #expect(try await caller.complete("dst", id, parts).headers["x-oss-hash-crc64ecma"] == crc64(data))

        #expect(try await caller.send("GET", "dst").body == data)
        let wrong = try await caller.initiate("dst")
        #expect(
            try await caller.code(
                "PUT", "dst", [QueryItem("partNumber", "1"), QueryItem("uploadId", wrong)],
                headers: ["x-oss-copy-source": "/sandbox-bucket/src", "x-oss-copy-source-range": "bytes=250000-"]) == "InvalidArgument")
    }

    // MARK: Deleting many, and what a bucket says of itself

    private func delete(_ caller: Caller, _ keys: [String], quiet: Bool = false, md5: String? = nil, as who: Credentials? = nil)
        async throws
        -> HTTPResponse
    {
        var writer = XMLWriter()
        writer.element("Delete") { root in
            root.element("Quiet", quiet ? "true" : "false")
            for key in keys { root.element("Object") { $0.element("Key", key) } }
        }
        return try await caller.send(
            "POST", nil, [QueryItem("delete"), QueryItem("encoding-type", "url")],
            headers: ["Content-MD5": md5 ?? Base64.encode(Digests.md5(writer.bytes))], body: writer.bytes, as: who)
    }

    @Test func manyObjectsAreDeletedAtOnce() async throws {
        let caller = try Caller()
        for key in ["a", " b ", "c"] { _ = try await caller.send("PUT", key) }

        let answer = try await delete(caller, ["a", " b ", "absent"])

        let result = try XMLReader.parse(answer.body)
        #expect(result.all("Deleted").map { $0["Key"] } == ["a", "%20b%20", "absent"])
        #expect(try await delete(caller, ["x"], quiet: true).body.isEmpty)
        #expect(try await caller.control("GET", "/_sandbox/objects").json["objects"].list.map { $0["key"].text } == ["c"])
        #expect(OSSError(response: try await delete(caller, ["c"], md5: Base64.encode(Digests.md5([])))).code == "InvalidDigest")
        #expect(OSSError(response: try await delete(caller, [])).code == "MalformedXML")
    }

    @Test func eachOfManyKeysMustBeAllowed() async throws {
        let caller = try Caller()
        for key in ["in/a", "out/b"] { _ = try await caller.send("PUT", key) }
        let token = try await caller.assumeRole(
            policy:
                #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:DeleteObject","Resource":"acs:oss:*:*:sandbox-bucket/in/*"}]}"#
        )

        #expect(OSSError(response: try await delete(caller, ["in/a", "out/b"], as: token)).code == "AccessDenied")
        #expect(try await caller.control("GET", "/_sandbox/objects").json["objects"].list.count == 2)
        #expect(try await delete(caller, ["in/a"], as: token).status == 200)
    }

    @Test func aBucketTellsWhatItHolds() async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "a", body: content(10))
        let id = try await caller.initiate("b")
        _ = try await caller.upload("b", id, 1, content(5))

        let stat = try XMLReader.parse(try await caller.send("GET", nil, [QueryItem("stat")]).body)

        #expect(stat.name == "BucketStat" && stat["Storage"] == "15" && stat["ObjectCount"] == "1" && stat["MultipartUploadCount"] == "1")
        #expect(try await caller.send("HEAD", nil).status == 200)
    }
}
