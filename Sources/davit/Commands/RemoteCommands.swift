import ArgumentParser
import Contracts
import TerminalUI

struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "Remotes, buckets (oss://), or the objects below DEST.",
        discussion: "Examples: davit ls ingest:2026/ --recursive; davit ls oss://")
    @OptionGroup var global: GlobalOptions
    @Flag(name: .shortAndLong, help: "Everything below, not one level.") var recursive = false
    @Option(name: .long, help: ArgumentHelp("At most so many.", valueName: "n")) var limit = 10_000
    @Argument(help: "oss://BUCKET/PREFIX or REMOTE:PREFIX.") var destination: String?

    func run() async throws {
        let client = try await ControlClient.connect(global)
        guard let place = destination ?? global.remote.map({ $0 + ":" }) else { return try await remotes(client) }
        var entries: [ListResult.Entry] = []
        var last: ListResult?
        repeat {
            let request = ListRequest(
                dest: place, credentials: global.environmentCredentials(for: place), recursive: recursive, continuation: last?.continuation,
                limit: min(1000, max(1, limit - entries.count)))
            let page = try await client.post("/v1/list", request, as: ListResult.self)
            entries += page.items
            last = page
        } while last?.truncated == true && last?.continuation != nil && entries.count < limit
        guard let last else { return }
        if global.json {
            return try Output.json(
                ListResult(bucket: last.bucket, prefix: last.prefix, items: entries, truncated: last.truncated, continuation: last.continuation))
        }
        let rows = entries.map { [$0.size.map { global.plain ? String($0) : Formats.size($0) } ?? "", $0.modified ?? "", Output.clean($0.key)] }
        if global.plain { return Output.plain(rows) }
        if rows.isEmpty {
            Output.note(last.bucket.isEmpty ? "These credentials see no bucket." : "oss://\(last.bucket)/\(Output.clean(last.prefix)) has no objects here.")
            return
        }
        Output.table(rows, right: [0])
        if last.truncated { Output.note("\(entries.count) shown, there are more; --limit shows more") }
    }

    private func remotes(_ client: ControlClient) async throws {
        let settings = try await client.get(SettingsView.self, "/v1/settings")
        if global.json { return try Output.json(ListEnvelope(items: settings.remotes, total: settings.remotes.count)) }
        if settings.remotes.isEmpty {
            Output.note("No remote is configured. Name a bucket: davit ls oss://BUCKET/, or see: davit config path")
        }
        let rows = settings.remotes.map { [$0.name + ":", "oss://\($0.bucket)/\(Output.clean($0.prefix))", $0.kind] }
        if global.plain { Output.plain(rows) } else if !rows.isEmpty { Output.table(rows) }
    }
}

struct Presign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "presign",
        abstract: "A signed URL: whoever has it may do that one thing until it expires.",
        discussion: "Example: curl -T report.pdf \"$(davit presign oss://my-bucket/report.pdf --expires 1h)\"")
    @OptionGroup var global: GlobalOptions
    @Option(name: .long, help: ArgumentHelp("put or get.", valueName: "method")) var method = "put"
    @Option(name: .long, help: ArgumentHelp("How long it is valid, 1s to 7d.", valueName: "duration")) var expires = "15m"
    @Option(name: .long, parsing: .singleValue, help: ArgumentHelp("User metadata that must be sent along.", valueName: "name=value"))
    var meta: [String] = []
    @Option(name: .long, help: ArgumentHelp("Content type that must be sent along.", valueName: "type")) var contentType: String?
    @Argument(help: "oss://BUCKET/KEY or REMOTE:KEY.") var destination: String

    func run() async throws {
        guard let duration = parseDuration(expires), (1...604_800).contains(duration.components.seconds) else {
            throw Failure("--expires \(Output.clean(expires)) is not between 1s and 7d (604800 s, the longest OSS accepts)", exit: Exit.usage)
        }
        guard ["put", "get"].contains(method) else {
            throw Failure("--method \(Output.clean(method)) is not known. Use put or get", exit: Exit.usage)
        }
        var headers: [String: String] = [:]
        for pair in meta {
            guard let equals = pair.firstIndex(of: "="), equals != pair.startIndex else {
                throw Failure("--meta \(Output.clean(pair)) has no name=value form", exit: Exit.usage)
            }
            headers[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
        }
        let client = try await ControlClient.connect(global)
        let request = PresignRequest(
            dest: destination, method: method, expires: Int(duration.components.seconds), meta: headers.isEmpty ? nil : headers,
            contentType: contentType, credentials: global.environmentCredentials(for: destination))
        let result = try await client.post("/v1/presign", request, as: PresignResult.self)
        if global.json { return try Output.json(result) }
        Output.result(result.url)
        for (name, value) in result.headers.sorted(by: { $0.key < $1.key }) where !global.quiet {
            Output.note("send this header with it: \(name): \(Output.clean(value))")
        }
    }
}

struct Orphans: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "orphans",
        abstract: "Unfinished multipart uploads on the server: whose, how old, how many bytes.",
        discussion: """
            A dry run unless --abort or --adopt. What is adopted goes on with the next upload to its key: parts that hold the bytes of the \
            file are kept, only the others are sent. Make sure that no other engine is still at it.
            Examples: davit orphans ingest: --older-than 7d --abort --yes; davit orphans oss://my-bucket/video.mov --adopt
            """)
    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "Abort those listed that nothing in the queue needs.") var abort = false
    @Flag(name: .long, help: "Go on with those of others at the next upload to their keys.") var adopt = false
    @Option(name: .long, help: ArgumentHelp("Only those started longer ago.", valueName: "duration")) var olderThan: String?
    @Argument(help: "oss://BUCKET/PREFIX or REMOTE:PREFIX; without it all that is known.") var destination: String?

    func run() async throws {
        var age: Double?
        if let olderThan {
            guard let duration = parseDuration(olderThan) else {
                throw Failure("--older-than \(Output.clean(olderThan)) is not a duration. Use for example 7d", exit: Exit.usage)
            }
            age = Double(duration.components.seconds)
        }
        if abort && adopt { throw Failure("--abort and --adopt exclude each other. Say one of them", exit: Exit.usage) }
        if abort && !global.yes {
            throw Failure("--abort deletes stored parts and cannot be undone. Say --yes to do it; without --abort nothing is changed", exit: Exit.refused)
        }
        let client = try await ControlClient.connect(global)
        let place = destination ?? global.remote.map { $0 + ":" }
        let request = OrphansRequest(
            dest: place, credentials: global.environmentCredentials(for: place), abort: abort ? true : nil, olderThan: age, adopt: adopt ? true : nil)
        let list = try await client.patient.post("/v1/orphans", request, as: ListEnvelope<OrphanView>.self)
        if global.json { return try Output.json(list) }
        let rows = list.items.map {
            [
                $0.owner + ($0.aborted ? ", aborted" : $0.adopted == true ? ", adopted" : ""), Formats.duration($0.age), $0.bytes.map { global.plain ? String($0) : Formats.size($0) } ?? "?",
                Output.clean($0.uploadId), Output.clean("oss://\($0.bucket)/\($0.key)"),
            ]
        }
        if global.plain { return Output.plain(rows) }
        if rows.isEmpty { return Output.note("No unfinished multipart upload.") }
        Output.table([["WHOSE", "AGE", "BYTES", "UPLOAD ID", "OBJECT"]] + rows, right: [1, 2])
        if list.items.contains(where: { $0.adopted == true && $0.upload == nil }) {
            Output.note("Put the file to the same key now: davit put FILE DEST. Its upload goes on with what is adopted.")
        }
    }
}
