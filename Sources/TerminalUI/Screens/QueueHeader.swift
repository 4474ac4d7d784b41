import Contracts

/// The rows between the tabs and the list: rate, counts, engine.
extension Canvas {
    mutating func queueHeader(_ layout: Layout) {
        guard let status = state.mirror.status else { return waitingHeader(layout) }
        if case .lost(let since, _, let attempt, let nextAt) = state.mirror.link { return lostHeader(layout, since, attempt, nextAt) }
        if layout.header == 1 { return narrowHeader(status) }
        if layout.isRoomy { return roomyHeader(status) }
        if let outage = status.outage {
            outageRow(outage, status)
        } else {
            rateRow(status)
        }
        if isQueueEmpty {
            if layout.header >= 2 { engineRow(status, row: 2) }
            return
        }
        countsRow(status, row: 2, width: size.columns)
        if layout.header >= 3 { engineRow(status, row: 3) }
    }

    private mutating func waitingHeader(_ layout: Layout) {
        if case .lost(_, let reason, let attempt, let nextAt) = state.mirror.link {
            let left = Formats.duration(max(0, Double(nextAt - now) / 1000))
            frame.put(t("ENGINE NOT ANSWERING: attempt \(attempt) in \(left)"), row: 1, column: 1, role: .error)
            if layout.header > 1 { frame.put(cut(reason, size.columns - 2), row: 2, column: 1, role: .warn) }
        } else {
            frame.put(t("waiting for the engine"), row: 1, column: 1, role: .muted)
        }
    }

    private mutating func lostHeader(_ layout: Layout, _ since: Int64, _ attempt: Int, _ nextAt: Int64) {
        let duration = Formats.duration(Double(now - since) / 1000)
        let said = clock(state.mirror.statusAt).clock
        frame.put(
            cut(t("ENGINE NOT ANSWERING for \(duration). Below is what it said at \(said)."), size.columns - 1), row: 1,
            column: layout.header == 1 ? 0 : 1,
            role: .error)
        guard layout.header > 1 else { return }
        let next = Formats.duration(max(0, Double(nextAt - now) / 1000))
        frame.put(
            cut(t("Uploads may still be running. Attempt \(attempt) to reach the engine in \(next)."), size.columns - 2), row: 2, column: 1,
            role: .warn)
        if layout.header > 2 {
            frame.put(
                cut(t("Actions are off until it answers; nothing you press is queued up."), size.columns - 2), row: 3, column: 1, role: .warn)
        }
    }

    private mutating func outageRow(_ outage: StatusView.Outage, _ status: StatusView) {
        let limit = status.limits.rate.map { " of " + Formats.limit($0, besides: $0) } ?? ""
        let since = seconds(since: outage.since).map { " " + Formats.duration(max(0, $0)) } ?? ""
        let next = seconds(until: outage.nextTry).map { "  " + t("next try {}", Formats.duration(max(0, $0))) } ?? ""
        let start = frame.put(own("\(Formats.rate(status.rate))\(limit)  "), row: 1, column: 1)
        let text = t("OSS UNREACHABLE{} ({}: {})", since, outage.endpoint, outage.reason)
        let end = frame.put(cut(text, max(0, size.columns - start - displayText(next).width)), row: 1, column: start, role: .error)
        frame.put(next, row: 1, column: end, role: .muted)
    }

    /// `62.4%  3.12/5.00 TiB  ETA 3h20m–3h50m`.
    private func progressWords(_ status: StatusView) -> (percent: String?, bytes: String, eta: String) {
        let totals = status.totals
        let percent = Formats.percent(totals.stored, of: totals.bytes)
        let bytes = totals.bytes > 0 ? Formats.progress(totals.stored, of: totals.bytes) : ""
        return (percent, bytes, etaText(status))
    }

    private func etaText(_ status: StatusView) -> String {
        guard let low = status.etaLow, let high = status.etaHigh else { return "ETA -" }
        return "ETA " + Formats.range(low, high, dash: symbols.dash)
    }

    private func isIdle(_ status: StatusView) -> Bool {
        !["scanning", "queued", "uploading", "verifying", "retrying", "held"].contains { status.counts[$0] ?? 0 > 0 }
    }

    private mutating func rateRow(_ status: StatusView) {
        if isIdle(status) { return idleRow(status) }
        var column = 1
        if status.queuePaused {
            column = frame.put(t("QUEUE PAUSED"), row: 1, column: 1, role: .warn) + 1
        } else {
            symbol(symbols.rate, row: 1, column: 1, role: .stateActive)
            column = 1 + symbols.rate.count + 1
        }
        column = frame.put(Formats.headerRate(status.rate), row: 1, column: column, role: .title)
        if let limit = status.limits.rate {
            column = frame.put(" of " + Formats.limit(limit, besides: status.rate), row: 1, column: column, role: .muted)
        }
        let words = progressWords(status)
        let token = tokenWarning
        let right = [words.percent, words.bytes.isEmpty ? nil : words.bytes, words.eta].compactMap { $0 }.joined(separator: "  ")
        let shown = displayText(right, rules: TextRules())
        let start = size.columns - shown.width
        guard start > column + 1 else {
            frame.put(cut(right, size.columns - column - 2), row: 1, column: column + 2)
            return
        }
        frame.put(shown, row: 1, column: start)
        let room = start - 2 - (column + 2)
        if let token, room >= displayText(token).width {
            frame.put(token, row: 1, column: column + 2, role: .warn)
        } else if room >= 4 {
            graph(status, row: 1, column: column + 2, width: room)
        }
    }

    /// A token that will not renew by itself and ends soon takes the graph's place.
    private var tokenWarning: String? {
        guard let lease = mainLease, let left = lease.left, lease.renewsIn == nil, left - age < 600 else { return nil }
        return t("TOKEN ENDS {}", Formats.duration(max(0, left - age)))
    }

    private mutating func idleRow(_ status: StatusView) {
        let ended = ["done", "failed"].map { status.counts[$0] ?? 0 }
        var text = "idle"
        if ended[0] > 0 || ended[1] > 0, status.counts["paused"] ?? 0 == 0 {
            text = "finished: \(Formats.count(ended[0])) done" + (ended[1] > 0 ? ", \(Formats.count(ended[1])) FAILED" : "")
        }
        let limit = status.limits.rate.map(Formats.rate) ?? "none"
        frame.put(t("\(text)  limit \(limit)  slots \(status.slotsUsed)/\(status.limits.uploads)"), row: 1, column: 1)
    }

    private mutating func graph(_ status: StatusView, row: Int, column: Int, width: Int) {
        guard !state.options.isQuiet else { return }
        let values = status.rateHistory.suffix(width)
        let top = max(1, status.limits.rate ?? 0, values.max() ?? 1)
        let start = column + width - values.count
        for (index, value) in values.enumerated() where value > 0 {
            let level = min(symbols.levels.count, Int((Double(value) / Double(top) * Double(symbols.levels.count)).rounded(.up)))
            symbol(symbols.levels[max(1, level) - 1], row: row, column: start + index, role: .graph)
        }
    }

    mutating func countsRow(_ status: StatusView, row: Int, width most: Int) {
        let counts = status.counts
        let active = (counts["uploading"] ?? 0) &+ (counts["verifying"] ?? 0)
        var words: [(String, Role)] = [("\(Formats.count(active)) \(t("active"))", .stateActive)]
        func add(_ key: String, _ word: String, _ role: Role) {
            if let number = counts[key], number > 0 { words.append(("\(Formats.count(number)) \(t(word))", role)) }
        }
        add("queued", "queued", .stateQueued)
        add("paused", "paused", .statePaused)
        add("held", "held", .stateHeld)
        add("retrying", "retrying", .stateRetry)
        add("failed", "FAILED", .stateFailed)
        add("done", "done", .stateDone)
        add("scanning", "scanning", .stateScan)
        add("cancelled", "cancelled", .stateCancelled)
        add("skipped", "skipped", .stateSkipped)
        // What does not fit is left out from the right, failures never.
        func width() -> Int { words.reduce(1) { $0 + displayText($1.0).width + 2 } - 2 }
        while width() > most, let last = words.lastIndex(where: { $0.1 != .stateFailed }), last > 0 { words.remove(at: last) }
        var column = 1
        for (text, role) in words { column = frame.put(text, row: row, column: column, role: role) + 2 }
    }

    mutating func engineRow(_ status: StatusView, row: Int) {
        let words = engineWords(status).map { (t($0.0), $0.1) }
        var column = 1
        for (text, role) in words {
            guard column + displayText(text).width <= size.columns else { break }
            column = frame.put(text, row: row, column: column, role: role) + 2
        }
    }

    /// A duration that grows or shrinks while one looks.
    private func passing(_ seconds: Double) -> String { state.isCalm ? Formats.minutes(seconds) : Formats.duration(seconds) }

    private func engineWords(_ status: StatusView) -> [(String, Role)] {
        let fronts = status.engine.frontEnds
        var words: [(String, Role)] = [
            ("engine ok " + passing(status.engine.uptime + age), .ok),
            ("\(fronts) front end\(fronts == 1 ? "" : "s")", .text), ("slots \(status.slotsUsed)/\(status.limits.uploads)", .text),
        ]
        if state.isLinkSlow { words.insert(("slow link", .warn), at: 1) }
        if let lease = mainLease, let left = lease.left {
            var text = "token " + passing(max(0, left - age))
            if let renews = lease.renewsIn { text += ", renews in " + Formats.coarseDuration(max(0, renews - age)) }
            let isShort = lease.renewsIn == nil && left - age < 600
            words.append((left - age <= 0 ? "token expired" : text, isShort ? .warn : .text))
        } else if let refused = status.leases.first(where: { $0.state == "refused" || $0.state == "backing-off" }) {
            words.append(("no valid token for " + refused.scope, .error))
        }
        if let reason = Self.slowReason(status) { words.insert((reason, .warn), at: min(3, words.count)) }
        if let offset = status.clockOffset {
            let isOff = abs(offset) > 300  // OSS refuses requests that are 15 minutes off
            words.append((isOff ? "clock off by " + Formats.duration(abs(offset)) : "clock ok", isOff ? .warn : .text))
        }
        return words
    }

    /// What the uploads wait for, in a word of people; a limit that somebody set is no news.
    static func slowReason(_ status: StatusView) -> String? {
        guard let reason = status.slowBecause else { return nil }
        return switch reason {
        case "throttle": "slow: OSS throttles"
        case "credentials": "slow: waits for credentials"
        case "server": "slow: OSS answers late"
        case "limit": "at the limit"
        default: "slow: \(reason)"
        }
    }

    // MARK: narrow and roomy

    private mutating func narrowHeader(_ status: StatusView) {
        if let outage = status.outage {
            frame.put(cut(t("OSS UNREACHABLE: \(outage.reason)"), size.columns), row: 1, column: 0, role: .error)
            return
        }
        let words = progressWords(status)
        let rate = Formats.headerRate(status.rate).filter { $0 != " " }
        let short = rate.hasSuffix("iB/s") ? String(rate.dropLast(4)) : rate
        let limit = status.limits.rate.map { "/" + Formats.limit($0, besides: status.rate).prefix { $0 != " " } } ?? ""
        symbol(symbols.rate, row: 1, column: 0, role: .stateActive)
        let text = ["\(short)\(limit)", words.percent, words.eta].compactMap { $0 }.joined(separator: " ")
        frame.put(cut(text, size.columns - symbols.rate.count - 1), row: 1, column: symbols.rate.count + 1)
    }

    private mutating func roomyHeader(_ status: StatusView) {
        let graphWidth = 41
        let left = size.columns - graphWidth - 12
        if let outage = status.outage {
            outageRow(outage, status)
        } else if isIdle(status) {
            idleRow(status)
        } else {
            symbol(symbols.rate, row: 1, column: 1, role: .stateActive)
            let limit = status.limits.rate.map(Formats.rate) ?? "none"
            let mean = status.rateHistory.isEmpty ? 0 : Formats.sum(status.rateHistory) / Int64(status.rateHistory.count)
            let average = Formats.headerRate(mean).prefix { $0 != " " }
            let start = frame.put(t("{} now", Formats.headerRate(status.rate)), row: 1, column: 2 + symbols.rate.count, role: .title)
            frame.put(
                cut("   " + t("{} avg 5m", String(average)) + "   " + t("limit {w}", limit) + (status.queuePaused ? "   " + t("QUEUE PAUSED") : ""), left - start), row: 1,
                column: start)
        }
        let totals = status.totals
        let bytes = totals.bytes > 0 ? Formats.progress(totals.stored, of: totals.bytes, separator: " of ") : ""
        let objects = t("{} of {} objects", Formats.count(status.counts["done"] ?? 0), Formats.count(totals.uploads))
        let scanning = status.counts["scanning"] ?? 0
        let unknown =
            totals.unknown > 0
            ? (scanning > 0
                ? t(totals.unknown == 1 ? "+1 directory still scanning" : "+{} directories still scanning", Formats.count(totals.unknown))
                : t("+{} unknown", Formats.count(totals.unknown)))
            : nil
        let stored = [Formats.percent(totals.stored, of: totals.bytes), bytes].compactMap { $0 }.filter { !$0.isEmpty }
        let second = [stored.joined(separator: "  "), objects, unknown].compactMap { $0 }.filter { !$0.isEmpty }
        frame.put(cut(own(second.joined(separator: "   ")), left), row: 2, column: 1)
        var third = [etaText(status)]
        if let high = status.etaHigh, let low = status.etaLow, (0..<86_400).contains(high), (0...high).contains(low) {
            third[0] += " (" + t("about {}", finish((low + high) / 2)) + ")"
        }
        if totals.resent > 0 {
            let share = totals.stored > 0 ? Formats.percent(totals.resent, of: max(totals.stored, totals.resent)) : nil
            third.append(t("resent {}", Formats.size(totals.resent)) + (share.map { " (\($0))" } ?? ""))
        }
        frame.put(displayText(third.joined(separator: "   "), rules: TextRules()), row: 3, column: 1, limit: left)
        countsRow(status, row: 4, width: left)
        engineRow(status, row: 5)
        graphBlock(status, column: size.columns - graphWidth - 7, width: graphWidth)
        line(row: 6)
    }

    /// The clock time of the end; an end hours away is named to ten minutes.
    private func finish(_ seconds: Int) -> String {
        let end = now + Int64(seconds) * 1000
        let grain: Int64 = seconds >= 3600 ? 600_000 : 60_000
        return clock((end + grain / 2) / grain * grain).shortClock
    }

    private mutating func graphBlock(_ status: StatusView, column: Int, width: Int) {
        guard !state.options.isQuiet else { return }
        let rows = 4
        let seconds = 300
        let values = Array(status.rateHistory.suffix(seconds))
        let top = max(1, status.limits.rate ?? 0, values.max() ?? 1)
        let label = Formats.graphTop(top)
        frame.putRight(label, row: 1, end: column + 5, role: .muted)
        frame.putRight("0", row: rows, end: column + 5, role: .muted)
        let levels = symbols.levels.count
        for x in 0..<width {
            // Each column is the mean of its share of the five minutes; the newest is at the right.
            let from = values.count - seconds * (width - x) / width
            let to = values.count - seconds * (width - x - 1) / width
            guard to > 0 else { continue }
            let share = values[max(0, from)..<to]
            let mean = share.isEmpty ? 0 : Double(max(0, Formats.sum(share))) / Double(share.count)
            let height = Int((mean / Double(top) * Double(rows * levels)).rounded())
            for y in 0..<rows {
                let level = min(levels, height - y * levels)
                if level > 0 { symbol(symbols.levels[level - 1], row: rows - y, column: column + 6 + x, role: .graph) }
            }
        }
        frame.put(t("5 min ago"), row: rows + 1, column: column + 6, role: .muted)
        frame.putRight(t("now"), row: rows + 1, end: size.columns - 1, role: .muted)
    }
}
