import Contracts

/// `B`: a low limit for a while, and what stood before it.
struct SlowMode: Sendable, Equatable {
    /// Bytes a second as the engine takes it.
    var rate: Int64 = 1 << 20
    /// The limit to go back to, as the engine takes it; `nil` while slow mode is off.
    var before: String?
    var isOn: Bool { before != nil }
}

/// One line of the Settings screen.
struct SettingRow: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case limit, slow, slots, parts, theme, mouse, fixed
        /// A key of `[engine]`; with choices Enter takes the next one.
        case configured(key: String, choices: [String])
    }
    var section: String
    var label: String
    var value: String
    /// What it means and what it takes.
    var help: String
    var kind: Kind = .fixed
}

/// The rows of the Settings screen: those that a key changes at once, and what the configuration and this terminal decide.
enum SettingsPage {
    static func rows(_ state: AppState) -> [SettingRow] { bandwidth(state) + schedule(state) + concurrency(state) + mostParts(state) + keeping(state) + remotes(state) + screen(state) }

    /// Rows of the right column in wide windows begin here.
    static func isRight(_ row: SettingRow) -> Bool { row.section == "SCREEN" || row.section == "FILES" }

    private static func bandwidth(_ state: AppState) -> [SettingRow] {
        let limits = state.mirror.status?.limits
        var rate = limits?.rate.map { $0 == 0 ? "0 (paused)" : Formats.rate($0) } ?? "none"
        if limits?.rateBy == "schedule" {
            let until = limits?.rateUntil.flatMap(LocalTime.milliseconds).map { LocalTime(seconds: $0 / 1000, zone: state.options.zone).shortClock }
            rate += "   by the schedule" + (until.map { ", until " + $0 } ?? "")
        }
        return [
            SettingRow(
                section: "BANDWIDTH", label: "limit up", value: rate,
                help: "limit up: most bytes per second for all uploads together. Takes effect at once on running parts. 200M, 1.5G, 800Mbit, none, +10%, -10%, or schedule to give it back to the configuration.",
                kind: .limit),
            SettingRow(
                section: "BANDWIDTH", label: "slow mode limit (B)", value: Formats.rate(state.slow.rate) + (state.slow.isOn ? "   ON" : "   off"),
                help: "slow mode: B puts this limit in the place of the one above, B again brings that one back.", kind: .slow),
        ]
    }

    private static func concurrency(_ state: AppState) -> [SettingRow] {
        let status = state.mirror.status
        let limits = status?.limits
        let reason = limits?.partsReason.map { "   " + $0 } ?? ""
        return [
            SettingRow(
                section: "CONCURRENCY", label: "uploads at once",
                value: limits.map { "\($0.uploads)\($0.uploadsAuto ? " auto" : "")   (\(status?.slotsUsed ?? 0) in use)" } ?? "-",
                help: "uploads at once: large files that are sent side by side; small ones may use every part slot. A number from 1 to 1000, or auto.",
                kind: .slots),
            SettingRow(
                section: "CONCURRENCY", label: "parts at once",
                value: limits.map { "\($0.parts)\($0.partsAuto ? " auto" : "")   (\(status?.partsSending ?? 0) in use)\(reason)" } ?? "-",
                help: "parts at once: requests in flight over all uploads. A number from 1 to 1000, or auto, which is measured and tuned while it runs.",
                kind: .parts),
        ]
    }

    private static func remotes(_ state: AppState) -> [SettingRow] {
        let settings = state.mirror.settings
        let remotes = settings?.remotes ?? []
        guard !remotes.isEmpty else {
            return [
                SettingRow(
                    section: "REMOTES", label: "none configured", value: "oss://BUCKET/ works with OSS_* variables",
                    help: "A [remote.NAME] of config.toml names a bucket, a prefix and where credentials come from.")
            ]
        }
        return remotes.map { remote in
            SettingRow(
                section: "REMOTES", label: remote.name + (remote.name == settings?.defaultRemote ? " (default)" : ""),
                value: "oss://\(remote.bucket)/\(remote.prefix)   \(remote.kind)",
                help: "[remote.\(remote.name)] of config.toml: \(remote.region ?? "no region")\(remote.endpoint.map { ", " + $0 } ?? ""), credentials by \(remote.kind). 5 shows whether they work."
            )
        }
    }

    private static func screen(_ state: AppState) -> [SettingRow] {
        let options = state.options
        var rows = [
            SettingRow(
                section: "SCREEN", label: "theme", value: options.theme,
                help: "theme: Enter takes the next one, :theme NAME any; until you leave. R reads it again. For good: theme in config.toml.",
                kind: .theme),
            SettingRow(
                section: "SCREEN", label: "symbols", value: options.symbols == .ascii ? "ASCII" : "UTF-8",
                help: "symbols: --symbols ascii takes plain characters."),
            SettingRow(
                section: "SCREEN", label: "mouse", value: options.isMouseOn ? "on" : "off",
                help: "mouse: Shift and drag selects text; --no-mouse leaves the mouse to the terminal."),
            SettingRow(
                section: "SCREEN", label: "refresh",
                value: options.isQuiet ? "quiet: after keys and failures" : state.isLinkSlow ? "5 s (slow link)" : "1 s, slower on slow links",
                help: "refresh: --quiet-ui draws nothing but what a key or a failure asks for."),
        ]
        rows += options.facts.map { fact in
            SettingRow(section: "FILES", label: fact.label, value: fact.value, help: "\(fact.label): \(fact.value)")
        }
        return rows
    }
}

extension AppState {
    mutating func performInSettings(_ action: Action) -> [Effect] {
        let rows = SettingsPage.rows(self)
        settingsCursor = max(0, min(settingsCursor, rows.count - 1))
        guard rows.indices.contains(settingsCursor) else { return [] }
        let row = rows[settingsCursor]
        switch action {
        case .open: return edit(row)
        case .priorityUp, .priorityDown: return step(row, up: action == .priorityUp)
        case .standard: return standard(row)
        case .reload:
            say("the theme is read again; the engine reads its configuration on SIGHUP")
            return [.loadTheme(name: options.theme)]
        default:
            guard let moved = Self.moved(settingsCursor, action, page: max(1, layout.listHeight)) else {
                say("that does nothing here. ? help", .warn, seconds: 5)
                return []
            }
            settingsCursor = max(0, min(moved, rows.count - 1))
        }
        return []
    }

    private mutating func edit(_ row: SettingRow) -> [Effect] {
        switch row.kind {
        case .limit: return openPrompt(.limit)
        case .slow: return openPrompt(.slow)
        case .slots, .parts: return openPrompt(.slots)
        case .theme:
            guard !options.themes.isEmpty else { return [] }
            let index = options.themes.firstIndex(of: options.theme).map { ($0 + 1) % options.themes.count } ?? 0
            return [.loadTheme(name: options.themes[index])]
        case .configured(let key, let choices): return editConfigured(key, choices, label: row.label)
        case .mouse, .fixed:
            say("\(row.label) is changed in config.toml or when davit starts")
            return []
        }
    }

    /// Bandwidth by a tenth, counts by one.
    private mutating func step(_ row: SettingRow, up: Bool) -> [Effect] {
        guard let limits = mirror.status?.limits else { return [] }
        switch row.kind {
        case .limit:
            guard let rate = limits.rate, rate > 0 else {
                say("there is no limit to step: Enter sets one")
                return []
            }
            return setLimits(LimitsChange(rate: String(max(1024, rate / 10 * (up ? 11 : 9)))))
        case .slow:
            slow.rate = max(1024, slow.rate / 10 * (up ? 11 : 9))
            return slow.isOn ? setLimits(LimitsChange(rate: String(slow.rate))) : []
        case .slots: return setLimits(LimitsChange(uploads: max(1, min(1000, limits.uploads + (up ? 1 : -1)))))
        case .parts: return setLimits(LimitsChange(parts: max(1, min(1000, limits.parts + (up ? 1 : -1)))))
        case .configured(let key, _): return stepConfigured(key, label: row.label, up: up)
        case .theme, .mouse, .fixed:
            say("\(row.label) has no steps")
            return []
        }
    }

    private mutating func standard(_ row: SettingRow) -> [Effect] {
        switch row.kind {
        case .limit: return setLimits(LimitsChange(rate: "schedule"))
        case .slots: return setLimits(LimitsChange(uploads: .auto, parts: nil))
        case .parts: return setLimits(LimitsChange(uploads: nil, parts: .auto))
        case .slow:
            slow.rate = SlowMode().rate
            return []
        case .theme: return [.loadTheme(name: "auto")]
        case .configured(let key, _): return standardConfigured(key)
        case .mouse, .fixed:
            say("\(row.label) is what the configuration says already")
            return []
        }
    }

    // MARK: limits

    /// Sends a change of the limits; the engine keeps what takes it back.
    mutating func setLimits(_ change: LimitsChange) -> [Effect] {
        if let refusal = refusal() {
            say(refusal, .warn)
            return []
        }
        var change = change
        change.by = options.userName
        limitsChangedAt = now
        return [.setLimits(change)]
    }

    mutating func toggleSlowMode() -> [Effect] {
        if let refusal = refusal() {
            say(refusal, .warn)
            return []
        }
        if let before = slow.before {
            slow.before = nil
            return setLimits(LimitsChange(rate: before))
        }
        let limits = mirror.status?.limits
        slow.before = limits?.rateBy == "person" ? limits?.rate.map { String($0) } ?? "none" : "schedule"
        return setLimits(LimitsChange(rate: String(slow.rate)))
    }

    mutating func submitSlowRate(_ prompt: Prompt, _ text: String) -> [Effect] {
        switch RateText.read(text, current: slow.rate) {
        case .success(let value):
            guard let rate = Int64(value), rate > 0 else {
                var prompt = prompt
                prompt.problem = "slow mode needs a rate, such as 1M"
                replaceTop(.prompt(prompt))
                return []
            }
            overlays.removeLast()
            slow.rate = rate
            if slow.isOn { return setLimits(LimitsChange(rate: String(rate))) }
            say("slow mode is \(Formats.rate(rate)); B turns it on", .ok)
            return []
        case .failure(let problem):
            var prompt = prompt
            prompt.problem = problem.text
            replaceTop(.prompt(prompt))
            return []
        }
    }

    /// Somebody else, or the schedule, has changed a limit: said once.
    mutating func noticeLimits(of status: StatusView) {
        guard let old = mirror.status?.limits, mirror.link == .up else { return }
        let new = status.limits
        // An own change comes back with the next status.
        if let at = limitsChangedAt, now - at < 3000 { return }
        let who = new.rateBy == "schedule" ? "by the schedule" : "by another front end"
        if old.rate != new.rate {
            let words = [old.rate, new.rate].map { $0.map(Formats.rate) ?? "none" }
            say("limit up \(words[0]) -> \(words[1]) \(who)")
            if new.rate != slow.rate { slow.before = nil }
        } else if old.uploads != new.uploads, !new.uploadsAuto {
            say("uploads at once \(old.uploads) -> \(new.uploads) by another front end")
        }
    }

    // MARK: views

    /// `view NAME` takes a saved filter up, `view save NAME` keeps the one on the screen.
    mutating func useView(_ text: String) -> [Effect] {
        let words = text.split(separator: " ").map(String.init)
        if words.first == "save" {
            guard words.count == 2, SavedView.isName(words[1]) else {
                say("view save NAME: a name of letters, digits, - and _, at most 40", .warn)
                return []
            }
            var view = savedView
            // A view that is called up later is a way to look, not a place in the list.
            (view.cursor, view.cursorID, view.top, view.marks, view.marksQuery, view.marksExcept) = (nil, nil, nil, nil, nil, nil)
            view.screen = Screen.queue.rawValue
            views[words[1]] = view
            say("kept as view \(words[1]): :view \(words[1]) brings it back", .ok)
            return [.saveView(name: words[1], view)]
        }
        guard words.count == 1, let view = views[words[0]] else {
            let names = views.keys.sorted().joined(separator: " ")
            say("there is no view \(text)" + (names.isEmpty ? "; :view save NAME keeps one" : ": " + names), .warn)
            return []
        }
        screen = .queue
        queue.query = view.query ?? ""
        queue.sort = view.sort ?? ""
        hidesFinished = view.hidesFinished ?? false
        queue.cursor = 0
        queue.cursorID = nil
        queue.top = 0
        say("view \(words[0])")
        return ask(\.queue)
    }
}
