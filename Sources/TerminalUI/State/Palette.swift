import Contracts

/// What is typed behind `:`, and which of the lines below it is marked.
struct Palette: Sendable, Equatable {
    var field = TextField()
    var cursor = 0
    /// Why the marked line was not run.
    var problem: String?
}

/// A line that was run from the palette, and when: milliseconds.
struct UsedCommand: Sendable, Equatable {
    var line: String
    var at: Int64
}

/// The lines of the palette for what is typed: itself where it is a command, then commands whose words match, with what they would act
/// on, then what was run before and the saved views. Pure, so that the screen and Enter see the same lines.
struct PalettePage {
    struct Entry: Equatable {
        /// What Enter runs and Tab takes into the field.
        var line: String
        /// What it would act on, or what it does.
        var note = ""
        /// Its key on this screen.
        var key = ""
        /// Why it cannot be run now.
        var refusal: String?
    }

    private(set) var entries: [Entry] = []
    /// `pause state:failed` where the shell takes the same words.
    private let state: AppState

    /// More lines than this are no choice any more.
    private static let most = 60

    init(state: AppState, palette: Palette) {
        self.state = state
        let typed = Self.trimmed(palette.field.text)
        let word = String(typed.prefix { $0 != " " })
        let rest = String(typed.dropFirst(word.count).drop { $0 == " " })
        if let found = KeyTable.command(word), !rest.isEmpty || found.command.operand == .none || found.command.word == typed {
            if !rest.isEmpty { add(entry(typed, found.binding, found.command, isTyped: true)) }
        }
        for (binding, command) in Self.matching(word, state.screen) {
            // With an operand begun only that command's own lines are of use.
            if !rest.isEmpty, command.word != word { continue }
            for candidate in candidates(binding, command) where rest.isEmpty || candidate.line.hasPrefix(typed) { add(candidate) }
        }
        for used in state.commandsUsed.reversed() where Self.has(used.line, typed) {
            add(Entry(line: used.line, note: "used " + LocalTime(seconds: used.at / 1000, zone: state.options.zone).shortClock))
        }
        if entries.count > Self.most { entries.removeLast(entries.count - Self.most) }
    }

    /// Without the colons and spaces that people put in front.
    static func trimmed(_ text: String) -> String { String(text.drop { $0 == " " || $0 == ":" }) }

    private static func has(_ line: String, _ typed: String) -> Bool {
        typed.isEmpty || Search.contains(Array(line.utf8), typed)
    }

    /// Words that begin with what is typed first, then those that hold it, then those whose help does; of this screen before the others.
    private static func matching(_ word: String, _ screen: Screen) -> [(Binding, CommandWord)] {
        var ranked: [(rank: Int, Binding, CommandWord)] = []
        for binding in KeyTable.bindings {
            for command in binding.commands {
                let elsewhere = binding.isBound(on: screen) ? 0 : 4
                let rank: Int
                if word.isEmpty || command.word == word {
                    rank = 0
                } else if command.word.hasPrefix(word) {
                    rank = 1
                } else if Search.contains(Array(command.word.utf8), word) {
                    rank = 2
                } else if Search.contains(Array((command.text ?? binding.label).utf8), word) {
                    rank = 3
                } else {
                    continue
                }
                // Commands that take something come before movements: those have keys that everybody knows.
                ranked.append((2 * (rank + elsewhere) + (command.operand == .none ? 1 : 0), binding, command))
            }
        }
        // `sorted` is stable: within a rank the order of the table holds.
        return ranked.sorted { $0.rank < $1.rank }.map { ($0.1, $0.2) }
    }

    private mutating func add(_ entry: Entry) {
        if !entries.contains(where: { $0.line == entry.line }) { entries.append(entry) }
    }

    // MARK: lines of one command

    private func entry(_ line: String, _ binding: Binding, _ command: CommandWord, note: String? = nil, isTyped: Bool = false) -> Entry {
        let key = state.options.keys.bindings(on: state.screen).first { $0.action == binding.action }?.keys.first.map(KeyTable.name)
        return Entry(
            line: line, note: note ?? command.text ?? binding.label, key: command.word == binding.action.rawValue ? key ?? "" : "",
            refusal: refusal(binding, command, isAlone: line == command.word))
    }

    private func refusal(_ binding: Binding, _ command: CommandWord, isAlone: Bool) -> String? {
        if binding.action.changesUploads, command.word != "view", command.word != "theme", let refusal = state.refusal() { return refusal }
        // With an operand a command works on what it names, wherever it is typed.
        guard isAlone, command.word == binding.action.rawValue || command.operand == .uploads else { return nil }
        return binding.isBound(on: state.screen) ? nil : "works on \(HelpPage.places(binding))"
    }

    private func candidates(_ binding: Binding, _ command: CommandWord) -> [Entry] {
        let word = command.word
        let alone = entry(word, binding, command)
        switch command.operand {
        case .none: return [alone]
        case .uploads:
            var lines = binding.isBound(on: state.screen) ? [entry(word, binding, command, note: chosenNote)] : []
            let counts = state.mirror.status?.counts ?? [:]
            var all = 0
            for wanted in Self.states(of: word) {
                let count = counts[wanted.rawValue] ?? 0
                all += count
                if count > 0 {
                    lines.append(
                        entry("\(word) state:\(wanted.rawValue)", binding, command, note: Formats.counted(count, "upload")))
                }
            }
            var whole = entry("\(word) all", binding, command, note: Formats.counted(all, "upload"))
            whole.key = ""
            if all > 0 { lines.append(whole) }
            for index in lines.indices.dropFirst() { lines[index].key = "" }
            return lines.isEmpty ? [alone] : lines
        case .priority: return ["high", "normal", "low"].map { entry("priority \($0)", binding, command, note: chosenNote) }
        case .end: return ["front", "back"].map { entry("move \($0)", binding, command, note: chosenNote) }
        case .rate:
            let now = state.mirror.status?.limits.rate.map(Formats.rate) ?? "none"
            return [entry(word, binding, command, note: "now \(now)")] + ["none", "schedule"].map { entry("\(word) \($0)", binding, command) }
        case .slots:
            let limits = state.mirror.status?.limits
            return [
                entry(word, binding, command, note: limits.map { "now \($0.uploads)/\($0.parts)" }), entry("\(word) auto", binding, command),
            ]
        case .query:
            return [alone]
                + [UploadState.failed, .held, .paused, .uploading].compactMap { wanted in
                    guard let count = state.mirror.status?.counts[wanted.rawValue], count > 0 else { return nil }
                    return entry("\(word) state:\(wanted.rawValue)", binding, command, note: Formats.counted(count, "upload"))
                }
        case .sortKey: return [alone] + ["name", "size-", "eta", "added-"].map { entry("\(word) \($0)", binding, command) }
        case .view:
            let saved = state.views.sorted { $0.key < $1.key }.map { name, view in
                entry("view \(name)", binding, command, note: view.query.flatMap { $0.isEmpty ? nil : $0 } ?? "saved view")
            }
            return saved.isEmpty ? [entry("view save", binding, command, note: "keep this filter under a name: view save NAME")] : saved
        case .theme:
            let themes = state.options.themes.map { entry("theme \($0)", binding, command) }
            return themes.isEmpty ? [alone] : themes
        case .place, .text: return [alone]
        }
    }

    private var chosenNote: String {
        if state.screen == .access { return "the profile under the cursor" }
        guard let chosen = state.chosen() else { return "nothing is chosen" }
        let size = chosen.size.map { ", " + Formats.size($0) } ?? ""
        return Formats.counted(chosen.count, "upload") + size
    }

    /// The states that a command changes.
    private static func states(of word: String) -> [UploadState] {
        switch word {
        case "pause": [.uploading, .retrying, .queued, .held, .scanning]
        case "resume": [.paused]
        case "retry": [.failed, .retrying, .held]
        default: [.uploading, .retrying, .queued, .held, .paused, .failed]
        }
    }
}

extension AppState {
    mutating func onPaletteKey(_ palette: Palette, _ key: Key) -> [Effect] {
        var palette = palette
        let entries = PalettePage(state: self, palette: palette).entries
        switch key {
        case .down: palette.cursor = min(palette.cursor + 1, max(0, entries.count - 1))
        case .up: palette.cursor = max(0, palette.cursor - 1)
        case .pageDown: palette.cursor = min(palette.cursor + 8, max(0, entries.count - 1))
        case .pageUp: palette.cursor = max(0, palette.cursor - 8)
        case .tab:
            // What stands there already is no completion of itself.
            let typed = PalettePage.trimmed(palette.field.text)
            if entries.first?.line == typed, palette.cursor == 0, entries.count > 1 { palette.cursor = 1 }
            guard entries.indices.contains(palette.cursor) else { return [] }
            palette.field = TextField(entries[palette.cursor].line + " ")
            palette.cursor = 0
        case .enter:
            let typed = PalettePage.trimmed(palette.field.text)
            guard entries.indices.contains(palette.cursor) else {
                if typed.isEmpty { return closePalette() }
                palette.problem = "no such command: \(typed.prefix { $0 != " " })"
                break
            }
            let entry = entries[palette.cursor]
            if let refusal = entry.refusal {
                palette.problem = refusal
                break
            }
            switch run(entry.line) {
            case .success(let effects): return effects
            case .failure(let problem): palette.problem = problem.text
            }
        default:
            guard palette.field.on(key) else { return [] }
            palette.cursor = 0
            palette.problem = nil
        }
        replaceTop(.palette(palette))
        return []
    }

    private mutating func closePalette() -> [Effect] {
        if case .palette = overlays.last { overlays.removeLast() }
        return []
    }

    struct CommandProblem: Error { var text: String }

    /// Runs a line of the palette; on success the palette is gone.
    mutating func run(_ line: String) -> Result<[Effect], CommandProblem> {
        let line = PalettePage.trimmed(line)
        let word = String(line.prefix { $0 != " " })
        let rest = String(line.dropFirst(word.count).drop { $0 == " " })
        guard let (binding, command) = KeyTable.command(word) else { return .failure(CommandProblem(text: "no such command: \(word)")) }
        if rest.isEmpty, command.operand == .priority || command.operand == .end {
            return .failure(CommandProblem(text: "\(word) \(command.operand == .end ? "front or back?" : "high, normal or low?")"))
        }
        _ = closePalette()
        remember(line)
        switch command.operand {
        case .uploads where !rest.isEmpty: return .success(act(word, on: rest))
        case .uploads where word == "resume":
            guard let chosen = chosen() else {
                say("nothing here to resume")
                return .success([])
            }
            return .success(send(chosen.request("resume")))
        case .priority, .end:
            let value = String(rest.prefix { $0 != " " })
            let query = String(rest.dropFirst(value.count).drop { $0 == " " })
            guard command.operand == .end ? ["front", "back"].contains(value) : Priority(rawValue: value) != nil else {
                say("no such \(word): \(value)", .warn)
                return .success([])
            }
            if !query.isEmpty { return .success(send(Self.request(word, query, value: value))) }
            guard let chosen = chosen() else {
                say("nothing here to change")
                return .success([])
            }
            return .success(send(chosen.request(word, value: value)))
        case .view: return .success(rest.isEmpty ? perform(.command, key: .enter) : useView(rest))
        case .theme: return .success(rest.isEmpty ? perform(.reload, key: .enter) : [.loadTheme(name: rest)])
        case .rate, .slots, .query, .sortKey, .place, .text:
            let effects = perform(binding.action, key: .enter)
            guard !rest.isEmpty, case .prompt(var prompt)? = overlays.last else { return .success(effects) }
            // As if it had been typed there: what is wrong with it is said there too.
            prompt.field = TextField(rest)
            replaceTop(.prompt(prompt))
            let typed = promptChanged()
            return .success(effects + typed + submit(prompt))
        case .none where word == "quit": return .success([.leave(.detach)])
        default: return .success(perform(binding.action, key: .enter))
        }
    }

    private mutating func remember(_ line: String) {
        commandsUsed.removeAll { $0.line == line }
        commandsUsed.append(UsedCommand(line: line, at: now))
        // Enough to find what was run today.
        if commandsUsed.count > 50 { commandsUsed.removeFirst() }
    }

    private mutating func act(_ word: String, on operand: String) -> [Effect] {
        let request = Self.request(word, operand)
        return word == "cancel" || word == "abort" ? askByDryRun(request) : send(request)
    }

    /// `all`, ids of uploads or jobs, or a query.
    private static func request(_ action: String, _ operand: String, value: String? = nil) -> ActionRequest {
        if operand == "all" { return ActionRequest(action: action, all: true, value: value) }
        let words = operand.split(separator: " ").map(String.init)
        if words.allSatisfy({ $0.hasPrefix("u-") || $0.hasPrefix("j-") }) { return ActionRequest(action: action, ids: words, value: value) }
        return ActionRequest(action: action, query: operand, value: value)
    }
}
