import OSSProtocol
import Platform
import Testing
import Wire

@testable import Credentials

@Suite struct URIProviderTests {
    func provider(_ server: LoopbackServer, _ path: String = "/v1/credentials/a-token-of-a-client?role=ingest-role") throws -> URIProvider {
        URIProvider(url: server.url + path, transport: try transport())
    }

    @Test func aServerOfCredentialsIsAskedOnceByGETWithTheAddressAsItStands() async throws {
        let server = LoopbackServer { _ in http(200, credentialJSON, "Date: Thu, 15 Jan 2026 08:30:00 GMT") }

        let issued = try await provider(server).fetch()

        #expect(issued.credentials == credentialValue)
        #expect(issued.credentials.accessKeySecret.reveal() == "the-secret-of-1")
        #expect(server.seen.map { "\($0.method) \($0.path)" } == ["GET /v1/credentials/a-token-of-a-client?role=ingest-role"])
    }

    @Test func theClockOfThisMachineTeachesNothing() async throws {
        let server = LoopbackServer { _ in http(200, credentialJSON, "Date: Thu, 15 Jan 2026 08:30:00 GMT") }

        #expect(try await provider(server).fetch().serverTime == nil)
    }

    @Test(arguments: [
        #"{"AccessKeyId":"LTAI1","AccessKeySecret":"s3cret"}"#,
        #"{"AccessKeyId":"LTAI1","AccessKeySecret":"s3cret","SecurityToken":"","Expiration":""}"#,
        #"{"AccessKeyId":"LTAI1","AccessKeySecret":"s3cret","SecurityToken":null,"Expiration":null,"Other":[1,{}]}"#,
    ])
    func aKeyWithoutTokenAndEndIsOne(body: String) async throws {
        let server = LoopbackServer { _ in http(200, body) }

        #expect(try await provider(server).fetch().credentials == Credentials(accessKeyID: "LTAI1", accessKeySecret: Secret("s3cret")))
    }

    @Test(arguments: [
        (400, "400"), (401, "check the token in url"), (403, "check the token in url"), (404, "uri = true"), (302, "redirect"),
        (204, "204"),
    ])
    func whatOnlyAPersonCanRepairIsRefused(status: Int, says: String) async throws {
        let server = LoopbackServer { _ in http(status, "", "Location: /elsewhere") }

        let failure = await failure(of: try provider(server))

        #expect(failure?.isRefused == true && failure?.text.contains(says) == true, "\(failure?.text ?? "")")
        #expect(server.seen.count == 1)
    }

    @Test(arguments: [408, 425, 429, 500, 502, 503])
    func whatPassesIsUnavailableForAsLongAsTheServerSays(status: Int) async throws {
        let server = LoopbackServer { _ in http(status, "", "Retry-After: 7") }

        guard case .unavailable(let wait, let text) = await failure(of: try provider(server)) else {
            Issue.record("it is not unavailable")
            return
        }

        #expect(wait == .seconds(7) && text.contains("\(status)"))
    }

    @Test(arguments: [
        ("", "no credentials"), ("<html>Welcome</html>", "no credentials"), ("[]", "no credentials"), ("{}", "AccessKeyId is missing"),
        (#"{"AccessKeyId":1}"#, "no credentials"), (#"{"AccessKeyId":"a"}"#, "AccessKeySecret is missing"),
        (#"{"AccessKeyId":"a\r\nX: y","AccessKeySecret":"s"}"#, "AccessKeyId with characters"),
        (#"{"AccessKeyId":"a","AccessKeySecret":"s","SecurityToken":"t\n"}"#, "SecurityToken with characters"),
        (#"{"AccessKeyId":"a","AccessKeySecret":"s","Expiration":"soon"}"#, "Expiration that is no time"),
        (#"{"AccessKeyId":"a","AccessKeySecret":"s","Expiration":true}"#, "Expiration"),
        (#"{"Code":"RoleMissing","Message":"no\nrole"}"#, "RoleMissing: no role"),
        (#"{"Code":"Fail","AccessKeyId":"a","AccessKeySecret":"s"}"#, "Fail"),
    ])
    func a200WithoutCredentialsIsRefusedAndSaysWhatIsWrong(body: String, says: String) async throws {
        let server = LoopbackServer { _ in http(200, body) }

        let failure = await failure(of: try provider(server))

        #expect(failure?.isRefused == true && failure?.text.contains(says) == true, "\(failure?.text ?? "")")
    }

    @Test func anAnswerOverItsLimitIsRefused() async throws {
        let server = LoopbackServer { _ in http(200, #"{"AccessKeyId":""# + String(repeating: "a", count: 64 << 10) + #""}"#) }

        let failure = await failure(of: try provider(server))

        #expect(failure?.isRefused == true && failure?.text.contains("64 KiB") == true, "\(failure?.text ?? "")")
    }

    @Test func nobodyThereIsUnavailable() async throws {
        let port = LoopbackServer { _ in nil }.port

        let failure = await failure(of: URIProvider(url: "http://127.0.0.1:\(port)/x", transport: try transport()))

        #expect(failure?.isUnavailable == true && failure?.text.contains("http://127.0.0.1:\(port)") == true, "\(failure?.text ?? "")")
    }

    /// The token of clients without headers stands in the address.
    @Test(arguments: [404, 200, 500]) func noTokenOfTheAddressIsSaidAgain(status: Int) async throws {
        let server = LoopbackServer { seen in
            http(
                status,
                #"{"Code":"NoRoute","Message":"nothing at \#(seen.path), not for a-token-of-a-client, the-secret-of-1","AccessKeySecret":"the-secret-of-1"}"#
            )
        }
        let provider = try provider(server)

        let text = await failure(of: provider)?.text ?? ""

        #expect(text.contains("NoRoute") && !text.contains("a-token") && !text.contains("ingest-role"), "\(text)")
        #expect(!text.contains("the-secret-of-1"), "\(text)")
        #expect(!provider.fingerprint.contains("a-token"))
    }

    @Test func theErrorsOfTheAuthorizationServerAreRead() async throws {
        let server = LoopbackServer { _ in http(403, #"{"error":{"code":"NotGranted","message":"camera-7 has no grant"}}"#) }

        #expect(await failure(of: try provider(server))?.text.contains("NotGranted: camera-7 has no grant") == true)
    }

    @Test func addressesDifferInTheirFingerprints() throws {
        let transport = try transport()

        let prints = ["http://h/a", "http://h/b", "https://h/a"].map { URIProvider(url: $0, transport: transport).fingerprint }

        #expect(Set(prints).count == 3)
    }

    @Test func anAddressThatIsNoneIsRefused() async throws {
        for url in ["file:///etc/passwd", "http://user:word@host/", "ftp://h/", ""] {
            let failure = await failure(of: URIProvider(url: url, transport: try transport()))
            #expect(failure?.isRefused == true && failure?.text.contains("word") == false)
        }
    }
}
