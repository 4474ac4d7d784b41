import OSSProtocol

/// Reads one bucket's folder at the start and tidies what a kill left behind.
struct StoreLoader {
    let folder: String

    /// A record of 10,000 parts has about 800 KB.
    private static let longestRecord = 4 << 20

    func load() throws(StoreError) -> ObjectStore.Bucket {
        let bytes = try? StoreFiles.read("\(folder)/bucket.json", limit: 65_536)
        let record = bytes.flatMap { try? JSON.decode(BucketRecord.self, $0) } ?? BucketRecord(created: Timestamp(seconds: 0))
        for part in ["objects", "content", "uploads"] { try StoreFiles.makeFolder("\(folder)/\(part)") }
        var bucket = ObjectStore.Bucket(record: record)
        var (contents, completed): (Set<String>, Set<String>) = ([], [])
        for shard in try StoreFiles.list("\(folder)/objects") {
            for file in try StoreFiles.list("\(folder)/objects/\(shard)") {
                guard let (object, content) = try object("\(folder)/objects/\(shard)/\(file)") else { continue }
                contents.formUnion(content)
                if let uploadID = object.uploadID { completed.insert(uploadID) }
                bucket.objects[object.key] = object
            }
        }
        for file in try StoreFiles.list("\(folder)/content") where !contents.contains(file) {
            StoreFiles.remove("\(folder)/content/\(file)")
        }
        for id in try StoreFiles.list("\(folder)/uploads") {
            if completed.contains(id) {
                StoreFiles.remove("\(folder)/uploads/\(id)/upload.json")
            } else if let upload = try upload(id) {
                bucket.uploads[id] = upload
            } else {
                StoreFiles.removeFolder("\(folder)/uploads/\(id)")
            }
        }
        return bucket
    }

    /// `nil` for a file that is no object of ours.
    private func object(_ path: String) throws(StoreError) -> (StoredObject, content: [String])? {
        var bytes = try StoreFiles.read(path, limit: 65_536)
        if !bytes.contains(UInt8(ascii: "\n")) { bytes = try StoreFiles.read(path, limit: StoreLoader.longestRecord) }
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")), let record = try? JSON.decode(ObjectRecord.self, Array(bytes[..<end])),
            let key = PercentEncoding.decode(record.key)
        else { return nil }
        let content: StoredContent
        if let uploadID = record.uploadID {
            content = StoredContent(
                (record.parts ?? []).map {
                    StoredContent.Piece(path: "\(folder)/uploads/\(uploadID)/\($0.file)", offset: 0, length: $0.size)
                })
        } else if let parts = record.parts {
            content = StoredContent(appended: parts, in: "\(folder)/content")
        } else if let file = record.content {
            content = StoredContent([StoredContent.Piece(path: "\(folder)/content/\(file)", offset: 0, length: record.size)])
        } else {
            content = StoredContent([StoredContent.Piece(path: path, offset: Int64(end) + 1, length: record.size)])
        }
        let object = StoredObject(
            key: ObjectKey(utf8: key), kind: record.kind, etag: record.etag, crc64: record.crc64, contentMD5: record.contentMD5,
            modified: record.modified, attributes: record.attributes, content: content,
            isInline: record.uploadID == nil && record.content == nil && record.parts == nil, uploadID: record.uploadID)
        let appended = record.uploadID == nil ? (record.parts ?? []).map(\.file) : []
        return (object, appended + [record.content].compactMap { $0 })
    }

    /// `nil` for a folder that is no open upload.
    private func upload(_ id: String) throws(StoreError) -> OpenUpload? {
        let path = "\(folder)/uploads/\(id)"
        guard let bytes = try? StoreFiles.read("\(path)/upload.json", limit: 65_536),
            let record = try? JSON.decode(UploadRecord.self, bytes), let key = PercentEncoding.decode(record.key)
        else { return nil }
        var upload = OpenUpload(id: id, key: ObjectKey(utf8: key), initiated: record.initiated, attributes: record.attributes)
        for file in try StoreFiles.list(path) where file != "upload.json" {
            guard let part = StoredPart(file: file, size: try StoreFiles.size("\(path)/\(file)")) else {
                StoreFiles.remove("\(path)/\(file)")
                continue
            }
            // Killed between the rename and the removal of the part it replaced: the later one counts.
            if let other = upload.parts[part.number] {
                let older = other.modified < part.modified ? other : part
                StoreFiles.remove("\(path)/\(older.file)")
                if older == part { continue }
            }
            upload.parts[part.number] = part
        }
        return upload
    }
}
