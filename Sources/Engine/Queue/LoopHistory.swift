import Contracts
import GRDB
import OSSProtocol
import TransferCore

/// What control and front ends ask of what has ended.
public protocol HistoryService: Sendable {
    func history(_ request: HistoryRequest) async throws(OrderError) -> HistoryPage
    /// The newest first.
    func edits() async throws(OrderError) -> [EditView]
    /// - Returns: `nil` when there is no such job.
    func receipt(_ request: ReceiptRequest) async throws(OrderError) -> ReceiptPage?
    /// What an order would do: its files are looked at, nothing is queued.
    func plan(_ order: JobOrder) async throws(OrderError) -> PlannedOrder
    /// The same. `told` hears what is counted, batch by batch; it ends when its task is cancelled.
    func plan(_ order: JobOrder, told: @escaping @Sendable (PlanProgress) -> Void) async throws(OrderError) -> PlannedOrder
}

extension HistoryService {
    public func plan(_ order: JobOrder, told: @escaping @Sendable (PlanProgress) -> Void) async throws(OrderError) -> PlannedOrder {
        try await plan(order)
    }
}

public struct HistoryRequest: Sendable, Equatable {
    public var query: String?
    public var sort: String?
    /// `next` of the page before.
    public var after: String?
    /// At most 1,000.
    public var limit: Int
    public init(query: String? = nil, sort: String? = nil, after: String? = nil, limit: Int = 100) {
        (self.query, self.sort, self.after, self.limit) = (query, sort, after, limit)
    }
}

extension EngineLoop {
    /// A list in another order than that of time stays as it is so long, while its pages are asked for.
    private static let listLife = Duration.seconds(60)

    public func history(_ request: HistoryRequest) async throws(OrderError) -> HistoryPage {
        let now = clocks.wall()
        let text = request.query ?? ""
        let plan = text.utf8.allSatisfy { $0 == UInt8(ascii: " ") } ? QueryPlan() : try QueryPlan(text, now: now)
        var sort = try Self.sort(request.sort, plan.query?.sort ?? [], now)
        if sort.count == 1, sort[0].name == "order" { sort = [] }
        let limit = min(max(request.limit, 1), Self.mostWindow)
        let isByTime = sort.isEmpty || (sort.count == 1 && sort[0].name == "finished")
        do {
            if isByTime {
                return try await byTime(request.after, plan, isAscending: sort.first.map { !$0.isDescending } ?? false, limit, now)
            }
            return try await byList(request.after, text, plan, sort, limit, now)
        } catch let error as OrderError {
            throw error
        } catch {
            throw OrderError(
                code: "QueueNotReadable", message: "the queue \(store.path) cannot be read (\(error)). Check the disk", exit: 1)
        }
    }

    private func byTime(_ after: String?, _ plan: QueryPlan, isAscending: Bool, _ limit: Int, _ now: Timestamp) async throws -> HistoryPage {
        let question = HistoryQuestion(
            plan: plan, isAscending: isAscending, after: try after.map(HistoryCursor.time), limit: limit, wantsTotal: after == nil,
            jobs: jobs, now: now)
        let answer = try await store.read { db in try QueueStore.history(db, question) }
        return page(answer, total: answer.total, next: answer.next.map { HistoryCursor.text(finished: $0.finished, id: $0.id) })
    }

    private func byList(
        _ after: String?, _ text: String, _ plan: QueryPlan, _ sort: [SortKey], _ limit: Int, _ now: Timestamp
    ) async throws -> HistoryPage {
        let start = try after.map(HistoryCursor.offset) ?? 0
        let steady = clocks.steady()
        let known = jobs
        let ids: [Int64]
        if start > 0, let memo = historyMemo, memo.query == text, memo.sort == sort, steady < memo.until {
            ids = memo.ids
        } else {
            ids = try await store.read { db in try QueueStore.historyIDs(db, plan, sort: sort, jobs: known, now: now) }
            historyMemo = WindowMemo(query: text, sort: sort, revision: revision, until: steady + Self.listLife, ids: ids)
        }
        let wanted = Array(ids.dropFirst(start).prefix(limit))
        let answer = try await store.read { db in try QueueStore.history(db, ids: wanted, jobs: known) }
        let end = start + wanted.count
        // Eight bytes each of a million rows.
        if end >= ids.count { historyMemo = nil }
        return page(answer, total: ids.count, next: end < ids.count ? HistoryCursor.text(offset: end) : nil)
    }

    private func page(_ answer: HistoryAnswer, total: Int?, next: String?) -> HistoryPage {
        var items: [HistoryItem] = []
        for row in answer.rows {
            guard let job = jobs[row.job] ?? answer.jobs[row.job] else { continue }
            items.append(
                HistoryItem(
                    upload: view(row, job), versionId: row.state == .done ? row.versionID : nil,
                    requestId: row.state == .done ? row.requestID : nil, reason: Self.ending(row, event: answer.events[row.id]),
                    removed: row.isHidden && [.failed, .cancelled].contains(row.state)))
        }
        return HistoryPage(items: items, total: total, next: next)
    }

    /// Why it is not stored, in words; `nil` for what is.
    static func ending(_ row: UploadRow, event: String?) -> String? {
        switch row.state {
        case .done: nil
        case .failed: row.error?.message ?? event ?? "failed"
        case .skipped: event ?? "skipped: the object is there"
        case .cancelled: event ?? "cancelled"
        case .paused: "paused"
        default: row.error?.message
        }
    }

    public func edits() async throws(OrderError) -> [EditView] {
        do {
            return try await store.read { db in try QueueStore.edits(db) }
        } catch {
            throw OrderError(
                code: "QueueNotReadable", message: "the queue \(store.path) cannot be read (\(error)). Check the disk", exit: 1)
        }
    }
}

/// Where a page of the history begins, as text: `MILLISECONDS-ID` by time, `n-COUNT` in a list.
enum HistoryCursor {
    static func text(finished: Int64, id: Int64) -> String { "\(finished)-\(id)" }
    static func text(offset: Int) -> String { "n-\(offset)" }

    static func time(_ text: String) throws(OrderError) -> (finished: Int64, id: Int64) {
        let halves = text.split(separator: "-")
        guard halves.count == 2, let finished = Int64(halves[0]), let id = Int64(halves[1]) else { throw wrong(text) }
        return (finished, id)
    }

    static func offset(_ text: String) throws(OrderError) -> Int {
        guard text.hasPrefix("n-"), let count = Int(text.dropFirst(2)), count >= 0 else { throw wrong(text) }
        return count
    }

    private static func wrong(_ text: String) -> OrderError {
        .option("“after” takes what “next” of the page before said, for the same sort, not \(text.prefix(60))")
    }
}
