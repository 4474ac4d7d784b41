import OSSProtocol

/// Buckets and the listings of objects.
extension OSSService {
    func listBuckets(_ context: OperationContext) -> Answer {
        let prefix = context.request.parameter("prefix") ?? ""
        let marker = context.request.parameter("marker") ?? ""
        let limit = (try? context.number("max-keys", 1...1000, default: 100)) ?? 100
        let all = store.bucketNames.filter { $0.hasPrefix(prefix) && (marker.isEmpty || marker < $0) }
        let page = all.prefix(limit)
        var writer = XMLWriter()
        writer.element("ListAllMyBucketsResult") { root in
            if page.count < all.count {
                root.element("Prefix", prefix)
                root.element("Marker", marker)
                root.element("MaxKeys", String(limit))
                root.element("IsTruncated", "true")
                root.element("NextMarker", page.last ?? "")
            }
            OSSService.writeOwner(&root)
            root.element("Buckets") { list in
                for name in page {
                    guard let record = store.bucket(name) else { continue }
                    list.element("Bucket") { bucket in
                        writeBucket(&bucket, name, record)
                        bucket.element("Region", region(of: record))
                    }
                }
            }
        }
        return .xml(writer)
    }

    private func writeBucket(_ writer: inout XMLWriter, _ name: String, _ record: BucketRecord) {
        writer.element("CreationDate", record.created.wholeSecond)
        let region = self.region(of: record)
        writer.element("ExtranetEndpoint", "oss-\(region).aliyuncs.com")
        writer.element("IntranetEndpoint", "oss-\(region)-internal.aliyuncs.com")
        writer.element("Location", "oss-\(region)")
        writer.element("Name", name)
        writer.element("StorageClass", record.storageClass)
    }

    func putBucket(_ context: inout OperationContext) async throws -> Answer {
        let body = try await context.body.collect(upTo: 64 << 10)
        let served = context.address.region.name(own: settings.region)
        var record =
            store.bucket(context.bucket) ?? BucketRecord(created: clock.now, region: served == settings.region ? nil : served)
        guard served.map({ $0 == region(of: record) }) ?? true else {
            throw OSSFailure(
                409, "BucketAlreadyExists", "The requested bucket name is not available: it exists in another region.", ec: "0015-00000104",
                ["BucketName": context.bucket])
        }
        if let acl = context.request.headers["x-oss-acl"] { record.acl = try OSSService.checkBucketACL(acl) }
        if !body.isEmpty {
            guard let root = try? XMLReader.parse(body), root.name == "CreateBucketConfiguration" else {
                throw OSSFailure(400, "MalformedXML", "The XML you provided was not well-formed.", ec: "0042-00000205")
            }
            record.storageClass = root["StorageClass"] ?? record.storageClass
        }
        try store.makeBucket(context.bucket, record)
        return Answer(status: 200, headers: ["Location": "/\(context.bucket)"])
    }

    private static func checkBucketACL(_ text: String?) throws(OSSFailure) -> String {
        guard let text, ["private", "public-read", "public-read-write"].contains(text) else {
            throw .invalidArgument("no such bucket access control exists", name: "x-oss-acl", value: text)
        }
        return text
    }

    func putBucketACL(_ context: OperationContext) throws -> Answer {
        guard var record = store.bucket(context.bucket) else { throw OSSFailure.noSuchBucket(context.bucket) }
        record.acl = try OSSService.checkBucketACL(context.request.headers["x-oss-acl"])
        try store.makeBucket(context.bucket, record)
        return Answer(status: 200)
    }

    func deleteBucket(_ context: OperationContext) throws -> Answer {
        try store.removeBucket(context.bucket)
        return Answer(status: 204)
    }

    func bucketInfo(_ operation: Operation, _ context: OperationContext) throws -> Answer {
        guard let record = store.bucket(context.bucket) else { throw OSSFailure.noSuchBucket(context.bucket) }
        var writer = XMLWriter()
        switch operation {
        case .getBucketLocation: writer.element("LocationConstraint", "oss-\(region(of: record))")
        case .getBucketACL: OSSService.writeACL(&writer, record.acl)
        case .getBucketStat: try writeStat(&writer, context.bucket)
        default:
            writer.element("BucketInfo") { root in
                root.element("Bucket") { bucket in
                    writeBucket(&bucket, context.bucket, record)
                    bucket.element("DataRedundancyType", "LRS")
                    OSSService.writeOwner(&bucket)
                    bucket.element("AccessControlList") { $0.element("Grant", record.acl) }
                    bucket.element("TransferAcceleration", "Disabled")
                    bucket.element("CrossRegionReplication", "Disabled")
                    bucket.element("AccessMonitor", "Disabled")
                    bucket.element("BlockPublicAccess", "false")
                    bucket.element("ServerSideEncryptionRule") { $0.element("SSEAlgorithm", "None") }
                    bucket.element("BucketPolicy") { policy in
                        policy.element("LogBucket", "")
                        policy.element("LogPrefix", "")
                    }
                    bucket.element("Comment", "")
                }
            }
        }
        return .xml(writer)
    }

    private func writeStat(_ writer: inout XMLWriter, _ bucket: String) throws(ObjectStore.Refusal) {
        let totals = try store.totals(of: bucket)
        writer.element("BucketStat") { stat in
            for (name, number) in [
                ("Storage", totals.bytes), ("ObjectCount", Int64(totals.objects)), ("MultipartUploadCount", Int64(totals.uploads)),
                ("MultipartPartCount", Int64(totals.parts)), ("LiveChannelCount", 0), ("LastModifiedTime", clock.now.seconds),
                ("StandardStorage", totals.bytes), ("StandardObjectCount", Int64(totals.objects)),
            ] { stat.element(name, String(number)) }
        }
    }

    func listObjects(_ context: OperationContext, version2: Bool) throws -> Answer {
        let request = context.request
        let limit = try context.number("max-keys", 1...1000, default: 100)
        let (prefix, delimiter) = (Array((request.parameter("prefix") ?? "").utf8), Array((request.parameter("delimiter") ?? "").utf8))
        let start = request.parameter(version2 ? "start-after" : "marker") ?? ""
        var after = start.isEmpty ? nil : ObjectKey(start)
        let token = version2 ? request.parameter("continuation-token").flatMap { $0.isEmpty ? nil : $0 } : nil
        if let token {
            guard let bytes = Base64.decode(token, urlSafe: true), !bytes.isEmpty else {
                throw OSSFailure.invalidArgument("The continuation token is not valid.", name: "continuation-token", value: token)
            }
            after = ObjectKey(utf8: bytes)
        }
        let (page, objects) = try store.page(in: context.bucket, prefix: prefix, delimiter: delimiter, after: after, limit: limit)

        var writer = XMLWriter()
        writer.element("ListBucketResult") { root in
            root.element("Name", context.bucket)
            root.element("Prefix", context.written(prefix))
            if version2 {
                if !start.isEmpty { root.element("StartAfter", context.written(Array(start.utf8))) }
                if let token { root.element("ContinuationToken", token) }
            } else {
                root.element("Marker", context.written(Array(start.utf8)))
            }
            root.element("MaxKeys", String(limit))
            root.element("Delimiter", context.written(delimiter))
            if context.encodesNames { root.element("EncodingType", "url") }
            root.element("IsTruncated", page.next == nil ? "false" : "true")
            if version2 { root.element("KeyCount", String(page.entries.count)) }
            if let next = page.next {
                if version2 {
                    root.element("NextContinuationToken", OSSService.token(next))
                } else {
                    root.element("NextMarker", context.written(next.utf8))
                }
            }
            let showsOwner = !version2 || request.parameter("fetch-owner") == "true"
            for entry in page.entries { write(entry, objects, showsOwner: showsOwner, context, &root) }
        }
        return .xml(writer)
    }

    /// URL-safe Base64 without padding.
    private static func token(_ key: ObjectKey) -> String {
        String(
            decoding: Base64.encode(key.utf8).utf8.compactMap { byte in
                switch byte {
                case UInt8(ascii: "+"): UInt8(ascii: "-")
                case UInt8(ascii: "/"): UInt8(ascii: "_")
                case UInt8(ascii: "="): nil
                default: byte
                }
            }, as: UTF8.self)
    }

    private func write(
        _ entry: KeyPage.Entry, _ objects: [ObjectKey: StoredObject], showsOwner: Bool, _ context: OperationContext,
        _ writer: inout XMLWriter
    ) {
        switch entry {
        case .prefix(let prefix): writer.element("CommonPrefixes") { $0.element("Prefix", context.written(prefix.utf8)) }
        case .key(let key):
            guard let object = objects[key] else { return }
            writer.element("Contents") { element in
                element.element("Key", context.written(key.utf8))
                element.element("LastModified", object.modified.wholeSecond)
                element.element("ETag", "\"\(object.etag)\"")
                element.element("Type", object.kind.rawValue)
                element.element("Size", String(object.size))
                element.element("StorageClass", object.attributes.storageClass)
                if showsOwner { OSSService.writeOwner(&element) }
            }
        }
    }
}
