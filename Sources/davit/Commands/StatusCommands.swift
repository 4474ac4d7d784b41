import ArgumentParser
import Contracts
import TerminalUI

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "One screen: rates, counts, credentials, engine, clock.", discussion: "Example: davit status --json")
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let client = try await ControlClient.connect(global, start: false)
        let status = try await client.get(StatusView.self, "/v1/status")
        if global.json { return try Output.json(status) }
        for line in statusLines(status) { Output.result(line) }
    }
}

/// `davit status` as lines; also what `davit` shows without a terminal.
func statusLines(_ status: StatusView) -> [String] {
    var lines: [String] = []
    let limit = status.limits.rate.map { " of \(Formats.size($0))/s" } ?? ""
    let totals = status.totals
    let percent = totals.bytes > 0 ? "  \(Formats.percent(totals.stored, of: totals.bytes) ?? "")" : ""
    lines.append("rate     \(Formats.size(status.rate))/s\(limit)\(percent)  \(Formats.size(totals.stored)) of \(Formats.size(totals.bytes)) stored")
    if let low = status.etaLow, let high = status.etaHigh, high > 0 {
        lines.append("eta      \(low == high ? Formats.duration(Double(high)) : "\(Formats.duration(Double(low))) to \(Formats.duration(Double(high)))")")
    }
    let counts = UploadState.allCases.compactMap { state -> String? in
        let count = status.counts[state.rawValue, default: 0]
        return count > 0 ? "\(Formats.count(count)) \(state.rawValue)" : nil
    }
    lines.append("uploads  " + (counts.isEmpty ? "none" : counts.joined(separator: "  ")) + (status.queuePaused ? "  (queue paused)" : ""))
    lines.append("slots    \(status.slotsUsed) of \(status.limits.uploads) uploads, \(status.partsSending) of \(status.limits.parts) parts")
    for lease in status.leases {
        var text = "lease    \(Output.clean(lease.scope))  \(lease.kind)  \(lease.state)"
        if let left = lease.left { text += "  \(Formats.duration(left)) left" }
        if let renews = lease.renewsIn { text += ", renews in \(Formats.duration(renews))" }
        if let error = lease.lastError { text += "  \(Output.clean(error))" }
        lines.append(text)
    }
    if let outage = status.outage {
        lines.append("outage   \(Output.clean(outage.endpoint)) since \(outage.since): \(Output.clean(outage.reason))")
    }
    let engine = status.engine
    lines.append("engine   \(engine.version), process \(engine.pid), up \(Formats.duration(engine.uptime)), \(engine.frontEnds) front ends")
    if let offset = status.clockOffset { lines.append("clock    OSS is \(offset >= 0 ? "+" : "")\(Int(offset.rounded())) s from this host") }
    return lines
}

struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Events as they happen, a line each, until Ctrl-C.")
    @OptionGroup var global: GlobalOptions
    @Argument(help: "Only names or destinations with this word.") var query: [String] = []

    func run() async throws {
        let client = try await ControlClient.connect(global, start: false)
        let words = query.map { Array($0.utf8) }
        do {
            for try await event in client.http.events("/v1/events") where event.event == "upload" {
                guard let upload = try? ContractJSON.decode(UploadView.self, from: event.data) else { continue }
                let text = Array((upload.path + " " + upload.dest + " " + upload.state.rawValue).utf8)
                guard words.allSatisfy({ text.contains(subsequence: $0) }) else { continue }
                if global.json {
                    try Output.json(upload)
                } else {
                    let size = Formats.percent(upload.stored, of: upload.size) ?? ""
                    let fields = [upload.id, upload.state.rawValue, size, Output.clean(upload.path), Output.clean(upload.dest)]
                    Output.result(fields.joined(separator: global.plain ? "\t" : "  "))
                }
            }
        } catch {
            throw Failure("the engine went away. See: davit engine status", exit: Exit.noEngine)
        }
    }
}

extension [UInt8] {
    fileprivate func contains(subsequence other: [UInt8]) -> Bool {
        guard other.count <= count else { return false }
        return other.isEmpty || (0...(count - other.count)).contains { self[$0..<($0 + other.count)].elementsEqual(other) }
    }
}
