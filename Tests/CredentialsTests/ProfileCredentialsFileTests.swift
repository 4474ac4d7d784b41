import OSSProtocol
import Testing

@testable import Credentials

@Suite struct ProfileCredentialsFileTests {
    static func read(_ text: String, _ name: String? = nil) throws -> Profile {
        try CredentialsFile(parsing: Array(text.utf8)).profile(name, in: "/f")
    }

    static let arn = "acs:ram::1:role/uploader"
    static func key(_ token: String? = nil) -> CredentialSource { ProfileOSSUtilTests.key("ak", "sk", token) }

    @Test(
        arguments: [
            ("[default]\nenable = true\ntype = access_key\naccess_key_id = ak\naccess_key_secret = sk", key()),
            ("[default]\ntype = access_key # long-lived\naccess_key_id = ak # mine\naccess_key_secret = \"sk\" # too", key()),
            ("[default]\ntype=sts\naccess_key_id=ak\naccess_key_secret=sk\nsecurity_token=t", key("t")),
            ("[default]\ntype=ecs_ram_role\nrole_name=r", .ecsRole(role: "r", metadataURL: nil)),
            ("[default]\ntype=ecs_ram_role", .ecsRole(role: nil, metadataURL: nil)),
            (
                "[default]\ntype=ram_role_arn\naccess_key_id=ak\naccess_key_secret=sk\nrole_arn=\(arn)\nrole_session_name=camera\npolicy={\"Version\":\"1\"}",
                .assumeRole(RoleSettings(roleARN: arn, sessionName: "camera", policy: .text("{\"Version\":\"1\"}")), source: key())
            ),
            (
                "[default]\ntype=oidc_role_arn\noidc_provider_arn=acs:ram::1:oidc-provider/p\noidc_token_file_path=/t\nrole_arn=\(arn)",
                .oidc(RoleSettings(roleARN: arn), providerARN: "acs:ram::1:oidc-provider/p", tokenFile: "/t")
            ),
        ] as [(String, CredentialSource)])
    func theDefaultSectionGivesItsCredentials(text: String, source: CredentialSource) throws {
        #expect(try ProfileCredentialsFileTests.read(text).source == source)
    }

    @Test func aSectionIsAskedForByItsName() throws {
        let text = "[default]\ntype=ecs_ram_role\n[Prod]\ntype=sts\naccess_key_id=ak\naccess_key_secret=sk\nsecurity_token=t"

        #expect(try ProfileCredentialsFileTests.read(text, "Prod").source == ProfileCredentialsFileTests.key("t"))
        #expect(throws: ProfileError.absent) { try ProfileCredentialsFileTests.read(text, "prod") }
        #expect(try CredentialsFile(parsing: Array(text.utf8)).names == ["default", "Prod"])
    }

    @Test(arguments: ["false", "False", "0", "off"]) func aSectionThatIsSwitchedOffIsSkipped(value: String) {
        let text = "[default]\nenable = \(value)\ntype=access_key\naccess_key_id=ak\naccess_key_secret=sk"

        #expect(throws: ProfileError.empty) { try ProfileCredentialsFileTests.read(text) }
    }

    @Test(
        arguments: [
            (
                "[default]\naccess_key_id=ak\naccess_key_secret=hidden", nil,
                "“type” is missing; access_key, sts, ecs_ram_role, ram_role_arn and oidc_role_arn"
            ),
            ("[default]\ntype=magic", 2, "the type “magic” is not known; access_key, sts"),
            ("[default]\ntype=rsa_key_pair\npublic_key_id=x\nprivate_key_file=/x", 2, "RSA is not supported"),
            ("[default]\ntype=bearer", 2, "a bearer token opens no bucket"),
            ("[default]\ntype=access_key\naccess_key_id=ak", 2, "“access_key_secret” is missing"),
            ("[default]\ntype=sts\naccess_key_id=ak\naccess_key_secret=hidden", 2, "“security_token” is missing"),
            ("[default]\nenable=perhaps\ntype=ecs_ram_role", 2, "“enable” takes true or false"),
        ] as [(String, Int?, String)])
    func whatIsWrongIsSaidWithItsLine(text: String, line: Int?, says: String) {
        let error = #expect(throws: ProfileError.self) { try ProfileCredentialsFileTests.read(text) }

        guard case .wrong(let place, let message) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(place == line && message.contains(says) && !message.contains("hidden"), "\(message)")
    }
}
