import Contracts

/// The end of the engine's log as the Log screen shows it.
struct LogState: Sendable, Equatable {
    struct Line: Sendable, Equatable {
        /// Milliseconds since 1970.
        var at: Int64
        var level: LogLine.Level
        /// What it is about: an upload, a remote, the engine.
        var subject: String
        var uploadID: String?
        var text: String

        init(_ line: LogLine) {
            at = LocalTime.milliseconds(line.time) ?? 0
            level = line.level
            uploadID = line.fields["upload"]
            let named = ["upload", "remote", "scope", "job", "by"].first { line.fields[$0] != nil }
            subject = named.flatMap { line.fields[$0] } ?? "engine"
            var words = [line.message]
            for (key, value) in line.fields.sorted(by: { $0.key < $1.key }) where key != named { words.append("\(key) \(value)") }
            text = words.joined(separator: "  ")
        }

        var isProblem: Bool { level >= .error }
    }

    /// More lines than this are not kept; `davit log` has them all.
    static let most = 5_000

    private(set) var lines: [Line] = []
    /// Positions in `lines` of those that the filter lets through.
    private(set) var shown: [Int] = []
    /// Position in `shown`.
    var cursor = 0
    var follows = true
    /// Lines that came while it did not follow.
    private(set) var missed = 0
    var wraps = false
    /// Words that a line must hold; `level:warning` is the least level.
    private(set) var filter = ""
    var problem: String?
    private(set) var isRead = false

    var cursorLine: Line? { shown.indices.contains(cursor) ? lines[shown[cursor]] : nil }

    mutating func add(_ new: [LogLine], isWhole: Bool) {
        isRead = true
        problem = nil
        if isWhole { lines = [] }
        guard isWhole || !new.isEmpty else { return }
        let anchor = cursorLine
        let taken = new.suffix(Self.most).map(Line.init)
        lines += taken
        let cut = max(0, lines.count - Self.most)
        lines.removeFirst(cut)
        if isWhole || cut > 0 {
            select()
            if let anchor, let index = shown.lastIndex(where: { lines[$0] == anchor }) { cursor = index }
        } else {
            for index in lines.count - taken.count..<lines.count where passes(lines[index]) { shown.append(index) }
        }
        if follows { toEnd() } else { missed += isWhole ? 0 : taken.count { passes($0) } }
        cursor = max(0, min(cursor, shown.count - 1))
    }

    mutating func setFilter(_ text: String) {
        filter = text
        let anchor = cursorLine
        select()
        cursor = anchor.flatMap { line in shown.lastIndex { lines[$0] == line } } ?? max(0, shown.count - 1)
        if follows { toEnd() }
    }

    mutating func toEnd() {
        follows = true
        missed = 0
        cursor = max(0, shown.count - 1)
    }

    mutating func move(to position: Int) {
        cursor = max(0, min(position, shown.count - 1))
        follows = cursor >= shown.count - 1
        if follows { missed = 0 }
    }

    /// The next line towards `step` for which `matches` holds.
    func next(_ step: Int, where matches: (Line) -> Bool) -> Int? {
        var position = cursor + step
        while shown.indices.contains(position) {
            if matches(lines[shown[position]]) { return position }
            position += step
        }
        return nil
    }

    private mutating func select() { shown = lines.indices.filter { passes(lines[$0]) } }

    /// The least level that is shown: `info` unless the filter names another.
    var level: LogLine.Level {
        for word in filter.split(separator: " ") where word.hasPrefix("level:") {
            let name = word.dropFirst(6)
            return LogLine.Level(rawValue: name == "warn" ? "warning" : String(name)) ?? .info
        }
        return .info
    }

    private func passes(_ line: Line) -> Bool {
        guard line.level >= level else { return false }
        for word in filter.split(separator: " ") where !word.hasPrefix("level:") {
            let wanted = String(word)
            guard Search.contains(Array(line.text.utf8), wanted) || Search.contains(Array(line.subject.utf8), wanted) else { return false }
        }
        return true
    }
}

extension AppState {
    mutating func performInLog(_ action: Action) -> [Effect] {
        switch action {
        case .open:
            guard let id = log.cursorLine?.uploadID else {
                say("this line is about no upload")
                return []
            }
            return openDetail(id)
        case .follow:
            log.toEnd()
        case .wrap:
            log.wraps.toggle()
            say(log.wraps ? "long lines are wrapped; w cuts them" : "long lines are cut; w wraps them")
        case .nextProblem, .previousProblem:
            let step = action == .nextProblem ? 1 : -1
            guard let position = log.next(step, where: \.isProblem) else {
                say("no further error in the log that is loaded; davit log has all of it")
                return []
            }
            log.move(to: position)
        case .findNext, .findPrevious: return findInLog(step: action == .findNext ? 1 : -1)
        default:
            guard let moved = Self.moved(log.cursor, action, page: max(1, layout.listHeight)) else {
                say("that does nothing here. ? help", .warn, seconds: 5)
                return []
            }
            log.move(to: moved)
        }
        return []
    }

    mutating func findInLog(step: Int) -> [Effect] {
        guard let wanted = promptHistory[.find]?.last, !wanted.isEmpty else {
            say("nothing was looked for yet; / finds")
            return []
        }
        let matches = { (line: LogState.Line) in
            Search.contains(Array(line.text.utf8), wanted) || Search.contains(Array(line.subject.utf8), wanted)
        }
        guard let position = log.next(step, where: matches) else {
            say("no further match in the log that is loaded")
            return []
        }
        log.move(to: position)
        return []
    }
}
