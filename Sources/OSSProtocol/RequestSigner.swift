/// Signs requests for OSS. What is signed never depends on the addressing style, so the resource is said beside the request.
public protocol RequestSigner: Sendable {
    /// In the header.
    func sign(_ request: HTTPRequest, resource: SignedResource, credentials: Credentials, now: Timestamp) -> HTTPRequest

    /// In the query, valid for `expires` seconds from `now`.
    func presign(
        _ request: HTTPRequest, resource: SignedResource, credentials: Credentials, now: Timestamp, expires: Int
    ) throws(PresignError) -> HTTPRequest
}

/// Why a URL cannot be signed.
public enum PresignError: Error, Sendable, Equatable, CustomStringConvertible {
    case expiresOutOfRange(seconds: Int)

    public var description: String {
        switch self {
        case .expiresOutOfRange(let seconds): "a signed URL cannot live \(seconds) s; give 1 s to 7 days (604800 s)"
        }
    }
}

extension HTTPRequest {
    /// Appends to the raw query, encoded.
    mutating func addQuery(_ items: [QueryItem]) {
        guard let added = QueryItem.join(items) else { return }
        query = query.flatMap { $0.isEmpty ? nil : "\($0)&\(added)" } ?? added
    }
}
