/// `POST /v1/plan` takes an order and answers what it would do, before a byte is sent. Nothing is queued.
public struct PlanView: Codable, Sendable, Equatable {
    public struct Requests: Codable, Sendable, Equatable {
        /// Files that go up whole.
        public var put: Int
        public var initiate: Int
        public var part: Int
        public var complete: Int
        /// Questions about what is there already, as `existing` wants them.
        public var head: Int
        public var total: Int { put + initiate + part + complete + head }
        public init(put: Int = 0, initiate: Int = 0, part: Int = 0, complete: Int = 0, head: Int = 0) {
            (self.put, self.initiate, self.part, self.complete, self.head) = (put, initiate, part, complete, head)
        }
        private enum CodingKeys: String, CodingKey { case put, initiate, part, complete, head, total }
        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            self.init(
                put: try container.decode(Int.self, forKey: .put), initiate: try container.decode(Int.self, forKey: .initiate),
                part: try container.decode(Int.self, forKey: .part), complete: try container.decode(Int.self, forKey: .complete),
                head: try container.decode(Int.self, forKey: .head))
        }
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(put, forKey: .put)
            try container.encode(initiate, forKey: .initiate)
            try container.encode(part, forKey: .part)
            try container.encode(complete, forKey: .complete)
            try container.encode(head, forKey: .head)
            try container.encode(total, forKey: .total)
        }
    }
    /// Two files of the order that would have one key.
    public struct Collision: Codable, Sendable, Equatable {
        public var key: String
        public var path: String
        public init(key: String, path: String) { (self.key, self.path) = (key, path) }
    }
    /// Objects that are at the destination already under keys of the order.
    public struct Existing: Codable, Sendable, Equatable {
        /// `null`: the destination could not be listed.
        @Nullable public var objects: Int?
        /// At most 20.
        public var keys: [String]
        /// The destination was not looked through to its end.
        public var partial: Bool
        /// What becomes of them: `overwrite skip newer fail rename`.
        public var rule: String
        public init(objects: Int?, keys: [String], partial: Bool, rule: String) {
            (self.keys, self.partial, self.rule) = (keys, partial, rule)
            _objects = Nullable(wrappedValue: objects)
        }
    }
    /// How long it would take, and at what rate that was reckoned.
    public struct Time: Codable, Sendable, Equatable {
        /// Seconds.
        public var seconds: Int
        /// Bytes a second.
        public var rate: Int64
        /// `order limit`, `engine limit` (at best), or `last minute` (what the engine has lately reached).
        public var basis: String
        public init(seconds: Int, rate: Int64, basis: String) { (self.seconds, self.rate, self.basis) = (seconds, rate, basis) }
    }

    public var schema = 1
    public var bucket: String
    public var prefix: String
    public var files: Int
    public var bytes: Int64
    /// Files left out by name, size or age.
    public var filtered: Int
    /// Sources and files that cannot be queued, at most the first 1,000, and how many there are.
    public var refused: [JobView.Refused]
    public var refusedTotal: Int
    public var collisions: [Collision]
    public var collisionsTotal: Int
    public var requests: Requests
    public var existing: Existing
    /// Endpoint, clock, credentials and permissions, each tried.
    public var checks: [AuthCheck]
    @Nullable public var time: Time?
    /// What the scan comes upon and leaves out, by kind: `links filtered pipes sockets devices unreadable names`.
    public var skipped: [String: Int]?

    public init(
        bucket: String, prefix: String, files: Int, bytes: Int64, filtered: Int, refused: [JobView.Refused], refusedTotal: Int,
        collisions: [Collision], collisionsTotal: Int, requests: Requests, existing: Existing, checks: [AuthCheck], time: Time?,
        skipped: [String: Int]? = nil
    ) {
        (self.bucket, self.prefix, self.files, self.bytes, self.filtered) = (bucket, prefix, files, bytes, filtered)
        (self.refused, self.refusedTotal) = (refused, refusedTotal)
        (self.collisions, self.collisionsTotal) = (collisions, collisionsTotal)
        (self.requests, self.existing, self.checks) = (requests, existing, checks)
        _time = Nullable(wrappedValue: time)
        self.skipped = skipped
    }
}

/// `POST /v1/plan?progress=1` tells these while the sources are looked through, as server-sent events `progress`; then one `plan` with the
/// whole answer, or one `error`. Who closes the connection ends the counting.
public struct PlanProgress: Codable, Sendable, Equatable {
    public var files: Int
    public var bytes: Int64
    /// Sources and files that cannot be queued.
    public var refused: Int
    /// Files that would have the key of another one.
    public var collisions: Int
    /// What is left out, by kind, as in the plan.
    public var skipped: [String: Int]
    public var requests: PlanView.Requests
    /// The sources are looked through to their end: what follows is asked of OSS.
    public var scanned: Bool

    public init(
        files: Int, bytes: Int64, refused: Int, collisions: Int, skipped: [String: Int], requests: PlanView.Requests, scanned: Bool
    ) {
        (self.files, self.bytes, self.refused, self.collisions) = (files, bytes, refused, collisions)
        (self.skipped, self.requests, self.scanned) = (skipped, requests, scanned)
    }
}
