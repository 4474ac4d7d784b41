import Contracts

/// The add sheet: what goes where and how, and what the engine counts of it meanwhile.
extension Canvas {
    /// A line of the sheet. A field of it can have the focus.
    struct SheetLine {
        var label = ""
        var field: AddSheet.Field?
        var text = ""
        var hint = ""
        var role: Role = .surface
        /// A second field in the same line, behind its own label.
        var second: (field: AddSheet.Field, label: String, text: String)?
    }

    mutating func addSheet(_ sheet: AddSheet) {
        let lines = sheetLines(sheet)
        let width = min(66, size.columns)
        var at = place(width: width, height: lines.count + 3)
        // The panes' first rows stay in view: they say where from and where to.
        at.row = max(0, min(Layout(browse: size).listTop + 1, size.rows - 1 - at.height))
        box(row: at.row, column: at.column, width: at.width, height: at.height, title: "Add to queue")
        // In a low window empty lines go first, then the field with the focus stays in view, and the last line above the button.
        let room = max(0, at.height - 3)
        var shown = lines
        if shown.count > room { shown.removeAll { $0.text.isEmpty && $0.field == nil } }
        if shown.count > room {
            let tail = room > 3 ? shown.suffix(1) : []
            let focus = shown.firstIndex { $0.field == sheet.focus || $0.second?.field == sheet.focus } ?? 1
            let height = room - tail.count
            let first = max(0, min(focus - height / 2, shown.count - tail.count - height))
            shown = Array(shown[first..<first + height] + tail)
        }
        for (index, line) in shown.enumerated() { sheetLine(line, sheet, row: at.row + 1 + index, at) }
        let bottom = at.row + at.height - 2
        let left = at.column + 3
        if let problem = sheet.problem, at.height > 4 {
            frame.fill(row: bottom - 1, column: at.column + 1, width: at.width - 2, role: .surface)
            frame.put(cut(t(problem), at.width - 6), row: bottom - 1, column: left, role: .error)
        }
        let end = frame.put(t("[ Enter  add {} ]", addCount(sheet)), row: bottom, column: left, role: .tabActive)
        zone(.key(.enter), row: bottom, from: left, to: end)
        let isCounting = sheet.preFlight.stage == .counting && !sheet.preFlight.isWhole
        let hint = t("Tab field") + "   " + t("Space change") + "   " + t(isCounting ? "Esc stop" : "Esc back")
        frame.put(cut("   " + hint, max(0, at.column + at.width - 2 - end)), row: bottom, column: end, role: .keyLabel)
    }

    private mutating func sheetLine(
        _ line: SheetLine, _ sheet: AddSheet, row: Int, _ at: (row: Int, column: Int, width: Int, height: Int)
    ) {
        let hasFocus = line.field != nil && line.field == sheet.focus || line.second.map { $0.field == sheet.focus } ?? false
        let left = at.column + 2
        let value = left + (at.width < 50 ? 11 : 13)
        let room = max(1, at.column + at.width - 2 - value)
        if hasFocus { frame.put(">", row: row, column: left - 1) }
        frame.put(cut(t(line.label), value - left - 2), row: row, column: left + 1, role: .muted)
        if line.field == .to {
            frame.fill(row: row, column: value, width: room, role: .input)
            let (text, cursor) = visible(sheet.to, room: room)
            frame.put(hasFocus ? text : url(sheet.to.text, room), row: row, column: value, limit: room, role: .input)
            if hasFocus { frame.cursor = (value + cursor, row) }
            return
        }
        let shown =
            line.field == nil && line.label == "from"
            ? Cutting.middle(displayText(line.text, rules: rules), width: room, ellipsis: symbols.ellipsis) : cut(line.text, room)
        let end = frame.put(shown, row: row, column: value, role: line.role)
        if let field = line.field {
            zone(.key(.character(" ")), row: row, from: value, to: field == sheet.focus ? end : value)
            if field == sheet.focus { focus(row: row, from: value, to: end) }
        }
        var last = end
        if let second = line.second {
            let start = frame.put(t(second.label) + "  ", row: row, column: max(end + 3, value + 12), role: .muted)
            last = frame.put(cut(second.text, max(0, at.column + at.width - 2 - start)), row: row, column: start, role: .surface)
            if second.field == sheet.focus { focus(row: row, from: start, to: last) }
        }
        let hint = displayText(line.hint, rules: rules)
        if hint.width > 0, last + 2 + hint.width <= at.column + at.width - 2 {
            frame.put(hint, row: row, column: at.column + at.width - 2 - hint.width, role: .muted)
        }
    }

    private mutating func focus(row: Int, from column: Int, to end: Int) {
        frame.paint(row: row, column: column, width: end - column, role: .cursor)
        frame.cursor = (column, row)
    }

    private func addCount(_ sheet: AddSheet) -> String {
        let flight = sheet.preFlight
        guard let files = flight.files, flight.stage != .stopped else { return Formats.count(sheet.sources.count) }
        return Formats.count(files) + (flight.isWhole ? "" : "+")
    }

    // MARK: what the lines say

    private func sheetLines(_ sheet: AddSheet) -> [SheetLine] {
        let flight = sheet.preFlight
        let bytes = sheet.bytes > 0 ? "  " + Formats.size(sheet.bytes) + (sheet.folders > 0 ? " " + t("and more") : "") : ""
        let keep = sheet.below.map { t("keep paths below {}", $0 == "" ? "/" : $0 + "/") } ?? t("keep paths")
        let rule = flight.plan?.existing.rule
        let existing = sheet.existing ?? rule.map { t("as the remote has it: {w}", $0) } ?? t("as the remote has it")
        let links = flight.skipped["links"].map { " " + Formats.count($0) } ?? ""
        return [
            SheetLine(label: "from", text: fromText(sheet) + bytes),
            SheetLine(label: "to", field: .to, text: sheet.to.text),
            SheetLine(),
            SheetLine(label: "names", field: .names, text: sheet.flat ? t("flat") : keep, hint: "(" + t(sheet.flat ? "keep paths" : "flat") + ")"),
            SheetLine(label: "existing", field: .existing, text: sheet.existing == nil ? existing : t(existing), hint: "(" + t("skip, newer, overwrite…") + ")"),
            SheetLine(text: existingNote(sheet), role: (flight.replaced ?? 0) > 0 ? .warn : .muted),
            SheetLine(
                label: "links", field: .links, text: sheet.followsLinks ? t("follow") : t("skip") + links,
                hint: "(" + t(sheet.followsLinks ? "skip" : "follow") + ")"),
            SheetLine(
                label: "priority", field: .priority, text: t(sheet.priority.rawValue), hint: "(" + t(sheet.paused ? "now" : "paused") + ")",
                second: (.start, "start", t(sheet.paused ? "paused" : "now"))),
            SheetLine(
                label: "storage", field: .storage, text: sheet.storageClass ?? t("bucket default"),
                hint: sheet.storageClass == nil ? "(Standard, IA, Archive…)" : ""),
            profileLine(sheet), SheetLine(), willQueue(sheet), requestsLine(flight), troubleLine(flight),
        ].map { line in
            var line = line
            (line.text, line.hint) = (own(line.text), own(line.hint))
            return line
        }
    }

    private func fromText(_ sheet: AddSheet) -> String {
        // A path is told as it is.
        sheet.below == nil || sheet.sources.count > 1 ? t(sheet.from) : sheet.from
    }

    private func existingNote(_ sheet: AddSheet) -> String {
        if let found = sheet.preFlight.plan?.existing {
            guard let objects = found.objects else { return t("what is there already is not known: it may not be listed") }
            guard objects > 0 else { return t(found.partial ? "none of the first 100,000 objects has such a name" : "no such name is there yet") }
            let fates = [
                "skip": "skipped where they are the same", "newer": "kept where they are newer", "overwrite": "REPLACED",
                "rename": "new ones get numbers", "fail": "those uploads fail",
            ]
            return t("{} there already", (found.partial ? "≥ " : "") + Formats.count(objects)) + ": " + t(fates[found.rule] ?? found.rule)
        }
        var words: [String] = []
        if sheet.same > 0 { words.append(t("{} same there", Formats.count(sheet.same))) }
        if sheet.differing > 0 { words.append(t("{} there with another size", Formats.count(sheet.differing))) }
        return words.joined(separator: "   ")
    }

    /// Whether the destination takes uploads, and how long its credentials live.
    private func profileLine(_ sheet: AddSheet) -> SheetLine {
        let bytes = Array(sheet.to.text.utf8)
        let isURL = bytes.starts(with: "oss://".utf8)
        let scope = isURL ? "oss://" + String(decoding: bytes.dropFirst(6).prefix { $0 != 0x2F }, as: UTF8.self) : String(decoding: bytes.prefix { $0 != 0x3A }, as: UTF8.self)
        var line = SheetLine(label: "profile", text: scope)
        if let wrong = sheet.checks.first(where: { !$0.ok && ["endpoint", "credentials", "put"].contains($0.check) }) {
            line.text = "\(scope): \(wrong.text)"
            line.role = .error
            return line
        }
        if sheet.checks.contains(where: { $0.check == "put" }) {
            line.text = "\(scope): " + t("may put here")
        } else if sheet.preFlight.stage == .counting {
            line.text = "\(scope): " + own(t("asking…"))
            line.role = .muted
        }
        if let left = state.mirror.status?.leases.first(where: { $0.scope == scope })?.left {
            line.text += ", " + t("token {}", Formats.duration(max(0, left - age)))
        }
        return line
    }

    private func willQueue(_ sheet: AddSheet) -> SheetLine {
        let flight = sheet.preFlight
        var line = SheetLine(label: "will queue")
        if case .failed(let problem) = flight.stage {
            line.text = t("not counted: {}", t(problem))
            line.role = .warn
            return line
        }
        guard let files = flight.files else {
            line.text = t(flight.stage == .stopped ? "not counted; all of it is added" : "counting…")
            line.role = .muted
            return line
        }
        let more = flight.isWhole ? "" : "+"
        let objects = flight.isWhole && files == 1 ? t("1 object") : t("{} objects", Formats.count(files) + more)
        line.text = "\(objects), \(Formats.size(flight.bytes))\(more)"
        switch flight.stage {
        case .stopped: line.text += "; " + t("counting was stopped, all of it is added")
        case .counting: line.text += ", " + t(flight.isWhole ? "asking OSS…" : "counting…")
        default:
            if let time = flight.plan?.time {
                let duration = Formats.duration(Double(time.seconds))
                let whole = ", " + t("about {} at {}", duration, Formats.rate(time.rate))
                let fits = displayText(line.text + whole).width <= min(66, size.columns) - 18
                line.text += fits ? whole : ", " + t("about {}", duration)
            }
        }
        return line
    }

    private func requestsLine(_ flight: PreFlight) -> SheetLine {
        var line = SheetLine(role: .muted)
        guard let requests = flight.requests else { return line }
        line.label = "requests"
        let kinds = [
            (requests.put, "put"), (requests.initiate, "initiate"), (requests.part, "part"), (requests.complete, "complete"),
            (requests.head, "head"),
        ]
        let parts = kinds.filter { $0.0 > 0 }.map { "\(Formats.count($0.0)) \($0.1)" }
        line.text = Formats.count(requests.total) + (flight.isWhole ? "" : "+") + (parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))")
        return line
    }

    /// What will not go up as it lies there: one name twice, what cannot be read, what is left out.
    private func troubleLine(_ flight: PreFlight) -> SheetLine {
        var words: [String] = []
        if flight.collisions > 0 { words.append(t("{} with the name of another", Formats.count(flight.collisions))) }
        let unreadable = flight.skipped["unreadable"] ?? 0
        if unreadable > 0 { words.append(t("{} unreadable", Formats.count(unreadable))) }
        if flight.refused > unreadable { words.append(t("{} cannot be queued", Formats.count(flight.refused - unreadable))) }
        let kinds = ["filtered", "pipes", "sockets", "devices", "names"]
        let left = kinds.reduce(0) { $0 + (flight.skipped[$1] ?? 0) } - (flight.skipped["names"] ?? 0)
        if left > 0 { words.append(t("{} left out", Formats.count(left))) }
        if let first = flight.plan?.refused.first, words.count < 3 { words.append("\(first.path): \(first.reason)") }
        return SheetLine(label: words.isEmpty ? "" : "problems", text: words.joined(separator: ", "), role: .warn)
    }
}
