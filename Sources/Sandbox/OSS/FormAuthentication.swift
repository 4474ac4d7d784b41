import OSSProtocol

/// The fields of a form upload besides its file, names compared without case; of two of one name the first counts.
struct UploadForm: Sendable, Equatable {
    private(set) var fields: [QueryItem] = []

    subscript(name: String) -> String? {
        let name = name.asciiLower
        return fields.first { $0.name.asciiLower == name }?.value
    }

    mutating func add(_ name: String, _ value: String) { fields.append(QueryItem(name, value)) }

    /// Texts by name as the policy looks at them.
    var texts: [String: String] { Dictionary(fields.map { ($0.name.asciiLower, $0.value ?? "") }) { first, _ in first } }

    /// The fields that would be headers of a PutObject.
    var headers: HTTPHeaders {
        let known: Set = ["cache-control", "content-disposition", "content-encoding", "content-md5", "content-type", "expires"]
        return HTTPHeaders(
            fields.filter { known.contains($0.name.asciiLower) || $0.name.asciiLower.hasPrefix("x-oss-") }.map {
                HTTPHeaders.Field($0.name, $0.value ?? "")
            })
    }

    var variables: [String: String] { texts.filter { $0.key.hasPrefix("x:") } }
}

extension Authentication {
    private static let names = [
        "policy", "OSSAccessKeyId", "Signature", "x-oss-signature", "x-oss-signature-version", "x-oss-credential", "x-oss-date",
    ]

    /// Who signed the policy of a form, and that policy, not yet held against the form.
    ///
    /// - Returns: `.anonymous` without a policy where nothing is signed.
    func identify(_ form: UploadForm, _ rules: Rules, now: Timestamp) throws(OSSFailure) -> (Identity, PostPolicy?) {
        guard Authentication.names.contains(where: { form[$0] != nil }) else { return (.anonymous, nil) }
        let isVersion4 = ["x-oss-signature", "x-oss-signature-version", "x-oss-credential"].contains { form[$0] != nil }
        try Authentication.checkVersion(isVersion4: isVersion4, rules)
        let policy = try Authentication.field("policy", form)
        let (identity, expected, given) = try isVersion4 ? version4(form, policy, rules, now) : version1(form, policy, now)
        guard Digests.equal(Array(expected.utf8), Array(given.utf8)) else {
            throw OSSFailure(
                403, "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
                ec: "0002-00000705",
                [
                    "OSSAccessKeyId": identity.accessKeyID ?? "", "SignatureProvided": given, "StringToSign": policy,
                ])
        }
        do throws(PostPolicyError) {
            guard let text = Base64.decode(policy) else { throw .unreadable("policy is not base64") }
            return (identity, try PostPolicy(json: text))
        } catch {
            throw OSSFailure(policy: error)
        }
    }

    private func version1(_ form: UploadForm, _ policy: String, _ now: Timestamp) throws(OSSFailure) -> (Identity, String, String) {
        let id = try Authentication.field("OSSAccessKeyId", form)
        let signature = try Authentication.field("Signature", form)
        let identity = try lookup(id, form["x-oss-security-token"], now)
        return (identity, V1.signature(secret: identity.secret, stringToSign: Array(policy.utf8)), signature)
    }

    private func version4(_ form: UploadForm, _ policy: String, _ rules: Rules, _ now: Timestamp) throws(OSSFailure)
        -> (Identity, String, String)
    {
        let version = try Authentication.field("x-oss-signature-version", form)
        guard version == V4.algorithm else {
            throw .invalidArgument(
                "The signature version is not known.", name: "x-oss-signature-version", value: version, ec: "0002-00000218")
        }
        let text = try Authentication.field("x-oss-credential", form)
        guard let credential = V4.Credential(text) else {
            throw .invalidArgument("x-oss-credential is malformed.", name: "x-oss-credential", value: text, ec: "0002-00000224")
        }
        let date = try Authentication.field("x-oss-date", form)
        guard Timestamp(basic: date) != nil else {
            throw .invalidArgument("x-oss-date is malformed.", name: "x-oss-date", value: date, ec: "0002-00000223")
        }
        let signature = try Authentication.field("x-oss-signature", form)
        let identity = try lookup(credential.accessKeyID, form["x-oss-security-token"], now)
        try check(credential.scope, day: String(date.prefix(8)), rules)
        let key = V4.signingKey(secret: identity.secret, scope: credential.scope)
        return (identity, V4.signature(key: key, stringToSign: Array(policy.utf8)), signature)
    }

    private static func field(_ name: String, _ form: UploadForm) throws(OSSFailure) -> String {
        guard let value = form[name], !value.isEmpty else {
            throw .invalidArgument("The form has no field \(name).", name: name, value: nil, ec: "0002-00000701")
        }
        return value
    }
}

extension OSSFailure {
    /// A form whose policy is not met.
    init(policy error: PostPolicyError) {
        switch error {
        case .unreadable: self.init(400, error.code, error.description, ec: "0002-00000702")
        case .expired: self.init(403, error.code, error.description, ec: "0002-00000703")
        case .notMet: self.init(403, error.code, error.description, ec: "0002-00000704")
        }
    }
}
