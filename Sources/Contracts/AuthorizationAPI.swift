import FoundationEssentials

/// The authorization server's JSON. Field names with capitals are those that Alibaba's credential clients read, so these types
/// name their keys themselves: encode and decode them with `AuthorizationJSON`, not `ContractJSON`.
public enum AuthorizationJSON {
    public static func encode<T: Encodable>(_ value: T) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
    public static func decode<T: Decodable>(_ type: T.Type, from bytes: some Sequence<UInt8>) throws -> T {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}

/// `POST /v1/credentials`. An empty body asks for the same as `{}`: the client's first grant, whole.
public struct CredentialsRequest: Codable, Sendable, Equatable {
    /// Full, as in a key: it must lie inside the granted one. Absent and empty mean the whole grant; a slash is added at its end.
    public var prefix: String?
    /// Of `upload list get delete`; absent means all that are granted.
    public var verbs: [String]?
    /// At least 1. Longer than granted is cut, and the answer says so; STS gives no less than 900.
    public var durationSeconds: Int?
    /// For the audit log.
    public var job: String?
    /// Which grant, for clients with grants in several buckets.
    public var bucket: String?
    /// The `AccessKeyId` of a token that OSS refused before its end (SecurityTokenExpired and kin): the server hands out tokens it
    /// keeps, and cannot know that one was revoked. It asks STS for another if that one is what it keeps.
    public var refusedAccessKeyId: String?
    public init(
        prefix: String? = nil, verbs: [String]? = nil, durationSeconds: Int? = nil, job: String? = nil, bucket: String? = nil,
        refusedAccessKeyId: String? = nil
    ) {
        (self.prefix, self.verbs, self.durationSeconds, self.job, self.bucket) = (prefix, verbs, durationSeconds, job, bucket)
        self.refusedAccessKeyId = refusedAccessKeyId
    }
    enum CodingKeys: String, CodingKey {
        case prefix, verbs, job, bucket
        case refusedAccessKeyId = "refused_access_key_id"
        case durationSeconds = "duration_seconds"
    }
}

/// The answer to it. Carries secrets: printing one gives nothing away.
public struct CredentialsAnswer: Codable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var code = "Success"
    public var accessKeyId: String
    public var accessKeySecret: String
    public var securityToken: String?
    /// RFC 3339 UTC, seconds.
    public var expiration: String?
    public var serverTime: String?
    public var bucket: String?
    public var region: String?
    public var endpoint: String?
    public var prefix: String?
    public var policy: String?
    /// Seconds that were granted, when fewer than were asked for.
    public var narrowedDurationSeconds: Int?

    public init(
        accessKeyId: String, accessKeySecret: String, securityToken: String?, expiration: String?, serverTime: String?, bucket: String?,
        region: String?, endpoint: String?, prefix: String?, policy: String?, narrowedDurationSeconds: Int? = nil
    ) {
        self.accessKeyId = accessKeyId
        self.accessKeySecret = accessKeySecret
        self.securityToken = securityToken
        self.expiration = expiration
        self.serverTime = serverTime
        self.bucket = bucket
        self.region = region
        self.endpoint = endpoint
        self.prefix = prefix
        self.policy = policy
        self.narrowedDurationSeconds = narrowedDurationSeconds
    }
    enum CodingKeys: String, CodingKey {
        case code = "Code"
        case accessKeyId = "AccessKeyId"
        case accessKeySecret = "AccessKeySecret"
        case securityToken = "SecurityToken"
        case expiration = "Expiration"
        case serverTime = "ServerTime"
        case bucket = "Bucket"
        case region = "Region"
        case endpoint = "Endpoint"
        case prefix = "Prefix"
        case policy = "Policy"
        case narrowedDurationSeconds = "NarrowedDurationSeconds"
    }
    public var description: String { "<redacted credentials>" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// `POST /v1/signed-urls`, at most 1,000 requests, all or none. None at all is a question too: where may this client write?
public struct SignedURLsRequest: Codable, Sendable, Equatable {
    public struct Item: Codable, Sendable, Equatable {
        /// `put initiate part complete abort list-parts head`.
        public var operation: String
        /// Full, the granted prefix included.
        public var key: String
        /// With `part complete abort list-parts`.
        public var uploadId: String?
        /// With `part`; with `list-parts` the part number after which the page begins.
        public var partNumber: Int?
        /// Headers that will be sent (content type, `x-oss-meta-*` and others that describe the object): they become part of the
        /// signature and come back in the answer.
        public var headers: [String: String]?
        public init(operation: String, key: String, uploadId: String? = nil, partNumber: Int? = nil, headers: [String: String]? = nil) {
            self.operation = operation
            self.key = key
            self.uploadId = uploadId
            self.partNumber = partNumber
            self.headers = headers
        }
        enum CodingKeys: String, CodingKey {
            case operation, key, headers
            case uploadId = "upload_id"
            case partNumber = "part_number"
        }
    }
    public var requests: [Item]
    /// Seconds, 900 when absent. The URLs end no later than the token they are signed with, so `expires_at` may be nearer.
    public var expiresIn: Int?
    public var job: String?
    /// Which grant, for clients with grants in several buckets.
    public var bucket: String?
    /// As in `CredentialsRequest`; it stands in a URL's `x-oss-credential`, in front of the first `/`.
    public var refusedAccessKeyId: String?
    public init(
        requests: [Item], expiresIn: Int? = nil, job: String? = nil, bucket: String? = nil, refusedAccessKeyId: String? = nil
    ) {
        (self.requests, self.expiresIn, self.job, self.bucket) = (requests, expiresIn, job, bucket)
        self.refusedAccessKeyId = refusedAccessKeyId
    }
    enum CodingKeys: String, CodingKey {
        case requests, job, bucket
        case refusedAccessKeyId = "refused_access_key_id"
        case expiresIn = "expires_in"
    }
}

public struct SignedURLsAnswer: Codable, Sendable, Equatable {
    public struct Item: Codable, Sendable, Equatable {
        public var url: String
        public var method: String
        /// Must be sent unchanged.
        public var headers: [String: String]
        public var expiresAt: String
        public init(url: String, method: String, headers: [String: String], expiresAt: String) {
            (self.url, self.method, self.headers, self.expiresAt) = (url, method, headers, expiresAt)
        }
        enum CodingKeys: String, CodingKey {
            case url, method, headers
            case expiresAt = "expires_at"
        }
    }
    public var urls: [Item]
    public var serverTime: String
    /// What the grant puts in front of keys; the keys in the request are full keys inside it.
    public var bucket: String?
    public var prefix: String?
    /// Whether the grant has the verb `get`, without which `head` is refused.
    public var mayRead: Bool?
    public init(urls: [Item], serverTime: String, bucket: String?, prefix: String?, mayRead: Bool? = nil) {
        (self.urls, self.serverTime, self.bucket, self.prefix, self.mayRead) = (urls, serverTime, bucket, prefix, mayRead)
    }
    enum CodingKeys: String, CodingKey {
        case urls, bucket, prefix
        case serverTime = "server_time"
        case mayRead = "may_read"
    }
}
