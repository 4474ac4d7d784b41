import Contracts
import Credentials
import OSSProtocol
import Testing
import TransferCore

@testable import Engine

@Suite struct ConfigurationTests {
    private let file = "/etc/davit/config.toml"

    private func read(_ text: String) -> ConfigurationReading { ConfigurationReader.read(Array(text.utf8), file: file) }

    @Test func theDocumentedExampleIsRightInEveryKey() throws {
        let reading = read(
            """
            default-remote = "ingest"
            theme = "auto"

            [engine]
            uploads = 5
            parts = "auto"
            rate-limit = "50MiB"
            rate-schedule = ["Mon-Fri 08:00-18:00 20MiB", "else none"]
            verify = "crc64"
            keep-cancelled = "24h"
            keep-history = "90d"

            [remote.ingest]
            bucket = "media-ingest"
            region = "cn-hangzhou"
            endpoint = "https://oss-cn-hangzhou.aliyuncs.com"
            addressing = "virtual"
            prefix = "incoming/"
            signature = "v4"
            existing = "skip"
            storage-class = "Standard"
            ca-file = ""

            [remote.ingest.credentials]
            kind = "broker"
            url = "https://auth.example.com"
            token-file = "ingest.token"
            """)

        #expect(reading.errors == [])
        let remote = try #require(reading.configuration.remote(named: "ingest"))
        #expect(remote.credentials == .broker(url: "https://auth.example.com", tokenFile: "/etc/davit/ingest.token"))
        #expect(remote.existing == "skip" && remote.prefix == "incoming/" && remote.caFile == nil)
        #expect(reading.configuration.engine.rateLimit == 50 << 20)
        #expect(reading.configuration.engine.rateSchedule.count == 2)
    }

    @Test func aScheduleMayNameTheZoneWhoseClockItMeans() {
        let reading = read("[engine]\nrate-schedule = [\"else none\"]\nrate-schedule-zone = \"UTC\"\nmost-parts = 200\n")

        #expect(reading.problems.isEmpty)
        #expect(reading.configuration.engine.rateScheduleZone == "UTC")
        #expect(reading.configuration.engine.mostParts == 200)
    }

    @Test func theTerminalMayBeDescribedWhereItDoesNotTell() {
        let reading = read("[terminal]\nambiguous-width = 2\nsymbols = \"unicode\"\nright-to-left = \"auto\"\n")

        #expect(reading.problems.isEmpty)
        #expect(reading.configuration.terminal == TerminalSettingsView(ambiguousWidth: 2, symbols: "unicode"))
        #expect(read("theme = \"auto\"\n").configuration.terminal == nil)
    }

    @Test func aMissingFileMeansDefaults() {
        let reading = ConfigurationReader.load("/nonexistent/config.toml")

        #expect(reading.problems == [])
        #expect(reading.configuration.engine.uploads == .fixed(5))
        #expect(reading.configuration.engine.keepCancelled == .seconds(86_400))
    }

    @Test func aMissingFileThatWasNamedIsAnError() {
        #expect(!ConfigurationReader.load("/nonexistent/config.toml", mustExist: true).isUsable)
    }

    /// What is wrong, where it is said to be, and a word that the message must have to help.
    static let wrong: [(text: String, place: String, word: String)] = [
        ("theme = 3", "1:9", "string"),
        ("thema = \"dark\"", "1:1", "theme"),
        ("[engine]\nuploads = 0", "2:11", "1 to 64"),
        ("[engine]\nuploads = \"many\"", "2:11", "auto"),
        ("[engine]\nparts = 1.5", "2:9", "auto"),
        ("[engine]\nrate-limit = \"fast\"", "2:14", "50MiB"),
        ("[engine]\nrate-schedule = [\"Someday 1MiB\"]", "2:18", "Mon-Fri"),
        ("[engine]\nrate-schedule = [\"else 1MiB\", \"else none\"]", "2:17", "one line"),
        ("[engine]\nrate-schedule-zone = \"Mars/Olympus\"", "2:22", "Europe/Berlin"),
        ("[engine]\nrate-schedule-zone = \"../../etc/passwd\"", "2:22", "zone database"),
        ("[engine]\nmost-parts = 300", "2:14", "1 to 256"),
        ("[engine]\nverify = \"md5\"", "2:10", "crc64"),
        ("[engine]\nkeep-cancelled = \"soon\"", "2:18", "24h"),
        ("[engine]\nkeep-history = 90", "2:16", "string"),
        ("[engine]\nlog-level = \"loud\"", "2:13", "debug"),
        ("[terminal]\nambiguous-width = 3", "2:19", "1 or 2"),
        ("[terminal]\nsymbols = \"emoji\"", "2:11", "ascii"),
        ("[terminal]\nright-to-left = true", "2:17", "mark"),
        ("[terminal]\nwidth = 2", "2:1", "width"),
        ("default-remote = \"a\"", "1:18", "there is none"),
        ("[remote.oss]\nbucket = \"abc\"", "1:9", "oss"),
        ("[remote.a]\nregion = \"cn-hangzhou\"", "1:1", "bucket"),
        ("[remote.a]\nbucket = \"A_B\"\nregion = \"cn-hangzhou\"", "2:10", "bucket"),
        ("[remote.a]\nbucket = \"abc\"\nregion = \"Hang Zhou\"", "3:10", "cn-hangzhou"),
        ("[remote.a]\nbucket = \"abc\"\nregion = \"cn-x\"\nendpoint = \"ftp://x\"", "4:12", "https"),
        ("[remote.a]\nbucket = \"abc\"\nregion = \"cn-x\"\nendpoint = \"https://x/y\"", "4:12", "path"),
        ("[remote.a]\nbucket = \"abc\"\nregion = \"cn-x\"\nendpoint = \"intranet\"", "4:12", "internal"),
        ("[remote.a]\nbucket = \"abc\"\nregion = \"cn-x\"\nprefix = \"/a\"", "4:10", "slash"),
        ("[remote.a]\nbucket = \"abc\"\nregion = \"cn-x\"\nsignature = \"v2\"", "4:13", "v4"),
        ("[remote.a]\nbucket = \"abc\"\nregion = \"cn-x\"\nexisting = \"replace\"", "4:12", "overwrite"),
        ("[remote.a]\nbucket = \"abc\"\nregion = \"cn-x\"\nstorage-class = \"Cold\"", "4:17", "Standard"),
        ("[remote.a]\nbucket = \"abc\"\nregion = \"cn-x\"\nparts = \"auto\"", "4:9", "1 to 256"),
        ("[remote.a]\nbucket = \"abc\"\nregion = \"cn-x\"\nrate-limit = 5", "4:14", "string"),
        ("[remote.a]\nbucket = \"abc\"\nregion = \"cn-x\"\nbuckett = \"b\"", "4:1", "bucket"),
        ("[remote.a]\nbucket = \"abc\"\n[remote.a.credentials]\nkind = \"magic\"", "4:8", "broker"),
        ("[remote.a.credentials]\nkind = \"broker\"\ntoken-file = \"t\"", "1:1", "url"),
        ("[remote.a.credentials]\nkind = \"broker\"\nurl = \"http://auth.example.com\"\ntoken-file = \"t\"", "3:7", "https"),
        ("[remote.a.credentials]\nkind = \"broker\"\nurl = \"https://a\"\ntoken-file = \"t\"\ntoken = \"x\"", "5:1", "token"),
        ("[remote.a.credentials]\nkind = \"process\"", "1:1", "command"),
        ("[remote.a.credentials]\nkind = \"process\"\ncommand = []", "3:11", "program"),
        ("[remote.a.credentials]\nkind = \"process\"\ncommand = [\"x\"]\ntimeout = \"11m\"", "4:11", "10m"),
        ("[remote.a.credentials]\nkind = \"anonymous\"\nrole = \"x\"", "3:1", "role"),
        ("[remote.a.credentials]\nkind = \"ecs-role\"\nrole = \"../x\"", "3:8", "RAM role"),
        ("[remote.a.credentials]\nkind = \"ecs-role\"\nmetadata-url = \"file:///etc\"", "3:16", "http"),
        ("[remote.a.credentials]\nkind = \"oidc\"\nprovider-arn = \"p\"", "3:16", "oidc-provider"),
        ("[remote.a.credentials]\nkind = \"uri\"\nurl = \"ftp://x\"", "3:7", "http"),
        ("[remote.a.credentials]\nkind = \"profile\"\nprofile = \"x\"", "3:1", "name"),
        ("[remote.a.credentials]\nkind = \"assume-role\"\nrole-arn = \"r\"", "3:12", "acs:ram"),
        ("[remote.a.credentials]\nkind = \"assume-role\"\nrole-arn = \"acs:ram::1:role/r\"", "1:1", "source"),
        (
            "[remote.a.credentials]\nkind = \"assume-role\"\nrole-arn = \"acs:ram::1:role/r\"\nduration = \"1m\"\nsource = {kind = \"env\"}",
            "4:12", "15m"
        ),
        (
            "[remote.a.credentials]\nkind = \"assume-role\"\nrole-arn = \"acs:ram::1:role/r\"\nsource = {kind = \"signed-url\"}",
            "4:18", "broker"
        ),
        (
            "[remote.a]\nbucket = \"abc\"\nregion = \"cn-x\"\n[remote.a.credentials]\nkind = \"static\"\naccess-key-id = \"x\"", "4:1",
            "access-key-secret-file"
        ),
        ("theme = ", "1:9", "expected"),
    ]

    @Test(arguments: wrong) func aWrongFileSaysWhereAndWhatIsAccepted(_ text: String, _ place: String, _ word: String) {
        let errors = read(text).errors

        #expect(!errors.isEmpty)
        #expect(errors.contains { "\($0)".hasPrefix("\(file):\(place): error: ") && $0.message.contains(word) }, "\(errors)")
    }

    /// Every kind as docs/interface.md writes it, and what it becomes.
    static let kinds: [(text: String, source: CredentialSource)] = [
        ("kind = \"env\"", .environment), ("kind = \"anonymous\"", .anonymous),
        ("kind = \"profile\"", .profile(ProfileChoice())),
        ("kind = \"profile\"\nfile = \"p.json\"\nname = \"prod\"", .profile(ProfileChoice(file: "/etc/davit/p.json", name: "prod"))),
        ("kind = \"ecs-role\"", .ecsRole(role: nil, metadataURL: nil)),
        (
            "kind = \"ecs-role\"\nrole = \"up\"\nmetadata-url = \"http://127.0.0.1:80\"",
            .ecsRole(role: "up", metadataURL: "http://127.0.0.1:80")
        ),
        ("kind = \"uri\"\nurl = \"http://169.254.1.1/c?x=1\"", .uri("http://169.254.1.1/c?x=1")),
        ("kind = \"process\"\ncommand = [\"get\", \"a b\"]", .process(command: ["get", "a b"], timeout: .seconds(15))),
        (
            "kind = \"process\"\ncommand = [\"bin/get\"]\ntimeout = \"2m\"",
            .process(command: ["/etc/davit/bin/get"], timeout: .seconds(120))
        ),
        (
            "kind = \"oidc\"\nprovider-arn = \"acs:ram::1:oidc-provider/idp\"\nrole-arn = \"acs:ram::1:role/up\"\nid-token-file = \"/run/t\"",
            .oidc(RoleSettings(roleARN: "acs:ram::1:role/up"), providerARN: "acs:ram::1:oidc-provider/idp", tokenFile: "/run/t")
        ),
        (
            """
            kind = "assume-role"
            role-arn = "acs:ram::1:role/up"
            sts-endpoint = "https://sts.cn-beijing.aliyuncs.com"
            duration = "30m"
            external-id = "x-1"
            policy-file = "p.json"
            [remote.a.credentials.source]
            kind = "assume-role"
            role-arn = "acs:ram::2:role/first"
            source = {kind = "ecs-role"}
            """,
            .assumeRole(
                RoleSettings(
                    roleARN: "acs:ram::1:role/up", stsEndpoint: "https://sts.cn-beijing.aliyuncs.com", duration: .seconds(1800),
                    externalID: "x-1", policy: .file("/etc/davit/p.json")),
                source: .assumeRole(RoleSettings(roleARN: "acs:ram::2:role/first"), source: .ecsRole(role: nil, metadataURL: nil)))
        ),
    ]

    @Test(arguments: kinds) func everyKindIsRead(_ text: String, _ source: CredentialSource) {
        let reading = ConfigurationReader.read(
            Array("[remote.a]\nbucket = \"abc\"\nregion = \"cn-hangzhou\"\n[remote.a.credentials]\n\(text)\n".utf8), file: "/etc/davit/config.toml")

        #expect(reading.problems == [])
        #expect(reading.configuration.remotes.first?.credentials == source)
    }

    @Test(arguments: Endpoint.Network.allCases) func anEndpointMayBeNamedByItsWayIntoTheRegion(_ network: Endpoint.Network) throws {
        let reading = read("[remote.a]\nbucket = \"abc\"\nregion = \"cn-hangzhou\"\nendpoint = \"\(network.rawValue)\"\naddressing = \"cname\"\n")

        let remote = try #require(reading.configuration.remotes.first)
        #expect(reading.problems == [])
        #expect(remote.network == network && remote.endpoint == nil && remote.addressing == .cname)
    }

    @Test func aRemoteThatSignsNoRegionNeedsNone() {
        for words in ["signature = \"v1\"", "credentials = {kind = \"anonymous\"}"] {
            let text = "[remote.a]\nbucket = \"abc\"\nendpoint = \"http://127.0.0.1:9000\"\n\(words)\n"

            #expect(read(text).problems == [], "\(words)")
        }
    }

    @Test func everyErrorIsReportedAtOnce() {
        let errors = read("thema = 1\n[engine]\nuploads = 0\nparts = 0\n[remote.a]\nbuckett = 1\n").errors

        #expect(errors.map(\.line) == errors.map(\.line).sorted())
        #expect(Set(errors.map(\.line)).isSuperset(of: [1, 3, 4, 6]))
    }

    @Test(arguments: [
        ("else none", RateRule(days: [], from: 0, until: 1440, rate: nil)),
        ("Mon-Fri 08:00-18:00 20MiB", RateRule(days: [0, 1, 2, 3, 4], from: 480, until: 1080, rate: 20 << 20)),
        ("Sat,Sun 0", RateRule(days: [5, 6], from: 0, until: 1440, rate: 0)),
        ("Fri-Mon 22:00-06:00 1MiB", RateRule(days: [4, 5, 6, 0], from: 1320, until: 360, rate: 1 << 20)),
        ("08:00-24:00 none", RateRule(days: [0, 1, 2, 3, 4, 5, 6], from: 480, until: 1440, rate: nil)),
    ]) func rateRulesAreRead(_ text: String, _ rule: RateRule) throws {
        #expect(try ConfigurationReader.rateRule(text) == rule)
    }
}
