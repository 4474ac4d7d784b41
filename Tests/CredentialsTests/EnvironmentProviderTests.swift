import OSSProtocol
import Testing

@testable import Credentials

@Suite struct EnvironmentProviderTests {
    static let oss = ["OSS_ACCESS_KEY_ID": "LTAI-oss", "OSS_ACCESS_KEY_SECRET": "secret-oss"]
    static let cloud = ["ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI-cloud", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret-cloud"]

    func fetch(_ environment: [String: String]) async throws -> Credentials {
        try await EnvironmentProvider(environment: environment).fetch().credentials
    }

    @Test func bothFamiliesAreReadWithAndWithoutToken() async throws {
        #expect(try await fetch(Self.oss) == Credentials(accessKeyID: "LTAI-oss", accessKeySecret: Secret("secret-oss")))
        #expect(
            try await fetch(Self.cloud.merging(["ALIBABA_CLOUD_SECURITY_TOKEN": "t2"]) { $1 })
                == Credentials(accessKeyID: "LTAI-cloud", accessKeySecret: Secret("secret-cloud"), securityToken: Secret("t2")))
    }

    @Test func theOSSFamilyWinsAndTakesNoTokenOfTheOther() async throws {
        let both = Self.oss.merging(Self.cloud) { $1 }.merging(["ALIBABA_CLOUD_SECURITY_TOKEN": "t2"]) { $1 }

        #expect(try await fetch(both) == Credentials(accessKeyID: "LTAI-oss", accessKeySecret: Secret("secret-oss")))
    }

    @Test(arguments: [[:], ["OSS_ACCESS_KEY_ID": "", "OSS_ACCESS_KEY_SECRET": ""], ["OSS_SESSION_TOKEN": "alone"]])
    func withNothingSetItIsNotConfigured(environment: [String: String]) async {
        let failure = await failure(of: EnvironmentProvider(environment: environment))

        #expect(failure?.isNotConfigured == true && failure?.text.contains("OSS_ACCESS_KEY_ID") == true)
    }

    @Test(arguments: [
        (["OSS_ACCESS_KEY_ID": "LTAI"], "OSS_ACCESS_KEY_SECRET is not"),
        (["OSS_ACCESS_KEY_SECRET": "the-secret"], "OSS_ACCESS_KEY_ID is not"),
        (["OSS_ACCESS_KEY_ID": "LTAI"].merging(cloud) { $1 }, "OSS_ACCESS_KEY_SECRET is not"),
        (["ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI"], "ALIBABA_CLOUD_ACCESS_KEY_SECRET is not"),
    ])
    func halfAKeyIsRefusedAndWhatIsMissingIsNamed(environment: [String: String], says: String) async {
        let failure = await failure(of: EnvironmentProvider(environment: environment))

        #expect(failure?.isRefused == true && failure?.text.contains(says) == true, "\(failure?.text ?? "")")
        #expect(failure?.text.contains("the-secret") == false)
    }

    @Test(arguments: ["OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"])
    func whatCannotBeInAHeaderIsRefusedByItsName(name: String) async {
        let environment = Self.oss.merging([name: "the value\n"]) { $1 }

        let failure = await failure(of: EnvironmentProvider(environment: environment))

        #expect(failure?.isRefused == true && failure?.text.contains(name) == true && failure?.text.contains("the value") == false)
    }

    @Test func theFingerprintFollowsTheKeyAndShowsNoSecret() {
        let prints = [[:], Self.oss, Self.cloud].map { EnvironmentProvider(environment: $0).fingerprint }

        #expect(Set(prints).count == 3)
        #expect(prints.allSatisfy { !$0.contains("secret-") })
    }
}
