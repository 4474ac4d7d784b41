import OSSProtocol

/// A client that has shown who it is, and what it may do today.
struct Admitted: Sendable, Equatable {
    /// Cleaned for messages and the audit log.
    var name: String
    /// What STS calls the session: a legal session name, the same for the same client.
    var session: String
    /// At least one.
    var grants: [Grant]
    var proof: Proof
    /// Who vouches for a JWT; two issuers may know different people by one name.
    var issuer: String?

    /// How it was shown.
    enum Proof: String, Sendable {
        case token
        case jwt
        case certificate
    }

    /// What its requests are counted by.
    var account: String { issuer.map { "\($0)\u{0}\(name)" } ?? name }

    /// A name from a claim as STS takes it, 2 to 64 of `A-Za-z0-9.@-_`. What cannot be written keeps apart by a digest.
    static func session(_ name: String, issuer: String?) -> String {
        if SettingText.problem(clientName: name) == nil { return name }
        let plain = name.utf8.prefix(40).map { SettingText.isNameByte($0) ? $0 : UInt8(ascii: "-") }
        let digest = Digests.sha256(Array("\(issuer ?? "")\u{0}\(name)".utf8))
        return "\(String(decoding: plain, as: UTF8.self))-\(Hex.encode(Array(digest.prefix(8))))"
    }
}

/// What one client may do at most, in one bucket below one prefix.
struct Grant: Sendable, Equatable {
    var bucket: String
    var region: String
    var endpoint: Endpoint
    /// Empty (the whole bucket) or ending in `/`.
    var prefix: String
    var verbs: Set<GrantVerb>
    /// The longest life of a token.
    var duration: Duration = .seconds(3600)
    var requestsPerMinute = 60
    /// From where OSS takes the requests; empty: from anywhere.
    var sourceAddresses: [String] = []
    /// Bytes.
    var largestObject: Int64?
}
