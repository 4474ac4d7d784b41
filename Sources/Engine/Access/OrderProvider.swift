import Contracts
import Credentials
import OSSProtocol

/// The `OSS_*` variables of whoever gave an order.
struct OrderProvider: CredentialProvider, Equatable {
    let credentials: Credentials
    let place: OrderPlace

    var kind: String { "env" }
    var fingerprint: String { "order|\(credentials.accessKeyID)" }

    func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials { IssuedCredentials(credentials: credentials) }

    /// - Throws: what is missing or cannot be, with exit 2 or (no key at all) 6.
    init(_ order: OrderCredentials) throws(OrderError) {
        let wrong: (String) -> OrderError = { OrderError(code: "BadCredentials", message: $0, exit: 2) }
        guard !order.accessKeyId.isEmpty, !order.accessKeySecret.isEmpty else { throw OrderProvider.missing }
        let isClean: (String) -> Bool = { $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } }
        guard isClean(order.accessKeyId), isClean(order.accessKeySecret), isClean(order.securityToken ?? "") else {
            throw wrong(
                "the access key holds blanks or characters that cannot be in it. Check OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET and OSS_SESSION_TOKEN"
            )
        }
        let given: (String?) -> String? = { $0.flatMap { $0.isEmpty ? nil : $0 } }
        let region: String
        if let named = given(order.region) ?? given(order.endpoint).flatMap(Endpoint.region(of:)) {
            region = named
        } else {
            throw wrong("OSS_REGION is not set, and OSS_ENDPOINT does not tell the region. Set it, such as OSS_REGION=cn-hangzhou")
        }
        do throws(EndpointError) { try Endpoint.check(region: region) } catch {
            throw wrong("“\(PlainText.line(region, limit: 60))” is no region's id. Set OSS_REGION, such as cn-hangzhou")
        }
        let endpoint: Endpoint
        do throws(EndpointError) {
            endpoint = try given(order.endpoint).map { text throws(EndpointError) in try Endpoint(text) } ?? .forRegion(region)
        } catch {
            throw wrong("OSS_ENDPOINT: \(error)")
        }
        let addressing = given(order.addressing) ?? "virtual"
        guard Addressing(rawValue: addressing) != nil else {
            throw wrong("OSS_ADDRESSING is “\(PlainText.line(addressing, limit: 40))”. It takes virtual, path or cname")
        }
        credentials = Credentials(
            accessKeyID: order.accessKeyId, accessKeySecret: Secret(order.accessKeySecret),
            securityToken: given(order.securityToken).map { Secret($0) })
        place = OrderPlace(
            region: region, endpoint: "\(endpoint.scheme)://\(endpoint.host)", addressing: endpoint.needsPathStyle ? "path" : addressing)
    }

    init?(cached entry: LeaseCache.Entry) {
        guard let place = entry.order else { return nil }
        (credentials, self.place) = (entry.credentials, place)
    }

    /// The engine's own variables, when it has a key.
    /// - Throws: when it has half of one: somebody meant it to be used.
    init?(environment: [String: String]) throws(OrderError) {
        let (id, secret) = (environment["OSS_ACCESS_KEY_ID"] ?? "", environment["OSS_ACCESS_KEY_SECRET"] ?? "")
        if id.isEmpty && secret.isEmpty { return nil }
        guard !id.isEmpty, !secret.isEmpty else {
            let (there, missing) = id.isEmpty ? ("OSS_ACCESS_KEY_SECRET", "OSS_ACCESS_KEY_ID") : ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET")
            throw OrderError(
                code: "BadCredentials", message: "\(there) is set in the engine's environment, but \(missing) is not. Set both, or neither",
                exit: 2)
        }
        try self.init(
            OrderCredentials(
                accessKeyId: id, accessKeySecret: secret, securityToken: environment["OSS_SESSION_TOKEN"],
                region: environment["OSS_REGION"],
                endpoint: environment["OSS_ENDPOINT"], addressing: environment["OSS_ADDRESSING"]))
    }

    func entry(now: Timestamp) -> LeaseCache.Entry {
        LeaseCache.Entry(credentials: credentials, fetched: now, expires: nil, grant: nil, fingerprint: fingerprint, order: place)
    }

    static let missing = OrderError(
        code: "NoCredentials",
        message:
            "there are no credentials for oss:// (OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET are not set, and neither ossutil nor aliyun has a profile). Set them, or use a remote of config.toml",
        exit: 6)
}

/// The scope of credentials that came with an order: `oss://BUCKET#HASH`.
enum OrderScope {
    /// Long-lived keys are told apart by their id. Temporary ones of one endpoint and bucket share a scope: each has an id of its
    /// own, and uploads that wait because theirs has expired shall go on with the one that the next order brings.
    static func name(bucket: String, order: OrderProvider) -> String {
        let owner = order.credentials.securityToken == nil ? "key " + order.credentials.accessKeyID : "token"
        let text = "\(order.place.endpoint) \(order.place.addressing) \(bucket) \(owner)"
        return "oss://\(bucket)#" + Hex.encode(Array(Digests.sha256(Array(text.utf8)).prefix(4)))
    }

    /// People know the bucket; the hash behind it tells scopes apart and nothing else.
    static func shown(_ scope: String) -> String { String(decoding: scope.utf8.prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self) }

    /// Orders that the official tools' profile serves: `oss://BUCKET#profile`.
    static func profile(bucket: String) -> String { "oss://\(bucket)#profile" }

    static func bucketOfProfile(_ scope: String) -> String? {
        guard isOne(scope), scope.hasSuffix("#profile") else { return nil }
        return String(decoding: scope.utf8.dropFirst("oss://".utf8.count).dropLast("#profile".utf8.count), as: UTF8.self)
    }

    static func isOne(_ scope: String) -> Bool { scope.utf8.starts(with: "oss://".utf8) }
}
