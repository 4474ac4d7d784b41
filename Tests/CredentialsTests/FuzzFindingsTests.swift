import OSSProtocol
import Platform
import Testing

@testable import Credentials

/// What `scripts/fuzz` found in addresses and in what credentials servers answer.
@Suite struct FuzzFindingsTests {
    @Test(arguments: [
        "http://[::1]x/", "http://[::1]=9/", "http://127.0.0.1:9000{b/", "http://127.0.0.+1/", "http://localhost:evil.example.com/", "http://localhost:/",
        "http://:80/", "http://[/", "http://u@localhost/",
    ]) func whatOnlyBeginsLikeThisMachineIsNoAddress(text: String) {
        #expect(WebAddress(text) == nil)
    }

    @Test(arguments: ["http://[::1]:9/", "http://localhost", "http://127.1.2.3:4?x", "http://LOCALHOST:65535/a"]) func thisMachineIsStillFound(text: String) {
        #expect(WebAddress(text)?.isLoopback == true)
    }

    private struct Silent: Transport {
        func send(
            _ request: HTTPRequest, body: FileBody?, options: SendOptions, progress: (@Sendable (Int64) -> Void)?
        ) async throws(TransportError) -> TransportReply { throw TransportError(kind: .closed, message: "") }
    }

    @Test(arguments: [400, 403, 500]) func aRefusalThatRepeatsASecretDoesNotShowIt(status: Int) {
        let server = CredentialServer(name: "the server", transport: Silent())
        let body = #"{"Code":"Bad","Message":"no exampleSecret77 here","AccessKeySecret":"exampleSecret77"}"#

        let failure = server.failure(HTTPResponse(status: status, body: Array(body.utf8)))

        #expect("\(failure)".contains("no <redacted> here"))
        #expect(!"\(failure)".contains("exampleSecret77"))
    }

    @Test(.timeLimit(.minutes(1))) func secretsAreFoundInATimeThatGrowsWithTheAnswer() {
        // A secret that nearly stands at every place took the product of both lengths.
        let text = String(repeating: "a", count: 4 << 20)
        let secret = String(repeating: "a", count: 1 << 20)

        #expect(Redaction.line(text, without: [secret + "b"], limit: 10) == "aaaaaaaaaa")
        #expect(Redaction.line("x" + text, without: [secret]) == "x<redacted><redacted><redacted><redacted>")
    }

    @Test(arguments: [("ababab", "abab", "<redacted>ab"), ("aabaabaac", "aabaac", "aab<redacted>"), ("aaaaa", "aaaa", "<redacted>a")])
    func everySecretIsCutOutFromTheLeft(text: String, secret: String, expected: String) {
        #expect(Redaction.line(text, without: [secret]) == expected)
    }
}
