import Contracts

/// The dialogs of Access and of the edits.
extension Canvas {
    mutating func profileForm(_ form: ProfileForm) {
        let fields = form.fields
        let width = min(size.columns >= 100 ? 86 : 76, size.columns)
        let problem = form.problem.map { wrapped([own(t($0))], width - 6) } ?? []
        // Problem, sign-in, button; the frame.
        let under = max(1, min(4, problem.count)) + 3
        let at = place(width: width, height: fields.count + under + 2)
        box(
            row: at.row, column: at.column, width: at.width, height: at.height,
            title: form.isNew ? "Add a profile" : "Profile \(displayText(form.name, rules: rules).plain)")
        let left = at.column + 2
        let value = left + 13
        let isTight = at.height < fields.count + under + 2
        let room = max(1, at.height - 2 - (isTight ? 2 : under))
        // In a low window the field with the focus stays in view.
        let first = max(0, min(form.focus - room + 1, fields.count - room))
        for (index, field) in fields.enumerated().dropFirst(first).prefix(room) {
            let row = at.row + 1 + index - first
            let hasFocus = index == form.focus
            zone(.line(index), row: row, from: at.column + 1, to: at.column + at.width - 1)
            frame.put(hasFocus ? ">" : " ", row: row, column: left - 1)
            frame.put(cut(t(field.label), 11), row: row, column: left + 1, role: .muted)
            profileValue(form, field, hasFocus, row: row, from: value, to: at.column + at.width - 2)
        }
        let bottom = at.row + at.height - 2
        let shown = isTight ? Array(problem.prefix(1)) : Array(problem.prefix(4))
        for (index, text) in shown.enumerated() {
            frame.put(cut(text, at.width - 6), row: bottom - (isTight ? 1 : under - 1) + index, column: left + 1, role: .error)
        }
        if !isTight {
            // It is asked for often enough to be told here.
            frame.put(
                cut(t("Signing in with a code on another device is not in this version."), at.width - 6), row: bottom - 1, column: left + 1,
                role: .muted)
        }
        let button = form.isAsking ? "  " + t("writing…") : "[ Enter  \(t(form.isNew ? "add and test" : "save and test")) ]"
        let end = frame.put(own(button), row: bottom, column: left + 1, role: .tabActive)
        if !form.isAsking { zone(.key(.enter), row: bottom, from: left + 1, to: end) }
        frame.put(
            cut(t("   Tab field   Space change   Esc back"), max(0, at.column + at.width - 2 - end)), row: bottom, column: end, role: .keyLabel)
    }

    private mutating func profileValue(_ form: ProfileForm, _ field: ProfileForm.Field, _ hasFocus: Bool, row: Int, from: Int, to end: Int) {
        let note = own(t(field.note))
        let noteWidth = displayText(note, rules: rules).width
        var room = max(1, end - from)
        // The note gives way to the field.
        let hasNote = noteWidth > 0 && room - noteWidth - 2 >= 20
        if hasNote {
            frame.putRight(note, row: row, end: end, role: .muted)
            room -= noteWidth + 2
        }
        switch field.editor {
        case .text:
            let typed = TextField(form.text(field.key))
            frame.fill(row: row, column: from, width: room, role: .input)
            let (text, cursor) = visible(hasFocus ? form.texts[field.key] ?? typed : typed, room: room)
            frame.put(hasFocus ? text : cut(form.text(field.key), room), row: row, column: from, limit: room, role: .input)
            if hasFocus { frame.cursor = (min(from + cursor, size.columns - 1), row) }
        case .hidden:
            frame.fill(row: row, column: from, width: room, role: .input)
            let count = form.hidden[field.key]?.count ?? 0
            let dots = min(count, max(0, room - 1))
            if count == 0, form.original[field.key] != nil { frame.put(cut(t("(kept)"), room), row: row, column: from, role: .placeholder) }
            frame.put(String(repeating: "*", count: dots), row: row, column: from, role: .input)
            if hasFocus { frame.cursor = (min(from + dots, size.columns - 1), row) }
        case .choice:
            let text = hasFocus ? "< \(t(form.text(field.key))) >" : "  \(t(form.text(field.key)))"
            let stop = frame.put(cut(text, room), row: row, column: from, role: .surface)
            if hasFocus {
                frame.paint(row: row, column: from, width: stop - from, role: .cursor)
                frame.cursor = (from, row)
            }
        }
    }

    /// The last edits, the newest first: when, who, what.
    mutating func editsMenu(_ menu: EditsMenu) {
        let edits = state.edits
        let width = min(size.columns >= 100 ? 96 : 76, size.columns)
        let at = place(width: width, height: min(max(edits.count, 1), 20) + 5)
        box(row: at.row, column: at.column, width: at.width, height: at.height, title: "Edits", footer: "Esc close")
        let room = max(1, at.height - 4)
        if edits.isEmpty { frame.put(cut(t("Nothing was edited yet."), at.width - 4), row: at.row + 1, column: at.column + 2, role: .muted) }
        let first = max(0, min(menu.cursor - room + 1, edits.count - room))
        for (index, edit) in edits.enumerated().dropFirst(first).prefix(room) {
            let row = at.row + 1 + index - first
            let isCursor = index == menu.cursor
            zone(.line(index), row: row, from: at.column + 1, to: at.column + at.width - 1)
            frame.put(isCursor ? ">" : " ", row: row, column: at.column + 1)
            let time = LocalTime.milliseconds(edit.at).map { clock($0) }
            let when = time.map { $0.date == clock(now).date ? $0.clock : String($0.date.dropFirst(5)) + "   " } ?? ""
            frame.put(when, row: row, column: at.column + 3, role: .muted)
            let isNarrow = at.width < 60
            if !isNarrow { frame.put(cut(edit.by ?? "-", 11), row: row, column: at.column + 13, role: .muted) }
            let state = edit.undone ? t("undone") : edit.undoable ? "" : t("stays")
            let start = at.column + (isNarrow ? 13 : 25)
            let stateWidth = displayText(state).width
            frame.put(
                cut(own(t(edit.words)), max(4, at.column + at.width - 3 - stateWidth - start)), row: row, column: start,
                role: edit.undone ? .muted : .surface)
            frame.putRight(state, row: row, end: at.column + at.width - 2, role: .muted)
            if isCursor {
                frame.paint(row: row, column: at.column + 1, width: at.width - 2, role: .cursor)
                frame.cursor = (at.column + 1, row)
            }
        }
        let hint = menu.problem ?? "Enter takes the marked one back   j k choose   shell: davit undo ID"
        frame.put(
            cut(t(hint), at.width - 4), row: at.row + at.height - 2, column: at.column + 2, role: menu.problem == nil ? .keyLabel : .error)
    }
}
