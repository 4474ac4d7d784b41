import Credentials
import OSSProtocol
import Platform
import Testing

@testable import Authorization

/// The server's own key from a source that gives temporary ones: a credential server, as `kind = "uri"` asks it.
@Suite struct OwnCredentialsTests {
    private let clock = ManualClock()

    private func own(_ transport: any Transport, environment: [String: String] = [:]) -> OwnCredentials {
        OwnCredentials(
            maker: ProviderMaker(
                environment: environment, transport: { _ throws(ProviderFailure) in transport }, now: clock.now, learnClock: { _ in }),
            now: clock.now)
    }

    private func settings(_ source: CredentialSource = .uri("http://127.0.0.1:1/key")) -> STSSettings {
        STSSettings(
            endpoint: .stsForRegion("cn-hangzhou"), region: "cn-hangzhou", roleARN: "acs:ram::1:role/uploader", credentials: source)
    }

    private func key(_ id: String, life: Duration) -> Result<HTTPResponse, TransportError> {
        let body = """
            {"Code":"Success","AccessKeyId":"\(id)","AccessKeySecret":"s","SecurityToken":"t","Expiration":"\((clock.now() + life).iso8601)"}
            """
        return .success(HTTPResponse(status: 200, body: Array(body.utf8)))
    }

    @Test func aTemporaryKeyIsKeptUntilItNearsItsEnd() async throws {
        let transport = ScriptedTransport([key("STS.1", life: .seconds(3600)), key("STS.2", life: .seconds(7200))])
        let own = own(transport)

        let first = try await own.credentials(for: settings())
        clock.move(.seconds(3290))
        let same = try await own.credentials(for: settings())
        clock.move(.seconds(20))
        let next = try await own.credentials(for: settings())

        #expect([first.accessKeyID, same.accessKeyID, next.accessKeyID] == ["STS.1", "STS.1", "STS.2"])
        #expect(transport.requests.count == 2)
    }

    @Test func aThousandCallersCostOneFetch() async throws {
        let transport = ScriptedTransport([key("STS.1", life: .seconds(3600))])
        let own = own(transport)

        await withTaskGroup(of: String?.self) { group in
            for _ in 0..<1000 { group.addTask { try? await own.credentials(for: settings()).accessKeyID } }
            for await id in group { #expect(id == "STS.1") }
        }

        #expect(transport.requests.count == 1)
    }

    @Test func aSourceThatIsAwayDoesNotTakeALivingKeyWithIt() async throws {
        let transport = ScriptedTransport([key("STS.1", life: .seconds(3600)), .success(HTTPResponse(status: 503))])
        let own = own(transport)

        _ = try await own.credentials(for: settings())
        clock.move(.seconds(3500))

        #expect(try await own.credentials(for: settings()).accessKeyID == "STS.1")
        clock.move(.seconds(101))
        await #expect(throws: ProviderFailure.self) { try await own.credentials(for: settings()) }
    }

    @Test func anotherConfigurationAsksItsOwnSource() async throws {
        let own = own(
            ScriptedTransport([key("STS.1", life: .seconds(3600))]),
            environment: ["OSS_ACCESS_KEY_ID": "LTAI", "OSS_ACCESS_KEY_SECRET": "s"])

        _ = try await own.credentials(for: settings())

        #expect(try await own.credentials(for: settings(.environment)).accessKeyID == "LTAI")
    }

    @Test(arguments: [CredentialSource.environment, .fixed(accessKeyID: "LTAI", secretFile: "/nonexistent/secret", securityTokenFile: nil)])
    func whatCanBeSeenToBeMissingIsSaidAtTheStart(_ source: CredentialSource) {
        #expect(OwnCredentials.problem(source, environment: [:]) != nil)
    }
}
