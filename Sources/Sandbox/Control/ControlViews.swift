import OSSProtocol

/// What the sandbox holds, for people and tests.
extension ControlService {
    private struct ObjectView: Encodable {
        var bucket, key, etag, crc64, type, modified: String
        var size: Int64
        var sha256: String?
        var contentType: String?
        var storageClass, acl: String
        var tags, meta: [String: String]

        enum CodingKeys: String, CodingKey {
            case bucket, key, etag, crc64, type, modified, size, sha256, acl, tags, meta
            case contentType = "content_type"
            case storageClass = "storage_class"
        }
    }

    func objects(_ request: IncomingRequest) throws(Failure) -> Answer {
        let prefix = Array((request.parameter("prefix") ?? "").utf8)
        let wantsDigest = request.parameter("sha256") != "false"
        var views: [ObjectView] = []
        for (bucket, object) in store.allObjects() where object.key.utf8.starts(with: prefix) {
            // An object may be replaced or deleted while the list is made: then it has no digest.
            let digest = wantsDigest ? (try? store.read(object.key, in: bucket)).flatMap { try? $0.1.sha256() } : nil
            views.append(
                ObjectView(
                    bucket: bucket, key: object.key.description, etag: object.etag, crc64: String(object.crc64), type: object.kind.rawValue,
                    modified: object.modified.iso8601Milliseconds, size: object.size, sha256: digest.map { Hex.encode($0) },
                    contentType: object.attributes.contentType, storageClass: object.attributes.storageClass, acl: object.attributes.acl,
                    tags: Dictionary(object.attributes.tags.map { ($0.name, $0.value) }) { first, _ in first }, meta: object.attributes.meta
                ))
        }
        return .json(["objects": views])
    }

    struct UploadView: Encodable {
        struct Part: Encodable {
            var number: Int
            var size: Int64
            var etag, crc64: String
        }
        var bucket, key, id, initiated: String
        var bytes: Int64
        var parts: [Part]

        enum CodingKeys: String, CodingKey {
            case bucket, key, initiated, bytes, parts
            case id = "upload_id"
        }

        init(_ bucket: String, _ upload: OpenUpload) {
            (self.bucket, key, id, initiated) = (bucket, upload.key.description, upload.id, upload.initiated.iso8601Milliseconds)
            parts = upload.parts.values.sorted { $0.number < $1.number }.map {
                Part(number: $0.number, size: $0.size, etag: $0.etag, crc64: String($0.crc64))
            }
            bytes = parts.reduce(0) { $0 + $1.size }
        }
    }
}
