import OSSProtocol
import Testing

@Suite struct OSSOperationTests {
    static let address = BucketAddress(endpoint: .forRegion("cn-hangzhou"), addressing: .virtual, region: "cn-hangzhou", bucket: "media-7")
    static let key = ObjectKey("a/b c")
    static let parts = [CompletedPart(number: 1, etag: "AA"), CompletedPart(number: 5, etag: "\"BB\"")]

    static let all: [(OSSOperation, String)] = [
        (.putObject(ObjectHeaders()), "PUT /a/b%20c"), (.headObject, "HEAD /a/b%20c"), (.getObject(range: nil), "GET /a/b%20c"),
        (.objectMeta, "HEAD /a/b%20c?objectMeta"), (.deleteVersion("V+1"), "DELETE /a/b%20c?versionId=V%2B1"),
        (.deleteObject, "DELETE /a/b%20c"), (.initiate(ObjectHeaders()), "POST /a/b%20c?uploads&encoding-type=url"),
        (.uploadPart(number: 7, uploadID: "U+1"), "PUT /a/b%20c?partNumber=7&uploadId=U%2B1"),
        (.complete(uploadID: "U", parts: parts, forbidOverwrite: false), "POST /a/b%20c?uploadId=U&encoding-type=url"),
        (.abort(uploadID: "U"), "DELETE /a/b%20c?uploadId=U"),
        (.listParts(uploadID: "U", after: 0), "GET /a/b%20c?uploadId=U&encoding-type=url&max-parts=1000"),
        (.listParts(uploadID: "U", after: 9), "GET /a/b%20c?uploadId=U&encoding-type=url&max-parts=1000&part-number-marker=9"),
        (.listObjects(ListOptions(prefix: key, limit: 7)), "GET /?list-type=2&encoding-type=url&max-keys=7&prefix=a%2Fb%20c"),
        (
            .listMultipartUploads(MultipartListOptions(keyMarker: key)),
            "GET /?uploads&encoding-type=url&max-uploads=1000&key-marker=a%2Fb%20c"
        ),
        (.bucketInfo, "GET /?bucketInfo"), (.listBuckets(), "GET /?max-keys=1000"),
        (
            .listObjects(
                ListOptions(
                    prefix: key, delimiter: "/", startAfter: ObjectKey("a/é"), continuation: "C+/=", limit: 1, fetchOwner: true)),
            "GET /?list-type=2&encoding-type=url&max-keys=1&prefix=a%2Fb%20c&delimiter=%2F&start-after=a%2F%C3%A9&continuation-token=C%2B%2F%3D&fetch-owner=true"
        ),
        (.listBuckets(BucketListOptions(prefix: "me", marker: "m-1", limit: 7)), "GET /?max-keys=7&prefix=me&marker=m-1"),
        (
            .listMultipartUploads(
                MultipartListOptions(prefix: key, delimiter: "/", keyMarker: key, uploadIDMarker: "U+", limit: 3)),
            "GET /?uploads&encoding-type=url&max-uploads=3&prefix=a%2Fb%20c&delimiter=%2F&key-marker=a%2Fb%20c&upload-id-marker=U%2B"
        ),
    ]

    @Test(arguments: all) func requestsAreWhatTheDocumentsSay(operation: OSSOperation, line: String) {
        let request = operation.request(at: Self.address, key: Self.key)

        #expect("\(request.method) \(request.path)\(request.query.map { "?" + $0 } ?? "")" == line)
        #expect(request.headers["Content-Length"] == nil && request.headers["Authorization"] == nil)
    }

    @Test(arguments: all) func thePermissionIsTheOneAServerChecks(operation: OSSOperation, line: String) {
        let request = operation.request(at: Self.address, key: Self.key)

        let needs = RequiredPermission.of(
            method: request.method, resource: operation.resource(at: Self.address, key: Self.key), query: QueryItem.parse(request.query),
            headers: request.headers)

        #expect(needs.map(\.action) == [operation.permission])
    }

    @Test func completeListsItsPartsWithQuotedETags() {
        let request = OSSOperation.complete(uploadID: "U", parts: Self.parts, forbidOverwrite: true).request(
            at: Self.address, key: Self.key)

        #expect(
            text(request.body)
                == "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"AA\"</ETag></Part><Part><PartNumber>5</PartNumber><ETag>\"BB\"</ETag></Part></CompleteMultipartUpload>"
        )
        #expect(request.headers == ["x-oss-forbid-overwrite": "true"])
    }

    @Test func theACLAndTheCallbackOfAMultipartUploadGoWithComplete() {
        let wishes = Self.wish {
            $0.acl = "private"
            $0.callback = "{}"
            $0.trafficLimit = 819_200
            $0.contentMD5 = "eB5eJF1ptWaXm4bijSPyxw=="
            $0.contentType = "text/plain"
        }

        let request = OSSOperation.complete(uploadID: "U", parts: Self.parts, headers: wishes).request(at: Self.address, key: Self.key)

        #expect(request.headers == ["x-oss-object-acl": "private", "x-oss-callback": "e30="])
    }

    @Test func aRangeIsAskedStrictly() {
        let request = OSSOperation.getObject(range: 5...9).request(at: Self.address, key: Self.key)

        #expect(request.headers == ["Range": "bytes=5-9", "x-oss-range-behavior": "standard"])
    }

    @Test(arguments: [
        (ByteRange.closed(0...0), "bytes=0-0"), (.from(7), "bytes=7-"), (.last(500), "bytes=-500"),
    ]) func eachKindOfRangeIsWrittenAsHTTPSays(range: ByteRange, header: String) throws {
        let operation = OSSOperation.getObject(range)

        try operation.validate(bucket: "media-7", key: Self.key)
        #expect(operation.request(at: Self.address, key: Self.key).headers["Range"] == header)
    }

    @Test(arguments: [ByteRange.closed(-1...5), .from(-1), .last(0)]) func aRangeThatHoldsNothingIsFoundBefore(range: ByteRange) {
        #expect(throws: OSSLimitError.self) { try OSSOperation.getObject(range).validate(bucket: "media-7", key: Self.key) }
    }

    @Test func aPartTakesItsMD5AndItsLimitOnly() {
        let wishes = Self.wish {
            $0.contentMD5 = "eB5eJF1ptWaXm4bijSPyxw=="
            $0.trafficLimit = 819_200
            ($0.contentType, $0.acl, $0.callback, $0.storageClass, $0.forbidOverwrite) = ("a/b", "private", "{}", "IA", true)
        }

        let request = OSSOperation.uploadPart(number: 1, uploadID: "U").request(at: Self.address, key: Self.key, part: wishes)

        #expect(request.headers == ["Content-MD5": "eB5eJF1ptWaXm4bijSPyxw==", "x-oss-traffic-limit": "819200"])
    }

    @Test func aSignedURLCarriesLimitAndCallbackItself() {
        let wishes = Self.wish {
            ($0.trafficLimit, $0.callback, $0.callbackVar, $0.contentType) = (819_200, "{}", "{}", "a/b")
        }
        let complete = OSSOperation.complete(uploadID: "U", parts: Self.parts, headers: wishes)
        let part = OSSOperation.uploadPart(number: 1, uploadID: "U")

        let (put, end) = (
            OSSOperation.putObject(wishes).request(at: Self.address, key: Self.key, presigned: true),
            complete.request(at: Self.address, key: Self.key, presigned: true)
        )

        #expect(put.query == "callback=e30%3D&callback-var=e30%3D&x-oss-traffic-limit=819200" && put.headers == ["Content-Type": "a/b"])
        #expect(end.query == "uploadId=U&encoding-type=url&callback=e30%3D&callback-var=e30%3D" && end.headers == [:])
        #expect(
            part.request(at: Self.address, key: Self.key, part: wishes, presigned: true).query
                == "partNumber=1&uploadId=U&x-oss-traffic-limit=819200")
    }

    @Test func headersGoWithTheStepThatTakesThem() {
        var wishes = ObjectHeaders()
        wishes.contentType = "text/plain"
        wishes.contentMD5 = "eB5eJF1ptWaXm4bijSPyxw=="
        wishes.storageClass = "IA"
        wishes.acl = "private"
        wishes.tagging = ["b": "2 &", "a": "1"]
        wishes.meta = ["Zeta": "z", "alpha": "a"]
        wishes.forbidOverwrite = true
        wishes.trafficLimit = 819_200
        wishes.callback = "{}"

        let (put, initiate, complete) = (wishes.headers(for: .put), wishes.headers(for: .initiate), wishes.headers(for: .complete))

        #expect(put["x-oss-tagging"] == "a=1&b=2%20%26" && put["x-oss-meta-zeta"] == "z" && put["x-oss-callback"] == "e30=")
        #expect(put["x-oss-traffic-limit"] == "819200" && put["Content-MD5"] != nil && put["x-oss-object-acl"] == "private")
        #expect(initiate["Content-MD5"] == nil && initiate["x-oss-traffic-limit"] == nil && initiate["x-oss-object-acl"] == nil)
        #expect(initiate["x-oss-storage-class"] == "IA" && initiate["x-oss-forbid-overwrite"] == "true")
        #expect(
            complete["Content-Type"] == nil && complete["x-oss-object-acl"] == "private" && complete["x-oss-forbid-overwrite"] == "true")
    }

    @Test(arguments: [
        ("", OSSLimitError.keyEmpty), ("/a", .keyBeginsWithSlash(ObjectKey("/a"))), ("\\a", .keyBeginsWithSlash(ObjectKey("\\a"))),
        (String(repeating: "长", count: 342), .keyTooLong(bytes: 1026)),
    ]) func aKeyThatOSSWouldRefuseIsFoundBefore(key: String, error: OSSLimitError) {
        #expect(throws: error) { try OSSOperation.headObject.validate(bucket: "media-7", key: ObjectKey(key)) }
    }

    @Test(arguments: ["a", "..", "a//b/", "é", " ", String(repeating: "长", count: 341), "\u{1}"]) func everyOtherKeyIsTaken(key: String)
        throws
    {
        try OSSOperation.headObject.validate(bucket: "media-7", key: ObjectKey(key))
    }

    @Test func aKeyThatIsNotUTF8IsFoundBefore() {
        let key = ObjectKey(utf8: [0x61, 0xFF])

        #expect(throws: OSSLimitError.keyNotUTF8(key)) { try OSSOperation.headObject.validate(bucket: "media-7", key: key) }
    }

    @Test(arguments: ["", "ab", "-ab", "ab-", "Abc", "a_b", "a.b", String(repeating: "a", count: 64), "é12"])
    func badBucketNamesAreFoundBefore(name: String) {
        #expect(throws: OSSLimitError.bucketName(name)) { try OSSLimits.check(bucket: name) }
    }

    @Test func partNumbersGoFromOneToTenThousand() throws {
        for number in [1, 10_000] { try OSSOperation.uploadPart(number: number, uploadID: "U").validate(bucket: "media-7", key: Self.key) }
        for number in [0, -1, 10_001] {
            #expect(throws: OSSLimitError.partNumber(number)) {
                try OSSOperation.uploadPart(number: number, uploadID: "U").validate(bucket: "media-7", key: Self.key)
            }
        }
        #expect(throws: OSSLimitError.uploadIDMissing) {
            try OSSOperation.uploadPart(number: 1, uploadID: "").validate(bucket: "media-7", key: Self.key)
        }
    }

    @Test func aVersionIsNamed() {
        #expect(throws: OSSLimitError.versionIDMissing) {
            try OSSOperation.deleteVersion("").validate(bucket: "media-7", key: Self.key)
        }
    }

    @Test func completeNeedsAscendingParts() {
        let twice = [CompletedPart(number: 2, etag: "a"), CompletedPart(number: 2, etag: "b")]

        #expect(throws: OSSLimitError.partsNotAscending(number: 2)) {
            try OSSOperation.complete(uploadID: "U", parts: twice, forbidOverwrite: false).validate(bucket: "media-7", key: Self.key)
        }
        #expect(throws: OSSLimitError.noParts) {
            try OSSOperation.complete(uploadID: "U", parts: [], forbidOverwrite: false).validate(bucket: "media-7", key: Self.key)
        }
    }

    static let badWishes: [(OSSLimitError, ObjectHeaders)] = [
        (.trafficLimit(819_199), wish { $0.trafficLimit = 819_199 }), (.storageClass("ia"), wish { $0.storageClass = "ia" }),
        (.accessControl("open"), wish { $0.acl = "open" }), (.encryption("none"), wish { $0.sse = "none" }),
        (.metadataName("a_b"), wish { $0.meta = ["a_b": ""] }),
        (.metadataTooLarge(bytes: 8193), wish { $0.meta = ["a": String(repeating: "x", count: 8192)] }),
        (.tooManyTags(11), wish { $0.tagging = Dictionary(uniqueKeysWithValues: (0..<11).map { ("t\($0)", "") }) }),
        (.tag(""), wish { $0.tagging = ["": ""] }),
        (.headerValue(name: "Cache-Control"), wish { $0.cacheControl = "a\r\nx-oss-object-acl: public-read" }),
        (.callbackTooLarge(bytes: 5121), wish { $0.callback = String(repeating: "x", count: 5121) }),
        (.callback("it is not a JSON object of texts"), wish { $0.callback = "[]" }),
        (.callback("callbackUrl must hold 1 to 5 addresses, with ; between them"), wish { $0.callback = #"{"callbackBody":"x"}"# }),
        (
            .callback("callbackUrl must hold 1 to 5 addresses, with ; between them"),
            wish { $0.callback = #"{"callbackUrl":"a;b;c;d;e;f","callbackBody":"x"}"# }
        ),
        (.callback("callbackBody is missing"), wish { $0.callback = #"{"callbackUrl":"a"}"# }),
        (
            .callback("callbackBodyType must be application/x-www-form-urlencoded or application/json"),
            wish { $0.callback = #"{"callbackUrl":"a","callbackBody":"x","callbackBodyType":"text/plain"}"# }
        ),
        (.callback("its variables are not a JSON object of texts"), wish { $0.callbackVar = #"{"x:a":1}"# }),
        (.callback("the variable \"x:A\" must begin with x: and be in lower case"), wish { $0.callbackVar = #"{"x:A":"1"}"# }),
        (.encryptionKeyWithoutKMS, wish { $0.sseKeyID = "k" }), (.encryption("AES256"), wish { $0.sseDataEncryption = "AES256" }),
        (.encryptionKeyWithoutKMS, wish { ($0.sse, $0.sseDataEncryption) = ("AES256", "SM4") }),
        (.contentMD5("abc"), wish { $0.contentMD5 = "abc" }), (.contentMD5("AAAA"), wish { $0.contentMD5 = "AAAA" }),
    ]

    static func wish(_ change: (inout ObjectHeaders) -> Void) -> ObjectHeaders {
        var wishes = ObjectHeaders()
        change(&wishes)
        return wishes
    }

    @Test(arguments: badWishes) func headersThatOSSWouldRefuseAreFoundBefore(error: OSSLimitError, wishes: ObjectHeaders) {
        #expect(throws: error) { try OSSOperation.putObject(wishes).validate(bucket: "media-7", key: Self.key) }
    }

    @Test func wishesThatOSSTakesPass() throws {
        let wishes = Self.wish {
            ($0.sse, $0.sseKeyID, $0.sseDataEncryption, $0.storageClass, $0.acl) = ("KMS", "k-1", "SM4", "DeepColdArchive", "default")
            $0.callback = #"{"callbackUrl":"http://a/b;c","callbackHost":"h","callbackBody":"o=${object}","callbackSNI":false}"#
            $0.callbackVar = #"{"x:who":"me"}"#
            ($0.trafficLimit, $0.contentMD5) = (838_860_800, "eB5eJF1ptWaXm4bijSPyxw==")
            $0.tagging = [String(repeating: "t", count: 128): String(repeating: "长", count: 256)]
        }

        try OSSOperation.putObject(wishes).validate(bucket: "media-7", key: Self.key)
        #expect(wishes.headers(for: .put)["x-oss-server-side-data-encryption"] == "SM4")
    }

    @Test(arguments: [0, -1, 1001]) func pagesGoFromOneToAThousand(size: Int) {
        let operations: [OSSOperation] = [
            .listObjects(ListOptions(limit: size)), .listBuckets(BucketListOptions(limit: size)),
            .listMultipartUploads(MultipartListOptions(limit: size)),
        ]
        for operation in operations {
            #expect(throws: OSSLimitError.pageSize(size)) { try operation.validate(bucket: "media-7", key: nil) }
        }
    }
}
