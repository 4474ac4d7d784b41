import Contracts

/// Dialogs: questions, the leave menu, help.
extension AppState {
    /// Keys this close to the moment a question appears were meant for what was there before, milliseconds.
    static let typeAhead: Int64 = 300

    mutating func onOverlayKey(_ key: Key) -> [Effect] {
        guard let top = overlays.last else { return [] }
        if key == .control("l") { return [.redraw] }
        if key == .control("z") { return [.suspend] }
        if key == .escape || key == .control("c") { return closeOverlay(top) }
        switch top {
        case .help(let help): return onHelpKey(help, key)
        case .confirm(let question): return onQuestionKey(question, key)
        case .typed(let question): return onTypedKey(question, key)
        case .prompt(let prompt): return onPromptKey(prompt, key)
        case .palette(let palette): return onPaletteKey(palette, key)
        case .add(let sheet): return onAddKey(sheet, key)
        case .leave(let menu): return onLeaveKey(menu, key)
        case .profile(let form): return onProfileKey(form, key)
        case .edits(let menu): return onEditsKey(menu, key)
        }
    }

    mutating func replaceTop(_ overlay: Overlay) {
        guard !overlays.isEmpty else { return }
        overlays[overlays.count - 1] = overlay
    }

    private mutating func closeOverlay(_ top: Overlay) -> [Effect] {
        if case .add(let sheet) = top { return closeSheet(sheet) }
        overlays.removeLast()
        if case .prompt(let prompt) = top { return promptCancelled(prompt) }
        return []
    }

    private func isTypedAhead(_ shownAt: Int64) -> Bool { now - shownAt < Self.typeAhead }

    // MARK: yes or no

    /// Sends at once what may be undone easily; asks before the rest.
    mutating func openQuestion(_ request: ActionRequest, _ chosen: Chosen, openedBy key: Key) -> [Effect] {
        if let refusal = refusal() {
            say(refusal, .warn)
            return []
        }
        let many = Formats.counted(chosen.count, "upload")
        var signed = request
        signed.by = options.userName
        if request.action == "cancel" {
            // Up to here an undo is enough of a net.
            if let stored = chosen.stored, chosen.count <= 20, stored < 10 << 30 { return send(request).clearingMarks(&self) }
            overlays.append(
                .confirm(
                    Question(
                        title: "Cancel \(many)?", lines: cancelLines(chosen), yes: "cancel \(many)",
                        no: chosen.count == 1 ? "keep it" : "keep them",
                        effects: [.act(signed)], openedBy: key, shownAt: now)))
            return []
        }
        if chosen.count == 1, let stored = chosen.stored {
            overlays.append(
                .confirm(
                    Question(
                        title: "Abort this upload and delete its parts?",
                        lines: [
                            chosen.name ?? "", "", "\(Formats.size(stored)) of stored parts will be deleted in OSS.",
                            "This cannot be undone.",
                        ], yes: "abort and delete", no: "keep it", effects: [.act(signed)], openedBy: key, shownAt: now)))
            return []
        }
        var lines = ["This cannot be undone."]
        lines.insert(
            chosen.stored.map { "\(Formats.size($0)) of stored parts will be deleted in OSS." }
                ?? "Their stored parts will be deleted in OSS.",
            at: 0)
        overlays.append(
            .typed(
                TypedQuestion(
                    title: "Abort \(many) and delete their parts?", lines: lines, number: chosen.count,
                    ask: "To go on, type the number of uploads", effects: [.act(signed)], shownAt: now)))
        return []
    }

    private func cancelLines(_ chosen: Chosen) -> [String] {
        var lines: [String] = []
        if let size = chosen.size, let stored = chosen.stored {
            lines.append("\(Formats.size(size)), of which \(Formats.size(stored)) is already stored.")
        }
        if let running = chosen.count([.uploading, .verifying]), let queued = chosen.count([.queued]) {
            let verb = running == 1 ? "is" : "are"
            lines.append("\(Formats.count(running)) \(verb) uploading now; \(Formats.count(queued)) \(queued == 1 ? "is" : "are") queued.")
        }
        if !lines.isEmpty { lines.append("") }
        return lines + [
            "The stored parts are kept for a while: u brings the", "uploads back and they go on where they stopped.",
            "Local files are not touched.",
        ]
    }

    private mutating func onQuestionKey(_ question: Question, _ key: Key) -> [Effect] {
        // No key confirms itself, and what was typed before the question was seen is no answer.
        if isTypedAhead(question.shownAt) || key == question.openedBy { return [] }
        var question = question
        switch key {
        case .character("y"): return answer(question)
        case .character("n"), .character("q"):
            overlays.removeLast()
        case .enter:
            if question.yesHasFocus { return answer(question) }
            overlays.removeLast()
        case .tab, .backTab, .left, .right, .character("h"), .character("l"):
            question.yesHasFocus.toggle()
            replaceTop(.confirm(question))
        case .down, .character("j"), .up, .character("k"):
            question.scroll = max(0, min(question.scroll + (key == .down || key == .character("j") ? 1 : -1), question.lines.count - 1))
            replaceTop(.confirm(question))
        default: break
        }
        return []
    }

    private mutating func answer(_ question: Question) -> [Effect] {
        overlays.removeLast()
        return perform(question.effects)
    }

    /// Effects of a confirmed question; refused when the engine is gone meanwhile.
    private mutating func perform(_ effects: [Effect]) -> [Effect] {
        var result: [Effect] = []
        for effect in effects {
            switch effect {
            case .act(let request): result += send(request).clearingMarks(&self)
            case .add, .changeConfiguration:
                if let refusal = refusal() { say(refusal, .warn) } else { result.append(effect) }
            default: result.append(effect)
            }
        }
        return result
    }

    private mutating func onTypedKey(_ question: TypedQuestion, _ key: Key) -> [Effect] {
        if isTypedAhead(question.shownAt) { return [] }
        var question = question
        if key == .enter {
            let typed = question.field.text.filter { $0 != "," && $0 != " " }
            if Int(typed) == question.number {
                overlays.removeLast()
                return perform(question.effects)
            }
            question.problem = typed.isEmpty ? "nothing was typed" : "\(question.field.text) is not \(question.number)"
        } else {
            question.problem = nil
            _ = question.field.on(key)
        }
        replaceTop(.typed(question))
        return []
    }

    // MARK: leaving

    private mutating func onLeaveKey(_ menu: LeaveMenu, _ key: Key) -> [Effect] {
        if isTypedAhead(menu.shownAt) || key == .character("Q") { return [] }
        var menu = menu
        switch key {
        case .character("j"), .down, .tab: menu.cursor = min(2, menu.cursor + 1)
        case .character("k"), .up, .backTab: menu.cursor = max(0, menu.cursor - 1)
        case .character("d"): return leave(0)
        case .character("f"): return leave(1)
        case .character("s"): return leave(2)
        case .enter: return leave(menu.cursor)
        case .character("q"):
            overlays.removeLast()
            return []
        default: return []
        }
        replaceTop(.leave(menu))
        return []
    }

    private mutating func leave(_ choice: Int) -> [Effect] {
        overlays.removeLast()
        if choice == 0 { return [.leave(.detach)] }
        if let refusal = refusal() {
            say(refusal, .warn)
            return []
        }
        return [choice == 1 ? .engineFinish : .engineStop]
    }

    // MARK: help

    private mutating func onHelpKey(_ help: HelpState, _ key: Key) -> [Effect] {
        var help = help
        let found = HelpPage(state: self, help: help).bindings
        switch key {
        case .down: help.cursor = min(help.cursor + 1, max(0, found.count - 1))
        case .up: help.cursor = max(0, help.cursor - 1)
        case .pageDown: help.cursor = min(help.cursor + 10, max(0, found.count - 1))
        case .pageUp: help.cursor = max(0, help.cursor - 10)
        case .tab, .backTab:
            help.allScreens.toggle()
            help.cursor = 0
        case .enter:
            overlays.removeLast()
            guard found.indices.contains(help.cursor), let key = found[help.cursor].keys.first else { return [] }
            guard found[help.cursor].isBound(on: screen) else {
                say("\(KeyTable.name(key)) works on \(HelpPage.places(found[help.cursor]))")
                return []
            }
            return onKey(key)
        default:
            if help.field.on(key) { help.cursor = 0 }
        }
        replaceTop(.help(help))
        return []
    }
}

extension [Effect] {
    /// Marks end with an action that finishes the items' work.
    func clearingMarks(_ state: inout AppState) -> [Effect] {
        guard case .act(let request) = first, ["cancel", "abort", "remove"].contains(request.action) else { return self }
        state.queue.marks = Marks()
        return self
    }
}
