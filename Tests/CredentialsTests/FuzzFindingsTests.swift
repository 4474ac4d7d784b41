import OSSProtocol
import Platform
import Testing

@testable import Credentials

/// What `scripts/fuzz` found in addresses and in what credentials servers answer.
@Suite struct FuzzFindingsTests {
    @Test(arguments: [
        "http://[::1]x/", "http://[::1]=9/", "http://127.0.0.1:9000{b/", "http://127.0.0.+1/", "http://localhost:evil.example.com/",
        "http://localhost:/",
        "http://:80/", "http://[/", "http://u@localhost/",
    ]) func whatOnlyBeginsLikeThisMachineIsNoAddress(text: String) {
        #expect(WebAddress(text) == nil)
    }

    @Test(arguments: ["http://[::1]:9/", "http://localhost", "http://127.1.2.3:4?x", "http://LOCALHOST:65535/a"])
    func thisMachineIsStillFound(text: String) {
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
        let text = String(repeating: "a", count: 1 << 19)
        let secret = String(repeating: "a", count: 1 << 18)

        #expect(Redaction.line(text, without: [secret + "b"], limit: 10) == "aaaaaaaaaa")
        #expect(Redaction.line("x" + text, without: [secret]) == "x<redacted><redacted>")
    }

    @Test(arguments: [("ababab", "abab", "<redacted>ab"), ("aabaabaac", "aabaac", "aab<redacted>"), ("aaaaa", "aaaa", "<redacted>a")])
    func everySecretIsCutOutFromTheLeft(text: String, secret: String, expected: String) {
        #expect(Redaction.line(text, without: [secret]) == expected)
    }

    @Test(.timeLimit(.minutes(1))) func aLongCommandIsSplitInATimeThatGrowsWithIt() {
        // A new array for every byte: gigabytes for what a file of profiles may hold.
        let word = String(repeating: "a", count: 1 << 19)

        #expect(CommandWords.split("/p '\(word)' \(word)")?.map(\.utf8.count) == [2, 1 << 19, 1 << 19])
    }

    /// The order of a dictionary is another one in every process, and almost every time within one.
    @Test func ofTwoWritingsOfOneKeyTheToolsOwnCounts() throws {
        let fields = #""access_key_id":"right","accessKeyId":"b","ACCESS-KEY-ID":"c","AccessKeyID":"d","access_key_secret":"s""#
        let bytes = Array(#"{"profiles":[{"name":"default",\#(fields)}]}"#.utf8)

        for _ in 0..<64 {
            let source = try AliyunProfiles(parsing: bytes).profile(nil, in: "/f", at: Timestamp(seconds: 0)).source

            #expect(source == .inProfile(Credentials(accessKeyID: "right", accessKeySecret: Secret("s")), file: "/f"))
        }
    }
}
