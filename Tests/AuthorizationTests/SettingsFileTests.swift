import OSSProtocol
import Testing

@testable import Authorization

@Suite struct SettingsFileTests {
    static let hash = TokenHash(of: Secret("davit_camera-7_x"), salt: Array(repeating: 1, count: 16)).description
    static let sample = """
        listen = "127.0.0.1:0"
        [sts]
        endpoint = "http://127.0.0.1:9002"
        region = "cn-hangzhou"
        role-arn = "acs:ram::1000000000000000:role/uploader"
        [sts.credentials]
        kind = "static"
        access-key-id = "LTAI"
        access-key-secret-file = "ak.secret"
        [[client]]
        name = "camera-7"
        token-hash = "\(hash)"
        [[client.grant]]
        bucket = "media-ingest"
        region = "cn-hangzhou"
        endpoint = "http://127.0.0.1:9000"
        prefix = "uploads/{client}/"
        verbs = ["upload", "get"]
        duration = "1h30m"
        requests-per-minute = 600
        """

    private func read(_ text: String) -> SettingsReading { SettingsFile.parse(Array(text.utf8), file: "/etc/davit/authd.toml") }

    @Test func theSampleOfTheInterfaceIsRead() throws {
        let settings = try #require(read(Self.sample).settings)

        #expect(settings.listen == ListenAddress(host: "127.0.0.1", port: 0))
        #expect(settings.auditLog == "/etc/davit/audit.jsonl")
        #expect(settings.sts.endpoint.description == "http://127.0.0.1:9002")
        #expect(settings.sts.credentials == .fixed(accessKeyID: "LTAI", secretFile: "/etc/davit/ak.secret", securityTokenFile: nil))
        let client = try #require(settings.clients.first { $0.name == "camera-7" })
        #expect(!client.mayUsePath)
        #expect(client.grants.count == 1)
        #expect(client.grants[0].prefix.description == "uploads/{client}/")
        #expect(client.grants[0].verbs == [.upload, .get])
        #expect(client.grants[0].duration == .seconds(5400))
        #expect(client.grants[0].requestsPerMinute == 600)
    }

    @Test func whatIsAbsentHasItsDefault() throws {
        let text = Self.sample.split(separator: "\n").filter {
            !["listen", "endpoint", "duration", "requests-per-minute"].contains($0.prefix { $0 != " " })
        }
        let settings = try #require(read(text.joined(separator: "\n")).settings)

        #expect(settings.listen == ListenAddress(host: "127.0.0.1", port: 9001))
        #expect(settings.sts.endpoint.description == "https://sts.cn-hangzhou.aliyuncs.com")
        #expect(settings.clients[0].grants[0].endpoint.description == "https://oss-cn-hangzhou.aliyuncs.com")
        #expect(settings.clients[0].grants[0].duration == .seconds(3600))
        #expect(settings.clients[0].grants[0].requestsPerMinute == 60)
    }

    /// A line of the sample, what replaces it, and the problem it makes.
    @Test(arguments: [
        (
            "listen = \"127.0.0.1:0\"", "listen = \"9001\"",
            "1:10: error: \"listen\" cannot be \"9001\": no address to listen on. Accepted: HOST:PORT"
        ),
        (
            "listen = \"127.0.0.1:0\"", "listen = \"::1:9001\"",
            "1:10: error: \"listen\" cannot be \"::1:9001\": an IPv6 address without brackets"
        ),
        ("listen = \"127.0.0.1:0\"", "lisen = \"x\"", "1:1: error: unknown key \"lisen\". Did you mean \"listen\"? Accepted: "),
        ("listen = \"127.0.0.1:0\"", "tls-cert = \"c.pem\"", "1:12: error: tls-cert and tls-key go together; one is missing"),
        ("listen = \"127.0.0.1:0\"", "listen = 1:2", "1:10: error: “1:2” is no number"),
        (
            "endpoint = \"http://127.0.0.1:9002\"", "endpoint = \"ftp://x\"",
            "3:12: error: \"sts.endpoint\" cannot be \"ftp://x\": the endpoint's scheme"
        ),
        (
            "role-arn = \"acs:ram::1000000000000000:role/uploader\"", "role-arn = \"uploader\"",
            "5:12: error: \"sts.role-arn\" cannot be \"uploader\": no role"
        ),
        (
            "kind = \"static\"", "kind = \"statik\"",
            "7:8: error: \"sts.credentials.kind\" cannot be \"statik\". Did you mean \"static\"? Accepted: \"broker\", \"static\", \"env\""
        ),
        ("kind = \"static\"", "kind = \"env\"", "8:1: error: unknown key \"access-key-id\" in [sts.credentials]."),
        (
            "access-key-id = \"LTAI\"", "access-key-id = 7",
            "8:17: error: \"sts.credentials.access-key-id\" is an integer. Accepted: a string in quotes"
        ),
        ("name = \"camera-7\"", "name = \"camera 7\"", "11:8: error: \"client.name\" cannot be \"camera 7\": no client name"),
        ("name = \"camera-7\"", "name = \"..\"", "11:8: error: \"client.name\" cannot be \"..\": no client name"),
        ("name = \"camera-7\"", "", "10:1: error: [client] needs the key \"name\", which is missing"),
        (
            "bucket = \"media-ingest\"", "bukcet = \"media-ingest\"",
            "14:1: error: unknown key \"bukcet\" in [client.grant]. Did you mean \"bucket\"?"
        ),
        ("bucket = \"media-ingest\"", "bucket = \"Media\"", "14:10: error: \"client.grant.bucket\" cannot be \"Media\""),
        ("prefix = \"uploads/{client}/\"", "prefix = \"uploads/{name}/\"", "17:10: error: \"client.grant.prefix\" cannot be"),
        ("prefix = \"uploads/{client}/\"", "prefix = \"uploads/*/\"", "17:10: error: \"client.grant.prefix\" cannot be"),
        ("prefix = \"uploads/{client}/\"", "prefix = \"/uploads/\"", "17:10: error: \"client.grant.prefix\" cannot be"),
        ("prefix = \"uploads/{client}/\"", "prefix = \"a/../b\"", "17:10: error: \"client.grant.prefix\" cannot be"),
        ("verbs = [\"upload\", \"get\"]", "verbs = [\"upload\", \"gett\"]", "18:20: error: unknown verb. Did you mean \"get\"? Accepted: "),
        ("verbs = [\"upload\", \"get\"]", "verbs = []", "18:9: error: \"verbs\" is empty."),
        (
            "duration = \"1h30m\"", "duration = \"5m\"",
            "19:12: error: \"client.grant.duration\" cannot be \"5m\": a life that STS does not give. Accepted: 15m to 12h"
        ),
        ("duration = \"1h30m\"", "duration = \"1m1h\"", "19:12: error: \"client.grant.duration\" cannot be \"1m1h\": no time."),
        (
            "requests-per-minute = 600", "requests-per-minute = 0",
            "20:23: error: \"client.grant.requests-per-minute\" is 0. Accepted: an integer from 1 to 1000000"
        ),
    ])
    func whatIsWrongIsNamedWithItsPlaceAndWhatIsAccepted(line: String, replacement: String, problem: String) {
        let text = Self.sample.split(separator: "\n", omittingEmptySubsequences: false).map { $0 == line ? Substring(replacement) : $0 }
            .joined(separator: "\n")
        let reading = read(text)

        #expect(reading.settings == nil)
        #expect(reading.problems.contains { $0.hasPrefix("/etc/davit/authd.toml:" + problem) }, "\(reading.problems)")
    }

    @Test func twoClientsOfOneNameAndAClientWithoutGrantAreRefused() {
        let reading = read(Self.sample + "\n[[client]]\nname = \"camera-7\"\ntoken-hash = \"\(Self.hash)\"\n")

        #expect(
            reading.problems == [
                "/etc/davit/authd.toml:21:1: error: [[client]] needs at least one [[client.grant]]",
                "/etc/davit/authd.toml:22:8: error: there are two clients \"camera-7\"; names must differ",
            ])
    }

    @Test func aTokenHashThatIsNoneIsRefusedWithoutRepeatingAllOfIt() {
        let text = Self.sample.split(separator: "\n").map {
            $0.hasPrefix("token-hash") ? "token-hash = \"davit_camera-7_secret\"" : String($0)
        }
        let problems = read(text.joined(separator: "\n")).problems

        #expect(problems.count == 1)
        #expect(problems.first?.contains("12:14: error:") == true)
        #expect(problems.first?.contains("davit_camera-7_secret") == false)
    }

    @Test func allProblemsAreToldAtOnceInTheOrderOfTheFile() {
        let problems = read("listen = 1\n[sts]\nregoin = \"x\"\n[[client]]\n").problems

        #expect(problems.count >= 6)
        #expect(problems.first?.hasPrefix("/etc/davit/authd.toml:1:10:") == true)
    }

    // MARK: who is asking

    private static let more = """
        tls-cert = "server.pem"
        tls-key = "server.key"
        client-ca = "ca.pem"
        """
    private static let issuers = """
        [[jwt]]
        issuer = "https://id.example.com"
        audience = "davit"
        jwks-url = "https://id.example.com/keys"
        leeway = "30s"
        [[jwt.grant]]
        claims = { groups = "cameras" }
        bucket = "media-ingest"
        region = "cn-hangzhou"
        prefix = "{claim:site}/{client}/{date}/"
        verbs = ["upload"]
        source-ip = ["192.0.2.0/24", "2001:db8::/32"]
        max-object-size = "100MiB"
        [[client]]
        name = "camera-9"
        certificate-san = ["DNS:camera-9.example.com"]
        certificate-subject = "CN=camera-9"
        jwt-issuer = "https://id.example.com"
        [[client.token]]
        hash = "\(hash)"
        expires = "2027-01-31T12:00:00Z"
        [[client.token]]
        hash = "\(hash)"
        [[client.grant]]
        bucket = "media-ingest"
        region = "cn-hangzhou"
        prefix = "{client}/{date}"
        verbs = ["upload"]
        """
    private static let whole = more + "\n" + sample + "\n" + issuers

    @Test func everyWayToShowWhoOneIsIsRead() throws {
        let reading = read(Self.whole)
        #expect(reading.problems == [])
        let settings = try #require(reading.settings)

        #expect(settings.clientCA == "/etc/davit/ca.pem")
        let issuer = try #require(settings.issuers.first)
        #expect(issuer.keys == .url("https://id.example.com/keys") && issuer.leeway == .seconds(30) && issuer.clientClaim == "sub")
        #expect(issuer.grants[0].claims == ["groups": "cameras"])
        #expect(issuer.grants[0].rule.sourceAddresses == ["192.0.2.0/24", "2001:db8::/32"])
        #expect(issuer.grants[0].rule.largestObject == 100 << 20)
        let client = try #require(settings.clients.last)
        #expect(client.tokens.map(\.expires) == [Timestamp(iso8601: "2027-01-31T12:00:00Z"), nil])
        #expect(client.certificates.map(\.text) == ["DNS:camera-9.example.com", "SUBJECT:CN=camera-9"])
        #expect(client.issuer == "https://id.example.com")
    }

    @Test(arguments: [
        ("client-ca = \"ca.pem\"", "", "no certificate is believed without client-ca"),
        ("tls-cert = \"server.pem\"\ntls-key = \"server.key\"", "", "client certificates come with TLS only"),
        ("jwks-url = \"https://id.example.com/keys\"", "", "needs jwks-file or jwks-url"),
        ("jwks-url = \"https://id.example.com/keys\"", "jwks-url = \"http://id.example.com/keys\"", "no address of keys"),
        ("jwks-url =", "jwks-file = \"keys.json\"\njwks-url =", "exclude each other"),
        ("audience = \"davit\"", "", "needs the key \"audience\""),
        ("leeway = \"30s\"", "leeway = \"6m\"", "no leeway"),
        ("jwt-issuer = \"https://id.example.com\"", "jwt-issuer = \"https://id.example.com/\"", "no issuer of a [[jwt]]"),
        ("expires = \"2027-01-31T12:00:00Z\"", "expires = \"tomorrow\"", "no time"),
        ("[\"DNS:camera-9.example.com\"]", "[\"camera-9.example.com\"]", "no name of a certificate"),
        ("prefix = \"{client}/{date}\"", "prefix = \"{claim:site}/\"", "which only clients of a [[jwt]] have"),
        ("\"192.0.2.0/24\"", "\"192.0.2.0/33\"", "no address"),
        ("max-object-size = \"100MiB\"", "max-object-size = \"6GiB\"", "no size"),
        ("claims = { groups = \"cameras\" }", "claims = { groups = 7 }", "a string in quotes"),
    ])
    func whatIsWrongWithAProofIsSaidWithItsPlace(old: String, new: String, said: String) throws {
        try #require(Self.whole.contains(old))
        let reading = read(Self.whole.replacing(old, with: new))

        #expect(reading.settings == nil)
        let problem = try #require(reading.problems.first { $0.contains(said) }, "\(reading.problems)")
        #expect(problem.contains("/etc/davit/authd.toml:"))
    }

    @Test func aClientWithoutAnyProofIsRefused() {
        let text = Self.sample.split(separator: "\n").filter { !$0.contains("token-hash") }.joined(separator: "\n")

        #expect(read(text).problems.contains { $0.contains("needs a way to show who it is") })
    }
}
