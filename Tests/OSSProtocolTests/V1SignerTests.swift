import OSSProtocol
import Testing

@Suite struct V1SignerTests {
    @Test(arguments: Vector.list("v1-header", "vectors")) func theHeaderIsWhatTheOfficialSDKsSend(vector: Vector) throws {
        let signed = V1Signer().sign(vector.request, resource: vector.resource, credentials: vector.credentials, now: vector.now)

        let date = try #require(V1.date(of: signed.headers))
        let toSign = V1.stringToSign(
            method: signed.method, resource: vector.resource, query: signed.query, headers: signed.headers, date: date)
        #expect(text(toSign) == vector["expect"]["string_to_sign"].string)
        #expect(signed.headers["Authorization"] == vector["expect"]["authorization"].string)
    }

    @Test(arguments: Vector.list("v1-presign", "vectors")) func theURLIsWhatTheOfficialSDKsMake(vector: Vector) throws {
        let signed = try V1Signer().presign(
            vector.request, resource: vector.resource, credentials: vector.credentials, now: vector.now,
            expires: vector["expires_seconds"].int)

        #expect(querySet(signed.query)["Signature"] == vector["expect"]["signature"].string)
        #expect(querySet(signed.query) == vector["expect"]["query"].texts)
    }

    @Test(arguments: [0, -1, Int.max]) func aURLMustLiveAtLeastASecond(seconds: Int) {
        let request = HTTPRequest(method: "GET", scheme: "https", host: "h", path: "/")
        let credentials = Credentials(accessKeyID: "k", accessKeySecret: Secret("s"))

        #expect(throws: PresignError.expiresOutOfRange(seconds: seconds)) {
            try V1Signer().presign(
                request, resource: SignedResource(bucket: "b", key: nil), credentials: credentials, now: Timestamp(seconds: 0),
                expires: seconds)
        }
    }

    @Test(arguments: ["OSS", "OSS ab", "OSS :sig", "OSS id:", "oss id:sig"]) func aBrokenHeaderIsRefused(value: String) {
        #expect(V1.parseAuthorization(value) == nil)
    }
}
