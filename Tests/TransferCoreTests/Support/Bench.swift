import OSSProtocol
import TransferCore

/// A machine and a model server, driven by hand: requests wait in `calls` until the test answers them.
struct Bench {
    enum Call: Equatable {
        case initiate, find, put, head, lease
        case list(String)
        case abort(String)
        case complete(String, [StoredPart])
        case part(PartRange)
        case hash(PartRange)

        var name: String {
            switch self {
            case .initiate: "initiate"
            case .find: "find"
            case .put: "put"
            case .head: "head"
            case .lease: "lease"
            case .list: "list"
            case .abort: "abort"
            case .complete: "complete"
            case .part(let range): "part \(range.number)"
            case .hash(let range): "hash \(range.number)"
            }
        }
    }

    let file: [UInt8]
    let settings: UploadMachine.Settings
    var slots: Int
    var server = ModelOSS()
    var machine: UploadMachine
    var saved: UploadCheckpoint
    var now = Timestamp(seconds: 1_000)
    var calls: [Call] = []
    /// Every request ever sent, by name, and every other action.
    var sent: [String] = []
    var actions: [UploadAction] = []

    init(
        parts: Int = 3, partSize: Int = 2, mayRead: Bool = true, forbidOverwrite: Bool = false, slots: Int = 2,
        policy: RetryPolicy = RetryPolicy()
    ) {
        file = (0..<(parts * partSize)).map { UInt8(truncatingIfNeeded: $0 * 37 + 11) }
        settings = .init(policy: policy, mayRead: mayRead, forbidOverwrite: forbidOverwrite)
        self.slots = slots
        saved = UploadCheckpoint(partSize: Int64(partSize))
        machine = UploadMachine(fileSize: Int64(parts * partSize), checkpoint: saved, settings: settings, seed: 1)
    }

    var outcome: UploadOutcome? { machine.outcome }
    var isDone: Bool { if case .done? = outcome { true } else { false } }
    var isVerified: Bool { if case .done(_, _, true)? = outcome { true } else { false } }

    func bytes(_ range: PartRange) -> ArraySlice<UInt8> { file[Int(range.offset)..<Int(range.offset + range.length)] }

    mutating func tell(_ event: UploadEvent) {
        let actions = machine.on(event, at: now)
        self.actions += actions
        for action in actions { perform(action) }
        while calls.count < slots, let range = machine.takePart(at: now) { send(.part(range)) }
    }

    private mutating func perform(_ action: UploadAction) {
        switch action {
        case .save: saved = machine.checkpoint
        case .initiate: send(.initiate)
        case .findUploads: send(.find)
        case .put: send(.put)
        case .listParts(let id): send(.list(id))
        case .complete(let id, let parts): send(.complete(id, parts))
        case .abort(let id): send(.abort(id))
        case .headObject: send(.head)
        case .awaitLease: send(.lease)
        case .hash(let range): send(.hash(range))
        case .cancelRequests: calls = []
        case .finish:
            saved = machine.checkpoint
            calls = []
        case .correctClock, .partsReady: break
        }
    }

    private mutating func send(_ call: Call) {
        calls.append(call)
        sent.append(call.name)
    }

    // MARK: - Answers

    /// The server does it, and says so.
    mutating func answer(_ name: String? = nil) {
        guard let call = take(name) else { return }
        tell(execute(call))
    }

    /// The server does it, and the answer is lost.
    mutating func lose(_ name: String? = nil) {
        guard let call = take(name) else { return }
        _ = execute(call)
        tell(Bench.failed(call, RequestFailure(.curl(56))))
    }

    /// The server does nothing.
    mutating func fail(_ name: String? = nil, _ failure: RequestFailure) {
        guard let call = take(name) else { return }
        tell(Bench.failed(call, failure))
    }

    private mutating func take(_ name: String?) -> Call? {
        guard let place = calls.firstIndex(where: { name == nil || $0.name == name }) else { return nil }
        return calls.remove(at: place)
    }

    mutating func execute(_ call: Call) -> UploadEvent {
        let gone = TransferCoreTests.answer(404, "NoSuchUpload")
        switch call {
        case .initiate: return .initiated(uploadID: server.initiate())
        case .find:
            let found = server.uploads.filter { $0.key != saved.uploadID }.sorted { $0.key > $1.key }
            return .uploadsFound(found.map { FoundUpload(uploadID: $0.key, hasParts: !$0.value.isEmpty) })
        case .put:
            guard let object = server.put(file, forbidOverwrite: settings.forbidOverwrite) else {
                return .putFailed(TransferCoreTests.answer(409, "FileAlreadyExists"), bytesSent: 0)
            }
            return .putSent(BodyReply(etag: object.etag, localCRC64: crc64(file), serverCRC64: object.crc64))
        case .head:
            guard settings.mayRead else { return .objectHead(.denied) }
            guard let object = server.object else { return .objectHead(.absent) }
            return .objectHead(.found(size: Int64(object.bytes.count), crc64: object.crc64, etag: object.etag))
        case .lease: return .leaseArrived
        case .list(let id): return server.list(id).map { .partsListed($0) } ?? .listPartsFailed(gone)
        case .abort(let id):
            guard server.uploads[id] != nil else { return .abortFailed(gone) }
            server.uploads[id] = nil
            return .aborted
        case .complete(let id, let parts):
            switch server.complete(id, parts, forbidOverwrite: settings.forbidOverwrite) {
            case .done(let object): return .completed(etag: object.etag, serverCRC64: object.crc64)
            case .gone: return .completeFailed(gone)
            case .partsDiffer: return .completeFailed(TransferCoreTests.answer(400, "InvalidPart"))
            case .exists: return .completeFailed(TransferCoreTests.answer(409, "FileAlreadyExists"))
            }
        case .part(let range):
            guard let id = machine.checkpoint.uploadID, let part = server.store(bytes(range), part: range.number, of: id) else {
                return .partFailed(number: range.number, gone, bytesSent: range.length)
            }
            return .partSent(number: range.number, BodyReply(etag: part.etag, localCRC64: crc64(bytes(range)), serverCRC64: part.crc64))
        case .hash(let range): return .hashed(number: range.number, crc64: crc64(bytes(range)))
        }
    }

    static func failed(_ call: Call, _ failure: RequestFailure) -> UploadEvent {
        switch call {
        case .initiate: .initiateFailed(failure)
        case .find: .findUploadsFailed(failure)
        case .put: .putFailed(failure, bytesSent: 0)
        case .head: .objectHeadFailed(failure)
        case .lease: .leaseRefused(reason: failure.message)
        case .list: .listPartsFailed(failure)
        case .abort: .abortFailed(failure)
        case .complete: .completeFailed(failure)
        case .part(let range): .partFailed(number: range.number, failure, bytesSent: range.length)
        case .hash(let range): .hashFailed(number: range.number, failure)
        }
    }

    // MARK: - Longer stretches

    /// Lets time pass up to the next deadline.
    mutating func wait() {
        guard let deadline = machine.nextDeadline else { return }
        now = max(now, deadline)
        tell(.deadline)
    }

    /// Answers everything until the run ends; at most so many steps.
    mutating func finish() {
        for _ in 0..<500 where machine.outcome == nil {
            if calls.isEmpty { wait() } else { answer() }
        }
    }

    /// Answers one after the other until that request is in flight.
    mutating func run(until name: String) {
        for _ in 0..<500 where machine.outcome == nil {
            if calls.contains(where: { $0.name == name }) { return }
            if calls.isEmpty { wait() } else { answer() }
        }
    }

    /// The process dies; what was saved is all that is left.
    mutating func kill() {
        calls = []
        machine = UploadMachine(fileSize: Int64(file.count), checkpoint: saved, settings: settings, seed: 2)
    }

    mutating func resume() {
        kill()
        tell(.started)
    }
}
