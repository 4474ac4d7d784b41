/// What AssumeRole is asked. Source: STS API document of AssumeRole, 2015-04-01.
public struct AssumeRoleRequest: Sendable, Equatable {
    /// `acs:ram::ACCOUNT:role/NAME`
    public var roleARN: String
    /// 2 to 64 of `A-Za-z0-9.@-_`.
    public var roleSessionName: String
    /// 900 to the role's longest session, at most 43200; STS takes 3600 when absent.
    public var durationSeconds: Int?
    /// A session policy, at most 2,048 characters.
    public var policy: String?
    /// 2 to 1224 of `A-Za-z0-9_+=,.@:/-`, as the role's owner demands it.
    public var externalID: String?
    /// 2 to 64 of `A-Za-z0-9=,.@-_`: goes into every log of what the role does.
    public var sourceIdentity: String?

    public init(
        roleARN: String, roleSessionName: String, durationSeconds: Int? = nil, policy: String? = nil, externalID: String? = nil,
        sourceIdentity: String? = nil
    ) {
        self.roleARN = roleARN
        self.roleSessionName = roleSessionName
        self.durationSeconds = durationSeconds
        self.policy = policy
        self.externalID = externalID
        self.sourceIdentity = sourceIdentity
    }

    /// - Throws: what STS would refuse whatever the role, so that it need not be asked.
    public func validate() throws(AssumeRoleError) {
        guard AssumeRoleRequest.isName(roleARN, of: "role") else { throw .roleARN(roleARN) }
        guard Field.sessionName.takes(roleSessionName) else { throw .roleSessionName(roleSessionName) }
        if let durationSeconds, !AssumeRoleRequest.durations.contains(durationSeconds) { throw .duration(seconds: durationSeconds) }
        if let policy {
            let length = policy.unicodeScalars.count
            guard (1...SessionPolicy.longest).contains(length) else { throw .policyLength(characters: length) }
        }
        if let externalID, !Field.externalID.takes(externalID) { throw .externalID(externalID) }
        if let sourceIdentity, !Field.sourceIdentity.takes(sourceIdentity) { throw .sourceIdentity(sourceIdentity) }
    }

    /// For AssumeRoleWithOIDC.
    public func validate(providerARN: String, token: Secret) throws(AssumeRoleError) {
        try validate()
        guard AssumeRoleRequest.isName(providerARN, of: "oidc-provider") else { throw .providerARN(providerARN) }
        let length = token.reveal().unicodeScalars.count
        guard AssumeRoleRequest.tokenLengths.contains(length) else { throw .tokenLength(characters: length) }
    }

    /// From the shortest that STS gives to the longest `MaxSessionDuration` a role can have.
    public static let durations = 900...43_200
    private static let tokenLengths = 4...20_000

    var parameters: [QueryItem] {
        var items = [QueryItem("RoleArn", roleARN), QueryItem("RoleSessionName", roleSessionName)]
        if let durationSeconds { items.append(QueryItem("DurationSeconds", String(durationSeconds))) }
        if let policy { items.append(QueryItem("Policy", policy)) }
        if let externalID { items.append(QueryItem("ExternalId", externalID)) }
        if let sourceIdentity { items.append(QueryItem("SourceIdentity", sourceIdentity)) }
        return items
    }

    /// `acs:ram::ACCOUNT:KIND/NAME`
    private static func isName(_ text: String, of kind: String) -> Bool {
        let fields = Array(text.utf8).split(separator: UInt8(ascii: ":"), maxSplits: 4, omittingEmptySubsequences: false)
        let mark = Array("\(kind)/".utf8)
        return fields.count == 5 && fields[0].elementsEqual("acs".utf8) && fields[1].elementsEqual("ram".utf8) && fields[2].isEmpty
            && !fields[3].isEmpty && fields[3].allSatisfy { (48...57).contains($0) } && fields[4].starts(with: mark)
            && fields[4].count > mark.count && text.utf8.allSatisfy { (33...126).contains($0) }
    }

    /// A text of letters, digits and some signs.
    private struct Field {
        let lengths: ClosedRange<Int>
        let signs: StaticString

        static let sessionName = Field(lengths: 2...64, signs: ".@-_")
        static let externalID = Field(lengths: 2...1224, signs: "_+=,.@:/-")
        static let sourceIdentity = Field(lengths: 2...64, signs: "=,.@-_")

        func takes(_ text: String) -> Bool {
            lengths.contains(text.utf8.count)
                && text.utf8.allSatisfy { byte in
                    (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
                        || signs.withUTF8Buffer { $0.contains(byte) }
                }
        }
    }
}

/// Why STS would refuse an AssumeRole. Source: the fact sheet of the protocol, section 3.3.
public enum AssumeRoleError: Error, Sendable, Equatable, CustomStringConvertible {
    case roleARN(String)
    case roleSessionName(String)
    case duration(seconds: Int)
    case policyLength(characters: Int)
    case externalID(String)
    case sourceIdentity(String)
    case providerARN(String)
    case tokenLength(characters: Int)

    public var description: String {
        switch self {
        case .roleARN(let text): "\"\(text)\" is not a role; write acs:ram::ACCOUNT:role/NAME"
        case .roleSessionName(let text): "\"\(text)\" is not a session name; use 2 to 64 of letters, digits and . @ - _"
        case .duration(let seconds):
            "a token of \(seconds) s is out of range; ask for 900 to 43200 s, and no more than the role's MaxSessionDuration"
        case .policyLength(let count):
            "the session policy has \(count) characters; STS takes 1 to \(SessionPolicy.longest), so make its prefixes shorter or fewer"
        case .externalID(let text): "\"\(text)\" is not an external id; use 2 to 1224 of letters, digits and _ + = , . @ : / -"
        case .sourceIdentity(let text): "\"\(text)\" is not a source identity; use 2 to 64 of letters, digits and = , . @ - _"
        case .providerARN(let text): "\"\(text)\" is not an identity provider; write acs:ram::ACCOUNT:oidc-provider/NAME"
        case .tokenLength(let count): "the identity token has \(count) characters; STS takes 4 to 20000, so check its file"
        }
    }
}
