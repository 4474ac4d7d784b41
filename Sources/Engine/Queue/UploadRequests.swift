import Glibc
import OSSProtocol
import Platform
import TransferCore

/// What one request of a run ended with: what to tell the upload machine, and what the loop itself must know.
struct FlightEnd: Sendable {
    /// `nil` when no request could be made: see `access` and `identity`.
    var event: UploadEvent?
    /// No authorized request could be had.
    var access: AccessFailure?
    /// The lease generation that signed it.
    var generation: UInt64?
    /// Why it failed, for the endpoint's budget and for the part's last answer.
    var failure: RequestFailure?
    /// The open file, for the next request.
    var source: SourceFile?
    /// The file is another one than the row says, and nothing of it was sent.
    var changed: SourceIdentity?
    /// What the file is now, where only a look at its bytes could tell that they are the same.
    var confirmed: SourceIdentity?
    /// The file cannot be opened.
    var unreadable: FileError?
    var bytesSent: Int64 = 0
    /// What the answer said of the object, when it stands now.
    var stored: StoredAnswer?

    /// The service itself has said something.
    var isAnswered: Bool { failure?.isAnswer ?? true }

    /// For `PartView.lastAnswer`.
    var text: String? {
        guard let failure else { return nil }
        switch failure.cause {
        case .answer(let status, let code, _): return "\(status) \(code)"
        default: return failure.message
        }
    }
}

/// What OSS says of an object when it has stored it, besides what is compared: for the receipt.
struct StoredAnswer: Sendable, Equatable {
    /// `nil` where the bucket keeps no versions.
    var versionID: String?
    var requestID: String?

    /// - Returns: `nil` for requests that make no object, and for refusals. A HEAD that settles a lost answer knows the version only.
    init?(_ operation: OSSOperation, _ response: HTTPResponse) {
        guard (200..<300).contains(response.status) else { return nil }
        switch operation {
        case .putObject, .complete: requestID = response.headers["x-oss-request-id"]
        case .headObject: break
        default: return nil
        }
        versionID = response.headers["x-oss-version-id"]
    }
}

/// Makes and sends the requests of uploads, one method a request; remembers nothing.
struct UploadRequests: Sendable {
    /// A request must be accepted by then; OSS judges it when its head arrives.
    private static let life = Duration.seconds(30)
    /// Bodies this small go out at once: nobody would see their progress.
    private static let visibleBody: Int64 = 256 << 10
    /// A connection over TLS to the other side of the world takes a second; a packet that is lost is sent again after 1 and after 3 s.
    private static let reachTime = Duration.seconds(4)
    /// Pages of ListParts, 1,000 parts each.
    private static let mostPages = 20
    /// How often a file may get another mode, owner or link while it is sent or compared.
    private static let mostLooks = 3

    let transport: any Transport
    let authorizer: any RequestAuthorizer
    let watches = AnswerWatches()

    // MARK: - Bodies

    /// The whole file in one request; opens it where it is not open yet.
    func put(_ row: UploadRow, job: JobFacts, source opened: SourceFile?, meter: FlightMeter, attempt: Int = 1) async -> FlightEnd {
        var source = opened
        var sent: Int64 = 0
        var looks = 0
        while true {
            looks += 1
            let file: SourceFile
            do throws(FileError) {
                if let source {
                    file = try await SourceOpening.renewed(source)
                } else {
                    file = try await SourceOpening.open(row.path, device: row.identity.device)
                }
            } catch {
                return FlightEnd(unreadable: error)
            }
            guard file.identity.isLikely(row.identity) else {
                // Nothing of it has left: it is taken as it is now.
                guard opened != nil || sent > 0 else { return FlightEnd(changed: file.identity) }
                return FlightEnd(
                    event: .sourceChanged(detail: SourceReader.difference(row.identity, file.identity)), source: file, bytesSent: sent)
            }
            let body = FileBody(source: file, offset: 0, length: row.size, isGuarded: true)
            var end = await send(.putObject(job.headers(for: row)), row, job, body: body, meter: meter, attempt: attempt) {
                response, reply throws(OSSError) in
                let result = try OSSReply.put(response)
                return .putSent(BodyReply(etag: result.etag, localCRC64: reply.bodyCRC64, serverCRC64: result.crc64))
            } failed: {
                .putFailed($0, bytesSent: $1)
            }
            (sent, source) = (sent + end.bytesSent, file)
            // The server does not have the whole body, so nothing is stored; only a mode or a link may have changed.
            if looks < UploadRequests.mostLooks, case .source(errno: 0)? = end.failure?.cause { continue }
            end.source = file
            end.bytesSent = sent
            return end
        }
    }

    func part(
        _ range: PartRange, uploadID: String, _ row: UploadRow, job: JobFacts, source: SourceFile, meter: FlightMeter,
        attempt: Int = 1
    ) async -> FlightEnd {
        if let end = await changed(source, before: row.identity) { return end }
        let body = FileBody(source: source, offset: range.offset, length: range.length)
        let end = await send(.uploadPart(number: range.number, uploadID: uploadID), row, job, body: body, meter: meter, attempt: attempt) {
            response, reply throws(OSSError) in
            let result = try OSSReply.put(response)
            return .partSent(
                number: range.number, BodyReply(etag: result.etag, localCRC64: reply.bodyCRC64, serverCRC64: result.crc64))
        } failed: {
            .partFailed(number: range.number, $0, bytesSent: $1)
        }
        return await afterwards(end, source, row.identity)
    }

    /// A part the server has whose answer we never saw: read, not sent.
    func hash(_ range: PartRange, _ row: UploadRow, source: SourceFile) async -> FlightEnd {
        do throws(FileError) {
            let value = try await SourceReader.crc64(of: source, offset: range.offset, length: range.length)
            if let end = await changed(source, before: row.identity) { return end }
            return FlightEnd(event: .hashed(number: range.number, crc64: value))
        } catch {
            let failure = RequestFailure(.source(errno: error.errno), message: error.message)
            return FlightEnd(event: .hashFailed(number: range.number, failure))
        }
    }

    // MARK: - Around them

    func initiate(_ row: UploadRow, job: JobFacts, attempt: Int = 1) async -> FlightEnd {
        await send(.initiate(job.headers(for: row)), row, job, attempt: attempt) { response, _ throws(OSSError) in
            .initiated(uploadID: try OSSReply.initiate(response))
        } failed: { failure, _ in
            .initiateFailed(failure)
        }
    }

    /// Every page.
    func listParts(uploadID: String, _ row: UploadRow, job: JobFacts, attempt: Int = 1) async -> FlightEnd {
        var parts: [StoredPart] = []
        var after = 0
        for _ in 0..<UploadRequests.mostPages {
            let page = Lock<ListPartsPage?>(nil)
            let end = await send(.listParts(uploadID: uploadID, after: after), row, job, attempt: attempt) { response, _ throws(OSSError) in
                let read = try OSSReply.listParts(response)
                page.withLock { $0 = read }
                return nil
            } failed: { failure, _ in
                .listPartsFailed(failure)
            }
            guard let read = page.withLock({ $0 }) else { return end }
            parts += read.parts.map { StoredPart(number: $0.number, size: $0.size, etag: $0.etag, crc64: $0.crc64) }
            guard let next = read.next else { return FlightEnd(event: .partsListed(parts), generation: end.generation) }
            after = next
        }
        let failure = RequestFailure(.unusableAnswer, message: "the list of parts does not end")
        return FlightEnd(event: .listPartsFailed(failure), failure: failure)
    }

    /// - Parameter source: looked at once more before the parts become an object; `nil` when only an earlier Complete is repeated.
    func complete(uploadID: String, parts: [StoredPart], _ row: UploadRow, job: JobFacts, source: SourceFile?, attempt: Int = 1) async
        -> FlightEnd
    {
        guard let source else { return await complete(uploadID: uploadID, parts: parts, row, job, attempt) }
        let confirmed: SourceIdentity
        switch await confirm(source, row.identity, parts) {
        case .same(let identity): confirmed = identity
        case .different(let end): return end
        }
        var end = await complete(uploadID: uploadID, parts: parts, row, job, attempt)
        end.confirmed = confirmed
        return end
    }

    private enum Confirmed {
        case same(SourceIdentity)
        case different(FlightEnd)
    }

    /// Whether the file still holds what its parts were read from. Where something happened to it that its time of writing does not show (a
    /// mode, a link, a name taken by another file, or a write with the time set back), only its bytes can tell.
    private func confirm(_ source: SourceFile, _ identity: SourceIdentity, _ parts: [StoredPart]) async -> Confirmed {
        do throws(FileError) {
            for _ in 0..<UploadRequests.mostLooks {
                let before = try await SourceOpening.identity(source)
                if before == identity { return .same(identity) }
                if before.isLikely(identity) {
                    let sent = parts.reduce(UInt64(0)) { CRC64.combine($0, $1.crc64 ?? 0, lengthOfB: $1.size) }
                    let here = try await SourceReader.crc64(of: source, offset: 0, length: identity.size)
                    let after = try await SourceOpening.identity(source)
                    if here == sent, after == before { return .same(after) }
                    if here == sent, after.isLikely(identity) { continue }
                }
                let now = try await SourceOpening.identity(source)
                return .different(FlightEnd(event: .sourceChanged(detail: SourceReader.difference(identity, now)), source: source))
            }
        } catch {
            guard error.errno == 0 else { return .different(FlightEnd(unreadable: error)) }
            return .different(FlightEnd(event: .sourceChanged(detail: "it \(error.what)"), source: source))
        }
        return .different(FlightEnd(event: .sourceChanged(detail: "its mode or its links change all the time"), source: source))
    }

    private func complete(uploadID: String, parts: [StoredPart], _ row: UploadRow, _ job: JobFacts, _ attempt: Int) async -> FlightEnd {
        let named = parts.map { CompletedPart(number: $0.number, etag: $0.etag) }
        let operation = OSSOperation.complete(uploadID: uploadID, parts: named, headers: job.headers)
        return await send(operation, row, job, attempt: attempt) { response, _ throws(OSSError) in
            let result = try OSSReply.complete(response)
            return .completed(etag: result.etag, serverCRC64: result.crc64)
        } failed: { failure, _ in
            .completeFailed(failure)
        }
    }

    func abort(uploadID: String, _ row: UploadRow, job: JobFacts, attempt: Int = 1) async -> FlightEnd {
        await send(.abort(uploadID: uploadID), row, job, attempt: attempt) { response, _ throws(OSSError) in
            try OSSReply.empty(response)
            return .aborted
        } failed: { failure, _ in
            .abortFailed(failure)
        }
    }

    func head(_ row: UploadRow, job: JobFacts, attempt: Int = 1) async -> FlightEnd {
        await send(.headObject, row, job, attempt: attempt) { response, _ throws(OSSError) in
            if response.status == 404 { return .objectHead(.absent) }
            let head = try OSSReply.head(response)
            return .objectHead(.found(size: head.size, crc64: head.crc64, etag: head.etag))
        } failed: { failure, _ in
            // 403 is also what a token that has ended or a wrong clock gets: that says nothing about the right to read.
            classify(failure) == .denied ? .objectHead(.denied) : .objectHeadFailed(failure)
        }
    }

    /// Whether anybody answers at the endpoint: the smallest question there is, and one that needs no credentials, on a new connection.
    ///
    /// - Returns: why nobody does; `nil` when somebody did, be it to refuse.
    func reach(_ target: Target) async -> String? {
        guard let address = try? target.address() else { return nil }
        var options = SendOptions()
        options.connectTimeout = UploadRequests.reachTime
        options.total = UploadRequests.reachTime
        options.mayRepeat = false
        do throws(TransportError) {
            let status = try await transport.send(address.request(method: "HEAD", key: nil), options: options).response.status
            // Only a machine in front of it has spoken.
            return [502, 504].contains(status) ? "\(status)" : nil
        } catch {
            return error.message
        }
    }

    // MARK: - One request

    func send(
        _ operation: OSSOperation, _ row: UploadRow, _ job: JobFacts, body: FileBody? = nil, meter: FlightMeter? = nil,
        attempt: Int = 1,
        read: @Sendable (HTTPResponse, TransportReply) throws(OSSError) -> UploadEvent?,
        failed: @Sendable (RequestFailure, Int64) -> UploadEvent
    ) async -> FlightEnd {
        let authorized: AuthorizedRequest
        do throws(AccessFailure) {
            meter?.waitsForAccess(1)
            defer { meter?.waitsForAccess(-1) }
            authorized = try await authorizer.authorize(
                operation, key: ObjectKey(row.key), target: job.target, minimumLife: UploadRequests.life)
        } catch {
            return FlightEnd(access: error)
        }
        if Task.isCancelled {
            let failure = RequestFailure(.cancelled)
            return FlightEnd(event: failed(failure, 0), generation: authorized.generation, failure: failure)
        }
        var options = SendOptions()
        if body == nil { options.total = .seconds(120) }
        if let meter { options.pace = meter.pace }
        // A repeated Initiate leaves a second upload id, a repeated Complete or guarded put refuses its own success.
        let isGuarded = authorized.request.headers["x-oss-forbid-overwrite"] != nil
        options.mayRepeat = authorized.request.method != "POST" && !isGuarded
        // What refuses its own success when it comes twice is waited for.
        if !isGuarded {
            let target = job.target
            options.isPatient = watches.patience(target.endpoint, Self.body(of: operation, body), attempt: attempt) {
                await reach(target) == nil
            }
        }
        let begun = SystemClock.steady()
        let progress: (@Sendable (Int64) -> Void)? =
            if let meter, let body, body.length >= UploadRequests.visibleBody { { meter.report($0) } } else { nil }
        do throws(TransportError) {
            let reply = try await transport.send(authorized.request, body: body, options: options, progress: progress)
            meter?.report(reply.bodyBytesSent)
            if let body { watches.answered(job.target.endpoint, length: body.length, after: reply.answerTime) }
            do throws(OSSError) {
                let event = try read(reply.response, reply)
                return FlightEnd(
                    event: event, generation: authorized.generation, bytesSent: reply.bodyBytesSent,
                    stored: StoredAnswer(operation, reply.response))
            } catch {
                var failure = RequestFailure(error, of: authorized, at: job.target)
                failure.othersAnswered = watches.othersAnswered(job.target.endpoint, since: begun)
                return FlightEnd(
                    event: failed(failure, reply.bodyBytesSent), generation: authorized.generation, failure: failure,
                    bytesSent: reply.bodyBytesSent)
            }
        } catch {
            var failure = RequestFailure(error)
            // What fell silent was well until then; what broke may have been lost at any time since it was sent.
            let since = error.silence > .zero ? max(begun, SystemClock.steady() - error.silence) : begun
            failure.othersAnswered = watches.othersAnswered(job.target.endpoint, since: since)
            return FlightEnd(
                event: failed(failure, error.bodyBytesSent), generation: authorized.generation, failure: failure,
                bytesSent: error.bodyBytesSent)
        }
    }

    private static func body(of operation: OSSOperation, _ body: FileBody?) -> AnswerWatches.Body {
        if let body { return .bytes(body.length) }
        if case .complete = operation { return .longList }
        return .none
    }

    /// The open file is not what was queued any more.
    private func changed(_ source: SourceFile, before: SourceIdentity) async -> FlightEnd? {
        do throws(FileError) {
            let now = try await SourceOpening.identity(source)
            // What else may have happened to it is asked once, before Complete.
            guard !now.isLikely(before) else { return nil }
            return FlightEnd(event: .sourceChanged(detail: SourceReader.difference(before, now)), source: source)
        } catch {
            return FlightEnd(unreadable: error)
        }
    }

    /// A body that was read while the file changed is worth nothing, whatever the server said to it.
    private func afterwards(_ end: FlightEnd, _ source: SourceFile, _ identity: SourceIdentity) async -> FlightEnd {
        switch end.event {
        case .partSent:
            guard var changed = await changed(source, before: identity) else { return end }
            changed.bytesSent = end.bytesSent
            changed.generation = end.generation
            return changed
        default: return end
        }
    }
}

extension RequestFailure {
    /// The service itself said so, and not only the way to it.
    var isAnswer: Bool { if case .answer = cause { true } else { false } }

    /// These credentials are good, and not for this. HEAD has no body that could say why.
    var isNotAllowed: Bool { classify(self) == .denied && ["AccessDenied", OSSError.badErrorResponse].contains(code) }

    /// - Parameter target: where the request went.
    init(_ error: OSSError, of request: AuthorizedRequest, at target: Target) {
        self.init(
            error.isUnusableAnswer ? .unusableAnswer : .answer(status: error.status, code: error.code, ec: error.ec),
            requestID: error.requestID, retryAfter: error.retryAfter, serverTime: error.serverTime, message: error.message,
            authority: request.authority(at: error.serverTime), advice: FailureAdvice.text(for: error, at: try? target.address()))
    }

    init(_ error: TransportError) {
        let cause: Cause =
            switch error.kind {
            case .curl(let code): .curl(code)
            case .cancelled, .closed: .cancelled
            case .source(let number): .source(errno: number)
            case .answerTooLarge: .unusableAnswer
            }
        self.init(cause, message: error.message)
    }
}
