import Testing

@testable import OSSProtocol

@Suite struct OSSReplyTests {
    static let vectors = Vector.list("xml-bodies", "vectors")

    static func vectors(_ root: String) -> [Vector] { vectors.filter { $0["expect"]["root"].string == root } }

    static func response(_ vector: Vector, _ headers: HTTPHeaders = [:]) -> HTTPResponse {
        HTTPResponse(status: 200, headers: headers, body: Array(vector["body"].string.utf8))
    }

    @Test(arguments: vectors("InitiateMultipartUploadResult")) func initiateGivesTheUploadID(vector: Vector) throws {
        #expect(try OSSReply.initiate(Self.response(vector)) == vector["expect"]["UploadId"].string)
    }

    @Test(arguments: vectors("ListPartsResult")) func listPartsGivesNumbersSizesAndCRCs(vector: Vector) throws {
        let page = try OSSReply.listParts(Self.response(vector))
        let expected = vector["expect"]

        #expect(page.uploadID == expected["UploadId"].string)
        #expect(page.next == nil)
        #expect(page.parts.map(\.number) == expected["Parts"].list.map { $0["PartNumber"].int })
        #expect(page.parts.map(\.etag) == expected["Parts"].list.map { $0["ETag"].string })
        #expect(page.parts.map(\.size) == expected["Parts"].list.map { Int64($0["Size"].int) })
        #expect(page.parts.map(\.crc64) == expected["Parts"].list.map { $0["HashCrc64ecma"].text.flatMap { UInt64($0) } })
    }

    @Test(arguments: vectors("CompleteMultipartUploadResult")) func completeGivesETagAndCRC(vector: Vector) throws {
        let result = try OSSReply.complete(
            Self.response(vector, ["x-oss-hash-crc64ecma": "18446744073709551615", "x-oss-request-id": "R"]))

        #expect(result.etag == vector["expect"]["ETag"].string)
        #expect(result.crc64 == .max)
        #expect(result.requestID == "R")
    }

    @Test(arguments: vectors("ListMultipartUploadsResult")) func unfinishedUploadsAreListedWithDecodedKeys(vector: Vector) throws {
        let page = try OSSReply.listMultipartUploads(Self.response(vector))
        let expected = vector["expect"]

        #expect(page.uploads.map(\.key.description) == expected["Uploads"].list.map { $0["Key"].string })
        #expect(page.uploads.map(\.uploadID) == expected["Uploads"].list.map { $0["UploadId"].string })
        #expect(page.prefixes.map(\.description) == expected["CommonPrefixes"].list.map(\.string))
        #expect(page.next?.key.description == expected["NextKeyMarker"].text)
        #expect(page.next?.uploadID == expected["NextUploadIdMarker"].text)
    }

    @Test(arguments: vectors("ListBucketResult")) func objectsAreListedWithDecodedKeys(vector: Vector) throws {
        let page = try OSSReply.listObjects(Self.response(vector))
        let expected = vector["expect"]

        #expect(page.entries.map(\.key.description) == expected["Contents"].list.map { $0["Key"].string })
        #expect(page.entries.map(\.size) == expected["Contents"].list.map { Int64($0["Size"].int) })
        #expect(page.entries.map(\.etag) == expected["Contents"].list.map { $0["ETag"].string })
        #expect(page.entries.map(\.type) == expected["Contents"].list.map { $0["Type"].string })
        #expect(page.prefixes.map(\.description) == expected["CommonPrefixes"].list.map(\.string))
        #expect(page.continuation == expected["NextContinuationToken"].text)
    }

    @Test(arguments: vectors("BucketInfo")) func bucketInfoIsRead(vector: Vector) throws {
        let info = try OSSReply.bucketInfo(Self.response(vector))
        let expected = vector["expect"]

        #expect(
            info.name == expected["Name"].string && info.location == expected["Location"].string && info.acl == expected["Grant"].string)
        #expect(info.versioning == expected["Versioning"].text)
        #expect("oss-\(info.region)" == info.location)
    }

    @Test(arguments: vectors("ListAllMyBucketsResult")) func bucketsAreListed(vector: Vector) throws {
        let page = try OSSReply.listBuckets(Self.response(vector))

        #expect(page.buckets.map(\.name) == vector["expect"]["Buckets"].list.map { $0["Name"].string })
        #expect(page.buckets.map(\.region) == vector["expect"]["Buckets"].list.map { $0["Region"].string })
        #expect(page.next == nil)
    }

    @Test(arguments: vectors("CompleteMultipartUpload")) func theBodyOfCompleteIsWhatAnSDKSends(vector: Vector) throws {
        let parts = try CompletedPart.parse(Array(vector["body"].string.utf8))

        #expect(parts.map(\.number) == vector["expect"]["Parts"].list.map { $0["PartNumber"].int })
        #expect(parts.map(\.etag) == vector["expect"]["Parts"].list.map { $0["ETag"].string })
        #expect(try CompletedPart.parse(CompletedPart.document(parts)) == parts)
    }

    @Test func aKeyWithoutEncodingKeepsItsBlanks() throws {
        let body = "<ListBucketResult><Contents><Key> a </Key><Size>1</Size></Contents></ListBucketResult>"

        let page = try OSSReply.listObjects(HTTPResponse(status: 200, body: Array(body.utf8)))

        #expect(page.entries.map(\.key) == [ObjectKey(" a ")])
    }

    @Test func keysThatAreNotUTF8SurviveTheListing() throws {
        let body =
            "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%FF%2Fa+b</Key><Size>1</Size></Contents></ListBucketResult>"

        let page = try OSSReply.listObjects(HTTPResponse(status: 200, body: Array(body.utf8)))

        #expect(page.entries.map(\.key) == [ObjectKey(utf8: [0xFF] + Array("/a b".utf8))])
    }

    @Test(arguments: ["9", "5", ""]) func aPageThatDoesNotLeadOnIsRefused(next: String) {
        let body =
            "<ListPartsResult><PartNumberMarker>9</PartNumberMarker><NextPartNumberMarker>\(next)</NextPartNumberMarker><IsTruncated>true</IsTruncated></ListPartsResult>"

        #expect(throws: OSSError.self) { try OSSReply.listParts(HTTPResponse(status: 200, body: Array(body.utf8))) }
    }

    @Test(arguments: [
        "", "<html/>", "<ListPartsResult><Part><PartNumber>0</PartNumber><Size>1</Size><ETag>e</ETag></Part></ListPartsResult>",
    ])
    func aSuccessThatCannotBeUsedIsAnError(body: String) {
        let error = #expect(throws: OSSError.self) { try OSSReply.listParts(HTTPResponse(status: 200, body: Array(body.utf8))) }

        #expect(error?.isUnusableAnswer == true)
    }

    @Test func aStoredObjectWhoseCallbackFailedIsAnErrorWithStatus203() {
        let body = "<Error><Code>CallbackFailed</Code></Error>"

        let error = #expect(throws: OSSError.self) {
            try OSSReply.put(HTTPResponse(status: 203, headers: ["ETag": "\"A\""], body: Array(body.utf8)))
        }

        #expect(error?.status == 203 && error?.code == "CallbackFailed")
    }

    @Test func putGivesETagAndCRCAndAnAbsentCRCIsNoError() throws {
        let with = try OSSReply.put(HTTPResponse(status: 200, headers: ["etag": "\"A\"", "X-Oss-Hash-Crc64ecma": "11051210869376104954"]))
        let without = try OSSReply.put(HTTPResponse(status: 200, headers: ["ETag": "\"A\""]))

        #expect(with.crc64 == 11_051_210_869_376_104_954)
        #expect(without == PutResult(etag: "\"A\"", crc64: nil, versionID: nil, requestID: nil))
        #expect(throws: OSSError.self) { try OSSReply.put(HTTPResponse(status: 200)) }
    }

    @Test func headGivesSizeTimeAndMetadata() throws {
        let head = try OSSReply.head(
            HTTPResponse(
                status: 200,
                headers: [
                    "Content-Length": "5368709120001", "ETag": "\"A-2\"", "Last-Modified": "Thu, 15 Jan 2026 08:30:00 GMT",
                    "x-oss-object-type": "Multipart",
                    "X-OSS-Meta-Author": "alice",
                ]))

        #expect(head.size == 5_368_709_120_001 && head.etag == "\"A-2\"" && head.crc64 == nil)
        #expect(head.lastModified == Timestamp(iso8601: "2026-01-15T08:30:00Z"))
        #expect(head.meta == ["author": "alice"])
    }
}
