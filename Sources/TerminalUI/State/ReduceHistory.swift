import Contracts

/// What has ended, as far as it was asked for: the newest first, an older page when the cursor comes near the end of what is here.
struct HistoryPages: Sendable, Equatable {
    /// What the engine says beside the upload, by its id.
    var reasons: [String: String] = [:]
    var removed: Set<String> = []
    /// Where the next page begins; `nil` when the end was reached.
    var next: String?
    /// The request under way is for an older page, not for the newest.
    var isAskingMore = false
    var today = HistorySummary()

    /// More rows than this are not kept: a filter, or `davit history`, finds what is older.
    static let most = 5_000
}

/// The uploads of one day by how they ended.
struct HistorySummary: Sendable, Equatable {
    var counts: [UploadState: Int] = [:]
    /// Of what is stored.
    var bytes: Int64 = 0
    /// Seconds in which at least one of them ran.
    var busy: Double = 0
    /// All of the day is among the rows.
    var isWhole = true

    /// - Parameter rows: the newest first.
    init(rows: [UploadView] = [], now: Int64 = 0, zone: Int = 0, hasMore: Bool = false) {
        let date = LocalTime(seconds: now / 1000, zone: zone).date
        var spans: [(Int64, Int64)] = []
        var isPast = false
        for row in rows {
            guard let finished = row.finished.flatMap(LocalTime.milliseconds) else { continue }
            guard LocalTime(seconds: finished / 1000, zone: zone).date == date else {
                isPast = true
                continue
            }
            counts[row.state, default: 0] += 1
            guard row.state == .done else { continue }
            bytes = Formats.sum([bytes, row.size ?? 0])
            if let started = row.started.flatMap(LocalTime.milliseconds), started < finished { spans.append((started, finished)) }
        }
        isWhole = isPast || !hasMore
        var end = Int64.min
        for span in spans.sorted(by: { $0.0 < $1.0 }) {
            busy += Double(max(0, span.1 - max(end, span.0))) / 1000
            end = max(end, span.1)
        }
    }
}

extension AppState {
    private static let historyOrder = "finished-"

    mutating func askHistory(after: String?) -> [Effect] {
        let version = nextVersion
        nextVersion += 1
        history.asked = version
        history.isStale = false
        historyPages.isAskingMore = after != nil
        let sort = history.sort.isEmpty ? Self.historyOrder : history.sort
        return [
            .fetchHistory(
                query: history.query, sort: sort, after: after, count: max(60, 3 * pageHeight(\.history)), version: version)
        ]
    }

    mutating func onHistoryPage(_ version: Int, _ page: HistoryPage) -> [Effect] {
        guard history.asked == version else { return [] }
        history.asked = nil
        history.queryProblem = nil
        let isMore = historyPages.isAskingMore
        historyPages.isAskingMore = false
        var rows = page.items.map(\.upload)
        let old = history.window?.rows ?? []
        if isMore {
            let known = Set(old.map(\.id))
            rows = old + rows.filter { !known.contains($0.id) }
            historyPages.next = page.next
        } else if let last = rows.last, let index = old.lastIndex(where: { $0.id == last.id }), history.sort.isEmpty {
            // The newest page again: what lies behind it stays.
            let newest = Set(rows.map(\.id))
            rows += old[(index + 1)...].filter { !newest.contains($0.id) }
        } else {
            historyPages.next = page.next
            historyPages.reasons = [:]
            historyPages.removed = []
        }
        if rows.count >= HistoryPages.most {
            rows.removeLast(rows.count - HistoryPages.most)
            historyPages.next = nil
        }
        for item in page.items {
            historyPages.reasons[item.upload.id] = item.reason
            if item.removed { historyPages.removed.insert(item.upload.id) }
        }
        history.window = WindowAnswer(version: version, offset: 0, total: rows.count, rows: rows)
        if history.query.isEmpty, history.sort.isEmpty {
            historyPages.today = HistorySummary(rows: rows, now: now, zone: options.zone, hasMore: historyPages.next != nil)
        }
        followCursor(\.history)
        return settleHistory()
    }

    /// The cursor is inside the list and on the screen; near its end an older page is asked for.
    mutating func settleHistory() -> [Effect] {
        var list = history
        let height = max(1, pageHeight(\.history))
        list.cursor = max(0, min(list.cursor, list.total - 1))
        if list.cursor < list.top { list.top = list.cursor }
        if list.cursor >= list.top + height { list.top = list.cursor - height + 1 }
        list.top = max(0, min(list.top, max(0, list.total - height)))
        if let row = list.cursorRow { list.cursorID = row.id }
        history = list
        guard mirror.link == .up || mirror.link == .connecting, history.asked == nil else { return [] }
        guard list.window != nil else { return askHistory(after: nil) }
        guard let next = historyPages.next, list.top + 2 * height >= list.total else { return [] }
        return askHistory(after: next)
    }

    /// `[` and `]`: the first row of the next older day, of the next newer one.
    mutating func moveByDay(_ step: Int) -> [Effect] {
        let list = history
        guard let row = list.cursorRow, let here = day(row) else { return [] }
        var position = list.cursor
        while let other = list.row(at: position), day(other) == here { position += step }
        guard list.row(at: position) != nil else {
            if step > 0, historyPages.next != nil {
                // As far as is loaded: the move asks for what comes next.
                say("that day goes on; ] again when more is here")
                return moveCursor(\.history, to: list.total - 1)
            }
            say(step > 0 ? "there is no older day" : "there is no newer day")
            return []
        }
        if step < 0, let there = list.row(at: position).flatMap(day) {
            // Up to the first row of that day.
            while position > 0, let other = list.row(at: position - 1), day(other) == there { position -= 1 }
        }
        return moveCursor(\.history, to: position)
    }

    private func day(_ row: UploadView) -> String? {
        row.finished.flatMap(LocalTime.milliseconds).map { LocalTime(seconds: $0 / 1000, zone: options.zone).date }
    }

    /// What failed or was cancelled goes on where it stopped; what is stored is a new order.
    mutating func queueAgain() -> [Effect] {
        guard history.marks.isEmpty, let row = history.cursorRow, row.state == .done || row.state == .skipped else {
            return act("retry", key: .character("r"))
        }
        if let refusal = refusal() {
            say(refusal, .warn)
            return []
        }
        guard row.path.utf8.first == UInt8(ascii: "/") else {
            say("this one did not come from a file: it cannot be queued again", .warn)
            return []
        }
        return [.add(sources: [row.path], dest: row.remote.map { "\($0):\(row.key)" } ?? row.dest, options: OrderOptions())]
    }
}
