import OSSProtocol
import Testing

@testable import Sandbox

/// What is refused before any signature is looked at, and what the answers say.
@Suite struct AuthenticationTests {
    private func failure(_ kind: String = "v4-header", _ change: (inout RequestParts) -> Void) throws -> OSSFailure? {
        let vector = try #require(Vector.list(kind).first)
        var parts = RequestParts(vector.request)
        change(&parts)
        return vector.refusal(parts.request)
    }

    @Test func withoutASignatureARequestIsAnonymous() throws {
        let vector = try #require(Vector.list("v4-header").first)
        var request = vector.request
        request.headers["Authorization"] = nil

        #expect(try vector.identify(request).accessKeyID == nil)
    }

    @Test(arguments: ["x-oss-signature=1", "Signature=1", "OSSAccessKeyId=1"]) func bothFormsAtOnceAreRefused(query: String) throws {
        let failure = try failure { $0.query = query }

        #expect(failure?.status == 400 && failure?.code == "InvalidArgument")
    }

    @Test(arguments: [
        ("OSS4-HMAC-SHA256 nonsense", "0002-00000202"), ("OSS4-HMAC-SHA256 Signature=0", "0002-00000205"),
        ("OSS4-HMAC-SHA256 Credential=a/b,Signature=0", "0002-00000213"), ("Bearer x", "0002-00000202"),
        ("OSS4-HMAC-SHA256 Credential=a/b,Name=0", "0002-00000203"), ("OSS nonsense", "0002-00000002"), ("", "0002-00000202"),
    ]) func aMalformedAuthorizationNamesItsFault(value: String, ec: String) throws {
        let failure = try failure { $0.headers["Authorization"] = value }

        #expect(failure?.status == 400 && failure?.ec == ec)
    }

    @Test(arguments: [nil, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]) func onlyAnUnsignedPayloadIsTaken(
        hash: String?
    ) throws {
        let failure = try failure { $0.headers["x-oss-content-sha256"] = hash }

        #expect(failure?.status == 400 && failure?.ec == "0002-00000214")
    }

    @Test(
        arguments: [
            ("v4-header", nil, "0002-00000503"), ("v4-header", "20260115 083000Z", "0002-00000505"), ("v1-header", nil, "0002-00000503"),
            ("v1-header", "yesterday", "0002-00000505"),
        ] as [(String, String?, String)]) func aRequestNeedsADate(kind: String, date: String?, ec: String) throws
    {
        let failure = try failure(kind) {
            $0.headers["Date"] = nil
            $0.headers[kind == "v4-header" ? "x-oss-date" : "Date"] = date
        }

        #expect(failure?.status == 403 && failure?.code == "AccessDenied" && failure?.ec == ec)
    }

    @Test(arguments: [
        ("v4-presign", "x-oss-signature", "0002-00000219"), ("v4-presign", "x-oss-date", "0002-00000223"),
        ("v4-presign", "x-oss-credential", "0002-00000224"), ("v4-presign", "x-oss-expires", "0002-00000232"),
        ("v1-presign", "Expires", "0002-00000067"),
    ]) func aSignedURLWithoutAParameterNamesIt(kind: String, name: String, ec: String) throws {
        let failure = try failure(kind) { $0.items.removeAll { $0.hasPrefix("\(name)=") } }

        #expect(failure?.ec == ec)
        if kind == "v4-presign" { #expect(failure?.elements.contains { $0.name == "ArgumentName" && $0.text == name } == true) }
    }

    @Test(arguments: [("", "0002-00000068"), ("soon", "0002-00000070"), ("-1", "0002-00000070"), ("1", "0002-00000069")])
    func theEndOfAURLOfVersion1IsLookedAtBeforeItsSignature(expires: String, ec: String) throws {
        let failure = try failure("v1-presign") { parts in
            parts.items = parts.items.map {
                $0.hasPrefix("Expires=") ? "Expires=\(expires)" : $0.hasPrefix("Signature=") ? "Signature=x" : $0
            }
        }

        #expect(failure?.status == 403 && failure?.code == "AccessDenied" && failure?.ec == ec)
    }

    @Test(arguments: ["0", "604801", "1.5", "x"]) func aURLOfVersion4LivesFromOneSecondToSevenDays(life: String) throws {
        let failure = try failure("v4-presign") { parts in
            parts.items = parts.items.map { $0.hasPrefix("x-oss-expires=") ? "x-oss-expires=\(life)" : $0 }
        }

        #expect(failure?.ec == "0002-00000232")
    }

    @Test func theFirstOfTwoParametersCounts() throws {
        let vector = try #require(Vector.list("v1-presign").first)
        var (before, after) = (RequestParts(vector.request), RequestParts(vector.request))
        before.query = "Expires=4102444800&" + before.query
        after.query += "&Expires=4102444800"

        #expect(vector.refusal(before.request)?.ec == "0002-00000040")
        #expect(vector.refusal(after.request) == nil)
    }

    @Test(arguments: ["v4-header", "v4-presign", "v1-header", "v1-presign"]) func aMismatchShowsWhatWasSigned(kind: String) throws {
        let failure = try #require(try failure(kind) { $0.headers["x-oss-meta-a"] = "b" })
        let elements = Dictionary(failure.elements.map { ($0.name, $0.text) }) { first, _ in first }

        #expect(failure.status == 403 && failure.code == "SignatureDoesNotMatch")
        let text = try #require(elements[kind.hasPrefix("v4") ? "CanonicalRequest" : "StringToSign"])
        #expect(text.contains("x-oss-meta-a:b\n"))
        for (name, text) in elements where elements["\(name)Bytes"] != nil {
            #expect(elements["\(name)Bytes"] == text.utf8.map { Hex.encode([$0]).uppercased() }.joined(separator: " "))
        }
        #expect(elements["StringToSignBytes"] != nil && elements["SignatureProvided"]?.isEmpty == false)
        #expect((elements["CanonicalRequestBytes"] != nil) == kind.hasPrefix("v4"))
        #expect(elements["OSSAccessKeyId"] == "LTAIexampleKeyId000001")
    }

    @Test func version1CanBeRefused() async throws {
        let vector = try #require(Vector.list("v1-header").first)
        let authentication = Authentication(lookup: vector.keys().lookup)

        let failure = #expect(throws: OSSFailure.self) {
            try authentication.identify(
                vector.request, try vector.address(vector.request), .init(regions: [vector.region], onlyVersion4: true), now: vector.now)
        }

        #expect(failure?.status == 403 && failure?.ec == "0002-00000034")
    }

    // MARK: Through the service

    @Test func anAnswerHasWhatEveryAnswerHas() async throws {
        let caller = try Caller()

        let (good, bad) = (try await caller.send("PUT", "k"), try await caller.send("GET", "absent"))

        for answer in [good, bad] {
            let id = try #require(answer.headers["x-oss-request-id"])
            #expect(id.utf8.count == 24 && id.utf8.allSatisfy { (48...57).contains($0) || (65...70).contains($0) })
            #expect(answer.headers["Server"] == "AliyunOSS" && answer.headers["Date"] == caller.now.httpDate)
            #expect(answer.headers["x-oss-server-time"].flatMap { Int($0) } != nil)
        }
        let error = try XMLReader.parse(bad.body)
        #expect(error["RequestId"] == bad.headers["x-oss-request-id"] && error["HostId"] == "127.0.0.1:9000")
        #expect(error["EC"] == "0026-00000001" && bad.headers["x-oss-ec"] == "0026-00000001" && error["Key"] == "absent")
    }

    @Test func theErrorOfAHeadIsInAHeader() async throws {
        let answer = try await Caller().send("HEAD", "absent")

        let document = try #require(answer.headers["x-oss-err"].flatMap { Base64.decode($0) })
        #expect(answer.status == 404 && answer.body.isEmpty && answer.headers["x-oss-ec"] == "0026-00000001")
        #expect(try XMLReader.parse(document)["Code"] == "NoSuchKey")
    }

    @Test func aKeyFromOutsideIsTakenWithItsTokenUntilItEnds() async throws {
        let caller = try Caller()
        let order = #"{"access_key_id": "STS.outside", "access_key_secret": "s+/=", "security_token": "T%20+", "seconds": 60}"#
        let key = Credentials(accessKeyID: "STS.outside", accessKeySecret: Secret("s+/="), securityToken: Secret("T%20+"))

        #expect(try await caller.code("PUT", "k", as: key) == "InvalidSecurityToken")
        #expect(try await caller.control("POST", "/_sandbox/keys", order).status == 201)
        #expect(try await caller.code("PUT", "k", as: key) == nil)
        caller.now = caller.now + .seconds(60)
        #expect(try await caller.code("PUT", "k", as: key) == "SecurityTokenExpired")
        let own = #"{"access_key_id": "\#(caller.settings.accessKeyID)", "access_key_secret": "x"}"#
        #expect(try await caller.control("POST", "/_sandbox/keys", own).status == 409)
    }

    @Test func version4AloneCanBeAskedForWhileItRuns() async throws {
        let caller = try Caller()
        func put() async throws -> String? {
            let request = caller.address.request(method: "PUT", key: ObjectKey("k"))
            let signed = V1Signer().sign(
                request, resource: caller.address.resource(ObjectKey("k")), credentials: caller.credentials, now: caller.now)
            let answer = try await caller.deliver(signed)
            return answer.status == 200 ? nil : OSSError(response: answer).ec
        }

        #expect(try await put() == nil)
        _ = try await caller.control("POST", "/_sandbox/settings", #"{"v4_only": true}"#)
        #expect(try await put() == "0002-00000034")
        #expect(try await caller.control("GET", "/_sandbox/settings").json["v4_only"].flag == true)
    }
}
