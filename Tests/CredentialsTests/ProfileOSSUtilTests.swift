import OSSProtocol
import Testing

@testable import Credentials

@Suite struct ProfileOSSUtilTests {
    static func read(_ text: String, _ name: String? = nil) throws -> Profile {
        try OSSUtilProfiles(parsing: Array(text.utf8)).profile(name, in: "/f")
    }

    static func key(_ id: String, _ secret: String, _ token: String? = nil) -> CredentialSource {
        .inProfile(
            Credentials(accessKeyID: id, accessKeySecret: Secret(secret), securityToken: token.map { Secret($0) }), file: "/f")
    }

    static let arn = "acs:ram::1:role/uploader"
    static let role = RoleSettings(roleARN: arn)

    @Test(
        arguments: [
            // Every mode, and every way to write a key.
            ("[default]\naccessKeyID = ak\naccessKeySecret = sk", key("ak", "sk")),
            ("[default]\naccessKeyID = \"ak\"\naccessKeySecret = 'sk'", key("ak", "sk")),
            ("[DEFAULT]\nACCESS_KEY_ID=ak\naccess-key-secret=sk\n", key("ak", "sk")),
            ("[profile default]\naccesskeyid=ak\naccesskeysecret=sk", key("ak", "sk")),
            ("[default]\nmode=ak\naccess_key_id=ak\naccess_key_secret=sk\nsts_token=t", key("ak", "sk")),
            ("[default]\naccess-key-id=ak\naccess-key-secret=sk\nsts-token=t", key("ak", "sk", "t")),
            ("[default]\nmode=StsToken\naccess-key-id=ak\naccess-key-secret=sk\nstsToken=t", key("ak", "sk", "t")),
            (
                "[default]\nmode=RamRoleArn\naccessKeyID=ak\naccessKeySecret=sk\nroleArn=\(arn)\nroleSessionName=camera",
                .assumeRole(RoleSettings(roleARN: arn, sessionName: "camera"), source: key("ak", "sk"))
            ),
            (
                "[default]\nmode=ramrolearn\naccess-key-id=ak\naccess-key-secret=sk\nsts-token=t\nrole-arn=\(arn)\nexternal-id=e1\ntoken-timeout=900\nsts-region=cn-shenzhen",
                .assumeRole(
                    RoleSettings(
                        roleARN: arn, stsEndpoint: "https://sts.cn-shenzhen.aliyuncs.com", duration: .seconds(900), externalID: "e1"),
                    source: key("ak", "sk", "t"))
            ),
            ("[default]\nmode = EcsRamRole\nregion=cn-hangzhou", .ecsRole(role: nil, metadataURL: nil)),
            (
                "[default]\nmode = Ali-EcsRamRole\n# none needed\necsRoleName = EcsRamRoleOss",
                .ecsRole(role: "EcsRamRoleOss", metadataURL: nil)
            ),
            ("[default]\necs-role-name = r", .ecsRole(role: "r", metadataURL: nil)),
            ("[default]\nmode=Process\ncredentialProcess = user-cmd", .process(command: ["user-cmd"], timeout: .seconds(15))),
            (
                "[default]\nmode=External\ncredential-process = \"/opt/my tool\" a 'b c'\ncredential-process-timeout = 600",
                .process(command: ["/opt/my tool", "a", "b c"], timeout: .seconds(600))
            ),
            (
                "[default]\ncredential_process=/opt/tool $HOME | x",
                .process(command: ["/opt/tool", "$HOME", "|", "x"], timeout: .seconds(15))
            ),
            ("[default]\ncredential-uri = http://127.0.0.1:8080/x?t=1", .uri("http://127.0.0.1:8080/x?t=1")),
            ("[default]\nmode=CredentialsURI\ncredential-uri = https://h/x", .uri("https://h/x")),
            (
                "[default]\nmode = oidcRoleArn\nOIDCProviderArn=acs:ram::1:oidc-provider/p\nOIDCTokenFilePath=/var/t\nroleArn=\(arn)",
                .oidc(role, providerARN: "acs:ram::1:oidc-provider/p", tokenFile: "/var/t")
            ),
            ("[default]\nmode=anonymous", .anonymous),
            // A mode beats what else lies around.
            ("[default]\nmode=Anonymous\naccess-key-id=ak\naccess-key-secret=sk", .anonymous),
            ("[default]\naccess-key-id=ak\naccess-key-secret=sk\ncredential-uri=http://h/", key("ak", "sk")),
            // The last of a kind counts, sections of one name are one, and others' keys do not matter.
            (
                "[default]\naccessKeyID=old\naccess-key-id=ak\n[dev]\nx=1\n[Default]\naccess-key-secret=sk\nproxyHost=h\njob=10",
                key("ak", "sk")
            ),
            // Version 1.
            ("[Credentials]\nlanguage=EN\nendpoint=e\naccessKeyID=ak\naccessKeySecret=sk", key("ak", "sk")),
            ("[Credentials]\naccess_id=ak\naccess_key=sk\nstsToken=t", key("ak", "sk", "t")),
            (
                "[Credentials]\nmode=RamRoleArn\naccessKeyID=ak\naccessKeySecret=sk\nramRoleArn=\(arn)",
                .assumeRole(role, source: key("ak", "sk"))
            ),
            ("[Credentials]\nmode=EcsRamRole\necsRoleName=r", .ecsRole(role: "r", metadataURL: nil)),
            (
                "[Credentials]\nendpoint=e\n[AkService]\necsAk=http://100.100.100.200/latest/meta-data/Ram/security-credentials/r",
                .ecsRole(role: "r", metadataURL: nil)
            ),
            (
                "[Credentials]\nmode=EcsRamRole\n[AkService]\necsAk=http://127.0.0.1:9/latest/meta-data/ram/security-credentials/r",
                .ecsRole(role: "r", metadataURL: "http://127.0.0.1:9")
            ),
            ("[Credentials]\nendpoint=e\n[AkService]\necsAk=http://10.0.0.1/keys", .uri("http://10.0.0.1/keys")),
            ("[Default]\nuserAgent=x\n[Credentials]\naccessKeyID=ak\naccessKeySecret=sk", key("ak", "sk")),
            (
                "[Credentials]\naccessKeyID=old\naccessKeySecret=old\nstsToken=t\n[default]\naccess-key-id=ak\naccess-key-secret=sk",
                key("ak", "sk")
            ),
        ] as [(String, CredentialSource)])
    func theDefaultProfileGivesItsCredentials(text: String, source: CredentialSource) throws {
        #expect(try ProfileOSSUtilTests.read(text).source == source)
    }

    @Test func aProfileSaysWhereTheBucketIs() throws {
        let text = """
            [profile Dev]
            access-key-id = ak
            access-key-secret = sk
            region = cn-hangzhou
            endpoint = oss-cn-hangzhou-internal.aliyuncs.com
            addressingStyle = Path
            sign_version = V1
            """

        let profile = try ProfileOSSUtilTests.read(text, "dev")

        #expect(profile.name == "Dev" && profile.file == "/f" && profile.region == "cn-hangzhou")
        #expect(profile.endpoint == "oss-cn-hangzhou-internal.aliyuncs.com" && profile.addressing == "path" && profile.signature == "v1")
    }

    @Test func versionOneSaysItsEndpointAndADefaultSectionMayAddTheRegion() throws {
        let text = "[Credentials]\nendpoint=oss-cn-beijing.aliyuncs.com\naccessKeyID=ak\naccessKeySecret=sk\n[default]\nregion=cn-beijing"

        let profile = try ProfileOSSUtilTests.read(text)

        #expect(profile.source == ProfileOSSUtilTests.key("ak", "sk"))
        #expect(profile.endpoint == "oss-cn-beijing.aliyuncs.com" && profile.region == "cn-beijing")
    }

    // MARK: - Profiles on top of each other

    @Test(
        arguments: [
            ("[profile dev]\nsource-profile=cred\n[profile cred]\naccess-key-id=ak\naccess-key-secret=sk", key("ak", "sk")),
            (
                "[profile dev]\nmode=RamRoleArn\nrole-arn=\(arn)\nsource_profile=cred\n[profile cred]\nmode=AK\naccess-key-id=ak\naccess-key-secret=sk",
                .assumeRole(role, source: key("ak", "sk"))
            ),
            (
                "[profile dev]\nmode=RamRoleArn\nrole-arn=\(arn)\nsource-profile=ecs\n[profile ecs]\nmode=EcsRamRole\necs-role-name=r",
                .assumeRole(role, source: .ecsRole(role: "r", metadataURL: nil))
            ),
            (
                "[profile dev]\nmode=RamRoleArn\nrole-arn=\(arn)\nsource-profile=default\n[Credentials]\naccessKeyID=ak\naccessKeySecret=sk",
                .assumeRole(role, source: key("ak", "sk"))
            ),
            // The parts of a key stay together.
            (
                "[profile dev]\naccess-key-id=ak\naccess-key-secret=sk\nsource-profile=c\n[profile c]\naccess-key-id=x\naccess-key-secret=y\nsts-token=z",
                key("ak", "sk")
            ),
            (
                "[profile dev]\nsource-profile=b\n[profile b]\naccess-key-id=\nsource-profile=C\n[profile c]\naccess-key-id=ak\naccess-key-secret=sk",
                key("ak", "sk")
            ),
        ] as [(String, CredentialSource)])
    func aSourceProfileGivesWhatTheProfileLeavesOut(text: String, source: CredentialSource) throws {
        #expect(try ProfileOSSUtilTests.read(text, "dev").source == source)
    }

    @Test func placesAreTakenFromTheSourceProfileToo() throws {
        let text = "[profile dev]\nregion=cn-beijing\nsource-profile=c\n[profile c]\nmode=Anonymous\nregion=cn-hangzhou\nendpoint=e"

        let profile = try ProfileOSSUtilTests.read(text, "dev")

        #expect(profile.region == "cn-beijing" && profile.endpoint == "e")
    }

    @Test(arguments: [
        ("[profile a]\nsource-profile=a", "a → a"),
        ("[profile a]\nsource-profile=b\n[profile b]\nsource-profile=C\n[profile c]\nsource-profile=A", "a → b → C → A"),
    ])
    func aCircleIsNamed(text: String, circle: String) {
        #expect(ProfileOSSUtilTests.message(text, "a")?.contains("leads in a circle: \(circle)") == true)
    }

    @Test func eightSourceProfilesAreTheMost() throws {
        func chain(_ count: Int) -> String {
            (0..<count).map { "[profile p\($0)]\nsource-profile=p\($0 + 1)\n" }.joined() + "[profile p\(count)]\nmode=Anonymous\n"
        }

        #expect(try ProfileOSSUtilTests.read(chain(8), "p0").source == .anonymous)
        #expect(ProfileOSSUtilTests.message(chain(9), "p0")?.contains("more than 8 profiles") == true)
    }

    // MARK: - Buckets

    static let buckets = """
        [profile dev]
        mode = Anonymous
        region = cn-hangzhou
        endpoint = oss-cn-hangzhou.aliyuncs.com
        buckets = Mine
        [buckets mine]
        internal =
          endpoint = oss-cn-hangzhou-internal.aliyuncs.com
        # A comment between.
        beijing =
          region=cn-beijing
        own =
            region = cn-shanghai
            endpoint = files.example.com
            addressing_style = cname
        inline = region=cn-shenzhen addressing-style=path
        """

    @Test(
        arguments: [
            ("internal", "cn-hangzhou", "oss-cn-hangzhou-internal.aliyuncs.com", nil), ("beijing", "cn-beijing", nil, nil),
            ("own", "cn-shanghai", "files.example.com", "cname"), ("inline", "cn-shenzhen", nil, "path"),
            ("other", "cn-hangzhou", "oss-cn-hangzhou.aliyuncs.com", nil), ("region", "cn-hangzhou", "oss-cn-hangzhou.aliyuncs.com", nil),
        ] as [(String, String, String?, String?)])
    func aBucketMayHaveAPlaceOfItsOwn(bucket: String, region: String, endpoint: String?, addressing: String?) throws {
        let profile = try ProfileOSSUtilTests.read(ProfileOSSUtilTests.buckets, "dev").at(bucket: bucket)

        #expect(profile.region == region && profile.endpoint == endpoint && profile.addressing == addressing)
    }

    @Test(arguments: [("one", "e1", nil), ("two", "cdn.example.com", "cname"), ("three", "e", nil)] as [(String, String, String?)])
    func versionOneNamesEndpointsAndDomainsOfBuckets(bucket: String, endpoint: String, addressing: String?) throws {
        let text = """
            [Credentials]
                endpoint = e
                accessKeyID = ak
                accessKeySecret = sk
            [Bucket-Endpoint]
                one = e1
                two = e2
            [Bucket-Cname]
                two = cdn.example.com
            """

        let profile = try ProfileOSSUtilTests.read(text).at(bucket: bucket)

        #expect(profile.endpoint == endpoint && profile.addressing == addressing)
    }

    // MARK: - What is wrong

    static func message(_ text: String, _ name: String? = nil) -> String? {
        do { _ = try read(text, name) } catch {
            if case .wrong(let line, let text)? = error as? ProfileError { return "\(line.map { "\($0): " } ?? "")\(text)" }
        }
        return nil
    }

    @Test(arguments: [
        ("[default]\nmode=Kerberos", "2: profile “default”: the mode “Kerberos” is not known; AK, StsToken, RamRoleArn"),
        ("[default]\nmode=CloudSSO", "Anonymous are supported"),
        ("[default]\naccess-key-id=ak", "“access-key-secret” is missing"),
        ("[default]\naccess-key-secret=sk-hidden", "“access-key-id” is missing"),
        ("[default]\nmode=StsToken\naccess-key-id=ak\naccess-key-secret=sk-hidden", "2: profile “default”: “sts-token” is missing"),
        ("[default]\naccess-key-id=a k\naccess-key-secret=sk-hidden", "2: profile “default”: “access-key-id” takes"),
        ("[default]\naccess-key-id=ak\naccess-key-secret=sk-hidden # mine", "3: profile “default”: “access-key-secret” takes printable"),
        ("[default]\naccess-key-id=ak\naccess-key-secret=sk-hidden\nsts-token=a b", "4: profile “default”: “sts-token” takes"),
        ("[default]\nmode=RamRoleArn\naccess-key-id=ak\naccess-key-secret=sk-hidden", "“role-arn” is missing"),
        ("[default]\nmode=RamRoleArn\nrole-arn=\(arn)", "“access-key-id” is missing"),
        ("[default]\nmode=RamRoleArn\nrole-arn=uploader", "3: profile “default”: “role-arn” takes a role such as"),
        ("[default]\nmode=RamRoleArn\nrole-arn=\(arn)\nrole-session-name=a b", "“role-session-name” takes"),
        ("[default]\nmode=RamRoleArn\nrole-arn=\(arn)\ntoken-timeout=60", "“token-timeout” takes 900 to 43200"),
        ("[default]\nmode=RamRoleArn\nrole-arn=\(arn)\nsts-region=cn/x", "“sts-region” takes a region"),
        ("[default]\nmode=RamRoleArn\nrole-arn=\(arn)\nsts-endpoint=http://sts.example.com", "“sts-endpoint” takes https"),
        ("[default]\nmode=RamRoleArn\nrole-arn=\(arn)\nexternal-id=x y", "“external-id” takes"),
        ("[default]\nmode=EcsRamRole\necs-role-name=../x", "“ecs-role-name” takes"),
        (
            "[default]\nmode=OIDC\nrole-arn=\(arn)\noidc-provider-arn=acs:ram::1:oidc-provider/p\noidc-token-file-path=t",
            "takes a path from / on"
        ),
        ("[default]\nmode=OIDC\nrole-arn=\(arn)\noidc-provider-arn=p\noidc-token-file-path=/t", "“oidc-provider-arn” takes"),
        ("[default]\nmode=Process", "“credential-process” is missing"),
        ("[default]\ncredential-process=./get", "takes a program's path from / on"),
        ("[default]\ncredential-process=get 'x", "every quote closed"),
        ("[default]\ncredential-process=get\ncredential-process-timeout=601", "takes 1 to 600 seconds"),
        ("[default]\ncredential-uri=token-hidden", "“credential-uri” takes"),
        ("[default]\nmode=Anonymous\naddressing-style=subdomain", "3: profile “default”: “addressing-style” takes virtual, path or cname"),
        ("[default]\nmode=Anonymous\nsign-version=v2", "“sign-version” takes v1 or v4"),
        ("[default]\nmode=Anonymous\nbuckets=mine", "“buckets” names a section"),
        ("[default]\nsource-profile=x\n[profile a]\nmode=AK", "names the profile “x”, which is not there; there are “default” and “a”"),
        (
            "[default]\nmode=RamRoleArn\nrole-arn=\(arn)\nsource-profile=x\n[profile x]\nregion=r",
            "names the profile “x”, which says nothing about credentials"
        ),
    ])
    func whatIsWrongIsSaidWithoutTheSecret(text: String, says: String) throws {
        let message = try #require(ProfileOSSUtilTests.message(text))

        #expect(message.contains(says) && !message.contains("hidden"), "\(message)")
    }

    @Test(arguments: [
        "[default]\nregion=cn-hangzhou", "[Credentials]\nlanguage=EN", "[default]\naccess-key-id=\naccess-key-secret=\nmode=AK",
    ])
    func aProfileThatSaysNothingIsTold(text: String) {
        #expect(throws: ProfileError.empty) { try ProfileOSSUtilTests.read(text) }
    }

    @Test(arguments: ["", "[dev]\nmode=AK", "[profile dev]\nmode=AK", "[buckets b]\nx=region=y"])
    func aProfileThatIsNotThereIsTold(text: String) {
        #expect(throws: ProfileError.absent) { try ProfileOSSUtilTests.read(text) }
    }

    @Test func theNamesAreThoseThatCanBeAskedFor() throws {
        let text = "[Credentials]\nendpoint=e\n[profile dev]\nmode=AK\n[buckets b]\nx=\n[PROFILE Dev]\n"

        #expect(try OSSUtilProfiles(parsing: Array(text.utf8)).names == ["default", "dev"])
    }
}
