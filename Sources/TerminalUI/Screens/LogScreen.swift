import Contracts

/// The engine's log.
extension Canvas {
    mutating func logScreen() {
        let layout = Layout(.log, size)
        tabs()
        let log = state.log
        if layout.hasHeading { logHeading(log) }
        if log.shown.isEmpty {
            let empty = log.lines.isEmpty ? "Nothing has been logged yet." : "No line matches."
            let text = log.problem ?? t(log.isRead ? empty : "Reading the log…")
            frame.put(cut(own(text), size.columns - 3), row: layout.listTop, column: 2, role: log.problem == nil ? .muted : .error)
        }
        logLines(log, layout)
        if let row = layout.messageRow { messageRow(row) }
        hints()
    }

    private mutating func logHeading(_ log: LogState) {
        var left = t("following")
        if !log.follows {
            let missed = Formats.count(log.missed)
            left = log.cursorLine.map { t("held at {}, {} new, F follows", clock($0.at).clock, missed) } ?? t("held, {} new, F follows", missed)
        }
        let words = log.filter.split(separator: " ").filter { !$0.hasPrefix("level:") }.joined(separator: " ")
        left += "  " + t("level {w} and up", log.level.rawValue) + "  " + (words.isEmpty ? t("no filter") : t("filter: {}", words))
        let since = log.lines.first.map { "  " + t("since {}", clock($0.at).date == clock(now).date ? clock($0.at).clock : clock($0.at).date) } ?? ""
        let right = t(log.lines.count == 1 ? "1 line" : "{} lines", Formats.count(log.lines.count)) + since
        let end = frame.put(cut(left, size.columns - 2), row: 1, column: 1, role: log.follows ? .muted : .warn)
        if end + 2 + displayText(right).width < size.columns { frame.putRight(right, row: 1, end: size.columns - 1, role: .muted) }
    }

    /// The newest line at the bottom while it follows; the cursor's line is always among them.
    private mutating func logLines(_ log: LogState, _ layout: Layout) {
        let height = layout.listHeight
        guard height > 0, !log.shown.isEmpty else { return }
        let isNarrow = !layout.hasHeading
        let start = isNarrow ? 9 : 24
        let room = max(4, size.columns - start - (isNarrow ? 0 : 2))
        // Upwards from the cursor until the window is full, so that wrapped lines are counted as they are drawn.
        var first = log.cursor
        var used = rows(of: log.lines[log.shown[first]], room, log.wraps).count
        while first > 0 {
            let more = rows(of: log.lines[log.shown[first - 1]], room, log.wraps).count
            if used + more > height { break }
            used += more
            first -= 1
        }
        var y = 0
        var position = first
        while y < height, position < log.shown.count {
            let line = log.lines[log.shown[position]]
            let texts = rows(of: line, room, log.wraps)
            let isCursor = position == log.cursor
            for (index, text) in texts.enumerated() where y < height {
                let row = layout.listTop + y
                zone(.line(position), row: row, from: 0, to: size.columns - 1)
                if index == 0 { logHead(line, row: row, isNarrow: isNarrow) }
                frame.put(text, row: row, column: start, role: Self.role(line.level))
                if isCursor {
                    if index == 0 {
                        frame.put(">", row: row, column: 0)
                        frame.cursor = (0, row)
                    }
                    frame.paint(row: row, column: 0, width: size.columns - (isNarrow ? 0 : 1), role: .cursor)
                }
                y += 1
            }
            position += 1
        }
        scrollBar(layout, top: first, total: log.shown.count, isNarrow: isNarrow)
    }

    private mutating func logHead(_ line: LogState.Line, row: Int, isNarrow: Bool) {
        let isToday = clock(line.at).date == clock(now).date
        let time = isToday ? clock(line.at).clock : String(clock(line.at).date.dropFirst(5)) + " " + clock(line.at).shortClock
        frame.put(String(time.suffix(8)), row: row, column: isNarrow ? 0 : 1, role: .logTime)
        guard !isNarrow else { return }
        frame.put(Self.word(line.level), row: row, column: 10, limit: 5, role: Self.role(line.level))
        let subject = Cutting.middle(displayText(line.subject, rules: rules), width: 7, ellipsis: symbols.ellipsis)
        frame.put(subject, row: row, column: 16, limit: 7, role: .muted)
    }

    private func rows(of line: LogState.Line, _ room: Int, _ wraps: Bool) -> [DisplayText] {
        guard wraps else { return [cut(line.text, room)] }
        return wrapped([line.text], room).map { cut($0, room) }
    }

    private static func word(_ level: LogLine.Level) -> String {
        switch level {
        case .trace, .debug: "debug"
        case .info, .notice: "info"
        case .warning: "warn"
        case .error, .critical: "ERROR"
        }
    }

    private static func role(_ level: LogLine.Level) -> Role {
        switch level {
        case .trace, .debug: .logDebug
        case .info, .notice: .logInfo
        case .warning: .logWarn
        case .error, .critical: .logError
        }
    }
}
