import OSSProtocol

/// CopyObject, UploadPartCopy and AppendObject.
extension OSSService {
    /// What is to be copied.
    struct CopySource {
        var object: StoredObject
        var reader: ContentReader
    }

    func copyObject(_ context: OperationContext) throws -> Answer {
        let headers = context.request.headers
        let source = try copySource(headers)
        try OSSService.checkCopyConditions(headers, source.object)
        guard source.object.size <= OSSLimits.largestPart else {
            throw OSSFailure(
                400, "EntityTooLarge", "The source is too large to be copied at once.", ec: "0042-00000207",
                ["MaxSizeAllowed": String(OSSLimits.largestPart), "ProposedSize": String(source.object.size)])
        }
        let replaces = try OSSService.directive(headers, "x-oss-metadata-directive")
        var attributes = try ObjectAttributes(headers: headers)
        let asked = attributes
        if !replaces {
            attributes = source.object.attributes
            // An ACL, a class or an encryption is the target's own matter.
            (attributes.acl, attributes.encryption) = (asked.acl, asked.encryption)
            (attributes.dataEncryption, attributes.encryptionKeyID) = (asked.dataEncryption, asked.encryptionKeyID)
            if headers["x-oss-storage-class"] != nil { attributes.storageClass = asked.storageClass }
        }
        attributes.tags = try OSSService.directive(headers, "x-oss-tagging-directive") ? asked.tags : source.object.attributes.tags

        let writer = store.writer(in: context.bucket)
        let digest = try OSSService.copy(source, 0..<source.object.size, into: writer, needsFile: false, syncs: store.syncs)
        let object = try store.put(
            context.key, in: context.bucket, body: writer, digest: digest, attributes: attributes, now: clock.now,
            forbidsOverwrite: headers["x-oss-forbid-overwrite"]?.asciiLower == "true")
        return OSSService.copied("CopyObjectResult", etag: object.etag, object.modified, crc64: object.crc64, attributes.encryptionHeaders)
    }

    func uploadPartCopy(_ context: OperationContext) throws -> Answer {
        let (uploadID, number) = try OSSService.partAddress(context.request)
        let headers = context.request.headers
        let attributes = try store.attributes(ofUpload: uploadID, of: context.key, in: context.bucket)
        let source = try copySource(headers)
        try OSSService.checkCopyConditions(headers, source.object)
        var range = 0..<source.object.size
        if let text = headers["x-oss-copy-source-range"] {
            guard let wanted = OSSService.range(text, size: source.object.size) else {
                throw OSSFailure.invalidArgument("The range cannot be copied.", name: "x-oss-copy-source-range", value: text)
            }
            range = wanted
        }
        let writer = store.partWriter(uploadID: uploadID, in: context.bucket)
        let digest = try OSSService.copy(source, range, into: writer, needsFile: true, syncs: store.syncs)
        let part = StoredPart(number: number, digest: digest, modified: clock.now, serial: context.requestID)
        try store.putPart(part, uploadID: uploadID, of: context.key, in: context.bucket, body: writer)
        return OSSService.copied("CopyPartResult", etag: part.etag, part.modified, crc64: part.crc64, attributes.encryptionHeaders)
    }

    private static func copied(_ root: String, etag: String, _ time: Timestamp, crc64: UInt64, _ more: HTTPHeaders) -> Answer {
        var writer = XMLWriter()
        writer.element(root) { element in
            element.element("LastModified", time.wholeSecond)
            element.element("ETag", "\"\(etag)\"")
        }
        var headers = more
        headers.add("ETag", "\"\(etag)\"")
        headers.add("x-oss-hash-crc64ecma", String(crc64))
        return .xml(writer, headers: headers)
    }

    /// `/BUCKET/enc(KEY)`, a version being no matter here.
    private func copySource(_ headers: HTTPHeaders) throws -> CopySource {
        let text = headers["x-oss-copy-source"] ?? ""
        let wrong = OSSFailure.invalidArgument(
            "Copy Source must mention the source bucket and key: /sourcebucket/sourcekey.", name: "x-oss-copy-source", value: text)
        let path = text.cut(at: "?")?.before ?? text
        guard path.hasPrefix("/"), let (bucket, name) = path.dropFirst().cut(at: "/"), let bytes = PercentEncoding.decode(name),
            !bytes.isEmpty
        else { throw wrong }
        let key = ObjectKey(utf8: bytes)
        do throws(ObjectStore.Refusal) {
            let (object, reader) = try store.read(key, in: bucket)
            return CopySource(object: object, reader: reader)
        } catch {
            switch error {
            case .noSuchBucket: throw OSSFailure.noSuchBucket(bucket)
            case .noSuchKey: throw OSSFailure.noSuchKey(key)
            default: throw error
            }
        }
    }

    /// Whether it says REPLACE.
    private static func directive(_ headers: HTTPHeaders, _ name: String) throws(OSSFailure) -> Bool {
        switch headers[name]?.asciiLower {
        case nil, "copy": return false
        case "replace": return true
        default: throw .invalidArgument("\(name) must be COPY or REPLACE.", name: name, value: headers[name])
        }
    }

    private static func checkCopyConditions(_ headers: HTTPHeaders, _ object: StoredObject) throws(OSSFailure) {
        func named(_ text: String) -> Bool {
            text.split(separator: ",").contains { CompleteRequest.bare(String($0)) == object.etag || $0.filter { $0 != " " } == "*" }
        }
        func time(_ name: String) -> Timestamp? { headers[name].flatMap { Timestamp(httpDate: $0) } }
        var holds = true
        if let text = headers["x-oss-copy-source-if-match"] { holds = holds && named(text) }
        if let moment = time("x-oss-copy-source-if-unmodified-since") { holds = holds && object.modified.seconds <= moment.seconds }
        guard holds else {
            throw OSSFailure(
                412, "PreconditionFailed", "At least one of the preconditions you specified did not hold.", ec: "0026-00000040")
        }
        var changed = true
        if let text = headers["x-oss-copy-source-if-none-match"] { changed = changed && !named(text) }
        if let moment = time("x-oss-copy-source-if-modified-since") { changed = changed && object.modified.seconds > moment.seconds }
        guard changed else { throw OSSFailure(304, "NotModified", "The source was not modified.", ec: "0026-00000041") }
    }

    private static func copy(_ source: CopySource, _ range: Range<Int64>, into writer: BodyWriter, needsFile: Bool, syncs: Bool) throws
        -> BodyDigest
    {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let bytes = try source.reader.read(at: offset, end: range.upperBound)
            try writer.append(bytes)
            offset += Int64(bytes.count)
        }
        return try writer.finish(needsFile: needsFile, syncs: syncs)
    }

    // MARK: Append

    func appendObject(_ context: inout OperationContext) async throws -> Answer {
        let headers = context.request.headers
        guard let text = context.request.parameter("position"), let position = Int(digits: text).map(Int64.init) else {
            throw OSSFailure.invalidArgument(
                "position must be the object's present length.", name: "position", value: context.request.parameter("position"))
        }
        let attributes = try ObjectAttributes(headers: headers)
        try OSSService.checkTrafficLimit(context.request)
        let present = try store.appendPosition(context.key, in: context.bucket)
        guard present == position else { throw ObjectStore.Refusal.wrongPosition(present) }
        let writer = store.appendWriter(in: context.bucket)
        let digest = try await receive(&context, into: writer, needsFile: true)
        guard position + digest.length <= OSSLimits.largestPart else {
            throw OSSFailure(400, "EntityTooLarge", "The object would exceed 5 GiB.", ec: "0042-00000207")
        }
        let object = try store.append(
            context.key, in: context.bucket, at: position, body: writer, digest: digest, attributes: attributes, now: clock.now)
        return Answer(
            status: 200,
            headers: [
                "ETag": "\"\(object.etag)\"", "x-oss-hash-crc64ecma": String(object.crc64),
                "x-oss-next-append-position": String(object.size),
            ])
    }
}
