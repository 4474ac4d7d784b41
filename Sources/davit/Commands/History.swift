import ArgumentParser
import Contracts
import TerminalUI

/// What has ended, the newest first; kept for `keep-history`.
struct History: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Uploads that have ended, or those of them that match QUERY.",
        discussion: """
            Done uploads leave the queue after 10 minutes and stay here for keep-history (90d). QUERY as in davit queue.
            Examples: davit history 'job:j-31 state:failed'; davit history size>1G --sort size- --limit 20
            """)
    @OptionGroup var global: GlobalOptions
    @Option(
        name: .long, help: ArgumentHelp("finished- (default) finished name size added tries dest error; a - behind reverses.", valueName: "key"))
    var sort: String?
    @Option(name: .long, help: ArgumentHelp("At most so many (100; all of them with --json and --plain).", valueName: "n"))
    var limit: Int?
    @Argument(help: "What to show.") var query: [String] = []

    func run() async throws {
        if let limit, limit < 0 { throw Failure("--limit takes a number from 0, not \(limit)", exit: Exit.usage) }
        let client = try await ControlClient.connect(global)
        var left = limit ?? (global.json || global.plain ? Int.max : 100)
        var printer = HistoryPrinter(global: global)
        var after: String?
        var total: Int?
        var isCut = false
        repeat {
            let page = try await client.history(Selection(query).query, sort: sort, after: after, limit: min(max(left, 1), 1_000))
            if after == nil { total = page.total }
            after = page.next
            let items = page.items.prefix(left)
            left -= items.count
            isCut = after != nil || items.count < page.items.count
            try printer.add(Array(items))
        } while left > 0 && after != nil
        try printer.end(total: total, isCut: isCut)
        if printer.count == 0, !query.isEmpty, limit != 0 { throw Finished(exit: Exit.nothingMatched) }
    }
}

/// Prints page by page, so that a million lines need no memory.
private struct HistoryPrinter {
    let global: GlobalOptions
    private(set) var count = 0

    init(global: GlobalOptions) { self.global = global }

    mutating func add(_ items: [HistoryItem]) throws {
        guard !items.isEmpty else { return }
        defer { count += items.count }
        if global.json {
            if count == 0 { Output.raw("{\"schema\":1,\"items\":[") }
            for (index, item) in items.enumerated() {
                Output.raw((count + index == 0 ? "\n" : ",\n") + String(decoding: try ContractJSON.encode(item), as: UTF8.self))
            }
            return
        }
        let rows = items.map { item in
            [
                item.upload.id, item.removed ? "removed" : item.upload.state.rawValue, item.upload.finished ?? "",
                global.plain ? item.upload.size.map { String($0) } ?? "" : item.upload.size.map(Formats.size) ?? "?",
                Output.clean(item.upload.path), Output.clean(item.upload.dest), Output.clean(item.reason ?? ""),
            ]
        }
        if global.plain { return Output.plain(rows) }
        Output.table((count == 0 ? [["ID", "STATE", "FINISHED", "SIZE", "NAME", "DEST", "WHY"]] : []) + rows, right: [3])
    }

    func end(total: Int?, isCut: Bool) throws {
        if global.json {
            if count == 0 { Output.raw("{\"schema\":1,\"items\":[") }
            let all = isCut ? total.map(String.init) ?? "null" : String(count)
            return Output.result("],\"total\":\(all),\"truncated\":\(isCut)}")
        }
        if global.plain || global.quiet { return }
        if count == 0 { Output.note("Nothing in the history matches.") }
        if isCut, count > 0 { Output.note("\(count) of \(total.map(String.init) ?? "more") shown; --limit shows more") }
    }
}

extension ControlClient {
    func history(_ query: String?, sort: String? = nil, after: String? = nil, limit: Int) async throws -> HistoryPage {
        try await get(
            HistoryPage.self,
            "/v1/history?" + Self.query([("query", query), ("sort", sort), ("after", after), ("limit", String(limit))]))
    }
}
