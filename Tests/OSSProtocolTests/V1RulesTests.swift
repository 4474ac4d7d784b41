import Testing

@testable import OSSProtocol

/// Section 2.2 of the fact sheet, rule by rule.
@Suite struct V1RulesTests {
    static func toSign(_ query: String?, headers: HTTPHeaders = [:], key: String? = "k", date: String = "D") -> String {
        text(
            V1.stringToSign(
                method: "PUT", resource: SignedResource(bucket: "b", key: key.map { ObjectKey($0) }), query: query, headers: headers,
                date: date))
    }

    static let signed = [
        "acl", "append", "asyncFetch", "bucketInfo", "callback", "callback-var", "cname", "comp", "continuation-token", "cors", "delete",
        "encryption", "endTime", "img", "inventory", "inventoryId", "lifecycle", "live", "location", "logging", "metaQuery", "objectMeta",
        "partNumber", "policy", "position", "qos", "qosInfo", "referer", "regionList", "replication", "replicationLocation",
        "replicationProgress", "requestPayment", "resourceGroup", "response-cache-control", "response-content-disposition",
        "response-content-encoding", "response-content-language", "response-content-type", "response-expires", "restore", "security-token",
        "sequential", "startTime", "stat", "status", "style", "styleName", "symlink", "tagging", "transferAcceleration", "uploadId",
        "uploads",
        "versionId", "versioning", "versions", "vod", "website", "worm", "wormExtend", "wormId", "x-oss-ac-forward-allow",
        "x-oss-ac-source-ip", "x-oss-ac-subnet-mask", "x-oss-ac-vpc-id", "x-oss-async-process", "x-oss-process", "x-oss-request-payer",
        "x-oss-traffic-limit",
    ]

    @Test(arguments: signed) func aSubresourceIsSignedWithAndWithoutAValue(name: String) {
        #expect(Self.toSign("z=1&\(name)") == "PUT\n\n\nD\n/b/k?\(name)")
        #expect(Self.toSign("\(name)=") == "PUT\n\n\nD\n/b/k?\(name)")
        #expect(Self.toSign("\(name)=a%2Fb+c&z=1") == "PUT\n\n\nD\n/b/k?\(name)=a/b c")
    }

    @Test(arguments: [
        "prefix", "delimiter", "marker", "max-keys", "max-parts", "part-number-marker", "key-marker", "upload-id-marker", "max-uploads",
        "encoding-type", "list-type", "start-after", "ACL", "x-oss-other", "OSSAccessKeyId", "Expires", "Signature", "",
    ]) func otherParametersAreNot(name: String) {
        #expect(Self.toSign("\(name)=1") == "PUT\n\n\nD\n/b/k")
    }

    @Test func theListIsComplete() {
        #expect(V1.subresources == Set(Self.signed))
    }

    @Test func subresourcesAreSortedAndTheFirstOfTwoWins() {
        #expect(Self.toSign("uploadId=U&acl&partNumber=7&acl=x&uploadId=V") == "PUT\n\n\nD\n/b/k?acl&partNumber=7&uploadId=U")
    }

    @Test func theResourceIsWrittenPlain() {
        #expect(Self.toSign(nil, key: "文档/a b%2F+//../e\u{301}") == "PUT\n\n\nD\n/b/文档/a b%2F+//../e\u{301}")
        #expect(Self.toSign("acl", key: nil) == "PUT\n\n\nD\n/b/?acl")
        let service = V1.stringToSign(method: "GET", resource: SignedResource(bucket: nil, key: nil), query: nil, headers: [:], date: "D")
        #expect(text(service) == "GET\n\n\nD\n/")
    }

    @Test func headersAreLowerCaseTrimmedAndSorted() {
        let headers: HTTPHeaders = [
            "X-Oss-Meta-b": " 2\t", "Content-Type": " a/b ", "x-oss-meta-B1": "in  side", "x-oss-acl": "", "Range": "bytes=0-1",
            "Content-MD5": "M",
        ]

        #expect(Self.toSign(nil, headers: headers) == "PUT\nM\na/b\nD\nx-oss-acl:\nx-oss-meta-b:2\nx-oss-meta-b1:in  side\n/b/k")
    }

    @Test func theOSSDateStandsInTheDateLineAndAmongTheHeaders() throws {
        let request = HTTPRequest(method: "PUT", scheme: "https", host: "b.h", path: "/k", headers: ["x-oss-date": "old"])
        let now = Timestamp(seconds: 1_768_465_800)
        let credentials = Credentials(accessKeyID: "k", accessKeySecret: Secret("s"))
        let resource = SignedResource(bucket: "b", key: ObjectKey("k"))

        let signed = V1Signer().sign(request, resource: resource, credentials: credentials, now: now)

        let date = try #require(V1.date(of: signed.headers))
        let toSign = V1.stringToSign(method: "PUT", resource: resource, query: nil, headers: signed.headers, date: date)
        #expect(text(toSign) == "PUT\n\n\n\(now.httpDate)\nx-oss-date:\(now.httpDate)\n/b/k")
        #expect(signed.headers["Authorization"] == "OSS k:\(V1.signature(secret: Secret("s"), stringToSign: toSign))")
    }

    @Test func theTokenOfAURLIsASubresourceAndNoHeader() throws {
        let request = HTTPRequest(method: "GET", scheme: "https", host: "b.h", path: "/k", headers: ["x-oss-security-token": "old"])
        let credentials = Credentials(accessKeyID: "STS.k", accessKeySecret: Secret("s"), securityToken: Secret("t+/="))
        let resource = SignedResource(bucket: "b", key: ObjectKey("k"))

        let signed = try V1Signer().presign(
            request, resource: resource, credentials: credentials, now: Timestamp(seconds: 100), expires: 60)

        #expect(signed.headers == [:])
        let toSign = V1.stringToSign(method: "GET", resource: resource, query: signed.query, headers: [:], date: "160")
        #expect(text(toSign) == "GET\n\n\n160\n/b/k?security-token=t+/=")
        #expect(querySet(signed.query)["Signature"] == V1.signature(secret: Secret("s"), stringToSign: toSign))
    }
}
