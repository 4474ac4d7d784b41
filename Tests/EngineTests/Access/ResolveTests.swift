import Contracts
import Credentials
import Glibc
import OSSProtocol
import Platform
import Testing
import Wire

@testable import Engine

@Suite struct ResolveTests {
    private let folder = TemporaryFolder()
    private let clock = SteppedClock()

    private let broker = """
        [remote.ingest]
        %
        [remote.ingest.credentials]
        kind = "broker"
        url = "http://127.0.0.1:9001"
        token-file = "token"
        """

    private func access(_ remote: String, _ answer: HTTPResponse) -> Access {
        folder.write("token", "b3arer\n")
        let toml = broker.split(separator: "%").joined(separator: remote)
        return makeAccess(toml, in: folder, clock: clock, transport: RuleTransport { _ in answer })
    }

    private var anHour: Timestamp { clock.now + .seconds(3600) }

    private func order(
        id: String = "LTAI1", secret: String = "s", token: String? = nil, region: String? = "cn-hangzhou", endpoint: String? = nil,
        addressing: String? = nil
    ) -> OrderCredentials {
        OrderCredentials(
            accessKeyId: id, accessKeySecret: secret, securityToken: token, region: region, endpoint: endpoint, addressing: addressing)
    }

    @Test func whatTheBrokerAnswersWins() async throws {
        let access = access(
            "bucket = \"other\"\nregion = \"cn-beijing\"\nendpoint = \"https://oss-cn-beijing.aliyuncs.com\"\nprefix = \"incoming/\"",
            credentialsAnswer(expires: anHour, now: clock.now))

        let target = try await access.resolve(dest: "ingest:2026/a.mov", credentials: nil)

        #expect(target.bucket == "media-ingest" && target.region == "cn-hangzhou" && target.endpoint == "http://127.0.0.1:9000")
        #expect(target.addressing == "path")
        #expect(target.prefix == "uploads/camera-7/incoming/2026/a.mov" && target.isKey)
        #expect(target.scope == "ingest" && target.remote == "ingest")
    }

    @Test(arguments: [
        (["upload"], false), (["upload", "get"], true), (["upload", "list"], false),
    ]) func whetherHeadMayBeAskedIsReadFromThePolicy(_ verbs: [String], _ mayRead: Bool) async throws {
        let policy = try SessionPolicy.text(
            bucket: "media-ingest", prefix: "uploads/camera-7/", verbs: verbs.compactMap { GrantVerb(rawValue: $0) })
        let access = access("", credentialsAnswer(expires: anHour, now: clock.now, policy: policy))

        #expect(try await access.resolve(dest: "ingest:", credentials: nil).mayRead == mayRead)
    }

    @Test func aRemoteOfAnotherBucketAsksForItsOwnGrant() async throws {
        folder.write("token", "b3arer\n")
        let now = clock.now
        let end = anHour
        let transport = RuleTransport { request in
            let asked = try? AuthorizationJSON.decode(CredentialsRequest.self, from: request.body)
            return credentialsAnswer(expires: end, now: now, bucket: asked?.bucket ?? "media-ingest", prefix: "p/")
        }
        let toml = broker.split(separator: "%").joined(separator: "bucket = \"second\"")
        let access = makeAccess(toml, in: folder, clock: clock, transport: transport)

        #expect(try await access.resolve(dest: "ingest:", credentials: nil).bucket == "second")
        #expect(transport.requests.count == 2)
    }

    @Test(arguments: [(401, 6), (403, 6), (502, 6)]) func withoutCredentialsAnOrderIsRefusedWithSix(_ status: Int, _ exit: Int) async {
        let access = access("", HTTPResponse(status: status, body: Array(#"{"error":{"code":"X","message":"the reason"}}"#.utf8)))

        let error = await #expect(throws: OrderError.self) { try await access.resolve(dest: "ingest:a", credentials: nil) }

        #expect(error?.exit == exit && error?.code == "NoCredentials")
        #expect(error?.message.contains("the reason") == true)
    }

    @Test func anAnswerThatIsNoCredentialIsNoCredential() async {
        let access = access("", HTTPResponse(status: 200, body: Array("<html>".utf8)))

        let error = await #expect(throws: OrderError.self) { try await access.resolve(dest: "ingest:a", credentials: nil) }

        #expect(error?.exit == 6)
    }

    @Test func variablesOfTheCallerMakeATarget() async throws {
        let access = makeAccess("", in: folder)

        let target = try await access.resolve(
            dest: "oss://media/2026/", credentials: order(endpoint: "http://127.0.0.1:9000", addressing: "virtual"))

        #expect(target.endpoint == "http://127.0.0.1:9000" && target.addressing == "path" && target.region == "cn-hangzhou")
        #expect(target.scope.hasPrefix("oss://media#") && target.remote == nil && target.prefix == "2026/" && !target.isKey)
    }

    @Test func theRegionIsEnoughForAnEndpoint() async throws {
        let target = try await makeAccess("", in: folder).resolve(dest: "oss://media/k", credentials: order(region: "cn-beijing"))

        #expect(target.endpoint == "https://oss-cn-beijing.aliyuncs.com" && target.addressing == "virtual")
    }

    @Test(
        arguments: [
            (nil, nil, nil, "OSS_REGION"), ("cn-x", "ftp://x", nil, "OSS_ENDPOINT"), ("cn-x", nil, "sideways", "OSS_ADDRESSING"),
            ("Cn X", nil, nil, "OSS_REGION"),
        ] as [(String?, String?, String?, String)]) func wrongVariablesAreNamed(
            _ region: String?, _ endpoint: String?, _ addressing: String?, _ word: String
        ) async
    {
        let access = makeAccess("", in: folder)

        let error = await #expect(throws: OrderError.self) {
            try await access.resolve(
                dest: "oss://media/k", credentials: self.order(region: region, endpoint: endpoint, addressing: addressing))
        }

        #expect(error?.exit == 2 && error?.message.contains(word) == true, "\(String(describing: error))")
    }

    @Test func theEnginesOwnVariablesServeOrdersThatBringNone() async throws {
        let access = makeAccess(
            "", in: folder, environment: ["OSS_ACCESS_KEY_ID": "LTAIown", "OSS_ACCESS_KEY_SECRET": "s", "OSS_REGION": "cn-hangzhou"])

        let target = try await access.resolve(dest: "oss://media/k", credentials: nil)
        let request = try await access.authorize(.headObject, key: ObjectKey("k"), target: target, minimumLife: .zero).request

        #expect(request.headers["Authorization"]?.contains("LTAIown/") == true)
    }

    @Test func keysAreToldApartAndNewTokensReplaceOldOnes() async throws {
        let access = makeAccess("", in: folder)
        let first = try await access.resolve(dest: "oss://media/k", credentials: order(id: "LTAI1"))
        let second = try await access.resolve(dest: "oss://media/k", credentials: order(id: "LTAI2"))
        let token = try await access.resolve(dest: "oss://media/k", credentials: order(id: "STS.1", token: "old"))
        let newer = try await access.resolve(dest: "oss://media/k", credentials: order(id: "STS.2", token: "new"))

        let request = try await access.authorize(.headObject, key: ObjectKey("k"), target: token, minimumLife: .zero).request

        #expect(first.scope != second.scope)
        #expect(token.scope == newer.scope)
        #expect(request.headers["x-oss-security-token"] == "new")
    }

    @Test(arguments: ["OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET"]) func halfAKeyInTheEnvironmentIsAnError(name: String) async {
        let access = makeAccess("", in: folder, environment: [name: "x", "OSS_REGION": "cn-x"])

        let error = await #expect(throws: OrderError.self) { try await access.resolve(dest: "oss://media/k", credentials: nil) }

        #expect(error?.code == "BadCredentials" && error?.message.contains("Set both") == true)
    }

    @Test func aTokenThatTheServerRepeatsIsNotPassedOn() async {
        let access = access("", HTTPResponse(status: 403, body: Array(#"{"error":{"code":"no","message":"Bearer b3arer may not"}}"#.utf8)))

        let error = await #expect(throws: OrderError.self) { try await access.resolve(dest: "ingest:a", credentials: nil) }

        #expect(error?.message.contains("b3arer") == false && error?.message.contains("may not") == true)
    }

    @Test func oneListOfVariablesNamesTheAuthorities() throws {
        func certificate(_ name: String) -> String {
            folder.write(name, "-----BEGIN CERTIFICATE-----\n\(name)\n-----END CERTIFICATE-----\n")
        }
        let variables = Dictionary(uniqueKeysWithValues: CurlTransport.bundleVariables.map { ($0, certificate($0)) })

        let path = try #require(try TrustBundle.make([certificate("own")], folder: folder.path, environment: variables))

        let bundle = String(decoding: try SecureFile.read(path, limit: 1 << 16, mustBePrivate: true), as: UTF8.self)
        #expect(bundle.contains("CURL_CA_BUNDLE") && bundle.contains("own") && !bundle.contains("SSL_CERT_FILE"))
    }

    @Test func aSignedURLIsForgottenWhenItIsToldSo() async throws {
        let url = "https://media.oss-cn-hangzhou.aliyuncs.com/k?x-oss-signature=5ignature"
        let access = makeAccess("", in: folder, clock: clock)
        let target = try await access.resolve(signedURL: url)
        let young = await access.keptSignedURLs()
        clock.advance(.seconds(601))
        let kept = await access.keptSignedURLs()
        let restarted = makeAccess("", in: folder, clock: clock)
        let found = await restarted.keptSignedURLs()

        await restarted.forgetSignedURLs(found + ["ingest"])

        #expect(young == [] && kept == [target.scope] && found == [target.scope])
        #expect(Spool.files(in: folder.path) == [] && LeaseCache(folder: folder.path, scope: target.scope).load() == nil)
        await #expect(throws: AccessFailure.self) {
            try await restarted.authorize(.putObject(ObjectHeaders()), key: ObjectKey("k"), target: target, minimumLife: .zero)
        }
    }

    @Test func whatAWriteThatWasCutOffLeftIsRemoved() async throws {
        let access = makeAccess("", in: folder)
        let old = folder.write("lease-0.json.new-1", "{}")
        let young = folder.write("lease-0.json.new-2", "{}")
        var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
        utimensat(AT_FDCWD, old, &times, 0)

        _ = await access.keptSignedURLs()

        #expect(Spool.files(in: folder.path) == [young])
    }

    @Test func aRemoteThatIsGoneIsSaidSo() async {
        let access = access("", credentialsAnswer(expires: anHour, now: clock.now))
        _ = try? await access.resolve(dest: "ingest:a", credentials: nil)
        await access.adopt(EngineConfiguration(file: "/c"))
        let target = Target(
            scope: "ingest", remote: "ingest", bucket: "b", region: "r", endpoint: "https://e", addressing: "virtual", prefix: "",
            isKey: false)

        let failure = await #expect(throws: AccessFailure.self) {
            try await access.authorize(.headObject, key: ObjectKey("k"), target: target, minimumLife: .zero)
        }

        guard case .refused(let text)? = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(text.contains("ingest"))
    }

    @Test func signaturesGoByTheServersClock() async throws {
        let access = makeAccess("", in: folder, clock: clock)
        let target = try await access.resolve(dest: "oss://media/k", credentials: order())

        await access.learnClock(serverTime: clock.now + .seconds(1200))
        let request = try await access.authorize(.headObject, key: ObjectKey("k"), target: target, minimumLife: .zero).request

        #expect(request.headers["x-oss-date"] == "20260115T085000Z")
    }
}
