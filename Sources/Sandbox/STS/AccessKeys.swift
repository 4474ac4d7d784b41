import OSSProtocol
import Platform

/// Who has that key and token, at that time.
///
/// - Throws: what OSS says about an unknown key or a token that is missing, damaged, another key's or expired.
typealias KeyLookup = @Sendable (_ accessKeyID: String, _ token: String?, _ now: Timestamp) throws(OSSFailure) -> Identity

/// The keys that the sandbox knows: one long-lived key, those a control call added, and the temporary ones that its STS made.
struct AccessKeys: Sendable {
    /// A key from outside, with its token where it is to be a temporary one. Kept in memory only.
    struct Added: Sendable {
        var secret: Secret
        var token: String?
        var expires: Timestamp?
    }

    let accessKeyID: String
    let secret: Secret
    let tokens: TokenStore
    let roles: Roles
    let added: Lock<[String: Added]> = Lock([:])

    /// Added keys beyond these are refused.
    static let mostAdded = 10_000

    var lookup: KeyLookup { { id, token, now throws(OSSFailure) in try identity(accessKeyID: id, token: token, now: now) } }

    private func identity(accessKeyID id: String, token: String?, now: Timestamp) throws(OSSFailure) -> Identity {
        if let other = added.withLock({ $0[id] }) { return try identity(id, other, token, now) }
        if id == accessKeyID {
            guard token == nil else { throw AccessKeys.notMatching }
            return Identity(accessKeyID: id, secret: secret)
        }
        guard id.hasPrefix("STS.") else {
            throw OSSFailure(
                403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.", ec: "0002-00000902",
                ["OSSAccessKeyId": id])
        }
        guard let token else { throw AccessKeys.withoutToken(id) }
        guard let issued = tokens.read(token), issued.accessKeyID == id else { throw AccessKeys.invalid(token) }
        guard !tokens.hasExpired(issued, now: now) else { throw AccessKeys.expired(token) }
        // The policy was checked when the token was made, so it can be read again.
        let session = issued.policy.flatMap { try? SessionPolicy(json: $0) }
        return Identity(
            accessKeyID: id, secret: tokens.secret(of: id),
            session: Identity.Session(
                arn: issued.arn, rolePolicy: roles.role(ofSession: issued.arn)?.policy, sessionPolicy: session,
                expires: Timestamp(seconds: issued.expires)))
    }

    private func identity(_ id: String, _ key: Added, _ token: String?, _ now: Timestamp) throws(OSSFailure) -> Identity {
        switch (key.token, token) {
        case (nil, .some): throw AccessKeys.notMatching
        case (.some, nil): throw AccessKeys.withoutToken(id)
        case (let known?, let given?) where !known.utf8.elementsEqual(given.utf8): throw AccessKeys.invalid(given)
        case (_, let given): if let end = key.expires, now >= end { throw AccessKeys.expired(given ?? "") }
        }
        return Identity(accessKeyID: id, secret: key.secret)
    }

    private static let notMatching = OSSFailure(
        403, "AccessKeyIdAndSecurityTokenNotMatch", "The security token does not belong to the access key.", ec: "0002-00000009")

    private static func withoutToken(_ id: String) -> OSSFailure {
        OSSFailure(
            403, "InvalidAccessKeyId", "The OSS Access Key Id you provided needs a security token.", ec: "0002-00000003",
            ["OSSAccessKeyId": id])
    }

    private static func invalid(_ token: String) -> OSSFailure {
        OSSFailure(
            403, "InvalidSecurityToken", "The security token you provided is invalid.", ec: "0002-00000008", ["SecurityToken": token])
    }

    private static func expired(_ token: String) -> OSSFailure {
        OSSFailure(
            403, "SecurityTokenExpired", "The security token you provided has expired.", ec: "0002-00000007", ["SecurityToken": token])
    }
}
