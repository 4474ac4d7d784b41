import OSSProtocol

/// The calls that give temporary credentials.
extension STSService {
    func assumeRole(_ call: STSCall, _ identity: Identity, _ now: Timestamp) throws(STSFailure) -> STSDocument {
        let order = try RoleOrder(call, keys.roles, longest: settings.longestRoleTime)
        if let id = call["ExternalId"], !STSService.isExternalID(id) {
            throw .parameter("ExternalId", "ExternalId must be 2 to 1224 of A-Z a-z 0-9 _ + = , . @ : / -.")
        }
        let source = call["SourceIdentity"]
        if let source, !(2...64).contains(source.utf8.count) || !STSService.consists(source, of: "=,.@-_") {
            throw .parameter("SourceIdentity", "SourceIdentity must be 2 to 64 of A-Z a-z 0-9 = , . @ - _.")
        }
        let noPermission = STSFailure(
            403, "NoPermission", "You are not authorized to do this action. You should be authorized by RAM.")
        if let wanted = order.role.externalID {
            guard let given = call["ExternalId"], given.utf8.elementsEqual(wanted.utf8) else { throw noPermission }
        }
        if let session = identity.session {
            // A role may assume a role only where its own policies allow it.
            let decision = SessionPolicy.evaluate(
                role: session.rolePolicy, session: session.sessionPolicy, action: "sts:AssumeRole", resource: order.role.arn)
            guard decision == .allow else { throw noPermission }
        }
        var document = grant(order, now)
        if let source { document.fields.append(("SourceIdentity", source)) }
        return document
    }

    func assumeRoleWithOIDC(_ call: STSCall, _ now: Timestamp) throws(STSFailure) -> STSDocument {
        guard let provider = call["OIDCProviderArn"] else { throw .missing("OIDCProviderArn") }
        guard provider.hasPrefix("acs:ram::"), provider.asciiLower.contains(":oidc-provider/") else {
            throw .parameter("OIDCProviderArn", "The parameter OIDCProviderArn is wrongly formed.")
        }
        guard let token = call["OIDCToken"] else { throw .missing("OIDCToken") }
        guard IdentityTokens.lengths.contains(token.utf8.count) else {
            throw .parameter("OIDCToken", "OIDCToken must have 4 to 20000 characters.")
        }
        let order = try RoleOrder(call, keys.roles, longest: settings.longestRoleTime)
        guard provider.asciiLower == SandboxSettings.oidcProviderARN.asciiLower else {
            throw STSFailure(404, "EntityNotExist.OIDCProvider", "The OIDC provider does not exist: \(provider).")
        }
        guard let claims = IdentityTokens(store: keys.tokens).read(token) else {
            throw STSFailure(400, "AuthenticationFail.OIDCToken.Invalid", "This OIDC token is invalid.")
        }
        guard now.seconds < claims.exp else {
            throw STSFailure(400, "AuthenticationFail.OIDCToken.Expired", "This OIDC token has expired.")
        }
        var document = grant(order, now)
        document.groups.append(
            (
                "OIDCTokenInfo",
                [
                    ("Subject", claims.sub), ("Issuer", claims.iss), ("ClientIds", claims.aud),
                    ("ExpirationTime", Timestamp(seconds: claims.exp).iso8601), ("IssuanceTime", Timestamp(seconds: claims.iat).iso8601),
                    ("VerificationInfo", "Success"),
                ]
            ))
        return document
    }

    private func grant(_ order: RoleOrder, _ now: Timestamp) -> STSDocument {
        let (role, name) = (order.role.name, order.sessionName)
        let arn = "acs:ram::\(SandboxSettings.account):assumed-role/\(role)/\(name)"
        let made = keys.tokens.issue(arn: arn, policy: order.policy, seconds: order.seconds, now: now)
        var document = STSDocument()
        document.groups = [
            (
                "AssumedRoleUser",
                [("Arn", "acs:ram::\(SandboxSettings.account):role/\(role)/\(name)"), ("AssumedRoleId", "\(STSService.roleID):\(name)")]
            ),
            (
                "Credentials",
                [
                    ("AccessKeyId", made.accessKeyID), ("AccessKeySecret", made.accessKeySecret.reveal()),
                    ("SecurityToken", made.securityToken?.reveal() ?? ""), ("Expiration", made.expiration?.iso8601 ?? ""),
                ]
            ),
        ]
        return document
    }

    static func isExternalID(_ text: String) -> Bool { (2...1224).contains(text.utf8.count) && consists(text, of: "_+=,.@:/-") }

    /// Letters, digits and those.
    static func consists(_ text: String, of others: String) -> Bool {
        text.utf8.allSatisfy {
            (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || others.utf8.contains($0)
        }
    }
}

/// What all calls that assume a role have in common, checked.
private struct RoleOrder {
    var role: Roles.Role
    var sessionName: String
    var seconds: Int
    var policy: String?

    init(_ call: STSCall, _ roles: Roles, longest: Int) throws(STSFailure) {
        guard let arn = call["RoleArn"] else { throw .missing("RoleArn") }
        guard arn.hasPrefix("acs:ram::"), let (_, name) = arn.cut(at: "/"), arn.asciiLower.contains(":role/"), !name.isEmpty else {
            throw .parameter("RoleArn", "The parameter RoleArn is wrongly formed.")
        }
        guard let sessionName = call["RoleSessionName"] else { throw .missing("RoleSessionName") }
        guard (2...64).contains(sessionName.utf8.count), STSService.consists(sessionName, of: ".@-_") else {
            throw .parameter("RoleSessionName", "The parameter RoleSessionName is wrongly formed.")
        }
        self.sessionName = sessionName
        if let text = call["DurationSeconds"] {
            guard let seconds = Int(digits: text), (900...longest).contains(seconds) else {
                throw .parameter("DurationSeconds", "The Min/Max value of DurationSeconds is 15min/\(longest) seconds for this role.")
            }
            self.seconds = seconds
        } else {
            // What is not asked for must not exceed what could be asked for.
            seconds = min(3600, longest)
        }
        policy = call.parameters.first { $0.name == "Policy" }?.value
        if let policy { try RoleOrder.check(policy) }
        guard let role = roles.role(arn: arn) else { throw STSFailure(404, "EntityNotExist.Role", "The role not exists: \(name).") }
        self.role = role
    }

    private static func check(_ policy: String) throws(STSFailure) {
        do throws(PolicyError) { _ = try SessionPolicy(json: policy) } catch {
            if case .tooLong = error { throw .parameter("PolicySize", "The size of Policy must be smaller than 2048 bytes: \(error).") }
            throw .parameter("PolicyGrammar", "The parameter Policy has not passed grammar check: \(error).")
        }
    }
}
