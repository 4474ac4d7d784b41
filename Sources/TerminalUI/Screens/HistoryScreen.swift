import Contracts

/// Uploads that have ended, also those that left the queue.
extension Canvas {
    mutating func historyScreen() {
        let layout = Layout(list: size, header: 1)
        tabs()
        let list = state.history
        if layout.hasHeading {
            historySummary()
            historyHeading(layout.listTop - 1)
        }
        if list.window == nil { frame.put(t("Listing…"), row: layout.listTop, column: 2, role: .muted) }
        if list.window?.total == 0 {
            let text = list.query.isEmpty ? "Nothing has ended yet." : "Nothing in the history matches. f edits the filter, Esc clears it."
            frame.put(cut(t(text), size.columns - 3), row: layout.listTop + 1, column: 2, role: .muted)
        }
        for index in 0..<layout.listHeight {
            let position = list.top + index
            guard position < list.total else { break }
            historyRow(position, row: layout.listTop + index, isNarrow: !layout.hasHeading)
        }
        if list.total > 0 { frame.cursor = (0, layout.listTop + list.cursor - list.top) }
        if let row = layout.focusRow, let upload = list.cursorRow { whyLine(upload, row: row) }
        if let row = layout.messageRow { messageRow(row) }
        hints()
    }

    /// `today  88,120 done  4 failed   3.12 TiB  avg 168 MiB/s`, or the filter with what it found.
    private mutating func historySummary() {
        let list = state.history
        let more = state.historyPages.next == nil ? "" : "+"
        if !list.query.isEmpty {
            let count = t("{} found", Formats.count(list.total) + more)
            frame.put(cut(t("filter: {}", list.query), size.columns - displayText(count).width - 3), row: 1, column: 1, role: .title)
            frame.putRight(count, row: 1, end: size.columns, role: .title)
            return
        }
        let today = state.historyPages.today
        // Only a part of the day is here: the numbers are at least these.
        let plus = today.isWhole ? "" : "+"
        var column = frame.put(t("today"), row: 1, column: 1, role: .muted) + 2
        for (key, word) in [(UploadState.done, "done"), (.failed, "failed"), (.cancelled, "cancelled"), (.skipped, "skipped")] {
            guard let count = today.counts[key], count > 0 else { continue }
            let text = "\(Formats.count(count))\(plus) \(t(word))"
            guard column + displayText(text).width < size.columns else { break }
            column = frame.put(text, row: 1, column: column, role: Symbols.role(key)) + 2
        }
        if today.counts.isEmpty { column = frame.put(t("nothing has ended"), row: 1, column: column) + 2 }
        guard today.bytes > 0 else { return }
        let mean = today.busy >= 1 ? "  " + t("avg {}", Formats.rate(Formats.mean(today.bytes, today.busy))) : ""
        let text = " \(Formats.size(today.bytes))\(plus)\(mean)"
        if column + displayText(text).width <= size.columns { frame.put(text, row: 1, column: column) }
    }

    private mutating func historyHeading(_ row: Int) {
        frame.put(t("  S FINISHED"), row: row, column: 0, role: .muted)
        frame.put(t("NAME"), row: row, column: nameColumn, role: .muted)
        zone(.sort("finished"), row: row, from: 4, to: 12)
        zone(.sort("name"), row: row, from: nameColumn, to: nameColumn + 4)
        let ends = historyEnds
        frame.putRight(t("SIZE"), row: row, end: ends.size, role: .muted)
        zone(.sort("size"), row: row, from: ends.size - 4, to: ends.size)
        frame.putRight(t("TOOK"), row: row, end: ends.took, role: .muted)
        frame.putRight(t("AVG/s"), row: row, end: ends.rate, role: .muted)
        frame.put(t("RESULT"), row: row, column: ends.rate + 1, role: .muted)
        if !state.history.sort.isEmpty {
            frame.put(cut("sort:" + state.history.sort, max(0, ends.size - 12 - nameColumn)), row: row, column: nameColumn + 5, role: .title)
        }
    }

    /// Where the name begins: wide windows have the date too.
    private var nameColumn: Int { size.columns >= 120 ? 25 : 13 }

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
            let short = finished.map { isToday ? clock($0).clock : String(clock($0).date.dropFirst(5)) } ?? ""
            let long = finished.map { clock($0).date + " " + clock($0).clock } ?? ""
            frame.put(nameColumn > 13 && !isNarrow ? long : short, row: row, column: 4, role: .muted)
            if isNarrow {
                frame.put(path(upload.path, max(4, size.columns - 13 - 10)), row: row, column: 13)
                frame.putRight(
                    cut(t(upload.state == .failed ? "FAILED" : upload.state.rawValue), 10).plain, row: row, end: size.columns, role: role)
            } else {
                wideHistoryRow(upload, row: row, finished: finished, role)
            }
        }
        if isCursor { frame.paint(row: row, column: 0, width: size.columns, role: .cursor) }
    }

    private mutating func wideHistoryRow(_ upload: UploadView, row: Int, finished: Int64?, _ role: Role) {
        let ends = historyEnds
        frame.put(path(upload.path, ends.size - 6 - 1 - nameColumn), row: row, column: nameColumn)
        if let size = upload.size { frame.putRight(Formats.shortSize(size), row: row, end: ends.size) }
        let started = upload.started.flatMap(LocalTime.milliseconds)
        if let started, let finished, finished >= started {
            let took = Double(finished - started) / 1000
            frame.putRight(Formats.fineDuration(took), row: row, end: ends.took)
            if upload.state == .done, took >= 0.1, let size = upload.size {
                frame.putRight(Formats.shortSize(Formats.mean(size, took)), row: row, end: ends.rate)
            }
        }
        frame.put(cut(t(resultText(upload)), size.columns - ends.rate - 1), row: row, column: ends.rate + 1, role: role)
    }

    private func resultText(_ upload: UploadView) -> String {
        if state.historyPages.removed.contains(upload.id), upload.state != .done { return "removed" }
        switch upload.state {
        case .done: return upload.verify.method == "none" ? "done" : "\(upload.verify.method) \(t(upload.verify.state))"
        case .failed: return upload.lastError.map { ($0.http.map { "\($0) " } ?? "") + $0.code } ?? "FAILED"
        case .skipped: return "same as remote"
        case .cancelled: return upload.stored > 0 ? "cancelled, parts kept" : "cancelled"
        default: return upload.state.rawValue
        }
    }

    /// Why the row under the cursor ended as it did; where it went when all is well.
    private mutating func whyLine(_ upload: UploadView, row: Int) {
        if let error = upload.lastError, upload.state == .failed {
            let request = error.requestId.map { " (request \($0))" } ?? ""
            let text = "\(error.http.map { "\($0) " } ?? "")\(error.code): \(error.message)\(request)"
            frame.put(cut(text, size.columns - 2), row: row, column: 1, role: .error)
        } else if let reason = state.historyPages.reasons[upload.id], upload.state != .done {
            frame.put(cut(reason, size.columns - 2), row: row, column: 1, role: upload.state == .failed ? .error : .muted)
        } else {
            symbol(symbols.arrow, row: row, column: 1, role: .muted)
            let start = 2 + symbols.arrow.count
            frame.put(url(upload.dest, size.columns - start - 1), row: row, column: start, role: .muted)
        }
    }
}
