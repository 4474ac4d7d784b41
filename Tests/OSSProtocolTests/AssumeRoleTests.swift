import Testing

@testable import OSSProtocol

@Suite struct AssumeRoleTests {
    static let good = AssumeRoleRequest(
        roleARN: "acs:ram::1234567890123456:role/up/loader", roleSessionName: "camera-7@studio.x_1", durationSeconds: 900,
        policy: #"{"Version":"1"}"#, externalID: "a_+=,.@:/-9", sourceIdentity: "alice=1")
    static let credentials = Credentials(
        accessKeyID: "LTAIsome", accessKeySecret: Secret("some+secret/"), securityToken: Secret("tok en+/="))
    static let now = Timestamp(seconds: 1_768_465_800)

    static func request(_ change: (inout AssumeRoleRequest) -> Void) -> AssumeRoleRequest {
        var request = good
        change(&request)
        return request
    }

    @Test(arguments: [
        good, AssumeRoleRequest(roleARN: "acs:ram::1:role/r", roleSessionName: "ab"), request { $0.durationSeconds = 43_200 },
        request { $0.roleSessionName = String(repeating: "a", count: 64) }, request { $0.policy = String(repeating: "长", count: 2048) },
        request { $0.externalID = String(repeating: "e", count: 1224) },
    ]) func whatSTSTakesIsTaken(request: AssumeRoleRequest) throws {
        try request.validate()
    }

    @Test(arguments: [
        (AssumeRoleError.roleARN(""), request { $0.roleARN = "" }),
        (.roleARN("acs:ram::1:user/u"), request { $0.roleARN = "acs:ram::1:user/u" }),
        (.roleARN("acs:ram::1:role/"), request { $0.roleARN = "acs:ram::1:role/" }),
        (.roleARN("acs:ram:x:1:role/r"), request { $0.roleARN = "acs:ram:x:1:role/r" }),
        (.roleARN("acs:ram::me:role/r"), request { $0.roleARN = "acs:ram::me:role/r" }),
        (.roleARN("acs:ram::1:role/r r"), request { $0.roleARN = "acs:ram::1:role/r r" }),
        (.roleSessionName("a"), request { $0.roleSessionName = "a" }), (.roleSessionName("a b"), request { $0.roleSessionName = "a b" }),
        (.roleSessionName("é9"), request { $0.roleSessionName = "é9" }),
        (.roleSessionName(String(repeating: "a", count: 65)), request { $0.roleSessionName = String(repeating: "a", count: 65) }),
        (.duration(seconds: 899), request { $0.durationSeconds = 899 }),
        (.duration(seconds: 43_201), request { $0.durationSeconds = 43_201 }),
        (.policyLength(characters: 0), request { $0.policy = "" }),
        (.policyLength(characters: 2049), request { $0.policy = String(repeating: "x", count: 2049) }),
        (.externalID("a"), request { $0.externalID = "a" }), (.externalID("a b"), request { $0.externalID = "a b" }),
        (.externalID(String(repeating: "e", count: 1225)), request { $0.externalID = String(repeating: "e", count: 1225) }),
        (.sourceIdentity("a:b"), request { $0.sourceIdentity = "a:b" }),
    ]) func whatSTSWouldRefuseIsFoundBefore(error: AssumeRoleError, request: AssumeRoleRequest) {
        #expect(throws: error) { try request.validate() }
    }

    @Test func theTokenOfAnIdentityProviderIsMeasuredAndNeverShown() throws {
        let provider = "acs:ram::1:oidc-provider/k8s"

        try Self.good.validate(providerARN: provider, token: Secret("abcd"))
        #expect(throws: AssumeRoleError.providerARN("k8s")) { try Self.good.validate(providerARN: "k8s", token: Secret("abcd")) }
        for token in ["abc", String(repeating: "x", count: 20_001)] {
            let error = #expect(throws: AssumeRoleError.tokenLength(characters: token.utf8.count)) {
                try Self.good.validate(providerARN: provider, token: Secret(token))
            }
            #expect(error.map { "\($0)".contains(token) } == false)
        }
    }

    @Test(arguments: [credentials, Credentials(accessKeyID: "LTAIplain", accessKeySecret: Secret("s"))])
    func aServerFindsTheSameACS3Signature(credentials: Credentials) throws {
        let request = STS.assumeRole(
            endpoint: try Endpoint("http://127.0.0.1:9002"), Self.good, credentials: credentials, now: Self.now, nonce: "n 1", style: .acs3)

        var headers = request.headers
        headers["host"] = request.host
        let found = try #require(headers["Authorization"].flatMap { ACS3Signature.parseAuthorization($0) })
        let canonical = ACS3Signature.canonicalRequest(
            method: request.method, path: request.path, query: [], headers: headers, signedHeaders: found.signedHeaders,
            bodyHash: Hex.encode(Digests.sha256(request.body)))
        #expect(found.signature == ACS3Signature.signature(canonicalRequest: canonical, secret: credentials.accessKeySecret))
        #expect(found.accessKeyID == credentials.accessKeyID && ACS3Signature.signsEnough(found, headers: headers))
        #expect(headers["x-acs-content-sha256"] == Hex.encode(Digests.sha256(request.body)))
        #expect(headers["x-acs-action"] == "AssumeRole" && headers["x-acs-version"] == "2015-04-01")
        #expect(headers["x-acs-date"] == "2026-01-15T08:30:00Z" && headers["x-acs-signature-nonce"] == "n 1")
        #expect(headers["x-acs-security-token"] == credentials.securityToken?.reveal())
        #expect(headers["x-acs-accesskey-id"] == (credentials.securityToken == nil ? nil : credentials.accessKeyID))
        #expect(request.headers["host"] == nil && request.query == nil)
        let form = querySet(text(request.body))
        #expect(Set(form.keys) == ["RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "ExternalId", "SourceIdentity"])
        #expect(form["Policy"] == Self.good.policy)
    }

    @Test(arguments: Vector.list("sts-acs3", "vectors")) func theSignerAgreesWithTheSDKOverTheHeadersThatMustBeSigned(vector: Vector) throws
    {
        // The SDKs sign more headers than they must; over the same ones, by their own canonical form, ours is the same.
        let sent = HTTPHeaders(vector["request"]["headers"].texts.map { HTTPHeaders.Field($0.key, $0.value) })
        let host = try #require(sent["host"])
        let now = try #require(sent["x-acs-date"].flatMap { Timestamp(iso8601: $0) })
        var plain = HTTPRequest(
            method: vector["request"]["method"].string, scheme: "https", host: host, path: vector["request"]["path"].string,
            query: QueryItem.join(vector["request"]["query_parameters"].texts.map { QueryItem($0.key, $0.value) }),
            body: Array(vector["request"]["body"].string.utf8))
        plain.headers["content-type"] = sent["content-type"]

        let signed = ACS3Signature.sign(
            plain, action: try #require(sent["x-acs-action"]), version: try #require(sent["x-acs-version"]),
            credentials: vector.credentials,
            now: now, nonce: try #require(sent["x-acs-signature-nonce"]))

        let found = try #require(signed.headers["Authorization"].flatMap { ACS3Signature.parseAuthorization($0) })
        for name in found.signedHeaders where name != "host" { #expect(signed.headers[name] == sent[name], "\(name)") }
        let canonical = ACS3Signature.canonicalRequest(
            method: plain.method, path: plain.path, query: QueryItem.parse(plain.query), headers: sent, signedHeaders: found.signedHeaders,
            bodyHash: try #require(sent["x-acs-content-sha256"]))
        #expect(found.signature == ACS3Signature.signature(canonicalRequest: canonical, secret: vector.credentials.accessKeySecret))
    }

    @Test func theEndpointsOfSTSAreThree() {
        #expect(STS.endpoint().description == "https://sts.aliyuncs.com")
        #expect(STS.endpoint(region: "eu-west-1").description == "https://sts.eu-west-1.aliyuncs.com")
        #expect(STS.endpoint(region: "eu-west-1", insideVPC: true).description == "https://sts-vpc.eu-west-1.aliyuncs.com")
        #expect(STS.endpoint(insideVPC: true).description == "https://sts.aliyuncs.com")
    }

    @Test(arguments: [
        (400, "InvalidParameter.RoleArn", STSError.Kind.refused), (400, "InvalidParameter.PolicyGrammar", .refused),
        (400, "InvalidParameter.PolicySize", .refused), (400, "InvalidParameter.Something", .refused), (400, "MissingRoleArn", .refused),
        (400, "MissingWhatever", .refused), (400, "MissingSecurityToken", .refused), (400, "SignatureDoesNotMatch", .refused),
        (400, "InvalidTimeStamp.Expired", .clock), (400, "InvalidTimeStamp.Format", .clock), (400, "SignatureNonceUsed", .transient),
        (400, "Throttling", .throttled), (400, "Throttling.User", .throttled), (403, "NoPermission", .refused),
        (403, "InvalidAccessKeyId.Inactive", .refused), (404, "InvalidAccessKeyId.NotFound", .refused),
        (403, "InvalidSecurityToken.Expired", .staleToken), (403, "InvalidSecurityToken.Malformed", .staleToken),
        (403, "InvalidSecurityToken.MismatchWithAccessKey", .staleToken), (404, "EntityNotExist.Role", .refused),
        (404, "InvalidApi.NotFound", .refused), (404, "UnsupportedOperation", .refused), (500, "InternalError", .transient),
        (503, "ServiceUnavailable", .transient), (503, "BadErrorResponse", .transient), (429, "BadErrorResponse", .throttled),
        (502, "BadErrorResponse", .transient), (403, "BadErrorResponse", .refused), (302, "BadErrorResponse", .refused),
        (200, OSSError.unusableAnswer, .transient), (418, "ThrottlingIsNotThis", .refused),
    ]) func everyErrorOfSTSHasItsKindAndItsAdvice(status: Int, code: String, kind: STSError.Kind) {
        let error = STSError(status: status, code: code, message: "Request has expired. Throttling.")

        #expect(error.kind == kind)
        #expect(error.advice.hasSuffix(".") && !error.advice.hasSuffix("..") && !error.advice.contains(error.message))
    }

    @Test func noRowOfTheTableStandsTwice() {
        #expect(Set(STSError.rows.map(\.code)).count == STSError.rows.count)
    }

    @Test(arguments: ["a\r\nX: y", "", "a b"]) func aKeyThatWouldBreakAHeaderIsNoAnswer(id: String) {
        let body =
            #"{"Credentials":{"AccessKeyId":\#(id.quotedAsJSON),"AccessKeySecret":"s","SecurityToken":"t","Expiration":"2026-01-15T09:30:00Z"}}"#

        let error = #expect(throws: STSError.self) { try STS.parseAssumeRole(HTTPResponse(status: 200, body: Array(body.utf8))) }

        #expect(error?.code == OSSError.unusableAnswer)
    }

    @Test func anAnswerOfTenMegabytesIsReadNeitherAsSuccessNorAsError() {
        let filler = String(repeating: " ", count: 10 << 20)
        let body = Array((#"{"Code":"NoPermission","Message":"m"}"# + filler).utf8)

        #expect(throws: STSError.self) { try STS.parseAssumeRole(HTTPResponse(status: 200, body: body)) }
        #expect(STSError(response: HTTPResponse(status: 500, body: body)).code == OSSError.badErrorResponse)
    }
}
