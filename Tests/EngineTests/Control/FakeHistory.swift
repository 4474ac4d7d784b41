import Contracts
import OSSProtocol

@testable import Engine

/// What the fake queue says of what has ended.
extension FakeQueueService {
    func history(_ request: HistoryRequest) async throws(OrderError) -> HistoryPage {
        state.withLock { $0.windows.append(UploadsRequest(query: request.query, sort: request.sort, after: request.after, limit: request.limit)) }
        let item = HistoryItem(upload: upload("u-1", state: .done), versionId: nil, requestId: "R1", reason: nil, removed: false)
        return HistoryPage(items: [item], total: 1, next: nil)
    }
    func edits() async throws(OrderError) -> [EditView] {
        [EditView(id: 7, at: "2026-01-15T08:30:00Z", action: "pause", by: "ops2", uploads: 3, undone: false, undoable: true)]
    }
    func receipt(_ request: ReceiptRequest) async throws(OrderError) -> ReceiptPage? {
        guard request.job == "j-1" else { return nil }
        let head = ReceiptHead(
            written: "2026-01-15T08:30:00Z", job: "j-1", added: "2026-01-15T08:30:00Z", dest: "oss://media/a.mov", remote: nil,
            bucket: "media", region: "cn-hangzhou", endpoint: "https://oss-cn-hangzhou.aliyuncs.com",
            options: ReceiptHead.Options(existing: "overwrite", storageClass: nil, acl: nil, contentType: nil, sse: nil), state: "ready",
            counts: ["done": 1], bytes: 5, gone: 0, refused: [], refusedTotal: 0)
        return ReceiptPage(head: head, objects: [ReceiptObject(name: "/a.mov", key: "a.mov", size: 5, state: "done")], next: nil)
    }
    func plan(_ order: JobOrder, told: @escaping @Sendable (PlanProgress) -> Void) async throws(OrderError) -> PlannedOrder {
        told(PlanProgress(files: 12, bytes: 60, refused: 1, collisions: 0, skipped: [:], requests: PlanView.Requests(put: 12), scanned: false))
        // A large folder, of which the end is not seen here.
        while order.options.flat == true, !Task.isCancelled { await Task.yield() }
        if Task.isCancelled { state.withLock { $0.cancelledPlans += 1 } }
        return try await plan(order)
    }
    func plan(_ order: JobOrder) async throws(OrderError) -> PlannedOrder {
        var keys = KeySet(seed: 1)
        let names = (0..<30).map { "2026/\($0).mov" }
        for name in names { _ = keys.insert(name) }
        let view = PlanView(
            bucket: "media", prefix: "2026/", files: 30, bytes: 150, filtered: 0, refused: [], refusedTotal: 0, collisions: [],
            collisionsTotal: 0, requests: PlanView.Requests(put: 30),
            existing: PlanView.Existing(objects: nil, keys: [], partial: false, rule: "skip"), checks: [], time: nil)
        return PlannedOrder(view: view, keys: keys, firstKeys: Array(names.prefix(20)))
    }
}
