import Contracts

/// What every screen draws with: the frame, the state and the symbols.
struct Canvas {
    var frame: Frame
    let state: AppState
    let symbols: Symbols
    let size: Size
    /// Milliseconds.
    var now: Int64 { state.now }

    init(_ state: AppState, size: Size, theme: Theme) {
        self.state = state
        self.size = size
        symbols = Symbols(state.options.symbols)
        frame = Frame(size: size, theme: theme, rules: state.options.rules)
    }

    var rules: TextRules { state.options.rules }

    /// A word or a sentence of ours in the language of this front end.
    func t(_ english: String) -> String { Words.text(english, in: state.options.language) }

    /// The same with values in the place of each `{}`, which are told as they are; `{w}` is a word of the table.
    func t(_ english: String, _ values: String...) -> String { Words.text(english, values, in: state.options.language) }

    /// Our own words may hold an en dash or an ellipsis; ASCII terminals get their plain forms.
    func own(_ text: String) -> String { symbols.isASCII ? text.asciiOnly : text }

    /// Symbols of ours are drawn one cell wide whatever the rules for names say.
    mutating func symbol(_ text: String, row: Int, column: Int, role: Role) {
        var position = column
        for character in text {
            frame.set(Glyph(text: String(character), width: 1), row: row, column: position, role: role)
            position += 1
        }
    }

    mutating func line(row: Int, column: Int = 0, width: Int? = nil, role: Role = .border) {
        for x in column..<(column + (width ?? size.columns - column)) { symbol(symbols.horizontal, row: row, column: x, role: role) }
    }

    func path(_ path: String, _ width: Int) -> DisplayText { Cutting.path(path, width: width, rules: rules, ellipsis: symbols.ellipsis) }
    func url(_ url: String, _ width: Int) -> DisplayText { Cutting.url(url, width: width, rules: rules, ellipsis: symbols.ellipsis) }
    func cut(_ text: String, _ width: Int) -> DisplayText {
        Cutting.end(displayText(text, rules: rules), width: width, ellipsis: symbols.ellipsis)
    }

    /// A bar: stored, sending, to do. Never full before the end, never empty once something is stored.
    mutating func bar(_ stored: Int64, sending: Int64, of total: Int64?, isDone: Bool, row: Int, column: Int, width: Int) {
        let (full, light) = Self.barCells(stored, sending: sending, of: total, isDone: isDone, width: width)
        for x in 0..<width {
            let role: Role = x < full ? .barDone : x < full + light ? .barSending : .barRest
            symbol(x < full ? symbols.stored : x < full + light ? symbols.sending : symbols.rest, row: row, column: column + x, role: role)
        }
    }

    static func barCells(_ stored: Int64, sending: Int64, of total: Int64?, isDone: Bool, width: Int) -> (full: Int, light: Int) {
        if isDone { return (width, 0) }
        guard let total, total > 0 else { return (0, 0) }
        let most = width - 1
        let stored = max(0, min(stored, total))
        let sending = max(0, min(sending, total - stored))
        var full = min(most, Int(Double(stored) / Double(total) * Double(width)))
        if stored > 0, full == 0 { full = 1 }
        let reached = min(width, Int(Double(stored + sending) / Double(total) * Double(width)))
        let light = sending > 0 ? max(0, min(max(1, reached - full), width - full)) : 0
        return (full, light)
    }

    // MARK: times

    func clock(_ milliseconds: Int64) -> LocalTime { LocalTime(seconds: milliseconds / 1000, zone: state.options.zone) }

    /// Seconds until an RFC 3339 time, by the engine's clock as last heard.
    func seconds(until text: String?) -> Double? {
        guard let text, let at = LocalTime.milliseconds(text) else { return nil }
        return Double(at - engineNow) / 1000
    }
    func seconds(since text: String?) -> Double? { seconds(until: text).map { -$0 } }

    private var engineNow: Int64 {
        guard let status = state.mirror.status, let then = LocalTime.milliseconds(status.now) else { return now }
        return then + elapsed
    }

    /// Milliseconds since the last status; with the engine lost, time stands still where it was.
    private var elapsed: Int64 {
        var until = now
        if case .lost(let since, _, _, _) = state.mirror.link { until = min(until, since) }
        return max(0, until - state.mirror.statusAt)
    }

    /// Seconds since the last status: countdowns go on between two of them.
    var age: Double { Double(elapsed) / 1000 }
}

/// The tabs of the first row and where they lie.
struct TabRow {
    struct Tab {
        var screen: Screen
        var text: String
        var column: Int
    }
    private(set) var tabs: [Tab] = []
    let active: Screen

    init(size: Size, screen: Screen, detailOf origin: Screen = .queue, language: Language = .english) {
        active = screen == .detail ? origin : screen
        let names: [(Screen, String)] = [
            (.queue, "1 Queue"), (.browse, "2 Browse"), (.history, "3 History"), (.log, "4 Log"), (.access, "5 Access"),
            (.settings, "6 Settings"),
        ]
        let gap = size.columns >= 100 ? 1 : 0
        var column = 0
        for (screen, english) in names {
            let name = Words.text(english, in: language)
            tabs.append(Tab(screen: screen, text: screen == active ? "[\(name)]" : " \(name) ", column: column))
            column += displayText(name).width + 2 + gap
        }
    }

    var end: Int { tabs.last.map { $0.column + displayText($0.text).width } ?? 0 }
}
