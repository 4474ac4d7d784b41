import Contracts

/// Which columns a width gives. The order of sacrifice: try, parts, destination, bar, ETA, rate, size; never name and status.
struct QueueColumns: Sendable, Equatable {
    var name = 0
    var destination = 0
    var size = 0
    var bar = 0
    var status = 10
    var rate = 0
    var eta = 0
    var parts = 0
    var tries = 0
    let isNarrow: Bool
    let isLong: Bool

    /// Profile and time of adding, in very wide windows; queued rows tell their position there.
    var profile = 0
    var added = 0

    /// Cursor, mark, state, priority, space.
    static let lead = 5
    /// Space and scroll bar.
    private static let trail = 2

    init(_ columns: Int, isNarrow narrow: Bool) {
        isNarrow = narrow
        isLong = columns >= 100 && !narrow
        if narrow {
            name = max(1, columns - 4 - 1 - status)
            return
        }
        size = isLong ? 8 : 6
        rate = isLong ? 11 : 6
        if columns >= 80 {
            bar = columns >= 140 ? 14 : 8
            eta = isLong ? 8 : 6
        }
        if columns >= 140 { (parts, tries) = (9, 3) }
        if columns >= 160 { (profile, added) = (10, 11) }
        let fixed = [size, bar, status, rate, eta, parts, tries, profile, added].filter { $0 > 0 }.reduce(0) { $0 + $1 + 1 }
        let rest = columns - Self.lead - Self.trail - fixed
        if isLong {
            // 34 of 62 cells at 140 columns; the rest and a space go to the destination.
            name = max(20, (rest - 1) * 34 / 62)
            destination = rest - 1 - name
        } else {
            name = rest
        }
    }
}

extension Canvas {
    mutating func queueScreen() {
        let layout = Layout(queue: size)
        tabs()
        queueHeader(layout)
        if layout.hasHeading, !isQueueEmpty { queueHeading(layout) }
        uploadRows(layout)
        if let top = layout.inspectorTop { inspector(top) }
        if let row = layout.focusRow { focusLine(row) }
        if let row = layout.messageRow { lowerMessage(row) }
        hints()
    }

    private mutating func lowerMessage(_ row: Int) {
        if case .lost(_, let reason, _, _) = state.mirror.link, state.message == nil {
            frame.put(cut(reason, size.columns - 2), row: row, column: 1, role: .error)
        } else {
            messageRow(row)
        }
    }

    private mutating func queueHeading(_ layout: Layout) {
        let row = layout.listTop - 1
        let list = state.queue
        if !list.query.isEmpty || state.hidesFinished {
            let filter = list.query.isEmpty ? "without finished rows" : "filter: " + list.query
            let total = Formats.count(state.mirror.status?.totals.uploads ?? list.total)
            let count = "\(Formats.count(list.total)) of \(total)"
            frame.put(cut(t(filter), size.columns - count.utf8.count - 3), row: row, column: 1, role: .title)
            frame.putRight(count, row: row, end: size.columns, role: .title)
            return
        }
        let columns = QueueColumns(size.columns, isNarrow: false)
        frame.put(t("  SP NAME"), row: row, column: 0, role: .muted)
        zone(.sort("name"), row: row, from: QueueColumns.lead, to: QueueColumns.lead + 4)
        var column = QueueColumns.lead + columns.name
        if columns.destination > 0 {
            frame.put(t("DESTINATION"), row: row, column: column + 1, limit: columns.destination, role: .muted)
            zone(.sort("dest"), row: row, from: column + 1, to: column + 1 + min(11, columns.destination))
            column += 1 + columns.destination
        }
        column += 1 + columns.size
        frame.putRight(t("SIZE"), row: row, end: column, role: .muted)
        zone(.sort("size"), row: row, from: column - 4, to: column)
        if columns.bar > 0 {
            frame.put(t("PROGRESS"), row: row, column: column + 1, role: .muted)
            zone(.sort("done"), row: row, from: column + 1, to: column + 9)
            column += 1 + columns.bar
        }
        frame.put(t("STATUS"), row: row, column: column + 1, role: .muted)
        zone(.sort("state"), row: row, from: column + 1, to: column + 7)
        column += 1 + columns.status
        if columns.rate > 0 {
            column += 1 + columns.rate
            frame.putRight(t(columns.isLong ? "RATE" : "RATE/s"), row: row, end: column, role: .muted)
            zone(.sort("rate"), row: row, from: column - 6, to: column)
        }
        for (width, word, key) in [(columns.eta, "ETA", "eta"), (columns.parts, "PARTS", ""), (columns.tries, "TRY", "tries")] where width > 0 {
            column += 1 + width
            frame.putRight(t(word), row: row, end: column, role: .muted)
            if !key.isEmpty { zone(.sort(key), row: row, from: column - word.utf8.count, to: column) }
        }
        if columns.profile > 0 {
            frame.put(t("PROFILE"), row: row, column: column + 1, role: .muted)
            column += 2 + columns.profile + columns.added
            frame.putRight(t("ADDED"), row: row, end: column, role: .muted)
            zone(.sort("added"), row: row, from: column - 5, to: column)
        }
        if !list.sort.isEmpty {
            let text = " sort:" + list.sort
            frame.put(cut(text, max(0, columns.name - 5)), row: row, column: QueueColumns.lead + 5, role: .title)
        }
    }

    private mutating func uploadRows(_ layout: Layout) {
        let list = state.queue
        guard let window = list.window else {
            frame.put(state.mirror.isLost ? "" : own(t("Listing…")), row: layout.listTop, column: 2, role: .muted)
            return
        }
        if window.total == 0 { return emptyQueue(layout) }
        let columns = QueueColumns(size.columns, isNarrow: layout.isNarrow)
        for index in 0..<layout.listHeight {
            let position = list.top + index
            guard position < list.total else { break }
            uploadRow(position, row: layout.listTop + index, columns, in: list)
        }
        scrollBar(layout, top: list.top, total: list.total, isNarrow: layout.isNarrow)
        let cursorRow = layout.listTop + list.cursor - list.top
        frame.cursor = (0, cursorRow)
        if let toast = state.toast, !layout.isNarrow {
            self.toast(toast, above: layout.listTop + layout.listHeight, cursorRow: cursorRow)
        }
    }

    mutating func scrollBar(_ layout: Layout, top: Int, total: Int, isNarrow: Bool) {
        guard !isNarrow, layout.listHeight > 0 else { return }
        let height = layout.listHeight
        let length = total <= height ? 1 : max(1, height * height / total)
        let room = max(0, height - length)
        let start = total > height ? room * top / max(1, total - height) : 0
        for y in 0..<height {
            let isThumb = y >= start && y < start + length
            symbol(isThumb ? symbols.thumb : symbols.vertical, row: layout.listTop + y, column: size.columns - 1, role: .border)
        }
    }

    private mutating func uploadRow(_ position: Int, row: Int, _ columns: QueueColumns, in list: RowList) {
        let isCursor = position == list.cursor
        if isCursor { frame.put(">", row: row, column: 0) }
        guard let upload = list.row(at: position) else {
            frame.put("…", row: row, column: QueueColumns.lead, role: .muted)
            if isCursor { frame.paint(row: row, column: 0, width: size.columns - 1, role: .cursor) }
            return
        }
        let role = Symbols.role(upload.state)
        if list.isMarked(upload, at: position) { frame.put("*", row: row, column: 1, role: .mark) }
        symbol(symbols.state(upload.state), row: row, column: 2, role: role)
        if upload.priority != .normal { frame.put(upload.priority == .high ? "+" : "-", row: row, column: 3) }
        if columns.isNarrow {
            frame.put(path(upload.path, columns.name), row: row, column: 4)
            frame.putRight(statusWord(upload), row: row, end: size.columns, role: role)
        } else {
            let isOwnOrder = list.sort.isEmpty && list.query.isEmpty && !state.hidesFinished
            wideRow(upload, row: row, columns, role, position: isOwnOrder ? position : nil)
        }
        if isCursor { frame.paint(row: row, column: 0, width: columns.isNarrow ? size.columns : size.columns - 1, role: .cursor) }
    }

    /// - Parameter position: in the engine's own order.
    private mutating func wideRow(_ upload: UploadView, row: Int, _ columns: QueueColumns, _ role: Role, position: Int?) {
        let isLost = state.mirror.isLost
        frame.put(path(upload.path, columns.name), row: row, column: QueueColumns.lead)
        var column = QueueColumns.lead + columns.name
        if columns.destination > 0 {
            frame.put(url(Paths.destinationFolder(upload.dest), columns.destination), row: row, column: column + 1, role: .muted)
            column += 1 + columns.destination
        }
        column += 1 + columns.size
        let size = sizeText(upload, isLong: columns.isLong)
        // A directory still being listed has a plus, which may take the space in front of the column.
        frame.putRight(size, row: row, end: column)
        if columns.bar > 0 {
            if upload.state == .scanning || upload.size == nil {
                frame.put("?", row: row, column: column + 1, role: .muted)
            } else {
                bar(
                    upload.stored, sending: isMoving(upload) ? upload.sending : 0, of: upload.size, isDone: upload.state == .done, row: row,
                    column: column + 1, width: columns.bar)
            }
            column += 1 + columns.bar
        }
        frame.put(statusWord(upload), row: row, column: column + 1, limit: columns.status, role: role)
        column += 1 + columns.status
        if columns.rate > 0 {
            column += 1 + columns.rate
            if isMoving(upload), upload.rate > 0, !isLost {
                frame.putRight(columns.isLong ? Formats.rate(upload.rate) : Formats.shortSize(upload.rate), row: row, end: column)
            }
        }
        if columns.eta > 0 {
            column += 1 + columns.eta
            if isMoving(upload), let eta = upload.etaLow ?? upload.etaHigh, !isLost {
                frame.putRight(Formats.duration(max(0, Double(eta))), row: row, end: column)
            } else if let position, upload.state == .queued, columns.profile > 0 {
                frame.putRight("#\(Formats.count(position + 1))", row: row, end: column, role: .muted)
            }
        }
        if columns.parts > 0 {
            column += 1 + columns.parts
            if upload.parts.total > 0, upload.state != .scanning {
                frame.putRight("\(upload.parts.stored)/\(upload.parts.total)", row: row, end: column, role: .muted)
            }
            column += 1 + columns.tries
            if upload.retries > 0 { frame.putRight(String(min(999, upload.retries)), row: row, end: column) }
        }
        guard columns.profile > 0 else { return }
        frame.put(cut(upload.remote ?? "-", columns.profile), row: row, column: column + 1, role: .muted)
        column += 2 + columns.profile + columns.added
        guard let at = LocalTime.milliseconds(upload.added) else { return }
        frame.putRight(String(clock(at).date.dropFirst(5)) + " " + clock(at).shortClock, row: row, end: column, role: .muted)
    }

    func isMoving(_ upload: UploadView) -> Bool { upload.state == .uploading || upload.state == .verifying }

    private func sizeText(_ upload: UploadView, isLong: Bool) -> String {
        guard let size = upload.size else { return "?" }
        if upload.state != .scanning { return isLong ? Formats.size(size) : Formats.shortSize(size) }
        let text = isLong ? Formats.size(size) : Formats.shortSize(size)
        // `310+Gi`: the plus behind the number says that it still grows.
        let number = text.prefix { "0123456789.".contains($0) }
        let unit = text.dropFirst(number.count).filter { $0 != " " }
        return number + "+" + unit
    }

    /// The word beside the symbol: at most ten cells.
    func statusWord(_ upload: UploadView) -> String { t(englishStatus(upload)) }

    private func englishStatus(_ upload: UploadView) -> String {
        switch upload.state {
        case .uploading: return Formats.percent(upload.stored, of: upload.size) ?? "uploading"
        case .retrying:
            guard let left = seconds(until: upload.nextTry) else { return "retry" }
            return "retry " + Formats.coarseDuration(max(0, left.rounded(.up)))
        case .failed: return "FAILED"
        case .paused:
            guard upload.stored > 0, let size = upload.size, size > 0 else { return "paused" }
            return "paused \(min(99, Int(Double(min(upload.stored, size)) / Double(size) * 100)))%"
        default: return upload.state.rawValue
        }
    }

    // MARK: nothing to show

    private mutating func emptyQueue(_ layout: Layout) {
        if !state.queue.query.isEmpty || state.hidesFinished {
            frame.put(t("No upload matches."), row: layout.listTop + min(3, layout.listHeight / 3), column: 4)
            if layout.listHeight > 6 { frame.put(t("Backspace widens the filter by one word, f edits it, Esc clears it."), row: layout.listTop + 5, column: 4, role: .muted) }
            return
        }
        let lines = [
            "Nothing to upload.", "", "a   choose files and directories", "2   look around in files and buckets",
            "    or from a shell:  davit add DIR oss://bucket/prefix/", "    paste paths here: they are offered, not run", "",
            "3   uploads that finished earlier",
        ]
        let start = layout.listTop + max(0, min(3, (layout.listHeight - lines.count) / 2))
        let column = size.columns >= 74 ? 12 : 2
        for (index, text) in lines.enumerated() where start + index < layout.listTop + layout.listHeight {
            frame.put(cut(t(text), size.columns - column), row: start + index, column: column)
        }
    }
}

extension UploadView {
    /// `tries` counts the first one too.
    var retries: Int { max(0, tries - 1) }
}
