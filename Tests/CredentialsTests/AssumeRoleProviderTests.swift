import OSSProtocol
import Platform
import Testing

@testable import Credentials

@Suite struct AssumeRoleProviderTests {
    static let role = RoleSettings(roleARN: "acs:ram::1:role/uploader", sessionName: "camera-7")
    static let long = Credentials(accessKeyID: "LTAI1", accessKeySecret: Secret("long-secret"))
    static let temporary = [
        Credentials(accessKeyID: "STS.A", accessKeySecret: Secret("secret-of-a"), securityToken: Secret("token-of-a")),
        Credentials(accessKeyID: "STS.B", accessKeySecret: Secret("secret-of-b"), securityToken: Secret("token-of-b")),
    ]
    let clock = Lock(Timestamp(iso8601: "2026-01-15T08:00:00Z") ?? Timestamp(seconds: 0))
    let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    func caller(_ server: LoopbackServer) throws -> STSCaller {
        STSCaller(
            endpoint: try Endpoint(server.url), transport: try transport(), now: { [clock] in clock.withLock { $0 } },
            learnClock: { [clock] time in clock.withLock { $0 = time } })
    }

    func provider(
        _ server: LoopbackServer, _ role: RoleSettings = role, source: any CredentialProvider = KeepingProvider([long])
    ) throws -> AssumeRoleProvider {
        AssumeRoleProvider(sts: try caller(server), role: role, source: source)
    }

    @Test func everythingThatTheSettingsSayIsSentToSTS() async throws {
        let server = LoopbackServer { _ in http(200, stsJSON(1), "Date: Thu, 15 Jan 2026 08:30:00 GMT") }
        let role = RoleSettings(
            roleARN: "acs:ram::1:role/uploader", sessionName: "camera-7", duration: .seconds(900), externalID: "the/external:id",
            policy: .file(try folder.write("policy.json", " {\"Version\":\"1\"}\n", mode: 0o644)))

        let issued = try await provider(server, role).fetch()

        let form = try #require(server.seen.first?.form)
        let wanted = [
            "Action": "AssumeRole", "Version": "2015-04-01", "Format": "JSON", "RoleArn": "acs:ram::1:role/uploader",
            "RoleSessionName": "camera-7", "DurationSeconds": "900", "ExternalId": "the/external:id", "Policy": "{\"Version\":\"1\"}",
            "AccessKeyId": "LTAI1", "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0", "Timestamp": "2026-01-15T08:00:00Z",
        ]
        for (name, value) in wanted { #expect(form[name] == value) }
        #expect(form["Signature"]?.isEmpty == false && form["SignatureNonce"]?.isEmpty == false && form["SecurityToken"] == nil)
        #expect(server.seen.map { "\($0.method) \($0.path)" } == ["POST /"])
        #expect(issued.credentials.accessKeyID == "STS.NU1" && issued.credentials.securityToken == Secret("CAIS-1"))
        #expect(issued.credentials.expiration == Timestamp(iso8601: "2026-01-15T09:30:00Z"))
        #expect(issued.serverTime == Timestamp(iso8601: "2026-01-15T08:30:00Z"))
        #expect(clock.withLock { $0 } == issued.serverTime)
    }

    @Test func whatTheSettingsLeaveOutIsNotSent() async throws {
        let server = LoopbackServer { _ in http(200, stsJSON(1)) }

        _ = try await provider(server).fetch()

        let form = try #require(server.seen.first?.form)
        #expect(["DurationSeconds", "Policy", "ExternalId"].allSatisfy { form[$0] == nil })
    }

    @Test func theSourceIsAskedForEachCallAndMayBeARoleItself() async throws {
        let server = LoopbackServer { seen in http(200, stsJSON(seen.form["AccessKeyId"] == "LTAI1" ? 1 : 2)) }
        let source = KeepingProvider([Self.long])
        let chained = try provider(server, RoleSettings(roleARN: "acs:ram::2:role/second"), source: try provider(server, source: source))

        let ids = [try await chained.fetch().credentials.accessKeyID, try await chained.fetch().credentials.accessKeyID]

        #expect(ids == ["STS.NU2", "STS.NU2"])
        #expect(source.asked == [nil, nil])
        #expect(server.seen.map { $0.form["AccessKeyId"] } == ["LTAI1", "STS.NU1", "LTAI1", "STS.NU1"])
        #expect(server.seen[1].form["SecurityToken"] == "CAIS-1" && server.seen[1].form["RoleSessionName"] == "davit")
    }

    @Test(arguments: [
        (403, "NoPermission", "sts:AssumeRole"), (404, "EntityNotExist.Role", "account and name"),
        (400, "InvalidParameter.RoleArn", "acs:ram"),
        (400, "InvalidParameter.DurationSeconds", "MaxSessionDuration"), (404, "InvalidAccessKeyId.NotFound", "access key id"),
        (403, "InvalidAccessKeyId.Inactive", "Enable"), (400, "SomethingNew", "SomethingNew"),
    ])
    func whatOnlyAPersonCanRepairIsRefusedWithCodeMessageAndRequest(status: Int, code: String, advice: String) async throws {
        let server = LoopbackServer { _ in http(status, stsError(code)) }

        let failure = await failure(of: try provider(server))

        #expect(failure?.isRefused == true, "\(failure?.text ?? "")")
        for part in [code, "Because, request R-9", "acs:ram::1:role/uploader", advice] {
            #expect(failure?.text.contains(part) == true, "\(failure?.text ?? "")")
        }
        #expect(server.seen.count == 1 && failure?.text.contains("\n") == false)
    }

    @Test(arguments: [
        (400, stsError("Throttling.User")), (429, ""), (500, stsError("InternalError")), (503, "<html>busy</html>"),
        (400, stsError("SignatureNonceUsed")), (200, "{}"),
    ])
    func whatPassesIsUnavailable(status: Int, body: String) async throws {
        let server = LoopbackServer { _ in http(status, body, "Retry-After: 3") }

        guard case .unavailable(let wait, _) = await failure(of: try provider(server)) else {
            Issue.record("it is not unavailable")
            return
        }

        #expect(wait == .seconds(3) && server.seen.count == 1)
    }

    @Test func withoutAnAnswerItIsUnavailable() async throws {
        let port = LoopbackServer { _ in nil }.port
        let sts = STSCaller(
            endpoint: try Endpoint("http://127.0.0.1:\(port)"), transport: try transport(), now: { Timestamp(seconds: 0) },
            learnClock: { _ in })

        let failure = await failure(of: AssumeRoleProvider(sts: sts, role: Self.role, source: KeepingProvider([Self.long])))

        #expect(failure?.isUnavailable == true && failure?.text.contains("127.0.0.1:\(port)") == true)
    }

    @Test func aWrongClockIsPutRightByTheAnswerAndTheCallMadeOnceMore() async throws {
        let server = LoopbackServer { seen in
            seen.form["Timestamp"] == "2026-01-15T11:00:00Z"
                ? http(200, stsJSON(1)) : http(400, stsError("InvalidTimeStamp.Expired"), "Date: Thu, 15 Jan 2026 11:00:00 GMT")
        }

        #expect(try await provider(server).fetch().credentials.accessKeyID == "STS.NU1")

        #expect(server.seen.count == 2)
        #expect(server.seen[0].form["SignatureNonce"] != server.seen[1].form["SignatureNonce"])
    }

    @Test(arguments: [["Date: Thu, 15 Jan 2026 11:00:00 GMT"], []]) func aClockThatStaysWrongIsRefused(headers: [String]) async throws {
        let server = LoopbackServer { _ in
            headers.isEmpty ? http(400, stsError("InvalidTimeStamp.Expired")) : http(400, stsError("InvalidTimeStamp.Expired"), headers[0])
        }

        let failure = await failure(of: try provider(server))

        #expect(failure?.isRefused == true && failure?.text.contains("clock") == true)
        #expect(server.seen.count == headers.count + 1)
    }

    @Test func aPageOfAProxyTeachesNoTime() async throws {
        let before = clock.withLock { $0 }
        let server = LoopbackServer { _ in http(502, "<html></html>", "Date: Thu, 15 Jan 2015 11:00:00 GMT") }

        _ = await failure(of: try provider(server))

        #expect(clock.withLock { $0 } == before)
    }

    @Test func aSourceWhoseTokenIsRefusedIsAskedForAnother() async throws {
        let source = KeepingProvider(Self.temporary)
        let server = LoopbackServer { seen in
            seen.form["SecurityToken"] == "token-of-b" ? http(200, stsJSON(1)) : http(403, stsError("InvalidSecurityToken.Expired"))
        }

        #expect(try await provider(server, source: source).fetch().credentials.accessKeyID == "STS.NU1")

        #expect(source.asked == [nil, "STS.A"])
        #expect(server.seen.map { $0.form["AccessKeyId"] } == ["STS.A", "STS.B"])
    }

    @Test(arguments: [1, 2]) func aTokenThatStaysRefusedEndsIt(count: Int) async throws {
        let source = KeepingProvider(Array(Self.temporary.prefix(count)))
        let server = LoopbackServer { _ in http(403, stsError("InvalidSecurityToken.Malformed")) }

        #expect(await failure(of: try provider(server, source: source))?.isRefused == true)

        #expect(source.asked.count == 2)
        // The same token again would only be refused again.
        #expect(server.seen.count == count)
    }

    @Test func noSecretOfTheSourceIsEverSaid() async throws {
        for (status, code) in [(400, "SignatureDoesNotMatch"), (403, "NoPermission"), (500, "InternalError")] {
            let server = LoopbackServer { seen in
                let signed = "AccessKeyId%3DSTS.A%26SecurityToken%3Dtoken-of-a secret-of-a \(seen.form["SecurityToken"] ?? "")"
                return http(status, stsError(code, "server string to sign is: \(signed)"))
            }
            let text = await failure(of: try provider(server, source: KeepingProvider(Self.temporary)))?.text ?? ""
            #expect(text.contains(code) && !text.contains("token-of-a") && !text.contains("secret-of-a"), "\(text)")
        }
    }

    @Test func aSourceThatGivesNothingSaysSoItself() async throws {
        let server = LoopbackServer { _ in http(200, stsJSON(1)) }

        let missing = await failure(of: try provider(server, source: EnvironmentProvider(environment: [:])))
        let anonymous = await failure(of: try provider(server, source: AnonymousProvider()))

        #expect(missing?.isNotConfigured == true && anonymous?.isRefused == true)
        #expect(server.seen.isEmpty)
    }

    @Test func aPolicyIsReadAnewAndAtMost2048CharactersLong() async throws {
        let server = LoopbackServer { _ in http(200, stsJSON(1)) }
        let path = try folder.write("policy.json", String(repeating: "ü", count: 2048))
        let provider = try provider(server, RoleSettings(roleARN: "acs:ram::1:role/uploader", policy: .file(path)))

        _ = try await provider.fetch()
        let print = provider.fingerprint
        _ = try folder.write("policy.json", String(repeating: "a", count: 2049))
        let failure = await failure(of: provider)

        #expect(server.seen.map { $0.form["Policy"]?.unicodeScalars.count } == [2048])
        #expect(failure?.isRefused == true && failure?.text.contains("2049 characters") == true)
        #expect(provider.fingerprint != print)
    }

    @Test(arguments: ["none", "", "pipe", "latin"]) func aPolicyThatCannotBeReadIsRefused(what: String) async throws {
        let server = LoopbackServer { _ in http(200, stsJSON(1)) }
        var path = folder.path + "/none"
        if what == "" { path = try folder.write("policy.json", " \n") }
        if what == "pipe" { path = "/dev/tty" }
        if what == "latin" {
            path = try folder.write("policy.json", "x")
            try SecureFile.write(path, [0xFC, 0x20])
        }

        let failure = await failure(of: try provider(server, RoleSettings(roleARN: "acs:ram::1:role/uploader", policy: .file(path))))

        #expect(failure?.isRefused == true && failure?.text.contains("policy-file") == true)
        #expect(server.seen.isEmpty)
    }

    @Test func everythingThatChangesWhatComesOutIsInTheFingerprint() throws {
        let server = LoopbackServer { _ in nil }
        let arn = "acs:ram::1:role/uploader"
        let roles = [
            RoleSettings(roleARN: arn), RoleSettings(roleARN: arn + "2"), RoleSettings(roleARN: arn, sessionName: "other"),
            RoleSettings(roleARN: arn, duration: .seconds(900)), RoleSettings(roleARN: arn, externalID: "the-external-id"),
            RoleSettings(roleARN: arn, policy: .text("{}")), RoleSettings(roleARN: arn, policy: .text("{ }")),
        ]

        let prints = try roles.map { try provider(server, $0).fingerprint }
        let others = [
            try provider(server, roles[0], source: KeepingProvider([Self.long], fingerprint: "another")).fingerprint,
            try provider(LoopbackServer { _ in nil }, roles[0]).fingerprint,
        ]

        #expect(Set(prints + others).count == roles.count + 2)
        #expect(prints.allSatisfy { !$0.contains("the-external-id") })
        #expect(try provider(server, RoleSettings(roleARN: arn)).fingerprint == prints[0])
    }

    @Test(
        arguments: [
            (nil, nil, [:], "https://sts.aliyuncs.com"), (nil, "cn-hangzhou", [:], "https://sts.cn-hangzhou.aliyuncs.com"),
            ("https://sts.example.com:8443", "cn-hangzhou", ["ALIBABA_CLOUD_STS_REGION": "cn-beijing"], "https://sts.example.com:8443"),
            (nil, "cn-hangzhou", ["ALIBABA_CLOUD_STS_REGION": "cn-beijing"], "https://sts.cn-beijing.aliyuncs.com"),
            (
                nil, nil, ["ALIBABA_CLOUD_STS_REGION": "cn-beijing", "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED": "true"],
                "https://sts-vpc.cn-beijing.aliyuncs.com"
            ),
            (nil, "cn-hangzhou", ["ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED": "True"], "https://sts-vpc.cn-hangzhou.aliyuncs.com"),
            (nil, nil, ["ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED": "true"], "https://sts.aliyuncs.com"),
            ("", "", ["ALIBABA_CLOUD_STS_REGION": ""], "https://sts.aliyuncs.com"),
        ] as [(String?, String?, [String: String], String)])
    func whereSTSIs(text: String?, region: String?, environment: [String: String], endpoint: String) throws {
        #expect(try STSCaller.endpoint(text, region: region, environment: environment).description == endpoint)
    }

    @Test(
        arguments: [
            ("ftp://sts", nil, [:], "sts-endpoint"), (nil, "evil.com/", [:], "region"),
            (nil, nil, ["ALIBABA_CLOUD_STS_REGION": "a.b"], "ALIBABA_CLOUD_STS_REGION"),
        ] as [(String?, String?, [String: String], String)])
    func whatNamesNoSTSIsRefused(text: String?, region: String?, environment: [String: String], says: String) {
        let failure = #expect(throws: ProviderFailure.self) { _ = try STSCaller.endpoint(text, region: region, environment: environment) }

        #expect(failure?.isRefused == true && failure?.text.contains(says) == true)
    }
}
