import OSSProtocol

/// The roles of the account. Names are compared without case.
struct Roles: Sendable {
    struct Role: Sendable {
        /// `acs:ram::ACCOUNT:role/NAME`
        var arn: String
        var name: String
        /// `nil` lets it do everything.
        var policy: SessionPolicy?
        var externalID: String?
    }

    /// That of the settings first: it is also what the metadata service gives.
    let all: [Role]

    init(_ settings: SandboxSettings) {
        let name = settings.roleARN.cut(at: "/")?.after ?? settings.roleARN
        let first = Role(arn: settings.roleARN, name: name, policy: settings.rolePolicy, externalID: settings.externalID)
        all =
            [first]
            + settings.otherRoles.map { other in
                Role(arn: "acs:ram::\(SandboxSettings.account):role/\(other.name)", name: other.name, policy: other.policy)
            }
    }

    var first: Role { all[0] }

    func role(arn: String) -> Role? { all.first { $0.arn.asciiLower == arn.asciiLower } }
    func role(named name: String) -> Role? { all.first { $0.name.asciiLower == name.asciiLower } }

    /// Of `acs:ram::ACCOUNT:assumed-role/ROLE/SESSION`.
    func role(ofSession arn: String) -> Role? {
        guard let (_, rest) = arn.cut(at: "/"), let (name, _) = rest.cut(at: "/") else { return nil }
        return role(named: name)
    }
}
