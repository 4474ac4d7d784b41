import OSSProtocol
import Platform

/// Changes to an object that is there: more bytes at its end, other attributes.
extension ObjectStore {
    /// A body that is to be appended: it always gets a file of its own.
    func appendWriter(in bucket: String) -> BodyWriter {
        BodyWriter(path: "\(folder(bucket))/content/\(randomHex(16))", inlineLimit: 0, usesMD5: usesMD5)
    }

    /// Where the next bytes would go; 0 where there is no object.
    func appendPosition(_ key: ObjectKey, in bucket: String) throws(Refusal) -> Int64 {
        try withBucket(bucket) { bucket throws(Refusal) in
            guard let object = bucket.objects[key] else { return 0 }
            guard object.kind == .appendable else { throw .notAppendable }
            return object.size
        }
    }

    /// Puts a finished body behind what is there. As with a put, the rename of the object's file decides: a kill leaves the old
    /// length or the new one.
    ///
    /// - Parameter attributes: of a new object; one that is there keeps its own.
    func append(
        _ key: ObjectKey, in bucket: String, at position: Int64, body: BodyWriter, digest: BodyDigest, attributes: ObjectAttributes,
        now: Timestamp
    ) throws(Refusal) -> StoredObject {
        let old = try? object(key, in: bucket)
        guard try appendPosition(key, in: bucket) == position else { throw .wrongPosition(old?.size ?? 0) }
        let before = old?.content ?? StoredContent([])
        let piece = StoredContent.Piece(path: body.filePath, offset: 0, length: digest.length)
        let object = StoredObject(
            key: key, kind: .appendable, etag: old.map { ObjectStore.etag($0.etag, digest) } ?? digest.etag,
            crc64: CRC64.combine(old?.crc64 ?? 0, digest.crc64, lengthOfB: digest.length), contentMD5: nil, modified: now,
            attributes: old?.attributes ?? attributes,
            content: StoredContent(before.pieces + [piece], files: before.files + [SharedFile(path: body.filePath)]), isInline: false,
            uploadID: nil)
        var record = record(object, size: object.size)
        record.parts = object.content.pieces.map { ObjectRecord.PartName(file: ObjectStore.name(of: $0.path), size: $0.length) }
        try commit(object, in: bucket, file: objectFile(key, bucket), bytes: JSON.encode(record) + [UInt8(ascii: "\n")], keepsContent: true)
        { bucket throws(Refusal) in
            // Somebody else may have been quicker.
            let found = bucket.objects[key]
            guard found?.content === old?.content else {
                if let found, found.kind != .appendable { throw .notAppendable }
                throw .wrongPosition(found?.size ?? 0)
            }
        }
        body.keep()
        return object
    }

    /// Opaque to clients: follows from what was there and what came.
    private static func etag(_ old: String, _ digest: BodyDigest) -> String {
        Hex.encode(Digests.md5((Hex.decode(old) ?? []) + digest.md5)).uppercased()
    }

    private static func name(of path: String) -> String {
        String(decoding: path.utf8.split(separator: UInt8(ascii: "/")).last ?? [], as: UTF8.self)
    }

    /// Gives an object other attributes; its bytes and its time stay.
    func change(_ key: ObjectKey, in name: String, _ body: (inout ObjectAttributes) -> Void) throws(Refusal) {
        var (object, reader) = try read(key, in: name)
        let old = object.content
        body(&object.attributes)
        var record = record(object, size: object.size)
        var bytes: [UInt8] = []
        if object.isInline {
            do throws(StoreError) {
                while bytes.count < object.size { bytes += try reader.read(at: Int64(bytes.count), end: object.size) }
            } catch {
                throw .disk(error)
            }
        } else if object.kind == .normal {
            record.content = object.content.pieces.first.map { ObjectStore.name(of: $0.path) }
        } else {
            record.parts = object.content.pieces.map { ObjectRecord.PartName(file: ObjectStore.name(of: $0.path), size: $0.length) }
        }
        let head = JSON.encode(record) + [UInt8(ascii: "\n")]
        let file = objectFile(key, name)
        if object.isInline {
            object.content = StoredContent([StoredContent.Piece(path: file, offset: Int64(head.count), length: Int64(bytes.count))])
        }
        try commit(object, in: name, file: file, bytes: head + bytes, keepsContent: true) { bucket throws(Refusal) in
            // Replaced meanwhile: the new one was never meant.
            guard bucket.objects[key]?.content === old else { throw .noSuchKey }
        }
    }
}

extension StoredContent {
    /// What an appendable object's record names.
    convenience init(appended parts: [ObjectRecord.PartName], in folder: String) {
        self.init(
            parts.map { Piece(path: "\(folder)/\($0.file)", offset: 0, length: $0.size) },
            files: parts.map { SharedFile(path: "\(folder)/\($0.file)") })
    }
}
