/// The fields of a form upload that carry its policy and signature. The string to sign is the policy's base64.
///
/// Source: the fact sheet of the protocol, section 8.2.
public enum PostForm {
    /// Version 1, HMAC-SHA1.
    ///
    /// - Parameter policy: JSON as it will be sent, byte for byte.
    public static func version1(policy: String, credentials: Credentials) -> [QueryItem] {
        let encoded = Base64.encode(Array(policy.utf8))
        var fields = [
            QueryItem("policy", encoded), QueryItem("OSSAccessKeyId", credentials.accessKeyID),
            QueryItem("Signature", V1.signature(secret: credentials.accessKeySecret, stringToSign: Array(encoded.utf8))),
        ]
        if let token = credentials.securityToken { fields.append(QueryItem("x-oss-security-token", token.reveal())) }
        return fields
    }

    /// Version 4.
    ///
    /// - Parameter policy: JSON as it will be sent, with `version4Conditions` of the same arguments among its conditions.
    public static func version4(
        policy: String, credentials: Credentials, region: String, product: String = "oss", now: Timestamp
    ) -> [QueryItem] {
        let encoded = Base64.encode(Array(policy.utf8))
        let scope = V4.Scope(day: now.day8, region: region, product: product)
        let key = V4.signingKey(secret: credentials.accessKeySecret, scope: scope)
        return [QueryItem("policy", encoded)] + named(credentials, scope, now)
            + [QueryItem("x-oss-signature", V4.signature(key: key, stringToSign: Array(encoded.utf8)))]
    }

    /// What a policy must demand for the service to take a version 4 signature over it.
    public static func version4Conditions(
        credentials: Credentials, region: String, product: String = "oss", now: Timestamp
    ) -> [PostPolicy.Condition] {
        named(credentials, V4.Scope(day: now.day8, region: region, product: product), now).map {
            .equals(field: $0.name, $0.value ?? "")
        }
    }

    private static func named(_ credentials: Credentials, _ scope: V4.Scope, _ now: Timestamp) -> [QueryItem] {
        var items = [
            QueryItem("x-oss-signature-version", V4.algorithm), QueryItem("x-oss-credential", "\(credentials.accessKeyID)/\(scope)"),
            QueryItem("x-oss-date", now.basic),
        ]
        if let token = credentials.securityToken { items.append(QueryItem("x-oss-security-token", token.reveal())) }
        return items
    }
}
