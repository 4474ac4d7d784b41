import OSSProtocol
import Testing

@Suite struct V4SignerTests {
    static let headerVectors = Vector.list("v4-header", "vectors")
    static let urlVectors = Vector.list("v4-presign", "vectors")

    static func signer(_ vector: Vector) -> V4Signer { V4Signer(region: vector["region"].string, product: vector["product"].string) }

    static func sign(_ vector: Vector) -> HTTPRequest {
        signer(vector).sign(
            vector.request, resource: vector.resource, credentials: vector.credentials, now: vector.now,
            additionalHeaders: vector.additionalHeaders)
    }

    static func presign(_ vector: Vector) throws -> HTTPRequest {
        try signer(vector).presign(
            vector.request, resource: vector.resource, credentials: vector.credentials, now: vector.now,
            expires: vector["expires_seconds"].int,
            additionalHeaders: vector.additionalHeaders)
    }

    static func scope(_ vector: Vector) -> V4.Scope {
        V4.Scope(day: vector.now.day8, region: vector["region"].string, product: vector["product"].string)
    }

    @Test(arguments: headerVectors) func theHeaderIsWhatTheOfficialSDKsSend(vector: Vector) {
        let signed = Self.sign(vector)

        #expect(signed.headers["Authorization"] == vector["expect"]["authorization"].string)
        for (name, value) in vector["expect"]["headers_added"].texts where name.lowercased() != "date" {
            #expect(signed.headers[name] == value, "\(name)")
        }
    }

    @Test(arguments: headerVectors) func everyStepTowardsTheSignatureIsAsDocumented(vector: Vector) {
        let signed = Self.sign(vector)

        let canonical = V4.canonicalRequest(
            method: signed.method, resource: vector.resource, query: signed.query, headers: signed.headers, host: signed.host,
            additionalHeaders: vector.additionalHeaders)
        let toSign = V4.stringToSign(date: vector.now.basic, scope: Self.scope(vector), canonicalRequest: canonical)

        #expect(text(canonical) == vector["expect"]["canonical_request"].string)
        #expect(text(toSign) == vector["expect"]["string_to_sign"].string)
        let key = V4.signingKey(secret: vector.credentials.accessKeySecret, scope: Self.scope(vector))
        #expect(V4.signature(key: key, stringToSign: toSign) == vector["expect"]["signature"].string)
    }

    @Test(arguments: headerVectors) func bothSpellingsOfTheHeaderSayTheSame(vector: Vector) throws {
        let expected = vector["expect"]

        let ours = try V4.parseAuthorization(expected["authorization"].string)

        #expect(ours.signature == expected["signature"].string)
        #expect(ours.credential.scope.description == expected["scope"].string)
        #expect(ours.credential.accessKeyID == vector.credentials.accessKeyID)
        guard let other = try expected["authorization_oss2_style"].text.map(V4.parseAuthorization) else { return }
        #expect(other.credential == ours.credential && other.signature == ours.signature)
        #expect(other.additionalHeaders.sorted() == ours.additionalHeaders)
    }

    @Test(arguments: urlVectors) func theURLIsWhatTheOfficialSDKsMake(vector: Vector) throws {
        let signed = try Self.presign(vector)

        #expect(querySet(signed.query) == vector["expect"]["query"].texts)
        #expect(signed.path == vector.request.path)
        #expect(signed.headers == vector.request.headers)
        let canonical = V4.canonicalRequest(
            method: signed.method, resource: vector.resource, query: signed.query, headers: signed.headers, host: signed.host,
            additionalHeaders: vector.additionalHeaders)
        #expect(text(canonical) == vector["expect"]["canonical_request"].string)
    }

    @Test(arguments: [1, 604_800]) func theBoundsOfAURLsLifeAreTaken(seconds: Int) throws {
        let vector = try #require(Self.urlVectors.first)

        let signed = try Self.signer(vector).presign(
            vector.request, resource: vector.resource, credentials: vector.credentials, now: vector.now, expires: seconds)

        #expect(querySet(signed.query)["x-oss-expires"] == String(seconds))
    }

    @Test(arguments: [Int.min, -1, 0, 604_801, Int.max]) func aURLThatLivesLongerThanSevenDaysOrNotAtAllIsRefused(seconds: Int) throws {
        let vector = try #require(Self.urlVectors.first)

        #expect(throws: PresignError.expiresOutOfRange(seconds: seconds)) {
            try Self.signer(vector).presign(
                vector.request, resource: vector.resource, credentials: vector.credentials, now: vector.now, expires: seconds)
        }
    }

    @Test(arguments: headerVectors) func anyChangeOfWhatIsSignedChangesTheSignature(vector: Vector) {
        let base = Self.sign(vector)
        var changed: [String: HTTPRequest] = [:]
        func sign(_ request: HTTPRequest, _ resource: SignedResource, _ credentials: Credentials, _ now: Timestamp, _ region: String)
            -> HTTPRequest
        {
            V4Signer(region: region, product: vector["product"].string).sign(
                request, resource: resource, credentials: credentials, now: now, additionalHeaders: vector.additionalHeaders)
        }
        let (request, region) = (vector.request, vector["region"].string)
        var other = request
        other.method = "PATCH"
        changed["method"] = sign(other, vector.resource, vector.credentials, vector.now, region)
        other = request
        other.query = (request.query.map { $0 + "&" } ?? "") + "x=1"
        changed["query"] = sign(other, vector.resource, vector.credentials, vector.now, region)
        other = request
        other.headers["x-oss-meta-more"] = "1"
        changed["header"] = sign(other, vector.resource, vector.credentials, vector.now, region)
        var resource = vector.resource
        if resource.bucket != nil {
            resource.key = ObjectKey(utf8: (resource.key?.utf8 ?? []) + [UInt8(ascii: "x")])
            changed["key"] = sign(request, resource, vector.credentials, vector.now, region)
        }
        resource = vector.resource
        resource.bucket = (resource.bucket ?? "") + "x"
        changed["bucket"] = sign(request, resource, vector.credentials, vector.now, region)
        var credentials = vector.credentials
        credentials.accessKeySecret = Secret(credentials.accessKeySecret.reveal() + "x")
        changed["secret"] = sign(request, vector.resource, credentials, vector.now, region)
        credentials = vector.credentials
        credentials.securityToken = Secret("other")
        changed["token"] = sign(request, vector.resource, credentials, vector.now, region)
        changed["second"] = sign(request, vector.resource, vector.credentials, vector.now + .seconds(1), region)
        changed["day"] = sign(request, vector.resource, vector.credentials, vector.now + .seconds(86_400), region)
        changed["region"] = sign(request, vector.resource, vector.credentials, vector.now, region + "-x")

        for (what, signed) in changed {
            #expect(signature(signed) != signature(base), "\(what)")
        }
    }

    @Test(arguments: urlVectors) func aURLWithAnyParameterChangedHasAnotherSignature(vector: Vector) throws {
        let signed = try Self.presign(vector)
        let key = V4.signingKey(secret: vector.credentials.accessKeySecret, scope: Self.scope(vector))
        func check(_ query: String) -> String {
            let canonical = V4.canonicalRequest(
                method: signed.method, resource: vector.resource, query: query, headers: signed.headers, host: signed.host,
                additionalHeaders: vector.additionalHeaders)
            let toSign = V4.stringToSign(date: vector.now.basic, scope: Self.scope(vector), canonicalRequest: canonical)
            return V4.signature(key: key, stringToSign: toSign)
        }
        let pairs = (signed.query ?? "").split(separator: "&").map(String.init)

        #expect(check(pairs.reversed().joined(separator: "&")) == vector["expect"]["signature"].string)
        for (place, pair) in pairs.enumerated() where !pair.hasPrefix("x-oss-signature=") {
            var changed = pairs
            changed[place] = pair + (pair.contains("=") ? "1" : "=1")
            #expect(check(changed.joined(separator: "&")) != vector["expect"]["signature"].string, "\(pair)")
            changed.remove(at: place)
            #expect(check(changed.joined(separator: "&")) != vector["expect"]["signature"].string, "without \(pair)")
        }
    }

    @Test(arguments: [
        ("a=", "a"), ("b=x/y", "b=x%2Fy"), ("b=x+y", "b=x%20y"), ("b=%7e", "b=~"), ("b=%2f", "b=%2F"), ("z=1&a=2", "a=2&z=1"),
        ("a=2&a=1", "a=1&a=2"),
        ("%61=1", "a=1"), ("a=1&&b=2", "a=1&b=2"),
    ]) func howAClientSpellsItsQueryDoesNotMatter(one: String, other: String) {
        func canonical(_ query: String) -> [UInt8] {
            V4.canonicalRequest(method: "GET", resource: SignedResource(bucket: "b", key: nil), query: query, headers: [:])
        }

        #expect(canonical(one) == canonical(other))
    }

    @Test func signingAgainLeavesNothingOfTheFirstSignature() throws {
        let signer = V4Signer(region: "eu-west-1")
        let old = Credentials(accessKeyID: "STS.old", accessKeySecret: Secret("a"), securityToken: Secret("old token"))
        let new = Credentials(accessKeyID: "LTAInew", accessKeySecret: Secret("b"))
        let address = BucketAddress(endpoint: .forRegion("eu-west-1"), addressing: .virtual, region: "eu-west-1", bucket: "logs-7")
        let (key, now) = (ObjectKey("a b"), Timestamp(seconds: 1_800_000_000))
        let plain = OSSOperation.deleteObject.request(at: address, key: key)

        let first = signer.sign(plain, resource: address.resource(key), credentials: old, now: now)
        let second = signer.sign(first, resource: address.resource(key), credentials: new, now: now + .seconds(9))

        #expect(second == signer.sign(plain, resource: address.resource(key), credentials: new, now: now + .seconds(9)))
    }

    @Test(arguments: [
        ("OSS4-HMAC-SHA1 Credential=a/20260115/r/oss/aliyun_v4_request,Signature=00", V4.AuthorizationError.otherAlgorithm),
        ("OSS4-HMAC-SHA256 Credential", .malformedPair("Credential")),
        ("OSS4-HMAC-SHA256 Credential=a/20260115/r/oss/aliyun_v4_request,Else=1,Signature=00", .unknownName("Else")),
        ("OSS4-HMAC-SHA256 Signature=00,Signature=01", .repeatedName("Signature")),
        ("OSS4-HMAC-SHA256 Signature=00", .credentialMissing),
        ("OSS4-HMAC-SHA256 Credential=a/20260115/r/oss/aws4_request,Signature=00", .credentialMalformed("a/20260115/r/oss/aws4_request")),
        (
            "OSS4-HMAC-SHA256 Credential=/20260115/r/oss/aliyun_v4_request,Signature=00",
            .credentialMalformed("/20260115/r/oss/aliyun_v4_request")
        ),
        ("OSS4-HMAC-SHA256 Credential=a/20260115/r/oss/aliyun_v4_request", .signatureMissing),
    ]) func aBrokenHeaderIsRefusedWithItsReason(value: String, error: V4.AuthorizationError) {
        #expect(throws: error) { try V4.parseAuthorization(value) }
    }

    @Test func manyTasksMaySignAtOnceWithManySecrets() async {
        let signer = V4Signer(region: "cn-hangzhou")
        let request = HTTPRequest(method: "GET", scheme: "https", host: "h", path: "/")

        let wrong = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    (0..<200).count { turn in
                        let credentials = Credentials(accessKeyID: "k", accessKeySecret: Secret("secret \((task + turn) % 100)"))
                        let now = Timestamp(seconds: 1_768_465_800)
                        let resource = SignedResource(bucket: "b", key: ObjectKey("k"))
                        let signed = signer.sign(request, resource: resource, credentials: credentials, now: now)
                        return signed
                            != V4Signer(region: "cn-hangzhou").sign(request, resource: resource, credentials: credentials, now: now)
                    }
                }
            }
            return await group.reduce(0, +)
        }

        #expect(wrong == 0)
    }

    private func signature(_ request: HTTPRequest) -> String? {
        request.headers["Authorization"].flatMap { try? V4.parseAuthorization($0) }?.signature
    }
}
