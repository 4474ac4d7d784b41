import OSSProtocol
import Platform

/// Multipart uploads: parts lie where they were received until the object dies, so completing never copies a byte.
extension ObjectStore {
    func initiate(_ key: ObjectKey, in bucket: String, attributes: ObjectAttributes, now: Timestamp) throws(Refusal) -> String {
        let id = randomHex(16).uppercased()
        let folder = "\(folder(bucket))/uploads/\(id)"
        let record = UploadRecord(key: PercentEncoding.encode(key.utf8), initiated: now, attributes: attributes)
        guard hasBucket(bucket) else { throw .noSuchBucket }
        do throws(StoreError) {
            try StoreFiles.makeFolder(folder)
            // Beside and renamed: a torn one would make the folder an upload without a key.
            try StoreFiles.write("\(folder)/new", JSON.encode(record), syncs: syncs)
            try StoreFiles.rename("\(folder)/new", "\(folder)/upload.json")
            if syncs { StoreFiles.syncFolder(folder) }
        } catch {
            throw .disk(error)
        }
        try withBucket(bucket) { bucket throws(Refusal) in
            bucket.uploads[id] = OpenUpload(id: id, key: key, initiated: now, attributes: attributes)
        }
        return id
    }

    /// - Throws: `.noSuchUpload` also where the upload is another key's.
    func upload(_ id: String, of key: ObjectKey, in bucket: String) throws(Refusal) -> OpenUpload {
        try withBucket(bucket) { bucket throws(Refusal) in
            guard let upload = bucket.uploads[id], upload.key == key else { throw .noSuchUpload }
            return upload
        }
    }

    /// Without its parts.
    func attributes(ofUpload id: String, of key: ObjectKey, in bucket: String) throws(Refusal) -> ObjectAttributes {
        try withBucket(bucket) { bucket throws(Refusal) in
            guard let attributes = bucket.uploads[id]?.attributes, bucket.uploads[id]?.key == key else { throw .noSuchUpload }
            return attributes
        }
    }

    func partWriter(uploadID: String, in bucket: String) -> BodyWriter {
        BodyWriter(path: "\(folder(bucket))/uploads/\(uploadID)/new-\(randomHex(16))", inlineLimit: 0, usesMD5: usesMD5)
    }

    /// Stores a finished body as that part, replacing the one of the same number.
    func putPart(_ part: StoredPart, uploadID: String, of key: ObjectKey, in name: String, body: BodyWriter) throws(Refusal) {
        let folder = "\(folder(name))/uploads/\(uploadID)"
        try withBucket(name) { bucket throws(Refusal) in
            guard bucket.uploads[uploadID]?.key == key else { throw .noSuchUpload }
            do throws(StoreError) { try StoreFiles.rename(body.filePath, "\(folder)/\(part.file)") } catch { throw .disk(error) }
            body.keep()
            // Nothing else may hold the upload here, or each of 10,000 parts would copy all those before it.
            let old = bucket.uploads[uploadID]?.parts.updateValue(part, forKey: part.number)
            if let old { StoreFiles.remove("\(folder)/\(old.file)") }
        }
        if syncs { StoreFiles.syncFolder(folder) }
    }

    /// Makes the object of those parts, in that order; the other parts go. What was under the key is replaced.
    ///
    /// The new object's file is the one thing that decides: before its rename there is an open upload, after it an object.
    func complete(
        _ upload: OpenUpload, in name: String, parts: [StoredPart], etag: String, crc64: UInt64, attributes: ObjectAttributes,
        now: Timestamp,
        forbidsOverwrite: Bool
    ) throws(Refusal) -> StoredObject {
        let folder = "\(folder(name))/uploads/\(upload.id)"
        let pieces = parts.map { StoredContent.Piece(path: "\(folder)/\($0.file)", offset: 0, length: $0.size) }
        let object = StoredObject(
            key: upload.key, kind: .multipart, etag: etag, crc64: crc64, contentMD5: nil, modified: now, attributes: attributes,
            content: StoredContent(pieces), isInline: false, uploadID: upload.id)
        var record = record(object, size: object.size)
        record.parts = parts.map { ObjectRecord.PartName(file: $0.file, size: $0.size) }
        try commit(object, in: name, file: objectFile(upload.key, name), bytes: JSON.encode(record) + [UInt8(ascii: "\n")]) {
            bucket throws(Refusal) in
            guard let now = bucket.uploads[upload.id] else { throw .noSuchUpload }
            guard parts.allSatisfy({ now.parts[$0.number] == $0 }) else { throw .partsChanged }
            if forbidsOverwrite, bucket.objects[upload.key] != nil { throw .exists }
            bucket.uploads[upload.id] = nil
        }
        StoreFiles.remove("\(folder)/upload.json")
        let kept = Set(parts.map(\.file))
        for part in upload.parts.values where !kept.contains(part.file) { StoreFiles.remove("\(folder)/\(part.file)") }
        return object
    }

    func abort(_ id: String, of key: ObjectKey, in name: String) throws(Refusal) {
        try withBucket(name) { bucket throws(Refusal) in
            guard let upload = bucket.uploads[id], upload.key == key else { throw .noSuchUpload }
            bucket.uploads[id] = nil
        }
        StoreFiles.removeFolder("\(folder(name))/uploads/\(id)")
    }
}
