import OSSProtocol

/// `[[client]]`: how it shows who it is, each way enough by itself, and what it may do.
public struct Client: Sendable, Equatable {
    /// 2 to 64 of `A-Za-z0-9.@-_`: it is the role session's name too, so OSS's own logs name the client.
    public var name: String
    /// Several live side by side while one is being replaced.
    public var tokens: [BearerHash]
    public var certificates: [CertificateName]
    /// The issuer whose JWTs may name this client.
    public var issuer: String?
    /// The token may stand in the path, for clients that can send no header.
    public var mayUsePath: Bool
    /// At least one; the first is what `GET /v1/credentials` gives.
    public var grants: [GrantRule]

    public init(
        name: String, tokens: [BearerHash] = [], certificates: [CertificateName] = [], issuer: String? = nil, mayUsePath: Bool = false,
        grants: [GrantRule]
    ) {
        (self.name, self.tokens, self.certificates, self.issuer) = (name, tokens, certificates, issuer)
        (self.mayUsePath, self.grants) = (mayUsePath, grants)
    }
}

/// A bearer token that a client may show.
public struct BearerHash: Sendable, Equatable {
    public var hash: TokenHash
    /// From then on the token is a stranger's.
    public var expires: Timestamp?

    public init(_ hash: TokenHash, expires: Timestamp? = nil) { (self.hash, self.expires) = (hash, expires) }

    func isLive(at now: Timestamp) -> Bool { expires.map { now < $0 } ?? true }
}

/// `[[client.grant]]`, `[[jwt.grant]]`: the widest that a client may ask for, before anyone has asked.
public struct GrantRule: Sendable, Equatable {
    public var bucket: String
    public var region: String
    /// Handed to the client, and where signed URLs point.
    public var endpoint: Endpoint
    public var prefix: PrefixTemplate
    public var verbs: Set<GrantVerb>
    /// The longest life of a token.
    public var duration: Duration = .seconds(3600)
    public var requestsPerMinute = 60
    /// Addresses and CIDR ranges from which OSS takes the requests; empty: from anywhere.
    public var sourceAddresses: [String] = []
    /// Bytes. OSS holds nobody to it but who uses signed URLs, so with it there are no credentials for uploading.
    public var largestObject: Int64?

    /// For one client.
    /// - Parameter claims: of its JWT.
    /// - Throws: why the prefix has no value for this client.
    func grant(client: String, day: Timestamp, claims: (String) -> String? = { _ in nil }) throws(SettingError) -> Grant {
        Grant(
            bucket: bucket, region: region, endpoint: endpoint, prefix: try prefix.resolve(client: client, day: day, claims: claims),
            verbs: verbs, duration: duration, requestsPerMinute: requestsPerMinute, sourceAddresses: sourceAddresses,
            largestObject: largestObject)
    }
}

/// `[[jwt]]`: an issuer of JWTs, and what those who show one may do.
public struct TokenIssuer: Sendable, Equatable {
    public enum Keys: Sendable, Equatable {
        case file(String)
        case url(String)
    }
    /// As `iss` writes it, byte for byte.
    public var issuer: String
    /// One of `aud`.
    public var audience: String
    public var keys: Keys
    /// The claim that names the client.
    public var clientClaim: String
    /// How far the issuer's clock may be off.
    public var leeway: Duration
    /// What a token is granted whose claims have these values, whoever it names.
    public var grants: [ClaimGrant]
}

/// A grant to whoever has certain claims.
public struct ClaimGrant: Sendable, Equatable {
    /// Every one of them must hold: the claim is this text, or a list that has it.
    public var claims: [String: String]
    public var rule: GrantRule
}
