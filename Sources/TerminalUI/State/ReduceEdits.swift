import Contracts

/// What was done lately and can be taken back, whoever did it, and also after a restart of the engine.
struct EditsMenu: Sendable, Equatable {
    var cursor = 0
    var problem: String?
}

extension AppState {
    mutating func openEdits() -> [Effect] {
        overlays.append(.edits(EditsMenu()))
        return mirror.link == .up ? [.fetchEdits] : []
    }

    mutating func onEditsKey(_ menu: EditsMenu, _ key: Key) -> [Effect] {
        var menu = menu
        menu.problem = nil
        let last = max(0, edits.count - 1)
        switch key {
        case .down, .character("j"): menu.cursor = min(last, menu.cursor + 1)
        case .up, .character("k"): menu.cursor = max(0, menu.cursor - 1)
        case .home, .character("g"): menu.cursor = 0
        case .end, .character("G"): menu.cursor = last
        case .character("q"):
            overlays.removeLast()
            return []
        case .enter, .character("u"):
            guard edits.indices.contains(menu.cursor) else { break }
            let edit = edits[menu.cursor]
            menu.problem = edit.undone ? "this was taken back already" : edit.undoable ? nil : "an abort cannot be taken back: its parts are deleted"
            guard menu.problem == nil else { break }
            overlays.removeLast()
            return send(ActionRequest(action: "undo", value: String(edit.id)))
        default: return []
        }
        replaceTop(.edits(menu))
        return []
    }

    /// Ids are never given twice, so the cursor stays on what it was on.
    mutating func onEdits(_ new: [EditView]) {
        if case .edits(var menu)? = overlays.last, edits.indices.contains(menu.cursor) {
            let id = edits[menu.cursor].id
            menu.cursor = new.firstIndex { $0.id == id } ?? min(menu.cursor, max(0, new.count - 1))
            replaceTop(.edits(menu))
        }
        edits = new
    }

    /// The newest change of limits or of the configuration that stands.
    var newestSetting: EditView? { edits.first { $0.isOfSettings && !$0.undone } }

    /// `u` on the Settings and Access screens means what these change.
    mutating func undoSettings() -> [Effect]? {
        guard screen == .settings || screen == .access, let edit = newestSetting else { return nil }
        return send(ActionRequest(action: "undo", value: String(edit.id)))
    }
}

extension EditView {
    var isOfSettings: Bool { action == "limits" || action == "configuration" }

    /// What was done, as a person would say it.
    var words: String {
        if let what { return what }
        let verbs = [
            "pause": "paused", "resume": "resumed", "retry": "tried again", "cancel": "cancelled", "abort": "aborted", "remove": "removed",
            "priority": "changed the priority of", "move": "moved", "limit": "limited",
        ]
        return "\(verbs[action] ?? action) \(Formats.counted(uploads, "upload"))"
    }
}
