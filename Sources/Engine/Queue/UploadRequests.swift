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
    /// The file cannot be opened.
    var unreadable: FileError?
    var bytesSent: Int64 = 0

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

    let transport: any Transport
    let authorizer: any RequestAuthorizer
    let watches = AnswerWatches()

    // MARK: - Bodies

    /// The whole file in one request; opens it where it is not open yet.
    func put(_ row: UploadRow, job: JobFacts, source opened: SourceFile?, meter: FlightMeter, attempt: Int = 1) async -> FlightEnd {
        let source: SourceFile
        do throws(FileError) {
            if let opened { source = opened } else { source = try SourceFile.open(row.path) }
        } catch {
            return FlightEnd(unreadable: error)
        }
        if opened == nil, source.identity != row.identity { return FlightEnd(source: source, changed: source.identity) }
        if let end = changed(source, before: row.identity) { return end }
        let body = FileBody(source: source, offset: 0, length: row.size)
        var end = await send(.putObject(job.headers), row, job, body: body, meter: meter, attempt: attempt) { response, reply throws(OSSError) in
            let result = try OSSReply.put(response)
            return .putSent(BodyReply(etag: result.etag, localCRC64: reply.bodyCRC64, serverCRC64: result.crc64))
        } failed: {
            .putFailed($0, bytesSent: $1)
        }
        end.source = source
        return afterwards(end, source, row.identity)
    }

    func part(
        _ range: PartRange, uploadID: String, _ row: UploadRow, job: JobFacts, source: SourceFile, meter: FlightMeter,
        attempt: Int = 1
    ) async -> FlightEnd {
        if let end = changed(source, before: row.identity) { return end }
        let body = FileBody(source: source, offset: range.offset, length: range.length)
        let end = await send(.uploadPart(number: range.number, uploadID: uploadID), row, job, body: body, meter: meter, attempt: attempt) {
            response, reply throws(OSSError) in
            let result = try OSSReply.put(response)
            return .partSent(
                number: range.number, BodyReply(etag: result.etag, localCRC64: reply.bodyCRC64, serverCRC64: result.crc64))
        } failed: {
            .partFailed(number: range.number, $0, bytesSent: $1)
        }
        return afterwards(end, source, row.identity)
    }

    /// A part the server has whose answer we never saw: read, not sent.
    func hash(_ range: PartRange, _ row: UploadRow, source: SourceFile) async -> FlightEnd {
        do throws(FileError) {
            let value = try await SourceReader.crc64(of: source, offset: range.offset, length: range.length)
            return changed(source, before: row.identity) ?? FlightEnd(event: .hashed(number: range.number, crc64: value))
        } catch {
            let failure = RequestFailure(.source(errno: error.errno), message: error.message)
            return FlightEnd(event: .hashFailed(number: range.number, failure))
        }
    }

    // MARK: - Around them

    func initiate(_ row: UploadRow, job: JobFacts, attempt: Int = 1) async -> FlightEnd {
        await send(.initiate(job.headers), row, job, attempt: attempt) { response, _ throws(OSSError) in
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
        if let source, let end = changed(source, before: row.identity) { return end }
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

    private func send(
        _ operation: OSSOperation, _ row: UploadRow, _ job: JobFacts, body: FileBody? = nil, meter: FlightMeter? = nil,
        attempt: Int = 1,
        read: @Sendable (HTTPResponse, TransportReply) throws(OSSError) -> UploadEvent?,
        failed: @Sendable (RequestFailure, Int64) -> UploadEvent
    ) async -> FlightEnd {
        let authorized: AuthorizedRequest
        do throws(AccessFailure) {
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
        // A repeated Initiate leaves a second upload id, a repeated Complete or guarded put refuses its own success.
        let isGuarded = authorized.request.headers["x-oss-forbid-overwrite"] != nil
        options.mayRepeat = authorized.request.method != "POST" && !isGuarded
        // What refuses its own success when it comes twice is waited for.
        if !isGuarded { options.isPatient = watches.patience(job.target.endpoint, length: body?.length, attempt: attempt) }
        let progress: (@Sendable (Int64) -> Void)? =
            if let meter, let body, body.length >= UploadRequests.visibleBody { { meter.report($0) } } else { nil }
        do throws(TransportError) {
            let reply = try await transport.send(authorized.request, body: body, options: options, progress: progress)
            meter?.report(reply.bodyBytesSent)
            if let body { watches.answered(job.target.endpoint, length: body.length, after: reply.answerTime) }
            do throws(OSSError) {
                let event = try read(reply.response, reply)
                return FlightEnd(event: event, generation: authorized.generation, bytesSent: reply.bodyBytesSent)
            } catch {
                let failure = RequestFailure(error, of: authorized, at: job.target)
                return FlightEnd(
                    event: failed(failure, reply.bodyBytesSent), generation: authorized.generation, failure: failure,
                    bytesSent: reply.bodyBytesSent)
            }
        } catch {
            let failure = RequestFailure(error)
            return FlightEnd(
                event: failed(failure, error.bodyBytesSent), generation: authorized.generation, failure: failure,
                bytesSent: error.bodyBytesSent)
        }
    }

    /// The open file is not what was queued any more.
    private func changed(_ source: SourceFile, before: SourceIdentity) -> FlightEnd? {
        do throws(FileError) {
            let now = try source.currentIdentity()
            guard now != before else { return nil }
            return FlightEnd(event: .sourceChanged(detail: SourceReader.difference(before, now)), source: source)
        } catch {
            return FlightEnd(unreadable: error)
        }
    }

    /// A body that was read while the file changed is worth nothing, whatever the server said to it.
    private func afterwards(_ end: FlightEnd, _ source: SourceFile, _ identity: SourceIdentity) -> FlightEnd {
        switch end.event {
        case .putSent, .partSent:
            guard var changed = changed(source, before: identity) else { return end }
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
