import Credentials
import OSSProtocol

/// A signed URL that came with an order in place of a destination: good for one PutObject, made elsewhere, and a secret as a whole.
///
/// It lies in the credential cache under its scope, never in the queue's database; what people see is the bucket and the key.
struct GivenURL: Sendable {
    private static let scopes = "signed-url#"
    private static let fingerprint = "signed-url"

    let text: Secret
    let address: WebAddress
    let bucket: String
    let key: String

    static func isOne(_ scope: String) -> Bool { scope.utf8.starts(with: scopes.utf8) }

    /// - Throws: what is wrong with it, without repeating it.
    init(_ text: String) throws(OrderError) {
        let wrong = { (why: String) in OrderError.option("--signed-url \(why). Copy the whole URL, in quotes") }
        guard let address = WebAddress(text) else { throw wrong("is no http or https URL") }
        let items = QueryItem.parse(address.query).map { $0.name.lowercased() }
        guard items.contains(where: { ["signature", "x-oss-signature"].contains($0) }) else { throw wrong("carries no signature") }
        guard let path = PercentEncoding.decode(address.path).flatMap({ String(validating: $0, as: UTF8.self) }) else {
            throw wrong("names no key that could be read")
        }
        // Bucket in the host, or, where a host is a number, first in the path.
        var name = path.drop { $0 == "/" }
        if (try? Endpoint(address.host))?.needsPathStyle == true {
            bucket = String(name.prefix { $0 != "/" })
            name = name.drop { $0 != "/" }.dropFirst()
        } else {
            bucket = String(address.host.prefix { $0 != "." && $0 != ":" })
        }
        guard !bucket.isEmpty, !name.isEmpty else { throw wrong("names no object") }
        (self.text, self.address, key) = (Secret(text), address, String(name))
    }

    init?(cached entry: LeaseCache.Entry) {
        guard entry.fingerprint == GivenURL.fingerprint, let url = try? GivenURL(entry.credentials.accessKeySecret.reveal()) else {
            return nil
        }
        self = url
    }

    func entry(now: Timestamp) -> LeaseCache.Entry {
        LeaseCache.Entry(
            credentials: Credentials(accessKeyID: GivenURL.fingerprint, accessKeySecret: text, securityToken: nil), fetched: now,
            expires: nil, grant: nil, fingerprint: GivenURL.fingerprint)
    }

    var target: Target {
        Target(
            scope: GivenURL.scopes + Hex.encode(Array(Digests.sha256(Array(text.reveal().utf8)).prefix(8))), remote: nil, bucket: bucket,
            region: "", endpoint: address.origin, addressing: "path", prefix: key, isKey: true, mayRead: false)
    }
}

/// Sends what the URL was signed for, once more after a failure, and nothing else.
struct GivenURLAuthorizer: RequestAuthorizer {
    let url: GivenURL

    func authorize(
        _ operation: OSSOperation, key: ObjectKey, target: Target, minimumLife: Duration
    ) async throws(AccessFailure) -> AuthorizedRequest {
        guard case .putObject(let wishes) = operation else {
            throw .refused("a signed URL is good for one request that puts the object, not for \(operation.permission)")
        }
        let request = HTTPRequest(
            method: "PUT", scheme: url.address.scheme, host: url.address.host, path: url.address.path, query: url.address.query,
            headers: wishes.headers(for: .put, presigned: true), body: [])
        // No other will come by itself: when its time is over, that is the end.
        return AuthorizedRequest(request: request, generation: 0, isLasting: true)
    }

    func retire(generation: UInt64, target: Target) async {}
    func learnClock(serverTime: Timestamp) async {}
}
