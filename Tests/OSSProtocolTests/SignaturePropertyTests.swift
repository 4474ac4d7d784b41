import Testing

@testable import OSSProtocol

/// SplitMix64, so that a failing seed can be run again.
struct Chance: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func upTo(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self) }
    mutating func pick<Element>(_ list: [Element]) -> Element { list[upTo(list.count)] }
    mutating func often() -> Bool { upTo(2) == 0 }
}

/// What is signed here is checked as a server checks it: it knows the wire, the secret of the key and its own name, nothing else.
@Suite struct SignaturePropertyTests {
    struct Case {
        var address: BucketAddress
        var request: HTTPRequest
        var key: ObjectKey?
        var credentials: Credentials
        var product: String
        var now: Timestamp
        var additional: [String]
        var resource: SignedResource { address.resource(key) }
    }

    static let pieces = [
        "a", "Z", "9", "/", "//", ".", "..", "/./", "/../", "%", "%41", "%2F", "%zz", "+", " ", "  ", "?", "#", "&", "=", ";", ":", "@",
        "!", "$", "'",
        "(", ")", "*", ",", "~", "-", "_", "\\", "\"", "<", ">", "|", "^", "`", "{", "}", "[", "]", "\t", "\n", "\u{0}", "\u{1}", "\u{7F}",
        "é",
        "e\u{301}", "\u{1100}\u{1161}", "가", "中", "🚀", "👩‍👩‍👧", "\u{202E}", "\u{FEFF}", "uploads", "x-oss-signature",
    ]

    static func key(_ chance: inout Chance) -> ObjectKey {
        var bytes: [UInt8] = []
        for _ in 0...chance.upTo(12) {
            bytes += chance.upTo(8) == 0 ? [UInt8(chance.upTo(256))] : Array(chance.pick(pieces).utf8)
        }
        return ObjectKey(utf8: bytes)
    }

    static func text(_ chance: inout Chance) -> String {
        (0...chance.upTo(4)).map { _ in chance.pick(pieces.filter { !$0.utf8.contains { $0 < 32 || $0 == 127 } }) }.joined()
    }

    /// As clients of all kinds write it: any escapes, `+` for a blank, names without a value, one name twice, empty pairs.
    static func rawQuery(_ chance: inout Chance) -> String? {
        let names = [
            "uploads", "uploadId", "partNumber", "acl", "prefix", "X", "callback", "x-oss-process", "delimiter", "a b", "é", "%", "x-oss-a",
        ]
        let pairs = (0..<chance.upTo(6)).map { _ -> String in
            let name = written(chance.pick(names), &chance)
            return chance.upTo(3) == 0 ? name + (chance.often() ? "=" : "") : "\(name)=\(written(text(&chance), &chance))"
        }
        return pairs.isEmpty ? nil : pairs.joined(separator: chance.upTo(5) == 0 ? "&&" : "&")
    }

    static func written(_ text: String, _ chance: inout Chance) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: " ") where chance.often(): result += "+"
            case 48...57, 65...90, 97...122: result += chance.upTo(4) == 0 ? escaped(byte, &chance) : String(UnicodeScalar(byte))
            case UInt8(ascii: "/"), UInt8(ascii: "~"), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: ":"):
                result += chance.often() ? escaped(byte, &chance) : String(UnicodeScalar(byte))
            default: result += escaped(byte, &chance)
            }
        }
        return result
    }

    static func escaped(_ byte: UInt8, _ chance: inout Chance) -> String {
        let hex = Hex.encode([byte])
        return "%\(chance.often() ? hex : hex.uppercased())"
    }

    static func make(_ seed: Int) -> (Case, Chance) {
        var chance = Chance(seed)
        let region = chance.pick(["cn-hangzhou", "us-east-1", "me-central-1", "cb-f8z7yvzgwfkl9q0h", "x", "ap-southeast-7"])
        let endpoint = chance.pick([
            Endpoint.forRegion(region), .forRegion(region, .internal), .forRegion(region, .accelerate), .forRegion(region, .dualStack),
        ])
        let address = BucketAddress(
            endpoint: endpoint, addressing: chance.pick([.virtual, .path, .cname]), region: region,
            bucket: chance.pick(["media-7", "a1b", "0-0", String(repeating: "z", count: 63)]))
        let key = chance.upTo(8) == 0 ? nil : key(&chance)
        var request = address.request(method: chance.pick(["PUT", "GET", "POST", "DELETE", "HEAD"]), key: key)
        request.query = rawQuery(&chance)
        if chance.often() { request.headers["Content-Type"] = chance.pick(["text/plain", " a/b ; c=d\t", "", "é"]) }
        if chance.often() { request.headers["content-MD5"] = "1B2M2Y8AsgTpgAmY7PhCfg==" }
        if chance.often() { request.headers["X-OSS-Meta-\(chance.pick(["a", "B-b", "9"]))"] = text(&chance) }
        if chance.often() { request.headers["Cache-Control"] = "no-cache" }
        if chance.upTo(4) == 0 { request.headers["Range"] = "bytes=0-9" }
        let credentials = Credentials(
            accessKeyID: chance.pick(["LTAIa", "STS.NUx", "k-1.é"]), accessKeySecret: Secret(text(&chance)),
            securityToken: chance.often() ? Secret("CAIS+/=&%20 ~\(chance.upTo(1000))") : nil)
        let wished = ["host", "RANGE", "cache-control", "absent", "content-type", "x-oss-date", "Host"].filter { _ in chance.upTo(3) == 0 }
        return (
            Case(
                address: address, request: request, key: key, credentials: credentials, product: chance.pick(["oss", "oss-cloudbox"]),
                now: Timestamp(milliseconds: Int64(chance.upTo(4_000_000_000)) * 1000 + Int64(chance.upTo(1000))), additional: wished),
            chance
        )
    }

    // MARK: - The server

    /// Bucket and key as a server finds them: by the host, then by the path, decoded once.
    static func resource(_ request: HTTPRequest, _ address: BucketAddress) -> SignedResource? {
        var path = Array(request.path.utf8.dropFirst())
        if address.effectiveAddressing == .path {
            guard let slash = path.firstIndex(of: UInt8(ascii: "/")), path[..<slash].elementsEqual(address.bucket.utf8) else { return nil }
            path.removeFirst(slash + 1)
        }
        guard let bytes = PercentEncoding.decode(String(decoding: path, as: UTF8.self)) else { return nil }
        return SignedResource(bucket: address.bucket, key: bytes.isEmpty ? nil : ObjectKey(utf8: bytes))
    }

    static func isAccepted(_ request: HTTPRequest, _ test: Case) -> Bool {
        guard let resource = resource(request, test.address) else { return false }
        let (secret, id) = (test.credentials.accessKeySecret, test.credentials.accessKeyID)
        let query = QueryItem.parse(request.query)
        func first(_ name: String) -> String? { query.first { $0.name.utf8.elementsEqual(name.utf8) }?.value }
        func four(_ credential: V4.Credential, _ date: String, _ names: [String], _ signature: String) -> Bool {
            guard credential.accessKeyID == id, credential.scope.day == String(date.prefix(8)), Timestamp(basic: date) != nil,
                credential.scope.region == test.address.region, credential.scope.product == test.product
            else { return false }
            let canonical = V4.canonicalRequest(
                method: request.method, resource: resource, query: request.query, headers: request.headers, host: request.host,
                additionalHeaders: names)
            let toSign = V4.stringToSign(date: date, scope: credential.scope, canonicalRequest: canonical)
            return V4.signature(key: V4.signingKey(secret: secret, scope: credential.scope), stringToSign: toSign) == signature
        }
        func one(_ accessKeyID: String, _ date: String, _ signature: String) -> Bool {
            let toSign = V1.stringToSign(
                method: request.method, resource: resource, query: request.query, headers: request.headers, date: date)
            return accessKeyID == id && V1.signature(secret: secret, stringToSign: toSign) == signature
        }
        if let value = request.headers["Authorization"] {
            if let (accessKeyID, signature) = V1.parseAuthorization(value) {
                return V1.date(of: request.headers).map { Timestamp(httpDate: $0) != nil && one(accessKeyID, $0, signature) } ?? false
            }
            guard let found = try? V4.parseAuthorization(value), let date = request.headers["x-oss-date"],
                request.headers["x-oss-content-sha256"] == V4.unsignedPayload
            else { return false }
            return four(found.credential, date, found.additionalHeaders, found.signature)
        }
        if let signature = first("x-oss-signature") {
            guard first("x-oss-signature-version") == V4.algorithm,
                let credential = first("x-oss-credential").flatMap({ V4.Credential($0) }),
                let date = first("x-oss-date")
            else { return false }
            let names = (first("x-oss-additional-headers") ?? "").split(separator: ";").map(String.init)
            return four(credential, date, names, signature)
        }
        guard let accessKeyID = first("OSSAccessKeyId"), let expires = first("Expires"), let signature = first("Signature") else {
            return false
        }
        return one(accessKeyID, expires, signature)
    }

    // MARK: - One byte

    /// All requests that differ from the signed one in one byte of something that is signed, a few of each kind.
    static func changed(_ signed: HTTPRequest, version: Int, _ test: Case, _ chance: inout Chance) -> [(String, HTTPRequest)] {
        var results: [(String, HTTPRequest)] = []
        func add(_ what: String, _ change: (inout HTTPRequest) -> Void) {
            var other = signed
            change(&other)
            results.append((what, other))
        }
        add("method") { $0.method = $0.method == "PUT" ? "PUt" : "PUT" }
        if let key = test.key {
            var bytes = key.utf8
            let place = chance.upTo(bytes.count)
            bytes[place] ^= UInt8(1 + chance.upTo(255))
            add("key, byte \(place)") { $0.path = test.address.request(method: "GET", key: ObjectKey(utf8: bytes)).path }
            add("key, longer") { $0.path += "x" }
        }
        let items = QueryItem.parse(signed.query)
        for (place, item) in items.enumerated() {
            let isFirst = !items[..<place].contains { $0.name.utf8.elementsEqual(item.name.utf8) }
            let counts =
                version == 4
                || (isFirst && (V1.subresources.contains(item.name) || ["OSSAccessKeyId", "Expires", "Signature"].contains(item.name)))
            guard counts else { continue }
            var others = items
            others[place].value = (item.value ?? "") + "1"
            add("parameter \(item.name), longer") { $0.query = QueryItem.join(others) }
            others.remove(at: place)
            // Without the first of two the second would count, which may say the same.
            if !others.contains(where: { $0.name.utf8.elementsEqual(item.name.utf8) }) {
                add("parameter \(item.name), gone") { $0.query = QueryItem.join(others) }
            }
        }
        for field in signed.headers.fields {
            let name = V4.lower(field.name)
            let isDate = name == "date" && version == 1 && signed.headers["Authorization"] != nil
            let isAdditional = version == 4 && V4.additionalNames(test.additional, in: signed.headers).contains(name)
            guard name.hasPrefix("x-oss-") || name == "content-type" || name == "content-md5" || isDate || isAdditional else { continue }
            add("header \(name), longer") { $0.headers[field.name] = field.value + "x" }
            var bytes = Array(field.value.utf8)
            guard let place = bytes.firstIndex(where: { (48...57).contains($0) || (97...122).contains($0) }) else { continue }
            bytes[place] = bytes[place] == UInt8(ascii: "b") ? UInt8(ascii: "c") : UInt8(ascii: "b")
            add("header \(name), byte \(place)") { $0.headers[field.name] = String(decoding: bytes, as: UTF8.self) }
        }
        add("header x-oss-meta-new") { $0.headers.add("x-oss-meta-new", "1") }
        if version == 4 { add("parameter new") { $0.query = ($0.query.map { $0 + "&" } ?? "") + "new" } }
        if let value = signed.headers["Authorization"] {
            for _ in 0..<8 {
                var bytes = Array(value.utf8)
                let place = chance.upTo(bytes.count)
                let byte = UInt8(33 + chance.upTo(94))
                // Names of additional headers may be in any case.
                guard byte | 0x20 != bytes[place] | 0x20 else { continue }
                bytes[place] = byte
                add("Authorization, byte \(place)") { $0.headers["Authorization"] = String(decoding: bytes, as: UTF8.self) }
            }
        }
        return results
    }

    @Test(arguments: 0..<150) func whatIsSignedIsAcceptedAndWithOneByteChangedRefused(seed: Int) throws {
        var (test, chance) = Self.make(seed)
        let four = V4Signer(region: test.address.region, product: test.product)
        let expires = 1 + chance.upTo(604_800)
        let signed = [
            (
                4,
                four.sign(
                    test.request, resource: test.resource, credentials: test.credentials, now: test.now, additionalHeaders: test.additional)
            ),
            (
                4,
                try four.presign(
                    test.request, resource: test.resource, credentials: test.credentials, now: test.now, expires: expires,
                    additionalHeaders: test.additional)
            ),
            (1, V1Signer().sign(test.request, resource: test.resource, credentials: test.credentials, now: test.now)),
            (
                1,
                try V1Signer().presign(
                    test.request, resource: test.resource, credentials: test.credentials, now: test.now, expires: expires)
            ),
        ]

        for (version, request) in signed {
            #expect(Self.isAccepted(request, test), "version \(version): \(request.url)")
            #expect(request.path == test.request.path && request.host == test.request.host && request.method == test.request.method)
            for (what, other) in Self.changed(request, version: version, test, &chance) {
                #expect(!Self.isAccepted(other, test), "version \(version), \(what): \(other.url) \(other.headers)")
            }
            var stranger = test
            stranger.credentials.accessKeySecret = Secret(test.credentials.accessKeySecret.reveal() + "x")
            #expect(!Self.isAccepted(request, stranger))
            if version == 4 {
                stranger = test
                stranger.address.region += "x"
                #expect(!Self.isAccepted(request, stranger))
            }
            stranger = test
            stranger.address.bucket = "other-7"
            #expect(!Self.isAccepted(request, stranger))
        }
    }

    @Test(arguments: 0..<50) func theSpellingOfAQueryDoesNotMatter(seed: Int) {
        let (test, chance) = Self.make(seed)
        var random = chance
        let signed = V4Signer(region: "r").sign(test.request, resource: test.resource, credentials: test.credentials, now: test.now)
        let respelled = QueryItem.parse(signed.query).shuffled(using: &random).map { item in
            item.value.map { "\(Self.written(item.name, &random))=\(Self.written($0, &random))" } ?? Self.written(item.name, &random)
        }
        func canonical(_ query: String?) -> [UInt8] {
            V4.canonicalRequest(method: "GET", resource: test.resource, query: query, headers: signed.headers)
        }

        #expect(canonical(respelled.joined(separator: "&")) == canonical(signed.query))
    }

    @Test func composedAndDecomposedKeysHaveDifferentSignatures() {
        let address = BucketAddress(endpoint: .forRegion("r"), addressing: .virtual, region: "r", bucket: "media-7")
        let credentials = Credentials(accessKeyID: "k", accessKeySecret: Secret("s"))
        for signer in [V4Signer(region: "r"), V1Signer()] as [any RequestSigner] {
            let signatures = ["caf\u{E9}", "cafe\u{301}"].map { name in
                signer.sign(
                    address.request(method: "GET", key: ObjectKey(name)), resource: address.resource(ObjectKey(name)),
                    credentials: credentials, now: Timestamp(seconds: 0)
                ).headers["Authorization"]
            }
            #expect(signatures[0] != signatures[1])
        }
    }
}
