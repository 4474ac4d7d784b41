import Contracts

/// Adding to the queue: the sheet is the question.
extension AppState {
    mutating func openAdd() -> [Effect] {
        if !pastedPaths.isEmpty {
            if let refusal = refusal() {
                say(refusal, .warn)
                return []
            }
            return openSheet(
                sources: pastedPaths, from: Formats.counted(pastedPaths.count, "pasted path"), bytes: 0, folders: 0, items: [])
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
        return openSheet(
            sources: sources, from: Paths.shown(from, home: options.homeFolder), bytes: Formats.sum(items.map { $0.size ?? 0 }),
            folders: items.count { $0.kind == .folder }, items: items)
    }

    private mutating func openSheet(sources: [String], from: String, bytes: Int64, folders: Int, items: [Pane.Item]) -> [Effect] {
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
        if !items.isEmpty { sheet.below = String(decoding: Paths.name(browse.local.place), as: UTF8.self) }
        if items.contains(where: { $0.depth > 0 }) { sheet.base = browse.local.place }
        let effects = recount(&sheet)
        overlays.append(.add(sheet))
        return effects
    }

    mutating func onAddKey(_ sheet: AddSheet, _ key: Key) -> [Effect] {
        if now - sheet.shownAt < Self.typeAhead { return [] }
        var sheet = sheet
        sheet.problem = nil
        let fields = AddSheet.Field.allCases
        var effects: [Effect] = []
        switch key {
        case .enter: return submit(sheet)
        case .tab, .down, .backTab, .up:
            let isOn = key == .tab || key == .down
            sheet.focus = fields[(sheet.focus.rawValue + (isOn ? 1 : fields.count - 1)) % fields.count]
            if sheet.preFlight.typedAt != nil { effects = recount(&sheet) }
        case .character(" ") where sheet.focus != .to, .right where sheet.focus != .to, .left where sheet.focus != .to:
            let before = sheet
            Self.change(&sheet, back: key == .left)
            // Priority and the hour change nothing that is counted.
            if before.flat != sheet.flat || before.existing != sheet.existing || before.followsLinks != sheet.followsLinks {
                effects = recount(&sheet)
            }
        default:
            let before = sheet.to
            if sheet.focus == .to { _ = sheet.to.on(key) }
            if before.characters != sheet.to.characters { sheet.preFlight.typedAt = now }
        }
        replaceTop(.add(sheet))
        return effects
    }

    private static func change(_ sheet: inout AddSheet, back: Bool) {
        switch sheet.focus {
        case .to: break
        case .names: sheet.flat.toggle()
        case .existing: sheet.existing = next(sheet.existing, AddSheet.existingChoices, back)
        case .links: sheet.followsLinks.toggle()
        case .priority: sheet.priority = next(sheet.priority, [.normal, .high, .low], back)
        case .start: sheet.paused.toggle()
        case .storage: sheet.storageClass = next(sheet.storageClass, AddSheet.storageChoices, back)
        }
    }

    private static func next<Value: Equatable>(_ value: Value, _ choices: [Value], _ back: Bool) -> Value {
        let index = choices.firstIndex(of: value) ?? 0
        return choices[(index + (back ? choices.count - 1 : 1)) % choices.count]
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
        let effect = Effect.add(sources: sheet.sources, dest: Self.asPrefix(dest, sheet.sources), options: sheet.options)
        let replaced = sheet.preFlight.typedAt == nil ? sheet.preFlight.replaced : nil
        if let number = replaced ?? (sheet.existing == "overwrite" ? sheet.differing : nil), number > 0 {
            let objects = Formats.counted(number, "object")
            overlays.append(
                .typed(
                    TypedQuestion(
                        title: "Replace \(objects)?",
                        lines: ["\(objects) in OSS will be replaced.", "This cannot be undone."],
                        number: number, ask: "To go on, type the number of objects", effects: [effect], shownAt: now)))
            return [.stopPlan]
        }
        say("adding \(Formats.counted(sheet.sources.count, "entry", plural: "entries")) to the queue", seconds: 60)
        return [.stopPlan, effect]
    }

    /// Several sources need a prefix, so a missing slash is added; one source may be given its object's name.
    static func asPrefix(_ dest: String, _ sources: [String]) -> String {
        let last = dest.utf8.last
        return sources.count == 1 || last == UInt8(ascii: "/") || last == UInt8(ascii: ":") ? dest : dest + "/"
    }

    static func problem(ofDestination dest: String) -> String? {
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
