import Contracts

/// Local files left, objects right.
extension Canvas {
    mutating func browseScreen() {
        let layout = Layout(browse: size)
        tabs()
        let divider = (size.columns - 1) / 2
        let right = divider + 2
        let rightWidth = size.columns - right
        pane(state.browse.local, isLocal: true, column: 0, width: min(divider, max(rightWidth, 1)), layout)
        pane(state.browse.bucket, isLocal: false, column: right, width: rightWidth, layout)
        let last = layout.listTop + layout.listHeight
        for row in 1...max(1, last) where row < size.rows - 1 {
            symbol(symbols.vertical, row: row, column: divider, role: .border)
        }
        if let message = layout.messageRow {
            counts(row: last, divider: divider)
            line(row: last + 1)
            addLine(row: last + 2)
            if state.message != nil {
                messageRow(message)
            } else {
                frame.put(
                    cut(t("= same  + only here  < only there  ! differs  @ link"), size.columns - 2), row: message, column: 1, role: .muted)
            }
        }
        hints()
    }

    private mutating func pane(_ pane: Pane, isLocal: Bool, column: Int, width: Int, _ layout: Layout) {
        let isActive = (state.browse.side == .local) == isLocal
        let label = isLocal ? "local" : "bucket"
        let place = placeText(pane, isLocal: isLocal)
        let room = width - label.count - 4
        let shown =
            isLocal ? Cutting.middle(displayText(place, rules: rules), width: room, ellipsis: symbols.ellipsis) : url(place, room)
        let role: Role = isActive ? .tabActive : .tab
        frame.put(isActive ? "[" : " ", row: 1, column: column, role: role)
        let start = frame.put(label + "  ", row: 1, column: column + 1, role: role)
        let end = frame.put(shown, row: 1, column: start, role: role)
        frame.put(isActive ? "]" : " ", row: 1, column: end, role: role)
        let columns = PaneColumns(width: width)
        if layout.hasHeading {
            let row = layout.listTop - 1
            frame.put(t("NAME"), row: row, column: column + 2, role: .muted)
            frame.putRight(t("SIZE"), row: row, end: column + columns.sizeEnd, role: .muted)
            if columns.date > 0 { frame.putRight(t("MODIFIED"), row: row, end: column + columns.dateEnd, role: .muted) }
        }
        let items = state.browse.visible(pane)
        if items.isEmpty || (items.count == 1 && items[0].kind == .up) {
            emptyPane(pane, isLocal: isLocal, column: column, width: width, layout, items.count)
        }
        for index in 0..<layout.listHeight {
            let position = pane.top + index
            guard position < items.count else { break }
            let isCursor = position == pane.cursor
            entry(
                items[position], row: layout.listTop + index, column: column, columns, isLocal: isLocal, isCursor: isCursor && isActive,
                isMarked: pane.marks.contains(items[position].name) || isInRange(pane, position))
            if isCursor {
                if isActive { frame.cursor = (column, layout.listTop + index) }
                frame.paint(
                    row: layout.listTop + index, column: column, width: columns.symbol + 1, role: isActive ? .cursor : .cursorInactive)
            }
        }
    }

    private func isInRange(_ pane: Pane, _ position: Int) -> Bool {
        guard let start = pane.rangeStart else { return false }
        return (min(start, pane.cursor)...max(start, pane.cursor)).contains(position)
    }

    private func placeText(_ pane: Pane, isLocal: Bool) -> String {
        if isLocal { return Paths.shown(pane.place, home: state.options.homeFolder) }
        if pane.place.isEmpty { return pane.loading ?? "remotes" }
        return pane.shownPlace ?? pane.place
    }

    private mutating func entry(
        _ item: Pane.Item, row: Int, column: Int, _ columns: PaneColumns, isLocal: Bool, isCursor: Bool, isMarked: Bool
    ) {
        if isCursor { frame.put(">", row: row, column: column) }
        if isMarked { frame.put("*", row: row, column: column + 1, role: .mark) }
        var name = displayText(item.name, rules: rules)
        var role: Role = .text
        switch item.kind {
        case .up, .folder:
            name = DisplayText(glyphs: name.glyphs + [Glyph(text: "/", width: 1)])
            role = .nameDir
        case .link(let target):
            name = DisplayText(glyphs: name.glyphs + displayText(" -> ").glyphs + displayText(target, rules: rules).glyphs)
            role = .nameLink
        case .remote: role = .nameDir
        case .file: break
        case .other: role = .muted
        }
        frame.put(Cutting.middle(name, width: columns.name, ellipsis: symbols.ellipsis), row: row, column: column + 2, role: role)
        if let size = item.size { frame.putRight(Formats.shortSize(size), row: row, end: column + columns.sizeEnd) }
        if columns.date > 0, let modified = item.modified {
            let time = LocalTime(seconds: modified, zone: state.options.zone)
            frame.putRight("\(time.date) \(time.shortClock)", row: row, end: column + columns.dateEnd, role: .muted)
        }
        var relation: Comparison?
        if state.browse.showsComparison {
            relation = isLocal ? state.browse.comparison(ofLocal: item) : state.browse.comparison(ofObject: item)
        } else if case .link = item.kind {
            relation = .link
        }
        if let relation { frame.put(relation.symbol, row: row, column: column + columns.symbol, role: relation.role) }
    }

    private mutating func emptyPane(_ pane: Pane, isLocal: Bool, column: Int, width: Int, _ layout: Layout, _ shown: Int) {
        let row = layout.listTop + min(shown + 1, max(0, layout.listHeight - 1))
        var text: String
        if pane.problem != nil {
            text = ""
        } else if pane.listedAt == nil {
            text = pane.loading == nil ? "" : own(t("Listing…"))
        } else if !pane.filter.isEmpty {
            text = "No name matches. Esc shows all."
        } else if !isLocal, pane.place.isEmpty {
            text = "No remotes are configured. o goes to oss://BUCKET/"
        } else if pane.isComplete {
            text = isLocal ? "This directory is empty." : "\(placeText(pane, isLocal: false)) has no objects here."
            if isLocal, pane.hasHidden { text = "Only hidden files here: . shows them." }
        } else {
            text = own(t("Listing…"))
        }
        if let problem = pane.problem {
            let words = wrap(own("Could not list: \(problem) R tries again."), width: width - 3)
            for (index, line) in words.enumerated() where row + index < layout.listTop + layout.listHeight {
                frame.put(displayText(line, rules: rules), row: row + index, column: column + 2, limit: width - 2, role: .error)
            }
        } else {
            for (index, line) in wrap(text, width: width - 3).enumerated() where row + index < layout.listTop + layout.listHeight {
                frame.put(cut(line, width - 3), row: row + index, column: column + 2, role: .muted)
            }
        }
    }

    /// Words of a sentence in lines; a word longer than a line is cut by whoever draws it.
    func wrap(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, displayText(line + " " + word, rules: rules).width > width {
                lines.append(line)
                line = String(word)
            } else {
                line += (line.isEmpty ? "" : " ") + word
            }
        }
        return line.isEmpty ? lines : lines + [line]
    }

    // MARK: below the panes

    private mutating func counts(row: Int, divider: Int) {
        let local = state.browse.local
        let items = state.browse.visible(local).filter { $0.kind != .up }
        let hidden = local.all.count { $0.kind != .up && $0.name.first == UInt8(ascii: ".") }
        var words: [String] = []
        if !local.marks.isEmpty {
            let bytes = local.all.filter { local.marks.contains($0.name) }.map { $0.size ?? 0 }
            words.append("\(Formats.count(local.marks.count)) marked \(Formats.size(Formats.sum(bytes)))")
        }
        words.append(
            "\(Formats.count(items.count)) here" + (hidden > 0 && !state.browse.showsHidden ? ", \(Formats.count(hidden)) hidden" : ""))
        if local.loading != nil { words.append(own(t("listing…"))) }
        if !local.filter.isEmpty { words.append("filter: " + local.filter) }
        frame.put(cut(words.joined(separator: "   "), divider - 1), row: row, column: 1, role: .muted)
        frame.put(
            cut(bucketCounts, size.columns - divider - 3), row: row, column: divider + 3,
            role: state.browse.bucket.problem == nil ? .muted : .error)
    }

    private var bucketCounts: String {
        let pane = state.browse.bucket
        let items = pane.all.filter { $0.kind != .up }
        if let problem = pane.problem {
            guard let at = pane.listedAt, !pane.place.isEmpty else { return own("Could not list: \(problem)") }
            return own("as of \(clock(at).clock): \(problem)")
        }
        if pane.loading != nil {
            let soFar = pane.continuation != nil || !pane.isComplete ? items.count : 0
            return own(soFar > 0 ? "Listing… \(Formats.count(soFar)) so far" : "Listing…")
        }
        if pane.place.isEmpty { return Formats.counted(items.count, "remote") }
        let objects = items.count { $0.kind == .file }
        let folders = items.count - objects
        var text = Formats.counted(objects, "object")
        if folders > 0 { text += ", " + Formats.counted(folders, "prefix", plural: "prefixes") }
        if !pane.isComplete { text += ", cut here" }
        if let at = pane.listedAt { text += "   listed \(clock(at).clock)" }
        return text
    }

    /// What `a` would do, before it is pressed.
    private mutating func addLine(row: Int) {
        if !state.pastedPaths.isEmpty {
            frame.put(t("a adds \(Formats.counted(state.pastedPaths.count, "pasted path"))"), row: row, column: 1)
            return
        }
        let items = state.browse.chosenLocal
        guard !items.isEmpty else {
            frame.put(t("Space marks what is to go up"), row: row, column: 1, role: .muted)
            return
        }
        let what: DisplayText
        if state.browse.local.marks.isEmpty {
            what = Cutting.middle(displayText(items[0].name, rules: rules), width: max(12, size.columns / 3), ellipsis: symbols.ellipsis)
        } else {
            what = displayText("\(Formats.count(items.count)) marked")
        }
        var column = frame.put(t("a adds "), row: row, column: 1)
        column = frame.put(what, row: row, column: column) + 1
        symbol(symbols.arrow, row: row, column: column, role: .muted)
        column += symbols.arrow.count + 1
        let relations = items.compactMap { state.browse.comparison(ofLocal: $0) }
        var words: [String] = []
        for (relation, word) in [(Comparison.onlyHere, "new"), (.same, "same"), (.differs, "differs")] {
            let count = relations.count { $0 == relation }
            if count > 0 { words.append("\(Formats.count(count)) \(relation == .differs && count > 1 ? "differ" : word)") }
        }
        let tail = words.isEmpty ? "" : "  " + words.joined(separator: ", ")
        let place = state.browse.bucket.place.isEmpty ? "choose where at the right" : placeText(state.browse.bucket, isLocal: false)
        let end = frame.put(url(place, max(8, size.columns - column - tail.utf8.count - 1)), row: row, column: column)
        frame.put(tail, row: row, column: end, role: .muted)
    }
}

/// Columns of one pane, counted from its left edge.
struct PaneColumns: Sendable, Equatable {
    let name: Int
    let sizeEnd: Int
    let date: Int
    let dateEnd: Int
    /// The last column: how the entry compares.
    let symbol: Int

    init(width: Int) {
        date = width >= 60 ? 16 : 0
        symbol = width - (date > 0 ? 2 : 1)
        dateEnd = symbol - 1
        sizeEnd = date > 0 ? dateEnd - date - 1 : dateEnd
        name = max(1, sizeEnd - 6 - 1 - 2)
    }
}
