import ArgumentParser
import Contracts
import FoundationEssentials
import TerminalUI

struct Queue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "The queue, or what of it matches QUERY.",
        discussion: """
            QUERY: words match the name; field:value, size>1G, and, or, not, parentheses.
            Example: davit queue 'state:failed,held size>100M' --sort size-
            """)
    @OptionGroup var global: GlobalOptions
    @Option(name: .long, help: ArgumentHelp("order name size done rate eta added finished tries dest error; a - behind reverses.", valueName: "key"))
    var sort: String?
    @Option(name: .long, help: ArgumentHelp("At most so many.", valueName: "n")) var limit: Int?
    @Option(name: .long, help: ArgumentHelp("Comma separated: id state name size stored rate eta dest error.", valueName: "names"))
    var columns: String?
    @Flag(name: .customShort("0"), help: "Only the paths, NUL separated.") var nul = false
    @Argument(help: "What to show.") var query: [String] = []

    func run() async throws {
        let names = (columns ?? "id,state,size,stored,rate,name,dest").split(separator: ",").map(String.init)
        for name in names where Self.cell(name, nil, plain: false) == nil {
            throw Failure("--columns: \(Output.clean(name)) is not known. Use: id state name size stored rate eta dest error", exit: Exit.usage)
        }
        if let limit, limit < 0 { throw Failure("--limit takes a number from 0, not \(limit)", exit: Exit.usage) }
        let client = try await ControlClient.connect(global)
        let wanted = limit ?? (global.json || global.plain || nul ? Int.max : 1000)
        let numbers = Set(names.indices.filter { ["size", "stored", "rate", "eta"].contains(names[$0]) })
        var list = JSONList()
        var count = 0
        // Page by page, so that a million uploads need no memory.
        let total = try await client.eachPage(of: Selection(query).query, sort: sort, limit: wanted) { page in
            defer { count += page.count }
            if nul { return page.forEach { Output.raw(Self.pathBytes($0) + [0]) } }
            if global.json { return try list.add(page) }
            let rows = page.map { upload in names.map { Self.cell($0, upload, plain: global.plain) ?? "" } }
            if global.plain { return Output.plain(rows) }
            if !rows.isEmpty { Output.table((count == 0 ? [names.map { $0.uppercased() }] : []) + rows, right: numbers) }
        }
        if global.json, !nul { list.end(total: total) }
        if !global.json, !global.plain, !nul {
            if count == 0, wanted > 0 {
                Output.note(query.isEmpty ? "The queue is empty. Add to it with: davit add PATH... DEST" : "No upload matches.")
            } else if count < total {
                Output.note("\(count) of \(total) shown; --limit shows more")
            }
        }
        if count == 0, !query.isEmpty, wanted > 0 { throw Finished(exit: Exit.nothingMatched) }
    }

    /// The name as the system has it, UTF-8 or not.
    private static func pathBytes(_ upload: UploadView) -> [UInt8] {
        upload.pathB64.flatMap { Data(base64Encoded: $0) }.map { Array($0) } ?? Array(upload.path.utf8)
    }

    /// `nil` when there is no such column; a missing upload asks only that.
    private static func cell(_ name: String, _ upload: UploadView?, plain: Bool) -> String? {
        guard let upload else { return ["id", "state", "name", "size", "stored", "rate", "eta", "dest", "error"].contains(name) ? "" : nil }
        switch name {
        case "id": return upload.id
        case "state": return upload.state.rawValue
        case "name": return Output.clean(upload.path)
        case "size": return plain ? upload.size.map(String.init) ?? "" : upload.size.map(Formats.size) ?? "?"
        case "stored": return plain ? String(upload.stored) : Formats.size(upload.stored)
        case "rate": return plain ? String(upload.rate) : upload.rate > 0 ? Formats.size(upload.rate) + "/s" : ""
        case "eta": return upload.etaHigh.map { plain ? String($0) : Formats.duration(Double($0)) } ?? ""
        case "dest": return Output.clean(upload.dest)
        case "error": return upload.lastError.map { Output.clean($0.message) } ?? ""
        default: return nil
        }
    }
}

struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "One upload, or a job with its totals.", discussion: "Examples: davit show u-7Q4K2 --parts --events; davit show j-31")
    @OptionGroup var global: GlobalOptions
    @Flag(name: .long, help: "Its parts.") var parts = false
    @Flag(name: .long, help: "What happened to it.") var events = false
    @Argument(help: "The upload's id, or a job's.") var id: String

    /// `show --json` is the upload itself with `schema`; parts and events beside it when asked for.
    private struct Shown: Encodable {
        var upload: UploadView
        var detail: UploadDetail
        var parts: Bool
        var events: Bool
        enum Extra: String, CodingKey { case schema, versionId, requestId, limit, map, active, events }
        func encode(to encoder: any Encoder) throws {
            try upload.encode(to: encoder)
            var container = encoder.container(keyedBy: Extra.self)
            try container.encode(1, forKey: .schema)
            try container.encode(detail.versionId, forKey: .versionId)
            try container.encode(detail.requestId, forKey: .requestId)
            try container.encodeIfPresent(detail.limit, forKey: .limit)
            if parts {
                try container.encode(detail.map, forKey: .map)
                try container.encode(detail.active, forKey: .active)
            }
            if events { try container.encode(detail.events, forKey: .events) }
        }
    }

    func run() async throws {
        let client = try await ControlClient.connect(global)
        if Selection.isJob(id) { return try await showJob(client) }
        let detail = try await client.get(UploadDetail.self, "/v1/uploads/\(ControlClient.encode(id))")
        let upload = detail.upload
        if global.json { return try Output.json(Shown(upload: upload, detail: detail, parts: parts, events: events)) }
        var rows = [
            ["id", upload.id], ["state", upload.state.rawValue + (upload.heldReason.map { " (\($0))" } ?? "")],
            ["file", Output.clean(upload.path)], ["destination", Output.clean(upload.dest)],
            ["size", upload.size.map { "\(Formats.size($0)) (\($0) bytes)" } ?? "not known yet"],
            ["stored", "\(Formats.size(upload.stored)), sending \(Formats.size(upload.sending)), resent \(Formats.size(upload.resent))"],
            ["parts", "\(upload.parts.stored) of \(upload.parts.total), \(Formats.size(upload.parts.size)) each"],
            ["tries", String(upload.tries)], ["priority", upload.priority.rawValue], ["job", upload.job], ["added", upload.added],
        ]
        if let uploadId = upload.uploadId { rows.append(["upload id", Output.clean(uploadId)]) }
        if let finished = upload.finished { rows.append(["finished", finished]) }
        if let etag = upload.etag { rows.append(["etag", Output.clean(etag)]) }
        if let crc64 = upload.crc64 { rows.append(["crc64", "\(crc64) (\(upload.verify.state))"]) }
        if let version = detail.versionId { rows.append(["version id", Output.clean(version)]) }
        if let request = detail.requestId { rows.append(["request id", Output.clean(request)]) }
        if let limit = detail.limit { rows.append(["limit", "\(Formats.size(limit))/s"]) }
        if let error = upload.lastError { rows.append(["last error", "\(error.at)  \(Output.clean(error.message))"]) }
        if let next = upload.nextTry { rows.append(["next try", next]) }
        Output.table(rows)
        if parts {
            Output.result("\nparts  (# stored, s sending, 2-9 sending again, ! failed, . to do)")
            var rest = Substring(detail.map)
            while !rest.isEmpty {
                Output.result("  " + rest.prefix(64))
                rest = rest.dropFirst(64)
            }
        }
        if events {
            Output.result("\nevents")
            for event in detail.events { Output.result("  \(event.at)  \(event.kind)  \(Output.clean(event.text))") }
        }
    }
}

extension Show {
    /// A job: what became of its uploads.
    fileprivate func showJob(_ client: ControlClient) async throws {
        let job = try await client.get(JobView.self, "/v1/jobs/\(ControlClient.encode(id))")
        if global.json { return try Output.json(job) }
        let counts = UploadState.allCases.compactMap { state in
            job.counts[state.rawValue].flatMap { $0 > 0 ? "\(Formats.count($0)) \(state.rawValue)" : nil }
        }
        var rows = [
            ["job", job.job], ["state", job.state], ["uploads", "\(Formats.count(job.total))" + (counts.isEmpty ? "" : ": \(counts.joined(separator: "  "))")],
            ["size", "\(Formats.size(job.bytes)) (\(job.bytes) bytes)"],
            ["stored", "\(Formats.size(job.stored))  \(job.percent)"],
        ]
        if !job.refused.isEmpty { rows.append(["not queued", "\(Formats.count(job.refused.count)), see below"]) }
        Output.table(rows)
        Ordering.report(job.refused)
        if !global.quiet { Output.note("Its uploads: davit queue \(job.job); those that have ended: davit history \(job.job)") }
    }
}
