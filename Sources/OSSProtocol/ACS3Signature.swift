/// ACS3-HMAC-SHA256, the newer signature of STS: what a signer and a checking server share. Action and version travel in headers.
///
/// Source: Alibaba Cloud OpenAPI, "Request syntax and signature method V3".
public enum ACS3Signature {
    public static let algorithm = "ACS3-HMAC-SHA256"

    /// The value of an `Authorization` header of this kind.
    public struct Authorization: Sendable, Equatable {
        public var accessKeyID: String
        /// Lower case, as the client lists them: it may sign any header it sends.
        public var signedHeaders: [String]
        public var signature: String
    }

    /// Pairs in any order, blanks after the commas or none; `nil` for anything else.
    public static func parseAuthorization(_ value: String) -> Authorization? {
        guard let (name, rest) = value.splitOnce(" "), name == algorithm else { return nil }
        var pairs: [String: String] = [:]
        for piece in rest.utf8.split(separator: UInt8(ascii: ",")) {
            guard let (name, value) = V4.trimmed(String(decoding: piece, as: UTF8.self)).splitOnce("="),
                pairs.updateValue(value, forKey: name) == nil
            else { return nil }
        }
        guard let id = pairs["Credential"]?.nonEmpty, let names = pairs["SignedHeaders"]?.nonEmpty,
            let signature = pairs["Signature"]?.nonEmpty
        else { return nil }
        let list = names.utf8.split(separator: UInt8(ascii: ";")).map { V4.lower(String(decoding: $0, as: UTF8.self)) }
        return Authorization(accessKeyID: id, signedHeaders: list, signature: signature)
    }

    /// Headers that must be among the signed: host, content-type when sent, and every `x-acs-`.
    public static func signsEnough(_ authorization: Authorization, headers: HTTPHeaders) -> Bool {
        let sent = headers.fields.map { V4.lower($0.name) }
        let needed = sent.filter(mustBeSigned)
        return Set(authorization.signedHeaders).isSuperset(of: needed + ["host"])
    }

    /// - Parameters:
    ///   - path: as sent, `/` for STS.
    ///   - headers: with `host`.
    ///   - bodyHash: lower-case hex SHA-256 of the body as received; the header `x-acs-content-sha256` must say the same.
    public static func canonicalRequest(
        method: String, path: String, query: [QueryItem], headers: HTTPHeaders, signedHeaders: [String], bodyHash: String
    ) -> String {
        let names = signedHeaders.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var lines = ""
        for name in names { lines += "\(name):\(V4.trimmed(headers[name] ?? ""))\n" }
        return [method, path, RPCSignature.canonicalQuery(query), lines, names.joined(separator: ";"), bodyHash].joined(separator: "\n")
    }

    /// Adds the `x-acs-` headers and `Authorization`. Signed are `host` and all headers that must be.
    static func sign(
        _ request: HTTPRequest, action: String, version: String, credentials: Credentials, now: Timestamp, nonce: String
    ) -> HTTPRequest {
        var signed = request
        let bodyHash = Hex.encode(Digests.sha256(request.body))
        signed.headers["x-acs-action"] = action
        signed.headers["x-acs-version"] = version
        signed.headers["x-acs-date"] = now.iso8601
        signed.headers["x-acs-signature-nonce"] = nonce
        signed.headers["x-acs-content-sha256"] = bodyHash
        signed.headers["x-acs-security-token"] = credentials.securityToken?.reveal()
        signed.headers["x-acs-accesskey-id"] = credentials.securityToken == nil ? nil : credentials.accessKeyID
        signed.headers["Authorization"] = nil

        var known = signed.headers
        known["host"] = signed.host
        let names = known.fields.map { V4.lower($0.name) }.filter(mustBeSigned).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let canonical = canonicalRequest(
            method: signed.method, path: signed.path, query: QueryItem.parse(signed.query), headers: known, signedHeaders: names,
            bodyHash: bodyHash)
        let signature = signature(canonicalRequest: canonical, secret: credentials.accessKeySecret)
        let list = names.joined(separator: ";")
        signed.headers.add(
            "Authorization", "\(algorithm) Credential=\(credentials.accessKeyID),SignedHeaders=\(list),Signature=\(signature)")
        return signed
    }

    private static func mustBeSigned(_ name: String) -> Bool {
        name == "host" || name == "content-type" || name.utf8.starts(with: "x-acs-".utf8)
    }

    /// Lower-case hex. The secret is the key as it stands.
    public static func signature(canonicalRequest: String, secret: Secret) -> String {
        let toSign = "\(algorithm)\n\(Hex.encode(Digests.sha256(Array(canonicalRequest.utf8))))"
        return Hex.encode(Digests.hmacSHA256(key: Array(secret.reveal().utf8), message: Array(toSign.utf8)))
    }
}
