import ArgumentParser
import Contracts
import TerminalUI

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
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
    let until = status.limits.rateUntil.map { " until \($0)" } ?? ""
    let limit = status.limits.rate.map { " of \(Formats.size($0))/s\(until)" } ?? ""
    let totals = status.totals
    let isDone = totals.uploads > 0 && status.counts[UploadState.done.rawValue] == totals.uploads
    let percent = totals.bytes > 0 ? "  \(isDone ? "100%" : Formats.percent(totals.stored, of: totals.bytes) ?? "")" : ""
    lines.append("rate     \(Formats.size(status.rate))/s\(limit)\(percent)  \(Formats.size(totals.stored)) of \(Formats.size(totals.bytes)) stored")
    if let low = status.etaLow, let high = status.etaHigh, high > 0 {
        lines.append("eta      \(low == high ? Formats.duration(Double(high)) : "\(Formats.duration(Double(low))) to \(Formats.duration(Double(high)))")")
    }
    let counts = UploadState.allCases.compactMap { state -> String? in
        let count = status.counts[state.rawValue, default: 0]
        return count > 0 ? "\(Formats.count(count)) \(state.rawValue)" : nil
    }
    lines.append("uploads  " + (counts.isEmpty ? "none" : counts.joined(separator: "  ")) + (status.queuePaused ? "  (queue paused)" : ""))
    lines.append("slots    \(status.slotsUsed) of \(status.limits.uploads) uploads, \(status.partsSending) of \(status.limits.parts) parts"
        + (status.limits.partsReason.map { "  (auto: \(Output.clean($0)))" } ?? ""))
    if let cause = status.slowBecause { lines.append("slow because: \(slowText(cause))") }
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
    if let notice = status.notice { lines.append("notice   \(Output.clean(notice))") }
    let engine = status.engine
    lines.append("engine   \(engine.version), process \(engine.pid), up \(Formats.duration(engine.uptime)), \(engine.frontEnds) front ends")
    if let offset = status.clockOffset { lines.append("clock    OSS is \(offset >= 0 ? "+" : "")\(Int(offset.rounded())) s from this host") }
    return lines
}

/// What the engine measured, in a few words.
func slowText(_ cause: String) -> String {
    let meanings = [
        "disk": "reading the source takes longest", "cpu": "the processor is busy", "network": "the network takes no more",
        "limit": "the rate limit holds it back", "throttle": "the service asks to slow down",
        "credentials": "requests wait for credentials", "server": "the service answers late",
    ]
    return Output.clean(cause) + (meanings[cause].map { " (\($0))" } ?? "")
}
