import Contracts
import Credentials
import OSSProtocol
import Platform
import TOML
import TransferCore

/// Reads `config.toml` strictly: every key of docs/interface.md is known, typed and bounded; everything else is an error with its
/// place. Reading goes on after an error, so that a file is put right in one go.
public enum ConfigurationReader {
    /// A larger file is not a configuration.
    private static let sizeLimit = 1 << 20

    /// The file at `path`; defaults when there is none, unless `mustExist` (the user named it).
    public static func load(_ path: String, mustExist: Bool = false) -> ConfigurationReading {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try SecureFile.read(path, limit: sizeLimit, mustBePrivate: false)
        } catch {
            if error.isAbsent, !mustExist { return ConfigurationReading(configuration: EngineConfiguration(file: path), problems: []) }
            let problem = ConfigurationProblem(file: path, line: 1, column: 1, message: "the file cannot be used: \(error.message)")
            return ConfigurationReading(configuration: EngineConfiguration(file: path), problems: [problem])
        }
        return read(bytes, file: path)
    }

    /// - Parameter file: its absolute path, for messages and as the start of relative paths.
    public static func read(_ bytes: [UInt8], file: String) -> ConfigurationReading {
        let problems = TOMLProblems()
        var configuration = EngineConfiguration(file: file)
        do throws(TOMLError) {
            let root = TOMLReader(try TOMLDocument(parsing: bytes), problems)
            readRoot(root, &configuration)
        } catch {
            problems.report(at: error.position, error.message)
        }
        let errors = problems.sorted.map { ConfigurationProblem(file: file, line: $0.line, column: $0.column, message: $0.message) }
        return ConfigurationReading(configuration: configuration, problems: errors)
    }

    private static func readRoot(_ root: TOMLReader, _ configuration: inout EngineConfiguration) {
        configuration.defaultRemote = root.string("default-remote", allowEmpty: false)
        if let theme = root.parsed("theme", by: themeName) { configuration.theme = theme }
        if let engine = root.subtable("engine") {
            configuration.engine = readEngine(engine)
            engine.finish()
        }
        if let terminal = root.subtable("terminal") {
            configuration.terminal = readTerminal(terminal)
            terminal.finish()
        }
        for (name, position, reader) in root.subtable("remote")?.named() ?? [] {
            if let problem = remoteNameProblem(name) { root.problems.report(at: position, problem) }
            if let remote = RemoteReader(reader, name: name, file: configuration.file).read() { configuration.remotes.append(remote) }
            reader.finish()
        }
        if let wanted = configuration.defaultRemote, root.subtable("remote")?.table.entry(wanted) == nil {
            let names = (root.subtable("remote")?.table.keys ?? []).prefix(8).joined(separator: ", ")
            root.report(
                "default-remote",
                "\"default-remote\" names no [remote.…] of this file; \(names.isEmpty ? "there is none" : "there are: \(names)")")
        }
        root.finish()
    }

    private static func readTerminal(_ reader: TOMLReader) -> TerminalSettingsView {
        var settings = TerminalSettingsView()
        if let value = reader.value("ambiguous-width"), value.string != "auto" {
            if let number = value.integer, (1...2).contains(number) {
                settings.ambiguousWidth = Int(number)
            } else {
                reader.report("ambiguous-width", "\"ambiguous-width\" takes 1 or 2 cells, or \"auto\"")
            }
        }
        if let set = reader.choice("symbols", of: ["auto", "unicode", "ascii"]), set != "auto" { settings.symbols = set }
        if let marks = reader.choice("right-to-left", of: ["auto", "mark", "off"]), marks != "auto" { settings.rightToLeft = marks }
        return settings
    }

    private static func readEngine(_ reader: TOMLReader) -> EngineSettings {
        var settings = EngineSettings()
        if let uploads = slots(reader, "uploads", 1...64) { settings.uploads = uploads }
        if let parts = slots(reader, "parts", 1...256) { settings.parts = parts }
        if let rate = reader.parsed("rate-limit", by: rate) { settings.rateLimit = rate.bytes }
        for (text, position) in reader.strings("rate-schedule") ?? [] {
            do throws(SettingError) {
                settings.rateSchedule.append(try rateRule(text))
            } catch {
                reader.problems.report(at: position, "\"rate-schedule\" \(error.accepted)")
            }
        }
        if settings.rateSchedule.count(where: \.isElse) > 1 {
            reader.report("rate-schedule", "\"rate-schedule\" takes one line that begins with else")
        }
        settings.rateScheduleZone = reader.parsed("rate-schedule-zone", by: zone)
        if let value = reader.value("most-parts") {
            if let number = value.integer, (1...Int64(ConcurrencyController.mostEver)).contains(number) {
                settings.mostParts = Int(number)
            } else {
                reader.report("most-parts", "\"most-parts\" takes a number from 1 to \(ConcurrencyController.mostEver)")
            }
        }
        if let verify = reader.choice("verify", of: ["crc64", "none"]) { settings.verify = verify }
        if let keep = reader.parsed("keep-cancelled", by: duration) { settings.keepCancelled = keep }
        if let keep = reader.parsed("keep-history", by: duration) { settings.keepHistory = keep }
        if let level = reader.choice("log-level", of: EngineSettings.LogLevel.allCases.map(\.rawValue)) {
            settings.logLevel = EngineSettings.LogLevel(rawValue: level) ?? .info
        }
        readLog(reader, &settings)
        return settings
    }

    /// More files than that are nobody's log any more.
    private static let mostLogFiles: Int64 = 100
    private static let logSizes: ClosedRange<Int64> = 64 << 10...1 << 30

    private static func readLog(_ reader: TOMLReader, _ settings: inout EngineSettings) {
        if let format = reader.choice("log-format", of: LogLine.Format.allCases.map(\.rawValue)) { settings.logFormat = format }
        if let value = reader.value("log-keep") {
            if let number = value.integer, (1...mostLogFiles).contains(number) {
                settings.logKeep = Int(number)
            } else {
                reader.report("log-keep", "\"log-keep\" takes a number of files from 1 to \(mostLogFiles)")
            }
        }
        if let size = reader.parsed("log-size", by: logSize) { settings.logSize = size }
    }

    // MARK: - Values

    private static func logSize(_ text: String) throws(SettingError) -> Int64 {
        guard let size = ByteSize(text)?.bytes, logSizes.contains(size) else {
            throw SettingError("takes a size from 64KiB to 1GiB, such as \"10MiB\"")
        }
        return size
    }

    /// What is accepted instead, after the key's name.
    struct SettingError: Error, CustomStringConvertible {
        var accepted: String
        init(_ accepted: String) { self.accepted = accepted }
        var description: String { accepted }
    }

    private static func slots(_ reader: TOMLReader, _ key: String, _ range: ClosedRange<Int64>) -> SlotCount? {
        guard let value = reader.value(key) else { return nil }
        if value.string == "auto" { return .auto }
        if let number = value.integer, range.contains(number) { return .fixed(Int(number)) }
        reader.report(key, "\"\(key)\" takes a number from \(range.lowerBound) to \(range.upperBound) or \"auto\"")
        return nil
    }

    /// A rate with `nil` for no limit, told apart from an absent key.
    struct Rate { var bytes: Int64? }

    static func rate(_ text: String) throws(SettingError) -> Rate {
        do throws(ByteTextError) {
            return Rate(bytes: try ByteRate(parsing: text).bytesPerSecond)
        } catch {
            let usual = "takes a rate a second such as \"50MiB\", \"400Mbit\", \"none\" or \"0\" (pauses)"
            if case .ambiguous = error { throw SettingError("\(error)") } else { throw SettingError(usual) }
        }
    }

    private static func duration(_ text: String) throws(SettingError) -> Duration {
        guard let duration = DurationText.parse(text) else { throw SettingError("takes a time such as \"30m\", \"24h\" or \"90d\"") }
        return duration
    }

    private static func zone(_ name: String) throws(SettingError) -> String {
        guard ZoneFile.named(name) != nil else {
            throw SettingError("takes a time zone that this machine's zone database has, such as \"Europe/Berlin\" or \"UTC\"")
        }
        return name
    }

    static func rateRule(_ text: String) throws(SettingError) -> RateRule {
        let accepted = SettingError("takes lines such as \"Mon-Fri 08:00-18:00 20MiB\" and \"else none\"")
        let words = text.split(separator: " ").map(String.init)
        guard let last = words.last, let parsed = ByteRate(last) else { throw accepted }
        let rate = parsed.bytesPerSecond
        switch words.count {
        case 2 where words[0] == "else": return RateRule(days: [], from: 0, until: 24 * 60, rate: rate)
        case 2:
            if let days = SettingText.days(words[0]) { return RateRule(days: days, from: 0, until: 24 * 60, rate: rate) }
            guard let span = SettingText.span(words[0]) else { throw accepted }
            return RateRule(days: Set(0...6), from: span.from, until: span.until, rate: rate)
        case 3:
            guard let days = SettingText.days(words[0]), let span = SettingText.span(words[1]) else { throw accepted }
            return RateRule(days: days, from: span.from, until: span.until, rate: rate)
        default: throw accepted
        }
    }

    private static func themeName(_ text: String) throws(SettingError) -> String {
        guard isName(text) else { throw SettingError("takes \"auto\" or a theme's name (letters, digits, - and _)") }
        return text
    }

    private static func remoteNameProblem(_ name: String) -> String? {
        guard isName(name) else { return "a remote's name has 1 to 64 letters, digits, -, _ or ." }
        return name == "oss" ? "no remote can be named “oss”: that begins a bucket's address" : nil
    }

    private static func isName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return (1...64).contains(bytes.count) && bytes.first != UInt8(ascii: ".")
            && bytes.allSatisfy {
                (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0)
                    || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")].contains($0)
            }
    }
}
