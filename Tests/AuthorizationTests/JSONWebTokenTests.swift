import OSSProtocol
import Platform
import Testing

@testable import Authorization

/// Who signed a token, and for whom.
@Suite struct JSONWebTokenTests {
    private static let now = ManualClock().now()
    private static let rule = TokenIssuer(
        issuer: "https://id.example.com", audience: "davit", keys: .file("/nowhere"), clientClaim: "sub", leeway: .seconds(60), grants: [])

    private func keys() async throws -> KeySet { try await KeySet(json: Array(Tokens.keys.utf8)) }
    private func token(_ text: String) throws -> JSONWebToken { try #require(JSONWebToken(Secret(text))) }

    @Test(arguments: [Tokens.rs256, Tokens.es256, Tokens.edDSA, Tokens.rs256WithoutKeyID])
    func aTokenOfAnIssuersKeyIsRight(text: String) async throws {
        let token = try token(text)

        #expect(try await keys().check(token) == .right)
        #expect(token.claims.problem(Self.rule, now: Self.now) == nil)
        #expect(token.claims.text("sub") == "camera-7")
    }

    @Test(arguments: Tokens.forged.map(\.what))
    func aTokenThatNoKeyOfTheIssuerSignedIsNeverRight(what: String) async throws {
        let text = try #require(Tokens.forged.first { $0.what == what }?.token)
        // What cannot even be read is no token.
        guard let token = JSONWebToken(Secret(text)) else { return }

        #expect(try await keys().check(token) != .right)
    }

    @Test func everyBitOfTheSignatureCounts() async throws {
        let keys = try await keys()
        for text in [Tokens.es256, Tokens.edDSA] {
            let token = try token(text)
            for bit in stride(from: 0, to: token.signature.count * 8, by: 7) {
                var signature = token.signature
                signature[bit / 8] ^= 1 << (bit % 8)
                let parts = text.split(separator: ".")
                let changed = try self.token("\(parts[0]).\(parts[1]).\(base64URL(signature))")
                #expect(keys.check(changed) != .right, "bit \(bit)")
            }
        }
    }

    private func base64URL(_ bytes: [UInt8]) -> String {
        Base64.encode(bytes).replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    @Test(arguments: [
        "", "..", "a.b", "a.b.c", "a.b.c.d", "eyJhbGciOiJSUzI1NiJ9.W10.AAAA", "eyJhbGciOiJSUzI1NiJ9.e30.", "eyJhbGciOjF9.e30.AAAA",
        "eyJhbGciOiJSUzI1NiJ9=.e30.AAAA", "eyJhbGciOiJSUzI1NiJ9.e30.AA+A", "é.e30.AAAA", "e30." + String(repeating: "A", count: 9000) + ".AAAA",
    ])
    func whatIsNoTokenIsNotRead(text: String) { #expect(JSONWebToken(Secret(text)) == nil) }

    @Test func aSetWithoutAKeyThatMaySignIsRefused() async throws {
        for text in [
            "", "[]", "{}", #"{"keys":[]}"#, #"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, #"{"keys":[{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}]}"#,
            #"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#, #"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#,
        ] {
            await #expect(throws: SettingError.self, "\(text)") { try await KeySet(json: Array(text.utf8)) }
        }
    }

    // MARK: claims

    private func claims(_ changes: (String, Claims.Value?)...) -> Claims {
        var values: [String: Claims.Value] = [
            "iss": .text("https://id.example.com"), "aud": .text("davit"), "exp": .number(Double(Self.now.seconds + 300)), "sub": .text("x"),
        ]
        for (name, value) in changes { values[name] = value }
        return Claims(values)
    }

    @Test func timesAreJudgedWithTheLeewayAndNoMore() {
        let now = Double(Self.now.seconds)
        let cases: [(String, Double, String?)] = [
            ("exp", now + 1, nil), ("exp", now - 59, nil), ("exp", now - 60, "expired"), ("exp", 0, "expired"), ("nbf", now + 60, nil),
            ("nbf", now + 61, "not valid yet"), ("nbf", now - 9999, nil), ("iat", now + 61, "issued in the future"), ("iat", now - 9999, nil),
            ("exp", 1e300, "without a time at which it expires"), ("exp", -1, "without a time at which it expires"),
            ("nbf", 1e300, "with a time that cannot be read"),
        ]
        for (name, value, problem) in cases {
            #expect(claims((name, .number(value))).problem(Self.rule, now: Self.now) == problem, "\(name) \(value)")
        }
        #expect(claims(("exp", nil)).problem(Self.rule, now: Self.now) == "without a time at which it expires")
        #expect(claims(("exp", .text("9999999999"))).problem(Self.rule, now: Self.now) == "without a time at which it expires")
        #expect(claims(("nbf", .text("0"))).problem(Self.rule, now: Self.now) == "with a time that cannot be read")
    }

    @Test func issuerAndAudienceAreComparedByBytes() {
        #expect(claims(("aud", .list([.text("a"), .text("davit")]))).problem(Self.rule, now: Self.now) == nil)
        for value: Claims.Value? in [nil, .text("Davit"), .text("davit/"), .list([]), .list([.list([.text("davit")])]), .number(1), .table([:])] {
            #expect(claims(("aud", value)).problem(Self.rule, now: Self.now) == "for another audience", "\(String(describing: value))")
        }
        for value: Claims.Value? in [nil, .text("https://id.example.com/"), .list([.text("https://id.example.com")]), .text("")] {
            #expect(claims(("iss", value)).problem(Self.rule, now: Self.now) == "another issuer", "\(String(describing: value))")
        }
    }

    @Test func claimsAreFoundByNameAndByPath() throws {
        let claims = try token(Tokens.rs256).claims

        #expect(claims.texts("groups") == ["cameras", "night"])
        #expect(claims.texts("realm.roles") == ["uploader"])
        #expect(claims.texts("site") == ["Hangzhou 1"])
        #expect(claims.texts("realm.nothing").isEmpty)
        #expect(claims.texts("groups.0").isEmpty)
        #expect(claims.text("groups") == nil)
    }
}

/// When an issuer's keys are asked for.
@Suite struct KeyRingTests {
    private final class Issuer: Sendable {
        let document = Lock<String?>(Tokens.keys)
        let calls = Lock(0)
        func fetch() throws(SettingError) -> [UInt8] {
            calls.withLock { $0 += 1 }
            guard let text = document.withLock({ $0 }) else { throw SettingError("the issuer is away") }
            return Array(text.utf8)
        }
    }

    private let clock = ManualClock()
    private let issuer = Issuer()

    private func ring() -> KeyRing { KeyRing(fetch: { [issuer] () throws(SettingError) in try issuer.fetch() }, now: clock.now) }
    private func token(_ text: String) throws -> JSONWebToken { try #require(JSONWebToken(Secret(text))) }
    private var calls: Int { issuer.calls.withLock { $0 } }

    @Test func aHundredTokensAtOnceCostOneFetchAndOneALife() async throws {
        let (ring, token) = (ring(), try token(Tokens.rs256))
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<100 { group.addTask { (try? await ring.isSigned(token)) ?? false } }
            for await isSigned in group { #expect(isSigned) }
        }
        #expect(calls == 1)
        clock.move(KeyRing.life - .seconds(1))
        #expect(try await ring.isSigned(token))
        #expect(calls == 1)
        clock.move(.seconds(1))
        #expect(try await ring.isSigned(token))
        #expect(calls == 2)
    }

    @Test func aKeyThatIsNotInTheSetIsLookedForButNotWithoutEnd() async throws {
        let (ring, token) = (ring(), try token(Tokens.ofNextWeek))
        #expect(try await ring.isSigned(try self.token(Tokens.rs256)))
        #expect(try await !ring.isSigned(token))
        #expect(calls == 1)
        clock.move(KeyRing.pause)
        #expect(try await !ring.isSigned(token))
        for _ in 0..<50 { #expect(try await !ring.isSigned(token)) }
        #expect(calls == 2)
        issuer.document.withLock { $0 = Tokens.nextWeeksKeys }
        clock.move(KeyRing.pause)
        #expect(try await ring.isSigned(token))
        #expect(calls == 3)
        // The old key is gone with the old set.
        #expect(try await !ring.isSigned(try self.token(Tokens.rs256)))
    }

    @Test func whileTheIssuerIsAwayTheOldKeysServeForADay() async throws {
        let (ring, token) = (ring(), try token(Tokens.es256))
        #expect(try await ring.isSigned(token))
        issuer.document.withLock { $0 = nil }
        await ring.expire()
        #expect(try await ring.isSigned(token))
        #expect(calls == 2)
        clock.move(KeyRing.longest - .seconds(1))
        #expect(try await ring.isSigned(token))
        clock.move(.seconds(1))
        await #expect(throws: KeyRing.Unavailable.self) { try await ring.isSigned(token) }
    }

    @Test func anIssuerThatIsAwayFromTheStartIsAskedAgainAfterAPause() async throws {
        issuer.document.withLock { $0 = nil }
        let (ring, token) = (ring(), try token(Tokens.es256))
        for _ in 0..<20 { await #expect(throws: KeyRing.Unavailable.self) { try await ring.isSigned(token) } }
        #expect(calls == 1)
        issuer.document.withLock { $0 = Tokens.keys }
        clock.move(KeyRing.pause)
        #expect(try await ring.isSigned(token))
    }
}
