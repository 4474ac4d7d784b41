import OSSProtocol
import Testing

@testable import Authorization

/// Who is let in, by which proof, and with what.
@Suite struct DoorkeeperTests {
    private static let issuer = "https://id.example.com"
    private let clock = ManualClock()

    private func door(
        _ clients: [Client] = [], claims: [ClaimGrant]? = nil, clientClaim: String = "sub", keys: String = Tokens.keys
    ) -> Doorkeeper {
        var settings = Bench.settings(clients)
        settings.issuers = [
            TokenIssuer(
                issuer: Self.issuer, audience: "davit", keys: .file("/nowhere"), clientClaim: clientClaim, leeway: .seconds(60),
                grants: claims ?? [ClaimGrant(claims: [:], rule: Bench.rule())])
        ]
        return Doorkeeper(settings, keys: KeyRings(fetch: { _ throws(SettingError) in Array(keys.utf8) }, now: clock.now).ring)
    }

    private func jwt(_ door: Doorkeeper, _ text: String = Tokens.rs256) async throws -> Admitted {
        try await door.admit(Introduction(bearer: Secret(text)), now: clock.now())
    }

    private func reason(_ work: () async throws -> Admitted) async -> String? {
        do {
            return "let in as \(try await work().name)"
        } catch {
            guard case .stranger(let stranger)? = error as? Doorkeeper.Refused else { return "\(error)" }
            return stranger.reason
        }
    }

    // MARK: JWTs

    @Test func aJWTIsGrantedWhatItsClaimsAreGranted() async throws {
        let night = ClaimGrant(claims: ["groups": "night", "realm.roles": "uploader"], rule: Bench.rule(prefix: "{claim:site}/{date}/"))
        let other = ClaimGrant(claims: ["groups": "day"], rule: Bench.rule(prefix: "day/"))
        let admitted = try await jwt(door(claims: [night, other]))

        #expect(admitted.name == "camera-7" && admitted.session == "camera-7" && admitted.proof == .jwt)
        #expect(admitted.grants.map(\.prefix) == ["Hangzhou%201/2026-01-15/"])
    }

    @Test func aJWTThatFitsNoGrantIsGrantedNothing() async throws {
        for grant in [
            ClaimGrant(claims: ["groups": "night", "realm.roles": "admin"], rule: Bench.rule()),
            ClaimGrant(claims: ["groups": "Night"], rule: Bench.rule()), ClaimGrant(claims: [:], rule: Bench.rule(prefix: "{claim:none}/")),
        ] {
            let refused = await #expect(throws: Doorkeeper.Refused.self) { try await jwt(door(claims: [grant])) }
            guard case .nothingGranted(let admitted)? = refused else {
                Issue.record("\(String(describing: refused))")
                continue
            }
            #expect(admitted.name == "camera-7")
        }
    }

    @Test func anIssuerSpeaksForAClientOfTheConfigurationOnlyWhereTheClientSaysSo() async throws {
        let mine = Client(name: "camera-7", issuer: Self.issuer, grants: [Bench.rule(prefix: "own/")])
        let foreign = Client(name: "camera-7", issuer: "https://other.example.com", grants: [Bench.rule(prefix: "own/")])
        let byToken = Client(name: "camera-7", tokens: [BearerHash(try ClientToken.new(client: "camera-7").hash)], grants: [Bench.rule()])

        #expect(try await jwt(door([mine])).grants.map(\.prefix) == ["own/", "uploads/camera-7/"])
        for client in [foreign, byToken] {
            #expect(await reason { try await jwt(door([client])) } == "a JWT that names a client which its issuer may not speak for")
        }
    }

    @Test func everyForgedJWTIsAStrangers() async throws {
        let door = door()
        for forged in Tokens.forged {
            let said = await reason { try await jwt(door, forged.token) }
            #expect(said?.contains("JWT") ?? false, "\(forged.what): \(said ?? "let in")")
        }
    }

    @Test func aJWTEndsWhenItSaysSo() async throws {
        let door = door()
        clock.move(.seconds(3659))
        #expect(await reason { try await jwt(door) } == "let in as camera-7")
        clock.move(.seconds(1))
        #expect(await reason { try await jwt(door) } == "a JWT that is expired")
    }

    @Test func theClaimThatNamesTheClientMustBeAText() async throws {
        for claim in ["groups", "iat", "realm", "nothing", ""] {
            #expect(await reason { try await jwt(door(clientClaim: claim)) } == "a JWT without the claim that names the client")
        }
    }

    @Test func aNameThatSTSDoesNotTakeIsToldApartByADigest() {
        let names = ["auth0|1", "auth0/1", "é", "e\u{301}", "x", "..", String(repeating: "x", count: 65), String(repeating: "x", count: 66)]
        let sessions = names.map { Admitted.session($0, issuer: Self.issuer) }

        #expect(Set(sessions).count == names.count)
        for session in sessions { #expect(SettingText.problem(clientName: session) == nil, "\(session)") }
        #expect(Admitted.session("camera-7", issuer: Self.issuer) == "camera-7")
        #expect(Admitted.session("a|b", issuer: "one") != Admitted.session("a|b", issuer: "two"))
    }

    @Test func aTokenInThePathIsNeverAJWT() async throws {
        let door = door()
        let said = await reason {
            try await door.admit(Introduction(bearer: Secret(Tokens.rs256), isInPath: true), now: clock.now())
        }
        #expect(said == "no token of this server")
    }

    // MARK: several tokens

    @Test func anOldAndANewTokenLiveSideBySideUntilTheOldOneEnds() async throws {
        let (old, oldHash) = try ClientToken.new(client: "camera-7")
        let (new, newHash) = try ClientToken.new(client: "camera-7")
        let client = Client(
            name: "camera-7", tokens: [BearerHash(oldHash, expires: clock.now() + .seconds(60)), BearerHash(newHash)], grants: [Bench.rule()])
        let door = door([client])
        let admit = { (token: ClientToken) in
            await reason { try await door.admit(Introduction(bearer: token.text), now: clock.now()) }
        }

        // Twice, the second time from memory.
        for _ in 0..<2 {
            #expect(await admit(old) == "let in as camera-7")
            #expect(await admit(new) == "let in as camera-7")
        }
        clock.move(.seconds(60))
        #expect(await admit(old) == "a token that has expired")
        #expect(await admit(new) == "let in as camera-7")
    }

    // MARK: certificates

    @Test func aCertificateIsWhoseNameItBears() async throws {
        let dns = try CertificateName("DNS:camera-7.example.com")
        let subject = try CertificateName("SUBJECT:CN=camera-8,O=Example")
        let door = door([
            Client(name: "camera-7", certificates: [dns], grants: [Bench.rule()]),
            Client(name: "camera-8", certificates: [subject], grants: [Bench.rule()]),
        ])
        let admit = { (names: [String]) in
            await reason {
                try await door.admit(Introduction(certificate: try names.map { text in try CertificateName(text) }), now: clock.now())
            }
        }

        #expect(await admit(["SUBJECT:CN=x", "DNS:camera-7.example.com"]) == "let in as camera-7")
        #expect(await admit(["SUBJECT:CN=camera-8,O=Example"]) == "let in as camera-8")
        #expect(await admit([]) == "no token and no certificate")
        for name in ["DNS:camera-7.example.com.", "DNS:Camera-7.example.com", "URI:camera-7.example.com", "SUBJECT:CN=camera-8"] {
            #expect(await admit([name]) == "a certificate that names no client", "\(name)")
        }
        #expect(
            await admit(["DNS:camera-7.example.com", "SUBJECT:CN=camera-8,O=Example"]) == "a certificate that names several clients")
    }

    @Test func aRightCertificateDoesNotMakeAWrongTokenGood() async throws {
        let name = try CertificateName("DNS:camera-7.example.com")
        let door = door([Client(name: "camera-7", certificates: [name], grants: [Bench.rule()])])
        let said = await reason {
            try await door.admit(Introduction(bearer: Secret("wrong"), certificate: [name]), now: clock.now())
        }
        #expect(said == "no token of this server")
    }
}
