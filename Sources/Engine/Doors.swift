import Contracts
import OSSProtocol
import TransferCore

/// The two doors inside the engine: the queue half asks the access half for authorized requests, the control half asks the
/// queue half to change or show the queue. Neither sees the other's insides, so each is tested with a written-out fake.

/// Where an order's objects go, resolved once when the order is taken and stored with it. Holds no secret.
public struct Target: Sendable, Hashable, Codable {
    /// What a lease is for: the remote's name, or `oss://BUCKET#HASH` for credentials that came with an order.
    public var scope: String
    /// `[remote.NAME]`, `nil` for `oss://`.
    public var remote: String?
    public var bucket: String
    public var region: String
    /// With scheme.
    public var endpoint: String
    /// `virtual`, `path`, `cname`.
    public var addressing: String
    /// `v1` or `v4`; `nil`, as in targets stored before there was a choice, is `v4`.
    public var signature: String?
    /// Full key, or key prefix ending in `/` (or empty), in front of each name: granted prefix, remote prefix, destination.
    public var prefix: String
    /// The destination named a key, not a prefix: a single file gets exactly `prefix` as its key.
    public var isKey: Bool
    /// `overwrite skip newer fail rename`.
    public var existing: String
    public var storageClass: String?
    /// Whether HEAD may be asked (broker grants without the verb `get` may not).
    public var mayRead: Bool

    public init(
        scope: String, remote: String?, bucket: String, region: String, endpoint: String, addressing: String, prefix: String, isKey: Bool,
        existing: String = "overwrite", storageClass: String? = nil, mayRead: Bool = true, signature: String? = nil
    ) {
        self.scope = scope
        self.remote = remote
        self.bucket = bucket
        self.region = region
        self.endpoint = endpoint
        self.addressing = addressing
        self.prefix = prefix
        self.isKey = isKey
        self.existing = existing
        self.storageClass = storageClass
        self.mayRead = mayRead
        self.signature = signature
    }
}

/// A request that may be sent as it is, and the generation of the lease that signed it.
public struct AuthorizedRequest: Sendable {
    public var request: HTTPRequest
    public var generation: UInt64
    /// Signed with a long-lived key: another lease would be the same.
    public var isLasting: Bool
    /// When what signed it ends, on the server's clock.
    public var end: Timestamp?

    public init(request: HTTPRequest, generation: UInt64, isLasting: Bool = false, end: Timestamp? = nil) {
        (self.request, self.generation, self.isLasting, self.end) = (request, generation, isLasting, end)
    }

    /// What an answer of that time says about the signature.
    func authority(at serverTime: Timestamp?) -> RequestFailure.Authority {
        if isLasting { return .lasting }
        guard let end, let serverTime else { return .temporary }
        return serverTime >= end ? .ended : .temporary
    }
}

public enum AccessFailure: Error, Sendable, Equatable {
    /// Asking again by itself is pointless: not configured, refused (401, 403), a file that others can read. Held (credentials).
    case refused(String)
    /// The source of credentials does not answer now; worth asking again at that time.
    case unavailable(until: Timestamp?, String)
}

/// Makes requests that OSS accepts. Implemented by signing with leases and, for `signed-url`, by asking for signed URLs.
public protocol RequestAuthorizer: Sendable {
    /// - Parameter minimumLife: how long the request may need until OSS has judged it.
    func authorize(_ operation: OSSOperation, key: ObjectKey, target: Target, minimumLife: Duration) async throws(AccessFailure) -> AuthorizedRequest
    /// OSS refused that generation (SecurityTokenExpired and kin): never hand it out again. Idempotent.
    func retire(generation: UInt64, target: Target) async
    /// OSS told its time; later signatures use it.
    func learnClock(serverTime: Timestamp) async
}

/// One line for the user and the exit status that a command gives.
public struct OrderError: Error, Sendable, Equatable {
    public var code: String
    public var message: String
    public var exit: Int
    public init(code: String, message: String, exit: Int) { (self.code, self.message, self.exit) = (code, message, exit) }
}

/// Resolves destinations. Implemented by the remotes of the configuration.
public protocol TargetResolver: Sendable {
    /// `dest` as the user wrote it. Caller's credentials, if any, are kept (memory and 0600 cache) under the target's scope.
    func resolve(dest: String, credentials: OrderCredentials?) async throws(OrderError) -> Target
    /// The same for a question that is no order: caller's credentials serve it under a scope of their own and are never kept.
    func look(dest: String, credentials: OrderCredentials?) async throws(OrderError) -> Target
    /// A signed URL in place of a destination; kept under the target's scope.
    func resolve(signedURL: String) async throws(OrderError) -> Target
    /// The scopes of signed URLs that are kept, but for those that have just come.
    func keptSignedURLs() async -> [String]
    /// Nothing in the queue can need them any more.
    func forgetSignedURLs(_ scopes: [String]) async
}

extension TargetResolver {
    public func look(dest: String, credentials: OrderCredentials?) async throws(OrderError) -> Target {
        try await resolve(dest: dest, credentials: credentials)
    }

    public func keptSignedURLs() async -> [String] { [] }
    public func forgetSignedURLs(_ scopes: [String]) async {}
    public func resolve(signedURL: String) async throws(OrderError) -> Target { throw .option("signed URLs are not taken here") }
}

public enum EngineEvent: Sendable {
    case status(StatusView)
    case upload(UploadView)
    /// More uploads have changed than are told one by one.
    case missed
}

public struct UploadsRequest: Sendable, Equatable {
    public var query: String?
    public var sort: String?
    /// By position.
    public var offset: Int
    /// Or after that id.
    public var after: String?
    /// At most 1,000.
    public var limit: Int
    public init(query: String? = nil, sort: String? = nil, offset: Int = 0, after: String? = nil, limit: Int = 100) {
        (self.query, self.sort, self.offset, self.after, self.limit) = (query, sort, offset, after, limit)
    }
}

/// What the control server needs of the queue.
public protocol QueueService: HistoryService, EditService {
    func add(_ order: JobOrder) async throws(OrderError) -> JobView
    /// - Parameter withUploads: the ids of its uploads too.
    /// - Parameter patience: the answer comes when the job is over, at the latest after so long.
    func job(_ id: String, withUploads: Bool, endingWithin patience: Duration) async -> JobView?
    func uploads(_ request: UploadsRequest) async throws(OrderError) -> ListEnvelope<UploadView>
    func upload(_ id: String) async -> UploadDetail?
    func act(_ request: ActionRequest) async throws(OrderError) -> ActionResult
    func limits() async -> LimitsView
    func setLimits(_ change: LimitsChange) async throws(OrderError) -> LimitsView
    func status() async -> StatusView
    /// For `GET /metrics`, beside `status()`.
    func metrics() async -> QueueMetrics
    /// Merged states, never a backlog: a slow reader misses intermediate ones.
    func events() async -> AsyncStream<EngineEvent>
    /// Upload ids the ledger still owes a completion or an abort: (bucket, key, upload id, our upload or nil).
    /// - Throws: when it cannot be read whole: what is missing would pass for somebody else's.
    func ledger() async throws(OrderError) -> [LedgerEntry]
    /// Whose that unfinished upload is at this moment, for those who are about to end it or to give it away. Also those count as an
    /// upload's whose Initiate is under way: nobody knows their ids yet.
    func owner(uploadID: String, bucket: String, key: ObjectKey) async throws(OrderError) -> LedgerOwner
    /// An upload id that somebody must abort: it is done in the background.
    func owe(_ entry: LedgerEntry) async
    /// Something has to be aborted, now or when the time is over for which a cancelled upload keeps its parts.
    func isOwing() async -> Bool
    /// The upload id no longer exists on the server.
    func ledgerSettled(uploadID: String, bucket: String, key: ObjectKey) async
    /// A person gives us that unfinished upload: the next upload to that key goes on with it.
    /// - Returns: the upload of the queue that will, if there is one already.
    func adopt(uploadID: String, bucket: String, key: ObjectKey) async throws(OrderError) -> String?
    /// Other credentials may be had now: what is held for want of them tries again at once.
    func accessChanged() async
    /// Bytes a second etc. for `/metrics` come from `status()`.
    func frontEnds(_ change: Int) async
}

public struct LedgerEntry: Sendable, Equatable {
    public var bucket: String
    public var key: ObjectKey
    public var uploadID: String
    /// Our upload that will finish or abort it; `nil` when nothing in the queue needs it.
    public var upload: String?
    /// `nil` where what is stored of it cannot be read: nobody can reach it there, but it is ours.
    public var target: Target?
    public init(bucket: String, key: ObjectKey, uploadID: String, upload: String?, target: Target?) {
        (self.bucket, self.key, self.uploadID, self.upload, self.target) = (bucket, key, uploadID, upload, target)
    }
}

/// Whose an unfinished upload on the server is.
public enum LedgerOwner: Sendable, Equatable {
    /// An upload of the queue will complete or abort it.
    case upload(String)
    /// Ours, and nothing in the queue needs it.
    case ledger
    case other
}
