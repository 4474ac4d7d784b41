/// The palette: a field, and the commands that match it with what they would act on and their keys.
extension Canvas {
    mutating func palette(_ palette: Palette) {
        let entries = PalettePage(state: state, palette: palette).entries
        let width = size.columns >= 130 ? 100 : min(70, size.columns)
        let height = max(5, min(size.rows >= 36 ? 24 : 15, size.rows - (size.rows < 12 ? 1 : 4)))
        let row = max(0, min(3, size.rows - 1 - height))
        let column = (size.columns - width) / 2
        box(row: row, column: column, width: width, height: height, title: "Command", footer: "Tab complete  Enter run")
        frame.put(":", row: row + 1, column: column + 2, role: .key)
        let (text, cursor) = visible(palette.field, room: width - 6)
        frame.put(text, row: row + 1, column: column + 3, limit: width - 5, role: palette.problem == nil ? .input : .inputError)
        frame.cursor = (min(column + 3 + cursor, size.columns - 1), row + 1)
        let isTight = height < 10
        let top = row + (isTight ? 2 : 3)
        let last = row + height - 2
        let room = max(1, last - top - (isTight ? 0 : 1))
        let marked = max(0, min(palette.cursor, entries.count - 1))
        let first = max(0, min(marked - room / 2, entries.count - room))
        for (index, entry) in entries.dropFirst(first).prefix(room).enumerated() {
            zone(.line(first + index), row: top + index, from: column + 1, to: column + width - 1)
            paletteLine(entry, row: top + index, column: column, width: width, isMarked: first + index == marked)
        }
        if entries.isEmpty { frame.put(t("No command has that word."), row: top, column: column + 4, role: .muted) }
        if let problem = palette.problem {
            frame.put(cut(t(problem), width - 4), row: last, column: column + 2, role: .error)
        } else if !isTight, entries.indices.contains(marked), entries[marked].refusal == nil {
            let line = entries[marked].line
            if KeyTable.command(String(line.prefix { $0 != " " }))?.command.isInShell == true {
                frame.put(cut(t("Same words as the shell: davit \(line)"), width - 4), row: last, column: column + 2, role: .muted)
            }
        }
    }

    private mutating func paletteLine(_ entry: PalettePage.Entry, row: Int, column: Int, width: Int, isMarked: Bool) {
        if isMarked { frame.put(">", row: row, column: column + 2) }
        let role: Role = entry.refusal == nil ? .surface : .muted
        let note = t(entry.refusal ?? entry.note)
        let place = max(20, min(36, width - 30))
        frame.put(cut(entry.line, width >= 50 ? place - 2 : width - 8), row: row, column: column + 4, role: role)
        if width >= 50 { frame.put(cut(own(note), max(1, width - place - 9)), row: row, column: column + 3 + place, role: .muted) }
        if !entry.key.isEmpty { frame.putRight(entry.key, row: row, end: column + width - 3, role: .key) }
        if isMarked { frame.paint(row: row, column: column + 1, width: width - 2, role: .cursor) }
    }
}
