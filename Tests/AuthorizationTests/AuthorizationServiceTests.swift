import Contracts
import OSSProtocol
import Testing

@testable import Authorization

@Suite struct AuthorizationServiceTests {
    @Test func credentialsComeWithEverythingAClientNeedsToUpload() async throws {
        let bench = Bench()
        let answer = try await bench.credentials()

        #expect(answer.code == "Success")
        #expect(answer.accessKeyId == "STS.NU1")
        #expect(answer.accessKeySecret == ScriptedSource.secret)
        #expect(answer.securityToken == ScriptedSource.securityToken)
        #expect(answer.expiration == "2026-01-15T09:30:00Z")
        #expect(answer.serverTime == "2026-01-15T08:30:00Z")
        #expect(answer.bucket == "media-ingest" && answer.region == "cn-hangzhou")
        #expect(answer.endpoint == "https://oss-cn-hangzhou.aliyuncs.com")
        #expect(answer.prefix == "uploads/camera-7/")
        let policy = try SessionPolicy(json: try #require(answer.policy))
        #expect(policy.evaluate(action: "oss:PutObject", resource: "acs:oss:*:1:media-ingest/uploads/camera-7/x") == .allow)
    }

    @Test func anOverLongLifeIsCutAndTheAnswerSaysSo() async throws {
        let bench = Bench()

        #expect(try await bench.credentials("{\"duration_seconds\":7200}").narrowedDurationSeconds == 3600)
        #expect(try await bench.credentials("{\"duration_seconds\":1800}").narrowedDurationSeconds == nil)
    }

    @Test func aGetGivesTheDefaultsUnderTheNamesThatCredentialClientsRead() async throws {
        let answer = await Bench().ask("GET", "/v1/credentials")
        let text = String(decoding: answer.body, as: UTF8.self)

        #expect(answer.status == 200)
        for name in ["Code", "AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"] { #expect(text.contains("\"\(name)\":\"")) }
    }

    @Test func aTokenInThePathOpensOnlyWhereTheClientMayUseIt() async throws {
        let open = Bench(mayUsePath: true)
        let shut = Bench()
        let path = "/v1/credentials/\(open.token.text.reveal())"

        #expect(await open.ask("GET", path, token: "none").status == 200)
        #expect(await shut.ask("GET", path, token: "none").status == 401)
        #expect(await open.ask("GET", "/v1/credentials/wrong").status == 401)
        #expect(await open.ask("POST", path, "{}").status == 405)
        #expect(await open.ask("GET", path + "/more").status == 404)
        #expect(!open.audit.text.contains(open.token.text.reveal()) && !shut.audit.text.contains(open.token.text.reveal()))
    }

    @Test(arguments: [
        ("GET", "/", "", 404, "NotFound"), ("GET", "/v1", "", 404, "NotFound"), ("GET", "/v1/credentials/", "", 404, "NotFound"),
        ("DELETE", "/v1/credentials", "", 405, "MethodNotAllowed"), ("GET", "/v1/signed-urls", "", 405, "MethodNotAllowed"),
        ("POST", "/healthz", "", 405, "MethodNotAllowed"), ("POST", "/v1/credentials", "{", 400, "BadRequest"),
        ("POST", "/v1/credentials", "[]", 400, "BadRequest"), ("POST", "/v1/credentials", "{\"prefix\":7}", 400, "BadRequest"),
        ("POST", "/v1/credentials", "{\"verbs\":[]}", 400, "BadRequest"),
        ("POST", "/v1/credentials", "{\"verbs\":[\"fly\"]}", 400, "BadRequest"),
        ("POST", "/v1/credentials", "{\"duration_seconds\":0}", 400, "BadRequest"),
        ("POST", "/v1/credentials", "{\"verbs\":[\"delete\"]}", 403, "OutsideGrant"),
        ("POST", "/v1/credentials", "{\"prefix\":\"uploads/camera-70\"}", 403, "OutsideGrant"),
        ("POST", "/v1/credentials", "{\"bucket\":\"other\"}", 403, "OutsideGrant"), ("POST", "/v1/signed-urls", "{}", 400, "BadRequest"),
    ])
    func whatIsNotAnsweredHasItsStatusAndCode(method: String, path: String, body: String, status: Int, code: String) async {
        let answer = await Bench().ask(method, path, body)

        #expect(answer.status == status)
        #expect(answer.failure?.code == code)
        #expect(answer.failure?.message.isEmpty == false)
    }

    @Test(arguments: [
        "wrong", "davit_camera-7_" + String(repeating: "0", count: 64), "davit_nobody_" + String(repeating: "0", count: 64), "",
    ])
    func aStrangerIsToldOnlyThatItIsOne(token: String) async {
        let bench = Bench()
        let answer = await bench.ask("POST", "/v1/credentials", "{}", token: token)

        #expect(answer.status == 401)
        #expect(answer.header("WWW-Authenticate") != nil)
        #expect(answer.failure?.message.contains("camera-7") == false)
        #expect(bench.audit.all.map(\.status) == [401])
        #expect(bench.audit.all.first?.client == nil)
        #expect(bench.source.calls == 0)
    }

    @Test func aRequestAboveTheRateIsToldWhenToComeBackAndCostsNoCall() async {
        let bench = Bench(grants: [Bench.rule(perMinute: 2)])
        let statuses = [
            await bench.ask("POST", "/v1/credentials", "{}").status,
            await bench.ask("POST", "/v1/credentials", "{\"verbs\":[\"get\"]}").status,
        ]
        let third = await bench.ask("GET", "/v1/credentials")

        #expect(statuses == [200, 403])
        #expect(third.status == 429)
        #expect(third.header("Retry-After") == "30")
        bench.clock.move(.seconds(30))
        #expect(await bench.ask("GET", "/v1/credentials").status == 200)
        #expect(bench.audit.all.map(\.status) == [200, 403, 429, 200])
    }

    @Test func aFailureOfSTSIsABadGatewayWithItsCodeAndRequestID() async {
        let bench = Bench()
        bench.source.state.withLock { $0.failure = IssueFailure(code: "EntityNotExist.Role", message: "no such role", requestID: "R7") }
        let answer = await bench.ask("POST", "/v1/credentials", "{}")

        #expect(answer.status == 502)
        #expect(answer.header("Retry-After") == "1")
        #expect(answer.failure?.message.contains("EntityNotExist.Role") == true && answer.failure?.message.contains("R7") == true)
        #expect(bench.audit.all.first?.stsRequestId == "R7")
    }

    @Test func everyDecisionIsOneLineThatSaysWhoWhatAndWhyNot() async throws {
        let bench = Bench(grants: [Bench.rule(verbs: [.upload, .get])])
        _ = try await bench.credentials("{\"job\":\"j-31\\nx\",\"verbs\":[\"upload\"]}")
        _ = try await bench.credentials("{\"verbs\":[\"upload\"]}")
        _ = await bench.ask("POST", "/v1/credentials", "{\"prefix\":\"uploads/camera-8/\"}")

        let lines = bench.audit.all
        #expect(lines.map(\.decision) == ["allowed", "allowed", "refused"])
        #expect(lines.map(\.client) == ["camera-7", "camera-7", "camera-7"])
        #expect(lines.map(\.sts) == ["asked", "kept", nil])
        #expect(lines[0].job == "j-31\u{FFFD}x")
        #expect(lines[0].verbs == ["upload"] && lines[0].prefix == "uploads/camera-7/" && lines[0].until == "2026-01-15T09:30:00Z")
        #expect(lines[0].remote == "192.0.2.7" && lines[0].time == "2026-01-15T08:30:00.000Z" && lines[0].stsRequestId == "STS-REQ-1")
        #expect(lines[2].prefix == "uploads/camera-8/" && lines[2].code == "OutsideGrant" && lines[2].reason?.isEmpty == false)
    }

    @Test func noSecretTokenOrSignatureReachesTheAuditLogOrTheMetrics() async throws {
        let bench = Bench(grants: [Bench.rule(verbs: [.upload, .get])], mayUsePath: true)
        _ = try await bench.credentials()
        let urls = try await bench.urls("{\"requests\":[{\"operation\":\"put\",\"key\":\"uploads/camera-7/a\"}]}")
        _ = await bench.ask("GET", "/v1/credentials/\(bench.token.text.reveal())")
        _ = await bench.ask("POST", "/v1/credentials", "{}", token: bench.token.text.reveal().dropLast() + "x")
        let metrics = String(decoding: await bench.ask("GET", "/metrics").body, as: UTF8.self)

        let signature = try #require(urls.urls.first?.url.split(separator: "x-oss-signature=").last.map(String.init))
        #expect(signature.count == 64)
        let written = bench.audit.text + metrics
        for secret in [
            ScriptedSource.secret, ScriptedSource.securityToken, signature, String(bench.token.text.reveal().suffix(60).prefix(40)),
        ] {
            #expect(!written.contains(secret))
        }
        #expect(bench.audit.all.count == 4)
    }

    @Test func whatCannotBeWrittenDownIsNotHandedOut() async {
        let bench = Bench()
        bench.audit.isFull.withLock { $0 = true }

        let answer = await bench.ask("POST", "/v1/credentials", "{}")
        #expect(answer.status == 503)
        #expect(answer.failure?.code == "AuditUnavailable")
        #expect(await bench.ask("GET", "/readyz").status == 503)
        bench.audit.isFull.withLock { $0 = false }
        #expect(await bench.ask("POST", "/v1/credentials", "{}").status == 200)
        #expect(await bench.ask("GET", "/readyz").status == 200)
    }

    @Test func aClientCanSayThatItsTokenWasRefused() async throws {
        let bench = Bench()
        let first = try await bench.credentials()
        bench.clock.move(.seconds(2))

        let second = try await bench.credentials("{\"refused_access_key_id\":\"\(first.accessKeyId)\"}")
        #expect(second.accessKeyId == "STS.NU2")
        bench.clock.move(.seconds(2))
        let urls = try await bench.urls(
            "{\"refused_access_key_id\":\"STS.NU2\",\"requests\":[{\"operation\":\"put\",\"key\":\"uploads/camera-7/a\"}]}")
        #expect(urls.urls[0].url.contains("x-oss-credential=STS.NU3%2F"))
        #expect(bench.audit.all.map(\.sts) == ["asked", "asked", "asked"])
    }

    @Test func newSettingsShutOutAClientThatIsGone() async {
        let bench = Bench()
        #expect(await bench.ask("GET", "/v1/credentials").status == 200)

        await bench.service.use(Bench.settings([]))
        #expect(await bench.ask("GET", "/v1/credentials").status == 401)
    }

    @Test func metricsCountAnswersByRouteAndStatus() async {
        let bench = Bench()
        _ = await bench.ask("GET", "/v1/credentials")
        _ = await bench.ask("GET", "/secret-path")
        let text = String(decoding: await bench.ask("GET", "/metrics").body, as: UTF8.self)

        #expect(text.contains("davit_authd_answers_total{route=\"credentials\",status=\"200\"} 1\n"))
        #expect(text.contains("davit_authd_answers_total{route=\"unknown\",status=\"404\"} 1\n"))
        #expect(text.contains("davit_authd_tokens_served_total 1\n"))
        #expect(!text.contains("secret-path") && !text.contains("camera-7"))
    }

    @Test func aThousandClientsOfOneIdentityCostOneCallALife() async {
        let bench = Bench(grants: [Bench.rule(perMinute: 100_000)])
        let statuses = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<1000 { group.addTask { await bench.ask("POST", "/v1/credentials", "{}").status } }
            return await group.reduce(into: Set<Int>()) { $0.insert($1) }
        }

        #expect(statuses == [200])
        #expect(bench.source.calls == 1)
        #expect(bench.audit.all.count == 1000)
        #expect(bench.audit.all.count { $0.sts == "asked" } == 1)
    }
}
