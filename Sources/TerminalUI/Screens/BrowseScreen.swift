import Contracts

/// Local files left, objects right.
extension Canvas {
    mutating func browseScreen() {
        let layout = Layout(browse: size)
        tabs()
        let columns = BrowseColumns(size)
        let divider = columns.divider
        pane(state.browse.local, isLocal: true, column: 0, width: min(divider, max(columns.rightWidth, 1)), layout)
        pane(state.browse.bucket, isLocal: false, column: columns.right, width: columns.rightWidth, layout)
        let last = layout.listTop + layout.listHeight
        for row in 1...max(1, last) where row < size.rows - 1 {
            symbol(symbols.vertical, row: row, column: divider, role: .border)
            if let inspector = columns.inspector { symbol(symbols.vertical, row: row, column: inspector.column - 2, role: .border) }
        }
        if let inspector = columns.inspector {
            entryInspector(column: inspector.column, width: inspector.width, bottom: layout.messageRow == nil ? size.rows - 1 : last + 1)
        }
        if let message = layout.messageRow {
            counts(row: last, divider: divider)
            line(row: last + 1)
            addLine(row: last + 2)
            if state.message != nil {
                messageRow(message)
            } else {
                frame.put(
                    cut(t("= same  + only here  < only there  ! differs  q in queue  @ link"), size.columns - 2), row: message, column: 1, role: .muted)
            }
        }
        hints()
    }

    private mutating func pane(_ pane: Pane, isLocal: Bool, column: Int, width: Int, _ layout: Layout) {
        let isActive = (state.browse.side == .local) == isLocal
        let label = t(isLocal ? "local" : "bucket")
        let place = placeText(pane, isLocal: isLocal)
        let room = width - displayText(label).width - 4
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
            paneHeading(pane, isLocal: isLocal, row: row, column: column, columns)
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

    private mutating func paneHeading(_ pane: Pane, isLocal: Bool, row: Int, column: Int, _ columns: PaneColumns) {
        let side: BrowseState.Side = isLocal ? .local : .bucket
        let name = frame.put(t("NAME"), row: row, column: column + 2, role: .muted)
        zone(.paneSort(side, .name), row: row, from: column + 2, to: name)
        for (key, text, end) in [(PaneOrder.Key.size, t("SIZE"), columns.sizeEnd), (.modified, t("MODIFIED"), columns.dateEnd)]
        where key != .modified || columns.date > 0 {
            frame.putRight(text, row: row, end: column + end, role: .muted)
            zone(.paneSort(side, key), row: row, from: column + end - displayText(text).width, to: column + end)
        }
    }

    private func isInRange(_ pane: Pane, _ position: Int) -> Bool {
        guard let start = pane.rangeStart else { return false }
        return (min(start, pane.cursor)...max(start, pane.cursor)).contains(position)
    }

    private func placeText(_ pane: Pane, isLocal: Bool) -> String {
        if isLocal { return Paths.shown(pane.place, home: state.options.homeFolder) }
        if pane.place.isEmpty { return pane.loading ?? t("remotes") }
        return pane.shownPlace ?? pane.place
    }

    private mutating func entry(
        _ item: Pane.Item, row: Int, column: Int, _ columns: PaneColumns, isLocal: Bool, isCursor: Bool, isMarked: Bool
    ) {
        if isCursor { frame.put(">", row: row, column: column) }
        if isMarked { frame.put("*", row: row, column: column + 1, role: .mark) }
        var name = displayText(item.ownName, rules: rules)
        var role: Role = .text
        let indent = min(2 * item.depth, max(0, columns.name - 12))
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
        frame.put(
            Cutting.middle(name, width: columns.name - indent, ellipsis: symbols.ellipsis), row: row, column: column + 2 + indent, role: role)
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
        if isLocal, relation != .same, state.browse.isQueued(item) { relation = .queued }
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
            text = t("No name matches. Esc shows all.")
        } else if !isLocal, pane.place.isEmpty {
            text = t("No remotes are configured. o goes to oss://BUCKET/")
        } else if pane.isComplete {
            text = isLocal ? t("This directory is empty.") : t("{} has no objects here.", placeText(pane, isLocal: false))
            if isLocal, pane.hasHidden { text = t("Only hidden files here: . shows them.") }
        } else {
            text = own(t("Listing…"))
        }
        if let problem = pane.problem {
            let words = wrap(own(t("Could not list: {} R tries again.", problem)), width: width - 3)
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
        let shown = state.browse.visible(local).count - (local.hasParent ? 1 : 0)
        let hidden = local.hasHidden && !state.browse.showsHidden ? local.hiddenCount : 0
        var words: [String] = []
        if !local.marks.isEmpty {
            let bytes = local.all.filter { local.marks.contains($0.name) }.map { $0.size ?? 0 }
            words.append(t("{} marked {}", Formats.count(local.marks.count), Formats.size(Formats.sum(bytes))))
        }
        words.append(
            t("{} here", Formats.count(shown))
                + (hidden > 0 ? ", " + t("{} hidden", Formats.count(hidden)) : ""))
        if local.loading != nil {
            words.append(own(local.countSoFar.map { t("Listing… {} so far", Formats.count($0)) } ?? t("listing…")))
        }
        if !local.filter.isEmpty { words.append(t("filter: {}", local.filter)) }
        if local.order != PaneOrder() { words.append(t("sorted by {}", local.order.text)) }
        frame.put(cut(words.joined(separator: "   "), divider - 1), row: row, column: 1, role: .muted)
        frame.put(
            cut(bucketCounts, BrowseColumns(size).rightWidth - 1), row: row, column: divider + 3,
            role: state.browse.bucket.problem == nil ? .muted : .error)
    }

    private var bucketCounts: String {
        let pane = state.browse.bucket
        let items = pane.all.filter { $0.kind != .up }
        if let problem = pane.problem {
            guard let at = pane.listedAt, !pane.place.isEmpty else { return own(t("Could not list: {}", problem)) }
            return own(t("as of {}: {}", clock(at).clock, problem))
        }
        if pane.loading != nil {
            let soFar = pane.continuation != nil || !pane.isComplete ? items.count : 0
            return own(soFar > 0 ? t("Listing… {} so far", Formats.count(soFar)) : t("Listing…"))
        }
        if pane.place.isEmpty { return t(items.count == 1 ? "1 remote" : "{} remotes", Formats.count(items.count)) }
        let objects = items.count { $0.kind == .file }
        let folders = items.count - objects
        var text = t(objects == 1 ? "1 object" : "{} objects", Formats.count(objects))
        if folders > 0 { text += ", " + t(folders == 1 ? "1 prefix" : "{} prefixes", Formats.count(folders)) }
        if !pane.isComplete { text += ", " + t("cut here") }
        if let at = pane.listedAt { text += "   " + t("listed {}", clock(at).clock) }
        return text
    }

    /// What `a` would do, before it is pressed.
    private mutating func addLine(row: Int) {
        if !state.pastedPaths.isEmpty {
            let count = state.pastedPaths.count
            frame.put(t(count == 1 ? "a adds 1 pasted path" : "a adds {} pasted paths", Formats.count(count)), row: row, column: 1)
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
            what = displayText(t("{} marked", Formats.count(items.count)))
        }
        var column = frame.put(t("a adds "), row: row, column: 1)
        column = frame.put(what, row: row, column: column) + 1
        symbol(symbols.arrow, row: row, column: column, role: .muted)
        column += symbols.arrow.count + 1
        let relations = items.compactMap { state.browse.comparison(ofLocal: $0) }
        var words: [String] = []
        for (relation, word) in [(Comparison.onlyHere, "new"), (.same, "same"), (.differs, "differs")] {
            let count = relations.count { $0 == relation }
            if count > 0 { words.append(t(relation == .differs && count > 1 ? "{} differ" : "{} \(word)", Formats.count(count))) }
        }
        let tail = words.isEmpty ? "" : "  " + words.joined(separator: ", ")
        let place = state.browse.bucket.place.isEmpty ? t("choose where at the right") : placeText(state.browse.bucket, isLocal: false)
        let end = frame.put(url(place, max(8, size.columns - column - displayText(tail).width - 1)), row: row, column: column)
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
