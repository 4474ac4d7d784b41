import OSSProtocol
import Testing

@Suite struct SignedQueryTests {
    private let begin = Timestamp(iso8601: "2026-01-15T08:30:00Z")!
    private let credentials = Credentials(accessKeyID: "STS.id", accessKeySecret: Secret("s"), securityToken: Secret("t"))

    @Test(arguments: [1, 900, 604_800]) func bothVersionsTellWhoseTheyAreAndWhenTheyEnd(expires: Int) throws {
        let plain = HTTPRequest(method: "PUT", scheme: "https", host: "b.example.com", path: "/k", query: "uploadId=1&partNumber=2")
        let signers: [any RequestSigner] = [V4Signer(region: "cn-hangzhou"), V1Signer()]

        for signer in signers {
            let signed = try signer.presign(
                plain, resource: SignedResource(bucket: "b", key: ObjectKey("k")), credentials: credentials, now: begin, expires: expires)

            let query = try #require(SignedQuery(signed.query))
            #expect(query.accessKeyID == "STS.id" && query.end == begin + .seconds(expires))
        }
    }

    @Test(arguments: [nil, "", "uploads", "x-oss-date=20260115T083000Z&x-oss-expires=9", "OSSAccessKeyId=a&Expires=soon", "OSSAccessKeyId=&Expires=1",
        "OSSAccessKeyId=a&Expires=999999999999999999", "OSSAccessKeyId=a&Expires=253402300800",
        "x-oss-credential=a/b&x-oss-date=20260115T083000Z&x-oss-expires=999999999999999999",
    ])
    func whatIsNotSignedSaysNothing(query: String?) {
        #expect(SignedQuery(query) == nil)
    }

    @Test func theLastSecondThatHasADateIsRead() {
        #expect(SignedQuery("OSSAccessKeyId=a&Expires=253402300799")?.end.iso8601 == "9999-12-31T23:59:59Z")
    }

    @Test func theFirstOfTwoOfOneNameWins() {
        #expect(SignedQuery("OSSAccessKeyId=a&Expires=5&Expires=9")?.end == Timestamp(seconds: 5))
    }
}
