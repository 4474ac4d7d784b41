/// What the front end asks the engine to do on a bucket, since only the engine holds credentials.

/// `POST /v1/list`.
public struct ListRequest: Codable, Sendable {
    public var dest: String
    public var credentials: OrderCredentials?
    /// Without it one level (delimiter `/`).
    public var recursive: Bool?
    /// From an earlier answer.
    public var continuation: String?
    /// At most 1,000 (the default).
    public var limit: Int?
    public init(dest: String, credentials: OrderCredentials? = nil, recursive: Bool? = nil, continuation: String? = nil, limit: Int? = nil) {
        self.dest = dest
        self.credentials = credentials
        self.recursive = recursive
        self.continuation = continuation
        self.limit = limit
    }
}

public struct ListResult: Codable, Sendable, Equatable {
    public struct Entry: Codable, Sendable, Equatable {
        /// Key below the bucket; a prefix ends with `/`.
        public var key: String
        public var isPrefix: Bool
        @Nullable public var size: Int64?
        @Nullable public var modified: String?
        @Nullable public var etag: String?
        @Nullable public var storageClass: String?
        public init(key: String, isPrefix: Bool, size: Int64?, modified: String?, etag: String?, storageClass: String?) {
            (self.key, self.isPrefix) = (key, isPrefix)
            _size = Nullable(wrappedValue: size)
            _modified = Nullable(wrappedValue: modified)
            _etag = Nullable(wrappedValue: etag)
            _storageClass = Nullable(wrappedValue: storageClass)
        }
    }
    public var schema = 1
    public var bucket: String
    public var prefix: String
    public var items: [Entry]
    public var total: Int
    public var truncated: Bool
    @Nullable public var continuation: String?
    public init(bucket: String, prefix: String, items: [Entry], truncated: Bool, continuation: String?) {
        (self.bucket, self.prefix, self.items, self.truncated) = (bucket, prefix, items, truncated)
        total = items.count
        _continuation = Nullable(wrappedValue: continuation)
    }
}

/// `POST /v1/presign`.
public struct PresignRequest: Codable, Sendable {
    public var dest: String
    /// `put` or `get`.
    public var method: String
    /// Seconds, 1 … 604,800.
    public var expires: Int
    public var meta: [String: String]?
    public var contentType: String?
    public var credentials: OrderCredentials?
    public init(dest: String, method: String, expires: Int, meta: [String: String]?, contentType: String?, credentials: OrderCredentials?) {
        self.dest = dest
        self.method = method
        self.expires = expires
        self.meta = meta
        self.contentType = contentType
        self.credentials = credentials
    }
}

public struct PresignResult: Codable, Sendable, Equatable {
    public var schema = 1
    public var url: String
    public var method: String
    /// Must be sent unchanged by whoever uses the URL.
    public var headers: [String: String]
    public var expiresAt: String
    public init(url: String, method: String, headers: [String: String], expiresAt: String) {
        (self.url, self.method, self.headers, self.expiresAt) = (url, method, headers, expiresAt)
    }
}

/// `POST /v1/orphans`.
public struct OrphansRequest: Codable, Sendable {
    /// `nil`: every remote and every bucket the ledger knows.
    public var dest: String?
    public var credentials: OrderCredentials?
    /// Abort what is listed; without it nothing is changed.
    public var abort: Bool?
    /// Let the next upload to each key go on with what is listed: only those of others than this queue.
    public var adopt: Bool?
    /// Seconds.
    public var olderThan: Double?
    public init(dest: String?, credentials: OrderCredentials?, abort: Bool?, olderThan: Double?, adopt: Bool? = nil) {
        self.adopt = adopt
        (self.dest, self.credentials, self.abort, self.olderThan) = (dest, credentials, abort, olderThan)
    }
}

public struct OrphanView: Codable, Sendable, Equatable {
    public var bucket: String
    public var key: String
    public var uploadId: String
    public var initiated: String
    /// Seconds.
    public var age: Double
    @Nullable public var bytes: Int64?
    /// `ours` (an upload of this queue will finish or abort it), `ledger` (ours, nothing in the queue needs it), `other`.
    public var owner: String
    @Nullable public var upload: String?
    public var aborted: Bool
    /// The next upload to the key goes on with it: `upload`, where it is in the queue already.
    public var adopted: Bool?
    public init(
        bucket: String, key: String, uploadId: String, initiated: String, age: Double, bytes: Int64?, owner: String, upload: String?,
        aborted: Bool, adopted: Bool? = nil
    ) {
        self.adopted = adopted
        (self.bucket, self.key, self.uploadId, self.initiated, self.age) = (bucket, key, uploadId, initiated, age)
        (self.owner, self.aborted) = (owner, aborted)
        _bytes = Nullable(wrappedValue: bytes)
        _upload = Nullable(wrappedValue: upload)
    }
}

/// `POST /v1/auth/test`: `{"remote": NAME?, "dest": …?, "credentials": …?}`; one line a check.
public struct AuthTestRequest: Codable, Sendable {
    public var remote: String?
    public var dest: String?
    public var credentials: OrderCredentials?
    public init(remote: String?, dest: String?, credentials: OrderCredentials?) {
        (self.remote, self.dest, self.credentials) = (remote, dest, credentials)
    }
}

public struct AuthCheck: Codable, Sendable, Equatable {
    public var scope: String
    /// `endpoint clock credentials put list get`.
    public var check: String
    public var ok: Bool
    public var text: String
    public init(scope: String, check: String, ok: Bool, text: String) {
        (self.scope, self.check, self.ok, self.text) = (scope, check, ok, text)
    }
}

/// `GET /v1/auth`.
public struct AuthStatus: Codable, Sendable, Equatable {
    public var schema = 1
    public var leases: [LeaseView]
    @Nullable public var clockOffset: Double?
    public init(leases: [LeaseView], clockOffset: Double?) {
        self.leases = leases
        _clockOffset = Nullable(wrappedValue: clockOffset)
    }
}
