import Contracts

/// What lies over a screen.
extension Canvas {
    mutating func overlay(_ overlay: Overlay) {
        // What lies below cannot be clicked.
        frame.zones = []
        switch overlay {
        case .prompt(let prompt): self.prompt(prompt)
        case .palette(let palette): self.palette(palette)
        case .help(let help): helpOverlay(help)
        case .confirm(let question): confirm(question)
        case .typed(let question): typed(question)
        case .add(let sheet): addSheet(sheet)
        case .leave(let menu): leaveMenu(menu)
        case .profile(let form): profileForm(form)
        case .edits(let menu): editsMenu(menu)
        }
    }

    /// Centred over the list; too big for the window, it becomes the whole window.
    func place(width: Int, height: Int) -> (row: Int, column: Int, width: Int, height: Int) {
        let w = min(width, size.columns)
        let h = min(height, size.rows - 1)
        let top = Layout(queue: size).listTop
        let row = max(0, min(size.rows - 1 - h, top + 1))
        return (row, max(0, min((size.columns - w) / 2 - (size.columns >= 76 ? 0 : 0), size.columns - w)), w, h)
    }

    func wrapped(_ lines: [String], _ width: Int) -> [String] {
        lines.flatMap { $0.isEmpty ? [""] : displayText($0, rules: rules).width <= width ? [$0] : wrap($0, width: width) }
    }

    private mutating func confirm(_ question: Question) {
        let width = min(62, size.columns)
        let lines = wrapped(question.lines.map(t), width - 6)
        let at = place(width: width, height: lines.count + 5)
        box(row: at.row, column: at.column, width: at.width, height: at.height, title: question.title)
        let room = max(0, at.height - 5)
        let scroll = max(0, min(question.scroll, lines.count - room))
        for (index, text) in lines.dropFirst(scroll).prefix(room).enumerated() {
            frame.put(cut(text, at.width - 6), row: at.row + 2 + index, column: at.column + 3, role: .surface)
        }
        let row = at.row + at.height - 2
        let yes = question.yesHasFocus ? "[ y  \(t(question.yes)) ]" : "y  \(t(question.yes))"
        let no = question.yesHasFocus ? "n  \(t(question.no))" : "[ n  \(t(question.no)) ]"
        let start = at.column + 3
        let gap = max(2, min(6, at.width - 6 - displayText(yes).width - displayText(no).width))
        let end = frame.put(yes, row: row, column: start, role: .danger)
        zone(.key(.character("y")), row: row, from: start, to: end)
        zone(.key(.character("n")), row: row, from: end + gap, to: end + gap + displayText(no).width)
        let focus = question.yesHasFocus ? start : end + gap
        frame.put(
            no, row: row, column: end + gap, limit: at.width - 2 - (end + gap - at.column), role: question.yesHasFocus ? .key : .tabActive)
        frame.cursor = (min(focus, size.columns - 1), row)
    }

    private mutating func typed(_ question: TypedQuestion) {
        let width = min(62, size.columns)
        let lines = wrapped((question.lines + ["", "\(question.ask): \(question.number)"]).map(t), width - 6)
        let at = place(width: width, height: min(size.rows - 1, lines.count + 8))
        box(row: at.row, column: at.column, width: at.width, height: at.height, title: question.title)
        let isTight = at.height < lines.count + 8
        var row = at.row + (isTight ? 1 : 2)
        for text in (isTight ? lines.suffix(max(0, at.height - 4)) : lines[...]) {
            frame.put(cut(text, at.width - 6), row: row, column: at.column + 3, role: .surface)
            row += 1
        }
        if !isTight { row += 1 }
        frame.put("> ", row: row, column: at.column + 3, role: .key)
        let (text, cursor) = visible(question.field, room: 12)
        frame.put(text, row: row, column: at.column + 5, limit: 12, role: .input)
        frame.cursor = (min(at.column + 5 + cursor, size.columns - 1), row)
        let escape = t("Esc keeps everything")
        if at.width >= 44 { frame.put(escape, row: row, column: at.column + at.width - 4 - displayText(escape).width, role: .keyLabel) }
        if let problem = question.problem {
            frame.put(cut(t(problem), at.width - 6), row: at.row + at.height - (isTight ? 2 : 3), column: at.column + 3, role: .error)
        }
    }

    private mutating func leaveMenu(_ menu: LeaveMenu) {
        let counts = state.mirror.status?.counts ?? [:]
        let running = ["uploading", "verifying", "retrying"].reduce(0) { $0 + (counts[$1] ?? 0) }
        let uploads = Formats.counted(running, "upload")
        let others = (state.mirror.status?.engine.frontEnds ?? 1) - 1
        let entries = [
            "d  detach, uploads go on   (q does this)", "f  finish \(uploads), then stop the engine",
            "s  stop the engine now; \(uploads) resume\(running == 1 ? "s" : "") next time",
        ]
        let isTight = size.rows < 14
        let width = min(62, size.columns)
        let at = place(width: width, height: isTight ? 6 : 11)
        box(row: at.row, column: at.column, width: at.width, height: at.height, title: "Leave", footer: "Esc stay")
        var row = at.row + (isTight ? 1 : 2)
        for (index, entry) in entries.enumerated() {
            let isCursor = index == menu.cursor
            frame.put((isCursor ? "> " : "  "), row: row, column: at.column + 3)
            frame.put(cut(t(entry), at.width - 8), row: row, column: at.column + 5, role: .surface)
            zone(.key(.character("dfs".map { $0 }[index])), row: row, from: at.column + 1, to: at.column + at.width - 1)
            if isCursor {
                frame.paint(row: row, column: at.column + 2, width: at.width - 4, role: .cursor)
                frame.cursor = (at.column + 3, row)
            }
            row += 1
        }
        if !isTight {
            let note = others > 0 ? t(others == 1 ? "1 other front end is attached too." : "{} other front ends are attached too.", Formats.count(others)) : ""
            frame.put(note, row: row + 1, column: at.column + 8, role: .warn)
            frame.put(t("Nothing here cancels an upload."), row: row + 3, column: at.column + 5, role: .muted)
        }
    }

    // MARK: help

    private mutating func helpOverlay(_ help: HelpState) {
        let page = HelpPage(state: state, help: help)
        let width = size.columns >= 140 ? 112 : min(76, size.columns)
        let height = max(5, min(size.rows >= 40 ? 32 : 20, size.rows - 3))
        let row = max(0, min(2, size.rows - 1 - height))
        let column = (size.columns - width) / 2
        let title = "Help: " + (help.allScreens ? "all screens" : HelpPage.name(state.screen))
        box(row: row, column: column, width: width, height: height, title: title, footer: "Esc close")
        let count = "\(page.bindings.count) of \(page.total) keys match"
        let start = frame.put(t("find: "), row: row + 1, column: column + 2, role: .muted)
        let (text, cursor) = visible(help.field, room: max(1, width - 40))
        frame.put(text, row: row + 1, column: start, role: .input)
        frame.cursor = (min(start + cursor, size.columns - 1), row + 1)
        if width >= 50 { frame.putRight(t(count), row: row + 1, end: column + width - 2, role: .muted) }
        let entries = page.entries(symbols)
        let room = max(1, height - 5)
        let first = max(0, min(help.cursor - room / 2, entries.count - room))
        for (index, entry) in entries.dropFirst(first).prefix(room).enumerated() {
            let y = row + 3 + index
            let isCursor = first + index == help.cursor && first + index < page.bindings.count
            if isCursor { frame.put(">", row: y, column: column + 2) }
            if first + index < page.bindings.count { zone(.line(first + index), row: y, from: column + 1, to: column + width - 1) }
            frame.put(cut(entry.key, 11), row: y, column: column + 4, role: .key)
            let place = max(24, min(42, width - 34))
            frame.put(cut(t(entry.text), entry.note.isEmpty ? width - 18 : max(8, place - 1)), row: y, column: column + 16, role: .surface)
            if !entry.note.isEmpty, width - 18 > place {
                frame.put(cut(t(entry.note), width - 18 - place), row: y, column: column + 16 + place, role: .muted)
            }
            if isCursor { frame.paint(row: y, column: column + 1, width: width - 2, role: .cursor) }
        }
        let hint = "Enter runs the marked key   Tab \(help.allScreens ? "this screen" : "all screens")"
        frame.put(cut(t(hint), width - 4), row: row + height - 2, column: column + 2, role: .keyLabel)
    }
}

/// The help: the lines of the key table that match, then the symbols.
struct HelpPage {
    struct Entry {
        var key: String
        var text: String
        var note: String
    }
    let bindings: [Binding]
    let total: Int
    private let showsSymbols: Bool
    private let reasons: [String]

    init(state: AppState, help: HelpState) {
        let all = help.allScreens ? state.options.keys.bindings : state.options.keys.bindings(on: state.screen)
        total = all.count
        let wanted = help.field.text
        bindings = all.filter { binding in
            guard !wanted.isEmpty else { return true }
            let keys = binding.keys.map(KeyTable.name)
            return keys.contains(wanted) || Search.contains(Array(binding.action.rawValue.utf8), wanted)
                || Search.contains(Array(binding.label.utf8), wanted)
        }
        showsSymbols = wanted.isEmpty
        reasons = bindings.map { Self.reason($0.action, state) ?? Self.places($0) }
    }

    /// Why a key would do nothing now.
    private static func reason(_ action: Action, _ state: AppState) -> String? {
        switch action {
        case .tree: return "not in this version"
        case .retry where state.screen == .queue && state.mirror.status?.counts["failed"] ?? 0 == 0 && !state.mirror.isLost:
            return "nothing here has failed"
        default:
            if action.changesUploads, let refusal = state.refusal() { return refusal }
            return nil
        }
    }

    static func places(_ binding: Binding) -> String {
        binding.screens.isEmpty ? "all screens" : binding.screens.map(name).joined(separator: ", ")
    }

    static func name(_ screen: Screen) -> String { screen.rawValue.prefix(1).uppercased() + screen.rawValue.dropFirst() }

    func entries(_ symbols: Symbols) -> [Entry] {
        var result = bindings.indices.map { index in
            Entry(key: bindings[index].keys.map(KeyTable.name).joined(separator: " "), text: bindings[index].label, note: reasons[index])
        }
        guard showsSymbols else { return result }
        result.append(Entry(key: "", text: "", note: ""))
        let states: [(UploadState, String)] = [
            (.scanning, "directory still being listed"), (.queued, "waits for its turn"), (.uploading, "parts on the way"),
            (.verifying, "all parts stored, checksum compared"), (.retrying, "waits, then goes on by itself"),
            (.held, "the engine waits: token, network, disk, schedule"), (.paused, "a person stopped it; p resumes"),
            (.failed, "needs a person; r tries again"), (.done, "stored and verified"), (.cancelled, "parts kept; u takes it back"),
            (.skipped, "the same object is there already"),
        ]
        for (state, meaning) in states {
            result.append(Entry(key: symbols.state(state), text: state == .failed ? "FAILED" : state.rawValue, note: meaning))
        }
        result.append(Entry(key: "Bar", text: "\(symbols.stored) stored  \(symbols.sending) sending  \(symbols.rest) to do", note: ""))
        return result
    }
}
