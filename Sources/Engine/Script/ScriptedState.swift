import Contracts
import OSSProtocol
import TransferCore

/// The queue of a script as a value: seconds and orders in, changed rows out. It follows the words of the real one and nothing more: no
/// bytes, no network, no disk.
struct ScriptedState: Sendable {
    let script: Script
    let start: Timestamp
    private(set) var rows: ScriptedRows
    private(set) var elapsed = 0
    private(set) var revision: Int64 = 1
    private(set) var isPaused = false
    private(set) var limits: LimitsView
    private(set) var rateHistory: [Int64]
    private(set) var frontEnds = 0
    private var doneAction: StatusView.DoneAction?
    /// What an undo puts back, the newest last.
    private var undos: [[Int: UploadView]] = []
    private var told: [Int: [UploadEventView]] = [:]
    private var rates: [Int: Int64] = [:]
    private var leaseEnd: Double?
    private var nextEnding: Int
    private var played = 0

    /// Rates go up and down by that many hundredths, so that a header that adds them up wrongly is seen.
    private static let wave: [Int64] = [0, 5, 8, 3, -4, -8, -2]

    init(_ script: Script) {
        self.script = script
        start = Timestamp(iso8601: script.clock) ?? Timestamp(milliseconds: 0)
        rows = ScriptedRows(script, start: start)
        limits = LimitsView(rate: script.limit, uploads: script.slots ?? 5, parts: 16)
        leaseEnd = script.lease?.renewsIn == nil ? script.lease?.left : nil
        nextEnding = rows.named + (script.fill?.count ?? 0) / 2
        rateHistory = []
        let rate = self.rate
        rateHistory = (0..<300).map { rate + rate * Self.wave[$0 % Self.wave.count] / 100 }
    }

    var now: Timestamp { start + .seconds(elapsed) }
    private var moves: Bool { script.moves == true }
    private var running: [Int] { (0..<rows.named).filter { rows[$0].state == .uploading } }
    private var rate: Int64 { running.reduce(0) { $0 + rows[$1].rate } }

    func view(_ index: Int) -> UploadView { rows[index] }

    mutating func attach(_ change: Int) {
        frontEnds += change
        revision += 1
    }

    // MARK: - Time

    /// One second more. The rows that changed their state.
    mutating func tick() -> [Int] {
        guard moves else { return [] }
        elapsed += 1
        revision += 1
        let now = now
        var news = play(now)
        if let end = leaseEnd, Double(elapsed) >= end {
            for index in 0..<rows.named where [.uploading, .verifying, .queued, .retrying].contains(rows[index].state) {
                change(index) {
                    ($0.state, $0.heldReason, $0.rate, $0.sending) = (.held, "credentials", 0, 0)
                    ($0.etaLow, $0.etaHigh, $0.nextTry) = (nil, nil, nil)
                }
                news.append(index)
            }
        }
        for index in 0..<rows.named {
            switch rows[index].state {
            case .verifying where rows[index].rate == 0 && rows[index].etaHigh ?? 0 <= 0:
                change(index) { ($0.state, $0.finished, $0.verify.state) = (.done, now.iso8601, "ok") }
                news.append(index)
            case .verifying: change(index) { ($0.etaLow, $0.etaHigh, $0.rate) = ($0.etaLow.map { $0 - 1 }, $0.etaHigh.map { $0 - 1 }, 0) }
            case .uploading: if advance(index) { news.append(index) }
            case .retrying where (rows[index].nextTry ?? "") <= now.iso8601:
                // It fails again: a row that retries is what the script wants to show.
                change(index) { ($0.nextTry, $0.tries) = ((now + .seconds(30)).iso8601, $0.tries + 1) }
                news.append(index)
            default: break
            }
        }
        news += startQueued(now)
        rateHistory = Array((rateHistory + [rate]).suffix(300))
        return news
    }

    /// Filled rows that finish by themselves, `endings` a second.
    mutating func end(_ number: Int) -> [Int] {
        guard script.fill != nil else { return [] }
        var news: [Int] = []
        while news.count < number, nextEnding < rows.count {
            change(nextEnding) { ($0.state, $0.stored) = (.done, $0.size ?? 0) }
            news.append(nextEnding)
            nextEnding += 1
        }
        if !news.isEmpty { revision += 1 }
        return news
    }

    private mutating func play(_ now: Timestamp) -> [Int] {
        var news: [Int] = []
        let timeline = script.timeline ?? []
        while played < timeline.count, timeline[played].at <= Double(elapsed) {
            let moment = timeline[played]
            played += 1
            change(moment.row - 1) { moment.change.apply(to: &$0, at: now) }
            rates[moment.row - 1] = nil
            if let text = moment.text {
                told[moment.row - 1, default: []].append(UploadEventView(at: now.iso8601, kind: moment.kind ?? "part", text: text))
            }
            news.append(moment.row - 1)
        }
        return news
    }

    /// Whole parts are stored, the rest is being sent. Whether the row has all of its bytes on the server now.
    private mutating func advance(_ index: Int) -> Bool {
        var view = rows[index]
        let usual = rates[index] ?? view.rate
        rates[index] = usual
        guard usual > 0, let size = view.size else { return false }
        view.rate = usual + usual * Self.wave[(elapsed + index) % Self.wave.count] / 100
        let progress = min(size, view.stored + view.sending + view.rate)
        let part = max(1, view.parts.size)
        view.stored = progress == size ? size : max(view.stored, (progress - part / 2) / part * part)
        view.sending = progress - view.stored
        view.parts.stored = progress == size ? view.parts.total : max(view.parts.stored, Int(view.stored / part))
        let left = Int((size - progress) / max(1, view.rate))
        (view.etaLow, view.etaHigh) = (left, left)
        if progress == size { (view.state, view.rate, view.etaLow, view.etaHigh, view.parts.sending) = (.verifying, 0, 2, 2, 0) }
        rows[index] = view
        return view.state == .verifying
    }

    private mutating func startQueued(_ now: Timestamp) -> [Int] {
        guard !isPaused else { return [] }
        var news: [Int] = []
        var free = limits.uploads - (0..<rows.named).count { rows[$0].state == .uploading || rows[$0].state == .verifying }
        for index in 0..<rows.named where free > 0 && rows[index].state == .queued {
            change(index) {
                ($0.state, $0.rate, $0.parts.sending, $0.started) = (.uploading, 8 << 20, min(4, $0.parts.total), now.iso8601)
            }
            news.append(index)
            free -= 1
        }
        return news
    }

    private mutating func change(_ index: Int, _ edit: (inout UploadView) -> Void) {
        var view = rows[index]
        edit(&view)
        rows[index] = view
    }

    // MARK: - Orders

    mutating func act(_ request: ActionRequest) throws(OrderError) -> (result: ActionResult, changed: [Int]) {
        if request.action == "undo" { return undo() }
        guard ["pause", "resume", "retry", "cancel", "abort", "priority"].contains(request.action) else {
            throw .option("a played engine knows no action \(request.action)")
        }
        let wanted = try chosen(request)
        var result = ActionResult(action: request.action, matched: wanted.count, changed: 0, items: [])
        var before: [Int: UploadView] = [:]
        let isWhole = request.all == true
        for index in wanted {
            var view = rows[index]
            let reason = Self.apply(request, to: &view)
            if reason == nil {
                result.changed += 1
                before[index] = rows[index]
                if request.dryRun != true { rows[index] = view }
            }
            if result.items.count < 1000 {
                result.items.append(ActionResult.Item(id: view.id, state: view.state, changed: reason == nil, reason: reason))
            }
        }
        guard request.dryRun != true else {
            result.bytes = before.values.reduce(0) { $0 + ($1.size ?? 0) }
            result.stored = before.values.reduce(0) { $0 + $1.stored }
            return (result, [])
        }
        if isWhole, request.action == "pause" { isPaused = true }
        if request.action == "resume" || request.action == "retry" { isPaused = false }
        if request.action == "retry" { renew() }
        if request.action != "abort", request.action != "retry", !before.isEmpty { undos.append(before) }
        revision += 1
        if result.changed > 0 {
            doneAction = StatusView.DoneAction(
                number: (doneAction?.number ?? 0) + 1, action: request.action, by: request.by, uploads: result.changed)
        }
        return (result, before.keys.sorted())
    }

    /// What was done to something else than uploads.
    mutating func tell(_ done: StatusView.DoneAction?) {
        guard let done else { return }
        doneAction = StatusView.DoneAction(
            number: (doneAction?.number ?? 0) + 1, action: done.action, by: done.by, uploads: done.uploads, what: done.what)
        revision += 1
    }

    var lastAction: String? { doneAction?.action }

    private mutating func undo() -> (result: ActionResult, changed: [Int]) {
        let before = undos.popLast() ?? [:]
        for (index, view) in before { rows[index] = view }
        isPaused = false
        revision += 1
        let items = before.keys.sorted().prefix(1000).map { ActionResult.Item(id: rows[$0].id, state: rows[$0].state, changed: true, reason: nil) }
        return (ActionResult(action: "undo", matched: before.count, changed: before.count, items: items), before.keys.sorted())
    }

    /// Somebody asked for credentials: what was held for want of them waits for its turn.
    mutating func renew() {
        guard leaseEnd != nil else { return }
        leaseEnd = Double(elapsed) + (script.lease?.left ?? 0)
        for index in 0..<rows.named where rows[index].state == .held && rows[index].heldReason == "credentials" {
            change(index) { ($0.state, $0.heldReason) = (.queued, nil) }
        }
        revision += 1
    }

    /// - Returns: why it cannot be done.
    private static func apply(_ request: ActionRequest, to view: inout UploadView) -> String? {
        func rest(_ state: UploadState) {
            (view.state, view.heldReason, view.rate, view.sending, view.parts.sending) = (state, nil, 0, 0, 0)
            (view.etaLow, view.etaHigh, view.nextTry) = (nil, nil, nil)
        }
        switch request.action {
        case "pause":
            if view.state.isEnded { return "had already finished" }
            if view.state == .paused { return "is paused already" }
            rest(.paused)
        case "resume":
            guard view.state == .paused else { return view.state.isEnded ? "had already finished" : "is not paused" }
            rest(.queued)
        case "retry":
            guard [.failed, .retrying, .held].contains(view.state) else { return view.state.isEnded ? "had already finished" : "goes on by itself" }
            rest(.queued)
        case "cancel", "abort":
            if view.state == .done || view.state == .skipped || (view.state == .cancelled && request.action == "cancel") {
                return "had already finished"
            }
            rest(.cancelled)
            if request.action == "abort" { (view.stored, view.parts.stored, view.uploadId) = (0, 0, nil) }
        default:
            guard let priority = Priority(rawValue: request.value ?? "") else { return "has no such priority" }
            view.priority = priority
        }
        return nil
    }

    private func chosen(_ request: ActionRequest) throws(OrderError) -> [Int] {
        if let ids = request.ids, !ids.isEmpty { return ids.compactMap(rows.index) }
        if let query = request.query, !query.isEmpty { return try order(query, sort: nil) ?? Array(0..<rows.count) }
        guard request.all == true else { throw .option("\(request.action) needs ids, a query, or all") }
        return Array(0..<rows.count)
    }

    mutating func set(_ change: LimitsChange) throws(OrderError) {
        if let text = change.rate {
            do throws(ByteTextError) {
                limits.rate = text == "schedule" ? script.limit : try ByteRate(parsing: text).bytesPerSecond
            } catch {
                throw .option(error.description)
            }
        }
        if case .number(let uploads)? = change.uploads { limits.uploads = uploads }
        if case .number(let parts)? = change.parts { limits.parts = parts }
        revision += 1
    }

    // MARK: - Looks

    func window(_ request: UploadsRequest) throws(OrderError) -> ListEnvelope<UploadView> {
        let found = try order(request.query ?? "", sort: request.sort)
        let total = found?.count ?? rows.count
        var from = request.offset
        if let after = request.after {
            guard let index = rows.index(after) else { throw .option("\(after) is no upload's id") }
            from = (found?.firstIndex(of: index) ?? index) + 1
        }
        let range = min(from, total)..<min(from + request.limit, total)
        let items = range.map { rows[found?[$0] ?? $0] }
        return ListEnvelope(items: items, total: total, truncated: total > items.count)
    }

    /// `nil`: all rows in their own order.
    private func order(_ text: String, sort: String?) throws(OrderError) -> [Int]? {
        let query: UploadQuery
        do throws(QueryError) {
            query = try UploadQuery(text, now: now)
        } catch {
            throw OrderError(code: "BadQuery", message: "the query is not understood at character \(error.position + 1) (\(error.message))", exit: 2)
        }
        let keys = try EngineLoop.sort(sort, query.sort, now)
        if query.matchesEverything, keys.isEmpty { return nil }
        var found = (0..<rows.count).map { (index: $0, view: rows[$0]) }
        if !query.matchesEverything { found.removeAll { !query.matches($0.view.facts) } }
        if let key = keys.first {
            found.sort { one, other in
                let isBefore = Self.value(one.view, key.name) < Self.value(other.view, key.name)
                let isAfter = Self.value(other.view, key.name) < Self.value(one.view, key.name)
                return isBefore == isAfter ? one.index < other.index : isBefore != key.isDescending
            }
        }
        return found.map(\.index)
    }

    /// A number and a text to sort by.
    private static func value(_ view: UploadView, _ key: String) -> (Int64, String) {
        switch key {
        case "size": (view.size ?? 0, "")
        case "done": (view.stored, "")
        case "rate": (view.rate, "")
        case "eta": (view.etaHigh.map { Int64($0) } ?? Int64.max, "")
        case "tries": (Int64(view.tries), "")
        case "state": (0, view.state.rawValue)
        case "dest": (0, view.dest)
        case "finished": (0, view.finished ?? "")
        case "name": (0, view.path)
        default: (0, "")
        }
    }

    func history(_ request: HistoryRequest) throws(OrderError) -> HistoryPage {
        let ended = "state:done,failed,cancelled,skipped"
        let query = request.query.map { $0.isEmpty ? ended : "(\($0)) and \(ended)" } ?? ended
        let found = try order(query, sort: request.sort ?? "finished-") ?? []
        let items = found.prefix(request.limit).map {
            HistoryItem(upload: rows[$0], versionId: nil, requestId: nil, reason: rows[$0].lastError?.message, removed: false)
        }
        return HistoryPage(items: items, total: found.count, next: nil)
    }

    func detail(_ id: String) -> UploadDetail? {
        guard let index = rows.index(id) else { return nil }
        let view = rows[index]
        let (all, done) = (min(view.parts.total, 10_000), view.parts.stored)
        let sending = min(view.parts.sending, max(0, all - done))
        let map = String(repeating: "#", count: min(done, all)) + String(repeating: "s", count: sending)
        let active = (0..<sending).map { number in
            PartView(
                number: done + 1 + number, state: .sending, sent: view.sending / Int64(sending), size: view.parts.size,
                rate: view.rate / Int64(sending), tries: 1, since: 1, lastAnswer: nil)
        }
        var events = [UploadEventView(at: view.added, kind: "queued", text: "by ops2")]
        if let started = view.started { events.append(UploadEventView(at: started, kind: "start", text: "\(view.parts.total) parts")) }
        events += told[index] ?? []
        return UploadDetail(upload: view, map: map + String(repeating: ".", count: max(0, all - map.utf8.count)), active: active, events: events)
    }

    func status(pid: Int) -> StatusView {
        let counts = Dictionary(uniqueKeysWithValues: UploadState.allCases.map { ($0.rawValue, rows.counts[$0] ?? 0) })
        let lease = script.lease.map { lease in
            let left = max(0, (leaseEnd ?? lease.left) - (lease.renewsIn == nil ? Double(elapsed) : Double(elapsed % 60)))
            return LeaseView(
                scope: lease.scope, kind: "broker", state: left > 0 ? "held" : "refused", identity: lease.identity,
                expires: (now + .milliseconds(Int64(left * 1000))).iso8601, left: left, renewsIn: lease.renewsIn.map { $0 - Double(elapsed % 60) },
                lastError: left > 0 ? nil : "the token has ended", fetches: 1, uploads: running.count)
        }
        let eta = script.eta.map { $0.map { max(60, $0 - elapsed) } }
        var view = StatusView(
            revision: revision, now: now.iso8601,
            engine: StatusView.Engine(version: EngineProgram.version, pid: pid, uptime: (script.uptime ?? 0) + Double(elapsed), frontEnds: frontEnds),
            counts: counts,
            totals: StatusView.Totals(
                bytes: rows.bytes, stored: rows.stored, resent: rows.resent, uploads: rows.count, unknown: counts["scanning"] ?? 0),
            rate: rate, rateHistory: rateHistory, limits: limits, slotsUsed: (counts["uploading"] ?? 0) + (counts["verifying"] ?? 0),
            partsSending: running.reduce(0) { $0 + rows[$1].parts.sending }, etaLow: eta?.first, etaHigh: eta?.last,
            leases: lease.map { [$0] } ?? [], clockOffset: script.clockOffset, outage: nil, queuePaused: isPaused, defaultRemote: "prod")
        view.lastAction = doneAction
        return view
    }
}
