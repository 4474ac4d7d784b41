import Contracts
import OSSProtocol
import TransferCore

/// Hands the queue's events to any number of readers of `GET /v1/events`: each gets states, merged while it is slow, never a
/// backlog. Events carry increasing ids; a reader that comes back with the last one it saw gets the newest state of every upload
/// that changed since, or is told that it has missed some.
actor EventHub {
    typealias ReaderID = UInt64

    /// What a reader asks for.
    struct Wish: Sendable {
        /// The last event it has seen, of this engine or of another.
        var after: UInt64?
        var wantsStatus = true
        var wantsUploads = true
        /// Only changes of uploads that match as they are after the change.
        var query: UploadQuery?
    }

    /// Changed uploads remembered for readers that come back.
    private static let mostRecent = 1024
    /// Changed uploads waiting for one reader; past it the reader is told to ask anew.
    private static let mostPending = 1024
    /// Uploads in one answer to `take`: what is written at once, and with `pause` what a reader gets a second.
    private static let mostTaken = 128
    /// Beats a reader may leave its frames untouched before it is closed: 2 of 15 s.
    private static let patience = 2
    static let heartbeat: Duration = .seconds(15)
    /// Changes of uploads are gathered for so long before all readers hear of them.
    private static let gathering: Duration = .milliseconds(200)
    /// Between two writes to a reader: what changes meanwhile is merged.
    static let pause: Duration = .milliseconds(100)
    /// After the last reader has gone the hub listens on for so long: one that comes back has missed nothing.
    static let grace: Duration = .seconds(30)
    /// After so many changes in a row the queue is let alone for a moment, which merges what changes meanwhile: a thousand uploads a
    /// second cost no more than some.
    private static let burst = 64
    private static let breath: Duration = .milliseconds(50)

    /// A change as all readers get it; turned into text once, whoever asks first.
    private final class Change {
        let id: UInt64
        let view: UploadView
        lazy var frame: [UInt8] = (try? ContractJSON.encode(view)).map { EventHub.frame(id: id, event: "upload", data: $0) } ?? []
        init(id: UInt64, view: UploadView) { (self.id, self.view) = (id, view) }
    }

    private final class Status {
        let id: UInt64
        private let view: StatusView
        lazy var data: [UInt8]? = try? ContractJSON.encode(view)
        init(id: UInt64, view: StatusView) { (self.id, self.view) = (id, view) }
    }

    private struct Reader {
        let wish: Wish
        var wake: AsyncStream<Void>.Continuation
        var close: @Sendable () -> Void
        var status: Status?
        var uploads: [String: Change] = [:]
        var hasMissed = false
        var isBeatDue = false
        /// Nothing was sent yet: a reader without a status learns that it is connected, and where it may take up from.
        var isNew = true
        /// Beats since it last took what waits for it.
        var late = 0

        var hasFrames: Bool { status != nil || !uploads.isEmpty || hasMissed }

        mutating func add(_ change: Change) {
            guard wish.wantsUploads else { return }
            guard wish.query?.matches(change.view.facts) ?? true else {
                // What was to be told of it is not true any more.
                uploads[change.view.id] = nil
                return
            }
            uploads[change.view.id] = change
            if uploads.count > EventHub.mostPending { miss() }
        }

        mutating func miss() {
            guard wish.wantsUploads else { return }
            (uploads, hasMissed) = ([:], true)
            wake.yield()
        }
    }

    private let queue: any QueueService
    /// What only the access half knows is put into each status.
    private let complete: @Sendable (StatusView) async -> StatusView
    private var readers: [ReaderID: Reader] = [:]
    private var recent: [String: Change] = [:]
    /// Ids at or below it may have been forgotten.
    private var forgotten: UInt64
    private var lastID: UInt64
    private var nextReader: ReaderID = 1
    private var pump: Task<Void, Never>?
    private var beats: Task<Void, Never>?
    private var isPumping = false
    private var isRinging = false
    /// Grows with each reader that comes: the end of a grace that was interrupted is none.
    private var arrivals = 0
    private var isClosed = false

    /// - Parameter firstID: larger than any id of an engine before: a reader of that one must not take up ours where it left off.
    init(queue: any QueueService, firstID: UInt64 = 0, complete: @escaping @Sendable (StatusView) async -> StatusView) {
        (self.queue, self.complete) = (queue, complete)
        (forgotten, lastID) = (firstID, firstID)
    }

    /// Ids of an engine that starts at that time. A thousand changes a millisecond would be needed to reach those of the next; numbers stay
    /// exact in JavaScript for 200 years.
    static func firstID(at start: Timestamp) -> UInt64 { UInt64(max(start.milliseconds, 0)) << 10 }

    /// - Returns: the reader and its bell: take frames whenever it rings; it ends when the reader is to go.
    func attach(_ wish: Wish, close: @escaping @Sendable () -> Void) async -> (id: ReaderID, bell: AsyncStream<Void>) {
        let (bell, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = nextReader
        nextReader += 1
        guard !isClosed else {
            wake.finish()
            return (id, bell)
        }
        var reader = Reader(wish: wish, wake: wake, close: close)
        // An id that this engine never gave is another engine's: the reader has to ask anew.
        if let after = wish.after {
            if after < forgotten || after > lastID {
                reader.miss()
            } else {
                for change in recent.values where change.id > after { reader.add(change) }
            }
        }
        readers[id] = reader
        arrivals += 1
        // Listening begins before the first status is read, so that nothing falls between the two.
        await startPump()
        await queue.frontEnds(+1)
        if wish.wantsStatus {
            let status = await complete(await queue.status())
            if readers[id] != nil, readers[id]?.status == nil { readers[id]?.status = Status(id: max(lastID, 1), view: status) }
        }
        wake.yield()
        return (id, bell)
    }

    func detach(_ id: ReaderID) async {
        guard let reader = readers.removeValue(forKey: id) else { return }
        reader.wake.finish()
        if readers.isEmpty {
            beats?.cancel()
            beats = nil
            let arrival = arrivals
            // Unstructured on purpose: nobody waits for it, and it ends by itself.
            Task {
                if !self.isClosed { try? await Task.sleep(for: EventHub.grace) }
                self.endGrace(arrival)
            }
        }
        await queue.frontEnds(-1)
    }

    /// Nobody has come back: the queue need not tell any more, and what changes from now on nobody can take up.
    func endGrace(_ arrival: Int) {
        guard readers.isEmpty, arrival == arrivals else { return }
        pump?.cancel()
        (pump, isPumping) = (nil, false)
        lastID += 1
        (forgotten, recent) = (lastID, [:])
    }

    /// How many have come so far.
    var arrivalCount: Int { arrivals }

    /// What waits for the reader, as server-sent events; empty when nothing does.
    func take(_ id: ReaderID) -> [UInt8] {
        guard var reader = readers[id] else { return [] }
        var bytes: [UInt8] = []
        if reader.isNew, !reader.wish.wantsStatus { 
            let id = reader.uploads.values.map(\.id).min().map { $0 - 1 } ?? lastID
            bytes += EventHub.frame(id: id, event: "ready", data: Array("{}".utf8))
        }
        reader.isNew = false
        if reader.hasMissed {
            bytes += EventHub.frame(id: lastID, event: "missed", data: Array("{}".utf8))
        }
        // In order of their ids, and all that are left have higher ones: whoever is cut off here takes up right behind.
        let changes = reader.uploads.values.sorted { $0.id < $1.id }
        for change in changes.prefix(EventHub.mostTaken) {
            bytes += change.frame
            reader.uploads[change.view.id] = nil
        }
        let isAll = reader.uploads.isEmpty
        if isAll, let status = reader.status, let data = status.data {
            bytes += EventHub.frame(id: max(status.id, changes.last?.id ?? 0), event: "status", data: data)
            reader.status = nil
        }
        if bytes.isEmpty, reader.isBeatDue { bytes = Array(": still here\n\n".utf8) }
        (reader.hasMissed, reader.isBeatDue, reader.late) = (false, false, 0)
        readers[id] = reader
        if !isAll { reader.wake.yield() }
        return bytes
    }

    /// The engine stops: every reader is told by the end of its stream.
    func closeAll() async {
        isClosed = true
        for id in Array(readers.keys) { await detach(id) }
        pump?.cancel()
        (pump, isPumping) = (nil, false)
    }

    var readerCount: Int { readers.count }

    // MARK: - Events in

    private func startPump() async {
        if beats == nil {
            // Unstructured on purpose, as the pump: they serve whichever readers there are, and end with the last one.
            beats = Task {
                while !Task.isCancelled {
                    try? await Task.sleep(for: EventHub.heartbeat)
                    if Task.isCancelled { return }
                    self.beat()
                }
            }
        }
        guard !isPumping else { return }
        isPumping = true
        let events = await queue.events()
        guard !isClosed, isPumping, pump == nil else { return }
        pump = Task {
            var burst = 0
            for await event in events {
                await self.spread(event)
                if Task.isCancelled { return }
                burst += 1
                guard burst % EventHub.burst == 0 else { continue }
                try? await Task.sleep(for: EventHub.breath)
            }
        }
    }

    func spread(_ event: EngineEvent) async {
        switch event {
        case .status(let view):
            guard readers.values.contains(where: \.wish.wantsStatus) else { return }
            let full = await complete(view)
            lastID += 1
            let status = Status(id: lastID, view: full)
            for (id, reader) in readers where reader.wish.wantsStatus {
                readers[id]?.status = status
                reader.wake.yield()
            }
        case .upload(let view):
            lastID += 1
            let change = Change(id: lastID, view: view)
            recent[view.id] = change
            if recent.count > EventHub.mostRecent { forgetOldest() }
            for id in readers.keys { readers[id]?.add(change) }
            ringSoon()
        case .missed:
            lastID += 1
            (forgotten, recent) = (lastID, [:])
            for id in readers.keys { readers[id]?.miss() }
        }
    }

    /// All readers take at the same time: what an upload went through in between is turned into text for none of them, and the rest once.
    private func ringSoon() {
        guard !isRinging, !readers.isEmpty else { return }
        isRinging = true
        // Unstructured on purpose: nobody waits for it.
        Task {
            try? await Task.sleep(for: EventHub.gathering)
            self.ring()
        }
    }

    private func ring() {
        isRinging = false
        for reader in readers.values where reader.hasFrames { reader.wake.yield() }
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

extension UploadView {
    /// What a query may look at.
    var facts: UploadFacts {
        let bytes = Array(path.utf8)
        let name = String(decoding: bytes[(bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...], as: UTF8.self)
        return UploadFacts(
            id: id, job: job, state: state.rawValue, name: name, path: path, dest: dest, bucket: bucket, profile: remote ?? "", size: size,
            stored: stored, rate: rate, eta: etaHigh, added: Timestamp(iso8601: added) ?? Timestamp(milliseconds: 0), tries: tries,
            priority: priority.rawValue, error: lastError?.code ?? "", held: heldReason ?? "")
    }
}
