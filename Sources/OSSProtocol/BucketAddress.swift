/// A bucket on an endpoint. An endpoint that cannot have names in front of it is always asked in path style.
public struct BucketAddress: Sendable, Hashable {
    public var endpoint: Endpoint
    public var addressing: Addressing
    /// The signing region, `cn-hangzhou`: without `oss-`.
    public var region: String
    /// Empty for the service itself (ListBuckets).
    public var bucket: String

    public init(endpoint: Endpoint, addressing: Addressing, region: String, bucket: String) {
        self.endpoint = endpoint
        self.addressing = addressing
        self.region = region
        self.bucket = bucket
    }

    /// `addressing`, unless the endpoint leaves no choice.
    public var effectiveAddressing: Addressing { endpoint.needsPathStyle ? .path : addressing }

    /// An unsigned request for a key of the bucket, or for the bucket itself.
    public func request(
        method: String, key: ObjectKey?, query: [QueryItem] = [], headers: HTTPHeaders = [:], body: [UInt8] = []
    ) -> HTTPRequest {
        var path: [UInt8] = [UInt8(ascii: "/")]
        var host = endpoint.host
        if !bucket.isEmpty {
            switch effectiveAddressing {
            case .virtual:
                host = "\(bucket).\(host)"
            case .path:
                PercentEncoding.append(bucket.utf8, to: &path)
                path.append(UInt8(ascii: "/"))
            case .cname:
                break
            }
        }
        if let key { PercentEncoding.append(key.utf8, keepSlash: true, to: &path) }
        return HTTPRequest(
            method: method, scheme: endpoint.scheme, host: host, path: String(decoding: path, as: UTF8.self), query: QueryItem.join(query),
            headers: headers, body: body)
    }

    /// What a signature over a request for that key is about.
    public func resource(_ key: ObjectKey?) -> SignedResource { SignedResource(bucket: bucket.isEmpty ? nil : bucket, key: key) }
}

/// The bucket and key a signature is about, whatever the addressing style.
public struct SignedResource: Sendable, Hashable {
    public var bucket: String?
    public var key: ObjectKey?

    public init(bucket: String?, key: ObjectKey?) { (self.bucket, self.key) = (bucket, key) }
}
