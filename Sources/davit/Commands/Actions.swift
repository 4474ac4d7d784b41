import ArgumentParser
import Contracts
import Glibc
import TerminalUI

/// What pause, resume, retry, cancel, abort, remove, priority and move have in common.
struct ActionArguments: ParsableArguments {
    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "Every upload.") var all = false
    @Flag(name: .long, help: "Say what would be changed; change nothing.") var dryRun = false
    @Argument(help: "QUERY or ids.") var words: [String] = []

    /// - Parameter value: high, normal, low; front, back.
    func perform(_ action: String, value: String? = nil, asks: Bool = false) async throws {
        guard all || !words.isEmpty else {
            throw Failure("\(action) needs a QUERY, ids, or --all. Example: davit \(action) state:uploading", exit: Exit.usage)
        }
        let client = try await ControlClient.connect(global)
        let selection = Selection(words)
        var request = ActionRequest(
            action: action, query: selection.ids == nil ? selection.query : nil, ids: selection.ids, value: value, by: userName)
        if all { request.all = true }
        if asks && !dryRun && !global.yes { try await confirm(action, request, client) }
        request.dryRun = dryRun ? true : nil
        let result = try await client.patient.post("/v1/actions", request, as: ActionResult.self)
        if global.json {
            try Output.json(result)
        } else if !global.quiet {
            Self.report(result, action, dryRun ? "would be changed" : "changed")
        }
        if result.matched == 0, result.scans == nil { throw Finished(exit: Exit.nothingMatched) }
    }

    private static let mostReasons = 20

    static func report(_ result: ActionResult, _ action: String, _ verb: String) {
        let scans = result.scans.map { ", and what is not found yet of \($0) order\($0 == 1 ? "" : "s")" } ?? ""
        Output.note("\(action): \(result.changed) of \(result.matched) uploads \(verb)\(scans)")
        let left = result.items.filter { !$0.changed }
        for item in left.prefix(mostReasons) {
            Output.note("  \(item.id)  \(item.state.rawValue)  \(Output.clean(item.reason ?? ""))")
        }
        let more = result.matched - result.changed - min(left.count, mostReasons)
        if more > 0, result.items.count > 0 { Output.note("  and \(more) more") }
    }

    /// For messages to others who look at the same queue.
    private var userName: String? { getenv("USER").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } }

    /// What cannot be undone asks; without a terminal it is refused.
    private func confirm(_ action: String, _ request: ActionRequest, _ client: ControlClient) async throws {
        guard isatty(0) == 1, !global.noInput else {
            throw Failure("\(action) deletes stored parts and cannot be undone. Say --yes to do it, --dry-run to look", exit: Exit.refused)
        }
        var look = request
        look.dryRun = true
        let found = try await client.post("/v1/actions", look, as: ActionResult.self)
        let matched = found.matched
        if matched == 0, found.scans == nil { throw Finished(exit: Exit.nothingMatched) }
        Output.progress("\(action) \(matched) uploads and delete their stored parts? This cannot be undone. [y/N] ")
        guard let answer = readLine(), ["y", "Y", "yes"].contains(answer) else { throw Failure("nothing was changed", exit: Exit.refused) }
    }
}

struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Stop uploads; stored parts are kept.", discussion: "Examples: davit pause --all; davit pause j-31; davit pause size>1G")
    @OptionGroup var arguments: ActionArguments
    func run() async throws { try await arguments.perform("pause") }
}

struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Go on with paused uploads; only what is missing is sent.", discussion: "Example: davit resume --all")
    @OptionGroup var arguments: ActionArguments
    func run() async throws { try await arguments.perform("resume") }
}

struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Try failed, waiting or held uploads again now.", discussion: "Example: davit retry state:failed")
    @OptionGroup var arguments: ActionArguments
    func run() async throws { try await arguments.perform("retry") }
}

struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel uploads; stored parts are kept for a while and undo brings them back.", discussion: "Example: davit cancel j-31")
    @OptionGroup var arguments: ActionArguments
    func run() async throws { try await arguments.perform("cancel") }
}

struct Abort: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abort",
        abstract: "Cancel uploads and delete their stored parts on the server. Needs --yes.", discussion: "Example: davit abort j-31 --yes")
    @OptionGroup var arguments: ActionArguments
    func run() async throws { try await arguments.perform("abort", asks: true) }
}

struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Take ended uploads off the list.", discussion: "Example: davit remove state:failed")
    @OptionGroup var arguments: ActionArguments
    func run() async throws { try await arguments.perform("remove") }
}

struct Limit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limit",
        abstract: "Show or set the rate of all uploads together, of orders, or of single uploads.",
        discussion: """
            Examples: davit limit 50MiB, davit limit 400Mbit, davit limit none. 0 stops all traffic; it never means unlimited. \
            It counts until the next window of rate-schedule begins; davit limit schedule gives it back to the configuration at once.
            davit limit --schedule "Mon-Fri 08:00-18:00 20MiB; else none" writes rate-schedule of the configuration, --schedule none takes it out.
            davit limit 5MiB j-31 is for all uploads of that order together, davit limit 5MiB u-7Q4K2 and davit limit 5MiB size>1G for each upload.
            """)
    @OptionGroup var global: GlobalOptions
    @Option(name: .long, help: ArgumentHelp("Rates by the clock, a ; between two lines; none takes them out.", valueName: "lines")) var schedule: String?
    @Argument(help: "Bytes a second, such as 50MiB; or none, or schedule.") var rate: String?
    @Argument(help: "Ids of orders or uploads, or a QUERY of uploads.") var words: [String] = []

    func run() async throws {
        if schedule != nil, rate != nil { throw Failure("limit takes a RATE or --schedule, not both", exit: Exit.usage) }
        let client = try await ControlClient.connect(global)
        if let schedule { try await write(schedule, client) }
        if let rate, !words.isEmpty { return try await limit(words, rate, client) }
        let limits: LimitsView
        if let rate {
            limits = try await client.put("/v1/limits", LimitsChange(rate: rate), as: LimitsView.self)
        } else {
            limits = try await client.get(LimitsView.self, "/v1/limits")
        }
        if global.json { return try Output.json(limits) }
        let by = limits.rateBy == "schedule" ? ", by the schedule" : ""
        let until = limits.rateUntil.map { "\(by) until \($0)" } ?? by
        Output.result((limits.rate.map { "\(Formats.size($0))/s (\($0) bytes a second)" } ?? "none") + until)
    }

    /// The engine writes it and says what is wrong with it.
    private func write(_ schedule: String, _ client: ControlClient) async throws {
        let lines = schedule.split(separator: ";").map { $0.split(separator: " ").joined(separator: " ") }.filter { !$0.isEmpty }
        let value: ConfigurationValue? = lines.isEmpty || lines == ["none"] ? nil : .list(lines)
        let change = ConfigurationChange(set: [ConfigurationEntry(["engine", "rate-schedule"], value)])
        let result = try await client.post("/v1/configuration", change, as: ConfigurationResult.self)
        if !global.quiet { Output.note("\(Output.clean(result.file)): \(Output.clean(result.what))") }
    }

    private func limit(_ words: [String], _ rate: String, _ client: ControlClient) async throws {
        let areIDs = words.allSatisfy { Selection.isUpload($0) || Selection.isJob($0) }
        let request = ActionRequest(
            action: "limit", query: areIDs ? nil : Selection(words).query, ids: areIDs ? words.map { Selection.isJob($0) ? $0.lowercased() : $0 } : nil,
            value: rate)
        let result = try await client.post("/v1/actions", request, as: ActionResult.self)
        if global.json {
            try Output.json(result)
        } else if !global.quiet {
            Output.note("limit: \(result.changed) of \(result.matched) changed" + (result.changed < result.matched ? "; the others are over or unknown" : ""))
        }
        if result.changed == 0 { throw Finished(exit: Exit.nothingMatched) }
    }
}

struct Slots: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slots",
        abstract: "Show or set how many uploads and parts run at once.", discussion: "Examples: davit slots 8 --parts 32; davit slots auto")
    @OptionGroup var global: GlobalOptions
    @Option(name: .long, help: ArgumentHelp("Parts in flight over all uploads, or auto.", valueName: "n")) var parts: SlotsChange?
    @Argument(help: "Uploads at once, or auto.") var uploads: SlotsChange?

    func run() async throws {
        let client = try await ControlClient.connect(global)
        let limits: LimitsView
        if uploads != nil || parts != nil {
            limits = try await client.put("/v1/limits", LimitsChange(uploads: uploads, parts: parts), as: LimitsView.self)
        } else {
            limits = try await client.get(LimitsView.self, "/v1/limits")
        }
        if global.json { return try Output.json(limits) }
        let auto = { (isAuto: Bool) in isAuto ? " (auto)" : "" }
        Output.result("\(limits.uploads) uploads\(auto(limits.uploadsAuto)), \(limits.parts) parts\(auto(limits.partsAuto)) at once")
        if let reason = limits.partsReason { Output.result("parts: \(Output.clean(reason))") }
    }
}

extension SlotsChange: ExpressibleByArgument {
    public init?(argument: String) {
        if argument == "auto" { self = .auto } else if let number = Int(argument) { self = .number(number) } else { return nil }
    }
}
