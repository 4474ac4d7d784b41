import OSSProtocol
import Platform
import Testing

@testable import Credentials

@Suite struct OIDCProviderTests {
    static let providerARN = "acs:ram::1:oidc-provider/k8s"
    let folder: ScratchFolder
    init() throws { folder = try ScratchFolder() }

    func provider(_ server: LoopbackServer, _ file: String, _ role: RoleSettings? = nil) throws -> OIDCProvider {
        let sts = STSCaller(
            endpoint: try Endpoint(server.url), transport: try transport(), now: { Timestamp(seconds: 1_768_464_000) }, learnClock: { _ in }
        )
        return OIDCProvider(
            sts: sts, role: role ?? RoleSettings(roleARN: "acs:ram::1:role/uploader", duration: .seconds(1800)),
            providerARN: Self.providerARN, tokenFile: file)
    }

    @Test func theTokenSpeaksForTheCallerAndNothingIsSigned() async throws {
        let server = LoopbackServer { _ in http(200, stsJSON(4), "Date: Thu, 15 Jan 2026 08:00:00 GMT") }

        let issued = try await provider(server, try folder.write("token", "eyJ.payload.sig\n", mode: 0o644)).fetch()

        let form = try #require(server.seen.first?.form)
        let wanted = [
            "Action": "AssumeRoleWithOIDC", "OIDCProviderArn": Self.providerARN, "OIDCToken": "eyJ.payload.sig",
            "RoleArn": "acs:ram::1:role/uploader", "RoleSessionName": "davit", "DurationSeconds": "1800",
        ]
        for (name, value) in wanted { #expect(form[name] == value) }
        #expect(form["Signature"] == nil && form["AccessKeyId"] == nil)
        #expect(issued.credentials.accessKeyID == "STS.NU4" && issued.serverTime == Timestamp(iso8601: "2026-01-15T08:00:00Z"))
    }

    @Test func aRenewedTokenIsUsedAtTheNextFetch() async throws {
        let server = LoopbackServer { _ in http(200, stsJSON(4)) }
        let provider = try provider(server, try folder.write("token", "first"))
        _ = try await provider.fetch()

        _ = try folder.write("token", "second")
        _ = try await provider.fetch()

        #expect(server.seen.map { $0.form["OIDCToken"] } == ["first", "second"])
    }

    @Test func aTokenOf20000BytesIsTheLongest() async throws {
        let server = LoopbackServer { _ in http(200, stsJSON(4)) }

        _ = try await provider(server, try folder.write("token", String(repeating: "a", count: 20_000))).fetch()
        let failure = await failure(of: try provider(server, try folder.write("token", String(repeating: "a", count: 20_001))))

        #expect(failure?.isRefused == true && failure?.text.contains("id-token-file") == true)
        #expect(server.seen.count == 1)
    }

    @Test(arguments: ["", "two words", "none"]) func aFileWithoutATokenIsRefused(content: String) async throws {
        let server = LoopbackServer { _ in http(200, stsJSON(4)) }
        let path = content == "none" ? folder.path + "/none" : try folder.write("token", content)

        let failure = await failure(of: try provider(server, path))

        #expect(failure?.isRefused == true && failure?.text.contains(path) == true && server.seen.isEmpty)
    }

    @Test func whatSTSSaysOfTheTokenIsSaidWithoutIt() async throws {
        let server = LoopbackServer { seen in
            http(400, stsError("AuthenticationFail.OIDCToken.Expired", "This JWT \(seen.form["OIDCToken"] ?? "") is expired."))
        }

        let failure = await failure(of: try provider(server, try folder.write("token", "eyJ.payload.sig")))

        #expect(failure?.isRefused == true && failure?.text.contains("AuthenticationFail.OIDCToken.Expired") == true)
        #expect(failure?.text.contains("This JWT <redacted> is expired, request") == true, "\(failure?.text ?? "")")
    }

    @Test func providerRoleAndFileAreInTheFingerprint() throws {
        let server = LoopbackServer { _ in nil }

        let prints = [
            try provider(server, "/a").fingerprint, try provider(server, "/b").fingerprint,
            try provider(server, "/a", RoleSettings(roleARN: "acs:ram::1:role/uploader")).fingerprint,
        ]

        #expect(Set(prints).count == 3)
    }
}
