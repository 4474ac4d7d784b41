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

    // MARK: Signatures

    private func identify(_ vector: Vector, _ kind: String, token: String?? = nil, after: Duration = .zero) throws -> Identity {
        let request = vector["request"]
        let query = QueryItem.join(request["query_parameters"].texts.map { QueryItem($0.key, $0.value) })
        var headers = HTTPHeaders(request["headers"].texts.map { HTTPHeaders.Field($0.key, $0.value) })
        var body = request["body"].text ?? ""
        if kind == "rpc" {
            // The signature is one parameter more.
            let form = request["form_parameters"].texts.map { QueryItem($0.key, $0.value) }
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = QueryItem.join(form + [QueryItem("Signature", vector["expect"]["signature"].text ?? "")]) ?? ""
        } else {
            headers["Authorization"] = vector["expect"]["authorization"].text
        }
        let incoming = IncomingRequest(
            method: request["method"].text ?? "", target: (request["path"].text ?? "/") + (query.map { "?\($0)" } ?? ""),
            host: request["host"].text ?? "", headers: headers)
        return try STSCall(incoming, body: Array(body.utf8)).identify(
            lookup: vector.lookup(), nonces: NonceMemory(), now: vector.now + after)
    }

    /// Unsigned calls of the vectors (AssumeRoleWithOIDC and its like) have no signature to check.
    private static func signed(_ name: String) -> [Vector] { Vector.list(name).filter { $0["expect"]["signature"].text != nil } }

    @Test(arguments: Self.signed("sts-rpc-v1")) func everyRPCVectorIsAccepted(vector: Vector) {
        #expect(throws: Never.self) { try identify(vector, "rpc") }
        #expect(throws: STSFailure.self) { try identify(vector, "rpc", after: .seconds(901)) }
    }

    @Test(arguments: Self.signed("sts-acs3")) func everyACS3VectorIsAccepted(vector: Vector) {
        #expect(throws: Never.self) { try identify(vector, "acs3") }
        #expect(throws: STSFailure.self) { try identify(vector, "acs3", after: .seconds(-901)) }
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

    // MARK: Control

    @Test func tokensExpireWhenTold() async throws {
        let caller = try Caller()
        let (one, two) = (try await caller.assumeRole(), try await caller.assumeRole())

        _ = try await caller.control("POST", "/_sandbox/tokens/expire", #"{"access_key_id": "\#(one.accessKeyID)"}"#)
        #expect(try await caller.code("PUT", "k", as: one) == "SecurityTokenExpired")
        #expect(try await caller.code("PUT", "k", as: two) == nil)
        _ = try await caller.control("POST", "/_sandbox/tokens/expire")
        #expect(try await caller.code("PUT", "k", as: two) == "SecurityTokenExpired")
        #expect(try await caller.code("PUT", "k", as: try await caller.assumeRole()) == nil)
    }

    @Test func aToldLifeIsTrueInTheAnswer() async throws {
        let caller = try Caller()

        _ = try await caller.control("POST", "/_sandbox/tokens/life", #"{"seconds": 5}"#)
        #expect(try await caller.assumeRole(seconds: 3600).expiration == caller.now + .seconds(5))
        _ = try await caller.control("POST", "/_sandbox/tokens/life", #"{"seconds": null}"#)
        #expect(try await caller.assumeRole(seconds: 3600).expiration == caller.now + .seconds(3600))
    }

    @Test func theClockCanBeMoved() async throws {
        let caller = try Caller()

        #expect(try await caller.control("POST", "/_sandbox/clock", #"{"offset": 1200}"#).status == 200)

        let answer = try await caller.send("PUT", "k")
        #expect(OSSError(response: answer).code == "RequestTimeTooSkewed")
        #expect(OSSError(response: answer).serverTime == caller.now + .seconds(1200))
        #expect(answer.headers["Date"] == (caller.now + .seconds(1200)).httpDate)
    }

    @Test func requestsAreRecordedWithWhatTheyWere() async throws {
        let caller = try Caller()
        let id = try await caller.initiate("k")
        _ = try await caller.upload("k", id, 7, [1, 2, 3])
        _ = try await caller.deliver(.init(method: "GET", scheme: "http", host: "127.0.0.1", path: "/sandbox-bucket/k"))

        let page = try await caller.control("GET", "/_sandbox/requests?since=1").json

        let requests = page["requests"].list
        #expect(requests.map { $0["operation"].text } == ["UploadPart", "GetObject"])
        #expect(requests[0]["upload_id"].text == id && requests[0]["access_key_id"].text == caller.settings.accessKeyID)
        #expect(requests[1]["code"].text == "AccessDenied" && requests[1]["access_key_id"].text == nil)
    }

    @Test func objectsAreShownWithTheirDigests() async throws {
        let caller = try Caller()
        _ = try await caller.send("PUT", "a/k", body: content(100_000))
        _ = try await caller.send("PUT", "b", body: [])

        let objects = try await caller.control("GET", "/_sandbox/objects?prefix=a/").json["objects"].list

        #expect(objects.map { $0["key"].text } == ["a/k"])
        #expect(
            objects[0]["sha256"].text == Hex.encode(Digests.sha256(content(100_000))) && objects[0]["crc64"].text == crc64(content(100_000))
        )
    }

    @Test func rulesComeAndGoWhileItRuns() async throws {
        let caller = try Caller()

        #expect(try await caller.control("POST", "/_sandbox/faults", #"{"effect": "status", "status": 500}"#).status == 201)
        #expect(try await caller.code("PUT", "k") == "InternalError")
        #expect(try await caller.control("GET", "/_sandbox/faults").json["faults"].list.first?["rule"].text == "status status=500")
        #expect(try await caller.control("DELETE", "/_sandbox/faults/1").status == 200)
        #expect(try await caller.code("PUT", "k") == nil)
        let wrong = try await caller.control("POST", "/_sandbox/faults", #"{"effect": "explode"}"#)
        #expect(wrong.status == 400 && wrong.json["error"].text?.contains("explode") == true)
    }

    @Test func theControlCallsAnswerToLoopbackNamesOnly() async throws {
        let caller = try Caller()
        let request = IncomingRequest(method: "GET", target: "/_sandbox/objects", host: "evil.example:9002", headers: [:])

        let delivery = await caller.parts.control.respond(to: request, body: IncomingBody(RequestBody(buffer: ByteBuffer()), announced: 0))

        #expect(delivery.answer?.status == 403)
    }
}
