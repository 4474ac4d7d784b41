/// What a receipt says of its job; the objects follow. Holds no secret: what an order brought of credentials, signed URLs and callbacks
/// is left out.
public struct ReceiptHead: Codable, Sendable, Equatable {
    public struct Options: Codable, Sendable, Equatable {
        public var existing: String
        @Nullable public var storageClass: String?
        @Nullable public var acl: String?
        @Nullable public var contentType: String?
        @Nullable public var sse: String?
        public init(existing: String, storageClass: String?, acl: String?, contentType: String?, sse: String?) {
            self.existing = existing
            _storageClass = Nullable(wrappedValue: storageClass)
            _acl = Nullable(wrappedValue: acl)
            _contentType = Nullable(wrappedValue: contentType)
            _sse = Nullable(wrappedValue: sse)
        }
    }

    public var schema = 1
    /// When the receipt was made.
    public var written: String
    public var job: String
    public var added: String
    /// As the order named it.
    public var dest: String
    /// `[remote.NAME]`; `null` for `oss://`, where the caller's own credentials are used.
    @Nullable public var remote: String?
    public var bucket: String
    public var region: String
    public var endpoint: String
    public var options: Options
    /// `scanning` while the sources are still being walked: more objects may come.
    public var state: String
    /// Uploads of the job that are still known, by state.
    public var counts: [String: Int]
    /// Bytes of all of them.
    public var bytes: Int64
    /// Uploads that are older than `keep-history`: nothing is known of them any more.
    public var gone: Int
    /// Sources that were not queued, at most the first 1,000, and how many there are.
    public var refused: [JobView.Refused]
    public var refusedTotal: Int

    public init(
        written: String, job: String, added: String, dest: String, remote: String?, bucket: String, region: String, endpoint: String,
        options: Options, state: String, counts: [String: Int], bytes: Int64, gone: Int, refused: [JobView.Refused], refusedTotal: Int
    ) {
        (self.written, self.job, self.added, self.dest) = (written, job, added, dest)
        _remote = Nullable(wrappedValue: remote)
        (self.bucket, self.region, self.endpoint, self.options) = (bucket, region, endpoint, options)
        (self.state, self.counts, self.bytes, self.gone) = (state, counts, bytes, gone)
        (self.refused, self.refusedTotal) = (refused, refusedTotal)
    }
}

/// One upload of a receipt. Unknown is `null`.
public struct ReceiptObject: Codable, Sendable, Equatable {
    /// Path of the file.
    public var name: String
    @Nullable public var nameB64: String?
    public var key: String
    public var size: Int64
    public var state: String
    /// Decimal.
    @Nullable public var crc64: String?
    @Nullable public var etag: String?
    @Nullable public var versionId: String?
    @Nullable public var requestId: String?
    @Nullable public var finished: String?
    /// Why it is not stored.
    @Nullable public var reason: String?

    public init(
        name: String, nameB64: String? = nil, key: String, size: Int64, state: String, crc64: String? = nil, etag: String? = nil,
        versionId: String? = nil, requestId: String? = nil, finished: String? = nil, reason: String? = nil
    ) {
        (self.name, self.key, self.size, self.state) = (name, key, size, state)
        _nameB64 = Nullable(wrappedValue: nameB64)
        _crc64 = Nullable(wrappedValue: crc64)
        _etag = Nullable(wrappedValue: etag)
        _versionId = Nullable(wrappedValue: versionId)
        _requestId = Nullable(wrappedValue: requestId)
        _finished = Nullable(wrappedValue: finished)
        _reason = Nullable(wrappedValue: reason)
    }
}

/// `GET /v1/jobs/{id}/receipt?after=&limit=`: the head, and a page of objects in the order of their keys.
public struct ReceiptPage: Codable, Sendable, Equatable {
    public var head: ReceiptHead
    public var objects: [ReceiptObject]
    /// `after` of the next page; `null` when this was the last.
    @Nullable public var next: String?
    public init(head: ReceiptHead, objects: [ReceiptObject], next: String?) {
        (self.head, self.objects) = (head, objects)
        _next = Nullable(wrappedValue: next)
    }
}

/// `POST /v1/verify`: objects are asked for by HEAD, and what they are is compared with what a receipt says. Local files are not read.
public struct VerifyRequest: Codable, Sendable {
    public struct Object: Codable, Sendable, Equatable {
        public var key: String
        public var size: Int64
        public var crc64: String?
        public var etag: String?
        public init(key: String, size: Int64, crc64: String?, etag: String?) {
            (self.key, self.size, self.crc64, self.etag) = (key, size, crc64, etag)
        }
    }
    public var remote: String?
    public var bucket: String
    /// At most 1,000.
    public var objects: [Object]
    /// The caller's `OSS_*` variables, where the receipt names no remote.
    public var credentials: OrderCredentials?
    public init(remote: String?, bucket: String, objects: [Object], credentials: OrderCredentials?) {
        (self.remote, self.bucket, self.objects, self.credentials) = (remote, bucket, objects, credentials)
    }
}

public struct VerifyResult: Codable, Sendable, Equatable {
    /// One way in which one object is not what the receipt says.
    public struct Mismatch: Codable, Sendable, Equatable {
        public var key: String
        /// `missing size crc64 etag`, or `unknown` when the object could not be asked for.
        public var what: String
        @Nullable public var expected: String?
        @Nullable public var found: String?
        public init(key: String, what: String, expected: String?, found: String?) {
            (self.key, self.what) = (key, what)
            _expected = Nullable(wrappedValue: expected)
            _found = Nullable(wrappedValue: found)
        }
    }
    public var schema = 1
    public var checked: Int
    public var matched: Int
    public var mismatches: [Mismatch]
    public init(checked: Int, matched: Int, mismatches: [Mismatch]) {
        (self.checked, self.matched, self.mismatches) = (checked, matched, mismatches)
    }
}
