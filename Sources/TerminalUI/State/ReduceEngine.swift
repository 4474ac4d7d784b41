import Contracts

/// What the engine pushes, and its windows of rows.
extension AppState {
    mutating func onEngine(_ event: AppEvent) -> [Effect] {
        switch event {
        case .status(let status): return onStatus(status)
        case .window(let answer): return onWindow(answer)
        case .windowFailed(let version, let problem): return onWindowFailed(version, problem)
        case .upload(let upload): return onUpload(upload)
        case .detail(let id, let detail): return onDetail(id, detail)
        case .settings(let settings):
            mirror.settings = settings
            // Not while somebody waits for a listing: its answer would find nobody.
            if browse.bucket.place.isEmpty, browse.bucket.loading == nil { showRemotes() }
            return []
        case .engineLost(let reason, let attempt, let nextIn):
            var since = now
            if case .lost(let first, _, _, _) = mirror.link { since = first }
            mirror.link = .lost(since: since, reason: reason, attempt: attempt, nextAt: now + Int64(nextIn) * 1000)
            // Answers to what was asked will not come any more.
            queue.asked = nil
            history.asked = nil
            mirror.detailAsked = nil
            actionsUnderWay = 0
            dryRun = nil
            return []
        case .engineBack:
            mirror.link = .up
            return refreshAll() + (showsEdits ? [.fetchEdits] : [])
        default: return []
        }
    }

    private mutating func onStatus(_ status: StatusView) -> [Effect] {
        let isNews = mirror.status?.revision != status.revision
        var effects: [Effect] = []
        if let done = status.lastAction, let before = mirror.status, before.lastAction?.number != done.number {
            effects = follow(done)
            tell(done)
        }
        if !["limits", "undo"].contains(status.lastAction?.action ?? "") || status.lastAction?.number == mirror.status?.lastAction?.number {
            noticeLimits(of: status)
        }
        let drawn = mirror.status?.rateHistory
        mirror.status = status
        // The graph is what changes most cells: on a slow line it waits longer than the numbers.
        if isLinkSlow, let drawn, now - graphAt < 5 * OutputPace.longestTick { mirror.status?.rateHistory = drawn } else { graphAt = now }
        mirror.statusAt = now
        let wasUp = mirror.link == .up
        mirror.link = .up
        if !wasUp, showsEdits { effects.append(.fetchEdits) }
        guard isNews || !wasUp else { return effects }
        effects += refresh(\.queue)
        // The history is asked for once a second at most: a page of it is larger than a screen of the queue.
        history.isStale = true
        if screen == .detail || layout.inspectorTop != nil { effects += askDetail(again: true) }
        return effects
    }

    /// What another front end did; what was done here has been said.
    /// Somebody has changed what other screens show.
    private func follow(_ done: StatusView.DoneAction) -> [Effect] {
        var effects: [Effect] = []
        if done.action == "configuration" || done.action == "undo" && done.what != nil { effects.append(.fetchSettings) }
        if showsEdits { effects.append(.fetchEdits) }
        return effects
    }

    private var showsEdits: Bool {
        if case .edits? = overlays.last { return true }
        return screen == .settings || screen == .access
    }

    private mutating func tell(_ done: StatusView.DoneAction) {
        if let actedAt, now - actedAt < 2000 { return }
        if let what = done.what {
            return say("\(done.by ?? "another front end"): \(done.action == "undo" ? "took back: " : "")\(what)")
        }
        let verbs = [
            "pause": "paused", "resume": "resumed", "retry": "tried again", "cancel": "cancelled", "abort": "aborted", "remove": "removed",
            "priority": "changed the priority of", "move": "moved", "limit": "limited", "undo": "took back what was done to",
        ]
        say("\(done.by ?? "another front end") \(verbs[done.action] ?? "changed") \(Formats.counted(done.uploads, "upload"))")
    }

    // MARK: windows

    /// What the engine is asked for: the list's query, and whether finished rows are hidden.
    func fullQuery(_ path: WritableKeyPath<AppState, RowList>) -> String {
        let own = self[keyPath: path].query
        guard path == \AppState.queue, hidesFinished else { return own }
        let hide = "not state:done,cancelled,skipped"
        return own.isEmpty ? hide : "(\(own)) and \(hide)"
    }

    /// Asks for the rows around the visible ones: at once, or when the answer under way has come.
    mutating func refresh(_ path: WritableKeyPath<AppState, RowList>) -> [Effect] {
        guard mirror.link == .up || mirror.link == .connecting else { return [] }
        guard self[keyPath: path].asked == nil else {
            self[keyPath: path].isStale = true
            return []
        }
        return ask(path)
    }

    /// Asks now; an answer under way will be thrown away.
    mutating func ask(_ path: WritableKeyPath<AppState, RowList>) -> [Effect] {
        if path == \AppState.history { return askHistory(after: nil) }
        let height = max(1, pageHeight(path))
        let version = nextVersion
        nextVersion += 1
        self[keyPath: path].asked = version
        self[keyPath: path].isStale = false
        let offset = max(0, self[keyPath: path].top - height)
        self[keyPath: path].askedOffset = offset
        self[keyPath: path].askedCount = 3 * height
        return [
            .fetchWindow(
                offset: offset, count: 3 * height, query: fullQuery(path), sort: self[keyPath: path].sort, version: version)
        ]
    }

    func pageHeight(_ path: WritableKeyPath<AppState, RowList>) -> Int {
        path == \AppState.history ? Layout(.history, size).listHeight : Layout(.queue, size).listHeight
    }

    private func path(asking version: Int) -> WritableKeyPath<AppState, RowList>? {
        queue.asked == version ? \.queue : history.asked == version ? \.history : nil
    }

    private mutating func onWindow(_ answer: WindowAnswer) -> [Effect] {
        guard let path = path(asking: answer.version) else { return [] }
        self[keyPath: path].asked = nil
        self[keyPath: path].queryProblem = nil
        let old = self[keyPath: path].window
        self[keyPath: path].window = settled(answer, after: old)
        self[keyPath: path].marks.refresh(answer.rows)
        if self[keyPath: path].marks.query == fullQuery(path) { self[keyPath: path].marks.queryCount = answer.total }
        followCursor(path)
        var effects = settle(path, after: answer)
        if self[keyPath: path].isStale, self[keyPath: path].asked == nil { effects += ask(path) }
        if path == \AppState.queue { effects += askDetail(again: false) }
        return effects
    }

    /// The list is not reordered under the fingers: the same rows in another order wait until two seconds after the last key.
    private func settled(_ answer: WindowAnswer, after old: WindowAnswer?) -> WindowAnswer {
        guard let old, now - max(lastKeyAt, 0) < 2000, lastKeyAt > 0, old.offset == answer.offset, old.rows.count == answer.rows.count
        else { return answer }
        var byID: [String: UploadView] = [:]
        for row in answer.rows { byID[row.id] = row }
        var rows: [UploadView] = []
        for row in old.rows {
            guard let newer = byID[row.id] else { return answer }
            rows.append(newer)
        }
        var result = answer
        result.rows = rows
        return result
    }

    /// The cursor stays on its upload; when that has left the view, it keeps its place in the list.
    mutating func followCursor(_ path: WritableKeyPath<AppState, RowList>) {
        guard let window = self[keyPath: path].window else { return }
        var list = self[keyPath: path]
        if let id = list.cursorID, let index = window.rows.firstIndex(where: { $0.id == id }) {
            let position = window.offset + index
            // The view moves along, so that the row stays where the eye is.
            list.top = max(0, list.top + position - list.cursor)
            list.cursor = position
        } else {
            list.cursor = max(0, min(list.cursor, window.total - 1))
            list.cursorID = list.row(at: list.cursor)?.id
        }
        self[keyPath: path] = list
    }

    private mutating func onWindowFailed(_ version: Int, _ problem: String) -> [Effect] {
        guard let path = path(asking: version) else { return [] }
        self[keyPath: path].asked = nil
        self[keyPath: path].isStale = false
        self[keyPath: path].queryProblem = problem
        historyPages.isAskingMore = false
        if case .prompt(var prompt) = overlays.last, prompt.kind == .filter || prompt.kind == .sort {
            prompt.problem = problem
            overlays[overlays.count - 1] = .prompt(prompt)
        } else {
            say(problem, .error)
        }
        return []
    }

    /// After any move: the cursor is inside the list and on the screen, and the rows that are shown are asked for.
    mutating func settle(_ path: WritableKeyPath<AppState, RowList>, after answer: WindowAnswer? = nil) -> [Effect] {
        var list = self[keyPath: path]
        if path == \AppState.history { return settleHistory() }
        let height = max(1, pageHeight(path))
        if list.window != nil { list.cursor = max(0, min(list.cursor, list.total - 1)) }
        if list.cursor < list.top { list.top = list.cursor }
        if list.cursor >= list.top + height { list.top = list.cursor - height + 1 }
        if list.window != nil { list.top = max(0, min(list.top, max(0, list.total - height))) }
        if let row = list.cursorRow { list.cursorID = row.id }
        self[keyPath: path] = list
        guard let window = list.window else { return refresh(path) }
        // An answer shorter than what was asked for is all there is for now: asking the same again at once would never end.
        if answer != nil, list.askedOffset == max(0, list.top - height), list.askedCount == 3 * height { return [] }
        let last = min(list.top + height, list.total)
        let isCovered = list.top >= window.offset && last <= window.offset + window.rows.count
        // A screen ahead is loaded before it is needed.
        let isNearEdge =
            (window.offset > 0 && list.top - window.offset < height / 2)
            || (window.offset + window.rows.count < list.total && window.offset + window.rows.count - last < height / 2)
        return isCovered && !isNearEdge ? [] : refresh(path)
    }

    // MARK: one upload

    private mutating func onUpload(_ upload: UploadView) -> [Effect] {
        if upload.state == .failed { show(upload) }
        guard screen == .detail, upload.id == detail?.id else { return [] }
        return askDetail(again: true)
    }

    /// A theme that cannot be read: seen until it is closed, since the eyes are in another window.
    mutating func showThemeProblem(_ problem: String) {
        // The place in the file has to be seen, whatever the folder is called.
        let bytes = Array(problem.utf8)
        let path = bytes.first == UInt8(ascii: "/") ? bytes.prefix { $0 != UInt8(ascii: ":") } : []
        let name = path.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
        let problem = String(decoding: bytes[name...], as: UTF8.self)
        say(problem, .error, seconds: 60)
        if screen == .queue || screen == .history {
            toast = Toast(uploadID: "", title: "THEME", lines: [problem, "the colours stay as they were"], code: "theme")
        }
    }

    private mutating func show(_ upload: UploadView) {
        let code = upload.lastError?.code ?? ""
        if toast != nil, toast?.code == code {
            toast?.more += 1
            return
        }
        let http = upload.lastError?.http.map { "\($0) " } ?? ""
        let time = LocalTime(seconds: now / 1000, zone: options.zone).clock
        var lines = [upload.path]
        if let error = upload.lastError { lines.append(http + error.code + (error.message.isEmpty ? "" : ": " + error.message)) }
        lines.append("r tries again once the cause is gone")
        toast = Toast(uploadID: upload.id, title: "FAILED \(time)", lines: lines, code: code)
    }

    /// The detail of the upload on the screen, or of the row under the cursor where there is an inspector.
    mutating func askDetail(again: Bool) -> [Effect] {
        guard mirror.link == .up else { return [] }
        let wanted: String
        if screen == .detail, let id = detail?.id {
            wanted = id
        } else if screen == .queue, layout.inspectorTop != nil, let id = queue.cursorRow?.id {
            wanted = id
        } else {
            return []
        }
        guard mirror.detailAsked != wanted else { return [] }
        guard again || mirror.detail?.upload.id != wanted else { return [] }
        // One at a time: while the cursor runs, only the row it stops on is asked for.
        guard mirror.detailAsked == nil else { return [] }
        mirror.detailAsked = wanted
        return [.fetchDetail(id: wanted)]
    }

    private mutating func onDetail(_ id: String, _ answer: UploadDetail?) -> [Effect] {
        if mirror.detailAsked == id { mirror.detailAsked = nil }
        if screen == .detail, detail?.id == id { detail?.isGone = answer == nil }
        if let answer {
            mirror.detail = answer
            if let total = detail.map({ _ in answer.map.utf8.count }), let part = detail?.part {
                detail?.part = max(1, min(part, total))
            }
        } else if mirror.detail?.upload.id == id {
            mirror.detail = nil
            return []
        } else {
            return []
        }
        return askDetail(again: false)
    }
}
