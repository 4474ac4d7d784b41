import OSSProtocol
import Testing

@Suite struct STSTests {
    static let credentials = Credentials(
        accessKeyID: "LTAIsome", accessKeySecret: Secret("some+secret/"), securityToken: Secret("tok en+/="))
    static let now = Timestamp(seconds: 1_768_465_800)

    @Test(arguments: Vector.list("sts-rpc-v1", "vectors")) func theSignatureIsWhatTheOfficialSDKsSend(vector: Vector) {
        let request = vector["request"]
        let parameters = (Array(request["query_parameters"].texts) + Array(request["form_parameters"].texts)).map {
            QueryItem($0.key, $0.value)
        }
        let method = request["method"].string

        #expect(RPCSignature.canonicalQuery(parameters) == vector["expect"]["canonicalized_query"].string)
        #expect(RPCSignature.stringToSign(method: method, parameters: parameters) == vector["expect"]["string_to_sign"].string)
        let signature = RPCSignature.signature(method: method, parameters: parameters, secret: vector.credentials.accessKeySecret)
        #expect(signature == vector["expect"]["signature"].string)
    }

    @Test func aServerFindsTheSameSignatureInTheForm() throws {
        let wish = AssumeRoleRequest(
            roleARN: "acs:ram::1:role/up", roleSessionName: "camera-7", durationSeconds: 900, policy: #"{"Version":"1"}"#, externalID: "x=1"
        )

        let request = STS.assumeRole(
            endpoint: try Endpoint("http://127.0.0.1:9002"), wish, credentials: Self.credentials, now: Self.now, nonce: "n 1")

        let items = QueryItem.parse(text(request.body))
        let found = Dictionary(uniqueKeysWithValues: items.map { ($0.name, $0.value ?? "") })
        #expect(found["Signature"] == RPCSignature.signature(method: "POST", parameters: items, secret: Self.credentials.accessKeySecret))
        #expect(found["Policy"] == wish.policy && found["DurationSeconds"] == "900" && found["ExternalId"] == "x=1")
        #expect(found["SecurityToken"] == "tok en+/=" && found["Timestamp"] == "2026-01-15T08:30:00Z" && found["SignatureNonce"] == "n 1")
        #expect(request.method == "POST" && request.path == "/" && request.query == nil && request.host == "127.0.0.1:9002")
    }

    @Test func anIdentityProvidersTokenNeedsNoKey() throws {
        let request = STS.assumeRoleWithOIDC(
            endpoint: .stsForRegion("cn-beijing"), AssumeRoleRequest(roleARN: "r", roleSessionName: "s", externalID: "e"), providerARN: "p",
            token: Secret("jwt"), now: Self.now, nonce: "n")

        let names = Set(QueryItem.parse(text(request.body)).map(\.name))
        #expect(names.isSuperset(of: ["Action", "OIDCProviderArn", "OIDCToken", "RoleArn", "RoleSessionName"]))
        #expect(names.isDisjoint(with: ["AccessKeyId", "Signature", "ExternalId"]))
    }

    @Test(arguments: [
        #"{"RequestId":"R","Credentials":{"AccessKeyId":"STS.a","AccessKeySecret":"s","SecurityToken":"t","Expiration":"2026-01-15T09:30:00Z"}}"#,
        "<AssumeRoleResponse><Credentials><AccessKeyId>STS.a</AccessKeyId><AccessKeySecret>s</AccessKeySecret><SecurityToken>t</SecurityToken><Expiration>2026-01-15T09:30:00Z</Expiration></Credentials></AssumeRoleResponse>",
    ]) func credentialsAreReadFromJSONAndXML(body: String) throws {
        let credentials = try STS.parseAssumeRole(HTTPResponse(status: 200, body: Array(body.utf8)))

        #expect(
            credentials.accessKeyID == "STS.a" && credentials.accessKeySecret == Secret("s") && credentials.securityToken == Secret("t"))
        #expect(credentials.expiration == Self.now + .seconds(3600))
    }

    @Test(arguments: [
        #"{"RequestId":"R","Code":"NoPermission","Message":"You are not allowed."}"#,
        "<Error><RequestId>R</RequestId><Code>NoPermission</Code><Message>You are not allowed.</Message></Error>",
    ]) func errorsAreReadFromJSONAndXML(body: String) {
        let error = #expect(throws: STSError.self) { try STS.parseAssumeRole(HTTPResponse(status: 403, body: Array(body.utf8))) }

        #expect(error == STSError(status: 403, code: "NoPermission", message: "You are not allowed.", requestID: "R"))
    }

    @Test(arguments: [
        "", "{}", "<html/>", #"{"Credentials":{"AccessKeyId":"a","AccessKeySecret":"s","SecurityToken":"t"}}"#,
        #"{"Credentials":{"AccessKeyId":"a","AccessKeySecret":"s","SecurityToken":"t","Expiration":"soon"}}"#,
        #"{"Credentials":{"AccessKeyId":"","AccessKeySecret":"s","SecurityToken":"t","Expiration":"2026-01-15T09:30:00Z"}}"#,
    ]) func aSuccessWithoutWholeCredentialsIsAnError(body: String) {
        let error = #expect(throws: STSError.self) { try STS.parseAssumeRole(HTTPResponse(status: 200, body: Array(body.utf8))) }

        #expect(error?.code == OSSError.unusableAnswer)
    }

    @Test func aProxysPageIsABadErrorResponse() {
        let error = #expect(throws: STSError.self) { try STS.parseAssumeRole(HTTPResponse(status: 502, body: Array("<html>".utf8))) }

        #expect(error?.code == OSSError.badErrorResponse && error?.status == 502)
    }
}
