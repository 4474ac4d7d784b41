import Contracts

/// The queue and the history.
extension AppState {
    mutating func performOnList(_ action: Action, key: Key) -> [Effect] {
        let path = listPath
        if let target = Self.moved(self[keyPath: path].cursor, action, page: max(1, pageHeight(path))) {
            return moveCursor(path, to: target)
        }
        switch action {
        case .open:
            guard let row = self[keyPath: path].cursorRow else { return [] }
            if options.isQuiet, spokenID != row.id {
                speakRow()
                return []
            }
            return openDetail(row.id)
        case .mark:
            guard let row = self[keyPath: path].cursorRow else { return [] }
            let isOn = self[keyPath: path].marks.contains(row.id)
            self[keyPath: path].marks.set(row, !isOn)
            return moveCursor(path, to: self[keyPath: path].cursor + 1)
        case .range:
            if self[keyPath: path].rangeStart == nil {
                self[keyPath: path].rangeStart = self[keyPath: path].cursor
                say("range: move, then v ends it. Esc forgets it.", seconds: 60)
            } else {
                endRange(path)
            }
            return []
        case .widen:
            let words = self[keyPath: path].query.split(separator: " ").dropLast()
            // What joined the word to the rest goes with it.
            let kept = ["and", "or", "not"].contains(words.last ?? "") ? words.dropLast() : words
            return applyFilter(kept.joined(separator: " "))
        case .markAll:
            endRange(path)
            let query = fullQuery(path)
            self[keyPath: path].marks = Marks()
            self[keyPath: path].marks.query = query
            self[keyPath: path].marks.queryCount = self[keyPath: path].total
            message = nil
            return []
        case .invertMarks: return invertMarks(path)
        case .pause: return pause()
        case .pauseAll:
            let isPaused = mirror.status?.queuePaused == true
            return send(ActionRequest(action: isPaused ? "resume" : "pause", all: true))
        case .retry where screen == .history: return queueAgain()
        case .retry, .cancel, .abort: return act(action.rawValue, key: key)
        case .previousItem, .nextItem: return moveByDay(action == .nextItem ? -1 : 1)
        case .reload: return ask(path)
        case .priorityUp, .priorityDown: return changePriority(up: action == .priorityUp)
        case .moveFront, .moveBack:
            guard let chosen = chosen() else {
                say("nothing here to move")
                return []
            }
            finishRange()
            return send(chosen.request("move", value: action == .moveFront ? "front" : "back"))
        case .add: return openAdd()
        case .tree:
            say("the tree is not in this version; f and a directory's name shows what is below it", .warn)
            return []
        case .zoom:
            hidesFinished.toggle()
            say(hidesFinished ? "finished rows are hidden; z shows them" : "finished rows are shown")
            return ask(\.queue)
        case .goTo: return goToPlaceOfUpload()
        case .reverseSort:
            let sort = path == \AppState.history && self[keyPath: path].sort.isEmpty ? "finished-" : self[keyPath: path].sort
            guard !sort.isEmpty else {
                say("the queue's own order has no reverse; s sorts by something else", .warn)
                return []
            }
            self[keyPath: path].sort = sort.hasSuffix("-") ? String(sort.dropLast()) : sort + "-"
            return ask(path)
        case .nextProblem, .previousProblem: return toProblem(path, step: action == .nextProblem ? 1 : -1)
        case .findNext, .findPrevious: return findAgain(path, step: action == .findNext ? 1 : -1)
        default:
            say("that does nothing here. ? help", .warn, seconds: 5)
            return []
        }
    }

    mutating func moveCursor(_ path: WritableKeyPath<AppState, RowList>, to target: Int) -> [Effect] {
        let total = self[keyPath: path].total
        self[keyPath: path].cursor = max(0, min(target, total - 1))
        // A row that is not loaded yet gets its name when the window comes.
        self[keyPath: path].cursorID = self[keyPath: path].cursorRow?.id
        if path == \AppState.queue { inspectorScroll = 0 }
        speakRow()
        return settle(path) + (path == \AppState.queue ? askDetail(again: false) : [])
    }

    /// The wheel moves the view; the cursor stays on its row and stops at the edge.
    mutating func scrollList(by step: Int) -> [Effect] {
        let path = listPath
        let height = max(1, pageHeight(path))
        var list = self[keyPath: path]
        list.top = max(0, min(list.top + step, max(0, list.total - height)))
        list.cursor = max(list.top, min(list.cursor, min(list.total, list.top + height) - 1))
        list.cursorID = list.cursorRow?.id
        self[keyPath: path] = list
        return settle(path)
    }

    mutating func clickRow(_ index: Int) -> [Effect] {
        let path = listPath
        let position = self[keyPath: path].top + index
        guard position < self[keyPath: path].total else { return [] }
        if position == self[keyPath: path].cursor, let row = self[keyPath: path].cursorRow { return openDetail(row.id) }
        return moveCursor(path, to: position)
    }

    private mutating func endRange(_ path: WritableKeyPath<AppState, RowList>) {
        guard let start = self[keyPath: path].rangeStart else { return }
        self[keyPath: path].rangeStart = nil
        message = nil
        let cursor = self[keyPath: path].cursor
        var missing = 0
        for position in min(start, cursor)...max(start, cursor) {
            if let row = self[keyPath: path].row(at: position) { self[keyPath: path].marks.set(row, true) } else { missing += 1 }
        }
        if missing > 0 {
            say("\(Formats.counted(missing, "row")) of the range were not loaded and are not marked; V marks all of a filter", .warn)
        }
    }

    private mutating func invertMarks(_ path: WritableKeyPath<AppState, RowList>) -> [Effect] {
        endRange(path)
        var marks = Marks()
        let old = self[keyPath: path].marks
        if old.query == nil {
            marks.query = fullQuery(path)
            marks.queryCount = self[keyPath: path].total
            marks.except = Set(old.ids.keys)
        } else if old.except.isEmpty {
            marks = Marks()
        } else {
            for row in self[keyPath: path].window?.rows ?? [] where old.except.contains(row.id) { marks.set(row, true) }
            if marks.ids.count < old.except.count {
                say("\(Formats.count(old.except.count - marks.ids.count)) rows are not loaded and are not marked", .warn)
            }
        }
        self[keyPath: path].marks = marks
        return []
    }

    // MARK: actions

    mutating func pause() -> [Effect] {
        guard let chosen = chosen() else {
            say("nothing here to pause")
            return []
        }
        finishRange()
        let areAllPaused = chosen.facts.map { $0.allSatisfy { $0.state == .paused } } ?? false
        return send(chosen.request(areAllPaused ? "resume" : "pause"))
    }

    /// Retry, cancel, abort of what is chosen.
    mutating func act(_ name: String, key: Key) -> [Effect] {
        guard let chosen = chosen() else {
            say("nothing here to \(name)")
            return []
        }
        finishRange()
        let request = chosen.request(name)
        guard name != "retry" else { return send(request) }
        if chosen.facts == nil { return askByDryRun(request, openedBy: key) }
        return openQuestion(request, chosen, openedBy: key)
    }

    private mutating func finishRange() {
        if screen == .queue || screen == .history { endRange(listPath) }
    }

    /// A set kept by query is counted again before the question is asked.
    mutating func askByDryRun(_ request: ActionRequest, openedBy key: Key = .enter) -> [Effect] {
        guard actionsUnderWay == 0, dryRun == nil else {
            say("the last action is still under way: try again in a moment", .warn)
            return []
        }
        var trial = request
        trial.dryRun = true
        let effects = send(trial)
        if !effects.isEmpty { dryRun = PendingDryRun(request: request, openedBy: key) }
        return effects
    }

    mutating func changePriority(up: Bool) -> [Effect] {
        guard let chosen = chosen() else {
            say("nothing here to change")
            return []
        }
        finishRange()
        let order: [Priority] = [.low, .normal, .high]
        // A set that only the engine knows, or many: straight to the end of the scale.
        guard chosen.count == 1 else { return send(chosen.request("priority", value: (up ? Priority.high : .low).rawValue)) }
        let row = screen == .detail ? mirror.detail?.upload : list.window?.rows.first { $0.id == chosen.target.ids?.first }
        let index = order.firstIndex(of: row?.priority ?? .normal) ?? 1
        let next = index + (up ? 1 : -1)
        guard order.indices.contains(next) else {
            say("the priority is \(order[index].rawValue) already")
            return []
        }
        return send(chosen.request("priority", value: order[next].rawValue))
    }

    // MARK: looking

    private mutating func toProblem(_ path: WritableKeyPath<AppState, RowList>, step: Int) -> [Effect] {
        if let position = nextLoaded(path, step: step, where: { $0.state == .failed || $0.state == .held }) {
            return moveCursor(path, to: position)
        }
        say("no further problem in the rows loaded; f state:failed,held shows all")
        return []
    }

    private func nextLoaded(
        _ path: WritableKeyPath<AppState, RowList>, step: Int, where matches: (UploadView) -> Bool
    ) -> Int? {
        let list = self[keyPath: path]
        var position = list.cursor + step
        while let row = list.row(at: position) {
            if matches(row) { return position }
            position += step
        }
        return nil
    }

    mutating func findAgain(_ path: WritableKeyPath<AppState, RowList>, step: Int) -> [Effect] {
        guard let wanted = promptHistory[.find]?.last, !wanted.isEmpty else {
            say("nothing was looked for yet; / finds")
            return []
        }
        let matches = { (row: UploadView) in Search.contains(Array(row.path.utf8), wanted) || Search.contains(Array(row.dest.utf8), wanted)
        }
        if let position = nextLoaded(path, step: step, where: matches) { return moveCursor(path, to: position) }
        say("no further match in the rows loaded; f \(wanted) narrows the whole list")
        return []
    }

    private mutating func goToPlaceOfUpload() -> [Effect] {
        guard let row = list.cursorRow else { return [] }
        guard row.path.utf8.first == UInt8(ascii: "/") else { return openPrompt(.goTo) }
        screen = .browse
        browse.isBegun = true
        browse.local.wanted = Paths.name(row.path)
        var effects = openLocal(Paths.parent(row.path))
        effects += openBucket(Paths.destinationFolder(row.dest))
        browse.side = .local
        return effects
    }

    mutating func scrollDetail(by step: Int) -> [Effect] {
        let most = max(0, (mirror.detail?.events.count ?? 0) - 1)
        if screen == .detail {
            let wanted = (detail?.scroll ?? 0) + step
            detail?.scroll = max(0, min(wanted, most))
        } else {
            guard layout.inspectorTop != nil else {
                say("J and K scroll in the detail: Enter opens it")
                return []
            }
            inspectorScroll = max(0, min(inspectorScroll + step, most))
        }
        return []
    }
}

/// Small letters match both cases, a capital makes the search exact.
enum Search {
    static func contains(_ bytes: [UInt8], _ wanted: String) -> Bool {
        let isExact = wanted.contains { $0.isUppercase }
        let pattern = isExact ? Array(wanted.utf8) : folded(Array(wanted.utf8))
        let text = isExact ? bytes : folded(bytes)
        guard !pattern.isEmpty, pattern.count <= text.count else { return pattern.isEmpty }
        for start in 0...text.count - pattern.count where text[start] == pattern[0] {
            if text[start..<start + pattern.count].elementsEqual(pattern) { return true }
        }
        return false
    }

    /// What follows the first place of `mark`; `nil` when it is not there.
    static func rest(of text: String, behind mark: String) -> String? {
        let (bytes, mark) = (Array(text.utf8), Array(mark.utf8))
        guard mark.count <= bytes.count else { return nil }
        guard let place = (0...bytes.count - mark.count).first(where: { bytes[$0..<$0 + mark.count].elementsEqual(mark) }) else { return nil }
        return String(decoding: bytes[(place + mark.count)...], as: UTF8.self)
    }

    /// ASCII letters only: names are bytes.
    static func folded(_ bytes: [UInt8]) -> [UInt8] { bytes.map { (65...90).contains($0) ? $0 + 32 : $0 } }
}
