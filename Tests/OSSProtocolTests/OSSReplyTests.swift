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
        "<ListPartsResult><Part><PartNumber>1</PartNumber><Size>5368709121</Size><ETag>e</ETag></Part></ListPartsResult>",
        "<ListPartsResult><Part><PartNumber>1</PartNumber><Size>999999999999999999</Size><ETag>e</ETag></Part></ListPartsResult>",
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

    static func listing(_ xml: String) -> HTTPResponse { HTTPResponse(status: 200, body: Array(xml.utf8)) }

    @Test func theOwnerAndTheStateOfAListAreRead() throws {
        let page = try OSSReply.listObjects(
            Self.listing(
                """
                <ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><ContinuationToken>C1</ContinuationToken>
                <NextContinuationToken>C2</NextContinuationToken><Contents><Key>a%2Fb</Key><Size>1</Size><Owner><ID>42</ID></Owner></Contents>
                <Contents><Key>c</Key><Size>2</Size></Contents></ListBucketResult>
                """))

        #expect(page.entries.map(\.owner) == ["42", nil] && page.continuation == "C2")
    }

    @Test(arguments: [
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated><ContinuationToken>C</ContinuationToken><NextContinuationToken>C</NextContinuationToken></ListBucketResult>",
    ]) func aListThatLeadsBackToItselfIsRefused(xml: String) {
        #expect(throws: OSSError.self) { try OSSReply.listObjects(Self.listing(xml)) }
    }

    @Test(arguments: [
        "<KeyMarker>k</KeyMarker><UploadIdMarker>U</UploadIdMarker><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>U</NextUploadIdMarker>",
        "<NextKeyMarker></NextKeyMarker>", "",
    ]) func aListOfUploadsThatDoesNotLeadOnIsRefused(markers: String) {
        let xml = "<ListMultipartUploadsResult>\(markers)<IsTruncated>true</IsTruncated></ListMultipartUploadsResult>"

        #expect(throws: OSSError.self) { try OSSReply.listMultipartUploads(Self.listing(xml)) }
    }

    @Test func theNextUploadOfTheSameKeyLeadsOn() throws {
        let xml =
            "<ListMultipartUploadsResult><KeyMarker>k</KeyMarker><UploadIdMarker>U</UploadIdMarker><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>V</NextUploadIdMarker><IsTruncated>true</IsTruncated></ListMultipartUploadsResult>"

        #expect(try OSSReply.listMultipartUploads(Self.listing(xml)).next == MultipartPage.Marker(key: ObjectKey("k"), uploadID: "V"))
    }

    @Test func aListOfBucketsThatLeadsBackToItselfIsRefused() {
        let xml =
            "<ListAllMyBucketsResult><Marker>b</Marker><NextMarker>b</NextMarker><IsTruncated>true</IsTruncated></ListAllMyBucketsResult>"

        #expect(throws: OSSError.self) { try OSSReply.listBuckets(Self.listing(xml)) }
    }

    static func ranged(_ status: Int, _ range: String?, length: String) -> HTTPResponse {
        var headers: HTTPHeaders = ["Content-Length": length, "ETag": "\"A\"", "x-oss-hash-crc64ecma": "7"]
        headers["Content-Range"] = range
        return HTTPResponse(status: status, headers: headers)
    }

    @Test(
        arguments: [
            (nil, 200, nil, "44", 0..<44), (ByteRange.closed(5...9), 206, "bytes 5-9/44", "5", 5..<10),
            (.closed(40...99), 206, "bytes 40-43/44", "4", 40..<44), (.from(40), 206, "bytes 40-43/44", "4", 40..<44),
            (.last(4), 206, "bytes 40-43/44", "4", 40..<44), (.last(99), 206, "bytes 0-43/44", "44", 0..<44),
        ] as [(ByteRange?, Int, String?, String, Range<Int64>)]) func aGETHoldsTheBytesThatWereAskedFor(
            asked: ByteRange?, status: Int, range: String?, length: String, bytes: Range<Int64>
        ) throws
    {
        let read = try OSSReply.get(Self.ranged(status, range, length: length), asked: asked)

        #expect(read.bytes == bytes && read.head.size == 44 && read.head.crc64 == 7)
    }

    @Test(
        arguments: [
            (nil, 206, "bytes 0-4/44", "5"), (ByteRange.closed(5...9), 200, nil, "44"), (.closed(5...9), 206, nil, "5"),
            (.closed(5...9), 206, "bytes 6-10/44", "5"), (.closed(5...9), 206, "bytes 5-9/44", "6"),
            (.closed(5...9), 206, "bytes 5-9/*", "5"),
            (.closed(5...9), 206, "items 5-9/44", "5"), (.closed(5...9), 206, "bytes 9-5/44", "5"), (.last(4), 206, "bytes 0-3/44", "4"),
            (.from(44), 206, "bytes 44-43/44", "0"), (.closed(5...9), 206, "bytes 5-9/8", "5"),
        ] as [(ByteRange?, Int, String?, String)]) func otherBytesThanAskedForAreRefused(
            asked: ByteRange?, status: Int, range: String?, length: String
        )
    {
        let error = #expect(throws: OSSError.self) { try OSSReply.get(Self.ranged(status, range, length: length), asked: asked) }

        #expect(error?.isUnusableAnswer == true)
    }

    @Test func anInvalidRangeIsWhatOSSSays() {
        let body = Array("<Error><Code>InvalidRange</Code></Error>".utf8)

        let error = #expect(throws: OSSError.self) {
            try OSSReply.get(HTTPResponse(status: 416, body: body), asked: .closed(50...60))
        }

        #expect(error?.code == "InvalidRange")
    }

    @Test func objectMetaSaysLess() throws {
        let head = try OSSReply.head(
            HTTPResponse(
                status: 200,
                headers: [
                    "Content-Length": "5", "ETag": "\"A\"", "x-oss-last-access-time": "Thu, 15 Jan 2026 08:30:00 GMT",
                    "x-oss-server-side-encryption": "KMS",
                ]))

        #expect(head.lastAccess == Timestamp(iso8601: "2026-01-15T08:30:00Z") && head.encryption == "KMS" && head.contentType == nil)
    }

    @Test(arguments: ["", "a b", "a\u{7F}", String(repeating: "u", count: 1025)]) func anUploadIDThatCannotBeUsedIsRefused(id: String) {
        let xml = "<InitiateMultipartUploadResult><UploadId><![CDATA[\(id)]]></UploadId></InitiateMultipartUploadResult>"

        #expect(throws: OSSError.self) { try OSSReply.initiate(Self.listing(xml)) }
    }

    /// A login page of a hotel's network, and a proxy that answers in the server's place.
    static let page = HTTPResponse(
        status: 200, headers: ["Content-Type": "text/html", "Content-Length": "14"], body: Array("<html>Welcome!".utf8))

    @Test func aLoginPageIsNoSuccessOfAnyOperation() {
        let readers: [(String, (HTTPResponse) throws -> Void)] = [
            ("put", { _ = try OSSReply.put($0) }), ("head", { _ = try OSSReply.head($0) }), ("get", { _ = try OSSReply.get($0) }),
            ("empty", { try OSSReply.empty($0) }), ("initiate", { _ = try OSSReply.initiate($0) }),
            ("complete", { _ = try OSSReply.complete($0) }),
            ("listParts", { _ = try OSSReply.listParts($0) }), ("listObjects", { _ = try OSSReply.listObjects($0) }),
            ("uploads", { _ = try OSSReply.listMultipartUploads($0) }), ("bucketInfo", { _ = try OSSReply.bucketInfo($0) }),
            ("buckets", { _ = try OSSReply.listBuckets($0) }),
        ]
        for (name, read) in readers {
            let error = #expect(throws: OSSError.self, "\(name)") { try read(Self.page) }
            #expect(error?.isUnusableAnswer == true, "\(name)")
        }
    }

    @Test func aDeletionIsAnsweredWithNothing() throws {
        try OSSReply.empty(HTTPResponse(status: 204))
        try OSSReply.empty(HTTPResponse(status: 200, headers: ["x-oss-request-id": "R"]))
    }
}
