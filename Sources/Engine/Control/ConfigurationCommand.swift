import Contracts
import Credentials
import Platform
import TOML
import TransferCore

/// `davit-engine config check|path|show`, as text and status; printing is the program's matter.
public enum ConfigurationCommand {
    public struct Result: Sendable, Equatable {
        /// For standard output.
        public var output: String
        /// For standard error.
        public var complaints: String
        public var exit: Int32
    }

    public enum Verb: Sendable { case check, path, show }

    /// - Parameter file: what the user named, `nil` for the usual place.
    /// - Throws: when nobody can say where the usual place is.
    public static func run(_ verb: Verb, file: String?, environment: [String: String], json: Bool) throws(EngineFailure) -> Result {
        let places = try EngineProgram.places(environment)
        switch verb {
        case .check: return check(file: file, places: places, json: json)
        case .path: return path(file: file, places: places, json: json)
        case .show: return show(file: file, places: places, json: json)
        }
    }

    /// Every problem of the file, errors and notes; exit 2 when there is an error.
    static func check(file: String?, places: Places, json: Bool) -> Result {
        let path = file ?? places.configFile
        let reading = ConfigurationReader.load(path, mustExist: file != nil)
        let exit: Int32 = reading.isUsable ? 0 : 2
        if json {
            let items = reading.problems.map {
                Problem(file: $0.file, line: $0.line, column: $0.column, severity: $0.severity.rawValue, message: $0.message)
            }
            return Result(output: text(ListEnvelope(items: items, total: items.count)), complaints: "", exit: exit)
        }
        let lines = reading.problems.map { "\($0)\n" }.joined()
        guard reading.isUsable else { return Result(output: "", complaints: lines, exit: exit) }
        let count = reading.configuration.remotes.count
        return Result(output: "\(path): right, \(count) remote\(count == 1 ? "" : "s")\n", complaints: lines, exit: exit)
    }

    static func path(file: String?, places: Places, json: Bool) -> Result {
        let path = file ?? places.configFile
        return Result(output: json ? text(PathAnswer(path: path)) : path + "\n", complaints: "", exit: 0)
    }

    /// The configuration as it is understood, with every default, as TOML or JSON.
    static func show(file: String?, places: Places, json: Bool) -> Result {
        let reading = ConfigurationReader.load(file ?? places.configFile, mustExist: file != nil)
        guard reading.isUsable else {
            return Result(output: "", complaints: reading.errors.map { "\($0)\n" }.joined(), exit: 2)
        }
        let shown = ConfigurationText(reading.configuration)
        return Result(output: json ? text(shown.values) : shown.toml, complaints: "", exit: 0)
    }

    private struct Problem: Codable, Sendable {
        var file: String
        var line: Int
        var column: Int
        var severity: String
        var message: String
    }

    private struct PathAnswer: Codable {
        var schema = 1
        var path: String
    }

    private static func text(_ value: some Encodable) -> String {
        ((try? ContractJSON.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}") + "\n"
    }
}

/// A configuration written out again, for people who want to know what stands.
struct ConfigurationText {
    /// Table name and its keys with values, in order.
    let tables: [(name: String, keys: [(key: String, value: Value)])]

    enum Value: Encodable {
        case text(String)
        case number(Int)
        case list([String])

        var toml: String {
            switch self {
            case .text(let text): TOMLLiteral.text(text).toml
            case .number(let number): "\(number)"
            case .list(let texts): TOMLLiteral.list(texts).toml
            }
        }

        var contract: ConfigurationValue {
            switch self {
            case .text(let text): .text(text)
            case .number(let number): .number(Int64(number))
            case .list(let texts): .list(texts)
            }
        }

        var plain: String { if case .text(let text) = self { text } else { "" } }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .number(let number): try container.encode(number)
            case .list(let texts): try container.encode(texts)
            }
        }
    }

    init(_ configuration: EngineConfiguration) {
        var top: [(String, Value)] = []
        if let remote = configuration.defaultRemote { top.append(("default-remote", .text(remote))) }
        top.append(("theme", .text(configuration.theme)))
        let engine = configuration.engine
        let slots: (SlotCount) -> Value = { $0.number.map { .number($0) } ?? .text("auto") }
        var tables: [(name: String, keys: [(key: String, value: Value)])] = [("", top)]
        tables.append(
            (
                "engine",
                [
                    ("uploads", slots(engine.uploads)), ("parts", slots(engine.parts)),
                    ("rate-limit", .text(ConfigurationText.rate(engine.rateLimit))),
                    ("rate-schedule", .list(engine.rateSchedule.map(ConfigurationText.rule))), ("verify", .text(engine.verify)),
                    ("most-parts", .number(engine.mostParts)),
                    ("keep-cancelled", .text(ConfigurationText.duration(engine.keepCancelled))),
                    ("keep-history", .text(ConfigurationText.duration(engine.keepHistory))), ("log-level", .text(engine.logLevel.rawValue)),
                    ("log-format", .text(engine.logFormat)), ("log-keep", .number(engine.logKeep)),
                    ("log-size", .text("\(engine.logSize)")),
                ] + (engine.rateScheduleZone.map { [("rate-schedule-zone", .text($0))] } ?? [])
            ))
        if let terminal = configuration.terminal {
            tables.append(
                (
                    "terminal",
                    [
                        ("ambiguous-width", terminal.ambiguousWidth.map { .number($0) } ?? .text("auto")),
                        ("symbols", .text(terminal.symbols ?? "auto")), ("right-to-left", .text(terminal.rightToLeft ?? "auto")),
                    ]
                ))
        }
        for remote in configuration.remotes { tables += ConfigurationText.tables(remote) }
        self.tables = tables
    }

    var toml: String {
        tables.map { table in
            (table.name.isEmpty ? "" : "[\(table.name)]\n") + table.keys.map { "\($0.key) = \($0.value.toml)\n" }.joined()
        }.joined(separator: "\n")
    }

    /// `TABLE.KEY` to value; keys of the root stand alone.
    var values: [String: Value] {
        var values: [String: Value] = [:]
        for table in tables { for (key, value) in table.keys { values[table.name.isEmpty ? key : "\(table.name).\(key)"] = value } }
        return values
    }

    /// Key by key, for front ends. An address of credentials and a command's arguments may be as good as a secret: they are left out.
    func entries(_ configuration: EngineConfiguration) -> [ConfigurationEntry] {
        var paths: [String: [String]] = ["": [], "engine": ["engine"]]
        for remote in configuration.remotes {
            let names = ConfigurationText.tables(remote).map(\.name)
            for name in names {
                paths[name] = ["remote", remote.name] + name.dropFirst(names[0].count).split(separator: ".").map(String.init)
            }
        }
        return tables.flatMap { table -> [ConfigurationEntry] in
            guard let path = paths[table.name] else { return [] }
            let isHidden = table.keys.contains { $0.key == "kind" && ["uri", "process"].contains($0.value.plain) }
            return table.keys.filter { !isHidden || !["url", "command"].contains($0.key) }.map { ConfigurationEntry(path + [$0.key], $0.value.contract) }
        }
    }

    private static func tables(_ remote: RemoteSettings) -> [(name: String, keys: [(key: String, value: Value)])] {
        // A name with a dot has to be quoted to stay one key.
        let name = "remote." + (remote.name.utf8.contains(UInt8(ascii: ".")) ? "\"\(remote.name)\"" : remote.name)
        var keys: [(String, Value)] = []
        for (key, value) in [("bucket", remote.bucket), ("region", remote.region), ("endpoint", remote.endpoint ?? remote.network.rawValue)] {
            if let value { keys.append((key, .text(value))) }
        }
        keys += [("addressing", .text(remote.addressing.rawValue)), ("prefix", .text(remote.prefix)), ("signature", .text(remote.signature.rawValue))]
        keys.append(("existing", .text(remote.existing)))
        if let storage = remote.storageClass { keys.append(("storage-class", .text(storage))) }
        if let file = remote.caFile { keys.append(("ca-file", .text(file))) }
        if let parts = remote.limits.parts { keys.append(("parts", .number(parts))) }
        if let rate = remote.limits.rate { keys.append(("rate-limit", .text(ConfigurationText.rate(rate)))) }
        return [(name, keys)] + tables(remote.credentials, name: name + ".credentials")
    }

    private static func tables(_ source: CredentialSource, name: String) -> [(name: String, keys: [(key: String, value: Value)])] {
        var keys: [(String, Value)] = [("kind", .text(source.kind))]
        func add(_ key: String, _ text: String?) { if let text { keys.append((key, .text(text))) } }
        switch source {
        case .broker(let url, let file), .signedURL(let url, let file):
            add("url", url)
            add("token-file", file)
        case .fixed(let id, let secret, let token):
            add("access-key-id", id)
            add("access-key-secret-file", secret)
            add("security-token-file", token)
        case .profile(let choice):
            add("file", choice.file)
            add("name", choice.name)
        case .assumeRole(let role, let inner):
            keys += ConfigurationText.keys(role)
            return [(name, keys)] + tables(inner, name: name + ".source")
        case .ecsRole(let role, let url):
            add("role", role)
            add("metadata-url", url)
        case .oidc(let role, let provider, let file):
            add("provider-arn", provider)
            add("id-token-file", file)
            keys += ConfigurationText.keys(role)
        case .uri(let url): add("url", url)
        case .process(let command, let timeout):
            keys += [("command", .list(command)), ("timeout", .text(duration(timeout)))]
        case .environment, .anonymous, .inProfile: break
        }
        return [(name, keys)]
    }

    private static func keys(_ role: RoleSettings) -> [(String, Value)] {
        var keys: [(String, Value)] = [("role-arn", .text(role.roleARN)), ("session-name", .text(role.sessionName))]
        if let endpoint = role.stsEndpoint { keys.append(("sts-endpoint", .text(endpoint))) }
        if let life = role.duration { keys.append(("duration", .text(duration(life)))) }
        if let id = role.externalID { keys.append(("external-id", .text(id))) }
        if case .file(let path)? = role.policy { keys.append(("policy-file", .text(path))) }
        return keys
    }

    static func rate(_ rate: Int64?) -> String { rate.map(String.init) ?? "none" }

    static func duration(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        for (unit, name) in [(Int64(86_400), "d"), (3600, "h"), (60, "m")] where seconds > 0 && seconds % unit == 0 {
            return "\(seconds / unit)\(name)"
        }
        return "\(seconds)s"
    }

    private static func rule(_ rule: RateRule) -> String {
        guard !rule.days.isEmpty else { return "else \(ruleRate(rule.rate))" }
        let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        let time: (Int) -> String = { minutes in
            let pieces = [minutes / 60, minutes % 60].map { ($0 < 10 ? "0" : "") + "\($0)" }
            return pieces.joined(separator: ":")
        }
        var runs: [ClosedRange<Int>] = []
        for day in rule.days.sorted() {
            if let last = runs.last, last.upperBound == day - 1 { runs[runs.count - 1] = last.lowerBound...day } else { runs.append(day...day) }
        }
        let days = runs.map { $0.count == 1 ? names[$0.lowerBound] : "\(names[$0.lowerBound])-\(names[$0.upperBound])" }
        return "\(days.joined(separator: ",")) \(time(rule.from))-\(time(rule.until)) \(ruleRate(rule.rate))"
    }

    /// As people write it, where that is exact.
    private static func ruleRate(_ rate: Int64?) -> String {
        guard let rate, rate > 0 else { return self.rate(rate) }
        for (unit, name) in [(Int64(1 << 30), "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] where rate % unit == 0 { return "\(rate / unit)\(name)" }
        return "\(rate)"
    }
}
