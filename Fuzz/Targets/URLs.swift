@testable import Credentials
@testable import OSSProtocol

/// Addresses, one a line: web addresses, endpoints, encoded text, queries, what stands behind `Credential=`, and signing of all that.
@Sendable func fuzzURLs(_ input: [UInt8]) {
    for line in pieces(input, at: 10, most: 8) {
        let text = text(line)
        checkAddress(text)
        checkEndpoint(text)
        checkEncoding(line)
        checkQuery(text)
        if let credential = V4.Credential(text) {
            require(V4.Credential("\(credential.accessKeyID)/\(credential.scope)") == credential, "a credential scope reads the same")
        }
        checkSigning(line)
    }
}

/// Signed URLs must go out as they came: every byte of the text is in exactly one part.
func checkAddress(_ text: String) {
    guard let address = WebAddress(text) else { return }
    let query = address.query.map { "?" + $0 } ?? ""
    let whole = address.origin + address.path + query
    let isBare = same(address.path, "/") && same(address.origin + query, text)
    require(same(whole, text) || isBare, "an address reassembles byte for byte")
    require(address.path.utf8.first == UInt8(ascii: "/"), "a path begins with a slash")
    if address.isLoopback {
        // A token may go there without TLS, so it must be an address that everything else reads as this machine too.
        let endpoint = try? Endpoint(address.origin)
        let host = endpoint?.host.utf8.split(separator: UInt8(ascii: ":")).first.map { Array($0) } ?? []
        let isHere = host.starts(with: "localhost".utf8) || host.starts(with: "127.".utf8) || endpoint?.host.hasPrefix("[::1]") == true
        require(isHere, "\(address.host) is this machine")
    }
}

private func checkEndpoint(_ text: String) {
    do throws(EndpointError) {
        let endpoint = try Endpoint(text)
        require(try Endpoint(endpoint.description) == endpoint, "an endpoint that was written reads the same")
        require(endpoint.description.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "an endpoint is plain ASCII")
        require(WebAddress(endpoint.description)?.host.utf8.elementsEqual(endpoint.host.utf8) == true, "an endpoint is a web address")
    } catch {}
}

private func checkEncoding(_ bytes: [UInt8]) {
    let encoded = PercentEncoding.encode(bytes)
    require(PercentEncoding.decode(encoded) == bytes, "what was encoded decodes to the same bytes")
    let path = PercentEncoding.encodePath(ObjectKey(utf8: bytes))
    require(PercentEncoding.decode(path) == bytes, "a path that was encoded decodes to the same bytes")
    require(path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }, "a path is plain ASCII")

    var damaged = false
    let decoded = PercentEncoding.decode(bytes, plusIsSpace: true, damaged: &damaged)
    require(decoded.count <= bytes.count, "decoding makes nothing longer")
    // Between two other bytes: a part must not look beyond its ends.
    var recoded: [UInt8] = []
    PercentEncoding.recode([UInt8(ascii: "%")] + bytes + Array("41".utf8), 1..<(bytes.count + 1), to: &recoded)
    require(recoded.elementsEqual(PercentEncoding.encode(decoded).utf8), "recoding is decoding and encoding")

    require(Base64.decode(Base64.encode(bytes)) == bytes, "Base64 decodes to the same bytes")
    if let raw = Base64.decode(text(bytes)) { require(raw.count <= bytes.count, "decoding makes nothing longer") }
    if let raw = Hex.decode(text(bytes)) { require(Hex.decode(Hex.encode(raw)) == raw, "hex reads the same") }
}

private func checkQuery(_ text: String) {
    let items = QueryItem.parse(text)
    guard let joined = QueryItem.join(items) else { return require(items.isEmpty, "a query with items has a text") }
    let again = QueryItem.parse(joined)
    // An item without name and value is an empty piece, which nobody counts.
    let kept = items.filter { !$0.name.isEmpty || $0.value != nil }
    require(again.count == kept.count, "a query that was written has as many items")
    for (a, b) in zip(again, kept) {
        require(
            same(a.name, b.name) && a.value.map { Array($0.utf8) } == b.value.map { Array($0.utf8) },
            "a query that was written reads the same")
    }
}

// MARK: - Signing

private let signer = V4Signer(region: "cn-hangzhou")
private let credentials = Credentials(
    accessKeyID: "LTAIexampleKeyId000001", accessKeySecret: Secret("exampleSecret"), securityToken: Secret("token+/="))

/// Whatever key and query a request has: its signed URL is read back whole, and a server that checks it finds the same signature.
private func checkSigning(_ line: [UInt8]) {
    guard let endpoint = try? Endpoint("https://oss-cn-hangzhou.aliyuncs.com"), line.count <= 2048 else { return }
    let halves = pieces(line, at: UInt8(ascii: "?"), most: 2)
    let key = ObjectKey(utf8: halves[0])
    let address = BucketAddress(endpoint: endpoint, addressing: .virtual, region: "cn-hangzhou", bucket: "example-bucket")
    var request = address.request(method: "PUT", key: key, query: QueryItem.parse(halves.count > 1 ? text(halves[1]) : nil))
    let own: Set<String> = [
        "x-oss-signature-version", "x-oss-date", "x-oss-expires", "x-oss-credential", "x-oss-additional-headers", "x-oss-security-token",
        "x-oss-signature",
    ]
    // A request that is signed already is not signed again.
    if QueryItem.parse(request.query).contains(where: { own.contains($0.name) }) { return }
    request.headers["Content-Type"] = "text/plain"
    guard
        let signed = try? signer.presign(
            request, resource: address.resource(key), credentials: credentials, now: Timestamp(seconds: 1_768_465_800), expires: 600)
    else { return require(false, "every request can be signed") }

    guard let read = WebAddress(signed.url) else { return require(signed.url.utf8.count > 64 << 10, "a signed URL is a web address") }
    require(same(read.path, signed.path) && same(read.query ?? "", signed.query ?? ""), "a signed URL is read byte for byte")
    require(PercentEncoding.decode(read.path)?.dropFirst().elementsEqual(key.utf8) == true, "a signed URL names the key")

    let parameters = QueryItem.parse(read.query)
    func parameter(_ name: String) -> String { parameters.first { $0.name == name }?.value ?? "" }
    guard let credential = V4.Credential(parameter("x-oss-credential")) else { return require(false, "a signed URL says who signed it") }
    let canonical = V4.canonicalRequest(
        method: "PUT", resource: address.resource(key), query: read.query, headers: signed.headers, host: signed.host)
    let text = V4.stringToSign(date: parameter("x-oss-date"), scope: credential.scope, canonicalRequest: canonical)
    let expected = V4.signature(key: V4.signingKey(secret: credentials.accessKeySecret, scope: credential.scope), stringToSign: text)
    require(same(expected, parameter("x-oss-signature")), "a server finds the signature of a signed URL right")
    require(same(parameter("x-oss-security-token"), "token+/="), "a signed URL carries its token")
}
