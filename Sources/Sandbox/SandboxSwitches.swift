import Platform

/// How strict the sandbox is, which may be turned while it runs.
struct SandboxSwitches: Sendable, Equatable, Codable {
    /// Path style by a name is refused, as the public service does; by an IP address it stays allowed, since SDKs choose it there.
    var isStrict = false
    /// Signatures of version 1 are refused.
    var onlyVersion4 = false
    /// The metadata service answers only with its token.
    var needsMetadataToken = false

    enum CodingKeys: String, CodingKey {
        case isStrict = "strict_addressing"
        case onlyVersion4 = "v4_only"
        case needsMetadataToken = "metadata_token_required"
    }
}

/// Which regions' buckets an endpoint answers for.
enum ServedRegion: Sendable, Equatable {
    /// That of the sandbox: names and addresses on loopback, and CNAMEs.
    case own
    case named(String)
    /// Transfer acceleration.
    case every

    /// `nil` for every one of them.
    func name(own: String) -> String? {
        switch self {
        case .own: own
        case .named(let name): name
        case .every: nil
        }
    }
}
