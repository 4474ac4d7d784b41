import Contracts
import TerminalUI

/// `--plan`: what an order would do, before byte one.
struct PlanReport {
    let plan: PlanView
    let missing: Int

    /// Worth a warning, or the order would not come through whole.
    var isClean: Bool {
        missing == 0 && plan.refusedTotal == 0 && plan.collisionsTotal == 0 && plan.files > 0
            && plan.checks.allSatisfy { $0.ok || !["endpoint", "credentials", "put"].contains($0.check) }
            && !(plan.existing.rule == "fail" && (plan.existing.objects ?? 0) > 0)
    }

    var exit: Int32 {
        if let failed = plan.checks.first(where: { !$0.ok && ["endpoint", "credentials", "put"].contains($0.check) }) {
            return failed.check == "credentials" ? Exit.noCredentials : Exit.failed
        }
        if isClean { return Exit.done }
        return plan.files > 0 ? Exit.partly : Exit.failed
    }

    func lines() -> [[String]] {
        var rows = [
            ["destination", Output.clean("oss://\(plan.bucket)/\(plan.prefix)")],
            ["files", "\(Formats.count(plan.files)), \(Formats.size(plan.bytes)) (\(plan.bytes) bytes)"],
            ["requests", requests],
            ["there already", existing],
        ]
        if plan.filtered > 0 { rows.append(["left out", "\(Formats.count(plan.filtered)) by name, size or age"]) }
        if plan.refusedTotal + missing > 0 { rows.append(["not possible", "\(Formats.count(plan.refusedTotal + missing)), see below"]) }
        if plan.collisionsTotal > 0 { rows.append(["collisions", "\(Formats.count(plan.collisionsTotal)) files have the key of another one"]) }
        if let time = plan.time {
            rows.append(["time", "\(Formats.duration(Double(time.seconds))) at \(Formats.size(time.rate))/s (\(time.basis))"])
        } else {
            rows.append(["time", "not known: no limit is set and nothing went up lately"])
        }
        for check in plan.checks { rows.append([check.check, (check.ok ? "ok: " : "FAILED: ") + Output.clean(check.text)]) }
        return rows
    }

    private var requests: String {
        let counts = plan.requests
        let all = [
            (counts.put, "put"), (counts.initiate, "initiate"), (counts.part, "part"), (counts.complete, "complete"), (counts.head, "head"),
        ]
        let parts = all.filter { $0.0 > 0 }.map { "\(Formats.count($0.0)) \($0.1)" }
        return "\(Formats.count(counts.total))" + (parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))")
    }

    private var existing: String {
        guard let objects = plan.existing.objects else { return "not known: the destination may not be listed" }
        guard objects > 0 else { return "none of the keys" + (plan.existing.partial ? " among the first 100,000 objects" : "") }
        let fate = ["overwrite": "are overwritten", "skip": "are skipped where they are the same", "newer": "are kept where they are newer"]
        let more = plan.existing.partial ? "at least " : ""
        return "\(more)\(Formats.count(objects)) keys: \(fate[plan.existing.rule] ?? (plan.existing.rule == "rename" ? "the files get numbers" : "their uploads fail"))"
    }

    func say() {
        Output.table(lines())
        for item in plan.collisions.prefix(20) {
            Output.note("collision: \(Output.clean(item.path)) would have the key \(Output.clean(item.key)) of another file")
        }
        if plan.collisionsTotal > 20 { Output.note("and \(plan.collisionsTotal - 20) more collisions (--json lists the first 100)") }
        for item in plan.refused.prefix(20) { Output.note("not possible: \(Output.clean(item.path)) (\(Output.clean(item.reason)))") }
        if plan.refusedTotal > 20 { Output.note("and \(plan.refusedTotal - 20) more that are not possible (--json lists the first 1,000)") }
    }
}
