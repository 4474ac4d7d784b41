import OSSProtocol

/// What one token may do: a grant, or a part of it.
struct Scope: Sendable, Equatable {
    /// The role session's name, which says in OSS's own logs who it was.
    var session: String
    var bucket: String
    var region: String
    var endpoint: Endpoint
    /// Empty or ending in `/`.
    var prefix: String
    var verbs: Set<GrantVerb>
    /// What STS is asked for: never above the grant, never below what STS gives.
    var duration: Duration
    /// The session policy. Source: oss-protocol 4.1; at most 2,048 characters.
    var policy: String
    /// Bytes an object may have.
    var largestObject: Int64?
}

/// Why a request is not answered. The text says what would be accepted, never what other clients may do.
struct Refusal: Error, Sendable, Equatable {
    var status: Int
    var code: String
    var message: String
    /// With 429 and 502.
    var retryAfter: Duration?
    /// Of STS, when it was asked.
    var requestID: String?

    init(_ status: Int, _ code: String, _ message: String, retryAfter: Duration? = nil, requestID: String? = nil) {
        (self.status, self.code, self.message, self.retryAfter, self.requestID) = (status, code, message, retryAfter, requestID)
    }

    static func bad(_ message: String) -> Refusal { Refusal(400, "BadRequest", message) }
    static func outside(_ message: String) -> Refusal { Refusal(403, "OutsideGrant", message) }
}

/// Cuts what a client asks for out of what it is granted.
///
/// A request can only narrow: the prefix must lie inside the grant's, the verbs among them, and a longer life than granted is
/// cut to it. Prefixes are compared by bytes and always end in `/`, so `uploads/camera-70` never lies inside `uploads/camera-7/`.
enum Narrowing {
    struct Wish: Sendable, Equatable {
        var bucket: String?
        /// Absent and empty both mean the whole grant.
        var prefix: String?
        /// `nil`: all of the grant.
        var verbs: Set<GrantVerb>?
        var duration: Duration?
    }

    struct Result: Sendable, Equatable {
        /// Its place among the client's grants.
        var grant: Int
        var scope: Scope
        /// The life that was given, when it is shorter than the one asked for.
        var shortened: Duration?
    }

    static func scope(for wish: Wish, client: Admitted) throws(Refusal) -> Result {
        let prefix = try wished(wish.prefix)
        if let duration = wish.duration, duration < .seconds(1) { throw .bad("duration_seconds must be at least 1") }
        var nearest: Refusal?
        for (place, grant) in client.grants.enumerated() where wish.bucket.map({ $0.utf8.elementsEqual(grant.bucket.utf8) }) ?? true {
            if let prefix, !prefix.starts(with: grant.prefix.utf8) {
                nearest = nearest ?? .outside("the prefix lies outside what this client is granted")
                continue
            }
            if let verbs = wish.verbs, !verbs.isSubset(of: grant.verbs) {
                let missing = verbs.subtracting(grant.verbs).map(\.rawValue).sorted().joined(separator: ", ")
                nearest = .outside("this client is not granted \(missing) there")
                continue
            }
            return try result(place, grant, prefix: prefix, wish, client)
        }
        throw nearest ?? .outside("this client is granted nothing in that bucket")
    }

    /// All of one grant.
    static func whole(_ client: Admitted, grant place: Int) throws(Refusal) -> Result {
        try result(place, client.grants[place], prefix: nil, Wish(), client)
    }

    private static func wished(_ prefix: String?) throws(Refusal) -> [UInt8]? {
        guard let prefix, !prefix.isEmpty else { return nil }
        var bytes = Array(prefix.utf8)
        if bytes.last != UInt8(ascii: "/") { bytes.append(UInt8(ascii: "/")) }
        if let reason = KeyRule.problem(prefix: bytes) { throw .outside("\(reason) is granted to nobody") }
        return bytes
    }

    private static func result(_ place: Int, _ grant: Grant, prefix: [UInt8]?, _ wish: Wish, _ client: Admitted) throws(Refusal) -> Result {
        let narrowed = prefix.map { String(decoding: $0, as: UTF8.self) } ?? grant.prefix
        let verbs = wish.verbs ?? grant.verbs
        let asked = wish.duration ?? grant.duration
        let duration = max(min(asked, grant.duration), .seconds(SettingText.lives.lowerBound))
        let policy: String
        do {
            policy = try SessionPolicy.text(bucket: grant.bucket, prefix: narrowed, verbs: verbs, sourceAddresses: grant.sourceAddresses)
        } catch {
            throw Refusal(
                400, "PolicyTooLong",
                "the session policy for that prefix and those verbs cannot be written (\(error)). Ask for a shorter prefix")
        }
        let scope = Scope(
            session: client.session, bucket: grant.bucket, region: grant.region, endpoint: grant.endpoint, prefix: narrowed, verbs: verbs,
            duration: duration, policy: policy, largestObject: grant.largestObject)
        return Result(grant: place, scope: scope, shortened: asked > grant.duration ? duration : nil)
    }
}
