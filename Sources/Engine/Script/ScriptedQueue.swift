import Contracts
import Glibc
import OSSProtocol
import Platform

/// Plays a script behind the real control API: the queue's door, without a queue.
actor ScriptedQueue: QueueService {
    private var state: ScriptedState
    private var book = EditBook()
    private var listeners: [AsyncStream<EngineEvent>.Continuation] = []

    private let record: ActionRecord

    init(_ script: Script, record: ActionRecord) {
        self.record = record
        state = ScriptedState(script)
    }

    /// Until it is cancelled: a status a second, and the changes that the script makes.
    func play() async {
        // Filled rows end in twentieths of a second, so that they come as they would: not all at once.
        let steps = 20
        var step = 0
        while !Task.isCancelled {
            try? await Task.sleep(for: Duration.seconds(1) / steps)
            step += 1
            let endings = state.script.endings ?? 0
            tell(state.end(endings * step / steps - endings * (step - 1) / steps))
            guard step % steps == 0 else { continue }
            step = 0
            tell(state.tick())
            say(.status(state.status(pid: Int(getpid()))))
        }
    }

    private func tell(_ rows: [Int]) { for row in rows { say(.upload(state.view(row))) } }
    private func say(_ event: EngineEvent) { for listener in listeners { listener.yield(event) } }

    private func tellAll(_ rows: [Int]) {
        if rows.count > 1000 { say(.missed) } else { tell(rows) }
        say(.status(state.status(pid: Int(getpid()))))
    }

    func events() -> AsyncStream<EngineEvent> {
        let (stream, listener) = AsyncStream.makeStream(of: EngineEvent.self, bufferingPolicy: .bufferingNewest(4096))
        listeners.append(listener)
        return stream
    }

    func uploads(_ request: UploadsRequest) throws(OrderError) -> ListEnvelope<UploadView> { try state.window(request) }
    func upload(_ id: String) -> UploadDetail? { state.detail(id) }
    func status() -> StatusView { state.status(pid: Int(getpid())) }
    func limits() -> LimitsView { state.limits }
    func history(_ request: HistoryRequest) throws(OrderError) -> HistoryPage { try state.history(request) }
    func edits() -> [EditView] { book.views }

    func note(_ edit: NotedEdit, replacing: Int64?) {
        book.note(edit, replacing: replacing, at: SystemClock.wall())
        state.tell(book.last)
        tellAll([])
    }

    func noted(_ id: Int64?) -> (id: Int64, at: Timestamp, edit: NotedEdit)? {
        // An undo without an id is of what was done last, which may have been done to uploads.
        id == nil && state.lastAction != "limits" && state.lastAction != "configuration" ? nil : book.noted(id)
    }

    func markUndone(_ id: Int64, by: String?) {
        book.markUndone(id, by: by)
        state.tell(book.last)
        tellAll([])
    }

    func adopt(_ settings: EngineSettings) {}

    func act(_ request: ActionRequest) throws(OrderError) -> ActionResult {
        let (result, changed) = try state.act(request)
        if request.dryRun != true {
            record.add(ActionRecord.Line(action: request.action, by: request.by, ids: changed.prefix(ActionRecord.mostIDs).map { state.view($0).id }))
        }
        tellAll(changed)
        return result
    }

    func setLimits(_ change: LimitsChange) throws(OrderError) -> LimitsView {
        try state.set(change)
        record.add(ActionRecord.Line(action: "limits", by: nil, ids: []))
        tellAll([])
        return state.limits
    }

    func accessChanged() {
        state.renew()
        record.add(ActionRecord.Line(action: "renew", by: nil, ids: []))
        tellAll([])
    }

    func frontEnds(_ change: Int) {
        state.attach(change)
        tellAll([])
    }

    private static let noOrders = OrderError(code: "Played", message: "this engine plays a script: it takes no orders", exit: 2)

    func add(_ order: JobOrder) throws(OrderError) -> JobView { throw Self.noOrders }
    func plan(_ order: JobOrder) throws(OrderError) -> PlannedOrder { throw Self.noOrders }
    func job(_ id: String, withUploads: Bool, endingWithin patience: Duration) -> JobView? { nil }
    func receipt(_ request: ReceiptRequest) -> ReceiptPage? { nil }
    func ledger() -> [LedgerEntry] { [] }
    func isOwing() -> Bool { false }
    func owner(uploadID: String, bucket: String, key: ObjectKey) -> LedgerOwner { .other }
    func owe(_ entry: LedgerEntry) {}
    func ledgerSettled(uploadID: String, bucket: String, key: ObjectKey) {}
    func adopt(uploadID: String, bucket: String, key: ObjectKey) throws(OrderError) -> String? { throw Self.noOrders }
}
