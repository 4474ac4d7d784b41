import Contracts

/// Lines of text: limits, filters, places, commands.
extension AppState {
    mutating func openPrompt(_ action: Action) -> [Effect] {
        var prompt: Prompt
        let limits = mirror.status?.limits
        switch action {
        case .limit:
            let now = limits?.rate.map(Formats.rate) ?? "no limit"
            let used = mirror.status.map { ", using \(Formats.limit($0.rate, besides: limits?.rate ?? 0))" } ?? ""
            prompt = Prompt(
                kind: .limit, label: "limit up, all uploads (now \(now)\(used)):",
                hint: "Enter apply  Up history  none = no limit  +10%  -10%  Esc keep \(now)", field: TextField())
        case .slow:
            prompt = Prompt(
                kind: .slow, label: "slow mode limit (now \(Formats.rate(slow.rate))):", hint: "Enter apply  1M, 8Mbit  Esc keep", field: TextField())
        case .slots:
            let rows = SettingsPage.rows(self)
            let isParts = screen == .settings && rows.indices.contains(settingsCursor) && rows[settingsCursor].kind == .parts
            let kind: PromptKind = isParts ? .parts : .slots
            let now = kind == .slots ? limits?.uploads : limits?.parts
            prompt = Prompt(
                kind: kind, label: kind == .slots ? "uploads at once (now \(now ?? 0)):" : "parts at once, all uploads (now \(now ?? 0)):",
                hint: kind == .slots ? "Enter apply  5 = uploads  5/16 = uploads and parts  auto  Esc keep" : "Enter apply  a number or auto  Esc keep",
                field: TextField())
        case .sort where screen == .browse:
            prompt = Prompt(
                kind: .sort, label: "sort by:", hint: "name size modified; - turns it round", field: TextField(browse.active.order.text),
                before: browse.active.order.text)
        case .sort:
            prompt = Prompt(
                kind: .sort, label: "sort by:", hint: "order name size done rate eta added finished tries dest error; - turns it round",
                field: TextField(list.sort), before: list.sort)
        case .filter where screen == .browse:
            prompt = Prompt(
                kind: .paneFilter, label: "show names with:", hint: "Enter keep  Esc show all", field: TextField(browse.active.filter),
                before: browse.active.filter)
        case .filter where screen == .log:
            prompt = Prompt(
                kind: .filter, label: "show lines with:", hint: "Enter keep  words, level:debug level:warning; empty shows all  Esc back",
                field: TextField(log.filter), before: log.filter)
        case .filter:
            prompt = Prompt(
                kind: .filter, label: "filter:", hint: "Enter keep  words, state:failed size>1G bucket:B; empty shows all  Esc back",
                field: TextField(list.query), before: list.query)
        case .find: prompt = Prompt(kind: .find, label: "find:", hint: "Enter find  n next  N previous  Esc back", field: TextField())
        case .goTo:
            let place = browse.side == .local || screen != .browse ? browse.local.place : browse.bucket.place
            prompt = Prompt(
                kind: .goTo, label: "go to:", hint: "Enter go  a path, ~/…, oss://BUCKET/PREFIX/ or REMOTE:PREFIX/  Esc back",
                field: TextField(place))
        default: return []
        }
        if options.symbols == .ascii { prompt.hint = prompt.hint.asciiOnly }
        overlays.append(.prompt(prompt))
        return []
    }

    mutating func onPromptKey(_ prompt: Prompt, _ key: Key) -> [Effect] {
        var prompt = prompt
        let history = promptHistory[prompt.kind] ?? []
        switch key {
        case .enter: return submit(prompt)
        case .up where prompt.recalled < history.count:
            if prompt.recalled == 0 { prompt.draft = prompt.field.text }
            prompt.recalled += 1
            prompt.field = TextField(history[history.count - prompt.recalled])
        case .down where prompt.recalled > 0:
            prompt.recalled -= 1
            prompt.field = TextField(prompt.recalled == 0 ? prompt.draft : history[history.count - prompt.recalled])
        case .tab: prompt.field = completed(prompt)
        default:
            guard prompt.field.on(key) else { return [] }
        }
        prompt.problem = nil
        replaceTop(.prompt(prompt))
        return promptChanged()
    }

    /// A filter narrows while it is typed.
    mutating func promptChanged() -> [Effect] {
        guard case .prompt(let prompt) = overlays.last else { return [] }
        switch prompt.kind {
        case .filter: return applyFilter(prompt.field.text)
        case .paneFilter:
            browse.active.filter = prompt.field.text
            browse.active.cursor = 0
            clampBrowse()
            return []
        default: return []
        }
    }

    mutating func promptCancelled(_ prompt: Prompt) -> [Effect] {
        switch prompt.kind {
        case .filter: return applyFilter(prompt.before)
        case .paneFilter:
            browse.active.filter = prompt.before
            clampBrowse()
            return []
        default: return []
        }
    }

    mutating func applyFilter(_ text: String) -> [Effect] {
        if screen == .log {
            log.setFilter(text)
            return []
        }
        let path = listPath
        var words: [Substring] = []
        var sort: String?
        for word in text.split(separator: " ") {
            if word.hasPrefix("sort:") { sort = String(word.dropFirst(5)) } else { words.append(word) }
        }
        let query = words.joined(separator: " ")
        guard query != self[keyPath: path].query || (sort != nil && sort != self[keyPath: path].sort) else { return [] }
        self[keyPath: path].query = query
        if let sort { self[keyPath: path].sort = sort }
        self[keyPath: path].top = 0
        return ask(path)
    }

    private func completed(_ prompt: Prompt) -> TextField {
        let text = prompt.field.text
        let start = text.lastIndex { " :,(".contains($0) }.map { text.index(after: $0) } ?? text.startIndex
        let word = text[start...]
        guard !word.isEmpty else { return prompt.field }
        let words: [String]
        switch prompt.kind {
        case .filter:
            words = UploadState.allCases.map(\.rawValue) + ["state:", "name:", "bucket:", "size", "dest:", "error:", "remote:", "sort:"]
        case .sort: words = screen == .browse ? PaneOrder.Key.allCases.map(\.rawValue) : Self.sortKeys
        case .limit, .slow: words = ["none"]
        case .goTo: words = (mirror.settings?.remotes ?? []).map { $0.name + ":" }
        case .slots, .parts, .find, .paneFilter, .setting: words = []
        }
        let found = words.filter { $0.hasPrefix(word) }
        guard let first = found.first else { return prompt.field }
        var common = first
        for other in found { while !other.hasPrefix(common) { common.removeLast() } }
        return TextField(text[..<start] + common)
    }

    static let sortKeys = ["order", "name", "size", "done", "rate", "eta", "added", "finished", "tries", "dest", "error", "state", "prio"]

    // MARK: submitting

    mutating func submit(_ prompt: Prompt) -> [Effect] {
        let text = prompt.field.text
        switch prompt.kind {
        case .filter, .paneFilter:
            guard prompt.problem == nil || text.isEmpty else { return [] }
            overlays.removeLast()
            remember(prompt.kind, text)
            return []
        case .find:
            overlays.removeLast()
            remember(.find, text)
            if screen == .log { return findInLog(step: -1) }
            return screen == .browse ? findInPane(step: 1) : findAgain(listPath, step: 1)
        case .sort: return submitSort(prompt, text)
        case .limit: return submitLimit(prompt, text)
        case .slow: return submitSlowRate(prompt, text)
        case .slots, .parts: return submitSlots(prompt, text)
        case .goTo: return submitPlace(prompt, text)
        case .setting(let key): return submitSetting(key, text)
        }
    }

    private mutating func remember(_ kind: PromptKind, _ text: String) {
        guard !text.isEmpty, promptHistory[kind]?.last != text else { return }
        promptHistory[kind, default: []].append(text)
        // Enough to find what was typed today.
        if promptHistory[kind, default: []].count > 100 { promptHistory[kind]?.removeFirst() }
    }

    private mutating func fail(_ prompt: Prompt, _ problem: String) -> [Effect] {
        var prompt = prompt
        prompt.problem = problem
        replaceTop(.prompt(prompt))
        return []
    }

    private mutating func submitSort(_ prompt: Prompt, _ text: String) -> [Effect] {
        let key = text.filter { $0 != " " }
        if screen == .browse {
            guard let order = PaneOrder(key) else { return fail(prompt, "no such order: \(key). One of name size modified") }
            overlays.removeLast()
            sortPane(browse.side, by: order)
            return []
        }
        for part in key.split(separator: ",") {
            let bare = part.hasSuffix("-") ? part.dropLast() : part
            guard Self.sortKeys.contains(String(bare)) else {
                return fail(prompt, "no such order: \(bare). One of \(Self.sortKeys.joined(separator: " "))")
            }
        }
        overlays.removeLast()
        remember(.sort, text)
        let path = listPath
        self[keyPath: path].sort = key == "order" ? "" : key
        return ask(path)
    }

    private mutating func submitLimit(_ prompt: Prompt, _ text: String) -> [Effect] {
        switch RateText.read(text, current: mirror.status?.limits.rate) {
        case .failure(let problem): return fail(prompt, problem.text)
        case .success(let value):
            if let refusal = refusal() { return fail(prompt, refusal) }
            overlays.removeLast()
            remember(.limit, text)
            return setLimits(LimitsChange(rate: value))
        }
    }

    private mutating func submitSlots(_ prompt: Prompt, _ text: String) -> [Effect] {
        let changes: [SlotsChange?] = text.filter { $0 != " " }.split(separator: "/", omittingEmptySubsequences: false).map { word in
            if word == "auto" { return .auto }
            // What the engine accepts, so that a slip of the finger is caught here.
            return Int(word).flatMap { (1...1000).contains($0) ? .number($0) : nil }
        }
        guard (1...2).contains(changes.count), changes.allSatisfy({ $0 != nil }), prompt.kind == .slots || changes.count == 1 else {
            return fail(prompt, "expected a number from 1 to 1000 or auto\(prompt.kind == .slots ? ", or two as 5/16" : "")")
        }
        if let refusal = refusal() { return fail(prompt, refusal) }
        overlays.removeLast()
        if prompt.kind == .parts { return setLimits(LimitsChange(uploads: nil, parts: changes[0])) }
        return setLimits(LimitsChange(uploads: changes[0], parts: changes.count == 2 ? changes[1] : nil))
    }

    private mutating func submitPlace(_ prompt: Prompt, _ text: String) -> [Effect] {
        guard !text.isEmpty else { return fail(prompt, "type a path or a destination") }
        overlays.removeLast()
        remember(.goTo, text)
        screen = .browse
        browse.isBegun = true
        // `REMOTE:…` has a colon before any slash, `oss://` too.
        let head = text.utf8.prefix { $0 != UInt8(ascii: "/") }
        if head.contains(UInt8(ascii: ":")) {
            browse.side = .bucket
            let last = text.utf8.last
            return openBucket(last == UInt8(ascii: "/") || last == UInt8(ascii: ":") ? text : text + "/")
        }
        browse.side = .local
        return openLocal(Paths.absolute(text, base: browse.local.place, home: options.homeFolder))
    }
}

extension String {
    /// For hints of our own on terminals that show ASCII alone.
    var asciiOnly: String {
        var result = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "…": result += "..."
            case "·", "–": result += "-"
            case "“", "”": result += "\""
            case "‘", "’": result += "'"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
