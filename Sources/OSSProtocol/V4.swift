/// The rules of signature version 4 (`OSS4-HMAC-SHA256`): what a signer and a checking server share.
///
/// Source: OSS documents "Include signatures in the Authorization header" and "… in a URL" (V4), and the official SDKs.
public enum V4 {
    public static let algorithm = "OSS4-HMAC-SHA256"
    /// The only payload hash OSS takes.
    public static let unsignedPayload = "UNSIGNED-PAYLOAD"
    /// Seconds a signed URL may live: seven days.
    public static let expiries = 1...604_800
    public static let terminator = "aliyun_v4_request"

    /// `20260115/cn-hangzhou/oss/aliyun_v4_request`.
    public struct Scope: Sendable, Hashable, CustomStringConvertible {
        /// `yyyyMMdd`, UTC.
        public var day: String
        public var region: String
        public var product: String

        public init(day: String, region: String, product: String = "oss") { (self.day, self.region, self.product) = (day, region, product) }

        public var description: String { "\(day)/\(region)/\(product)/\(V4.terminator)" }
    }

    /// `AKID/SCOPE`, the value of `Credential=` and of `x-oss-credential`.
    public struct Credential: Sendable, Hashable {
        public var accessKeyID: String
        public var scope: Scope

        public init(accessKeyID: String, scope: Scope) { (self.accessKeyID, self.scope) = (accessKeyID, scope) }

        /// `nil` unless it has five fields, the key id not empty and the last the terminator.
        public init?(_ text: String) {
            let fields = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
            guard fields.count == 5, !fields[0].isEmpty, fields[4] == V4.terminator else { return nil }
            self.init(accessKeyID: fields[0], scope: Scope(day: fields[1], region: fields[2], product: fields[3]))
        }
    }

    /// The six parts, joined by LF. `query` is the raw query of the request; `x-oss-signature` is left out of it.
    ///
    /// - Parameters:
    ///   - host: value for the additional header `host` when `headers` has none.
    ///   - additionalHeaders: any case and order; names that are absent or signed anyway are dropped.
    public static func canonicalRequest(
        method: String, resource: SignedResource, query: String?, headers: HTTPHeaders, host: String? = nil,
        additionalHeaders: [String] = []
    ) -> [UInt8] {
        let named = additionalNames(additionalHeaders, in: headers, host: host)
        var text: [UInt8] = []
        text.reserveCapacity(1024)
        text.append(contentsOf: method.utf8)
        text.append(lineFeed)
        appendURI(resource, to: &text)
        text.append(lineFeed)
        appendQuery(query, to: &text)
        text.append(lineFeed)
        appendHeaders(headers, host: host, additional: named, to: &text)
        text.append(lineFeed)
        append(named, to: &text)
        text.append(lineFeed)
        text.append(contentsOf: unsignedPayload.utf8)
        return text
    }

    /// - Parameter date: value of `x-oss-date`.
    public static func stringToSign(date: String, scope: Scope, canonicalRequest: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(192)
        text.append(contentsOf: algorithm.utf8)
        text.append(lineFeed)
        text.append(contentsOf: date.utf8)
        text.append(lineFeed)
        append(scope, to: &text)
        text.append(lineFeed)
        Hex.append(Digests.sha256(canonicalRequest), to: &text)
        return text
    }

    /// The key derived from the secret; the same for a whole day, region and product.
    public static func signingKey(secret: Secret, scope: Scope) -> [UInt8] {
        var key = Digests.hmacSHA256(key: Array("aliyun_v4\(secret.reveal())".utf8), message: Array(scope.day.utf8))
        key = Digests.hmacSHA256(key: key, message: Array(scope.region.utf8))
        key = Digests.hmacSHA256(key: key, message: Array(scope.product.utf8))
        return Digests.hmacSHA256(key: key, message: Array(terminator.utf8))
    }

    /// Lower-case hex.
    public static func signature(key: [UInt8], stringToSign: [UInt8]) -> String {
        Hex.encode(Digests.hmacSHA256(key: key, message: stringToSign))
    }

    /// The same for a key that signs often.
    static func signature(key: HMACKey, stringToSign: [UInt8]) -> String { Hex.encode(key.authenticate(stringToSign)) }

    /// The names that count as additional headers: lower case, sorted, present in the request, not signed anyway.
    public static func additionalNames(_ wished: [String], in headers: HTTPHeaders, host: String? = nil) -> [String] {
        if wished.isEmpty { return [] }
        let names = Set(wished.map { lower(trimmed($0)) }).filter { name in
            !isSignedAnyway(name) && (headers[name] != nil || (name == "host" && host != nil))
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// `20260115/cn-hangzhou/oss/aliyun_v4_request`.
    static func append(_ scope: Scope, to text: inout [UInt8]) {
        text.append(contentsOf: scope.day.utf8)
        text.append(UInt8(ascii: "/"))
        text.append(contentsOf: scope.region.utf8)
        text.append(UInt8(ascii: "/"))
        text.append(contentsOf: scope.product.utf8)
        text.append(UInt8(ascii: "/"))
        text.append(contentsOf: terminator.utf8)
    }

    static func append(_ names: [String], to text: inout [UInt8]) {
        for (place, name) in names.enumerated() {
            if place > 0 { text.append(UInt8(ascii: ";")) }
            text.append(contentsOf: name.utf8)
        }
    }

    private static func appendURI(_ resource: SignedResource, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "/"))
        guard let bucket = resource.bucket else { return }
        PercentEncoding.append(bucket.utf8, keepSlash: true, to: &text)
        text.append(UInt8(ascii: "/"))
        if let key = resource.key { PercentEncoding.append(key.utf8, keepSlash: true, to: &text) }
    }

    /// Each name and value decoded once and encoded again, sorted by name, then by value, without `=` where there is no value.
    private static func appendQuery(_ query: String?, to text: inout [UInt8]) {
        guard let query, !query.isEmpty else { return }
        let raw = Array(query.utf8)
        // Recoded names and values, one behind the other; pairs are places in it. A token makes a query of several kilobytes, so
        // an array a name would cost more than the hashes.
        var recoded: [UInt8] = []
        recoded.reserveCapacity(raw.count + 64)
        var pairs: [(name: Range<Int>, value: Range<Int>)] = []
        var start = 0
        while start < raw.count {
            let end = raw[start...].firstIndex(of: UInt8(ascii: "&")) ?? raw.count
            defer { start = end + 1 }
            guard start < end else { continue }
            let equals = raw[start..<end].firstIndex(of: UInt8(ascii: "=")) ?? end
            let place = recoded.count
            PercentEncoding.recode(raw, start..<equals, to: &recoded)
            let name = place..<recoded.count
            if recoded[name].elementsEqual(signatureName) { continue }
            if equals < end { PercentEncoding.recode(raw, equals + 1..<end, to: &recoded) }
            pairs.append((name, name.upperBound..<recoded.count))
        }
        pairs.sort { a, b in
            if recoded[a.name].elementsEqual(recoded[b.name]) { return recoded[a.value].lexicographicallyPrecedes(recoded[b.value]) }
            return recoded[a.name].lexicographicallyPrecedes(recoded[b.name])
        }
        for (place, pair) in pairs.enumerated() {
            if place > 0 { text.append(UInt8(ascii: "&")) }
            text.append(contentsOf: recoded[pair.name])
            if pair.value.isEmpty { continue }
            text.append(UInt8(ascii: "="))
            text.append(contentsOf: recoded[pair.value])
        }
    }

    private static let signatureName = Array("x-oss-signature".utf8)

    /// `name:value` lines of content-type, content-md5, `x-oss-*` and the additional headers; two of one name are joined by a comma.
    private static func appendHeaders(_ headers: HTTPHeaders, host: String?, additional: [String], to text: inout [UInt8]) {
        var signed: [(name: String, value: String)] = []
        signed.reserveCapacity(headers.fields.count)
        for field in headers.fields {
            let name = lower(field.name)
            guard isSignedAnyway(name) || additional.contains(name) else { continue }
            if let place = signed.firstIndex(where: { $0.name == name }) {
                signed[place].value += ",\(field.value)"
            } else {
                signed.append((name, field.value))
            }
        }
        if let host, additional.contains("host"), headers["host"] == nil { signed.append(("host", host)) }
        signed.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for (name, value) in signed {
            text.append(contentsOf: name.utf8)
            text.append(UInt8(ascii: ":"))
            appendTrimmed(value, to: &text)
            text.append(lineFeed)
        }
    }

    static func trimmed(_ text: String) -> String {
        var bytes: [UInt8] = []
        appendTrimmed(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    static func appendTrimmed(_ value: String, to text: inout [UInt8]) {
        // The usual value has no blanks at its ends; copied whole it costs a fraction, and tokens are long.
        if let first = value.utf8.first, first != 32, first != 9, let last = value.utf8.last, last != 32, last != 9 {
            text.append(contentsOf: value.utf8)
            return
        }
        let bytes = value.utf8
        let start = bytes.firstIndex { $0 != 32 && $0 != 9 } ?? bytes.endIndex
        let end = bytes.lastIndex { $0 != 32 && $0 != 9 }.map { bytes.index(after: $0) } ?? start
        text.append(contentsOf: bytes[start..<end])
    }

    private static func isSignedAnyway(_ name: String) -> Bool {
        name.hasPrefix("x-oss-") || name == "content-type" || name == "content-md5"
    }

    /// ASCII only, and without work for the usual case of a name that is lower already.
    static func lower(_ name: String) -> String {
        guard name.utf8.contains(where: { (65...90).contains($0) }) else { return name }
        return String(decoding: name.utf8.map { (65...90).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    static let lineFeed = UInt8(ascii: "\n")
}
