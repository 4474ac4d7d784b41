import OSSProtocol
import Testing

@testable import Sandbox

/// Credentials without a key of one's own: by an identity token, and from the metadata service.
@Suite struct IdentityTests {
    private func assume(_ caller: Caller, token: String, provider: String? = nil, policy: String? = nil, xml: Bool = false) async throws
        -> HTTPResponse
    {
        var request = STS.assumeRoleWithOIDC(
            endpoint: try Endpoint("http://127.0.0.1:9002"),
            AssumeRoleRequest(roleARN: caller.settings.roleARN, roleSessionName: "pod-1", policy: policy),
            providerARN: provider ?? SandboxSettings.oidcProviderARN, token: Secret(token), now: caller.now, nonce: randomHex(8))
        if xml {
            request.body = Array(
                String(decoding: request.body, as: UTF8.self).split(separator: "Format=JSON").joined(separator: "Format=XML").utf8)
        }
        return try await caller.deliverToSTS(request)
    }

    private func token(_ caller: Caller, _ order: String = "") async throws -> String {
        let answer = try await caller.control("POST", "/_sandbox/oidc/tokens", order)
        #expect(answer.status == 201 && answer.json["provider_arn"].text == SandboxSettings.oidcProviderARN)
        return try #require(answer.json["token"].text)
    }

    @Test(arguments: [false, true]) func anIdentityTokenGivesCredentialsThatWork(xml: Bool) async throws {
        let caller = try Caller()
        let text = try await token(caller, #"{"subject": "system:pod", "seconds": 60}"#)

        let answer = try await assume(caller, token: text, xml: xml)

        #expect(text.split(separator: ".").count == 3)
        let made = try STS.parseAssumeRole(answer)
        #expect(try await caller.code("PUT", "k", as: made) == nil)
        let shown = String(decoding: answer.body, as: UTF8.self)
        #expect(shown.contains("system:pod") && shown.contains(IdentityTokens.issuer) && (answer.body.first == UInt8(ascii: "<")) == xml)
    }

    @Test func anIdentityTokenIsHeldToItsEndItsMarkAndItsProvider() async throws {
        let caller = try Caller()
        let text = try await token(caller, #"{"seconds": 60}"#)
        let parts = text.split(separator: ".").map { String($0) }
        let forged = [parts[0], IdentityTokens.text(#"{"sub":"admin"}"#.utf8), parts[2]].joined(separator: ".")

        for wrong in [forged, text + "A", "a.b.c", String(repeating: "x", count: 20_000)] {
            #expect(STSError(response: try await assume(caller, token: wrong)).code == "AuthenticationFail.OIDCToken.Invalid")
        }
        for wrong in ["abc", String(repeating: "x", count: 20_001)] {
            #expect(STSError(response: try await assume(caller, token: wrong)).code == "InvalidParameter.OIDCToken")
        }
        let other = "acs:ram::\(SandboxSettings.account):oidc-provider/other"
        #expect(STSError(response: try await assume(caller, token: text, provider: other)).code == "EntityNotExist.OIDCProvider")
        caller.now = caller.now + .seconds(59)
        #expect(try await assume(caller, token: text).status == 200)
        caller.now = caller.now + .seconds(1)
        #expect(STSError(response: try await assume(caller, token: text)).code == "AuthenticationFail.OIDCToken.Expired")
    }

    @Test func aSessionPolicyLimitsWhatAnIdentityTokenGives() async throws {
        let caller = try Caller()
        let policy =
            #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:PutObject","Resource":"acs:oss:*:*:sandbox-bucket/in/*"}]}"#

        let made = try STS.parseAssumeRole(try await assume(caller, token: try await token(caller), policy: policy))

        #expect(try await caller.code("PUT", "in/k", as: made) == nil)
        #expect(try await caller.code("PUT", "out/k", as: made) == "AccessDenied")
        #expect(
            STSError(response: try await assume(caller, token: try await token(caller), policy: "{}")).code
                == "InvalidParameter.PolicyGrammar")
    }

    // MARK: Metadata

    private static let folder = "/latest/meta-data/ram/security-credentials/"

    private func text(_ response: HTTPResponse) -> String { String(decoding: response.body, as: UTF8.self) }

    private func credentials(_ response: HTTPResponse) throws -> Credentials {
        let found = try JSON.decode(VectorValue.self, response.body)
        #expect(found["Code"].text == "Success" && found["LastUpdated"].text != nil)
        return Credentials(
            accessKeyID: try #require(found["AccessKeyId"].text), accessKeySecret: Secret(try #require(found["AccessKeySecret"].text)),
            securityToken: Secret(try #require(found["SecurityToken"].text)),
            expiration: found["Expiration"].text.flatMap { Timestamp(iso8601: $0) })
    }

    @Test(arguments: [true, false]) func anInstanceGetsCredentialsThatWork(withToken: Bool) async throws {
        let caller = try Caller()
        var headers = HTTPHeaders()
        if withToken {
            let token = try await caller.metadata(
                "PUT", "/latest/api/token", headers: ["X-aliyun-ecs-metadata-token-ttl-seconds": "21600"])
            headers["X-aliyun-ecs-metadata-token"] = text(token)
        }

        let role = text(try await caller.metadata("GET", Self.folder, headers: headers))
        let made = try credentials(try await caller.metadata("GET", Self.folder + role, headers: headers))

        #expect(role == "sandbox-uploader" && made.expiration == caller.now + .seconds(21_600))
        #expect(try await caller.code("PUT", "k", as: made) == nil)
        #expect(try await caller.metadata("GET", Self.folder + "other", headers: headers).status == 404)
    }

    @Test func theLifeOfMetadataCredentialsCanBeTold() async throws {
        let caller = try Caller()
        _ = try await caller.control("POST", "/_sandbox/tokens/life", #"{"seconds": 5}"#)

        let made = try credentials(try await caller.metadata("GET", Self.folder + "sandbox-uploader"))

        #expect(made.expiration == caller.now + .seconds(5))
        caller.now = caller.now + .seconds(5)
        #expect(try await caller.code("PUT", "k", as: made) == "SecurityTokenExpired")
    }

    @Test func aMetadataTokenCanBeAskedForAndEnds() async throws {
        let caller = try Caller()
        _ = try await caller.control("POST", "/_sandbox/settings", #"{"metadata_token_required": true}"#)
        let token = text(
            try await caller.metadata("PUT", "/latest/api/token", headers: ["X-aliyun-ecs-metadata-token-ttl-seconds": "60"]))
        func status(_ headers: HTTPHeaders) async throws -> Int { try await caller.metadata("GET", Self.folder, headers: headers).status }

        #expect(try await status([:]) == 403)
        #expect(try await status(["X-aliyun-ecs-metadata-token": "x" + token]) == 401)
        #expect(try await status(["X-aliyun-ecs-metadata-token": token]) == 200)
        caller.now = caller.now + .seconds(60)
        #expect(try await status(["X-aliyun-ecs-metadata-token": token]) == 401)
        for ttl in [nil, "0", "21601", "x"] {
            let headers = HTTPHeaders(ttl.map { [HTTPHeaders.Field("X-aliyun-ecs-metadata-token-ttl-seconds", $0)] } ?? [])
            #expect(try await caller.metadata("PUT", "/latest/api/token", headers: headers).status == 400)
        }
    }

    @Test func faultRulesReachSTSAndTheMetadataService() async throws {
        let caller = try Caller()
        let rules = [
            "status status=200 code=Failed operation=MetadataCredentials", "503 operation=AssumeRoleWithOIDC",
            "corrupt operation=AssumeRole",
        ]
        for rule in rules { _ = try await caller.control("POST", "/_sandbox/faults", rule) }

        let failed = try await caller.metadata("GET", Self.folder + "sandbox-uploader")
        let unavailable = try await assume(caller, token: try await token(caller))

        let answered = try JSON.decode(VectorValue.self, failed.body)
        #expect(failed.status == 200 && answered["Code"].text == "Failed")
        #expect(unavailable.status == 503 && STSError(response: unavailable).code == "ServiceUnavailable")
        await #expect(throws: STSError.self) { try await caller.assumeRole() }
        let operations = try await caller.control("GET", "/_sandbox/requests").json["requests"].list.map { $0["operation"].text }
        #expect(operations == ["MetadataCredentials", "AssumeRoleWithOIDC", "AssumeRole"])
    }
}
