import OSSProtocol
import Testing

@testable import Sandbox

@Suite struct MultipartTests {
    private static let smallest = 102_400

    @Test func theWholeIsThePartsInOrderWithTheirCombinedCRC() async throws {
        let caller = try Caller()
        let pieces = [content(Self.smallest, seed: 1), content(Self.smallest + 1, seed: 2), content(7, seed: 3)]
        let id = try await caller.initiate("k", headers: ["Content-Type": "a/b", "x-oss-tagging": "t=1"])
        var parts: [(Int, String)] = []
        for (place, piece) in pieces.enumerated() { parts.append((place * 2 + 1, try await caller.upload("k", id, place * 2 + 1, piece))) }

        let done = try OSSReply.complete(try await caller.complete("k", id, parts))

        let whole = pieces.flatMap { $0 }
        #expect(done.crc64.map { String($0) } == crc64(whole) && done.etag.hasSuffix("-3\""))
        #expect(try await caller.send("GET", "k").body == whole)
        #expect(try await caller.send("GET", "k", headers: ["Range": "bytes=102399-204801"]).body == Array(whole[102_399...204_801]))
        let head = try await caller.send("HEAD", "k")
        #expect(head.headers["x-oss-object-type"] == "Multipart" && head.headers["Content-MD5"] == nil)
        #expect(head.headers["Content-Type"] == "a/b" && head.headers["x-oss-tagging-count"] == "1")
        #expect(caller.parts.store.allUploads().isEmpty)
    }

    @Test func aPartSentAgainReplacesTheFirst() async throws {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        _ = try await caller.upload("k", id, 1, [1])
        let etag = try await caller.upload("k", id, 1, [2, 2])

        #expect(try caller.reopened.allUploads().first?.upload.parts[1]?.size == 2)
        #expect(try await caller.complete("k", id, [(1, etag)]).status == 200)
        #expect(try await caller.send("GET", "k").body == [2, 2])
    }

    @Test(arguments: ["\"%\"", "%", "&quot;%&quot;"], [true, false]) func etagsAreTakenInEveryForm(form: String, isLower: Bool) async throws
    {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        let etag = try await caller.upload("k", id, 1, [1]).filter { $0 != "\"" }
        let text = form.split(separator: "%", omittingEmptySubsequences: false).joined(separator: isLower ? etag.lowercased() : etag)

        #expect(try await caller.complete("k", id, [(1, text)]).status == 200)
    }

    enum Wrong: CaseIterable, Sendable { case order, twice, missing, etag, small, nothing, noXML, uploadID, otherKey }

    @Test(
        arguments: zip(
            Wrong.allCases,
            [
                "InvalidPartOrder", "InvalidPartOrder", "InvalidPart", "InvalidPart", "EntityTooSmall", "MalformedXML", "MalformedXML",
                "NoSuchUpload",
                "NoSuchUpload",
            ])) func completeKeepsTheRulesForParts(wrong: Wrong, code: String) async throws
    {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        let one = try await caller.upload("k", id, 1, content(wrong == .small ? Self.smallest - 1 : Self.smallest))
        let two = try await caller.upload("k", id, 2, [1])
        let answer =
            switch wrong {
            case .order: try await caller.complete("k", id, [(2, two), (1, one)])
            case .twice: try await caller.complete("k", id, [(1, one), (1, one)])
            case .missing: try await caller.complete("k", id, [(1, one), (3, two)])
            case .etag: try await caller.complete("k", id, [(1, two), (2, two)])
            case .small: try await caller.complete("k", id, [(1, one), (2, two)])
            case .nothing: try await caller.complete("k", id, [])
            case .noXML: try await caller.send("POST", "k", [QueryItem("uploadId", id)], body: Array("<Complete".utf8))
            case .uploadID: try await caller.complete("k", "0", [(1, one), (2, two)])
            case .otherKey: try await caller.complete("other", id, [(1, one), (2, two)])
            }

        #expect(OSSError(response: answer).code == code)
        #expect(caller.parts.store.allObjects().isEmpty && caller.parts.store.allUploads().count == 1)
    }

    @Test func completeAllTakesEveryPartAndNoBody() async throws {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        let all: HTTPHeaders = ["x-oss-complete-all": "yes"]
        #expect(try await caller.code("POST", "k", [QueryItem("uploadId", id)], headers: all) == "FilePartNotExist")
        _ = try await caller.upload("k", id, 9, [9])
        _ = try await caller.upload("k", id, 2, content(Self.smallest))

        #expect(try await caller.code("POST", "k", [QueryItem("uploadId", id)], headers: all, body: [1]) == "InvalidArgument")
        #expect(try await caller.code("POST", "k", [QueryItem("uploadId", id)], headers: all) == nil)
        #expect(try await caller.send("GET", "k").body == content(Self.smallest) + [9])
    }

    @Test func aRetriedCompleteFindsNoUpload() async throws {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        let etag = try await caller.upload("k", id, 1, [1])

        #expect(try await caller.complete("k", id, [(1, etag)]).status == 200)
        #expect(OSSError(response: try await caller.complete("k", id, [(1, etag)])).code == "NoSuchUpload")
        #expect(try await caller.code("PUT", "k", [QueryItem("partNumber", "1"), QueryItem("uploadId", id)], body: [1]) == "NoSuchUpload")
    }

    @Test func forbidOverwriteHoldsAtInitiateAndAtComplete() async throws {
        let caller = try Caller()
        let forbids: HTTPHeaders = ["x-oss-forbid-overwrite": "true"]
        let id = try await caller.initiate("k", headers: forbids)
        let etag = try await caller.upload("k", id, 1, [1])
        _ = try await caller.send("PUT", "k", body: [2])

        let refused = OSSError(response: try await caller.complete("k", id, [(1, etag)], headers: forbids))

        #expect(refused.status == 409 && refused.code == "FileAlreadyExists" && refused.ec == "0042-00000214")
        #expect(try await caller.code("POST", "k", [QueryItem("uploads")], headers: forbids) == "FileAlreadyExists")
        #expect(try await caller.send("GET", "k").body == [2])
        #expect(caller.parts.store.allUploads().count == 1)
    }

    @Test func abortRemovesThePartsAndASecondOneFindsNothing() async throws {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        _ = try await caller.upload("k", id, 1, [1])

        #expect(try await caller.send("DELETE", "k", [QueryItem("uploadId", id)]).status == 204)
        #expect(try await caller.code("DELETE", "k", [QueryItem("uploadId", id)]) == "NoSuchUpload")
        #expect(try StoreFiles.list("\(caller.folder)/buckets/\(caller.settings.bucket)/uploads").isEmpty)
    }

    @Test(arguments: [("0", "0017-00000220"), ("10001", "0017-00000220"), ("x", "0017-00000220"), ("", "0017-00000219")])
    func aPartNumberOutOfRangeIsRefused(number: String, ec: String) async throws {
        let caller = try Caller()
        let id = try await caller.initiate("k")

        let answer = try await caller.send("PUT", "k", [QueryItem("partNumber", number), QueryItem("uploadId", id)], body: [1])

        #expect(OSSError(response: answer).ec == ec && answer.status == 400)
    }

    @Test func listPartsPagesInOrder() async throws {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        for number in [10, 2, 5] { _ = try await caller.upload("k", id, number, [UInt8(number)]) }

        let first = try OSSReply.listParts(try await caller.send("GET", "k", [QueryItem("uploadId", id), QueryItem("max-parts", "2")]))
        let second = try OSSReply.listParts(
            try await caller.send("GET", "k", [QueryItem("uploadId", id), QueryItem("part-number-marker", "5")]))

        #expect(first.parts.map(\.number) == [2, 5] && first.next == 5)
        #expect(first.parts[0].crc64.map { String($0) } == crc64([2]))
        #expect(second.parts.map(\.number) == [10] && second.next == nil)
    }

    @Test(arguments: 1...4) func listMultipartUploadsPagesByKeyThenID(limit: Int) async throws {
        let caller = try Caller()
        var expected: [String] = []
        for key in ["a", "a", "b", "d/1", "d/2", "e"] { expected.append("\(key) \(try await caller.initiate(key))") }
        expected.sort()
        var (seen, next): ([String], MultipartPage.Marker?) = ([], nil)

        repeat {
            var query = [QueryItem("uploads"), QueryItem("max-uploads", String(limit)), QueryItem("encoding-type", "url")]
            if let next { query += [QueryItem("key-marker", next.key.description), QueryItem("upload-id-marker", next.uploadID ?? "")] }
            let page = try OSSReply.listMultipartUploads(try await caller.send("GET", nil, query))
            seen += page.uploads.map { "\($0.key) \($0.uploadID)" }
            next = page.next
        } while next != nil

        #expect(seen == expected)
    }
}
