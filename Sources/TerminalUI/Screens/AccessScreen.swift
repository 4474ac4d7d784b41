import Contracts

/// Credentials: where they come from, how long they live, what they may.
extension Canvas {
    mutating func accessScreen() {
        let layout = Layout(.access, size)
        tabs()
        let leases = state.leases
        if leases.isEmpty {
            noCredentials(layout)
        } else {
            let rows = max(1, min(leases.count, max(1, layout.listHeight - 14)))
            if layout.hasHeading { accessHeading() }
            let start = layout.hasHeading ? 2 : 1
            let cursor = max(0, min(state.access.cursor, leases.count - 1))
            let top = max(0, cursor - rows + 1)
            for index in 0..<rows where top + index < leases.count {
                leaseRow(leases[top + index], row: start + index, isCursor: top + index == cursor)
            }
            frame.cursor = (0, start + cursor - top)
            leaseFacts(leases[cursor], row: start + rows)
        }
        if let row = layout.messageRow {
            if state.message != nil {
                messageRow(row)
            } else {
                let held = state.mirror.status?.counts["held"] ?? 0
                let text = "Secrets are never shown." + (held > 0 ? " \(Formats.counted(held, "upload")) \(held == 1 ? "is" : "are") held until what is missing is there." : "")
                frame.put(cut(t(text), size.columns - 2), row: row, column: 1, role: .muted)
            }
        }
        hints()
    }

    private mutating func noCredentials(_ layout: Layout) {
        let lines = [
            "No credentials yet.", "", "a adds a profile. They also come with the order or from the configuration:",
            "  variables    OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET, OSS_SESSION_TOKEN, OSS_REGION",
            "  profiles     ~/.ossutilconfig, ~/.aliyun/config.json: read, never changed",
            "  a remote     [remote.NAME] and [remote.NAME.credentials] in config.toml", "",
            "Nothing is stored before you choose. R looks again, davit auth test OSS-URL tries one.",
        ]
        for (index, text) in lines.enumerated() where 3 + index < size.rows - 2 {
            frame.put(cut(t(text), size.columns - 3), row: 3 + index, column: 2, role: index == 0 ? .text : .muted)
        }
    }

    // MARK: the table

    /// Where the columns begin; 0 is a column that is not shown.
    private var accessColumns: (kind: Int, identity: Int, expires: Int, renews: Int, use: Int, bucket: Int, check: Int) {
        size.columns >= 130 ? (11, 27, 49, 62, 79, 94, 116) : (13, 28, 49, 61, 72, 0, 0)
    }

    private mutating func accessHeading() {
        let at = accessColumns
        frame.put(t("PROFILE"), row: 1, column: 1, role: .muted)
        for (column, word) in [(at.kind, "KIND"), (at.identity, "IDENTITY"), (at.expires, "EXPIRES"), (at.renews, "RENEWS")] {
            frame.put(t(word), row: 1, column: column, role: .muted)
        }
        frame.put(t(at.bucket > 0 ? "UPLOADS" : "USE"), row: 1, column: at.use, role: .muted)
        if at.bucket > 0 {
            frame.put(t("BUCKET"), row: 1, column: at.bucket, role: .muted)
            frame.put(t("LAST CHECK"), row: 1, column: at.check, role: .muted)
        }
    }

    private func needsCare(_ lease: LeaseView) -> Bool {
        lease.state == "refused" || lease.state == "backing-off" || lease.left.map { $0 - age <= 0 } ?? false
    }

    private func expiry(_ lease: LeaseView) -> String {
        if let left = lease.left.map({ $0 - age }) { return left <= 0 ? "EXPIRED " + Formats.coarseDuration(-left) : Formats.duration(left) }
        switch lease.state {
        case "empty": return "not asked"
        case "held": return "never"
        default: return lease.state
        }
    }

    private func renewal(_ lease: LeaseView) -> String {
        if let renews = lease.renewsIn { return "in " + Formats.coarseDuration(max(0, renews - age)) }
        return needsCare(lease) ? "needs you" : "-"
    }

    private mutating func leaseRow(_ lease: LeaseView, row: Int, isCursor: Bool) {
        let isDefault = lease.scope == (state.mirror.settings?.defaultRemote ?? state.mirror.status?.defaultRemote)
        if needsCare(lease) { frame.put("!", row: row, column: 0, role: .error) }
        if isCursor { frame.put(">", row: row, column: 0) }
        if isDefault { frame.put("*", row: row, column: 1, role: .mark) }
        let role: Role = needsCare(lease) ? .error : .text
        if size.columns < 60 {
            frame.put(cut(lease.scope, max(8, size.columns - 14)), row: row, column: 2)
            frame.putRight(t(expiry(lease)), row: row, end: size.columns, role: role)
        } else {
            let at = accessColumns
            frame.put(
                Cutting.middle(displayText(lease.scope, rules: rules), width: at.kind - 3, ellipsis: symbols.ellipsis), row: row, column: 2)
            frame.put(cut(lease.kind, at.identity - at.kind - 1), row: row, column: at.kind, role: .muted)
            frame.put(cut(lease.identity ?? "-", at.expires - at.identity - 1), row: row, column: at.identity)
            frame.put(cut(t(expiry(lease)), at.renews - at.expires - 1), row: row, column: at.expires, role: role)
            frame.put(cut(t(renewal(lease)), at.use - at.renews - 1), row: row, column: at.renews, role: role)
            let held = lease.uploads > 0 && needsCare(lease) ? " held" : ""
            frame.put(Formats.count(lease.uploads) + held, row: row, column: at.use)
            if at.bucket > 0 {
                let bucket = state.mirror.settings?.remotes.first { $0.name == lease.scope }?.bucket ?? ""
                frame.put(cut(bucket, at.check - at.bucket - 1), row: row, column: at.bucket, role: .muted)
                frame.put(cut(t(checkWord(lease.scope)), size.columns - at.check - 1), row: row, column: at.check, role: .muted)
            }
        }
        if isCursor { frame.paint(row: row, column: 0, width: size.columns, role: .cursor) }
    }

    /// `14:02:20 ok`, `14:00:12 put`: the first check that failed.
    private func checkWord(_ scope: String) -> String {
        guard let checks = state.access.checks[scope], let at = state.access.checkedAt[scope] else { return "t tests" }
        return clock(at).clock + " " + (checks.first { !$0.ok }.map { "\($0.check) FAILED" } ?? "ok")
    }

    // MARK: the facts

    private mutating func leaseFacts(_ lease: LeaseView, row: Int) {
        guard row < size.rows - 4 else { return }
        line(row: row)
        frame.put(cut(" \(lease.scope) ", size.columns - 6), row: row, column: 2, role: .title)
        let facts = self.facts(lease)
        let bottom = size.rows - 2
        let scroll = min(state.access.scroll, max(0, facts.count - (bottom - row - 1)))
        for (index, fact) in facts.dropFirst(scroll).enumerated() where row + 1 + index < bottom {
            let y = row + 1 + index
            frame.put(t(fact.label), row: y, column: 1, role: .muted)
            if let share = fact.share {
                let width = 22
                let full = max(0, min(width, Int((share * Double(width)).rounded())))
                for x in 0..<width {
                    symbol(x < full ? symbols.stored : symbols.rest, row: y, column: 15 + x, role: x < full ? .barDone : .barRest)
                }
                frame.put(cut(t(fact.value), size.columns - 39), row: y, column: 16 + width, role: fact.role)
            } else {
                frame.put(cut(t(fact.value), size.columns - 16), row: y, column: 15, role: fact.role)
            }
        }
    }

    private struct Fact {
        var label: String
        var value: String
        var role: Role = .text
        /// A bar before the value: what is left of the whole.
        var share: Double?
    }

    private func facts(_ lease: LeaseView) -> [Fact] {
        let remote = state.mirror.settings?.remotes.first { $0.name == lease.scope }
        var facts = [
            Fact(label: "credentials", value: credentialWords(lease)), Fact(label: "identity", value: lease.identity ?? "not known"),
        ]
        if let left = lease.left {
            let rest = left - age
            let until = lease.expires.flatMap(LocalTime.milliseconds).map { ", until " + clock($0).clock } ?? ""
            // The engine renews at 0.8 of a life, so what it waits for tells how long the whole is.
            let whole = lease.renewsIn.map { (left - $0) / 0.2 }.flatMap { $0 >= left ? $0 : nil }
            if rest <= 0 {
                facts.append(Fact(label: "lifetime", value: "EXPIRED", role: .error))
            } else {
                let of = whole.map { " of " + Formats.coarseDuration($0) } ?? ""
                facts.append(
                    Fact(
                        label: "lifetime", value: Formats.duration(rest) + of + " left" + until, role: rest < 600 ? .warn : .text,
                        share: whole.map { rest / $0 }))
            }
        } else {
            facts.append(Fact(label: "lifetime", value: lease.state == "held" ? "does not expire" : "nothing is held"))
        }
        let renewed = lease.fetches > 0 ? "; fetched \(Formats.counted(lease.fetches, "time")) since the engine started" : ""
        facts.append(
            Fact(
                label: "renewal",
                value: (lease.renewsIn.map { "automatic in " + Formats.coarseDuration(max(0, $0 - age)) } ?? "none planned") + renewed))
        if let offset = state.mirror.status?.clockOffset {
            let direction = offset < 0 ? "ahead of" : "behind"
            let difference = abs(offset) < 1 ? "less than 1s off" : "\(Formats.duration(abs(offset))) \(direction)"
            facts.append(Fact(label: "clock", value: "this host is \(difference) OSS (limit 15m)", role: abs(offset) > 300 ? .warn : .text))
        }
        if let remote {
            facts.append(Fact(label: "endpoint", value: [remote.endpoint, remote.region].compactMap { $0 }.joined(separator: "  ")))
            facts.append(Fact(label: "writes to", value: "oss://\(remote.bucket)/\(remote.prefix)"))
        }
        facts.append(Fact(label: "used by", value: usedBy(lease)))
        if let error = lease.lastError { facts.append(Fact(label: "last error", value: error, role: .error)) }
        if let checks = state.access.checks[lease.scope], let at = state.access.checkedAt[lease.scope] {
            facts.append(Fact(label: "tested", value: clock(at).clock))
            facts += checks.map { Fact(label: "  " + $0.check, value: ($0.ok ? "ok  " : "FAILED  ") + $0.text, role: $0.ok ? .ok : .error) }
        } else {
            facts.append(Fact(label: "tested", value: "not yet: t tests endpoint, clock, credentials and rights", role: .muted))
        }
        return facts
    }

    private func credentialWords(_ lease: LeaseView) -> String {
        let kind =
            switch lease.kind {
            case "broker": "temporary (STS), from the authorization server"
            case "signed-url": "none here: the authorization server signs each request"
            case "assume-role": "temporary (STS), an assumed role"
            case "ecs-role": "temporary, the role of this ECS instance"
            case "oidc": "temporary (STS), for an identity token"
            case "process": "from a command"
            case "uri": "from a credentials URI"
            case "profile": "a profile of the official tools"
            case "static": "an access key in files only you can read"
            case "env", "order": "variables of whoever gave the order"
            case "anonymous": "none: requests go unsigned"
            default: lease.kind
            }
        return "\(kind); \(lease.state)"
    }

    /// The longest upload that uses it, held against its life.
    private func usedBy(_ lease: LeaseView) -> String {
        let count = Formats.counted(lease.uploads, "upload")
        let rows = (state.queue.window?.rows ?? []).filter { $0.remote == lease.scope && $0.etaHigh != nil }
        guard let longest = rows.max(by: { ($0.etaHigh ?? 0) < ($1.etaHigh ?? 0) }), let eta = longest.etaHigh else { return count }
        let needs = "\(displayText(Paths.name(longest.path), rules: rules).plain) needs about \(Formats.coarseDuration(Double(eta)))"
        guard let left = lease.left.map({ $0 - age }), Double(eta) > left else { return "\(count); \(needs): covered" }
        return "\(count); \(needs); " + (lease.renewsIn == nil ? "token ends \(Formats.coarseDuration(Double(eta) - left)) before" : "renewed meanwhile")
    }
}
