import Contracts

/// Limits and settings: what a key changes at once, and what the configuration decides.
extension Canvas {
    mutating func settingsScreen() {
        let layout = Layout(.settings, size)
        tabs()
        let rows = SettingsPage.rows(state)
        let cursor = max(0, min(state.settingsCursor, rows.count - 1))
        let isWide = size.columns >= 130
        // The help of the marked row takes four rows above the message row.
        let bottom = layout.hasHeading ? size.rows - 7 : size.rows - 1
        if isWide {
            settingColumn(rows.indices.filter { !SettingsPage.isRight(rows[$0]) }, of: rows, cursor, column: 0, width: 74, bottom: bottom)
            settingColumn(
                rows.indices.filter { SettingsPage.isRight(rows[$0]) }, of: rows, cursor, column: 76, width: size.columns - 76, bottom: bottom)
        } else {
            settingColumn(Array(rows.indices), of: rows, cursor, column: 0, width: size.columns, bottom: bottom)
        }
        if layout.hasHeading, rows.indices.contains(cursor) {
            line(row: bottom)
            for (index, text) in wrapped([t(rows[cursor].help)], size.columns - 3).prefix(4).enumerated() {
                frame.put(cut(own(text), size.columns - 2), row: bottom + 1 + index, column: 1, role: .muted)
            }
        }
        if let row = layout.messageRow {
            if state.message == nil, let edit = state.newestSetting {
                lastChange(edit, row: row)
            } else {
                messageRow(row)
            }
        }
        hints()
    }

    /// `changed 14:01:58 by ops2: limit up 150 MiB/s -> 200 MiB/s   u undo`.
    private mutating func lastChange(_ edit: EditView, row: Int) {
        let when = LocalTime.milliseconds(edit.at).map { clock($0) }
        let time = when.map { $0.date == clock(now).date ? $0.clock : $0.date } ?? ""
        let undo = "   " + t("u undo")
        let text = "\(t("changed")) \(time)" + (edit.by.map { " \(t("by")) \($0)" } ?? "") + ": " + edit.words
        let end = frame.put(cut(own(text), max(8, size.columns - 2 - displayText(undo).width)), row: row, column: 1, role: .muted)
        frame.put(undo, row: row, column: end, limit: max(0, size.columns - end), role: .keyLabel)
    }

    /// A column of rows with the name of each section above its first; the marked one is always in view.
    private mutating func settingColumn(_ indices: [Int], of rows: [SettingRow], _ cursor: Int, column: Int, width: Int, bottom: Int) {
        var lines: [(title: String?, index: Int?)] = []
        var section = ""
        for index in indices {
            if rows[index].section != section {
                section = rows[index].section
                lines.append((section, nil))
            }
            lines.append((nil, index))
        }
        let height = max(1, bottom - 1)
        let marked = lines.firstIndex { $0.index == cursor } ?? 0
        let first = max(0, min(marked - height + 1, lines.count - height))
        for (offset, entry) in lines.dropFirst(first).prefix(height).enumerated() {
            let row = 1 + offset
            if let title = entry.title {
                frame.put(t(title), row: row, column: column + 1, limit: width - 1, role: .title)
                continue
            }
            guard let index = entry.index else { continue }
            let isCursor = index == cursor
            zone(.line(index), row: row, from: column + 1, to: column + width - 1)
            frame.put(isCursor ? ">" : " ", row: row, column: column + 1)
            let label = size.columns < 60 ? 18 : 24
            frame.put(cut(t(rows[index].label), label), row: row, column: column + 2)
            let start = column + (size.columns < 60 ? 21 : 28)
            frame.put(cut(own(t(rows[index].value)), max(1, column + width - start - 1)), row: row, column: start)
            if isCursor {
                frame.paint(row: row, column: column + 1, width: width - 2, role: .cursor)
                frame.cursor = (column + 1, row)
            }
        }
    }
}
