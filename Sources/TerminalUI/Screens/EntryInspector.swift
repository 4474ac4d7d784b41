import Contracts

/// Where the panes of Browse lie, and the inspector where there is room for it.
struct BrowseColumns: Sendable, Equatable {
    let divider: Int
    let right: Int
    let rightWidth: Int
    let inspector: (column: Int, width: Int)?

    private static let inspectorFrom = 160
    private static let widestInspector = 64

    init(_ size: Size) {
        let width = size.columns >= Self.inspectorFrom ? min(Self.widestInspector, size.columns * 3 / 10) : 0
        let room = width > 0 ? size.columns - width - 3 : size.columns
        divider = (room - 1) / 2
        right = divider + 2
        rightWidth = room - right
        inspector = width > 0 ? (size.columns - width, width) : nil
    }

    static func == (a: BrowseColumns, b: BrowseColumns) -> Bool {
        a.divider == b.divider && a.rightWidth == b.rightWidth && a.inspector?.column == b.inspector?.column
    }
}

/// What is known of the entry under the cursor, beside the panes. `J` and `K` scroll it.
extension Canvas {
    mutating func entryInspector(column: Int, width: Int, bottom: Int) {
        let items = state.browse.visible(state.browse.active)
        frame.put(t("entry"), row: 1, column: column, role: .tab)
        guard items.indices.contains(state.browse.active.cursor) else { return }
        let lines = entryFacts(items[state.browse.active.cursor], width: width - 1)
        let room = max(0, bottom - 2)
        let first = max(0, min(state.browse.scroll, lines.count - room))
        for (index, line) in lines.dropFirst(first).prefix(room).enumerated() {
            frame.put(line.label, row: 2 + index, column: column, role: .muted)
            frame.put(cut(line.text, width - 1 - line.indent), row: 2 + index, column: column + line.indent, role: line.role)
        }
        if lines.count > first + room { frame.putRight(t("J more"), row: bottom - 1, end: size.columns - 1, role: .keyLabel) }
    }

    private struct FactLine {
        var label = ""
        var text: String
        var indent = 12
        var role: Role = .text
    }

    private func entryFacts(_ item: Pane.Item, width: Int) -> [FactLine] {
        let isLocal = state.browse.side == .local
        let path: WritableKeyPath<BrowseState, Pane> = isLocal ? \.local : \.bucket
        var lines: [FactLine] = []
        func add(_ label: String, _ text: String, _ role: Role = .text) {
            for (index, line) in pieces(text, width - 12).enumerated() {
                lines.append(FactLine(label: index == 0 ? t(label) : "", text: line, role: role))
            }
        }
        let shown = displayText(item.kind == .up ? Array("..".utf8) : item.ownName, rules: rules)
        add("name", shown.plain, .title)
        switch item.kind {
        case .up, .folder: add("kind", t(isLocal ? "directory" : "prefix"))
        case .file: add("kind", t(isLocal ? "file" : "object"))
        case .link(let target):
            add("kind", t("link"))
            add("points to", displayText(target, rules: rules).plain)
        case .other: add("kind", t("pipe, socket or device: cannot be queued"))
        case .remote: add("kind", t("remote"))
        }
        if item.kind == .remote, let remote = state.mirror.settings?.remotes.first(where: { $0.name + ":" == item.dest }) {
            add("bucket", remote.bucket)
            return lines
        }
        if item.kind != .up { add(isLocal ? "path" : "place", isLocal ? place(item, path) : (state.browse.bucket.shownPlace ?? state.browse.bucket.place) + displayText(item.name, rules: rules).plain) }
        if let size = item.size { add("size", "\(Formats.size(size)) (" + t("{} bytes", Formats.count(Int(size))) + ")") }
        if let modified = item.modified {
            let time = LocalTime(seconds: modified, zone: state.options.zone)
            add("modified", "\(time.date) \(time.clock) \(LocalTime.zoneText(state.options.zone))")
        }
        if let etag = item.etag { add("etag", etag) }
        if let storageClass = item.storageClass { add("storage", storageClass) }
        let below = state.browse.active.levels[item.name]
        if item.kind == .folder { add("entries", below.map { Formats.count($0.count) } ?? t("l unfolds it")) }
        lines += relation(item, isLocal: isLocal, width)
        return lines
    }

    private func place(_ item: Pane.Item, _ path: WritableKeyPath<BrowseState, Pane>) -> String {
        let folder = Paths.shown(state.browse.local.place, home: state.options.homeFolder)
        return Paths.join(folder, displayText(item.name, rules: rules).plain)
    }

    /// How it compares with what has its name in the other pane.
    private func relation(_ item: Pane.Item, isLocal: Bool, _ width: Int) -> [FactLine] {
        guard item.kind == .file else { return [] }
        var lines = [FactLine(text: "")]
        let other = isLocal ? state.browse.bucket : state.browse.local
        if isLocal, let queued = state.browse.queuedPlace.utf8.elementsEqual(state.browse.local.place.utf8) ? state.browse.queued[item.name] : nil {
            lines.append(FactLine(label: t("queue"), text: t(queued == .failed ? "FAILED" : queued.rawValue), role: Symbols.role(queued)))
        }
        let found = isLocal ? state.browse.comparison(ofLocal: item) : state.browse.comparison(ofObject: item)
        guard let found else { return lines.count > 1 ? lines : [] }
        let words: [Comparison: String] = [
            .same: "same size there and here", .differs: "differs", .onlyHere: "only here", .onlyThere: "only there",
        ]
        lines.append(FactLine(label: t("compared"), text: t(words[found] ?? ""), role: found.role))
        if found == .differs || found == .same, let match = other.levels[item.parent]?.first(where: { $0.name == item.name }) {
            if let size = match.size { lines.append(FactLine(label: t(isLocal ? "there" : "here"), text: Formats.size(size))) }
            if let modified = match.modified {
                let time = LocalTime(seconds: modified, zone: state.options.zone)
                lines.append(FactLine(text: "\(time.date) \(time.clock)"))
            }
        }
        return lines
    }

    /// A long name in as many lines as it needs; at most eight.
    private func pieces(_ text: String, _ width: Int) -> [String] {
        guard width > 4 else { return [text] }
        var lines: [String] = []
        var line = ""
        for character in text {
            if displayText(line + String(character), rules: rules).width > width {
                lines.append(line)
                line = ""
                if lines.count == 8 { return lines }
            }
            line.append(character)
        }
        return lines + [line]
    }
}
