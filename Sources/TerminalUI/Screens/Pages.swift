import Contracts

/// History, Log, Access and Settings.
extension Canvas {
    // MARK: history

    mutating func historyScreen() {
        let layout = Layout(list: size, header: 1)
        tabs()
        let list = state.history
        if layout.hasHeading {
            let counts = state.mirror.status?.counts ?? [:]
            let words = ["done", "failed", "cancelled", "skipped"].compactMap { key in
                counts[key].flatMap { $0 > 0 ? "\(Formats.count($0)) \(key)" : nil }
            }
            frame.put(cut("ended: " + (words.isEmpty ? "none yet" : words.joined(separator: "  ")), size.columns - 2), row: 1, column: 1)
            let row = layout.listTop - 1
            frame.put("  S FINISHED NAME", row: row, column: 0, role: .muted)
            let ends = historyEnds
            frame.putRight("SIZE", row: row, end: ends.size, role: .muted)
            frame.putRight("TOOK", row: row, end: ends.took, role: .muted)
            frame.putRight("AVG/s", row: row, end: ends.rate, role: .muted)
            frame.put("RESULT", row: row, column: ends.rate + 1, role: .muted)
        }
        if list.window == nil { frame.put("Listing…", row: layout.listTop, column: 2, role: .muted) }
        if list.window?.total == 0 { frame.put("Nothing has ended yet.", row: layout.listTop + 1, column: 2, role: .muted) }
        for index in 0..<layout.listHeight {
            let position = list.top + index
            guard position < list.total else { break }
            historyRow(position, row: layout.listTop + index, isNarrow: !layout.hasHeading)
        }
        if list.total > 0 { frame.cursor = (0, layout.listTop + list.cursor - list.top) }
        if let row = layout.focusRow, let upload = list.cursorRow {
            let text = upload.lastError.map { "\($0.http.map { "\($0) " } ?? "")\($0.code): \($0.message)" } ?? upload.dest
            frame.put(cut(text, size.columns - 2), row: row, column: 1, role: upload.lastError == nil ? .muted : .error)
        }
        if let row = layout.messageRow { messageRow(row) }
        hints()
    }

    private var historyEnds: (size: Int, took: Int, rate: Int) {
        let result = min(40, max(14, size.columns / 4))
        let rate = size.columns - result - 2
        return (rate - 14, rate - 7, rate)
    }

    private mutating func historyRow(_ position: Int, row: Int, isNarrow: Bool) {
        let list = state.history
        let isCursor = position == list.cursor
        if isCursor { frame.put(">", row: row, column: 0) }
        if let upload = list.row(at: position) {
            let role = Symbols.role(upload.state)
            if list.isMarked(upload, at: position) { frame.put("*", row: row, column: 1, role: .mark) }
            symbol(symbols.state(upload.state), row: row, column: 2, role: role)
            let finished = upload.finished.flatMap(LocalTime.milliseconds)
            let isToday = finished.map { clock($0).date == clock(now).date } ?? true
            frame.put(
                finished.map { isToday ? clock($0).clock : String(clock($0).date.dropFirst(5)) } ?? "", row: row, column: 4, role: .muted)
            let word = resultText(upload)
            if isNarrow {
                frame.put(path(upload.path, max(4, size.columns - 13 - 10)), row: row, column: 13)
                frame.putRight(
                    cut(upload.state == .failed ? "FAILED" : upload.state.rawValue, 10).plain, row: row, end: size.columns, role: role)
            } else {
                let ends = historyEnds
                frame.put(path(upload.path, ends.size - 6 - 1 - 13), row: row, column: 13)
                if let size = upload.size { frame.putRight(Formats.shortSize(size), row: row, end: ends.size) }
                if let took = upload.started.flatMap(LocalTime.milliseconds).flatMap({ start in finished.map { Double($0 - start) / 1000 } }
                ), took >= 0 {
                    frame.putRight(Formats.duration(took), row: row, end: ends.took)
                    if upload.state == .done, took >= 0.1, let size = upload.size {
                        frame.putRight(Formats.shortSize(Formats.mean(size, took)), row: row, end: ends.rate)
                    }
                }
                frame.put(cut(word, size.columns - ends.rate - 1), row: row, column: ends.rate + 1, role: role)
            }
        }
        if isCursor { frame.paint(row: row, column: 0, width: size.columns, role: .cursor) }
    }

    private func resultText(_ upload: UploadView) -> String {
        switch upload.state {
        case .done: upload.verify.method == "none" ? "done" : "\(upload.verify.method) \(upload.verify.state)"
        case .failed: upload.lastError.map { ($0.http.map { "\($0) " } ?? "") + $0.code } ?? "FAILED"
        case .skipped: "same as remote"
        case .cancelled: upload.stored > 0 ? "cancelled, parts kept" : "cancelled"
        default: upload.state.rawValue
        }
    }

    // MARK: log

    mutating func logScreen() {
        let layout = Layout(list: size, header: 0)
        tabs()
        let log = state.log
        let what = log.follows ? "following" : "held, F follows"
        frame.put(
            cut("\(what)  state changes since this terminal was opened; davit log shows the whole log", size.columns - 2), row: 1,
            column: 1,
            role: .muted)
        let height = layout.listHeight
        // The view follows its cursor and keeps it on the last row when it follows the end.
        let top = max(0, min(log.cursor - height + 1, log.lines.count - height))
        if log.lines.isEmpty { frame.put("Nothing has changed since.", row: layout.listTop + 1, column: 2, role: .muted) }
        for index in 0..<height {
            let position = top + index
            guard position < log.lines.count else { break }
            let entry = log.lines[position]
            let row = layout.listTop + index
            frame.put(clock(entry.at).clock, row: row, column: 1, role: .logTime)
            let word = entry.word + String(repeating: " ", count: max(1, 10 - entry.word.count))
            let end = frame.put(word, row: row, column: 10, role: entry.role)
            frame.put(
                cut(entry.text, size.columns - end - 1), row: row, column: end, role: entry.role == .stateFailed ? .logError : .logInfo)
            if position == log.cursor {
                frame.put(">", row: row, column: 0)
                frame.paint(row: row, column: 0, width: size.columns, role: .cursor)
                frame.cursor = (0, row)
            }
        }
        if let row = layout.messageRow { messageRow(row) }
        hints([("Enter", "open", 1)] + state.options.keys.hints(on: .log).filter { $0.text != "help" } + [("?", "help", 0)])
    }

    // MARK: access

    mutating func accessScreen() {
        let layout = Layout(list: size, header: 0)
        tabs()
        let leases = state.mirror.status?.leases ?? []
        let rows = max(1, min(leases.count, max(1, layout.listHeight - 12)))
        if size.columns >= 60 {
            frame.put("  SCOPE              KIND           IDENTITY          EXPIRES   RENEWS     USE", row: 1, column: 0, role: .muted)
        }
        if leases.isEmpty {
            frame.put("No credentials are in use.", row: 3, column: 2)
            frame.put(
                cut("They appear with the first upload; davit auth test checks a remote.", size.columns - 3), row: 4, column: 2,
                role: .muted)
        }
        let cursor = max(0, min(state.accessCursor, leases.count - 1))
        let top = max(0, cursor - rows + 1)
        for index in 0..<rows where top + index < leases.count {
            leaseRow(leases[top + index], row: 2 + index, isCursor: top + index == cursor)
        }
        if leases.indices.contains(cursor) {
            frame.cursor = (0, 2 + cursor - top)
            leaseFacts(leases[cursor], row: 3 + rows)
        }
        if let row = layout.messageRow {
            if state.message != nil { messageRow(row) } else { frame.put("Secrets are never shown.", row: row, column: 1, role: .muted) }
        }
        hints()
    }

    private mutating func leaseRow(_ lease: LeaseView, row: Int, isCursor: Bool) {
        let left = lease.left.map { $0 - age }
        let needsCare = lease.state == "refused" || lease.state == "backing-off" || (left ?? 1) <= 0
        if needsCare { frame.put("!", row: row, column: 0, role: .error) }
        if isCursor { frame.put(">", row: row, column: 0) }
        frame.put(Cutting.middle(displayText(lease.scope, rules: rules), width: 18, ellipsis: symbols.ellipsis), row: row, column: 2)
        if size.columns >= 60 {
            frame.put(cut(lease.kind, 14), row: row, column: 21, role: .muted)
            frame.put(cut(lease.identity ?? "-", 17), row: row, column: 36)
            frame.put(
                left.map { $0 <= 0 ? "EXPIRED" : Formats.duration($0) } ?? (needsCare ? lease.state : "never"), row: row, column: 54,
                limit: 9, role: needsCare ? .error : .text)
            frame.put(lease.renewsIn.map { "in " + Formats.coarseDuration(max(0, $0 - age)) } ?? "-", row: row, column: 64, limit: 10)
            frame.putRight(Formats.count(lease.uploads), row: row, end: 78)
        } else {
            frame.putRight(left.map { Formats.duration(max(0, $0)) } ?? lease.state, row: row, end: size.columns)
        }
        if isCursor { frame.paint(row: row, column: 0, width: size.columns, role: .cursor) }
    }

    private mutating func leaseFacts(_ lease: LeaseView, row: Int) {
        guard row < size.rows - 4 else { return }
        line(row: row)
        frame.put(cut(" \(lease.scope) ", size.columns - 6), row: row, column: 2, role: .title)
        var facts: [(String, String)] = [
            ("credentials", "\(lease.kind), \(lease.state)"), ("identity", lease.identity ?? "not known"),
        ]
        if let left = lease.left {
            let until = lease.expires.flatMap(LocalTime.milliseconds).map { ", until " + clock($0).clock } ?? ""
            facts.append(("lifetime", left - age <= 0 ? "expired" : Formats.duration(left - age) + " left" + until))
        } else {
            facts.append(("lifetime", "does not expire"))
        }
        facts.append(("renewal", lease.renewsIn.map { "automatic in " + Formats.coarseDuration(max(0, $0 - age)) } ?? "none planned"))
        facts.append(("fetched", "\(Formats.counted(lease.fetches, "time")) since the engine started"))
        facts.append(("used by", Formats.counted(lease.uploads, "upload")))
        if let offset = state.mirror.status?.clockOffset {
            let direction = offset < 0 ? "ahead of" : "behind"
            facts.append(("clock", "this host is \(Formats.duration(abs(offset))) \(direction) OSS (limit 15m)"))
        }
        if let error = lease.lastError { facts.append(("last error", error)) }
        for (index, fact) in facts.enumerated() where row + 1 + index < size.rows - 3 {
            frame.put(fact.0, row: row + 1 + index, column: 1, role: .muted)
            frame.put(cut(fact.1, size.columns - 16), row: row + 1 + index, column: 15, role: fact.0 == "last error" ? .error : .text)
        }
    }

    // MARK: settings

    mutating func settingsScreen() {
        let layout = Layout(list: size, header: 0)
        tabs()
        let limits = state.mirror.status?.limits
        let rows: [(String, String)] = [
            ("limit up", limits?.rate.map { $0 == 0 ? "0 (paused)" : Formats.rate($0) } ?? "none"),
            ("uploads at once", limits.map { "\($0.uploads)   (\(state.mirror.status?.slotsUsed ?? 0) in use)" } ?? "-"),
            ("parts at once", limits.map { "\($0.parts)   (\(state.mirror.status?.partsSending ?? 0) in use)" } ?? "-"),
        ]
        frame.put("LIMITS", row: 1, column: 1, role: .title)
        for (index, row) in rows.enumerated() where 2 + index < size.rows - 1 {
            let isCursor = index == state.settingsCursor
            frame.put(isCursor ? ">" : " ", row: 2 + index, column: 1)
            frame.put(row.0, row: 2 + index, column: 2)
            frame.put(cut(row.1, size.columns - 29), row: 2 + index, column: 28)
            if isCursor {
                frame.paint(row: 2 + index, column: 1, width: size.columns - 2, role: .cursor)
                frame.cursor = (1, 2 + index)
            }
        }
        let settings = state.mirror.settings
        var row = 6
        func room() -> Bool { row < size.rows - 3 }
        if room() {
            frame.put("REMOTES", row: row, column: 1, role: .title)
            row += 1
        }
        for remote in settings?.remotes ?? [] where room() {
            let isDefault = remote.name == settings?.defaultRemote
            frame.put(cut(remote.name + (isDefault ? " (default)" : ""), 24), row: row, column: 2)
            frame.put(url("oss://\(remote.bucket)/\(remote.prefix)", max(10, size.columns - 45)), row: row, column: 28)
            frame.putRight(remote.kind, row: row, end: size.columns - 1, role: .muted)
            row += 1
        }
        if settings?.remotes.isEmpty != false, room() {
            frame.put(cut("none configured; oss://BUCKET/ works with OSS_* variables", size.columns - 4), row: row, column: 2, role: .muted)
            row += 1
        }
        row += 1
        if room() {
            frame.put(
                cut(
                    "theme \(settings?.theme ?? "auto").  The other settings are in the configuration file: davit config path",
                    size.columns - 2), row: row, column: 1, role: .muted)
        }
        if let row = layout.messageRow { messageRow(row) }
        hints()
    }
}
