import OSSProtocol
import Platform
import Testing

@testable import Credentials

@Suite struct ECSRoleProviderTests {
    static let folder = "/latest/meta-data/ram/security-credentials/"

    func provider(
        _ server: LoopbackServer, role: String? = nil, path: String = "", _ environment: [String: String] = [:]
    ) throws -> ECSRoleProvider {
        ECSRoleProvider(role: role, metadataURL: server.url + path, environment: environment, transport: try transport())
    }

    /// As the metadata service in its hardened mode: nothing without the token.
    func hardened(role: String = "uploader\n", credentials: String = credentialJSON) -> LoopbackServer {
        LoopbackServer { seen in
            if seen.method == "PUT", seen.path.hasSuffix("/latest/api/token") {
                return seen.headers["x-aliyun-ecs-metadata-token-ttl-seconds"] == "21600" ? http(200, "metadata-token==") : http(400)
            }
            guard seen.headers["x-aliyun-ecs-metadata-token"] == "metadata-token==" else { return http(403) }
            if seen.path.hasSuffix(ECSRoleProviderTests.folder) { return http(200, role) }
            return seen.path.hasSuffix(ECSRoleProviderTests.folder + "uploader") ? http(200, credentials) : http(404)
        }
    }

    @Test func theRolesCredentialsComeWithATokenThatIsFetchedBefore() async throws {
        let server = hardened()

        let issued = try await provider(server).fetch()

        #expect(issued.credentials == credentialValue)
        #expect(
            server.seen.map { "\($0.method) \($0.path)" } == [
                "PUT /latest/api/token", "GET \(Self.folder)", "GET \(Self.folder)uploader",
            ])
    }

    @Test(arguments: ["uploader", "uploader\n", "uploader\r\nother-role\n", "  uploader  "])
    func theFirstLineNamesTheRole(text: String) async throws {
        let server = hardened(role: text)

        #expect(try await provider(server).fetch().credentials == credentialValue)
        #expect(server.seen.last?.path == "\(Self.folder)uploader")
    }

    @Test(arguments: [("uploader", [:]), (nil, ["ALIBABA_CLOUD_ECS_METADATA": "uploader"])] as [(String?, [String: String])])
    func aRoleThatIsNamedIsNotAskedFor(role: String?, environment: [String: String]) async throws {
        let server = hardened(role: "another")

        _ = try await provider(server, role: role, environment).fetch()

        #expect(server.seen.map(\.path) == ["/latest/api/token", "\(Self.folder)uploader"])
    }

    @Test func theRoleOfTheSettingsWinsOverTheEnvironment() async throws {
        let server = hardened()

        _ = try await provider(server, role: "uploader", ["ALIBABA_CLOUD_ECS_METADATA": "another"]).fetch()

        #expect(server.seen.last?.path == "\(Self.folder)uploader")
    }

    @Test func anotherMetadataServiceMayHaveAPath() async throws {
        let server = hardened()

        _ = try await provider(server, path: "/instances/7/").fetch()

        #expect(server.seen.allSatisfy { $0.path.hasPrefix("/instances/7/latest/") })
    }

    @Test(arguments: [404, 405, 500]) func withoutATokenItIsAskedTheOldWay(status: Int) async throws {
        let server = LoopbackServer { seen in
            if seen.method == "PUT" { return http(status) }
            return http(200, seen.path == Self.folder ? "uploader" : credentialJSON)
        }

        #expect(try await provider(server).fetch().credentials == credentialValue)
        #expect(server.seen.dropFirst().allSatisfy { $0.headers["x-aliyun-ecs-metadata-token"] == nil })
    }

    @Test(arguments: [(404, true), (503, false)]) func unlessTheOldWayIsForbidden(status: Int, isRefused: Bool) async throws {
        let server = LoopbackServer { seen in seen.method == "PUT" ? http(status) : http(200, credentialJSON) }

        let failure = await failure(of: try provider(server, role: "uploader", ["ALIBABA_CLOUD_IMDSV1_DISABLED": "TRUE"]))

        #expect(failure?.isRefused == isRefused && failure?.text.contains("ALIBABA_CLOUD_IMDSV1_DISABLED") == true)
        #expect(server.seen.count == 1)
    }

    @Test func aTokenThatCannotBeAHeaderIsNone() async throws {
        let server = LoopbackServer { seen in
            if seen.method == "PUT" { return http(200, "<html> not a token </html>\u{1}") }
            return seen.headers["x-aliyun-ecs-metadata-token"] == nil ? http(200, credentialJSON) : http(400)
        }

        #expect(try await provider(server, role: "uploader").fetch().credentials == credentialValue)
    }

    @Test func whereItIsDisabledNothingIsAsked() async throws {
        let server = hardened()

        let failure = await failure(of: try provider(server, ["ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"]))

        #expect(failure?.isNotConfigured == true)
        #expect(server.seen.isEmpty)
    }

    @Test func anInstanceWithoutARoleIsToldSo() async throws {
        for answer in [http(404), http(200, "\n")] {
            let server = LoopbackServer { seen in seen.method == "PUT" ? http(200, "t") : answer }
            let failure = await failure(of: try provider(server))
            #expect(failure?.isRefused == true && failure?.text.contains("has no RAM role") == true)
        }
    }

    @Test func aRoleThatIsNotTheInstancesIsNamed() async throws {
        let server = hardened()

        let failure = await failure(of: try provider(server, role: "another"))

        #expect(failure?.isRefused == true && failure?.text.contains("“another”") == true)
        #expect(server.seen.count == 2)
    }

    @Test(arguments: ["../../secret", "..", "a b", "<html>", String(repeating: "a", count: 65), "a/b"])
    func whatIsNoNameNeverGetsIntoAPath(name: String) async throws {
        let server = hardened(role: name)

        #expect(await failure(of: try provider(server))?.isRefused == true)
        #expect(await failure(of: try provider(server, role: name))?.isRefused == true)
        #expect(server.seen.allSatisfy { $0.method == "PUT" || $0.path == Self.folder })
    }

    @Test func aCodeOtherThanSuccessIsRefused() async throws {
        let server = hardened(credentials: #"{"Code":"InvalidRole","Message":"the role was taken away"}"#)

        let failure = await failure(of: try provider(server))

        #expect(failure?.isRefused == true && failure?.text.contains("InvalidRole: the role was taken away") == true)
        #expect(server.seen.count == 3)
    }

    @Test func nobodyThereIsUnavailableAndAskedOnce() async throws {
        let port = LoopbackServer { _ in nil }.port
        let provider = ECSRoleProvider(
            role: "r", metadataURL: "http://127.0.0.1:\(port)", environment: [:], transport: try transport())

        let failure = await failure(of: provider)

        #expect(failure?.isUnavailable == true && failure?.text.contains("ECS instance") == true, "\(failure?.text ?? "")")
    }

    @Test func redirectsAreNotFollowed() async throws {
        let other = hardened()
        let server = LoopbackServer { seen in seen.method == "PUT" ? http(200, "t") : http(302, "", "Location: \(other.url)\(seen.path)") }

        #expect(await failure(of: try provider(server, role: "uploader"))?.text.contains("redirect") == true)
        #expect(other.seen.isEmpty)
    }

    @Test func theRoleIsPartOfTheFingerprint() throws {
        let server = hardened()

        let prints = [
            try provider(server).fingerprint, try provider(server, role: "a").fingerprint,
            try provider(server, ["ALIBABA_CLOUD_ECS_METADATA": "b"]).fingerprint, try provider(server, path: "/x").fingerprint,
        ]

        #expect(Set(prints).count == 4)
        #expect(try provider(server, ["ALIBABA_CLOUD_ECS_METADATA": "a"]).fingerprint == prints[1])
    }
}
