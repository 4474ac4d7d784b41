import OSSProtocol

/// Who sent a request.
struct Identity: Sendable {
    /// `nil`: nobody signed.
    var accessKeyID: String?
    var secret: Secret
    /// Of a role's session; long-lived keys have none.
    var session: Session?

    struct Session: Sendable, Equatable {
        /// `acs:ram::ACCOUNT:assumed-role/ROLE/SESSION`
        var arn: String
        var rolePolicy: SessionPolicy?
        var sessionPolicy: SessionPolicy?
        var expires: Timestamp
    }

    static let anonymous = Identity(accessKeyID: nil, secret: Secret(""))

    /// Everything that the request needs must be allowed.
    func authorize(_ request: IncomingRequest, _ address: ServiceAddress, now: Timestamp) throws(OSSFailure) {
        try authorize(
            RequiredPermission.of(
                method: request.method, resource: address.resource, query: request.items, headers: request.headers,
                account: SandboxSettings.account), request, now: now)
    }

    /// - Parameter request: gives the address, the user agent and so on that conditions ask for.
    func authorize(_ needs: [RequiredPermission], _ request: IncomingRequest, now: Timestamp) throws(OSSFailure) {
        guard let session else { return }
        let around = [
            "acs:SourceIp": request.remote, "acs:CurrentTime": now.iso8601, "acs:SecureTransport": request.isSecure ? "true" : "false",
            "acs:AccessId": accessKeyID ?? "", "acs:UserAgent": request.headers["User-Agent"] ?? "",
        ]
        for need in needs {
            let decision = SessionPolicy.evaluate(
                role: session.rolePolicy, session: session.sessionPolicy, action: need.action, resource: need.resource,
                context: around.merging(need.context) { _, own in own })
            guard decision == .allow else {
                throw OSSFailure(
                    403, "AccessDenied", "Access denied by authorizer's policy.", ec: "0003-00000001",
                    [
                        "AuthAction": need.action, "AuthPrincipalType": "AssumedRoleUser", "PolicyType": "SessionPolicy",
                        "NoPermissionType": decision == .explicitDeny ? "ExplicitDeny" : "ImplicitDeny",
                    ])
            }
        }
    }
}
