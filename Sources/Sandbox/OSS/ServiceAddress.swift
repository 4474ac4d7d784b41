import OSSProtocol

/// Which bucket and key a request is about, from its Host and its path. The key's bytes are decoded once and never normalised.
struct ServiceAddress: Sendable, Equatable {
    var bucket: String?
    /// `nil` for the bucket itself.
    var key: ObjectKey?

    var resource: SignedResource { SignedResource(bucket: bucket, key: key) }

    /// - Parameter hosts: CNAMEs, lower case, without port.
    static func find(host: String, path: String, hosts: [String: String]) throws(OSSFailure) -> ServiceAddress {
        let name = withoutPort(host).asciiLower
        guard path.utf8.first == UInt8(ascii: "/") else { throw badPath(path) }
        let rest = path.dropFirst()
        if let bucket = try virtualBucket(name, hosts: hosts) { return ServiceAddress(bucket: bucket, key: try key(String(rest))) }

        // Path style: the bucket ends at the first slash as sent; some SDKs write the slashes inside a key as %2F.
        guard !rest.isEmpty else { return ServiceAddress(bucket: nil, key: nil) }
        let parts = rest.cut(at: "/") ?? (String(rest), "")
        guard let bucket = PercentEncoding.decode(parts.before) else { throw badPath(path) }
        if isOfficial(name) {
            throw OSSFailure(
                403, "SecondLevelDomainForbidden", "Please use virtual hosted style to access.", ec: "0048-00000602", ["HostId": host])
        }
        return ServiceAddress(bucket: String(decoding: bucket, as: UTF8.self), key: try key(parts.after))
    }

    private static func key(_ path: String) throws(OSSFailure) -> ObjectKey? {
        guard !path.isEmpty else { return nil }
        guard let bytes = PercentEncoding.decode(path) else { throw badPath(path) }
        return ObjectKey(utf8: bytes)
    }

    /// - Returns: `nil` where the host is the service's own, so that the bucket is in the path.
    private static func virtualBucket(_ name: String, hosts: [String: String]) throws(OSSFailure) -> String? {
        if let bucket = hosts[name] { return bucket }
        if name == "localhost" || isAddress(name) { return nil }
        if name.hasSuffix(".localhost") { return String(name.dropLast(".localhost".count)) }
        if isOfficial(name) {
            guard let parts = name.cut(at: "."), !isService(name) else { return nil }
            return parts.before
        }
        throw OSSFailure(
            403, "NonStandardHostForbidden",
            "The host does not belong to this service. Use 127.0.0.1, localhost, BUCKET.localhost or a CNAME.",
            ec: "0048-00000603", ["HostId": name])
    }

    /// So that signatures made for the real hosts can be tried here, through a proxy or by hand.
    private static func isOfficial(_ name: String) -> Bool { name.hasSuffix(".aliyuncs.com") }

    /// `oss-REGION.aliyuncs.com` and, dual stack, `REGION.oss.aliyuncs.com`. One label more is a bucket, also if it begins with `oss-`.
    private static func isService(_ name: String) -> Bool {
        let labels = name.dropLast(".aliyuncs.com".count).split(separator: ".")
        return labels.count <= (labels.last == "oss" ? 2 : 1)
    }

    private static func isAddress(_ name: String) -> Bool {
        name.hasPrefix("[") || name.utf8.allSatisfy { (48...57).contains($0) || $0 == UInt8(ascii: ".") }
    }

    static func withoutPort(_ host: String) -> String {
        if host.hasPrefix("["), let end = host.utf8.firstIndex(of: UInt8(ascii: "]")) { return String(host[...end]) }
        return host.cut(at: ":")?.before ?? host
    }

    private static func badPath(_ path: String) -> OSSFailure {
        OSSFailure(400, "InvalidURI", "Couldn't parse the specified URI.", ec: "0001-00000400", ["URI": path])
    }
}
