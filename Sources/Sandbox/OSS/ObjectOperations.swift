import OSSProtocol

/// PutObject, GetObject, HeadObject, GetObjectMeta and what can be asked or told of one object.
extension OSSService {
    func putObject(_ context: inout OperationContext) async throws -> Answer {
        let headers = context.request.headers
        let attributes = try ObjectAttributes(headers: headers)
        try OSSService.checkTrafficLimit(context.request)
        let callback = try Callback(context.request)
        let forbids = headers["x-oss-forbid-overwrite"]?.asciiLower == "true"
        // Refused before the body is read, as well as when it is stored.
        if forbids, (try? store.object(context.key, in: context.bucket)) != nil { throw OSSFailure.fileAlreadyExists(ec: "0026-00000002") }
        let writer = store.writer(in: context.bucket)
        let digest = try await receive(&context, into: writer, needsFile: false)
        let object = try store.put(
            context.key, in: context.bucket, body: writer, digest: digest, attributes: attributes, now: clock.now, forbidsOverwrite: forbids
        )
        let written = OSSService.written(digest, object.attributes.encryptionHeaders)
        return try await called(callback, object, context) ?? Answer(status: 200, headers: written)
    }

    /// The callback's answer, where one is asked for: it takes the place of the operation's own body.
    func called(_ callback: Callback?, _ object: StoredObject, _ context: OperationContext) async throws(OSSFailure) -> Answer? {
        guard let callback else { return nil }
        let body = try await callbacks.call(callback, bucket: context.bucket, object: object)
        return Answer(
            status: 200,
            headers: ["Content-Type": "application/json", "ETag": "\"\(object.etag)\"", "x-oss-hash-crc64ecma": String(object.crc64)],
            body: .bytes(body))
    }

    /// Takes the body of PutObject and UploadPart and holds it against what the client says of it.
    func receive(_ context: inout OperationContext, into writer: BodyWriter, needsFile: Bool) async throws -> BodyDigest {
        if let announced = context.body.announced, announced > OSSLimits.largestPart {
            throw OSSFailure(
                400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.", ec: "0042-00000207",
                ["MaxSizeAllowed": String(OSSLimits.largestPart), "ProposedSize": String(announced)])
        }
        while let piece = try await context.body.next() {
            try writer.append(piece)
            guard writer.length <= OSSLimits.largestPart else {
                throw OSSFailure(
                    400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.", ec: "0042-00000207")
            }
        }
        let digest = try writer.finish(needsFile: needsFile, syncs: store.syncs)
        try OSSService.verify(digest, context.request.headers)
        return digest
    }

    /// What the client says of the body, against what came.
    static func verify(_ digest: BodyDigest, _ headers: HTTPHeaders) throws(OSSFailure) {
        if let text = headers["Content-MD5"] {
            guard let announced = Base64.decode(text), announced.count == 16, !digest.isMD5 || announced == digest.md5 else {
                throw OSSFailure(
                    400, "InvalidDigest", "The Content-MD5 you specified was invalid.", ec: "0017-00000301",
                    ["ExpectedDigest": text, "CalculatedDigest": digest.isMD5 ? Base64.encode(digest.md5) : ""])
            }
        }
        if let text = headers["x-oss-hash-crc64ecma"], CRC64.parse(text) != digest.crc64 {
            throw OSSFailure(
                400, "InvalidCRC64", "The CRC-64 you specified does not match that of the body.", ec: "0017-00000302",
                ["ClientCRC64": text, "ServerCRC64": String(digest.crc64)])
        }
    }

    static func written(_ digest: BodyDigest, _ more: HTTPHeaders = [:]) -> HTTPHeaders {
        var headers: HTTPHeaders = ["ETag": "\"\(digest.etag)\""]
        if digest.isMD5 { headers.add("Content-MD5", Base64.encode(digest.md5)) }
        headers.add("x-oss-hash-crc64ecma", String(digest.crc64))
        for field in more.fields { headers.add(field.name, field.value) }
        return headers
    }

    /// In bit per second, in the header or the query. Checked, not applied: on loopback nobody is to be protected.
    static func checkTrafficLimit(_ request: IncomingRequest) throws(OSSFailure) {
        let (header, query) = (request.headers["x-oss-traffic-limit"], request.parameter("x-oss-traffic-limit"))
        guard let text = header ?? query else { return }
        guard header == nil || query == nil, let limit = Int(digits: text), OSSLimits.trafficLimit.contains(limit) else {
            throw .invalidArgument(
                "The traffic limit must be 819200 to 838860800 bit/s and given once.", name: "x-oss-traffic-limit", value: text,
                ec: "0017-00000920")
        }
    }

    // MARK: Reading

    func getObject(_ context: OperationContext) throws -> Answer {
        let (object, reader) = try store.read(context.key, in: context.bucket)
        if let unchanged = try OSSService.precondition(context.request, object) { return unchanged }
        var headers = OSSService.described(object)
        headers.add("Accept-Ranges", "bytes")
        OSSService.override(&headers, context.request)
        let whole = 0..<object.size
        guard let text = context.request.headers["Range"] else {
            return Answer(status: 200, headers: headers, body: .content(reader, whole))
        }
        guard let range = OSSService.range(text, size: object.size) else {
            // Without the strict behaviour a range that makes no sense means everything.
            guard context.request.headers["x-oss-range-behavior"] != "standard" else {
                throw OSSFailure(
                    416, "InvalidRange", "The requested range cannot be satisfied.", ec: "0026-00000030",
                    ["ActualObjectSize": String(object.size), "RangeRequested": text], headers: ["Content-Range": "bytes */\(object.size)"])
            }
            return Answer(status: 200, headers: headers, body: .content(reader, whole))
        }
        headers.add("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(object.size)")
        return Answer(status: 206, headers: headers, body: .content(reader, range))
    }

    func headObject(_ context: OperationContext) throws -> Answer {
        let object = try store.object(context.key, in: context.bucket)
        if let unchanged = try OSSService.precondition(context.request, object) { return unchanged }
        var headers = OSSService.described(object)
        headers.add("Accept-Ranges", "bytes")
        headers.add("Content-Length", String(object.size))
        return Answer(status: 200, headers: headers)
    }

    func objectMeta(_ context: OperationContext) throws -> Answer {
        let object = try store.object(context.key, in: context.bucket)
        return Answer(
            status: 200,
            headers: [
                "Content-Length": String(object.size), "ETag": "\"\(object.etag)\"", "Last-Modified": object.modified.httpDate,
                "x-oss-hash-crc64ecma": String(object.crc64),
            ])
    }

    func objectProperty(_ operation: Operation, _ context: OperationContext) throws -> Answer {
        let object = try store.object(context.key, in: context.bucket)
        var writer = XMLWriter()
        if operation == .getObjectTagging {
            writer.element("Tagging") { root in
                root.element("TagSet") { set in
                    for tag in object.attributes.tags {
                        set.element("Tag") { element in
                            element.element("Key", tag.name)
                            element.element("Value", tag.value)
                        }
                    }
                }
            }
        } else {
            OSSService.writeACL(&writer, object.attributes.acl)
        }
        return .xml(writer)
    }

    func putObjectACL(_ context: OperationContext) throws -> Answer {
        guard let text = context.request.headers["x-oss-object-acl"] else {
            throw OSSFailure.invalidArgument("x-oss-object-acl is missing.", name: "x-oss-object-acl", value: nil)
        }
        let acl = try ObjectAttributes.checkACL(text)
        try store.change(context.key, in: context.bucket) { $0.acl = acl }
        return Answer(status: 200)
    }

    static func writeACL(_ writer: inout XMLWriter, _ grant: String) {
        writer.element("AccessControlPolicy") { root in
            writeOwner(&root)
            root.element("AccessControlList") { $0.element("Grant", grant) }
        }
    }

    static func writeOwner(_ writer: inout XMLWriter) {
        writer.element("Owner") { owner in
            owner.element("ID", SandboxSettings.account)
            owner.element("DisplayName", SandboxSettings.account)
        }
    }

    private static func described(_ object: StoredObject) -> HTTPHeaders {
        var headers = object.attributes.headers
        headers.add("ETag", "\"\(object.etag)\"")
        headers.add("Last-Modified", object.modified.httpDate)
        headers.add("x-oss-object-type", object.kind.rawValue)
        headers.add("x-oss-hash-crc64ecma", String(object.crc64))
        if let md5 = object.contentMD5 { headers.add("Content-MD5", md5) }
        if object.kind == .appendable { headers.add("x-oss-next-append-position", String(object.size)) }
        return headers
    }

    /// `response-content-type` and its like.
    private static func override(_ headers: inout HTTPHeaders, _ request: IncomingRequest) {
        for name in ["Content-Type", "Content-Language", "Expires", "Cache-Control", "Content-Disposition", "Content-Encoding"] {
            if let value = request.parameter("response-\(name.asciiLower)"), !value.isEmpty { headers[name] = value }
        }
    }

    /// 304 as an answer, 412 as a failure.
    private static func precondition(_ request: IncomingRequest, _ object: StoredObject) throws(OSSFailure) -> Answer? {
        let failed = OSSFailure(
            412, "PreconditionFailed", "At least one of the preconditions you specified did not hold.", ec: "0026-00000040")
        let headers = request.headers
        func names(_ text: String) -> Bool {
            text.split(separator: ",").contains { CompleteRequest.bare(String($0)) == object.etag || $0.filter { $0 != " " } == "*" }
        }
        if let text = headers["If-Match"], !names(text) { throw failed }
        if let time = headers["If-Unmodified-Since"].flatMap({ Timestamp(httpDate: $0) }), object.modified.seconds > time.seconds {
            throw failed
        }
        let unchanged = Answer(status: 304, headers: ["ETag": "\"\(object.etag)\"", "Last-Modified": object.modified.httpDate])
        if let text = headers["If-None-Match"] { return names(text) ? unchanged : nil }
        if let time = headers["If-Modified-Since"].flatMap({ Timestamp(httpDate: $0) }), object.modified.seconds <= time.seconds {
            return unchanged
        }
        return nil
    }

    /// `bytes=a-b`, `bytes=a-`, `bytes=-n`; `nil` where it cannot be satisfied.
    static func range(_ text: String, size: Int64) -> Range<Int64>? {
        guard text.hasPrefix("bytes="), let (low, high) = text.dropFirst(6).cut(at: "-") else { return nil }
        if low.isEmpty {
            guard let last = Int64(high), last > 0, size > 0 else { return nil }
            return max(0, size - last)..<size
        }
        guard let start = Int(digits: low).map(Int64.init), start < size else { return nil }
        guard !high.isEmpty else { return start..<size }
        guard let end = Int(digits: high).map(Int64.init), end >= start else { return nil }
        return start..<min(end, size - 1) + 1
    }
}
