import ArgumentParser
import Contracts
import FoundationEssentials
import Glibc
import OSSProtocol
import Platform
import TerminalUI

/// Options of `put` and `add`.
struct OrderFlags: ParsableArguments {
    @Option(name: .long, parsing: .singleValue, help: ArgumentHelp("Only names that match (in order with --exclude).", valueName: "glob"))
    var include: [String] = []
    @Option(name: .long, parsing: .singleValue, help: ArgumentHelp("Not the names that match.", valueName: "glob"))
    var exclude: [String] = []
    @Option(name: .long, help: ArgumentHelp("Not smaller than this.", valueName: "size"))
    var minSize: String?
    @Option(name: .long, help: ArgumentHelp("Not larger than this.", valueName: "size"))
    var maxSize: String?
    @Option(name: .long, help: ArgumentHelp("Not changed within this time.", valueName: "duration"))
    var minAge: String?
    @Option(name: .long, help: ArgumentHelp("Changed within this time.", valueName: "duration"))
    var maxAge: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Names of sources, a line each; - is standard input. Below the current folder they keep their folders in the key.",
            valueName: "file"))
    var filesFrom: String?
    @Flag(name: .customShort("0"), help: "--files-from is NUL separated.")
    var nul = false
    @Option(name: .long, help: ArgumentHelp("What to do where the object is there: skip, newer, overwrite, fail, rename.", valueName: "rule"))
    var existing: String?
    @Option(name: .long, help: ArgumentHelp("Size of a part, such as 16MiB.", valueName: "size"))
    var partSize: String?
    @Option(name: .long, help: ArgumentHelp("Standard, IA, Archive, ColdArchive, DeepColdArchive.", valueName: "class"))
    var storageClass: String?
    @Option(name: .long, help: ArgumentHelp("default, private, public-read, public-read-write.", valueName: "acl"))
    var acl: String?
    @Option(name: .long, help: ArgumentHelp("Content type of the objects.", valueName: "type"))
    var contentType: String?
    @Option(name: .long, parsing: .singleValue, help: ArgumentHelp("User metadata.", valueName: "name=value"))
    var meta: [String] = []
    @Option(name: .long, parsing: .singleValue, help: ArgumentHelp("Object tag.", valueName: "name=value"))
    var tag: [String] = []
    @Option(name: .long, help: ArgumentHelp("Server-side encryption: aes256, kms, kms:KEY.", valueName: "how"))
    var sse: String?
    @Option(name: .long, help: ArgumentHelp("File with the callback JSON.", valueName: "file"))
    var callback: String?
    @Option(name: .long, help: ArgumentHelp("high, normal or low.", valueName: "priority"))
    var priority: String?
    @Option(name: .long, help: ArgumentHelp("Bytes a second for this order.", valueName: "rate"))
    var limit: String?
    @Option(
        name: .long,
        help: ArgumentHelp("Start then: 22:00, tomorrow 06:00, 2026-12-01 06:00, +2h, or RFC 3339 with its offset.", valueName: "time"))
    var at: String?
    @Flag(name: .long, help: "Queue it paused.")
    var paused = false
    @Option(name: .long, help: ArgumentHelp("Symbolic links: skip (default) or follow.", valueName: "how"))
    var links: String?
    @Option(name: .long, help: ArgumentHelp("Names that are not UTF-8: percent writes their bytes %XX in the key.", valueName: "how"))
    var encodeNames: String?
    @Flag(name: .long, help: "File names only, without folders.")
    var flat = false
    @Flag(name: .long, help: "Say what would be queued; queue nothing.")
    var dryRun = false
    @Flag(
        name: .long,
        help: "Say bytes, requests, collisions, bad names, what is there already, permissions and time; queue and send nothing.")
    var plan = false
    @Option(name: .long, help: ArgumentHelp("The same order twice with one id queues it once.", valueName: "id"))
    var submissionId: String?
    @Option(name: .long, help: ArgumentHelp("Put one file to this signed URL; no DEST then.", valueName: "url"))
    var signedUrl: String?

    func options() throws -> OrderOptions {
        var options = OrderOptions()
        // The parser gathers --include and --exclude apart; their order among each other comes from the command line itself.
        options.filters = Self.filtersInOrder(CommandLine.arguments)
        options.minSize = try minSize.map { try Self.size($0, "--min-size") }
        options.maxSize = try maxSize.map { try Self.size($0, "--max-size") }
        options.minAge = try minAge.map { try Self.seconds($0, "--min-age") }
        options.maxAge = try maxAge.map { try Self.seconds($0, "--max-age") }
        if let existing {
            options.existing = try Self.oneOf(existing, ["skip", "newer", "overwrite", "fail", "rename"], "--existing")
        }
        options.partSize = try partSize.map { try Self.size($0, "--part-size") }
        options.storageClass = storageClass
        options.acl = acl
        options.contentType = contentType
        options.meta = try Self.pairs(meta, "--meta")
        options.tags = try Self.pairs(tag, "--tag")
        options.sse = sse
        if let callback {
            do {
                options.callback = String(decoding: try SecureFile.read(callback, limit: 16384, mustBePrivate: false), as: UTF8.self)
            } catch {
                throw Failure("--callback: \(Output.clean(error.message))", exit: Exit.usage)
            }
        }
        if let priority { options.priority = Priority(rawValue: try Self.oneOf(priority, ["high", "normal", "low"], "--priority")) }
        options.limit = try limit.flatMap { try Self.rate($0, "--limit") }
        options.at = try at.map(Self.start)
        if paused { options.paused = true }
        if let links { options.links = try Self.oneOf(links, ["skip", "follow"], "--links") }
        if flat { options.flat = true }
        if let encodeNames { options.encodeNames = try Self.oneOf(encodeNames, ["percent"], "--encode-names") }
        if dryRun { options.dryRun = true }
        options.signedUrl = signedUrl
        return options
    }

    static func filtersInOrder(_ arguments: [String]) -> [String]? {
        var filters: [String] = []
        var index = 0
        while index < arguments.count {
            let argument = arguments[index]
            for (name, sign) in [("--include", "+"), ("--exclude", "-")] {
                if argument == name, index + 1 < arguments.count {
                    filters.append(sign + arguments[index + 1])
                    index += 1
                } else if argument.hasPrefix(name + "=") {
                    filters.append(sign + argument.dropFirst(name.count + 1))
                }
            }
            index += 1
        }
        return filters.isEmpty ? nil : filters
    }

    private static func size(_ text: String, _ option: String) throws -> Int64 {
        do throws(ByteTextError) { return try ByteSize(parsing: text).bytes } catch {
            throw Failure("\(option): \(Output.clean(error.description))", exit: Exit.usage)
        }
    }

    /// - Returns: `nil` for no limit.
    private static func rate(_ text: String, _ option: String) throws -> Int64? {
        do throws(ByteTextError) { return try ByteRate(parsing: text).bytesPerSecond } catch {
            throw Failure("\(option): \(Output.clean(error.description)). For the limit also 16Mbit, or none", exit: Exit.usage)
        }
    }

    private static func seconds(_ text: String, _ option: String) throws -> Double {
        guard let duration = parseDuration(text) else {
            throw Failure("\(option) \(Output.clean(text)) is not a duration. Use for example 30s, 10m, 2h, 7d", exit: Exit.usage)
        }
        return Double(duration.components.seconds)
    }

    /// - Returns: RFC 3339 UTC, which is all that the engine reads.
    private static func start(_ text: String) throws -> String {
        do throws(StartTime.Problem) {
            return StartTime.text(try StartTime.read(text, now: Int64(time(nil))))
        } catch {
            let why: String =
                switch error {
                case .notUnderstood: "is no time. Use for example 22:00, tomorrow 06:00, +2h or 2026-12-01T06:00:00+08:00"
                case .skipped(let time): "does not come: the clocks are put forward over \(time). Name another time"
                case .past: "is over. Name a later time, or tomorrow"
                }
            throw Failure("--at \(Output.clean(text)) \(why)", exit: Exit.usage)
        }
    }

    private static func oneOf(_ text: String, _ allowed: [String], _ option: String) throws -> String {
        guard allowed.contains(text) else {
            throw Failure("\(option) \(Output.clean(text)) is not known. Use one of: \(allowed.joined(separator: ", "))", exit: Exit.usage)
        }
        return text
    }

    private static func pairs(_ texts: [String], _ option: String) throws -> [String: String]? {
        guard !texts.isEmpty else { return nil }
        var pairs: [String: String] = [:]
        for text in texts {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw Failure("\(option) \(Output.clean(text)) has no name=value form", exit: Exit.usage)
            }
            pairs[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return pairs
    }
}

/// What `put` and `add` have in common: the order, sent.
struct Ordering {
    let global: GlobalOptions
    let flags: OrderFlags
    let arguments: [String]

    /// Missing sources are told at once; the others go on.
    func send(to client: ControlClient) async throws -> (job: JobView, missing: Int) {
        let (order, missing, spool) = try order()
        // Locked until the order is taken.
        defer { withExtendedLifetime(spool) {} }
        return (try await client.post("/v1/jobs", order, as: JobView.self), missing)
    }

    /// Says what the order would do.
    func plan(with client: ControlClient) async throws {
        let (order, missing, _) = try order()
        let report = PlanReport(plan: try await client.patient.post("/v1/plan", order, as: PlanView.self), missing: missing)
        if global.json { try Output.json(report.plan) } else { report.say() }
        if report.exit != Exit.done { throw Finished(exit: report.exit) }
    }

    private func order() throws -> (order: JobOrder, missing: Int, spool: Spool?) {
        var paths = arguments
        var destination: String?
        if flags.signedUrl == nil {
            guard let last = paths.popLast() else { throw Failure("DEST is missing. Use: davit put PATH... DEST", exit: Exit.usage) }
            guard PathText.bytes(last) == nil else {
                throw Failure("\(Output.clean(PathText.shown(last))) is not UTF-8, and object keys are. Write another DEST", exit: Exit.usage)
            }
            destination = last
            if let remote = global.remote, !last.hasPrefix("oss://"), !last.contains(":") { destination = "\(remote):\(last)" }
        }
        if flags.signedUrl != nil, paths.count != 1 || flags.filesFrom != nil {
            throw Failure("--signed-url puts one file and takes no DEST. Write: davit put FILE --signed-url URL", exit: Exit.usage)
        }
        var options = try flags.options()
        if let file = flags.filesFrom {
            let names = try Self.names(from: file, nul: flags.nul)
            guard names.count <= Self.mostNames else {
                throw Failure("--files-from names \(names.count) files, more than \(Self.mostNames). Name folders, with --include and --exclude", exit: Exit.usage)
            }
            paths += names
            options.base = EngineStarter.absolute("")
        }
        guard !paths.isEmpty else {
            throw Failure("no PATH to upload was named. Use: davit put PATH... DEST", exit: Exit.usage)
        }
        let spool = try paths.contains("-") ? spooledInput(paths, destination) : nil
        if let spool { paths = [spool.path] }
        var missing = 0
        var present: [String] = []
        for path in paths {
            var information = stat()
            if PathText.withPath(path, { lstat($0, &information) }) == 0 {
                present.append(EngineStarter.absolute(path))
            } else {
                missing += 1
                let reason = String(cString: strerror(errno))
                Output.note("davit: error: \(Output.clean(PathText.shown(path))) cannot be read (\(reason)). It was not queued")
            }
        }
        if present.isEmpty { throw Finished(exit: Exit.usage) }
        let order = JobOrder(
            submissionId: flags.submissionId ?? UUID().uuidString, sources: present, dest: destination, options: options,
            credentials: global.environmentCredentials(for: destination))
        return (order, missing, spool)
    }

    /// Standard input in a file of its own: the upload outlives this program, and may have to be read twice.
    private func spooledInput(_ paths: [String], _ destination: String?) throws -> Spool {
        guard paths == ["-"] else {
            throw Failure("standard input cannot be one of several sources. Put it by itself: davit put - DEST", exit: Exit.usage)
        }
        if flags.filesFrom == "-" { throw Failure("standard input cannot be both a source and the list of sources", exit: Exit.usage) }
        if flags.dryRun || flags.plan { throw Failure("--dry-run and --plan would use up standard input. Leave them out", exit: Exit.usage) }
        if let destination {
            let name = destination.hasPrefix("oss://")
                ? destination.dropFirst(6).drop { $0 != "/" }.dropFirst() : destination.drop { $0 != ":" }.dropFirst()
            guard !name.isEmpty, name.last != "/" else {
                throw Failure(
                    "standard input has no name and \(Output.clean(destination)) names no key. Write the whole key: davit put - DEST/NAME",
                    exit: Exit.usage)
            }
        }
        do {
            return try Spool.fill(from: STDIN_FILENO, called: "standard input", in: try global.places().spoolFolder)
        } catch let error as FileError {
            throw Failure("\(Output.clean(error.message)). Nothing was queued")
        }
    }

    /// The answer to an order that is not waited for.
    func end(_ job: JobView, missing: Int) throws {
        if global.json {
            try Output.json(job)
        } else {
            Output.result(flags.dryRun ? "would queue \(job.total) files, \(Formats.size(job.bytes))" : job.job)
        }
        if missing + job.refused.count > 0 { throw Finished(exit: job.total > 0 ? Exit.partly : Exit.failed) }
    }

    static func report(_ refused: [JobView.Refused]) {
        for item in refused.prefix(20) {
            Output.note("davit: error: \(Output.clean(item.path)) was not queued (\(Output.clean(item.reason)))")
        }
        if refused.count > 20 { Output.note("davit: error: and \(refused.count - 20) more were not queued") }
    }

    /// Nobody has to want them, and somebody may wonder.
    static func reportLinks(_ job: JobView) {
        guard let count = job.skipped["links"], count > 0 else { return }
        Output.note("\(count) symbolic link\(count == 1 ? " was" : "s were") skipped; --links follow sends what they point to")
    }

    /// Sources that an engine takes in one order.
    private static let mostNames = 100_000

    private static func names(from file: String, nul: Bool) throws -> [String] {
        let bytes: [UInt8]
        do {
            bytes = try SecureFile.read(file == "-" ? "/dev/stdin" : file, limit: 256 << 20, mustBePrivate: false)
        } catch {
            throw Failure("--files-from: \(Output.clean(error.message))", exit: Exit.usage)
        }
        return bytes.split(separator: nul ? 0 : 10).map { PathText.text(Array($0)) }
    }
}

struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Queue files and folders and return; prints the job id.",
        discussion: "Example: davit add photos/ ingest:2026/")
    @OptionGroup var global: GlobalOptions
    @OptionGroup var flags: OrderFlags
    @Argument(help: ArgumentHelp("PATH... DEST", valueName: "path")) var arguments: [String]

    func run() async throws {
        let client = try await ControlClient.connect(global)
        let ordering = Ordering(global: global, flags: flags, arguments: arguments)
        if flags.plan { return try await ordering.plan(with: client) }
        let (job, missing) = try await ordering.send(to: client)
        Ordering.report(job.refused)
        if !global.quiet { Ordering.reportLinks(job) }
        try ordering.end(job, missing: missing)
    }
}
