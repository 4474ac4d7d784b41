/// The service's own host names. Source: the fact sheet of the protocol, section 1.1.
extension Endpoint {
    /// The ways into a region, as configuration writes them.
    public enum Network: String, Sendable, Hashable, Codable, CaseIterable {
        case `public`
        /// From a machine of the same region only; its traffic costs nothing.
        case `internal`
        /// The nearest entry anywhere, for buckets that have acceleration switched on.
        case accelerate
        /// The same outside of mainland China.
        case accelerateOverseas = "accelerate-overseas"
        /// IPv4 and IPv6.
        case dualStack = "dual-stack"
    }

    /// The endpoint of a region by https. An accelerated one is the same for every region; requests to it are signed for the bucket's.
    ///
    /// - Parameter region: `cn-hangzhou`; not checked here, see `check(region:)`.
    public static func forRegion(_ region: String, _ network: Network = .public) -> Endpoint {
        switch network {
        case .public: Endpoint(ownHost: "oss-\(region).aliyuncs.com")
        case .internal: Endpoint(ownHost: "oss-\(region)-internal.aliyuncs.com")
        case .accelerate: Endpoint(ownHost: "\(accelerated[0]).aliyuncs.com")
        case .accelerateOverseas: Endpoint(ownHost: "\(accelerated[1]).aliyuncs.com")
        case .dualStack: Endpoint(ownHost: "\(region).oss.aliyuncs.com")
        }
    }

    /// The public STS endpoint of a region, `https://sts.REGION.aliyuncs.com`.
    public static func stsForRegion(_ region: String) -> Endpoint { STS.endpoint(region: region) }

    /// `a-z 0-9 -`, at most 63: the list of regions is open, so only the shape is checked. `oss-cn-hangzhou` is a location, no region.
    public static func check(region: String) throws(EndpointError) {
        guard isRegion(region[...]), !region.hasPrefix("oss-") else { throw .region(region) }
    }

    /// The signing region that the host tells: that of the region's own endpoints, or the id of a cloud box. `nil` for accelerated
    /// endpoints (they serve every region), custom domains, addresses, and names with a bucket in front.
    public var region: String? {
        guard let front = ownName else { return nil }
        if front == "oss" || front == "oss-internal" { return "cn-hangzhou" }  // from the time of one region
        if Endpoint.accelerated.contains(front) { return nil }
        if let (first, rest) = front.splitOnce(".") {
            if product == Endpoint.cloudBox { return first.hasPrefix("cb-") && Endpoint.isRegion(first[...]) ? first : nil }
            // BUCKET.oss.aliyuncs.com has the same shape, but a region begins with the two letters of its area.
            let hasArea = first.utf8.prefix(2).allSatisfy { (97...122).contains($0) } && first.utf8.dropFirst(2).first == UInt8(ascii: "-")
            return rest == "oss" && hasArea && Endpoint.isRegion(first[...]) ? first : nil
        }
        guard front.hasPrefix("oss-") else { return nil }
        var region = front.dropFirst(4)
        if region.hasSuffix("-internal") { region = region.dropLast(9) }
        return Endpoint.isRegion(region) ? String(region) : nil
    }

    /// The product that version 4 signs: `oss`, or `oss-cloudbox` for a cloud box.
    public var product: String {
        let isCloudBox = [Endpoint.cloudBox, "\(Endpoint.cloudBox)-control"].contains { ownName?.hasSuffix(".\($0)") == true }
        return isCloudBox ? Endpoint.cloudBox : "oss"
    }

    /// Buckets cannot be names in front of this host: an address (IPv4 or IPv6, with or without port), or a private link, whose
    /// certificate and DNS know only the one name.
    public var needsPathStyle: Bool { isAddress || ownName?.hasSuffix(".privatelink") == true }

    private static let accelerated = ["oss-accelerate", "oss-accelerate-overseas"]
    private static let cloudBox = "oss-cloudbox"

    /// What stands before `.aliyuncs.com`.
    private var ownName: String? {
        let suffix = ".aliyuncs.com"
        return name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : nil
    }

    private static func isRegion(_ text: Substring) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") }
    }
}
