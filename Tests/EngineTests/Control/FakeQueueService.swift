import Contracts
import OSSProtocol
import Platform

@testable import Engine

/// A queue that answers what a test has laid out and remembers what it was asked.
final class FakeQueueService: QueueService {
    struct State {
        var orders: [JobOrder] = []
        var refusal: OrderError?
        var actions: [ActionRequest] = []
        var windows: [UploadsRequest] = []
        var limits = LimitsView(rate: nil, uploads: 5, parts: 16)
        var ledger: [LedgerEntry] = []
        var ledgerFailure: OrderError?
        /// What is said of an id right before it is touched, where the ledger says something else.
        var owners: [String: LedgerOwner] = [:]
        var settled: [String] = []
        var adopted: [String] = []
        var frontEnds = 0
        /// What the last look at a job would have waited.
        var patience: Duration?
        var accessChanges = 0
        /// How often the status was read.
        var cancelledPlans = 0
        var looks = 0
        var counts: [String: Int] = [:]
        var book = EditBook()
        var rules: [EngineSettings] = []
        var listeners: [AsyncStream<EngineEvent>.Continuation] = []
    }
    let state = Lock(State())

    func add(_ order: JobOrder) async throws(OrderError) -> JobView {
        if let refusal = state.withLock({ $0.refusal }) { throw refusal }
        state.withLock { $0.orders.append(order) }
        return JobView(job: "j-1", state: "scanning", uploads: [], total: 0, bytes: 0, refused: [])
    }
    func job(_ id: String, withUploads: Bool, endingWithin patience: Duration) async -> JobView? {
        state.withLock { $0.patience = patience }
        return id == "j-1" ? JobView(job: id, state: "ready", uploads: withUploads ? ["u-1"] : [], total: 1, bytes: 5, refused: []) : nil
    }
    func uploads(_ request: UploadsRequest) async throws(OrderError) -> ListEnvelope<UploadView> {
        state.withLock { $0.windows.append(request) }
        return ListEnvelope(items: [upload("u-1")], total: 1)
    }
    func upload(_ id: String) async -> UploadDetail? {
        id == "u-1" ? UploadDetail(upload: upload(id), map: "#s.", active: [], events: []) : nil
    }
    func act(_ request: ActionRequest) async throws(OrderError) -> ActionResult {
        if let refusal = state.withLock({ $0.refusal }) { throw refusal }
        state.withLock { $0.actions.append(request) }
        return ActionResult(action: request.action, matched: 1, changed: 1, items: [])
    }
    func limits() async -> LimitsView { state.withLock { $0.limits } }
    func setLimits(_ change: LimitsChange) async throws(OrderError) -> LimitsView {
        state.withLock { state in
            if case .number(let uploads)? = change.uploads { state.limits.uploads = uploads }
            return state.limits
        }
    }
    func status() async -> StatusView {
        let (limits, frontEnds, counts) = state.withLock { state in
            state.looks += 1
            return (state.limits, state.frontEnds, state.counts)
        }
        return StatusView(
            revision: 3, now: "2026-01-15T08:30:00Z",
            engine: StatusView.Engine(version: "1", pid: 1, uptime: 2.5, frontEnds: frontEnds), counts: counts,
            totals: StatusView.Totals(bytes: 100, stored: 40, resent: 0, uploads: 1, unknown: 0), rate: 7, rateHistory: [7], limits: limits,
            slotsUsed: 1, partsSending: 2, etaLow: nil, etaHigh: nil, leases: [], clockOffset: nil, outage: nil, queuePaused: false,
            defaultRemote: nil)
    }
    func events() async -> AsyncStream<EngineEvent> {
        let (stream, continuation) = AsyncStream.makeStream(of: EngineEvent.self)
        state.withLock { $0.listeners.append(continuation) }
        return stream
    }
    func ledger() async throws(OrderError) -> [LedgerEntry] {
        if let failure = state.withLock({ $0.ledgerFailure }) { throw failure }
        return state.withLock { $0.ledger }
    }
    func owner(uploadID: String, bucket: String, key: ObjectKey) async throws(OrderError) -> LedgerOwner {
        if let owner = state.withLock({ $0.owners[uploadID] }) { return owner }
        let entry = try await ledger().first { $0.uploadID == uploadID && $0.bucket == bucket && $0.key == key }
        return entry.map { $0.upload.map { .upload($0) } ?? .ledger } ?? .other
    }
    func owe(_ entry: LedgerEntry) async { state.withLock { $0.ledger.append(entry) } }
    func isOwing() async -> Bool { state.withLock { $0.ledger.contains { $0.upload == nil } } }
    func ledgerSettled(uploadID: String, bucket: String, key: ObjectKey) async { state.withLock { $0.settled.append(uploadID) } }
    func adopt(uploadID: String, bucket: String, key: ObjectKey) async throws(OrderError) -> String? {
        state.withLock { $0.adopted.append(uploadID) }
        return nil
    }
    func note(_ edit: NotedEdit, replacing: Int64?) { state.withLock { $0.book.note(edit, replacing: replacing, at: SystemClock.wall()) } }
    func noted(_ id: Int64?) -> (id: Int64, at: Timestamp, edit: NotedEdit)? { state.withLock { $0.book.noted(id) } }
    func markUndone(_ id: Int64, by: String?) { state.withLock { $0.book.markUndone(id, by: by) } }
    func adopt(_ settings: EngineSettings) { state.withLock { $0.rules.append(settings) } }
    func accessChanged() { state.withLock { $0.accessChanges += 1 } }
    func frontEnds(_ change: Int) async { state.withLock { $0.frontEnds += change } }

    func say(_ event: EngineEvent) { for listener in state.withLock({ $0.listeners }) { listener.yield(event) } }

    func upload(_ id: String, state: UploadState = .uploading) -> UploadView {
        UploadView(
            id: id, job: "j-1", state: state, path: "a.mov", dest: "oss://media/a.mov", bucket: "media", key: "a.mov", size: 5,
            parts: UploadView.Parts(size: 5, total: 1, stored: 0, sending: 1), added: "2026-01-15T08:30:00Z",
            verify: UploadView.Verify(method: "crc64", state: "pending"))
    }
}
