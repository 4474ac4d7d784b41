import OSSProtocol
import Platform
import Testing

@testable import Credentials

@Suite struct ProviderMakerTests {
    let asked = Lock<[String?]>([])

    func maker(_ environment: [String: String] = [:]) -> ProviderMaker {
        ProviderMaker(
            environment: environment,
            transport: { [asked] caFile throws(ProviderFailure) in
                asked.withLock { $0.append(caFile) }
                do { return try transport() } catch { throw .refused("\(error)") }
            }, now: { Timestamp(seconds: 1_768_464_000) }, learnClock: { _ in })
    }

    static let role = RoleSettings(roleARN: "acs:ram::1:role/a")
    static let fixed = CredentialSource.fixed(accessKeyID: "LTAI1", secretFile: "/none", securityTokenFile: nil)

    @Test(
        arguments: [
            .broker(url: "http://127.0.0.1:1", tokenFile: "/t"), fixed, .environment, .assumeRole(role, source: fixed),
            .inProfile(Credentials(accessKeyID: "a", accessKeySecret: Secret("s")), file: "/f"), .profile(ProfileChoice()),
            .ecsRole(role: nil, metadataURL: nil), .oidc(role, providerARN: "acs:ram::1:oidc-provider/p", tokenFile: "/t"),
            .uri("http://127.0.0.1:1/"), .process(command: ["/bin/true"], timeout: .seconds(1)), .anonymous,
        ] as [CredentialSource])
    func everySourceHasAProviderOfItsKind(source: CredentialSource) throws {
        #expect(try maker().provider(source, at: .init()).kind == source.kind)
    }

    @Test func requestsSignedElsewhereGiveNoCredentials() {
        let failure = #expect(throws: ProviderFailure.self) {
            _ = try maker().provider(.signedURL(url: "http://127.0.0.1:1", tokenFile: "/t"), at: .init())
        }

        #expect(failure?.isRefused == true && failure?.text.contains("broker") == true)
    }

    @Test func aChainEndsSomewhere() throws {
        var source = Self.fixed
        for _ in 0..<7 { source = .assumeRole(Self.role, source: source) }
        _ = try maker().provider(source, at: .init())

        let failure = #expect(throws: ProviderFailure.self) {
            _ = try maker().provider(.assumeRole(Self.role, source: source), at: .init())
        }

        #expect(failure?.isRefused == true)
    }

    @Test func theRemotesAuthoritiesServeItsServersAndNotTheMetadataService() throws {
        let place = ProviderMaker.Place(region: "cn-hangzhou", caFile: "/ca.pem")

        for source in [.uri("https://h/"), .assumeRole(Self.role, source: Self.fixed), .ecsRole(role: nil, metadataURL: nil)]
            as [CredentialSource]
        {
            _ = try maker().provider(source, at: place)
        }

        #expect(asked.withLock { $0 } == ["/ca.pem", "/ca.pem", nil])
    }

    @Test func theRemotesRegionIsWhereItsRolesAreAssumed() throws {
        let made = try maker().provider(.assumeRole(Self.role, source: Self.fixed), at: .init(region: "cn-shenzhen"))

        #expect((made as? AssumeRoleProvider)?.sts.endpoint.host == "sts.cn-shenzhen.aliyuncs.com")
    }
}
