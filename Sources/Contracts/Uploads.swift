/// The states of an upload as users see them (docs/interface: "States").
public enum UploadState: String, Codable, Sendable, CaseIterable {
    case scanning, queued, uploading, verifying, retrying, held, paused, failed, done, cancelled, skipped

    /// Nothing will happen any more without a person.
    public var isEnded: Bool { [.done, .failed, .cancelled, .skipped].contains(self) }
}

public enum Priority: String, Codable, Sendable, CaseIterable { case high, normal, low }

/// One upload as `davit show`, `davit queue --json` and the terminal see it. Bytes; bytes a second; seconds; RFC 3339 UTC.
public struct UploadView: Codable, Sendable, Equatable {
    public struct Parts: Codable, Sendable, Equatable {
        public var size: Int64
        public var total: Int
        public var stored: Int
        public var sending: Int
        public init(size: Int64, total: Int, stored: Int, sending: Int) {
            (self.size, self.total, self.stored, self.sending) = (size, total, stored, sending)
        }
    }
    public struct LastError: Codable, Sendable, Equatable {
        public var code: String
        @Nullable public var http: Int?
        @Nullable public var requestId: String?
        public var at: String
        @Nullable public var part: Int?
        public var message: String
        public init(code: String, http: Int?, requestId: String?, at: String, part: Int?, message: String) {
            self.code = code
            _http = Nullable(wrappedValue: http)
            _requestId = Nullable(wrappedValue: requestId)
            self.at = at
            _part = Nullable(wrappedValue: part)
            self.message = message
        }
    }
    public struct Verify: Codable, Sendable, Equatable {
        /// `crc64` or `none`.
        public var method: String
        /// `pending`, `running`, `ok`, `failed`, `unverified`.
        public var state: String
        public init(method: String, state: String) { (self.method, self.state) = (method, state) }
    }

    public var id: String
    public var job: String
    public var state: UploadState
    /// `credentials`, `network`, `disk`, `schedule`.
    @Nullable public var heldReason: String?
    /// Not escaped for the screen: whoever shows it cleans it.
    public var path: String
    @Nullable public var pathB64: String?
    public var dest: String
    public var bucket: String
    public var key: String
    @Nullable public var size: Int64?
    public var stored: Int64
    public var sending: Int64
    public var resent: Int64
    public var rate: Int64
    @Nullable public var etaLow: Int?
    @Nullable public var etaHigh: Int?
    public var parts: Parts
    public var tries: Int
    public var priority: Priority
    @Nullable public var remote: String?
    @Nullable public var uploadId: String?
    @Nullable public var lastError: LastError?
    /// Retrying or held: when the engine tries again.
    @Nullable public var nextTry: String?
    public var added: String
    @Nullable public var started: String?
    @Nullable public var finished: String?
    /// Decimal.
    @Nullable public var crc64: String?
    @Nullable public var etag: String?
    public var verify: Verify

    public init(
        id: String, job: String, state: UploadState, heldReason: String? = nil, path: String, pathB64: String? = nil, dest: String,
        bucket: String, key: String, size: Int64?, stored: Int64 = 0, sending: Int64 = 0, resent: Int64 = 0, rate: Int64 = 0,
        etaLow: Int? = nil, etaHigh: Int? = nil, parts: Parts, tries: Int = 0, priority: Priority = .normal, remote: String? = nil,
        uploadId: String? = nil, lastError: LastError? = nil, nextTry: String? = nil, added: String, started: String? = nil,
        finished: String? = nil, crc64: String? = nil, etag: String? = nil, verify: Verify
    ) {
        self.id = id
        self.job = job
        self.state = state
        _heldReason = Nullable(wrappedValue: heldReason)
        self.path = path
        _pathB64 = Nullable(wrappedValue: pathB64)
        self.dest = dest
        self.bucket = bucket
        self.key = key
        _size = Nullable(wrappedValue: size)
        self.stored = stored
        self.sending = sending
        self.resent = resent
        self.rate = rate
        _etaLow = Nullable(wrappedValue: etaLow)
        _etaHigh = Nullable(wrappedValue: etaHigh)
        self.parts = parts
        self.tries = tries
        self.priority = priority
        _remote = Nullable(wrappedValue: remote)
        _uploadId = Nullable(wrappedValue: uploadId)
        _lastError = Nullable(wrappedValue: lastError)
        _nextTry = Nullable(wrappedValue: nextTry)
        self.added = added
        _started = Nullable(wrappedValue: started)
        _finished = Nullable(wrappedValue: finished)
        _crc64 = Nullable(wrappedValue: crc64)
        _etag = Nullable(wrappedValue: etag)
        self.verify = verify
    }
}

/// One part that is being sent or was sent again, for the detail screen.
public struct PartView: Codable, Sendable, Equatable {
    public enum State: String, Codable, Sendable { case todo, sending, again, failed, stored }
    public var number: Int
    public var state: State
    public var sent: Int64
    public var size: Int64
    public var rate: Int64
    public var tries: Int
    /// Seconds since this try began.
    @Nullable public var since: Double?
    @Nullable public var lastAnswer: String?
    public init(number: Int, state: State, sent: Int64, size: Int64, rate: Int64, tries: Int, since: Double?, lastAnswer: String?) {
        (self.number, self.state, self.sent, self.size, self.rate, self.tries) = (number, state, sent, size, rate, tries)
        _since = Nullable(wrappedValue: since)
        _lastAnswer = Nullable(wrappedValue: lastAnswer)
    }
}

/// What happened to an upload, newest last.
public struct UploadEventView: Codable, Sendable, Equatable {
    public var at: String
    /// `queued start resume part held retry paused resumed cancelled failed done verify abort`.
    public var kind: String
    public var text: String
    public init(at: String, kind: String, text: String) { (self.at, self.kind, self.text) = (at, kind, text) }
}

/// `GET /v1/uploads/{id}`: the upload itself plus its parts map and events.
public struct UploadDetail: Codable, Sendable, Equatable {
    public var schema = 1
    public var upload: UploadView
    /// One character a part in part order: `.` to do, `s` sending, `2`…`9` sending again (try), `!` failed, `#` stored.
    /// At most 10,000.
    public var map: String
    /// Parts that are not simply stored or to do.
    public var active: [PartView]
    /// The newest 200.
    public var events: [UploadEventView]
    /// Of the object, where the bucket keeps versions; left out when there is none.
    public var versionId: String?
    /// Of the request that stored the object; left out before.
    public var requestId: String?
    /// Bytes a second that a person gave this upload alone; left out when there is none.
    public var limit: Int64?
    public init(
        upload: UploadView, map: String, active: [PartView], events: [UploadEventView], versionId: String? = nil, requestId: String? = nil,
        limit: Int64? = nil
    ) {
        (self.upload, self.map, self.active, self.events) = (upload, map, active, events)
        (self.versionId, self.requestId, self.limit) = (versionId, requestId, limit)
    }
}
