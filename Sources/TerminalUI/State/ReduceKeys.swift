import Contracts

/// Keys and clicks that no dialog has taken.
extension AppState {
    mutating func onKey(_ key: Key) -> [Effect] {
        lastKeyAt = now
        if !overlays.isEmpty { return onOverlayKey(key) }
        if isCopyPending { return copy(key) }
        if key == .control("c") { return interrupt() }
        interruptedAt = nil
        guard let action = options.keys.action(for: key, on: screen) else {
            say("\(KeyTable.name(key)): no such key here. ? help", .warn, seconds: 5)
            return []
        }
        return perform(action, key: key)
    }

    /// Ctrl-C never touches an upload: it says how to leave, and leaves when pressed again.
    private mutating func interrupt() -> [Effect] {
        if let at = interruptedAt, now - at <= 2000 { return [.leave(.detach)] }
        interruptedAt = now
        say("q leaves, uploads go on. Ctrl-C again leaves too.", seconds: 5)
        return []
    }

    mutating func perform(_ action: Action, key: Key) -> [Effect] {
        if action.changesUploads, action != .add || screen != .queue || !pastedPaths.isEmpty, let refusal = refusal() {
            say(refusal, .warn)
            return []
        }
        switch action {
        case .queue, .browse, .history, .log, .access, .settings: return show(Screen(rawValue: action.rawValue) ?? .queue)
        case .close: return closeLayer()
        case .back: return back()
        case .leaveMenu:
            overlays.append(.leave(LeaveMenu(shownAt: now)))
            return []
        case .help:
            overlays.append(.help(HelpState()))
            return []
        case .command:
            overlays.append(.palette(Palette()))
            return []
        case .limit, .slots: return openPrompt(action)
        case .sort, .filter, .find:
            // Typed where there is no list, they mean the queue's.
            let shown = options.keys.bindings(on: screen).contains { $0.action == action } ? [] : show(.queue)
            return shown + openPrompt(action)
        case .undoList: return openEdits()
        case .undo: return undoSettings() ?? send(ActionRequest(action: "undo"))
        case .redraw: return [.redraw] + refreshAll()
        case .suspend: return [.suspend]
        case .newestProblem: return openNewestProblem()
        case .slow: return toggleSlowMode()
        case .copy:
            isCopyPending = true
            say("copy: p path  u URL  i id  e error  Esc nothing", seconds: 60)
            return []
        case .retry where mirror.isLost: return [.reconnect]
        case .scrollDown where screen == .queue || screen == .detail, .scrollUp where screen == .queue || screen == .detail: return scrollDetail(by: action == .scrollDown ? 1 : -1)
        default: break
        }
        switch screen {
        case .queue, .history: return performOnList(action, key: key)
        case .browse: return performInBrowse(action)
        case .detail: return performInDetail(action, key: key)
        case .log: return performInLog(action)
        case .access: return performInAccess(action, key: key)
        case .settings: return performInSettings(action)
        }
    }

    mutating func show(_ wanted: Screen) -> [Effect] {
        screen = wanted
        switch wanted {
        case .browse: return beginBrowse()
        case .history: return history.window == nil ? ask(\.history) : refresh(\.history)
        case .queue: return refresh(\.queue) + askDetail(again: false)
        case .log: return [.readLog(isWhole: !log.isRead)]
        case .access: return mirror.link == .up ? [.fetchAuth, .fetchEdits] : []
        case .settings: return mirror.link == .up ? [.fetchEdits] : []
        default: return []
        }
    }

    /// Esc: the nearest layer goes, one at a time.
    private mutating func closeLayer() -> [Effect] {
        if toast != nil {
            toast = nil
            return []
        }
        if message != nil, list.rangeStart == nil, list.marks.isEmpty, list.query.isEmpty {
            message = nil
            if pastedPaths.isEmpty { return [] }
        }
        message = nil
        if !pastedPaths.isEmpty {
            pastedPaths = []
            return []
        }
        if screen == .browse { return closeBrowseLayer() }
        if screen == .detail {
            if detail?.isZoomed == true { detail?.isZoomed = false }
            return []
        }
        if screen == .log {
            log.setFilter("")
            return []
        }
        guard screen == .queue || screen == .history else { return [] }
        let path = listPath
        if self[keyPath: path].rangeStart != nil {
            self[keyPath: path].rangeStart = nil
        } else if !self[keyPath: path].query.isEmpty {
            self[keyPath: path].query = ""
            self[keyPath: path].queryProblem = nil
            return ask(path)
        } else if !self[keyPath: path].marks.isEmpty {
            self[keyPath: path].marks = Marks()
        }
        return []
    }

    private mutating func back() -> [Effect] {
        guard screen == .detail else { return [.leave(.detach)] }
        screen = detailReturn
        detail = nil
        return screen == .queue ? refresh(\.queue) + askDetail(again: false) : []
    }

    private mutating func openNewestProblem() -> [Effect] {
        if let id = toast?.uploadID {
            toast = nil
            if id.isEmpty { return [] }
            return openDetail(id)
        }
        let rows = queue.window?.rows ?? []
        if let row = rows.filter({ $0.state == .failed }).max(by: { ($0.lastError?.at ?? "") < ($1.lastError?.at ?? "") }) {
            return openDetail(row.id)
        }
        let failed = mirror.status?.counts["failed"] ?? 0
        say(failed == 0 ? "nothing here has failed" : "\(Formats.count(failed)) failed further down: f state:failed shows them")
        return []
    }

    mutating func openDetail(_ id: String) -> [Effect] {
        if screen != .detail { detailReturn = screen }
        screen = .detail
        detail = DetailState(id: id)
        mirror.detailAsked = nil
        return askDetail(again: true)
    }

    private mutating func copy(_ key: Key) -> [Effect] {
        isCopyPending = false
        message = nil
        if key == .escape || key == .control("c") { return [] }
        if screen == .log {
            guard let line = log.cursorLine else { return [] }
            let shown = cleaned(key == .character("i") ? line.subject : line.text)
            say("copied: \(shown)")
            return [.copy(shown)]
        }
        let row = screen == .detail ? mirror.detail?.upload : list.cursorRow
        guard let row else {
            say("nothing to copy here", .warn)
            return []
        }
        let text: String?
        switch key {
        case .character("p"): text = row.path
        case .character("u"): text = row.dest
        case .character("i"): text = row.id
        case .character("e"):
            text = row.lastError.map { error in
                let request = error.requestId.map { " (request \($0))" } ?? ""
                return "\(error.http.map { "\($0) " } ?? "")\(error.code): \(error.message)\(request)"
            }
        default:
            say("\(KeyTable.name(key)): nothing to copy by that name. y, then p u i or e", .warn)
            return []
        }
        guard let text else {
            say("this upload has no error to copy")
            return []
        }
        // What is copied is pasted elsewhere, so it is cleaned like everything else.
        let shown = cleaned(text)
        say("copied: \(shown)")
        return [.copy(shown)]
    }

    /// Where a movement leads; `nil` when the action is none. The end is `Int.max / 2`, to be cut by the caller.
    static func moved(_ cursor: Int, _ action: Action, page: Int) -> Int? {
        switch action {
        case .nextRow: cursor + 1
        case .previousRow: cursor - 1
        case .firstRow: 0
        case .lastRow: Int.max / 2
        case .halfDown: cursor + max(1, page / 2)
        case .halfUp: cursor - max(1, page / 2)
        case .pageDown: cursor + page
        case .pageUp: cursor - page
        default: nil
        }
    }
}
