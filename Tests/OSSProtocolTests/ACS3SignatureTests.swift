import OSSProtocol
import Testing

@Suite struct ACS3SignatureTests {
    static let vectors = Vector.list("sts-acs3", "vectors")

    @Test(arguments: vectors) func theSignatureIsWhatTheOfficialSDKsSend(vector: Vector) throws {
        let request = vector["request"]
        let headers = HTTPHeaders(request["headers"].texts.map { HTTPHeaders.Field($0.key, $0.value) })
        let authorization = try #require(ACS3Signature.parseAuthorization(vector["expect"]["authorization"].string))

        let canonical = ACS3Signature.canonicalRequest(
            method: request["method"].string, path: request["path"].string,
            query: request["query_parameters"].texts.map { QueryItem($0.key, $0.value) }, headers: headers,
            signedHeaders: authorization.signedHeaders, bodyHash: Hex.encode(Digests.sha256(Array(request["body"].string.utf8))))

        #expect(canonical == vector["expect"]["canonical_request"].string)
        let signature = ACS3Signature.signature(canonicalRequest: canonical, secret: vector.credentials.accessKeySecret)
        #expect(signature == authorization.signature)
        #expect(authorization.accessKeyID == vector.credentials.accessKeyID)
        #expect(ACS3Signature.signsEnough(authorization, headers: headers))
    }

    @Test(arguments: ["host", "x-acs-date", "content-type"]) func aHeaderThatMustBeSignedIsMissed(name: String) {
        let headers: HTTPHeaders = ["Host": "h", "X-Acs-Date": "d", "Content-Type": "c", "Accept": "a"]
        let names = ["host", "x-acs-date", "content-type"].filter { $0 != name }

        let value = "ACS3-HMAC-SHA256 Credential=k,SignedHeaders=\(names.joined(separator: ";")),Signature=0"

        #expect(ACS3Signature.parseAuthorization(value).map { ACS3Signature.signsEnough($0, headers: headers) } == false)
    }

    @Test(arguments: [
        "ACS3-HMAC-SHA1 Credential=k,SignedHeaders=host,Signature=0", "ACS3-HMAC-SHA256 Credential=k,Signature=0", "ACS3-HMAC-SHA256",
        "ACS3-HMAC-SHA256 Credential=k,SignedHeaders=host", "ACS3-HMAC-SHA256 Credential=k,SignedHeaders=host,Signature=0,Signature=1",
    ]) func aBrokenHeaderIsRefused(value: String) {
        #expect(ACS3Signature.parseAuthorization(value) == nil)
    }
}
