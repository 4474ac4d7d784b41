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
        case .slots:
            let kind: PromptKind = screen == .settings && settingsCursor == 2 ? .parts : .slots
            let now = kind == .slots ? limits?.uploads : limits?.parts
            prompt = Prompt(
                kind: kind, label: kind == .slots ? "uploads at once (now \(now ?? 0)):" : "parts at once, all uploads (now \(now ?? 0)):",
                hint: kind == .slots ? "Enter apply  5 = uploads  5/16 = uploads and parts  Esc keep" : "Enter apply  Esc keep",
                field: TextField())
        case .sort:
            prompt = Prompt(
                kind: .sort, label: "sort by:", hint: "order name size done rate eta added finished tries dest error; - turns it round",
                field: TextField(list.sort), before: list.sort)
        case .filter where screen == .browse:
            prompt = Prompt(
                kind: .paneFilter, label: "show names with:", hint: "Enter keep  Esc show all", field: TextField(browse.active.filter),
                before: browse.active.filter)
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
        default:
            prompt = Prompt(
                kind: .command, label: ":",
                hint: "pause resume retry cancel abort QUERY · limit RATE · slots N · filter QUERY · sort KEY · quit",
                field: TextField())
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

    private mutating func applyFilter(_ text: String) -> [Effect] {
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
        case .sort: words = Self.sortKeys
        case .command: words = Self.commands + UploadState.allCases.map(\.rawValue) + ["state:"]
        case .limit: words = ["none"]
        case .goTo: words = (mirror.settings?.remotes ?? []).map { $0.name + ":" }
        case .slots, .parts, .find, .paneFilter: words = []
        }
        let found = words.filter { $0.hasPrefix(word) }
        guard let first = found.first else { return prompt.field }
        var common = first
        for other in found { while !other.hasPrefix(common) { common.removeLast() } }
        return TextField(text[..<start] + common)
    }

    static let sortKeys = ["order", "name", "size", "done", "rate", "eta", "added", "finished", "tries", "dest", "error", "state", "prio"]
    static let commands = ["pause", "resume", "retry", "cancel", "abort", "limit", "slots", "filter", "sort", "quit"]

    // MARK: submitting

    private mutating func submit(_ prompt: Prompt) -> [Effect] {
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
            return screen == .browse ? findInPane(step: 1) : findAgain(listPath, step: 1)
        case .sort: return submitSort(prompt, text)
        case .limit: return submitLimit(prompt, text)
        case .slots, .parts: return submitSlots(prompt, text)
        case .goTo: return submitPlace(prompt, text)
        case .command: return submitCommand(prompt, text)
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
            return [.setLimits(LimitsChange(rate: value))]
        }
    }

    private mutating func submitSlots(_ prompt: Prompt, _ text: String) -> [Effect] {
        let numbers = text.filter { $0 != " " }.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        // What the engine accepts, so that a slip of the finger is caught here.
        guard (1...2).contains(numbers.count), numbers.allSatisfy({ (1...1000).contains($0 ?? 0) }) else {
            return fail(prompt, "expected a number from 1 to 1000\(prompt.kind == .slots ? ", or two as 5/16" : "")")
        }
        if let refusal = refusal() { return fail(prompt, refusal) }
        overlays.removeLast()
        if prompt.kind == .parts { return [.setLimits(LimitsChange(parts: numbers[0]))] }
        return [.setLimits(LimitsChange(uploads: numbers[0], parts: numbers.count == 2 ? numbers[1] : nil))]
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

    private mutating func submitCommand(_ prompt: Prompt, _ text: String) -> [Effect] {
        let trimmed = text.drop { $0 == " " || $0 == ":" }
        let word = String(trimmed.prefix { $0 != " " })
        let rest = String(trimmed.dropFirst(word.count).drop { $0 == " " })
        remember(.command, text)
        switch word {
        case "": overlays.removeLast()
        case "quit", "q":
            overlays.removeLast()
            return [.leave(.detach)]
        case "limit": return submitLimit(prompt, rest)
        case "slots": return submitSlots(Prompt(kind: .slots, label: prompt.label, hint: prompt.hint, field: prompt.field), rest)
        case "sort": return submitSort(prompt, rest)
        case "filter":
            overlays.removeLast()
            return applyFilter(rest)
        case "pause", "resume", "retry", "cancel", "abort":
            guard !rest.isEmpty else { return fail(prompt, "\(word) what? all, or a query as in state:failed") }
            if let refusal = refusal() { return fail(prompt, refusal) }
            overlays.removeLast()
            let request = ActionRequest(action: word, query: rest == "all" ? nil : rest, all: rest == "all" ? true : nil)
            return word == "cancel" || word == "abort" ? askByDryRun(request) : send(request)
        default: return fail(prompt, "no such command: \(word). One of \(Self.commands.joined(separator: " "))")
        }
        return []
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
