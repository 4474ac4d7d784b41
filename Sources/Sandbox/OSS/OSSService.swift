import OSSProtocol
import Platform

/// OSS: one request in, one answer out. Knows no sockets.
struct OSSService: Sendable {
    let settings: SandboxSettings
    let store: ObjectStore
    let authentication: Authentication
    let clock: SandboxClock
    let faults: FaultScript
    let log: RequestLog
    let callbacks: CallbackCaller
    let switches: Lock<SandboxSwitches>
    /// Regions that any bucket was told at the start.
    let regions: Set<String>

    func respond(to request: IncomingRequest, body: consuming IncomingBody) async -> Delivery {
        let requestID = randomHex(12).uppercased()
        var entry = RequestLog.Entry(time: clock.now, method: request.method, requestID: requestID)
        let address: ServiceAddress
        do throws(OSSFailure) {
            let names = HostNames(cnames: settings.hosts, regions: regions, isStrict: switches.withLock { $0.isStrict })
            address = try ServiceAddress.find(host: request.host, path: request.path, names: names)
        } catch {
            return finish(entry, .whole(answer(error, request, requestID)), requestID)
        }
        let operation = Operation(request, address)
        entry.describe(operation.rawValue, address, request)
        let fault = faults.meet(
            .init(
                operation: operation.rawValue, bucket: address.bucket ?? "", key: address.key ?? ObjectKey(""), part: entry.partNumber ?? 0)
        )
        entry.fault = fault?.id
        await pause(settings.latency + (fault?.rule.delay ?? .zero))

        var context = OperationContext(request: request, address: address, requestID: requestID, body: body)
        switch fault?.rule.effect {
        case .status:
            return finish(entry, .whole(answer(fault?.failure ?? .noSuchBucket(""), request, requestID)), requestID)
        case .reset, .blackHole:
            let limit = fault?.rule.bytes ?? (fault?.rule.effect == .reset ? 0 : .max)
            try? await context.body.drain(upTo: limit)
            entry.bodyBytes = context.body.received
            return finish(entry, fault?.rule.effect == .reset ? .reset : .silence, requestID)
        case .corrupt where operation != .getObject:
            context.body.corruptsNext = true
        default:
            break
        }

        let delivery = await perform(operation, &context)
        (entry.accessKeyID, entry.key, entry.bodyBytes) = (
            context.identity.accessKeyID, context.address.key?.description, context.body.received
        )
        return finish(entry, OSSService.changed(delivery, by: fault, operation), requestID)
    }

    private func pause(_ duration: Duration) async {
        if duration > .zero { try? await Task.sleep(for: duration) }
    }

    private static func changed(_ delivery: Delivery, by fault: Fault?, _ operation: Operation) -> Delivery {
        guard let fault, case .whole(var answer) = delivery else { return delivery }
        switch fault.rule.effect {
        case .lostAnswer: return .closed
        case .truncate: return .truncated(answer)
        case .corrupt where operation == .getObject: return .corrupted(answer)
        case .wrongCRC:
            if let text = answer.headers["x-oss-hash-crc64ecma"], let crc = UInt64(text) {
                answer.headers["x-oss-hash-crc64ecma"] = String(crc ^ 1)
            }
            return .whole(answer)
        default: return delivery
        }
    }

    /// Authenticates, authorizes, performs.
    private func perform(_ operation: Operation, _ context: inout OperationContext) async -> Delivery {
        let request = context.request
        do {
            let now = clock.now
            // A form carries its signature, and its key, in its own fields.
            let isForm = operation == .postObject
            if !isForm { context.identity = try authentication.identify(request, context.address, rules(context.address), now: now) }
            if let bucket = context.address.bucket {
                guard (try? OSSLimits.check(bucket: bucket)) != nil else {
                    throw OSSFailure(
                        400, "InvalidBucketName", "The specified bucket is not valid.", ec: "0015-00000001", ["BucketName": bucket])
                }
                if operation != .putBucket { try check(bucket, context.address.region) }
            }
            if !isForm { try authorize(operation, context, now) }
            return .whole(try await run(operation, &context))
        } catch let failure as OSSFailure {
            return .whole(answer(failure, request, context.requestID))
        } catch let refusal as ObjectStore.Refusal {
            return .whole(answer(failure(refusal, context), request, context.requestID))
        } catch let error as StoreError {
            return .whole(answer(.disk(error), request, context.requestID))
        } catch BodyError.tooLarge(let limit) {
            return .whole(
                answer(
                    OSSFailure(400, "EntityTooLarge", "Your request body is larger than \(limit) bytes.", ec: "0042-00000206"), request,
                    context.requestID))
        } catch {
            // Torn: nobody is there to hear an answer.
            return .closed
        }
    }

    /// Who may be asked for in the scope of a signature: see `Authentication.Rules`.
    func rules(_ address: ServiceAddress) -> Authentication.Rules {
        let own = address.bucket.flatMap { store.bucket($0) }.map { region(of: $0) }
        let regions = [own, address.region.name(own: settings.region)].compactMap { $0 }
        return Authentication.Rules(
            regions: regions.isEmpty ? [settings.region] : regions, onlyVersion4: switches.withLock { $0.onlyVersion4 })
    }

    func region(of record: BucketRecord) -> String { record.region ?? settings.region }

    /// The bucket must be there, and in the region that the endpoint serves.
    private func check(_ bucket: String, _ served: ServedRegion) throws(OSSFailure) {
        guard let record = store.bucket(bucket) else { throw .noSuchBucket(bucket) }
        guard let name = served.name(own: settings.region), name != region(of: record) else { return }
        throw OSSFailure(
            403, "AccessDenied",
            "The bucket you are attempting to access must be addressed using the specified endpoint. "
                + "Please send all future requests to this endpoint.",
            ec: "0003-00001403", ["Bucket": bucket, "Endpoint": "oss-\(region(of: record)).aliyuncs.com"])
    }

    func authorize(_ operation: Operation, _ context: OperationContext, _ now: Timestamp) throws(OSSFailure) {
        guard context.identity.accessKeyID != nil else {
            let acl = try? store.object(context.key, in: context.bucket).attributes.acl
            return try AnonymousAccess.check(
                operation, context.request, bucketACL: store.bucket(context.bucket)?.acl, objectACL: acl)
        }
        // What is to be deleted stands in the body: each key is checked there.
        if operation == .deleteMultipleObjects { return }
        try context.identity.authorize(context.request, context.address, now: now)
    }

    private func failure(_ refusal: ObjectStore.Refusal, _ context: OperationContext) -> OSSFailure {
        switch refusal {
        case .noSuchBucket: .noSuchBucket(context.address.bucket ?? "")
        case .bucketNotEmpty: OSSFailure(409, "BucketNotEmpty", "The bucket you tried to delete is not empty.", ec: "0015-00000301")
        case .noSuchKey: .noSuchKey(context.address.key ?? ObjectKey(""))
        case .noSuchUpload: .noSuchUpload(context.request.parameter("uploadId") ?? "")
        case .exists: .fileAlreadyExists(ec: context.request.has("uploadId") ? "0042-00000214" : "0026-00000002")
        case .notAppendable:
            OSSFailure(409, "ObjectNotAppendable", "The object is not appendable.", ec: "0026-00000022")
        case .wrongPosition(let length):
            OSSFailure(
                409, "PositionNotEqualToLength", "Position is not equal to file length.", ec: "0026-00000016",
                headers: ["x-oss-next-append-position": String(length)])
        case .partsChanged:
            OSSFailure(
                400, "InvalidPart", "One or more of the specified parts changed while the upload was completed.", ec: "0042-00000209",
                ["UploadId": context.request.parameter("uploadId") ?? ""])
        case .disk(let error): .disk(error)
        }
    }

    private func run(_ operation: Operation, _ context: inout OperationContext) async throws -> Answer {
        if context.address.key != nil { try OSSService.check(key: context.address.key) }
        if operation.needsLength, context.body.announced == nil,
            context.request.headers["Transfer-Encoding"]?.asciiLower.contains("chunked") != true
        {
            throw OSSFailure(411, "MissingContentLength", "You must provide the Content-Length HTTP header.", ec: "0016-00000101")
        }
        switch operation {
        case .listBuckets: return listBuckets(context)
        case .putBucket: return try await putBucket(&context)
        case .deleteBucket: return try deleteBucket(context)
        case .headBucket: return Answer(status: 200)
        case .getBucketInfo, .getBucketLocation, .getBucketACL, .getBucketStat: return try bucketInfo(operation, context)
        case .putBucketACL: return try putBucketACL(context)
        case .listObjects, .listObjectsV2: return try listObjects(context, version2: operation == .listObjectsV2)
        case .listMultipartUploads: return try listMultipartUploads(context)
        case .putObject: return try await putObject(&context)
        case .getObject: return try getObject(context)
        case .headObject: return try headObject(context)
        case .getObjectMeta: return try objectMeta(context)
        case .deleteObject: return try deleteObject(context)
        case .deleteMultipleObjects: return try await deleteMultipleObjects(&context)
        case .getObjectACL, .getObjectTagging: return try objectProperty(operation, context)
        case .putObjectACL: return try putObjectACL(context)
        case .copyObject: return try copyObject(context)
        case .appendObject: return try await appendObject(&context)
        case .initiateMultipartUpload: return try initiate(context)
        case .uploadPart: return try await uploadPart(&context)
        case .uploadPartCopy: return try uploadPartCopy(context)
        case .completeMultipartUpload: return try await complete(&context)
        case .abortMultipartUpload: return try abort(context)
        case .listParts: return try listParts(context)
        case .postObject: return try await postObject(&context)
        case .other:
            guard ["GET", "HEAD", "PUT", "POST", "DELETE"].contains(context.request.method) else {
                throw OSSFailure(
                    405, "MethodNotAllowed", "The specified method is not allowed against this resource.", ec: "0017-00000904",
                    ["Method": context.request.method])
            }
            throw OSSFailure.notImplemented("This operation")
        }
    }

    static func check(key: ObjectKey?) throws(OSSFailure) {
        guard let key else { return }
        do throws(OSSLimitError) { try OSSLimits.check(key: key) } catch {
            throw OSSFailure(
                400, "InvalidObjectName", "The specified object is not valid.", ec: "0016-00000001", ["ObjectName": key.description])
        }
    }

    // MARK: Answers

    private func answer(_ failure: OSSFailure, _ request: IncomingRequest, _ requestID: String) -> Answer {
        var headers = failure.headers
        headers["x-oss-ec"] = failure.ec
        let document = failure.document(requestID: requestID, host: request.host)
        guard request.method != "HEAD" else {
            headers["x-oss-err"] = Base64.encode(document)
            return Answer(status: failure.status, headers: headers, code: failure.code)
        }
        headers["Content-Type"] = "application/xml"
        return Answer(status: failure.status, headers: headers, body: .bytes(document), code: failure.code)
    }

    /// Adds what every answer has, and records the request before anybody can know of the answer.
    private func finish(_ entry: RequestLog.Entry, _ delivery: Delivery, _ requestID: String) -> Delivery {
        var entry = entry
        let now = clock.now
        entry.milliseconds = now.milliseconds - entry.time.milliseconds
        entry.status = delivery.answer?.status ?? 0
        entry.code = delivery.answer?.code
        log.add(entry)
        switch delivery {
        case .whole(let answer): return .whole(OSSService.signed(answer, requestID, now, elapsed: entry.milliseconds))
        case .truncated(let answer): return .truncated(OSSService.signed(answer, requestID, now, elapsed: entry.milliseconds))
        case .corrupted(let answer): return .corrupted(OSSService.signed(answer, requestID, now, elapsed: entry.milliseconds))
        case .closed, .reset, .silence: return delivery
        }
    }

    private static func signed(_ answer: Answer, _ requestID: String, _ now: Timestamp, elapsed: Int64) -> Answer {
        var answer = answer
        var headers: HTTPHeaders = ["Server": "AliyunOSS", "Date": now.httpDate, "x-oss-request-id": requestID]
        for field in answer.headers.fields { headers.add(field.name, field.value) }
        headers.add("x-oss-server-time", String(max(0, elapsed)))
        if answer.status != 204, answer.status != 304, headers["Content-Length"] == nil {
            headers.add("Content-Length", String(answer.body.length))
        }
        answer.headers = headers
        return answer
    }
}

/// One request on its way through an operation.
struct OperationContext {
    let request: IncomingRequest
    /// A form names the key itself.
    var address: ServiceAddress
    let requestID: String
    var body: IncomingBody
    var identity = Identity.anonymous

    var bucket: String { address.bucket ?? "" }
    var key: ObjectKey { address.key ?? ObjectKey("") }

    /// Names are written URL-encoded when the client asks for it.
    var encodesNames: Bool { request.parameter("encoding-type") == "url" }

    func written(_ bytes: [UInt8]) -> String { encodesNames ? PercentEncoding.encode(bytes) : String(decoding: bytes, as: UTF8.self) }

    /// A number from the query.
    func number(_ name: String, _ bounds: ClosedRange<Int>, default value: Int) throws(OSSFailure) -> Int {
        guard let text = request.parameter(name), !text.isEmpty else { return value }
        guard let number = Int(digits: text), bounds.contains(number) else {
            throw .invalidArgument(
                "\(name) must be a number from \(bounds.lowerBound) to \(bounds.upperBound).", name: name, value: text, ec: "0017-00000105")
        }
        return number
    }
}
