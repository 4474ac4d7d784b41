import Contracts

/// Hands the queue's events to any number of readers of `GET /v1/events`: each gets states, merged while it is slow, never a
/// backlog. Events carry increasing ids; a reader that comes back with the last one it saw gets the newest state of every upload
/// that changed since.
actor EventHub {
    typealias ReaderID = UInt64

    /// Changed uploads remembered for readers that come back.
    private static let mostRecent = 1024
    /// Changed uploads waiting for one reader; past it the reader is told to ask anew.
    private static let mostPending = 1024
    /// Beats a reader may leave its frames untouched before it is closed: 2 of 15 s.
    private static let patience = 2
    static let heartbeat: Duration = .seconds(15)

    private struct Reader {
        var wake: AsyncStream<Void>.Continuation
        var close: @Sendable () -> Void
        var status: (id: UInt64, view: StatusView)?
        var uploads: [String: (id: UInt64, view: UploadView)] = [:]
        var hasMissed = false
        var isBeatDue = false
        /// Beats since it last took what waits for it.
        var late = 0

        var hasFrames: Bool { status != nil || !uploads.isEmpty || hasMissed }
    }

    private let queue: any QueueService
    /// What only the access half knows is put into each status.
    private let complete: @Sendable (StatusView) async -> StatusView
    private var readers: [ReaderID: Reader] = [:]
    private var recent: [String: (id: UInt64, view: UploadView)] = [:]
    /// Ids at or below it may have been forgotten.
    private var forgotten: UInt64 = 0
    private var lastID: UInt64 = 0
    private var nextReader: ReaderID = 1
    private var pump: Task<Void, Never>?
    private var beats: Task<Void, Never>?
    private var isPumping = false
    private var isClosed = false

    init(queue: any QueueService, complete: @escaping @Sendable (StatusView) async -> StatusView) {
        (self.queue, self.complete) = (queue, complete)
    }

    /// - Parameter after: `Last-Event-ID`.
    /// - Returns: the reader and its bell: take frames whenever it rings; it ends when the reader is to go.
    func attach(after: UInt64?, close: @escaping @Sendable () -> Void) async -> (id: ReaderID, bell: AsyncStream<Void>) {
        let (bell, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = nextReader
        nextReader += 1
        guard !isClosed else {
            wake.finish()
            return (id, bell)
        }
        var reader = Reader(wake: wake, close: close)
        // An id that this engine never gave is another engine's: the reader has to ask anew.
        if let after {
            if after < forgotten || after > lastID {
                reader.hasMissed = true
            } else {
                reader.uploads = recent.filter { $0.value.id > after }
            }
        }
        readers[id] = reader
        // Listening begins before the first status is read, so that nothing falls between the two.
        await startPump()
        await queue.frontEnds(+1)
        let status = await complete(await queue.status())
        if readers[id] != nil, readers[id]?.status == nil { readers[id]?.status = (max(lastID, 1), status) }
        wake.yield()
        return (id, bell)
    }

    func detach(_ id: ReaderID) async {
        guard let reader = readers.removeValue(forKey: id) else { return }
        reader.wake.finish()
        if readers.isEmpty {
            pump?.cancel()
            beats?.cancel()
            (pump, beats, isPumping) = (nil, nil, false)
        }
        await queue.frontEnds(-1)
    }

    /// What waits for the reader, as server-sent events; empty when nothing does.
    func take(_ id: ReaderID) -> [UInt8] {
        guard var reader = readers[id] else { return [] }
        var bytes: [UInt8] = []
        if reader.hasMissed {
            bytes += EventHub.frame(id: lastID, event: "missed", data: Array("{}".utf8))
        }
        for upload in reader.uploads.values.sorted(by: { $0.id < $1.id }) {
            if let data = try? ContractJSON.encode(upload.view) { bytes += EventHub.frame(id: upload.id, event: "upload", data: data) }
        }
        if let status = reader.status, let data = try? ContractJSON.encode(status.view) {
            bytes += EventHub.frame(id: max(status.id, reader.uploads.values.map(\.id).max() ?? 0), event: "status", data: data)
        }
        if bytes.isEmpty, reader.isBeatDue { bytes = Array(": still here\n\n".utf8) }
        (reader.status, reader.uploads, reader.hasMissed, reader.isBeatDue, reader.late) = (nil, [:], false, false, 0)
        readers[id] = reader
        return bytes
    }

    /// The engine stops: every reader is told by the end of its stream.
    func closeAll() async {
        isClosed = true
        for id in Array(readers.keys) { await detach(id) }
    }

    var readerCount: Int { readers.count }

    // MARK: - Events in

    private func startPump() async {
        guard !isPumping else { return }
        isPumping = true
        let events = await queue.events()
        guard !readers.isEmpty, isPumping, pump == nil else { return }
        // Unstructured on purpose: they serve whichever readers there are, and end with the last one.
        pump = Task {
            for await event in events {
                await self.spread(event)
                if Task.isCancelled { return }
            }
        }
        beats = Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: EventHub.heartbeat)
                if Task.isCancelled { return }
                self.beat()
            }
        }
    }

    func spread(_ event: EngineEvent) async {
        switch event {
        case .status(let view):
            let full = await complete(view)
            lastID += 1
            for id in readers.keys {
                readers[id]?.status = (lastID, full)
                readers[id]?.wake.yield()
            }
        case .upload(let view):
            lastID += 1
            recent[view.id] = (lastID, view)
            if recent.count > EventHub.mostRecent { forgetOldest() }
            for id in readers.keys {
                readers[id]?.uploads[view.id] = (lastID, view)
                if readers[id].map({ $0.uploads.count > EventHub.mostPending }) == true {
                    readers[id]?.uploads = [:]
                    readers[id]?.hasMissed = true
                }
                readers[id]?.wake.yield()
            }
        }
    }

    /// Every 15 s: something is written to readers that have had nothing, and readers that take nothing are closed.
    func beat() {
        for (id, reader) in readers {
            if reader.late >= EventHub.patience {
                reader.close()
                reader.wake.finish()
                continue
            }
            readers[id]?.late += 1
            readers[id]?.isBeatDue = true
            reader.wake.yield()
        }
    }

    private func forgetOldest() {
        let oldest = recent.sorted { $0.value.id < $1.value.id }.prefix(EventHub.mostRecent / 4)
        for (key, entry) in oldest {
            recent[key] = nil
            forgotten = max(forgotten, entry.id)
        }
    }

    private static func frame(id: UInt64, event: String, data: [UInt8]) -> [UInt8] {
        var bytes = Array("id: \(id)\nevent: \(event)\ndata: ".utf8)
        bytes += data
        bytes += [0x0A, 0x0A]
        return bytes
    }
}
