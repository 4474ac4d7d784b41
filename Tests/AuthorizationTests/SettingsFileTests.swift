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
        #expect(client.grants[0].prefix == "uploads/camera-7/")
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
}
