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

    private typealias Change = EventLog.Change

    private final class Status {
        let id: UInt64
        private let view: StatusView
        lazy var data: [UInt8]? = try? ContractJSON.encode(view)
        init(id: UInt64, view: StatusView) { (self.id, self.view) = (id, view) }
    }

    private final class Reader {
        let wish: Wish
        let wake: AsyncStream<Void>.Continuation
        let close: @Sendable () -> Void
        var status: Status?
        /// Changes up to this id were told, are in the backlog, or are not for it.
        var seen: UInt64
        /// What waits for it and is not in the log any more, or was looked through for its query.
        var backlog: [String: Change] = [:]
        var hasMissed = false
        var isBeatDue = false
        /// Nothing was sent yet: a reader without a status learns that it is connected, and where it may take up from.
        var isNew = true
        /// Beats since it last took what waits for it.
        var late = 0

        init(_ wish: Wish, seen: UInt64, wake: AsyncStream<Void>.Continuation, close: @escaping @Sendable () -> Void) {
            (self.wish, self.seen, self.wake, self.close) = (wish, seen, wake, close)
        }

        func hasFrames(_ lastID: UInt64) -> Bool { status != nil || !backlog.isEmpty || hasMissed || (wish.wantsUploads && seen < lastID) }

        func catchUp(_ log: EventLog, _ lastID: UInt64) {
            guard wish.wantsUploads, seen < lastID else { return }
            for change in log.changes(after: seen) {
                // What was to be told of it before is not true any more.
                backlog[change.view.id] = wish.query?.matches(change.view.facts) ?? true ? change : nil
            }
            seen = lastID
            if backlog.count > EventHub.mostPending { miss(lastID) }
        }

        func miss(_ lastID: UInt64) {
            guard wish.wantsUploads else { return }
            (seen, backlog, hasMissed) = (lastID, [:], true)
            wake.yield()
        }
    }

    /// What readers of everything get who stand at the same place: put together once.
    private struct Page {
        let after: UInt64
        /// The newest change there was.
        let lastID: UInt64
        /// Its own last one.
        let end: UInt64
        let isAll: Bool
        let bytes: [UInt8]
    }

    private let queue: any QueueService
    /// What only the access half knows is put into each status.
    private let complete: @Sendable (StatusView) async -> StatusView
    private var readers: [ReaderID: Reader] = [:]
    private var log: EventLog
    private var page: Page?
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
        (log, lastID) = (EventLog(mostKept: EventHub.mostRecent, forgotten: firstID), firstID)
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
        let reader = Reader(wish, seen: wish.after ?? lastID, wake: wake, close: close)
        // An id that this engine never gave is another engine's: the reader has to ask anew.
        if let after = wish.after, after < log.forgotten || after > lastID { reader.miss(lastID) }
        readers[id] = reader
        arrivals += 1
        // Listening begins before the first status is read, so that nothing falls between the two.
        await startPump()
        await queue.frontEnds(+1)
        if wish.wantsStatus {
            let status = await complete(await queue.status())
            if readers[id] != nil, reader.status == nil { reader.status = Status(id: max(lastID, 1), view: status) }
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
        log.forgetAll(upTo: lastID)
    }

    /// How many have come so far.
    var arrivalCount: Int { arrivals }

    /// What waits for the reader, as server-sent events; empty when nothing does.
    func take(_ id: ReaderID) -> [UInt8] {
        guard let reader = readers[id] else { return [] }
        var bytes: [UInt8] = []
        if reader.wish.query != nil || !reader.backlog.isEmpty || reader.isNew { reader.catchUp(log, lastID) }
        if reader.isNew, !reader.wish.wantsStatus {
            let first = reader.backlog.values.map(\.id).min()
            bytes += EventFrame.bytes(id: first.map { $0 - 1 } ?? lastID, event: "ready", data: Array("{}".utf8))
        }
        reader.isNew = false
        if reader.hasMissed {
            bytes += EventFrame.bytes(id: lastID, event: "missed", data: Array("{}".utf8))
        }
        let (end, isAll) = takeChanges(reader, &bytes)
        if isAll, let status = reader.status, let data = status.data {
            bytes += EventFrame.bytes(id: max(status.id, end), event: "status", data: data)
            reader.status = nil
        }
        if bytes.isEmpty, reader.isBeatDue { bytes = Array(": still here\n\n".utf8) }
        (reader.hasMissed, reader.isBeatDue, reader.late) = (false, false, 0)
        if !isAll { reader.wake.yield() }
        return bytes
    }

    /// In order of their ids, and all that are left have higher ones: whoever is cut off here takes up right behind.
    ///
    /// - Returns: the id of the last one, and whether none is left.
    private func takeChanges(_ reader: Reader, _ bytes: inout [UInt8]) -> (end: UInt64, isAll: Bool) {
        guard reader.wish.wantsUploads else { return (0, true) }
        guard reader.backlog.isEmpty else {
            let changes = reader.backlog.values.sorted { $0.id < $1.id }
            for change in changes.prefix(EventHub.mostTaken) {
                bytes += change.frame
                reader.backlog[change.view.id] = nil
            }
            return (changes.last?.id ?? 0, reader.backlog.isEmpty)
        }
        guard reader.seen < lastID else { return (0, true) }
        let page = page(after: reader.seen)
        bytes += page.bytes
        reader.seen = page.end
        return (page.end, page.isAll)
    }

    private func page(after id: UInt64) -> Page {
        if let page, page.after == id, page.lastID == lastID { return page }
        var (bytes, end, count, isAll): ([UInt8], UInt64, Int, Bool) = ([], lastID, 0, true)
        for change in log.changes(after: id) {
            guard count < EventHub.mostTaken else {
                isAll = false
                break
            }
            bytes += change.frame
            (end, count) = (change.id, count + 1)
        }
        let made = Page(after: id, lastID: lastID, end: isAll ? lastID : end, isAll: isAll, bytes: bytes)
        page = made
        return made
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
            for reader in readers.values where reader.wish.wantsStatus {
                reader.status = status
                reader.wake.yield()
            }
        case .upload(let view):
            lastID += 1
            log.add(Change(id: lastID, view: view))
            if let edge = log.edge() {
                // Who is behind keeps what it has not seen.
                for reader in readers.values where reader.seen < edge { reader.catchUp(log, lastID) }
                log.forget(upTo: edge)
            }
            ringSoon()
        case .missed:
            lastID += 1
            log.forgetAll(upTo: lastID)
            for reader in readers.values { reader.miss(lastID) }
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
        for reader in readers.values where reader.hasFrames(lastID) { reader.wake.yield() }
    }

    /// Every 15 s: something is written to readers that have had nothing, and readers that take nothing are closed.
    func beat() {
        for reader in readers.values {
            if reader.late >= EventHub.patience {
                reader.close()
                reader.wake.finish()
                continue
            }
            reader.late += 1
            reader.isBeatDue = true
            reader.wake.yield()
        }
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
