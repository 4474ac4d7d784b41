import Contracts

/// Adding to the queue: the sheet is the question.
extension AppState {
    mutating func openAdd() -> [Effect] {
        if !pastedPaths.isEmpty {
            if let refusal = refusal() {
                say(refusal, .warn)
                return []
            }
            openSheet(
                sources: pastedPaths, from: Formats.counted(pastedPaths.count, "pasted path"), bytes: 0, folders: 0, items: [])
            return []
        }
        guard screen == .browse else {
            screen = .browse
            say("mark what is to go up with Space, then a adds it", seconds: 30)
            return beginBrowse()
        }
        endBrowseRange()
        guard browse.side == .local || !browse.local.marks.isEmpty else {
            say("Tab goes to the local files; mark there, then a adds them here", .warn)
            return []
        }
        let items = browse.chosenLocal
        guard !items.isEmpty else {
            say("nothing is marked", .warn)
            return []
        }
        if let bad = items.first(where: { !UTF8Length.isValid($0.name) }) {
            say("\(displayText(bad.name).plain): this name is not UTF-8 and cannot be an object key. Rename it or unmark it.", .warn)
            return []
        }
        if items.contains(where: { $0.kind == .other }) {
            say("pipes, sockets and devices cannot be queued: unmark them", .warn)
            return []
        }
        let sources = items.map { Paths.join(browse.local.place, String(decoding: $0.name, as: UTF8.self)) }
        let place = Paths.shown(browse.local.place, home: options.homeFolder)
        let from = browse.local.marks.isEmpty ? sources[0] : "\(items.count) marked in \(place)"
        openSheet(
            sources: sources, from: Paths.shown(from, home: options.homeFolder), bytes: Formats.sum(items.map { $0.size ?? 0 }),
            folders: items.count { $0.kind == .folder }, items: items)
        return []
    }

    private mutating func openSheet(sources: [String], from: String, bytes: Int64, folders: Int, items: [Pane.Item]) {
        var dest = browse.bucket.place
        if dest.isEmpty {
            let remotes = browse.visible(browse.bucket)
            let chosen = remotes.indices.contains(browse.bucket.cursor) ? remotes[browse.bucket.cursor].dest : ""
            let standard = (mirror.settings?.defaultRemote ?? mirror.status?.defaultRemote).map { $0 + ":" }
            dest = screen == .browse && !chosen.isEmpty ? chosen : standard ?? (chosen.isEmpty ? "oss://" : chosen)
        }
        var sheet = AddSheet(sources: sources, from: from, bytes: bytes, folders: folders, to: TextField(dest), shownAt: now)
        for item in items {
            switch browse.comparison(ofLocal: item) {
            case .same: sheet.same += 1
            case .differs: sheet.differing += 1
            default: break
            }
        }
        overlays.append(.add(sheet))
    }

    mutating func onAddKey(_ sheet: AddSheet, _ key: Key) -> [Effect] {
        if now - sheet.shownAt < Self.typeAhead { return [] }
        var sheet = sheet
        sheet.problem = nil
        let fields = AddSheet.Field.allCases
        switch key {
        case .enter: return submit(sheet)
        case .tab, .down: sheet.focus = fields[(sheet.focus.rawValue + 1) % fields.count]
        case .backTab, .up: sheet.focus = fields[(sheet.focus.rawValue + fields.count - 1) % fields.count]
        case .character(" ") where sheet.focus != .to, .right where sheet.focus != .to, .left where sheet.focus != .to:
            change(&sheet)
        default:
            if sheet.focus == .to { _ = sheet.to.on(key) }
        }
        replaceTop(.add(sheet))
        return []
    }

    private func change(_ sheet: inout AddSheet) {
        switch sheet.focus {
        case .to: break
        case .names: sheet.flat.toggle()
        case .existing:
            let index = AddSheet.existingChoices.firstIndex(of: sheet.existing) ?? 0
            sheet.existing = AddSheet.existingChoices[(index + 1) % AddSheet.existingChoices.count]
        case .links: sheet.followsLinks.toggle()
        case .priority: sheet.priority = sheet.priority == .normal ? .high : sheet.priority == .high ? .low : .normal
        case .start: sheet.paused.toggle()
        }
    }

    private mutating func submit(_ sheet: AddSheet) -> [Effect] {
        var sheet = sheet
        let dest = sheet.to.text
        if let refusal = refusal() {
            sheet.problem = refusal
        } else if let problem = Self.problem(ofDestination: dest) {
            sheet.problem = problem
        }
        if sheet.problem != nil {
            replaceTop(.add(sheet))
            return []
        }
        overlays.removeLast()
        pastedPaths = []
        browse.local.marks = []
        var order = OrderOptions()
        order.existing = sheet.existing
        order.priority = sheet.priority == .normal ? nil : sheet.priority
        order.paused = sheet.paused ? true : nil
        order.links = sheet.followsLinks ? "follow" : nil
        order.flat = sheet.flat ? true : nil
        let effect = Effect.add(sources: sheet.sources, dest: Self.asPrefix(dest, sheet.sources), options: order)
        if sheet.existing == "overwrite", sheet.differing > 0 {
            overlays.append(
                .typed(
                    TypedQuestion(
                        title: "Replace \(Formats.counted(sheet.differing, "object"))?",
                        lines: [
                            "\(Formats.counted(sheet.differing, "object")) in OSS will be replaced by other contents.",
                            "This cannot be undone.",
                        ],
                        number: sheet.differing, ask: "To go on, type the number of objects", effects: [effect], shownAt: now)))
            return []
        }
        say("adding \(Formats.counted(sheet.sources.count, "entry", plural: "entries")) to the queue", seconds: 60)
        return [effect]
    }

    /// Several sources need a prefix, so a missing slash is added; one source may be given its object's name.
    private static func asPrefix(_ dest: String, _ sources: [String]) -> String {
        let last = dest.utf8.last
        return sources.count == 1 || last == UInt8(ascii: "/") || last == UInt8(ascii: ":") ? dest : dest + "/"
    }

    private static func problem(ofDestination dest: String) -> String? {
        let bytes = Array(dest.utf8)
        if bytes.starts(with: "oss://".utf8) {
            let bucket = bytes.dropFirst(6).prefix { $0 != UInt8(ascii: "/") }
            return bucket.isEmpty ? "name a bucket: oss://BUCKET/PREFIX/" : nil
        }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
            return "expected oss://BUCKET/PREFIX/ or REMOTE:PREFIX/"
        }
        return nil
    }
}

extension Formats {
    static func counted(_ number: Int, _ noun: String, plural: String) -> String { count(number) + " " + (number == 1 ? noun : plural) }
}
