import OSSProtocol

/// The six operations of multipart uploads.
extension OSSService {
    func initiate(_ context: OperationContext) throws -> Answer {
        let attributes = try ObjectAttributes(headers: context.request.headers)
        if context.request.headers["x-oss-forbid-overwrite"]?.asciiLower == "true",
            (try? store.object(context.key, in: context.bucket)) != nil
        {
            throw OSSFailure.fileAlreadyExists(ec: "0026-00000201")
        }
        let id = try store.initiate(context.key, in: context.bucket, attributes: attributes, now: clock.now)
        var writer = XMLWriter()
        writer.element("InitiateMultipartUploadResult") { root in
            if context.encodesNames { root.element("EncodingType", "url") }
            root.element("Bucket", context.bucket)
            root.element("Key", context.written(context.key.utf8))
            root.element("UploadId", id)
        }
        return .xml(writer, headers: attributes.encryptionHeaders)
    }

    func uploadPart(_ context: inout OperationContext) async throws -> Answer {
        let (uploadID, number) = try OSSService.partAddress(context.request)
        try OSSService.checkTrafficLimit(context.request)
        let attributes = try store.attributes(ofUpload: uploadID, of: context.key, in: context.bucket)
        let writer = store.partWriter(uploadID: uploadID, in: context.bucket)
        let digest = try await receive(&context, into: writer, needsFile: true)
        let part = StoredPart(number: number, digest: digest, modified: clock.now, serial: context.requestID)
        try store.putPart(part, uploadID: uploadID, of: context.key, in: context.bucket, body: writer)
        return Answer(status: 200, headers: OSSService.written(digest, attributes.encryptionHeaders))
    }

    static func partAddress(_ request: IncomingRequest) throws(OSSFailure) -> (uploadID: String, number: Int) {
        guard let text = request.parameter("partNumber"), !text.isEmpty else {
            throw .invalidArgument("partNumber is missing.", name: "partNumber", value: nil, ec: "0017-00000219")
        }
        guard let number = Int(digits: text), OSSLimits.partNumbers.contains(number) else {
            throw .invalidArgument(
                "Part number must be an integer between 1 and 10000, inclusive.", name: "partNumber", value: text, ec: "0017-00000220")
        }
        guard let uploadID = request.parameter("uploadId"), !uploadID.isEmpty else {
            throw .invalidArgument("uploadId is missing.", name: "uploadId", value: nil, ec: "0017-00000221")
        }
        return (uploadID, number)
    }

    func complete(_ context: inout OperationContext) async throws -> Answer {
        let headers = context.request.headers
        let uploadID = context.request.parameter("uploadId") ?? ""
        let callback = try Callback(context.request)
        // 10,000 parts need about 1 MB.
        let body = try await context.body.collect(upTo: 4 << 20)
        let wanted = try CompleteRequest(body: body, takesAll: headers["x-oss-complete-all"])
        let upload = try store.upload(uploadID, of: context.key, in: context.bucket)
        let parts = try wanted.choose(from: upload)
        var attributes = upload.attributes
        if let text = headers["x-oss-object-acl"] { attributes.acl = try ObjectAttributes.checkACL(text) }
        let etag = CompleteRequest.etag(of: parts)
        let crc64 = parts.reduce(UInt64(0)) { CRC64.combine($0, $1.crc64, lengthOfB: $1.size) }
        let object = try store.complete(
            upload, in: context.bucket, parts: parts, etag: etag, crc64: crc64, attributes: attributes, now: clock.now,
            forbidsOverwrite: headers["x-oss-forbid-overwrite"]?.asciiLower == "true")
        if let answer = try await called(callback, object, context) { return answer }

        var writer = XMLWriter()
        writer.element("CompleteMultipartUploadResult") { root in
            if context.encodesNames { root.element("EncodingType", "url") }
            root.element(
                "Location", location(context))
            root.element("Bucket", context.bucket)
            root.element("Key", context.written(context.key.utf8))
            root.element("ETag", "\"\(object.etag)\"")
        }
        var more = attributes.encryptionHeaders
        more.add("ETag", "\"\(object.etag)\"")
        more.add("x-oss-hash-crc64ecma", String(object.crc64))
        return .xml(writer, headers: more)
    }

    /// Where the real service would show the object.
    func location(_ context: OperationContext) -> String {
        let region = store.bucket(context.bucket).map { self.region(of: $0) } ?? settings.region
        return "http://\(context.bucket).oss-\(region).aliyuncs.com/\(PercentEncoding.encode(context.key.utf8))"
    }

    func abort(_ context: OperationContext) throws -> Answer {
        try store.abort(context.request.parameter("uploadId") ?? "", of: context.key, in: context.bucket)
        return Answer(status: 204)
    }

    func listParts(_ context: OperationContext) throws -> Answer {
        let upload = try store.upload(context.request.parameter("uploadId") ?? "", of: context.key, in: context.bucket)
        let marker = try context.number("part-number-marker", 0...10_000, default: 0)
        let limit = try context.number("max-parts", 1...1000, default: 1000)
        let rest = upload.parts.values.filter { $0.number > marker }.sorted { $0.number < $1.number }
        let page = rest.prefix(limit)
        var writer = XMLWriter()
        writer.element("ListPartsResult") { root in
            if context.encodesNames { root.element("EncodingType", "url") }
            root.element("Bucket", context.bucket)
            root.element("Key", context.written(context.key.utf8))
            root.element("UploadId", upload.id)
            root.element("StorageClass", upload.attributes.storageClass)
            root.element("PartNumberMarker", String(marker))
            root.element("NextPartNumberMarker", page.last.map { String($0.number) } ?? "")
            root.element("MaxParts", String(limit))
            root.element("IsTruncated", page.count < rest.count ? "true" : "false")
            for part in page {
                root.element("Part") { element in
                    element.element("PartNumber", String(part.number))
                    element.element("LastModified", part.modified.wholeSecond)
                    element.element("ETag", "\"\(part.etag)\"")
                    element.element("HashCrc64ecma", String(part.crc64))
                    element.element("Size", String(part.size))
                }
            }
        }
        return .xml(writer)
    }

    func listMultipartUploads(_ context: OperationContext) throws -> Answer {
        let request = context.request
        let limit = try context.number("max-uploads", 1...1000, default: 1000)
        let (prefix, delimiter) = (Array((request.parameter("prefix") ?? "").utf8), Array((request.parameter("delimiter") ?? "").utf8))
        let keyMarker = request.parameter("key-marker").flatMap { $0.isEmpty ? nil : ObjectKey($0) }
        let idMarker = keyMarker == nil ? nil : request.parameter("upload-id-marker").flatMap { $0.isEmpty ? nil : $0 }
        let uploads = try store.withBucket(context.bucket) { bucket throws(ObjectStore.Refusal) in Array(bucket.uploads.values) }
        let page = UploadPage(
            of: uploads, prefix: prefix, delimiter: delimiter, keyMarker: keyMarker, idMarker: idMarker, limit: limit)

        var writer = XMLWriter()
        writer.element("ListMultipartUploadsResult") { root in
            root.element("Bucket", context.bucket)
            if context.encodesNames { root.element("EncodingType", "url") }
            root.element("KeyMarker", context.written(keyMarker?.utf8 ?? []))
            root.element("UploadIdMarker", idMarker ?? "")
            root.element("NextKeyMarker", context.written(page.next?.key.utf8 ?? []))
            root.element("NextUploadIdMarker", page.next?.id ?? "")
            root.element("Delimiter", context.written(delimiter))
            root.element("Prefix", context.written(prefix))
            root.element("MaxUploads", String(limit))
            root.element("IsTruncated", page.next != nil ? "true" : "false")
            for upload in page.uploads {
                root.element("Upload") { element in
                    element.element("Key", context.written(upload.key.utf8))
                    element.element("UploadId", upload.id)
                    element.element("StorageClass", upload.attributes.storageClass)
                    element.element("Initiated", upload.initiated.wholeSecond)
                }
            }
            for prefix in page.prefixes { root.element("CommonPrefixes") { $0.element("Prefix", context.written(prefix.utf8)) } }
        }
        return .xml(writer)
    }
}
