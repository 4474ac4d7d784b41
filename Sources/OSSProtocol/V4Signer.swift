import COpenSSL

/// Signs requests with version 4, in the header or in the URL. Safe to share: derived keys are kept for as long as they are of use.
public struct V4Signer: RequestSigner {
    public let region: String
    public let product: String
    private let keys = DerivedKeys()

    /// - Parameters:
    ///   - region: of the bucket, without `oss-`, also behind an accelerated endpoint.
    ///   - product: `oss`, or `oss-cloudbox` for cloud boxes.
    public init(region: String, product: String = "oss") { (self.region, self.product) = (region, product) }

    public func sign(_ request: HTTPRequest, resource: SignedResource, credentials: Credentials, now: Timestamp) -> HTTPRequest {
        sign(request, resource: resource, credentials: credentials, now: now, additionalHeaders: [])
    }

    public func presign(
        _ request: HTTPRequest, resource: SignedResource, credentials: Credentials, now: Timestamp, expires: Int
    ) throws(PresignError) -> HTTPRequest {
        try presign(request, resource: resource, credentials: credentials, now: now, expires: expires, additionalHeaders: [])
    }

    /// Adds `x-oss-date`, `x-oss-content-sha256`, `x-oss-security-token` (temporary credentials only) and `Authorization`.
    public func sign(
        _ request: HTTPRequest, resource: SignedResource, credentials: Credentials, now: Timestamp, additionalHeaders: [String]
    ) -> HTTPRequest {
        var signed = request
        let date = now.basic
        signed.headers["x-oss-date"] = date
        signed.headers["x-oss-content-sha256"] = V4.unsignedPayload
        signed.headers["x-oss-security-token"] = credentials.securityToken?.reveal()
        signed.headers["Authorization"] = nil

        let canonical = V4.canonicalRequest(
            method: signed.method, resource: resource, query: signed.query, headers: signed.headers, host: signed.host,
            additionalHeaders: additionalHeaders)
        let (scope, signature) = sign(canonical, date: date, credentials)
        let names = V4.additionalNames(additionalHeaders, in: signed.headers, host: signed.host)
        let credential = V4.Credential(accessKeyID: credentials.accessKeyID, scope: scope)
        signed.headers.add("Authorization", V4Signer.authorization(credential, names, signature))
        return signed
    }

    /// As bytes: a text that grows piece by piece costs several times as much.
    private static func authorization(_ credential: V4.Credential, _ names: [String], _ signature: String) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(256)
        text.append(contentsOf: V4.algorithm.utf8)
        text.append(contentsOf: " Credential=".utf8)
        text.append(contentsOf: credential.accessKeyID.utf8)
        text.append(UInt8(ascii: "/"))
        V4.append(credential.scope, to: &text)
        if !names.isEmpty {
            text.append(contentsOf: ",AdditionalHeaders=".utf8)
            V4.append(names, to: &text)
        }
        text.append(contentsOf: ",Signature=".utf8)
        text.append(contentsOf: signature.utf8)
        return String(decoding: text, as: UTF8.self)
    }

    /// Puts the signature into the query. The headers `Content-Type`, `Content-MD5` and `x-oss-*` of the request are part of it and
    /// must be sent unchanged by whoever uses the URL.
    ///
    /// - Parameter expires: seconds from `now`, 1 to 604800. With temporary credentials the URL also ends with their token.
    public func presign(
        _ request: HTTPRequest, resource: SignedResource, credentials: Credentials, now: Timestamp, expires: Int,
        additionalHeaders: [String]
    ) throws(PresignError) -> HTTPRequest {
        guard V4.expiries.contains(expires) else { throw .expiresOutOfRange(seconds: expires) }
        var signed = request
        let date = now.basic
        let scope = V4.Scope(day: String(date.prefix(8)), region: region, product: product)
        // These belong to the header form; left in, they would be signed and nobody would send them.
        signed.headers["x-oss-date"] = nil
        signed.headers["x-oss-content-sha256"] = nil
        signed.headers["x-oss-security-token"] = nil
        signed.headers["Authorization"] = nil
        let names = V4.additionalNames(additionalHeaders, in: signed.headers, host: signed.host)
        var items = [
            QueryItem("x-oss-signature-version", V4.algorithm), QueryItem("x-oss-date", date), QueryItem("x-oss-expires", String(expires)),
            QueryItem("x-oss-credential", "\(credentials.accessKeyID)/\(scope)"),
        ]
        if !names.isEmpty { items.append(QueryItem("x-oss-additional-headers", names.joined(separator: ";"))) }
        if let token = credentials.securityToken { items.append(QueryItem("x-oss-security-token", token.reveal())) }
        signed.addQuery(items)

        let canonical = V4.canonicalRequest(
            method: signed.method, resource: resource, query: signed.query, headers: signed.headers, host: signed.host,
            additionalHeaders: names)
        let (_, signature) = sign(canonical, date: date, credentials)
        signed.addQuery([QueryItem("x-oss-signature", signature)])
        return signed
    }

    private func sign(_ canonical: [UInt8], date: String, _ credentials: Credentials) -> (V4.Scope, signature: String) {
        let scope = V4.Scope(day: String(date.prefix(8)), region: region, product: product)
        let key = keys.key(secret: credentials.accessKeySecret, scope: scope)
        return (scope, V4.signature(key: key, stringToSign: V4.stringToSign(date: date, scope: scope, canonicalRequest: canonical)))
    }
}

/// Derived V4 keys by secret and scope: four HMACs saved a signature. Unchecked because of the C lock, which guards `kept`.
private final class DerivedKeys: @unchecked Sendable {
    private struct Name: Hashable {
        let secret: Secret
        let scope: V4.Scope
    }

    /// Several leases may sign at once (an authorization server); more than this many are not worth remembering.
    private static let most = 64

    private let lock = CRYPTO_THREAD_lock_new()
    private var kept: [Name: HMACKey] = [:]
    /// Asked for again and again, and compared faster than hashed.
    private var last: (name: Name, key: HMACKey)?

    deinit { CRYPTO_THREAD_lock_free(lock) }

    func key(secret: Secret, scope: V4.Scope) -> HMACKey {
        let name = Name(secret: secret, scope: scope)
        CRYPTO_THREAD_write_lock(lock)
        defer { CRYPTO_THREAD_unlock(lock) }
        if let last, last.name == name { return last.key }
        let key = kept[name] ?? HMACKey(V4.signingKey(secret: secret, scope: scope))
        if kept.count >= DerivedKeys.most { kept.removeAll(keepingCapacity: true) }
        kept[name] = key
        last = (name, key)
        return key
    }
}
