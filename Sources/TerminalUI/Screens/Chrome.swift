import Contracts

/// What all screens share: tabs, message row, hints, prompt, toast.
extension Canvas {
    mutating func tabs() {
        if size.columns < 78 { return narrowTabs() }
        let row = TabRow(size: size, screen: state.screen, detailOf: state.detailReturn, language: state.options.language)
        for tab in row.tabs {
            let end = frame.put(tab.text, row: 0, column: tab.column, role: tab.screen == row.active ? .tabActive : .tab)
            zone(.screen(tab.screen), row: 0, from: tab.column, to: end)
        }
        let time = clock(now)
        let remote = state.mirror.settings?.defaultRemote ?? state.mirror.status?.defaultRemote
        let hour = state.isCalm ? time.shortClock : time.clock
        var right = hour
        if size.columns >= 120 {
            let dot = symbols.isASCII ? "-" : "·"
            let region = state.mirror.settings?.remotes.first { $0.name == remote }?.region
            let words = [remote.map { "profile " + $0 }, region, "\(time.date) \(hour) \(LocalTime.zoneText(state.options.zone))"]
            right = words.compactMap { $0 }.joined(separator: " \(dot) ")
        } else if let remote {
            right = cut(remote, max(0, size.columns - row.end - 13)).plain + " " + hour
        }
        frame.putRight(right, row: 0, end: size.columns - 1, role: .muted)
    }

    /// One row for tab, failures, token and clock.
    private mutating func narrowTabs() {
        let row = TabRow(size: size, screen: state.screen, detailOf: state.detailReturn, language: state.options.language)
        guard let active = row.tabs.first(where: { $0.screen == row.active }) else { return }
        var column = frame.put(active.text, row: 0, column: 0, role: .tabActive) + 1
        let failed = state.mirror.status?.counts["failed"] ?? 0
        let time = clock(now).shortClock
        if failed > 0 { column = frame.put(t("\(Formats.count(failed)) FAILED"), row: 0, column: column, role: .stateFailed) + 1 }
        if let lease = mainLease, let left = lease.left {
            let text = "token " + Formats.coarseDuration(max(0, left - age))
            if column + text.utf8.count + 6 <= size.columns { frame.put(text, row: 0, column: column, role: .muted) }
        }
        frame.putRight(time, row: 0, end: size.columns, role: .muted)
    }

    /// The lease that ends first among those in use, else the default remote's.
    var mainLease: LeaseView? {
        guard let status = state.mirror.status else { return nil }
        let used = status.leases.filter { $0.uploads > 0 && $0.left != nil }
        if let first = used.min(by: { ($0.left ?? 0) < ($1.left ?? 0) }) { return first }
        let timed = status.leases.filter { $0.left != nil }
        return timed.first { $0.scope == status.defaultRemote } ?? timed.first
    }

    // MARK: last rows

    mutating func messageRow(_ row: Int) {
        if let message = state.message {
            frame.put(cut(own(t(message.text)), size.columns - 2), row: row, column: 1, role: message.role)
        } else if let standing = standingMessage {
            frame.put(cut(own(t(standing)), size.columns - 2), row: row, column: 1, role: state.mirror.status?.notice == standing ? .warn : .info)
        }
    }

    /// What holds as long as nothing newer is to be said.
    private var standingMessage: String? {
        let list = state.list
        guard state.screen == .queue || state.screen == .history else { return nil }
        if !list.marks.isEmpty {
            var bytes = ""
            if list.marks.query == nil {
                bytes = " (\(Formats.size(Formats.sum(list.marks.ids.values.map { $0.size ?? 0 }))))"
            }
            let loaded = Set((list.window?.rows ?? []).map(\.id))
            let isAllLoaded = list.window.map { $0.offset == 0 && $0.rows.count == $0.total } ?? false
            let hidden =
                isAllLoaded && list.marks.query == nil && !list.query.isEmpty ? list.marks.ids.keys.count { !loaded.contains($0) } : 0
            let text = "\(Formats.count(list.marks.count)) marked\(bytes)"
            if hidden > 0 { return text + ", \(Formats.count(hidden)) not shown by the filter. Esc clears." }
            return text + ": actions apply to \(list.marks.count == 2 ? "both" : list.marks.count == 1 ? "it" : "them"). Esc clears."
        }
        if let notice = state.mirror.status?.notice { return notice }
        if state.mirror.status?.queuePaused == true { return "the whole queue is paused: P resumes it" }
        if state.mirror.status?.outage != nil { return "Nothing to do: uploads go on by themselves when OSS answers." }
        return nil
    }

    /// Whole entries, the least important left out first; help is always there.
    mutating func hints(_ entries: [(keys: String, text: String, rank: Int)]) {
        let row = size.rows - 1
        if size.columns < 60 { return narrowHints(entries, row) }
        var shown = entries.map { (keys: $0.keys, text: t($0.text), rank: $0.rank) }
        func width() -> Int { shown.reduce(1) { $0 + $1.keys.count + 1 + displayText($1.text).width + 2 } - 2 }
        while width() > size.columns, let worst = shown.indices.max(by: { shown[$0].rank < shown[$1].rank }), shown.count > 1 {
            shown.remove(at: worst)
        }
        var column = 1
        for entry in shown {
            let start = column
            column = frame.put(entry.keys, row: row, column: column, role: .key)
            column = frame.put(" " + entry.text, row: row, column: column, role: .keyLabel) + 2
            if case .success(let key) = KeyMap.key(entry.keys) { zone(.key(key), row: row, from: start, to: column - 2) }
        }
    }

    private mutating func narrowHints(_ entries: [(keys: String, text: String, rank: Int)], _ row: Int) {
        // With one row for both, a message goes before the hints.
        if let message = state.message {
            frame.put(cut(own(t(message.text)), size.columns - 2), row: row, column: 0, role: message.role)
            frame.put("?", row: row, column: size.columns - 1, role: .key)
            return
        }
        let keys = state.screen == .queue ? ["Enter", "p", "r", "x", "a", "f", ":", "?", "q"] : entries.map(\.keys) + ["q"]
        var column = 0
        for key in keys where column + key.count <= size.columns {
            column = frame.put(key, row: row, column: column, role: .key) + 1
        }
    }

    mutating func hints() {
        if state.screen == .queue, isQueueEmpty {
            hints([
                ("a", "add", 1), ("2", "browse", 2), ("3", "history", 4), ("5", "access", 5), (":", "commands", 6), ("?", "help", 0),
                ("q", "leave", 3),
            ])
            return
        }
        if state.mirror.isLost, state.screen == .queue {
            hints([
                ("r", "try now", 1), ("4", "log", 3), ("j/k", "look", 4), ("q", "leave", 2), ("?", "help", 0),
            ])
            return
        }
        if state.screen == .queue || state.screen == .history, !state.list.query.isEmpty, state.list.window?.total == 0 {
            hints([("Esc", "clear filter", 1), ("f", "edit", 2), ("Backspace", "widen", 3), ("?", "help", 0)])
            return
        }
        hints(state.options.keys.hints(on: state.screen))
    }

    /// Nothing is queued at all, as opposed to nothing that a filter shows.
    var isQueueEmpty: Bool {
        state.queue.window?.total == 0 && state.queue.query.isEmpty && !state.hidesFinished && !state.mirror.isLost
    }

    // MARK: prompt

    mutating func prompt(_ prompt: Prompt) {
        let rows = size.rows >= 10 ? 3 : 2
        let top = size.rows - rows
        frame.fill(row: top, column: 0, width: size.columns, height: rows, role: .surface)
        // The field keeps at least half of the row.
        let label = cut(t(prompt.label), max(size.columns / 2, size.columns - 26))
        let start = frame.put(label, row: top, column: 1, role: .text) + 1
        let room = max(1, size.columns - start - 1)
        let (text, cursor) = visible(prompt.field, room: room)
        frame.fill(row: top, column: start, width: room, role: .input)
        frame.put(text, row: top, column: start, role: prompt.problem == nil ? .input : .inputError)
        frame.cursor = (start + cursor, top)
        if let problem = prompt.problem {
            let mark = problem.utf8.first == UInt8(ascii: "?") ? "" : "? "
            frame.put(cut(own(mark + t(problem)), size.columns - 2), row: rows == 3 ? top + 1 : top + rows - 1, column: 1, role: .error)
        }
        if rows == 3 || prompt.problem == nil {
            frame.put(cut(own(t(prompt.hint)), size.columns - 2), row: size.rows - 1, column: 1, role: .keyLabel)
        }
    }

    /// The part of a field around its cursor that fits, and the cursor's cell in it.
    func visible(_ field: TextField, room: Int) -> (DisplayText, Int) {
        let before = displayText(String(field.characters[..<field.cursor]), rules: rules)
        let after = displayText(String(field.characters[field.cursor...]), rules: rules)
        var glyphs = before.glyphs[...]
        var width = before.width
        while width > room - 1, let first = glyphs.first {
            width -= first.width
            glyphs = glyphs.dropFirst()
        }
        return (DisplayText(glyphs: glyphs + after.glyphs), width)
    }

    // MARK: toast

    /// Over the lower right of the list, never over the cursor row, the message row or the hints.
    mutating func toast(_ toast: Toast, above bottom: Int, cursorRow: Int?) {
        let width = min(56, size.columns - 4)
        let height = toast.lines.count + 2
        guard width >= 24, bottom - height > 5 else { return }
        var top = bottom - height
        if let cursorRow, cursorRow >= top, cursorRow < bottom { top = max(1, cursorRow - height) }
        let title = toast.title + (toast.more > 0 ? "   " + t("{} more", Formats.count(toast.more)) : "")
        let column = size.columns - width - 2
        box(row: top, column: column, width: width, height: height, title: title, footer: "! open  Esc dismiss", role: .toast)
        for (index, line) in toast.lines.enumerated() {
            let text = index == 0 ? path(line, width - 4) : cut(t(line), width - 4)
            frame.put(text, row: top + 1 + index, column: column + 2, role: .toast)
        }
    }

    /// A frame with a title in its upper and a hint in its lower border, its inside blank.
    mutating func box(row: Int, column: Int, width: Int, height: Int, title: String, footer: String = "", role: Role = .surface) {
        frame.fill(row: row, column: column, width: width, height: height, role: role)
        let border: Role = .borderFocus
        for y in row..<row + height {
            let isTop = y == row
            let isBottom = y == row + height - 1
            if isTop || isBottom {
                line(row: y, column: column, width: width, role: border)
                symbol(isTop ? symbols.corners.topLeft : symbols.corners.bottomLeft, row: y, column: column, role: border)
                symbol(isTop ? symbols.corners.topRight : symbols.corners.bottomRight, row: y, column: column + width - 1, role: border)
            } else {
                symbol(symbols.vertical, row: y, column: column, role: border)
                symbol(symbols.vertical, row: y, column: column + width - 1, role: border)
            }
        }
        let shown = cut(" \(t(title)) ", width - 4)
        frame.put(shown, row: row, column: column + 2, role: .title)
        if !footer.isEmpty {
            let text = displayText(" \(t(footer)) ", rules: rules)
            if text.width <= width - 4 { frame.put(text, row: row + height - 1, column: column + width - 2 - text.width, role: .keyLabel) }
        }
    }
}
