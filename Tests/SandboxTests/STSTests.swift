import HummingbirdCore
import NIOCore
import OSSProtocol
import Testing

@testable import Sandbox

@Suite struct STSTests {
    private static let uploadOnly = """
        {"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:PutObject"],"Resource":["acs:oss:*:*:sandbox-bucket/users/alice/*"]}]}
        """

    private func refusal(_ body: () async throws -> Void) async -> STSError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? STSError
        }
    }

    // MARK: AssumeRole

    @Test func aTokenIsGoodForItsTimeAndNotForItsLastSecond() async throws {
        let caller = try Caller()

        let token = try await caller.assumeRole(seconds: 900)

        #expect(token.accessKeyID.hasPrefix("STS.") && token.expiration == caller.now + .seconds(900))
        #expect(try await caller.code("PUT", "k", as: token) == nil)
        caller.now = caller.now + .seconds(899)
        #expect(try await caller.code("PUT", "k", as: token) == nil)
        caller.now = caller.now + .seconds(1)
        #expect(try await caller.code("PUT", "k", as: token) == "SecurityTokenExpired")
    }

    @Test func aSessionPolicyLimitsAToken() async throws {
        let caller = try Caller()
        let token = try await caller.assumeRole(policy: Self.uploadOnly)

        #expect(try await caller.code("PUT", "users/alice/a", as: token) == nil)
        #expect(try await caller.code("POST", "users/alice/a", [QueryItem("uploads")], as: token) == nil)
        for (method, key) in [
            ("PUT", "users/alice2/a"), ("PUT", "users/alice"), ("GET", "users/alice/a"), ("HEAD", "users/alice/a"),
            ("DELETE", "users/alice/a"), ("GET", nil),
        ] {
            #expect(try await caller.code(method, key, as: token) == "AccessDenied")
        }
        #expect(try await caller.code("PUT", "users/alice/t", headers: ["x-oss-tagging": "a=b"], as: token) == "AccessDenied")
    }

    @Test func theRolesOwnPolicyMustAllowToo() async throws {
        let policy = try SessionPolicy(json: Self.uploadOnly)
        let caller = try Caller { $0.rolePolicy = policy }
        let token = try await caller.assumeRole()

        #expect(try await caller.code("PUT", "users/alice/a", as: token) == nil)
        #expect(try await caller.code("PUT", "users/bob/a", as: token) == "AccessDenied")
        #expect(try await caller.code("PUT", "users/bob/a") == nil)
    }

    @Test func tokensOutliveARestartAndDamageDoesNot() async throws {
        let caller = try Caller()
        let token = try await caller.assumeRole()
        let text = try #require(token.securityToken?.reveal())
        let store = try TokenStore(folder: caller.folder, life: nil)

        let issued = try #require(store.read(text))
        #expect(issued.accessKeyID == token.accessKeyID && store.secret(of: token.accessKeyID) == token.accessKeySecret)
        #expect(!store.hasExpired(issued, now: caller.now))
        for wrong in [String(text.dropLast(4)) + "AAAA", "CAIS", "", text + "AAAA", "x" + text] { #expect(store.read(wrong) == nil) }
    }

    @Test func aTokenBelongsToItsKey() async throws {
        let caller = try Caller()
        let (one, two) = (try await caller.assumeRole(), try await caller.assumeRole())
        let mixed = Credentials(accessKeyID: one.accessKeyID, accessKeySecret: one.accessKeySecret, securityToken: two.securityToken)
        let bare = Credentials(accessKeyID: one.accessKeyID, accessKeySecret: one.accessKeySecret)
        let long = Credentials(
            accessKeyID: caller.settings.accessKeyID, accessKeySecret: caller.settings.accessKeySecret, securityToken: one.securityToken)

        #expect(try await caller.code("PUT", "k", as: mixed) == "InvalidSecurityToken")
        #expect(try await caller.code("PUT", "k", as: bare) == "InvalidAccessKeyId")
        #expect(try await caller.code("PUT", "k", as: long) == "AccessKeyIdAndSecurityTokenNotMatch")
    }

    @Test func aSessionMayNotAssumeARoleThatItsPolicyDoesNotName() async throws {
        let caller = try Caller()
        let token = try await caller.assumeRole(policy: Self.uploadOnly)

        #expect(await refusal { _ = try await caller.assumeRole(as: token) }?.code == "NoPermission")
        let free = try await caller.assumeRole()
        #expect(await refusal { _ = try await caller.assumeRole(as: free) } == nil)
    }

    @Test(
        arguments: [
            ("{}", "alice", 3600, "InvalidParameter.PolicyGrammar"),
            (String(repeating: " ", count: 2049), "alice", 3600, "InvalidParameter.PolicySize"),
            (nil, "a", 3600, "InvalidParameter.RoleSessionName"), (nil, "a/b", 3600, "InvalidParameter.RoleSessionName"),
            (nil, "alice", 899, "InvalidParameter.DurationSeconds"), (nil, "alice", 3601, "InvalidParameter.DurationSeconds"),
        ] as [(String?, String, Int, String)]) func aWrongParameterIsNamed(policy: String?, session: String, seconds: Int, code: String)
        async throws
    {
        let caller = try Caller()

        let error = await refusal { _ = try await caller.assumeRole(policy: policy, seconds: seconds, session: session) }

        #expect(error?.code == code && error?.status == 400)
    }

    @Test func aCallRepeatedIsRefused() async throws {
        let caller = try Caller()
        let request = STS.assumeRole(
            endpoint: try Endpoint("http://127.0.0.1:9002"), AssumeRoleRequest(roleARN: caller.settings.roleARN, roleSessionName: "alice"),
            credentials: caller.credentials, now: caller.now, nonce: "n")

        #expect(try await caller.deliverToSTS(request).status == 200)
        #expect(STSError(response: try await caller.deliverToSTS(request)).code == "SignatureNonceUsed")
    }

    @Test func wrongKeysSecretsAndActionsAreNamed() async throws {
        let caller = try Caller()
        let wrong = Credentials(accessKeyID: caller.settings.accessKeyID, accessKeySecret: Secret("wrong"))
        let nobody = Credentials(accessKeyID: "nobody", accessKeySecret: Secret("wrong"))

        #expect(await refusal { _ = try await caller.assumeRole(as: wrong) }?.code == "SignatureDoesNotMatch")
        #expect(await refusal { _ = try await caller.assumeRole(as: nobody) }?.code == "InvalidAccessKeyId.NotFound")
        let unknown = try await caller.deliverToSTS(
            .init(method: "GET", scheme: "http", host: "127.0.0.1", path: "/", query: "Action=Nothing"))
        #expect(unknown.status == 404 && STSError(response: unknown).code == "InvalidApi.NotFound")
    }

    // MARK: Roles

    @Test func aRoleWithAnExternalIDAsksForIt() async throws {
        let caller = try Caller { $0.externalID = "ticket-7" }
        func assume(_ id: String?) async throws -> HTTPResponse {
            try await caller.deliverToSTS(
                STS.assumeRole(
                    endpoint: try Endpoint("http://127.0.0.1:9002"),
                    AssumeRoleRequest(roleARN: caller.settings.roleARN, roleSessionName: "alice", externalID: id),
                    credentials: caller.credentials, now: caller.now, nonce: randomHex(16)))
        }

        #expect(try await assume("ticket-7").status == 200)
        for wrong in [nil, "ticket-8"] { #expect(STSError(response: try await assume(wrong)).code == "NoPermission") }
        #expect(STSError(response: try await assume("a b")).code == "InvalidParameter.ExternalId")
    }

    @Test func aRoleMayAssumeAnotherWhereItsPolicyLetsIt() async throws {
        let second = "acs:ram::\(SandboxSettings.account):role/second"
        let chain = try SessionPolicy(
            json: #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"\#(second)"}]}"#)
        let upload = try SessionPolicy(json: Self.uploadOnly)
        let caller = try Caller {
            $0.rolePolicy = chain
            $0.otherRoles = [("second", upload), ("third", nil)]
        }
        let first = try await caller.assumeRole()

        let token = try await caller.assumeRole(role: second, as: first)

        #expect(try await caller.code("PUT", "users/alice/a", as: first) == "AccessDenied")
        #expect(try await caller.code("PUT", "users/alice/a", as: token) == nil)
        #expect(try await caller.code("PUT", "users/bob/a", as: token) == "AccessDenied")
        let third = "acs:ram::\(SandboxSettings.account):role/third"
        #expect(await refusal { _ = try await caller.assumeRole(role: third, as: first) }?.code == "NoPermission")
        #expect(await refusal { _ = try await caller.assumeRole(role: third, as: token) }?.code == "NoPermission")
    }

    @Test func theCallerIsToldWhoItIs() async throws {
        let caller = try Caller()
        let token = try await caller.assumeRole(session: "camera-7")

        let (user, role) = (try await identity(caller, caller.credentials), try await identity(caller, token))

        #expect(user["IdentityType"].text == "RAMUser" && user["AccountId"].text == SandboxSettings.account)
        #expect(role["IdentityType"].text == "AssumedRoleUser")
        #expect(role["Arn"].text == "acs:ram::\(SandboxSettings.account):assumed-role/sandbox-uploader/camera-7")
        #expect(role["PrincipalId"].text?.hasSuffix(":camera-7") == true && role["RoleId"].text != nil)
    }

    private func identity(_ caller: Caller, _ who: Credentials) async throws -> VectorValue {
        var items = [
            QueryItem("Action", "GetCallerIdentity"), QueryItem("Version", "2015-04-01"), QueryItem("SignatureNonce", randomHex(8)),
            QueryItem("Timestamp", caller.now.iso8601), QueryItem("AccessKeyId", who.accessKeyID),
            QueryItem("SignatureMethod", "HMAC-SHA1"),
            QueryItem("SignatureVersion", "1.0"),
        ]
        if let token = who.securityToken { items.append(QueryItem("SecurityToken", token.reveal())) }
        items.append(QueryItem("Signature", RPCSignature.signature(method: "GET", parameters: items, secret: who.accessKeySecret)))
        let answer = try await caller.deliverToSTS(
            .init(method: "GET", scheme: "http", host: "127.0.0.1:9002", path: "/", query: QueryItem.join(items)))
        #expect(answer.status == 200)
        return try JSON.decode(VectorValue.self, answer.body)
    }
}
