import Contracts
import OSSProtocol
import TransferCore

/// The newest list that had to be made row by row: the next window over the same is a look-up.
struct WindowMemo {
    var query: String
    var sort: [SortKey]
    var revision: Int64
    /// How long it serves while the queue moves.
    var until: Timestamp
    var ids: [Int64]
}

/// A list that is being made: whoever wants the same waits for it.
struct WindowMaking {
    var query: String
    var sort: [SortKey]
    var task: Task<WindowAnswer, any Error>
}

/// Windows over the queue: what runs first, then the rows.
extension EngineLoop {
    static let mostWindow = 1_000
    /// A list that was made row by row may be that old while the queue moves, or so many times as old as making it took: at a million rows
    /// that is seconds.
    private static let memoLife = Duration.seconds(2)
    private static let memoCost = 4

    public func uploads(_ request: UploadsRequest) async throws(OrderError) -> ListEnvelope<UploadView> {
        let now = clocks.wall()
        let text = request.query ?? ""
        let plan = text.utf8.allSatisfy { $0 == UInt8(ascii: " ") } ? QueryPlan() : try QueryPlan(text, now: now)
        let sort = try Self.sort(request.sort, plan.query?.sort ?? [], now)
        let limit = min(max(request.limit, 0), Self.mostWindow)
        let isByOrder = sort.isEmpty
        var active: [UploadRun] = []
        for run in runs.values where !run.isLanding {
            if plan.query?.matches(run.row.facts(run.job, run: run, now: clocks.steady())) ?? true { active.append(run) }
        }
        // In their own order what runs comes first; sorted by anything else it stands among the others, where its row puts it.
        let leading =
            isByOrder || sort.contains { ["rate", "eta", "state"].contains($0.name) } || plan.query != nil ? Self.inOrder(active, sort) : []
        let place = request.after.flatMap { WindowPlace($0) }
        guard place == nil || isByOrder else { throw .option("after takes that place only in the queue's own order, without a sort") }
        // Behind a place what runs stands where its row is: it may have begun since the page before.
        let hidesRunning = (!leading.isEmpty || plan.query != nil) && place == nil
        let excluded = hidesRunning ? runs.values.filter { !$0.isLanding }.map(\.id) : []

        var question = WindowQuestion(
            plan: plan, sort: sort, excluding: excluded, offset: max(request.offset - leading.count, 0), after: nil, limit: limit,
            jobs: jobs, now: now)
        var shown = Array(leading.dropFirst(request.offset).prefix(limit))
        if let place {
            (question.offset, question.behind, shown) = (0, place, [])
        } else if let after = request.after {
            guard let id = UploadID.row(after) else { throw .option("\(after) is no upload's id") }
            question.offset = 0
            if let index = leading.firstIndex(where: { $0.id == id }) {
                shown = Array(leading.dropFirst(index + 1).prefix(limit))
            } else {
                shown = []
                question.after = id
            }
        }
        question.limit = limit - shown.count
        let answer = try await rows(question, text)
        var views = shown.map { view($0.row, $0.job, $0) }
        for row in answer.rows {
            guard let job = jobs[row.job] ?? answer.jobs[row.job] else { continue }
            let run = runs[row.id].flatMap { $0.isLanding ? nil : $0 }
            if place != nil, let run, let query = plan.query, !query.matches(run.row.facts(run.job, run: run, now: clocks.steady())) { continue }
            // It may have begun, or ended, since the rows were read.
            views.append(run.map { view($0.row, $0.job, $0) } ?? view(row, job))
        }
        if answer.jobs.count < 1_000 { jobs.merge(answer.jobs) { old, _ in old } }
        let total = answer.total + (place == nil ? leading.count : 0)
        var next: String?
        // A list that was kept from before may name a row that stands elsewhere by now: no place to go on from.
        let isFresh = plan.isExact || place != nil || answer.matching != nil
        if isByOrder, isFresh, answer.rows.count == question.limit, let last = answer.rows.last { next = WindowPlace(last, total: total).text }
        return ListEnvelope(items: views, total: total, truncated: total > views.count, next: next)
    }

    private func rows(_ question: WindowQuestion, _ text: String) async throws(OrderError) -> WindowAnswer {
        do {
            if question.isInOwnOrder || question.behind != nil { return try await store.read { db in try QueueStore.window(db, question) } }
            if let making = windowMaking, making.query == text, making.sort == question.sort { _ = try? await making.task.value }
            if let memo = windowMemo, memo.query == text, memo.sort == question.sort,
                memo.revision == revision || clocks.steady() < memo.until
            {
                return try await rows(question, of: memo.ids)
            }
            let (before, begun, store) = (revision, clocks.steady(), store)
            // Unstructured on purpose: others may wait for it too.
            let task = Task { try await store.read { db in try QueueStore.window(db, question) } }
            windowMaking = WindowMaking(query: text, sort: question.sort, task: task)
            defer { if windowMaking?.task == task { windowMaking = nil } }
            let answer = try await task.value
            if let ids = answer.matching {
                let now = clocks.steady()
                windowMemo = WindowMemo(
                    query: text, sort: question.sort, revision: before, until: now + max(Self.memoLife, (now - begun) * Self.memoCost), ids: ids)
            }
            return answer
        } catch {
            throw OrderError(
                code: "QueueNotReadable", message: "the queue \(store.path) cannot be read (\(error)). Check the disk", exit: 1)
        }
    }

    private func rows(_ question: WindowQuestion, of ids: [Int64]) async throws -> WindowAnswer {
        let known = jobs
        return try await store.read { db in
            let window = QueueStore.window(ids, question)
            var answer = WindowAnswer(rows: try QueueStore.rows(db, window.ids), total: window.total)
            for job in Set(answer.rows.map(\.job)) where known[job] == nil { answer.jobs[job] = try QueueStore.job(db, id: job) }
            return answer
        }
    }

    private static func inOrder(_ runs: [UploadRun], _ sort: [SortKey]) -> [UploadRun] {
        let ordered = runs.sorted { a, b in
            (a.row.priority.code, a.row.position, a.id) < (b.row.priority.code, b.row.position, b.id)
        }
        guard let key = sort.first else { return ordered }
        let value: (UploadRun) -> Double =
            switch key.name {
            case "size": { Double($0.row.size) }
            case "done": { $0.row.size > 0 ? Double($0.machine.storedBytes) / Double($0.row.size) : 0 }
            case "rate": { Double($0.row.size > 0 ? $0.machine.storedBytes + $0.sendingBytes : 0) }
            case "tries": { Double($0.tries) }
            default: { Double($0.id) }
            }
        return key.isDescending ? ordered.sorted { value($0) > value($1) } : ordered.sorted { value($0) < value($1) }
    }

    /// - Parameter text: of the request; wins over what the query says.
    static func sort(_ text: String?, _ fromQuery: [SortKey], _ now: Timestamp) throws(OrderError) -> [SortKey] {
        var keys = fromQuery
        if let text, !text.isEmpty {
            keys = []
            for part in text.split(separator: ",") {
                let isDescending = part.utf8.last == UInt8(ascii: "-")
                keys.append(SortKey(name: String(isDescending ? part.dropLast() : part), isDescending: isDescending))
            }
        }
        for key in keys where !QueueStore.sortKeys.contains(key.name) {
            throw .option("there is no sort key \(key.name). Use one of \(QueueStore.sortKeys.joined(separator: " "))")
        }
        return keys.count == 1 && keys[0].name == "order" && !keys[0].isDescending ? [] : keys
    }
}
