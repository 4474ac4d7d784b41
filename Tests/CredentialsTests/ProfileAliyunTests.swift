import OSSProtocol
import Testing

@testable import Credentials

@Suite struct ProfileAliyunTests {
    static let now = Timestamp(seconds: 1_768_464_000)
    static let arn = "acs:ram::1:role/uploader"

    static func read(_ text: String, _ name: String? = nil) throws -> Profile {
        try AliyunProfiles(parsing: Array(text.utf8)).profile(name, in: "/f", at: now)
    }

    /// One profile, current.
    static func file(_ fields: String) -> String { #"{"current":"p","profiles":[{"name":"p",\#(fields)}],"meta_path":""}"# }

    static func key(_ id: String, _ secret: String, _ token: String? = nil, until end: Int64? = nil) -> CredentialSource {
        .inProfile(
            Credentials(
                accessKeyID: id, accessKeySecret: Secret(secret), securityToken: token.map { Secret($0) },
                expiration: end.map { Timestamp(seconds: $0) }), file: "/f")
    }

    static let pair = #""access_key_id":"ak","access_key_secret":"sk""#

    @Test(
        arguments: [
            (#""mode":"AK",\#(pair),"sts_token":"""#, key("ak", "sk")),
            (#""mode":"ak",\#(pair),"sts_token":"stale""#, key("ak", "sk")),
            (#""mode":"StsToken",\#(pair),"sts_token":"t""#, key("ak", "sk", "t")),
            (
                #""mode":"RamRoleArn",\#(pair),"ram_role_arn":"\#(arn)","ram_session_name":"camera","expired_seconds":0"#,
                .assumeRole(RoleSettings(roleARN: arn, sessionName: "camera"), source: key("ak", "sk"))
            ),
            (
                #""mode":"RamRoleArn",\#(pair),"sts_token":"t","ram_role_arn":"\#(arn)","expired_seconds":900,"external_id":"e1","policy":"{}","sts_region":"cn-beijing","enable_vpc":true"#,
                .assumeRole(
                    RoleSettings(
                        roleARN: arn, stsEndpoint: "https://sts-vpc.cn-beijing.aliyuncs.com", duration: .seconds(900), externalID: "e1",
                        policy: .text("{}")), source: key("ak", "sk", "t"))
            ),
            (
                #""mode":"RamRoleArn",\#(pair),"ram_role_arn":"\#(arn)","sts_endpoint":"sts.example.com","sts_region":"cn-beijing""#,
                .assumeRole(RoleSettings(roleARN: arn, stsEndpoint: "https://sts.example.com"), source: key("ak", "sk"))
            ),
            (#""mode":"EcsRamRole","ram_role_name":"r""#, .ecsRole(role: "r", metadataURL: nil)),
            (#""mode":"EcsRamRole","ram_role_name":"""#, .ecsRole(role: nil, metadataURL: nil)),
            (
                #""mode":"RamRoleArnWithRoleName","ram_role_name":"r","ram_role_arn":"\#(arn)""#,
                .assumeRole(RoleSettings(roleARN: arn), source: .ecsRole(role: "r", metadataURL: nil))
            ),
            (
                #""mode":"External","process_command":"/opt/get --profile \"my one\"""#,
                .process(command: ["/opt/get", "--profile", "my one"], timeout: .seconds(15))
            ),
            (#""mode":"CredentialsURI","credentials_uri":"http://127.0.0.1:1/x""#, .uri("http://127.0.0.1:1/x")),
            (
                #""mode":"OIDC","oidc_provider_arn":"acs:ram::1:oidc-provider/p","oidc_token_file":"/t","ram_role_arn":"\#(arn)","ram_session_name":"pod-1""#,
                .oidc(RoleSettings(roleARN: arn, sessionName: "pod-1"), providerARN: "acs:ram::1:oidc-provider/p", tokenFile: "/t")
            ),
            (#""mode":"Anonymous""#, .anonymous),
            // What a login in a browser has left.
            (#""mode":"CloudSSO",\#(pair),"sts_token":"t","sts_expiration":1768464001"#, key("ak", "sk", "t", until: 1_768_464_001)),
            (#""mode":"OAuth",\#(pair),"sts_token":"t","sts_expiration":1768467600"#, key("ak", "sk", "t", until: 1_768_467_600)),
            // Without a mode.
            (#""mode":"",\#(pair)"#, key("ak", "sk")), (pair + #","sts_token":"t""#, key("ak", "sk", "t")),
            (pair + #","ram_role_arn":"\#(arn)""#, .assumeRole(RoleSettings(roleARN: arn), source: key("ak", "sk"))),
            (#""ram_role_name":"r""#, .ecsRole(role: "r", metadataURL: nil)),
            // Fields of a strange type are ignored, unknown ones too.
            (#""mode":"AK",\#(pair),"sts_region":["x"],"retry_count":null,"verified":{"a":[1.5]},"new_field":true"#, key("ak", "sk")),
        ] as [(String, CredentialSource)])
    func theCurrentProfileGivesItsCredentials(fields: String, source: CredentialSource) throws {
        #expect(try ProfileAliyunTests.read(ProfileAliyunTests.file(fields)).source == source)
    }

    @Test func theRegionServesAndTheEndpointOfOtherProductsDoesNot() throws {
        let fields = #""mode":"Anonymous","region_id":"cn-hangzhou","endpoint":"ecs.aliyuncs.com""#

        let profile = try ProfileAliyunTests.read(ProfileAliyunTests.file(fields))

        #expect(profile.region == "cn-hangzhou" && profile.endpoint == nil && profile.name == "p" && profile.file == "/f")
    }

    static let several = """
        \u{FEFF}
        {"current": "b", "profiles": [null, {"mode": "AK"}, {"name": "default", "mode": "Anonymous", "region_id": "d"},
          {"name": "b", "mode": "Anonymous", "region_id": "first"}, {"name": "b", "mode": "Anonymous", "region_id": "second"}]}
        """

    @Test(arguments: [(nil, "first"), ("b", "first"), ("default", "d")] as [(String?, String)])
    func aNameBeatsTheCurrentOneAndTheFirstOfANameCounts(name: String?, region: String) throws {
        #expect(try ProfileAliyunTests.read(ProfileAliyunTests.several, name).region == region)
    }

    @Test(arguments: ["c", "B", "Default"]) func aProfileThatIsNotThereIsTold(name: String) throws {
        #expect(throws: ProfileError.absent) { try ProfileAliyunTests.read(ProfileAliyunTests.several, name) }
        #expect(try AliyunProfiles(parsing: Array(ProfileAliyunTests.several.utf8)).names == ["default", "b", "b"])
    }

    @Test(arguments: [
        #"{"name":"p","mode":"AK","access_key_id":"","access_key_secret":"","sts_token":""}"#, #"{"name":"p","mode":""}"#, #"{"name":"p"}"#,
        #"{"name":"p","mode":"StsToken"}"#,
    ])
    func aProfileThatTheFirstRunLeftEmptyIsTold(profile: String) {
        #expect(throws: ProfileError.empty) { try ProfileAliyunTests.read(#"{"current":"p","profiles":[\#(profile)]}"#) }
    }

    // MARK: - Chains

    static func chain(_ count: Int, last: String) -> String {
        let links = (0..<count).map {
            #"{"name":"p\#($0)","mode":"ChainableRamRoleArn","source_profile":"p\#($0 + 1)","ram_role_arn":"acs:ram::1:role/r\#($0)"}"#
        }
        return #"{"current":"p0","profiles":[\#((links + [last]).joined(separator: ","))]}"#
    }

    @Test func rolesAreAssumedOnTopOfOtherProfiles() throws {
        let text = ProfileAliyunTests.chain(2, last: #"{"name":"p2","mode":"AK",\#(ProfileAliyunTests.pair)}"#)

        #expect(
            try ProfileAliyunTests.read(text).source
                == .assumeRole(
                    RoleSettings(roleARN: "acs:ram::1:role/r0"),
                    source: .assumeRole(RoleSettings(roleARN: "acs:ram::1:role/r1"), source: ProfileAliyunTests.key("ak", "sk"))))
    }

    @Test func eightProfilesOnTopOfEachOtherAreTheMost() throws {
        func last(_ count: Int) -> String { #"{"name":"p\#(count)","mode":"EcsRamRole"}"# }

        #expect(throws: Never.self) { try ProfileAliyunTests.read(ProfileAliyunTests.chain(8, last: last(8))) }
        #expect(ProfileAliyunTests.message(ProfileAliyunTests.chain(9, last: last(9)))?.contains("more than 8 profiles") == true)
    }

    @Test func aCircleIsNamed() {
        let text = ProfileAliyunTests.chain(
            2, last: #"{"name":"p2","mode":"ChainableRamRoleArn","source_profile":"p1","ram_role_arn":"\#(ProfileAliyunTests.arn)"}"#)

        #expect(ProfileAliyunTests.message(text)?.contains("leads in a circle: p0 → p1 → p2 → p1") == true)
    }

    // MARK: - What is wrong

    static func message(_ text: String) -> String? {
        do { _ = try read(text) } catch { if case .wrong(_, let text)? = error as? ProfileError { return text } }
        return nil
    }

    @Test(arguments: [
        (
            #""mode":"Magic""#,
            "the mode “Magic” is not known; AK, StsToken, RamRoleArn, EcsRamRole, RamRoleArnWithRoleName, ChainableRamRoleArn"
        ),
        (#""mode":"AK","access_key_id":"ak""#, "profile “p”: “access_key_secret” is missing"),
        (#""mode":"AK","access_key_id":"ak","access_key_secret":"hid den""#, "“access_key_secret” takes"),
        (#""mode":"RamRoleArn",\#(pair)"#, "“ram_role_arn” is missing"),
        (#""mode":"RamRoleArn","ram_role_arn":"\#(arn)""#, "“access_key_id” is missing"),
        (#""mode":"RamRoleArn",\#(pair),"ram_role_arn":"\#(arn)","expired_seconds":60"#, "“expired_seconds” takes 900 to 43200"),
        (
            #""mode":"RamRoleArn",\#(pair),"ram_role_arn":"\#(arn)","sts_region":"cn-x","enable_vpc":"maybe""#,
            "“enable_vpc” takes true or false"
        ),
        (
            #""mode":"RamRoleArn",\#(pair),"ram_role_arn":"\#(arn)","policy":"\#(String(repeating: "x", count: 2049))""#,
            "STS takes at most 2048"
        ),
        (#""mode":"ChainableRamRoleArn","ram_role_arn":"\#(arn)""#, "“source_profile” is missing"),
        (#""mode":"ChainableRamRoleArn","ram_role_arn":"\#(arn)","source_profile":"x""#, "which is not there; there is “p”"),
        (#""mode":"External","process_command":"a\u0000b""#, "“process_command” takes"),
        (#""mode":"External""#, "“process_command” is missing"),
        (#""mode":"CredentialsURI""#, "“credentials_uri” is missing"),
        (#""mode":"OIDC","oidc_provider_arn":"acs:ram::1:oidc-provider/p","oidc_token_file":"t","ram_role_arn":"\#(arn)""#, "from / on"),
        (
            #""mode":"CloudSSO",\#(pair),"sts_token":"hidden","sts_expiration":1768464000"#,
            "the temporary key of its mode CloudSSO has ended"
        ),
        (#""mode":"CloudSSO","cloud_sso_sign_in_url":"https://x","access_token":"hidden""#, "its mode CloudSSO has left no temporary key"),
        (#""mode":"OAuth",\#(pair),"sts_token":"hidden""#, "its mode OAuth has left no temporary key"),
        (#""mode":"BearerToken","bearer_token":"hidden""#, "a bearer token opens no bucket"),
        (#""mode":"RsaKeyPair","private_key":"hidden","key_pair_name":"k""#, "a key pair of RSA is not supported"),
    ])
    func whatIsWrongIsSaidWithoutTheSecret(fields: String, says: String) throws {
        let message = try #require(ProfileAliyunTests.message(ProfileAliyunTests.file(fields)))

        #expect(message.contains(says) && !message.contains("hid"), "\(message)")
    }

    @Test func aSourceThatSaysNothingIsNamed() {
        #expect(
            ProfileAliyunTests.message(ProfileAliyunTests.chain(1, last: #"{"name":"p1"}"#))?
                .contains("names the profile “p1”, which says nothing about credentials") == true)
    }

    @Test(arguments: [
        "", "[]", "{", #"{"profiles":{}}"#, #"{"profiles":[1]}"#, #"{"profiles":[{"name":"a"}"#, "null", "\"x\"",
    ])
    func whatIsNoConfigurationIsRefused(text: String) {
        #expect(throws: ProfileError.self) { try AliyunProfiles(parsing: Array(text.utf8)) }
    }

    @Test(arguments: ["[", #"{"profiles":["#, #"{"a":"#]) func whatIsDeeperThanAnyConfigurationIsRefused(unit: String) {
        let text = String(repeating: unit, count: 100_000)

        #expect(throws: ProfileError.self) { try AliyunProfiles(parsing: Array(text.utf8)) }
    }

    @Test func whatIsLargerThanAnyConfigurationIsRefused() {
        let text = "{\"a\":\"" + String(repeating: "x", count: AliyunProfiles.mostBytes) + "\"}"

        #expect(throws: ProfileError.self) { try AliyunProfiles(parsing: Array(text.utf8)) }
    }

    @Test(arguments: [
        (#""mode":"AK",\#(pair)"#, true), (#""mode":"AK","access_key_secret":"""#, false), (#""mode":"EcsRamRole""#, false),
        (#""access_token":"x""#, true), (#""oauth_refresh_token":"x""#, true), (#""private_key":"x""#, true),
        (#""oidc_token_file":"/x""#, false),
    ])
    func itIsToldWhetherOthersMustNotReadIt(fields: String, holdsSecrets: Bool) throws {
        #expect(try AliyunProfiles(parsing: Array(ProfileAliyunTests.file(fields).utf8)).holdsSecrets == holdsSecrets)
    }
}
