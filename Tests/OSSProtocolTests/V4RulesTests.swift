import Testing

@testable import OSSProtocol

/// Section 2.1 of the fact sheet, rule by rule.
@Suite struct V4RulesTests {
    static func lines(
        _ query: String? = nil, headers: HTTPHeaders = [:], host: String? = nil, additional: [String] = [], bucket: String? = "b",
        key: ObjectKey? = ObjectKey("k")
    ) -> [String] {
        text(
            V4.canonicalRequest(
                method: "PUT", resource: SignedResource(bucket: bucket, key: key), query: query, headers: headers, host: host,
                additionalHeaders: additional)
        ).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test func thePartsAreSixAndTheHeaderBlockEndsInAnEmptyLine() {
        #expect(Self.lines() == ["PUT", "/b/k", "", "", "", "UNSIGNED-PAYLOAD"])
        #expect(Self.lines(headers: ["x-oss-a": "1"]) == ["PUT", "/b/k", "", "x-oss-a:1", "", "", "UNSIGNED-PAYLOAD"])
    }

    @Test func theURIHasBucketAndKeyWhateverTheAddress() {
        #expect(Self.lines(key: nil)[1] == "/b/")
        #expect(Self.lines(bucket: nil, key: nil)[1] == "/")
        #expect(Self.lines(key: ObjectKey("/a//../%41 +~é"))[1] == "/b//a//../%2541%20%2B~%C3%A9")
        #expect(Self.lines(key: ObjectKey(utf8: [0x61, 0xFF, 0x00]))[1] == "/b/a%FF%00")
    }

    @Test(arguments: [
        ("uploads", "uploads"), ("uploads=", "uploads"), ("b=2&a=1", "a=1&b=2"), ("a=2&a=1&a", "a&a=1&a=2"), ("a=x%2fy", "a=x%2Fy"),
        ("a=x/y", "a=x%2Fy"), ("a=x+y", "a=x%20y"), ("a=%2B", "a=%2B"), ("a=b=c", "a=b%3Dc"), ("a%3Db=c", "a%3Db=c"), ("&&a&", "a"),
        ("x-oss-signature=1&a", "a"), ("%78-oss-signature=1&a", "a"), ("x-oss-signature-version=1", "x-oss-signature-version=1"),
        ("a=%zz", "a=%25zz"), ("a=%4", "a=%254"), ("é=1", "%C3%A9=1"), ("a=%FF", "a=%FF"), ("=v", "=v"), ("a-=1&a=2", "a=2&a-=1"),
        ("a%20=1&a=2&a%21=3", "a=2&a%20=1&a%21=3"), ("A=1&a=2&_=3", "A=1&_=3&a=2"), ("a=%7E%2D%2E%5F", "a=~-._"),
    ]) func theQueryIsDecodedOnceSortedAndEncodedAgain(query: String, canonical: String) {
        #expect(Self.lines(query)[2] == canonical)
    }

    @Test func headersAreLowerCaseTrimmedAndSorted() {
        let headers: HTTPHeaders = [
            "X-Oss-Meta-B": "\t in  side ", "Content-Type": "a/b", "content-md5": "M", "x-oss-meta-a": "", "Range": "bytes=0-1",
            "x-ossx": "no",
            "Date": "D",
        ]

        #expect(
            Self.lines(headers: headers)[3...] == [
                "content-md5:M", "content-type:a/b", "x-oss-meta-a:", "x-oss-meta-b:in  side", "", "", "UNSIGNED-PAYLOAD",
            ])
    }

    @Test func additionalHeadersAreThosePresentAndNotSignedAnyway() {
        let lines = Self.lines(
            headers: ["Range": "bytes=0-1", "Content-Type": "a/b"], host: "b.h:8080",
            additional: ["Range", " HOST ", "range", "absent", "Content-Type", "x-oss-date", ""])

        #expect(lines[3...] == ["content-type:a/b", "host:b.h:8080", "range:bytes=0-1", "", "host;range", "UNSIGNED-PAYLOAD"])
    }

    @Test func regionAndProductAreSigned() {
        let credentials = Credentials(accessKeyID: "k", accessKeySecret: Secret("s"))
        let request = HTTPRequest(method: "GET", scheme: "https", host: "h", path: "/")

        let signed = V4Signer(region: "cb-1", product: "oss-cloudbox").sign(
            request, resource: SignedResource(bucket: nil, key: nil), credentials: credentials, now: Timestamp(seconds: 1_768_465_800))

        #expect(signed.headers["Authorization"]?.contains("Credential=k/20260115/cb-1/oss-cloudbox/aliyun_v4_request,") == true)
    }

    @Test(arguments: [
        "OSS4-HMAC-SHA256 Credential=k/20260115/r/oss/aliyun_v4_request,AdditionalHeaders=host;range,Signature=ab",
        "OSS4-HMAC-SHA256 Credential=k/20260115/r/oss/aliyun_v4_request, Signature=ab, AdditionalHeaders=host;range",
        "OSS4-HMAC-SHA256 Signature=ab ,\tCredential=k/20260115/r/oss/aliyun_v4_request,AdditionalHeaders=host;range,",
    ]) func pairsMayStandInAnyOrder(value: String) throws {
        let found = try V4.parseAuthorization(value)

        #expect(found.signature == "ab" && found.additionalHeaders == ["host", "range"] && found.credential.scope.region == "r")
    }

    @Test(arguments: [0, -1, 604_801, Int.max]) func aURLLivesOneSecondToSevenDays(seconds: Int) {
        let request = HTTPRequest(method: "GET", scheme: "https", host: "h", path: "/")

        #expect(throws: PresignError.expiresOutOfRange(seconds: seconds)) {
            try V4Signer(region: "r").presign(
                request, resource: SignedResource(bucket: nil, key: nil),
                credentials: Credentials(accessKeyID: "k", accessKeySecret: Secret("s")), now: Timestamp(seconds: 0), expires: seconds)
        }
    }
}
