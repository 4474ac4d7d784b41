import Contracts
import OSSProtocol

/// One who follows the engine: what it has not been told yet, merged, so that a slow one costs no more than a fast one.
final class EventReader {
    /// Uploads whose change waits to be told; beyond that the reader has to ask anew.
    static let mostPending = 1_000

    private(set) var pending: [Int64: UploadRow?] = [:]
    private var order: [Int64] = []
    var isStatusDue = true
    var hasMissed = false
    var waiter: CheckedContinuation<Void, Never>?
    private(set) var isFinished = false

    func add(_ id: Int64, _ row: UploadRow?) {
        if pending.updateValue(row, forKey: id) == nil { order.append(id) }
        if order.count > EventReader.mostPending { (order, pending, hasMissed) = ([], [:], true) }
        wake()
    }

    func take() -> (id: Int64, row: UploadRow?)? {
        guard !order.isEmpty else { return nil }
        let id = order.removeFirst()
        return (id, pending.removeValue(forKey: id) ?? nil)
    }

    func wake() {
        waiter?.resume()
        waiter = nil
    }

    func finish() {
        isFinished = true
        wake()
    }
}

extension EngineLoop {
    /// Five a second at most; one a second while anything runs.
    private static let statusPause = Duration.milliseconds(200)
    private static let statusBeat = Duration.seconds(1)

    public func events() -> AsyncStream<EngineEvent> {
        nextReader += 1
        let id = nextReader
        readers[id] = EventReader()
        return AsyncStream { [weak self] in
            await self?.nextEvent(id)
        } onCancel: { [weak self] in
            Task { await self?.leave(reader: id) }
        }
    }

    private func leave(reader id: Int) { readers.removeValue(forKey: id)?.finish() }

    private func nextEvent(_ id: Int) async -> EngineEvent? {
        while let reader = readers[id], !reader.isFinished, !Task.isCancelled {
            if reader.isStatusDue {
                reader.isStatusDue = false
                return .status(await status())
            }
            if reader.hasMissed {
                reader.hasMissed = false
                return .missed
            }
            if let (upload, row) = reader.take() {
                if let view = await currentView(upload, row) { return .upload(view) }
                continue
            }
            await withCheckedContinuation { continuation in
                reader.waiter?.resume()
                reader.waiter = continuation
            }
        }
        return nil
    }

    private func currentView(_ id: Int64, _ row: UploadRow?) async -> UploadView? {
        if let run = runs[id], !run.isLanding { return view(run.row, run.job, run) }
        if let row, let job = jobs[row.job] { return view(row, job) }
        let read = try? await store.read { db -> (UploadRow, JobFacts?)? in
            guard let row = try QueueStore.row(db, id: id) else { return nil }
            return (row, try QueueStore.job(db, id: row.job))
        }
        guard let (row, job) = read ?? nil, let job else { return nil }
        return view(row, job)
    }

    /// The queue is another one than before; `id`: that upload changed its state.
    func changed(_ id: Int64? = nil, row: UploadRow? = nil) {
        revision += 1
        isStatusDue = true
        if id == nil { ringJobs() }
        guard !readers.isEmpty else { return }
        tellSoon()
        guard let id else { return }
        for reader in readers.values { reader.add(id, row) }
    }

    /// A queue at rest has a slow clock: whoever looks is told of a change all the same.
    private func tellSoon() {
        guard runs.isEmpty, !isTellingSoon else { return }
        isTellingSoon = true
        Task {
            try? await Task.sleep(for: Self.statusPause)
            isTellingSoon = false
            tellReaders(clocks.steady())
        }
    }

    /// Called by the clock: states told, never a backlog.
    func tellReaders(_ now: Timestamp) {
        guard !readers.isEmpty else { return }
        let since = lastStatusAt.map { now - $0 } ?? Self.statusBeat
        guard (isStatusDue && since >= Self.statusPause) || (!runs.isEmpty && since >= Self.statusBeat) else { return }
        isStatusDue = false
        lastStatusAt = now
        for reader in readers.values {
            reader.isStatusDue = true
            reader.wake()
        }
    }
}
