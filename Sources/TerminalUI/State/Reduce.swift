import Contracts

/// Takes one event into the state.
/// - Returns: what is to be done outside, in order.
public func reduce(_ state: inout AppState, _ event: AppEvent) -> [Effect] {
    let hadToast = state.toast != nil
    let effects = step(&state, event)
    state.browse.refreshShown()
    if state.mustDraw(after: event, newToast: state.toast != nil && !hadToast) { state.isDue = true }
    return effects
}

private func step(_ state: inout AppState, _ event: AppEvent) -> [Effect] {
    switch event {
    case .key(let key, let at):
        state.move(to: at)
        return state.onKey(key)
    case .mouse(let event, let at):
        state.move(to: at)
        return state.onMouse(event)
    case .tick(let now):
        state.move(to: now)
        return state.onTick()
    case .painted(let at):
        state.onPainted(at)
        return []
    case .linkIsSlow(let isSlow):
        state.isLinkSlow = isSlow
        return []
    case .zone(let seconds):
        state.options.zone = seconds
        return []
    case .resize(let size):
        state.size = size
        return state.onResize()
    case .paste(let text): return state.onPaste(text, isMarked: true)
    case .burst(let text): return state.onPaste(text, isMarked: false)
    case .suspendResumed: return [.redraw] + state.refreshAll()
    case .notice(let text):
        state.say(text)
        return []
    case .historyPage(let version, let page): return state.onHistoryPage(version, page)
    case .logLines(let lines, let isWhole):
        state.log.add(lines, isWhole: isWhole)
        return []
    case .logFailed(let problem):
        state.log.problem = problem
        return []
    case .auth(let status):
        state.access.status = status
        return []
    case .authChecked(let scope, let checks):
        state.onAuthChecked(scope, checks)
        return []
    case .authFailed(let scope, let problem):
        state.access.isBusy = false
        state.say("\(scope): \(problem)", .error, seconds: 30)
        return []
    case .configurationChanged(let result): return state.onConfigurationChanged(result)
    case .configurationFailed(let problem): return state.onConfigurationFailed(problem)
    case .edits(let edits):
        state.onEdits(edits)
        return []
    case .views(let views):
        state.views = views
        return []
    case .viewFailed(let problem):
        state.say(problem, .error)
        return []
    case .themeLoaded(let name):
        state.options.theme = name
        // What was wrong with it is put right.
        if state.toast?.code == "theme" { state.toast = nil }
        return []
    case .themeFailed(let problem):
        state.showThemeProblem(problem)
        return []
    case .status, .window, .windowFailed, .upload, .detail, .settings, .engineLost, .engineBack: return state.onEngine(event)
    case .actionDone, .actionFailed, .jobAdded, .addFailed, .limitsChanged, .limitsFailed: return state.onAnswer(event)
    case .planProgress, .planned, .planFailed: return state.onPlan(event)
    case .localListing, .localCount, .queued, .localListingFailed, .bucketListing, .bucketListingFailed: return state.onListing(event)
    }
}

extension AppState {
    /// The list whose rows are on the screen.
    var listPath: WritableKeyPath<AppState, RowList> { screen == .history ? \.history : \.queue }
    var list: RowList { self[keyPath: listPath] }
    var layout: Layout { Layout(screen == .detail ? .queue : screen, size) }

    mutating func move(to time: Int64) { now = max(now, time) }

    /// The screen shows this state.
    public mutating func drawn() { isDue = false }

    /// A sentence in the message row; it goes after `seconds` or with the next one.
    mutating func say(_ text: String, _ role: Role = .info, seconds: Int64 = 15) {
        message = Message(text: text, role: role, until: now + seconds * 1000)
    }

    /// Between two looks at which files are in the queue. Milliseconds.
    private static let queuedPause: Int64 = 5_000

    mutating func onTick() -> [Effect] {
        if let until = message?.until, until <= now { message = nil }
        if let interruptedAt, now - interruptedAt > 2000 { self.interruptedAt = nil }
        let reading: [Effect] = screen == .log ? [.readLog(isWhole: false)] : []
        guard mirror.link == .up else { return reading }
        var effects = reading + countRested()
        if screen == .history, history.isStale { effects += refresh(\.history) }
        if screen == .browse, now - browse.queuedAskedAt >= Self.queuedPause { effects += askQueued() }
        // Rates and countdowns move without a change of the queue's revision.
        if isMoving, screen == .queue || screen == .detail { effects += refresh(\.queue) }
        if screen == .detail || layout.inspectorTop != nil, isMoving || mirror.detail == nil { effects += askDetail(again: true) }
        return effects
    }

    var isMoving: Bool {
        guard let counts = mirror.status?.counts else { return false }
        return ["uploading", "verifying", "retrying", "scanning", "held"].contains { counts[$0] ?? 0 > 0 }
    }

    mutating func onPainted(_ at: Int64) {
        guard let last = overlays.indices.last else { return }
        // Only the first frame with the question on it counts.
        switch overlays[last] {
        case .confirm(var question) where !question.isPainted:
            question.isPainted = true
            question.shownAt = max(question.shownAt, at)
            overlays[last] = .confirm(question)
        case .typed(var question) where !question.isPainted:
            question.isPainted = true
            question.shownAt = max(question.shownAt, at)
            overlays[last] = .typed(question)
        default: break
        }
    }

    mutating func onResize() -> [Effect] {
        clampBrowse()
        switch screen {
        case .queue, .detail: return settle(\.queue) + askDetail(again: false)
        case .history: return settle(\.history)
        default: return []
        }
    }

    /// Everything on the screen is asked for again.
    mutating func refreshAll() -> [Effect] {
        guard mirror.link == .up else { return [] }
        var effects = refresh(\.queue)
        if screen == .history { effects += refresh(\.history) }
        mirror.detailAsked = nil
        return effects + askDetail(again: true)
    }

    mutating func onPaste(_ text: String, isMarked: Bool) -> [Effect] {
        if overlays.isEmpty == false {
            let last = overlays.count - 1
            switch overlays[last] {
            case .prompt(var prompt):
                prompt.field.insert(text)
                prompt.problem = nil
                overlays[last] = .prompt(prompt)
                return promptChanged()
            case .palette(var palette):
                palette.field.insert(text)
                palette.cursor = 0
                palette.problem = nil
                overlays[last] = .palette(palette)
                return []
            case .typed(var question):
                question.field.insert(text)
                overlays[last] = .typed(question)
                return []
            case .help(var help):
                help.field.insert(text)
                help.cursor = 0
                overlays[last] = .help(help)
                return []
            case .profile(var form):
                form.paste(text)
                overlays[last] = .profile(form)
                return []
            case .add(var sheet) where sheet.focus == .to:
                sheet.to.insert(text)
                sheet.preFlight.typedAt = now
                overlays[last] = .add(sheet)
                return []
            case .confirm, .add, .leave, .edits:
                break
            }
        }
        let paths = isMarked && overlays.isEmpty ? PastedPaths.read(text, home: options.homeFolder) : nil
        if let paths {
            pastedPaths = paths
            say("a adds \(Formats.counted(paths.count, "pasted path")). Esc forgets them.", seconds: 60)
        } else if isMarked {
            say("pasted \(Formats.counted(text.count, "character")), ignored")
        } else {
            say("input burst ignored: \(Formats.counted(text.count, "character")) came at once, as from a paste")
        }
        return []
    }
}
