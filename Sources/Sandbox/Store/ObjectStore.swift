import OSSProtocol
import Platform

/// Buckets, objects and open uploads: an index in memory over a folder.
///
///     DIR/buckets/BUCKET/bucket.json
///     DIR/buckets/BUCKET/objects/ab/cd…     SHA-256 of the key; a line of JSON, then the bytes of a small object
///     DIR/buckets/BUCKET/content/ID         the bytes of a large object, or what was appended to one
///     DIR/buckets/BUCKET/uploads/ID/…       parts; of an open upload while upload.json is there, else of an object
///
/// A key never becomes a path. An object exists once its file has been renamed into place, so a kill at any moment leaves the old
/// object or the new one; what nothing refers to is removed at the next start.
final class ObjectStore: Sendable {
    struct Bucket {
        var record: BucketRecord
        var objects = KeyIndex<StoredObject>()
        var uploads: [String: OpenUpload] = [:]
    }

    /// Why an operation is refused for what is stored.
    enum Refusal: Error, Sendable, Equatable {
        case noSuchBucket, bucketNotEmpty, noSuchKey, noSuchUpload, exists, partsChanged, notAppendable
        /// With the length that is the right one.
        case wrongPosition(Int64)
        case disk(StoreError)
    }

    /// Larger bodies get a file of their own.
    static let inlineLimit = 32 << 10

    let root: String
    let syncs: Bool
    let usesMD5: Bool
    let state: Lock<[String: Bucket]>

    init(root: String, syncs: Bool, usesMD5: Bool) throws(StoreError) {
        (self.root, self.syncs, self.usesMD5) = (root, syncs, usesMD5)
        try StoreFiles.makeFolder("\(root)/buckets")
        var buckets: [String: Bucket] = [:]
        for name in try StoreFiles.list("\(root)/buckets") {
            // Only names that we make ourselves: whatever else lies there is left alone.
            guard (try? OSSLimits.check(bucket: name)) != nil else { continue }
            buckets[name] = try StoreLoader(folder: "\(root)/buckets/\(name)").load()
        }
        state = Lock(buckets)
    }

    func folder(_ bucket: String) -> String { "\(root)/buckets/\(bucket)" }

    /// Runs `body` on the bucket; nothing else touches it meanwhile.
    func withBucket<Result>(_ name: String, _ body: (inout Bucket) throws(Refusal) -> Result) throws(Refusal) -> Result {
        let outcome: Swift.Result<Result, Refusal> = state.withLock { buckets in
            guard buckets.keys.contains(name) else { return .failure(.noSuchBucket) }
            do throws(Refusal) {
                // In place: a copy of the index would be made at the first change.
                return .success(try body(&buckets[name, default: Bucket(record: BucketRecord(created: Timestamp(seconds: 0)))]))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    // MARK: Buckets

    var bucketNames: [String] { state.withLock { $0.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } } }

    func bucket(_ name: String) -> BucketRecord? { state.withLock { $0[name]?.record } }
    func hasBucket(_ name: String) -> Bool { state.withLock { $0.keys.contains(name) } }

    /// Made where it is missing; an existing one keeps its objects and takes the new settings.
    func makeBucket(_ name: String, _ record: BucketRecord) throws(Refusal) {
        do {
            for part in ["objects", "content", "uploads"] { try StoreFiles.makeFolder("\(folder(name))/\(part)") }
            try SecureFile.write("\(folder(name))/bucket.json", JSON.encode(record))
        } catch let error as StoreError {
            throw .disk(error)
        } catch let error as FileError {
            throw .disk(StoreError("write", error.path, errno: error.errno))
        } catch {
            throw .disk(StoreError("make the bucket", folder(name), errno: 0))
        }
        state.withLock { $0[name, default: Bucket(record: record)].record = record }
    }

    func removeBucket(_ name: String) throws(Refusal) {
        try withBucket(name) { bucket throws(Refusal) in
            guard bucket.objects.isEmpty, bucket.uploads.isEmpty else { throw .bucketNotEmpty }
        }
        state.withLock { $0[name] = nil }
        for part in ["objects", "content", "uploads"] {
            for inner in (try? StoreFiles.list("\(folder(name))/\(part)")) ?? [] {
                StoreFiles.removeFolder("\(folder(name))/\(part)/\(inner)")
            }
        }
        for part in ["objects", "content", "uploads", ""] { StoreFiles.removeFolder("\(folder(name))/\(part)") }
    }

    // MARK: Objects

    func object(_ key: ObjectKey, in bucket: String) throws(Refusal) -> StoredObject {
        try withBucket(bucket) { bucket throws(Refusal) in
            guard let object = bucket.objects[key] else { throw .noSuchKey }
            return object
        }
    }

    /// The object together with a reader that goes on working when the object is replaced or deleted.
    func read(_ key: ObjectKey, in bucket: String) throws(Refusal) -> (StoredObject, ContentReader) {
        try withBucket(bucket) { bucket throws(Refusal) in
            guard let object = bucket.objects[key] else { throw .noSuchKey }
            do throws(StoreError) {
                return (object, try ContentReader(object.content, opensFirst: object.isInline))
            } catch {
                throw .disk(error)
            }
        }
    }

    func writer(in bucket: String) -> BodyWriter {
        BodyWriter(path: "\(folder(bucket))/content/\(randomHex(16))", inlineLimit: ObjectStore.inlineLimit, usesMD5: usesMD5)
    }

    /// Puts a finished body under the key, replacing what was there.
    func put(
        _ key: ObjectKey, in bucket: String, body: BodyWriter, digest: BodyDigest, attributes: ObjectAttributes, now: Timestamp,
        forbidsOverwrite: Bool
    ) throws(Refusal) -> StoredObject {
        let file = objectFile(key, bucket)
        let content =
            body.isInline
            ? StoredContent([]) : StoredContent([StoredContent.Piece(path: body.filePath, offset: 0, length: digest.length)])
        var object = StoredObject(
            key: key, kind: .normal, etag: digest.etag, crc64: digest.crc64, contentMD5: digest.isMD5 ? Base64.encode(digest.md5) : nil,
            modified: now, attributes: attributes, content: content, isInline: body.isInline, uploadID: nil)
        var record = record(object, size: digest.length)
        record.content = body.isInline ? nil : body.fileName
        var head = JSON.encode(record)
        head.append(UInt8(ascii: "\n"))
        if body.isInline {
            object.content = StoredContent([StoredContent.Piece(path: file, offset: Int64(head.count), length: digest.length)])
        }
        let (made, bytes) = (object, head + body.inline)
        try commit(made, in: bucket, file: file, bytes: bytes) { bucket throws(Refusal) in
            if forbidsOverwrite, bucket.objects[key] != nil { throw .exists }
        }
        body.keep()
        return made
    }

    /// Whether it was there.
    func remove(_ key: ObjectKey, in name: String) throws(Refusal) -> Bool {
        let file = objectFile(key, name)
        return try withBucket(name) { bucket throws(Refusal) in
            guard let old = bucket.objects[key] else { return false }
            StoreFiles.remove(file)
            bucket.objects[key] = nil
            doom(old, in: name)
            return true
        }
    }

    /// Writes the object's file beside and renames it while the bucket is held; `check` may still refuse.
    ///
    /// - Parameter keepsContent: the files of what it replaces are its own.
    func commit(
        _ object: StoredObject, in name: String, file: String, bytes: [UInt8], keepsContent: Bool = false,
        check: (inout Bucket) throws(Refusal) -> Void
    ) throws(Refusal) {
        let temporary = "\(folder(name))/content/new-\(randomHex(16))"
        do throws(StoreError) { try StoreFiles.write(temporary, bytes, syncs: syncs) } catch { throw .disk(error) }
        do {
            try withBucket(name) { bucket throws(Refusal) in
                try check(&bucket)
                do throws(StoreError) {
                    do throws(StoreError) {
                        try StoreFiles.rename(temporary, file)
                    } catch {
                        // The first object of its kind: the folder is made on demand.
                        guard error.errno == 2 else { throw error }
                        try StoreFiles.makeFolder(String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)]))
                        try StoreFiles.rename(temporary, file)
                    }
                } catch {
                    throw Refusal.disk(error)
                }
                if !keepsContent, let old = bucket.objects[object.key] { doom(old, in: name) }
                bucket.objects[object.key] = object
            }
        } catch {
            StoreFiles.remove(temporary)
            throw error
        }
        if syncs { StoreFiles.syncFolder(String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)])) }
    }

    private func doom(_ old: StoredObject, in bucket: String) {
        if old.kind == .appendable {
            for file in old.content.files { file.doom() }
        } else if let uploadID = old.uploadID {
            old.content.doom(files: [], folder: "\(folder(bucket))/uploads/\(uploadID)")
        } else if !old.isInline {
            old.content.doom(files: old.content.pieces.map(\.path), folder: nil)
        }
    }

    func record(_ object: StoredObject, size: Int64) -> ObjectRecord {
        ObjectRecord(
            key: PercentEncoding.encode(object.key.utf8), kind: object.kind, etag: object.etag, crc64: object.crc64,
            contentMD5: object.contentMD5, modified: object.modified, attributes: object.attributes, size: size, uploadID: object.uploadID)
    }

    func objectFile(_ key: ObjectKey, _ bucket: String) -> String {
        let name = Hex.encode(Digests.sha256(key.utf8))
        return "\(folder(bucket))/objects/\(name.prefix(2))/\(name.dropFirst(2))"
    }

    // MARK: Lists

    /// A page of objects with what a listing shows of them.
    func page(in bucket: String, prefix: [UInt8], delimiter: [UInt8], after: ObjectKey?, limit: Int) throws(Refusal)
        -> (page: KeyPage, objects: [ObjectKey: StoredObject])
    {
        try withBucket(bucket) { bucket throws(Refusal) in
            let page = KeyPage(of: bucket.objects.sortedKeys(), prefix: prefix, delimiter: delimiter, after: after, limit: limit)
            var objects: [ObjectKey: StoredObject] = [:]
            for case .key(let key) in page.entries { objects[key] = bucket.objects[key] }
            return (page, objects)
        }
    }

    func totals(of bucket: String) throws(Refusal) -> (objects: Int, bytes: Int64, uploads: Int, parts: Int) {
        try withBucket(bucket) { bucket throws(Refusal) in
            var bytes: Int64 = 0
            for key in bucket.objects.sortedKeys() { bytes += bucket.objects[key]?.size ?? 0 }
            for upload in bucket.uploads.values { bytes += upload.parts.values.reduce(0) { $0 + $1.size } }
            return (bucket.objects.count, bytes, bucket.uploads.count, bucket.uploads.values.reduce(0) { $0 + $1.parts.count })
        }
    }

    /// Everything, for the control calls.
    func allObjects() -> [(bucket: String, object: StoredObject)] {
        state.withLock { buckets in
            var all: [(String, StoredObject)] = []
            for name in buckets.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
                for key in buckets[name]?.objects.sortedKeys() ?? [] {
                    if let object = buckets[name]?.objects[key] { all.append((name, object)) }
                }
            }
            return all
        }
    }

    func allUploads() -> [(bucket: String, upload: OpenUpload)] {
        state.withLock { buckets in
            buckets.flatMap { bucket in bucket.value.uploads.values.map { (bucket.key, $0) } }
                .sorted { ($0.1.key, $0.1.id) < ($1.1.key, $1.1.id) }
        }
    }
}
