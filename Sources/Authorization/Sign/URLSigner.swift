import Contracts
import OSSProtocol

/// One order for a signed URL, checked: which request it stands for.
struct SigningOrder: Sendable {
    var operation: OSSOperation
    var key: ObjectKey
    var headers: HTTPHeaders
    var verb: GrantVerb

    /// - Throws: 400 for what is no request at all, 403 for keys that nobody is granted.
    init(_ item: SignedURLsRequest.Item) throws(Refusal) {
        key = ObjectKey(item.key)
        if let reason = KeyRule.problem(key: key.utf8) { throw .outside("\(reason) is granted to nobody") }
        headers = try SigningHeaders.checked(item.headers ?? [:])
        switch item.operation {
        case "put": (operation, verb) = (.putObject(ObjectHeaders()), .upload)
        case "initiate": (operation, verb) = (.initiate(ObjectHeaders()), .upload)
        case "part":
            guard let number = item.partNumber, OSSLimits.partNumbers.contains(number) else {
                throw .bad("a part needs \"part_number\", 1 to 10000")
            }
            (operation, verb) = (.uploadPart(number: number, uploadID: try SigningOrder.uploadID(item)), .upload)
        case "complete":
            (operation, verb) = (.complete(uploadID: try SigningOrder.uploadID(item), parts: [], forbidOverwrite: false), .upload)
        case "abort": (operation, verb) = (.abort(uploadID: try SigningOrder.uploadID(item)), .upload)
        case "list-parts":
            let after = item.partNumber ?? 0
            guard after == 0 || OSSLimits.partNumbers.contains(after) else { throw .bad("\"part_number\" of list-parts is 0 to 10000") }
            (operation, verb) = (.listParts(uploadID: try SigningOrder.uploadID(item), after: after), .upload)
        // HEAD is oss:GetObject, which comes with the verb “get”.
        case "head": (operation, verb) = (.headObject, .get)
        default:
            throw .bad(
                "unknown operation “\(Line.clean(item.operation, most: 40))”. Accepted: put, initiate, part, complete, abort, list-parts, head"
            )
        }
    }

    /// OSS counts no object's bytes before it is stored; what it does check is a length that is part of the signature.
    /// - Throws: where the URL would let a larger object be stored.
    func check(largestObject most: Int64) throws(Refusal) {
        switch operation {
        case .putObject:
            guard let length = headers["content-length"].flatMap({ Int64($0) }), length >= 0 else {
                throw .bad("objects may have at most \(most) bytes there. Name the length in the header content-length, it is signed")
            }
            guard length <= most else { throw .outside("the object has \(length) bytes, of which at most \(most) are granted there") }
        case .initiate, .uploadPart, .complete:
            throw .outside("objects may have at most \(most) bytes there, which cannot be held for an upload in parts. Use put")
        default: return
        }
    }

    private static func uploadID(_ item: SignedURLsRequest.Item) throws(Refusal) -> String {
        guard let id = item.uploadId, (1...1024).contains(id.utf8.count), id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .bad("\"\(item.operation)\" needs \"upload_id\", as OSS gave it")
        }
        return id
    }
}

/// Which headers a client may have signed: what describes its object, nothing that names another or changes who is asking.
enum SigningHeaders {
    private static let names: Set<String> = [
        "cache-control", "content-disposition", "content-encoding", "content-language", "content-length", "content-md5", "content-type",
        "expires",
        "x-oss-callback", "x-oss-callback-var", "x-oss-forbid-overwrite", "x-oss-hash-ctx", "x-oss-object-acl", "x-oss-request-payer",
        "x-oss-server-side-data-encryption", "x-oss-server-side-encryption", "x-oss-server-side-encryption-key-id", "x-oss-storage-class",
        "x-oss-tagging", "x-oss-traffic-limit",
    ]

    static func checked(_ headers: [String: String]) throws(Refusal) -> HTTPHeaders {
        guard headers.count <= 64 else { throw .bad("more than 64 headers") }
        var result = HTTPHeaders()
        var seen: Set<String> = []
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
            let lower = name.lowercased()
            let isName = !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
            guard isName, value.utf8.count <= 8 << 10, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
                throw .bad("a header that cannot be sent")
            }
            guard names.contains(lower) || lower.utf8.starts(with: "x-oss-meta-".utf8) else {
                throw .bad(
                    "the header “\(Line.clean(name, most: 60))” is not signed for clients. Accepted: x-oss-meta-*, \(names.sorted().joined(separator: ", "))"
                )
            }
            guard seen.insert(lower).inserted else { throw .bad("the header “\(Line.clean(name, most: 60))” stands twice") }
            result.add(name, value)
        }
        return result
    }
}

/// Signs requests with the token of a scope, so that a URL is never wider than the scope and dies with the token.
struct URLSigner: Sendable {
    let scope: Scope
    let token: IssuedToken
    /// On the server's clock.
    let now: Timestamp
    /// Wished, in seconds.
    let expiresIn: Int

    /// Seconds until the URLs end: as wished, but no longer than the token lives.
    var life: Int { max(1, min(expiresIn, Int(token.left(at: now).components.seconds))) }
    var end: Timestamp { min(now + .seconds(life), token.expiration) }

    func sign(_ orders: [SigningOrder]) throws(Refusal) -> [SignedURLsAnswer.Item] {
        let address = BucketAddress(endpoint: scope.endpoint, addressing: .virtual, region: scope.region, bucket: scope.bucket)
        let signer = V4Signer(region: scope.region, product: scope.endpoint.product)
        let expires = end.iso8601
        var items: [SignedURLsAnswer.Item] = []
        items.reserveCapacity(orders.count)
        for order in orders {
            let request = address.request(
                method: order.operation.method, key: order.key, query: order.operation.query, headers: order.headers)
            let signed: HTTPRequest
            do throws(PresignError) {
                signed = try signer.presign(
                    request, resource: address.resource(order.key), credentials: token.credentials, now: now, expires: life,
                    additionalHeaders: ["content-length"])
            } catch {
                throw Refusal(500, "CannotSign", "the URL cannot be signed: \(error)")
            }
            var headers: [String: String] = [:]
            for field in signed.headers.fields { headers[field.name] = field.value }
            items.append(SignedURLsAnswer.Item(url: signed.url, method: signed.method, headers: headers, expiresAt: expires))
        }
        return items
    }
}
