import OSSProtocol
import TransferCore

/// The way to the server and back, with everything that goes wrong on it.
extension Simulation {
    enum Request {
        case initiate, find, put, head
        case list(String)
        case abort(String)
        case complete(String, [StoredPart])
        case part(String, PartRange)
        case hash(PartRange)
    }

    mutating func request(_ request: Request) {
        inFlight += 1
        if world.changesSource, case .part = request, chance(30) { isSourceChanged = true }
        if isSourceChanged {
            switch request {
            case .part, .complete, .put:
                // The driver looks at the file before it sends.
                if case .part(_, let range) = request {
                    return reply(.partFailed(number: range.number, RequestFailure(.source(errno: 0)), bytesSent: 0))
                }
                return reply(.sourceChanged(detail: ""))
            default: break
            }
        }
        if case .hash(let range) = request {
            return reply(.hashed(number: range.number, crc64: crc64(bytes(range))))
        }
        switch request {
        case .initiate, .complete: isAnswerDue = true
        default: break
        }
        vanish(request)
        if chance(world.faults) { return fault(request) }
        reply(execute(request, damaged: chance(world.damages)))
    }

    private mutating func reply(_ event: UploadEvent) {
        push(.deliver(event), in: 1 + random.below(200), run: run, epoch: epoch)
    }

    private func bytes(_ range: PartRange) -> ArraySlice<UInt8> { file[Int(range.offset)..<Int(range.offset + range.length)] }

    /// Somebody aborts uploads there, or the server loses a part.
    private mutating func vanish(_ request: Request) {
        guard chance(world.vanishings) else { return }
        for id in server.uploads.keys.sorted() {
            // Where HEAD may not be asked, an id that vanishes under a Complete means success by the rules; nobody could tell. So there it
            // vanishes only while the server still waits for a part.
            let isTelling =
                world.mayRead && !world.listDenied || server.uploads[id].map { $0.count < world.parts && !lossy.contains(id) } ?? true
            if isTelling, random.below(2) == 0 {
                server.uploads[id] = nil
            } else if openComplete != id, let part = server.uploads[id]?.keys.min() {
                server.uploads[id]?[part] = nil
                lossy.insert(id)
            }
        }
    }

    /// The request fails; what it did on the server, and when, is another matter.
    private mutating func fault(_ request: Request) {
        faultsMade += 1
        let lost = RequestFailure(.curl([7, 28, 35, 52, 56][random.below(5)]))
        switch random.below(8) {
        case 0, 1: fail(request, lost)
        case 2:
            // Done, and the answer lost; without a connection nothing is done.
            _ = execute(request, damaged: chance(world.damages))
            let isUnconnected = [.curl(7), .curl(35)].contains(lost.cause)
            if case .initiate = request, isUnconnected { fail(request, RequestFailure(.curl(56))) } else { fail(request, lost) }
        case 3:
            // Done later, when the client has long given up.
            let job: Job? =
                switch request {
                case .part(let id, let range): .part(id, range, damaged: chance(world.damages))
                case .complete(let id, let parts): .complete(id, parts)
                case .put: .put(damaged: chance(world.damages))
                case .abort(let id): .abort(id)
                case .initiate, .find, .head, .list, .hash: nil
                }
            // A late put could not be told from another writer's; only what belongs to the upload id comes late.
            if let job, case .put = job {
                fail(request, lost)
            } else {
                if let job { push(.ghost(job), in: random.below(400)) }
                fail(request, lost)
            }
        case 4: fail(request, answer(500, "InternalError"))
        case 5: fail(request, answer(503, "SlowDown", retryAfter: .milliseconds(Int64(random.below(700)))))
        case 6: fail(request, answer(403, ["SecurityTokenExpired", "InvalidSecurityToken"][random.below(2)]))
        default: fail(request, answer(403, "RequestTimeTooSkewed", serverTime: Timestamp(milliseconds: now)))
        }
    }

    private mutating func fail(_ request: Request, _ failure: RequestFailure) {
        switch request {
        case .initiate: reply(.initiateFailed(failure))
        case .find:
            findsFailed += 1
            reply(.findUploadsFailed(failure))
        case .put: reply(.putFailed(failure, bytesSent: Int64(file.count)))
        case .head: reply(.objectHeadFailed(failure))
        case .list: reply(.listPartsFailed(failure))
        case .abort: reply(.abortFailed(failure))
        case .complete: reply(.completeFailed(failure))
        case .part(_, let range): reply(.partFailed(number: range.number, failure, bytesSent: range.length))
        case .hash(let range): reply(.hashFailed(number: range.number, failure))
        }
    }

    mutating func ghost(_ job: Job) {
        switch job {
        case .part(let id, let range, let damaged): _ = execute(.part(id, range), damaged: damaged)
        case .complete(let id, let parts): _ = execute(.complete(id, parts), damaged: false)
        case .put(let damaged): _ = execute(.put, damaged: damaged)
        case .abort(let id): _ = execute(.abort(id), damaged: false)
        }
    }

    private mutating func execute(_ request: Request, damaged: Bool) -> UploadEvent {
        let gone = answer(404, "NoSuchUpload")
        switch request {
        case .initiate: return .initiated(uploadID: server.initiate())
        case .find:
            if world.listDenied, !isQuiet {
                findsFailed += 1
                return .findUploadsFailed(answer(403, "AccessDenied"))
            }
            // Those of which somebody here knows are not told.
            let found = server.uploads.filter { !savedIDs.contains($0.key) }.sorted { $0.key > $1.key }
            return .uploadsFound(found.map { FoundUpload(uploadID: $0.key, hasParts: !$0.value.isEmpty) })
        case .hash(let range): return .hashed(number: range.number, crc64: crc64(bytes(range)))
        case .put:
            guard let object = server.put(damaged ? spoiled(file[...]) : file, forbidOverwrite: world.forbidOverwrite) else {
                return .putFailed(answer(409, "FileAlreadyExists"), bytesSent: 0)
            }
            return .putSent(BodyReply(etag: object.etag, localCRC64: crc64(file), serverCRC64: object.crc64))
        case .part(let id, let range):
            let sent = bytes(range)
            guard let part = server.store(damaged ? spoiled(sent)[...] : sent, part: range.number, of: id) else {
                return .partFailed(number: range.number, gone, bytesSent: range.length)
            }
            return .partSent(number: range.number, BodyReply(etag: part.etag, localCRC64: crc64(sent), serverCRC64: part.crc64))
        case .list(let id):
            if world.listDenied, !isQuiet { return .listPartsFailed(answer(403, "AccessDenied")) }
            return server.list(id).map { .partsListed($0) } ?? .listPartsFailed(gone)
        case .abort(let id):
            guard server.uploads[id] != nil else { return .abortFailed(gone) }
            // A part that was on its way may keep the upload alive: it takes a second abort.
            if abortsSurvived < 3, chance(world.faults / 2) {
                abortsSurvived += 1
                server.uploads[id] = [:]
            } else {
                server.uploads[id] = nil
            }
            return .aborted
        case .head:
            guard let object = server.object else { return .objectHead(.absent) }
            return .objectHead(.found(size: Int64(object.bytes.count), crc64: object.crc64, etag: object.etag))
        case .complete(let id, let parts):
            // Where the object may not be looked at, an answer is all that could tell.
            let damaged = world.mayRead && chance(world.damages / 4)
            let looksFirst = random.below(2) == 0
            switch server.complete(
                id, parts, forbidOverwrite: world.forbidOverwrite, looksAtObjectFirst: looksFirst, damaged: damaged)
            {
            case .done(let object):
                if chance(world.damages / 2) { return .completeFailed(answer(203, "CallbackFailed")) }
                return .completed(etag: object.etag, serverCRC64: object.crc64)
            case .gone: return .completeFailed(gone)
            case .partsDiffer: return .completeFailed(answer(400, "InvalidPart"))
            case .exists: return .completeFailed(answer(409, "FileAlreadyExists"))
            }
        }
    }

    private mutating func spoiled(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var bytes = Array(bytes)
        if bytes.isEmpty { return [0] }
        bytes[random.below(bytes.count)] ^= 0x10
        return bytes
    }
}
