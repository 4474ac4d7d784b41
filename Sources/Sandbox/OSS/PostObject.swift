import OSSProtocol

/// PostObject: an upload by a form, as browsers send it.
///
/// Source: fact sheet of the protocol, 8.2. The file must be the last field; fields behind it count for nothing.
extension OSSService {
    private static let longestField = 2 << 20
    /// All fields before the file together, and how many there may be.
    private static let longestFields = 4 << 20
    private static let mostFields = 1000

    func postObject(_ context: inout OperationContext) async throws -> Answer {
        guard let boundary = FormParser.boundary(context.request.headers["Content-Type"]) else {
            throw OSSFailure(
                400, "RequestIsNotMultiPartContent", "Bucket POST must be of the enclosure-type multipart/form-data.", ec: "0002-00000710")
        }
        var parser = FormParser(boundary: boundary)
        let (form, file) = try await OSSService.readFields(&parser, &context)
        let (identity, policy) = try authentication.identify(form, rules(context.address), now: clock.now)
        context.identity = identity
        guard let name = form["key"], !name.isEmpty else {
            throw OSSFailure.invalidArgument("The form has no field key.", name: "key", value: nil, ec: "0002-00000701")
        }
        let key = ObjectKey(OSSService.filled(name, fileName: file.fileName))
        context.address.key = key
        try OSSService.check(key: key)
        var texts = form.texts
        texts["key"] = key.description
        // All but the size is known before the file is read.
        try check(policy, texts, context.bucket, size: nil)
        try authorize(form, context)

        var headers = form.headers
        headers["Content-Type"] = form["Content-Type"] ?? form["x-oss-content-type"] ?? file.contentType
        let attributes = try ObjectAttributes(headers: headers)
        let callback = try form["callback"].map { text throws(OSSFailure) in try Callback(text, variables: form.variables) }
        let forbids = headers["x-oss-forbid-overwrite"]?.asciiLower == "true"
        if forbids, (try? store.object(key, in: context.bucket)) != nil { throw OSSFailure.fileAlreadyExists(ec: "0026-00000002") }

        let writer = store.writer(in: context.bucket)
        let (bucket, longest) = (context.bucket, policy?.longestFile ?? .max)
        try await readFile(&parser, &context, into: writer) { length throws(OSSFailure) in
            if length > longest { try check(policy, texts, bucket, size: length) }
        }
        let digest = try writer.finish(needsFile: false, syncs: store.syncs)
        try check(policy, texts, context.bucket, size: digest.length)
        try OSSService.verify(digest, headers)
        let object = try store.put(
            key, in: context.bucket, body: writer, digest: digest, attributes: attributes, now: clock.now, forbidsOverwrite: forbids)
        return try await called(callback, object, context) ?? answer(form, object, digest, context)
    }

    // MARK: Reading

    private static func next(_ parser: inout FormParser, _ context: inout OperationContext) async throws -> FormParser.Event {
        do {
            while true {
                if let event = try parser.next() { return event }
                guard let piece = try await context.body.next() else { throw FormError.malformed("it ends before its last boundary") }
                parser.feed(piece.readableBytesView)
            }
        } catch FormError.malformed(let why) {
            throw OSSFailure(
                400, "MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data: \(why).",
                ec: "0002-00000711")
        } catch FormError.headTooLong {
            throw tooLong(name: "")
        }
    }

    private static func tooLong(name: String) -> OSSFailure {
        OSSFailure(
            400, "FieldItemTooLong", "Your form field item is too long.", ec: "0002-00000712",
            ["MaxSizeAllowed": String(longestField), "FieldName": String(name.prefix(64))])
    }

    private static let wrongFiles = OSSFailure(
        400, "IncorrectNumberOfFilesInPOSTRequest", "POST requires exactly one file upload per request.", ec: "0002-00000714")

    /// All fields up to the file, whose own bytes are not read yet.
    private static func readFields(_ parser: inout FormParser, _ context: inout OperationContext) async throws -> (UploadForm, FormPart) {
        var form = UploadForm()
        var bytes = 0
        while true {
            guard case .part(let part) = try await next(&parser, &context) else { throw wrongFiles }
            if part.name.asciiLower == "file" { return (form, part) }
            var value: [UInt8] = []
            while case .data(let piece) = try await next(&parser, &context) {
                guard value.count + piece.count <= longestField else { throw tooLong(name: part.name) }
                value += piece
            }
            bytes += part.name.utf8.count + value.count
            guard bytes <= longestFields, form.fields.count < mostFields else {
                throw OSSFailure(
                    400, "MaxPOSTPreDataLengthExceededError", "Your POST request fields preceding the upload file were too large.",
                    ec: "0002-00000713")
            }
            form.add(part.name, String(decoding: value, as: UTF8.self))
        }
    }

    /// The file, then whatever is left of the form.
    ///
    /// - Parameter check: asked with the bytes so far, so that a file too large is not read to its end.
    private func readFile(
        _ parser: inout FormParser, _ context: inout OperationContext, into writer: BodyWriter,
        check: (Int64) throws(OSSFailure) -> Void
    ) async throws {
        while case .data(let piece) = try await OSSService.next(&parser, &context) {
            try writer.append(piece)
            guard writer.length <= OSSLimits.largestPart else {
                throw OSSFailure(
                    400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.", ec: "0042-00000207")
            }
            try check(writer.length)
        }
        while true {
            switch try await OSSService.next(&parser, &context) {
            case .end: return try await context.body.drain()
            case .part(let part) where part.name.asciiLower == "file": throw OSSService.wrongFiles
            case .part, .data, .partEnd: continue
            }
        }
    }

    /// A browser may send a path; only the name counts.
    private static func filled(_ key: String, fileName: String?) -> String {
        let name = (fileName ?? "").split { $0 == "/" || $0 == "\\" }.last.map { String($0) } ?? ""
        return key.split(separator: "${filename}", omittingEmptySubsequences: false).joined(separator: name)
    }

    // MARK: Checking

    private func check(_ policy: PostPolicy?, _ texts: [String: String], _ bucket: String, size: Int64?) throws(OSSFailure) {
        guard var policy else { return }
        if size == nil { policy.conditions.removeAll { if case .contentLength = $0 { true } else { false } } }
        do throws(PostPolicyError) {
            try policy.check(form: texts, bucket: bucket, fileSize: size ?? 0, now: clock.now)
        } catch {
            throw OSSFailure(policy: error)
        }
    }

    private func authorize(_ form: UploadForm, _ context: OperationContext) throws(OSSFailure) {
        guard context.identity.accessKeyID != nil else { return try authorize(.postObject, context, clock.now) }
        try context.identity.authorize(
            RequiredPermission.of(
                method: "POST", resource: context.address.resource, query: [], headers: form.headers, account: SandboxSettings.account),
            context.request, now: clock.now)
    }

    // MARK: Answering

    private func answer(_ form: UploadForm, _ object: StoredObject, _ digest: BodyDigest, _ context: OperationContext) -> Answer {
        var headers = OSSService.written(digest, object.attributes.encryptionHeaders)
        if let url = form["success_action_redirect"], url.hasPrefix("http://") || url.hasPrefix("https://"),
            url.utf8.allSatisfy({ $0 > 32 && $0 != 127 })
        {
            let items = [
                QueryItem("bucket", context.bucket), QueryItem("key", object.key.description), QueryItem("etag", "\"\(object.etag)\""),
            ]
            headers.add("Location", "\(url)\(url.contains("?") ? "&" : "?")\(QueryItem.join(items) ?? "")")
            return Answer(status: 303, headers: headers)
        }
        switch form["success_action_status"] {
        case "200": return Answer(status: 200, headers: headers)
        case "201":
            var writer = XMLWriter()
            writer.element("PostResponse") { root in
                root.element("Bucket", context.bucket)
                root.element("Location", location(context))
                root.element("Key", object.key.description)
                root.element("ETag", object.etag)
            }
            var answer = Answer.xml(writer, headers: headers)
            answer.status = 201
            return answer
        default: return Answer(status: 204, headers: headers)
        }
    }
}

extension PostPolicy {
    /// What the file may have at most, where that is said.
    fileprivate var longestFile: Int64? {
        conditions.compactMap { if case .contentLength(let range) = $0 { range.upperBound } else { nil } }.min()
    }
}
