import OSSProtocol

/// Which bucket and key a request is about, from its Host and its path. The key's bytes are decoded once and never normalised.
struct ServiceAddress: Sendable, Equatable {
    var bucket: String?
    /// `nil` for the bucket itself.
    var key: ObjectKey?
    /// From the host's name.
    var region: ServedRegion = .own

    var resource: SignedResource { SignedResource(bucket: bucket, key: key) }

    static func find(host: String, path: String, names: HostNames) throws(OSSFailure) -> ServiceAddress {
        guard path.utf8.first == UInt8(ascii: "/") else { throw badPath(path) }
        let rest = path.dropFirst()
        let service = try names.service(host)
        if let bucket = service.bucket { return ServiceAddress(bucket: bucket, key: try key(String(rest)), region: service.region) }

        // Path style: the bucket ends at the first slash as sent; some SDKs write the slashes inside a key as %2F.
        guard !rest.isEmpty else { return ServiceAddress(bucket: nil, key: nil, region: service.region) }
        let parts = rest.cut(at: "/") ?? (String(rest), "")
        guard let bucket = PercentEncoding.decode(parts.before) else { throw badPath(path) }
        guard service.takesPathStyle else {
            throw OSSFailure(
                403, "SecondLevelDomainForbidden", "Please use virtual hosted style to access.", ec: "0048-00000602",
                ["Bucket": String(decoding: bucket, as: UTF8.self)])
        }
        return ServiceAddress(bucket: String(decoding: bucket, as: UTF8.self), key: try key(parts.after), region: service.region)
    }

    private static func key(_ path: String) throws(OSSFailure) -> ObjectKey? {
        guard !path.isEmpty else { return nil }
        guard let bytes = PercentEncoding.decode(path) else { throw badPath(path) }
        return ObjectKey(utf8: bytes)
    }

    static func withoutPort(_ host: String) -> String {
        if host.hasPrefix("["), let end = host.utf8.firstIndex(of: UInt8(ascii: "]")) { return String(host[...end]) }
        return host.cut(at: ":")?.before ?? host
    }

    private static func badPath(_ path: String) -> OSSFailure {
        OSSFailure(400, "InvalidURI", "Couldn't parse the specified URI.", ec: "0001-00000400", ["URI": path])
    }
}

/// The host names that the sandbox goes by.
///
/// On loopback: IP addresses, `localhost` and `oss-REGION.localhost` for the service, `BUCKET.localhost` and
/// `BUCKET.oss-REGION.localhost` for a bucket. The official names are understood as well, so that what was signed for them can be
/// tried here through a proxy or with another Host header. Source: endpoint table of the OSS documents.
struct HostNames: Sendable {
    /// CNAMEs, lower case, without port.
    var cnames: [String: String] = [:]
    /// Whose `oss-REGION.localhost` is the service; another name like it is a bucket.
    var regions: Set<String> = []
    var isStrict = false

    /// What a host's name stands for: a bucket, or the service itself.
    struct Service: Equatable {
        var bucket: String?
        var region: ServedRegion = .own
        var takesPathStyle = false
    }

    func service(_ host: String) throws(OSSFailure) -> Service {
        let name = ServiceAddress.withoutPort(host).asciiLower
        if let bucket = cnames[name] { return Service(bucket: bucket) }
        if HostNames.isAddress(name) { return Service(takesPathStyle: true) }
        if name == "localhost" { return Service(takesPathStyle: !isStrict) }
        let found: Service? =
            if name.hasSuffix(".localhost") {
                onLoopback(String(name.dropLast(".localhost".count)))
            } else if name.hasSuffix(".aliyuncs.com") {
                HostNames.official(name.dropLast(".aliyuncs.com".count).split(separator: ".", omittingEmptySubsequences: false))
            } else {
                nil
            }
        guard let found else {
            throw OSSFailure(
                403, "NonStandardHostForbidden",
                "The host does not belong to this service. Use 127.0.0.1, localhost, BUCKET.localhost or a CNAME.",
                ec: "0048-00000603")
        }
        return found
    }

    private func onLoopback(_ name: String) -> Service {
        if let region = HostNames.region(name[...]), regions.contains(region) {
            return Service(region: .named(region), takesPathStyle: !isStrict)
        }
        // No bucket has a point in its name.
        if let (bucket, rest) = name.cut(at: "."), let region = HostNames.region(rest[...]) {
            return Service(bucket: bucket, region: .named(region))
        }
        return Service(bucket: name)
    }

    /// `oss-REGION`, `oss-REGION-internal`, `oss-accelerate`, `REGION.oss` (dual stack), `oss` (Hangzhou); a bucket may stand before it.
    private static func official(_ labels: [Substring]) -> Service? {
        guard let last = labels.last, !labels.contains("") else { return nil }
        var (rest, served) = (labels.dropLast(), ServedRegion.every)
        switch last {
        case "oss":
            served = .named(String(rest.popLast() ?? "cn-hangzhou"))
        case "oss-internal": served = .named("cn-hangzhou")
        case "oss-accelerate", "oss-accelerate-overseas": break
        default:
            guard let region = region(last) else { return nil }
            served = .named(region.hasSuffix("-internal") ? String(region.dropLast("-internal".count)) : region)
        }
        guard rest.count <= 1 else { return nil }
        return Service(bucket: rest.last.map { String($0) }, region: served)
    }

    private static func region(_ label: Substring) -> String? {
        label.hasPrefix("oss-") && label.utf8.count > 4 ? String(label.dropFirst(4)) : nil
    }

    private static func isAddress(_ name: String) -> Bool {
        name.hasPrefix("[") || name.utf8.allSatisfy { (48...57).contains($0) || $0 == UInt8(ascii: ".") }
    }
}
