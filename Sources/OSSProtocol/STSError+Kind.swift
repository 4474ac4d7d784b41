/// What an error of STS means, and what the operator should do about it. Decided by code and status, never by the message.
///
/// Source: the fact sheet of the protocol, section 3.3.
extension STSError {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The same request again, with a new nonce, after a pause.
        case transient
        /// As transient, but later and seldom.
        case throttled
        /// Learn the clock from the answer and sign again.
        case clock
        /// The credentials that the request was signed with are over: fetch them anew, once.
        case staleToken
        /// A person has to change something.
        case refused
    }

    public var kind: Kind { STSError.row(status: status, code: code).kind }

    /// One sentence in the imperative, with its full stop.
    public var advice: String { STSError.row(status: status, code: code).advice }

    struct Row: Sendable {
        /// A code, which also stands for all that follow it after a full stop (`Throttling` for `Throttling.User`).
        var code: String
        var kind: Kind
        var advice: String

        init(_ code: String, _ kind: Kind, _ advice: String) { (self.code, self.kind, self.advice) = (code, kind, advice) }
    }

    static let rows: [Row] = [
        Row("InvalidParameter", .refused, "Check the parameter that the message names."),
        Row("InvalidParameter.RoleArn", .refused, "Write the role as acs:ram::ACCOUNT:role/NAME."),
        Row("InvalidParameter.RoleSessionName", .refused, "Use 2 to 64 letters, digits and . @ - _ for the session name."),
        Row("InvalidParameter.DurationSeconds", .refused, "Ask for 900 s up to the role's MaxSessionDuration, or raise that in RAM."),
        Row("InvalidParameter.PolicyGrammar", .refused, "Correct the session policy: it is not one that RAM can read."),
        Row("InvalidParameter.PolicySize", .refused, "Make the session policy shorter: 2048 characters at most."),
        Row("MissingRoleArn", .refused, "Name the role to assume."),
        Row("MissingRoleSessionName", .refused, "Give the session a name."),
        Row("MissingParameter", .refused, "Give the parameter that the message names."),
        Row("MissingSecurityToken", .refused, "Give the security token that belongs to the temporary key."),
        Row("SignatureDoesNotMatch", .refused, "Check the access key's secret."),
        Row("IncompleteSignature", .refused, "Check that no proxy changes requests to STS."),
        Row("InvalidTimeStamp", .clock, "Set this machine's clock."),
        Row("RequestTimeTooSkewed", .clock, "Set this machine's clock."),
        Row("SignatureNonceUsed", .transient, "Try again; if it stays, look for a proxy that sends requests twice."),
        Row("Throttling", .throttled, "Ask less often: give several clients one token, or longer ones."),
        Row("NoPermission", .refused, "Allow this user sts:AssumeRole, and name it in the role's trust policy."),
        Row("AuthenticationFail", .refused, "Check the identity token, its issuer and the role's trust policy."),
        Row("InvalidAccessKeyId", .refused, "Check the access key id."),
        Row("InvalidAccessKeyId.Inactive", .refused, "Enable the access key in RAM, or use another."),
        Row("InvalidAccessKeyId.NotFound", .refused, "Check the access key id: nobody has this one."),
        Row("InvalidSecurityToken", .staleToken, "Check the key and token that assume the role: they do not belong together or are over."),
        Row("InvalidSecurityToken.Expired", .staleToken, "Renew the token that assumes the role."),
        Row("InvalidSecurityToken.Malformed", .staleToken, "Check the security token: it was cut or changed."),
        Row("InvalidSecurityToken.MismatchWithAccessKey", .staleToken, "Check that key and token come from one answer of STS."),
        Row("EntityNotExist.Role", .refused, "Check the role's account and name: it does not exist."),
        Row("EntityNotExist", .refused, "Check the name of the role or identity provider: it does not exist."),
        Row("InvalidApi.NotFound", .refused, "Check the STS endpoint: it does not know this call."),
        Row("UnsupportedOperation", .refused, "Check the STS endpoint: it does not know this call."),
        Row("InternalError", .transient, "Wait until STS is well again."),
        Row("ServiceUnavailable", .transient, "Wait until STS is well again."),
        Row(OSSError.unusableAnswer, .transient, "Check the STS endpoint: what answers there gives no credentials."),
    ]

    /// For codes that nobody knows (a proxy's page, a newer code), by status.
    private static func row(ofStatus status: Int) -> Row {
        switch status {
        case 429: Row("", .throttled, "Ask less often: give several clients one token, or longer ones.")
        case 408, 500...599: Row("", .transient, "Wait until STS is well again, or check the proxy in front of it.")
        case 200...299: Row("", .transient, "Check the STS endpoint: what answers there is not STS.")
        case 300...399, 404, 405: Row("", .refused, "Check the STS endpoint: what answers there is not STS.")
        default: Row("", .refused, "Check the credentials and the rights of the user that assumes the role.")
        }
    }

    static func row(status: Int, code: String) -> Row {
        var name = Substring(code)
        while !name.isEmpty {
            if let row = byCode[String(name)] { return row }
            name = name.lastIndex(of: ".").map { name[..<$0] } ?? ""
        }
        // Each parameter has a code of its own, and the list is open.
        if code.hasPrefix("Missing") { return Row(code, .refused, "Give the parameter that the message names.") }
        return row(ofStatus: status)
    }

    private static let byCode = Dictionary(rows.map { ($0.code, $0) }, uniquingKeysWith: { first, _ in first })
}
