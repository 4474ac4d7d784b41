import OSSProtocol
import Testing

@testable import Authorization

@Suite struct ClientTokenTests {
    @Test func aFreshTokenMatchesItsHashAndNoOther() throws {
        let (token, hash) = try ClientToken.new(client: "camera-7")
        let (other, otherHash) = try ClientToken.new(client: "camera-7")

        #expect(hash.matches(token.text))
        #expect(!hash.matches(other.text))
        #expect(!otherHash.matches(token.text))
        #expect(try TokenHash(hash.description) == hash)
    }

    @Test func theHashHoldsNoPieceOfTheToken() throws {
        let (token, hash) = try ClientToken.new(client: "camera-7")

        #expect(!hash.description.contains(token.text.reveal().suffix(16)))
    }

    /// Against Python: hashlib.pbkdf2_hmac('sha256', b'davit_camera-7_x', b'\x01' * 16, 1000).hex()
    @Test func theHashIsPBKDF2() {
        let hash = TokenHash(of: Secret("davit_camera-7_x"), salt: Array(repeating: 1, count: 16))

        #expect(
            hash.description
                == "pbkdf2-sha256:1000:01010101010101010101010101010101:7c7b7860c385526d8da662c1eaaf56fbdbdda85e8e5e2992adc68bbc90ce5bd3")
    }

    @Test(arguments: [
        "", "x", "pbkdf2-sha256:1000:0101:00", "pbkdf2-sha256:0:0101010101010101:" + String(repeating: "0", count: 64), "md5:1:a:b",
        "a:b:c:d:e",
    ])
    func aTextThatIsNoHashIsRefused(text: String) {
        #expect(throws: SettingError.self) { try TokenHash(text) }
    }

    @Test(arguments: [
        "davit_camera-7_", "davit__" + String(repeating: "0", count: 63), "Davit_a_", "", "davit_", String(repeating: "x", count: 5000),
    ])
    func whatDoesNotLookLikeATokenClaimsNoClient(text: String) {
        #expect(ClientToken.claimedClient(text) == nil)
    }

    @Test func theNameOfAClientMayHoldWhatTokensAreMadeOf() throws {
        let (token, _) = try ClientToken.new(client: "a_b.c@d-e_")

        #expect(ClientToken.claimedClient(token.text.reveal()) == Array("a_b.c@d-e_".utf8))
    }

    @Test func aTokenOfOneClientDoesNotOpenAnother() async throws {
        let (token, hash) = try ClientToken.new(client: "camera-7")
        let (_, otherHash) = try ClientToken.new(client: "camera-8")
        let clock = ManualClock()
        let clients = [("camera-7", hash), ("camera-8", otherHash)].map {
            Client(name: $0, tokens: [BearerHash($1)], grants: [Bench.rule()])
        }
        let door = Doorkeeper(Bench.settings(clients), keys: Bench.noKeys(clock).ring)
        let forged = token.text.reveal().replacing("camera-7", with: "camera-8")

        // The second time from memory.
        for _ in 0..<2 {
            #expect(try await door.admit(Introduction(bearer: token.text), now: clock.now()).name == "camera-7")
            let refused = await #expect(throws: Doorkeeper.Refused.self) {
                try await door.admit(Introduction(bearer: Secret(forged)), now: clock.now())
            }
            guard case .stranger(let stranger)? = refused else {
                Issue.record("not a stranger")
                continue
            }
            #expect(stranger.claimed == "camera-8")
        }
    }
}
