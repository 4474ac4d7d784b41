/// The rules of signature version 1 (`OSS AKID:SIGNATURE`, HMAC-SHA1): what a signer and a checking server share.
///
/// Source: OSS documents "Include signatures in the Authorization header" and "… in a URL" (V1), and the official SDKs.
public enum V1 {
    /// - Parameter date: the `Date` (or `x-oss-date`) as sent; in a signed URL the number of `Expires`.
    public static func stringToSign(method: String, resource: SignedResource, query: String?, headers: HTTPHeaders, date: String) -> [UInt8]
    {
        var text: [UInt8] = []
        text.reserveCapacity(512)
        for part in [method, headers["Content-MD5"] ?? "", headers["Content-Type"] ?? "", date] {
            V4.appendTrimmed(part, to: &text)
            text.append(V4.lineFeed)
        }
        appendHeaders(headers, to: &text)
        text.append(UInt8(ascii: "/"))
        if let bucket = resource.bucket {
            text.append(contentsOf: bucket.utf8)
            text.append(UInt8(ascii: "/"))
            if let key = resource.key { text.append(contentsOf: key.utf8) }
        }
        appendSubresources(query, to: &text)
        return text
    }

    /// Base64.
    public static func signature(secret: Secret, stringToSign: [UInt8]) -> String {
        Base64.encode(Digests.hmacSHA1(key: Array(secret.reveal().utf8), message: stringToSign))
    }

    /// The value that the Date line of the header form holds: `x-oss-date` where it is sent, else `Date`.
    public static func date(of headers: HTTPHeaders) -> String? { headers["x-oss-date"] ?? headers["Date"] }

    /// `OSS AKID:SIGNATURE`, `nil` for anything else.
    public static func parseAuthorization(_ value: String) -> (accessKeyID: String, signature: String)? {
        guard let (name, rest) = value.splitOnce(" "), name == "OSS", let (id, signature) = rest.splitOnce(":"), !id.isEmpty,
            !signature.isEmpty
        else { return nil }
        return (id, signature)
    }

    private static func appendHeaders(_ headers: HTTPHeaders, to text: inout [UInt8]) {
        var signed = headers.fields.map { (name: V4.lower($0.name), value: $0.value) }.filter { $0.name.utf8.starts(with: "x-oss-".utf8) }
        signed.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for (name, value) in signed {
            text.append(contentsOf: name.utf8)
            text.append(UInt8(ascii: ":"))
            V4.appendTrimmed(value, to: &text)
            text.append(V4.lineFeed)
        }
    }

    /// Only the parameters of the list count, with decoded values; the first of two of one name wins.
    private static func appendSubresources(_ query: String?, to text: inout [UInt8]) {
        var kept: [QueryItem] = []
        for item in QueryItem.parse(query) where subresources.contains(item.name) && !kept.contains(where: { $0.name == item.name }) {
            kept.append(item)
        }
        kept.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for (place, item) in kept.enumerated() {
            text.append(UInt8(ascii: place == 0 ? "?" : "&"))
            text.append(contentsOf: item.name.utf8)
            guard let value = item.value?.nonEmpty else { continue }
            text.append(UInt8(ascii: "="))
            text.append(contentsOf: value.utf8)
        }
    }

    /// The union of the official SDKs' lists.
    static let subresources: Set<String> = [
        "acl", "append", "asyncFetch", "bucketInfo", "callback", "callback-var", "cname", "comp", "continuation-token", "cors", "delete",
        "encryption", "endTime", "img", "inventory", "inventoryId", "lifecycle", "live", "location", "logging", "metaQuery", "objectMeta",
        "partNumber", "policy", "position", "qos", "qosInfo", "referer", "regionList", "replication", "replicationLocation",
        "replicationProgress", "requestPayment", "resourceGroup", "response-cache-control", "response-content-disposition",
        "response-content-encoding", "response-content-language", "response-content-type", "response-expires", "restore", "security-token",
        "sequential", "startTime", "stat", "status", "style", "styleName", "symlink", "tagging", "transferAcceleration", "uploadId",
        "uploads",
        "versionId", "versioning", "versions", "vod", "website", "worm", "wormExtend", "wormId", "x-oss-ac-forward-allow",
        "x-oss-ac-source-ip", "x-oss-ac-subnet-mask", "x-oss-ac-vpc-id", "x-oss-async-process", "x-oss-process", "x-oss-request-payer",
        "x-oss-traffic-limit",
    ]
}

/// Signs requests with version 1, in the header or in the URL.
public struct V1Signer: RequestSigner {
    public init() {}

    /// Sets `Date`, `x-oss-security-token` (temporary credentials only) and `Authorization`.
    public func sign(_ request: HTTPRequest, resource: SignedResource, credentials: Credentials, now: Timestamp) -> HTTPRequest {
        var signed = request
        signed.headers["Date"] = now.httpDate
        // Left over from another clock, it would be signed in the place of the date.
        signed.headers["x-oss-date"] = signed.headers["x-oss-date"].map { _ in now.httpDate }
        signed.headers["x-oss-security-token"] = credentials.securityToken?.reveal()
        let text = V1.stringToSign(
            method: signed.method, resource: resource, query: signed.query, headers: signed.headers, date: now.httpDate)
        let signature = V1.signature(secret: credentials.accessKeySecret, stringToSign: text)
        signed.headers["Authorization"] = "OSS \(credentials.accessKeyID):\(signature)"
        return signed
    }

    /// - Parameter expires: seconds from `now`, at least 1. Version 1 knows no upper bound but the life of the token.
    public func presign(
        _ request: HTTPRequest, resource: SignedResource, credentials: Credentials, now: Timestamp, expires: Int
    ) throws(PresignError) -> HTTPRequest {
        // 100 years: only to keep the sum far from overflow.
        guard (1...3_153_600_000).contains(expires) else { throw .expiresOutOfRange(seconds: expires) }
        var signed = request
        for name in ["Date", "x-oss-date", "x-oss-security-token", "Authorization"] { signed.headers[name] = nil }
        let end = String(now.seconds + Int64(expires))
        if let token = credentials.securityToken { signed.addQuery([QueryItem("security-token", token.reveal())]) }
        let text = V1.stringToSign(method: signed.method, resource: resource, query: signed.query, headers: signed.headers, date: end)
        let signature = V1.signature(secret: credentials.accessKeySecret, stringToSign: text)
        signed.addQuery([
            QueryItem("OSSAccessKeyId", credentials.accessKeyID), QueryItem("Expires", end), QueryItem("Signature", signature),
        ])
        return signed
    }
}
