import Glibc
import OSSProtocol
import Platform
import Testing

@testable import Credentials

@Suite struct ProcessProviderTests {
    func provider(_ script: String, timeout: Duration = .seconds(30)) -> ProcessProvider {
        ProcessProvider(
            command: ["/bin/sh", "-c", script, "sh", "argument-that-is-secret"], timeout: timeout,
            environment: ["PATH": "/usr/bin:/bin", "ROLE": "ingest"])
    }

    @Test(arguments: [
        #"{"mode":"StsToken","access_key_id":"STS.NU1","access_key_secret":"the-secret-of-1","sts_token":"CAIS-token-1","expiration":"2026-01-15T09:30:00Z"}"#,
        #"{"access_key_id":"STS.NU1","access_key_secret":"the-secret-of-1","sts_token":"CAIS-token-1","expiration":1768469400}"#,
        credentialJSON,
    ])
    func bothShapesOfTheOfficialToolsAreRead(json: String) async throws {
        #expect(try await provider("printf '%s\\n' '\(json)'").fetch().credentials == credentialValue)
    }

    @Test(arguments: [
        #"{"mode":"AK","access_key_id":"LTAI1","access_key_secret":"s3cret"}"#,
        #"{"mode":"AK","access_key_id":"LTAI1","access_key_secret":"s3cret","sts_token":"ignored","expiration":0}"#,
        #"{"mode":"","access_key_id":"LTAI1","access_key_secret":"s3cret","sts_token":"","expiration":""}"#,
    ])
    func aLongLivedKeyHasNoToken(json: String) async throws {
        let issued = try await provider("echo '\(json)'").fetch()

        #expect(issued == IssuedCredentials(credentials: Credentials(accessKeyID: "LTAI1", accessKeySecret: Secret("s3cret"))))
    }

    @Test func theEnvironmentGoesThrough() async throws {
        let issued = try await provider(#"echo "{\"access_key_id\":\"$ROLE\",\"access_key_secret\":\"s3cret\"}""#).fetch()

        #expect(issued.credentials.accessKeyID == "ingest")
    }

    @Test func anythingOnStandardErrorIsNoFailure() async throws {
        #expect(try await provider("echo warning >&2; echo '\(credentialJSON)'").fetch().credentials == credentialValue)
    }

    @Test(arguments: [
        ("", "nothing"), ("echo hello", "something that is no credentials"), ("echo '{}'", "AccessKeyId is missing"),
        (#"echo '{"mode":"StsToken","access_key_id":"a","access_key_secret":"s"}'"#, "no sts_token"),
        (#"echo '{"mode":"RamRoleArn","access_key_id":"a","access_key_secret":"s"}'"#, "“RamRoleArn”"),
        (#"echo '{"access_key_id":"a","access_key_secret":"s","expiration":"tomorrow"}'"#, "Expiration"),
        (#"echo '{"access_key_id":"a","access_key_secret":"s","expiration":-5}'"#, "Expiration"),
        ("echo 'log in first' >&2; exit 3", "status 3; it says: log in first"), ("kill -9 $$", "SIGKILL"), ("exit 127", "status 127"),
        ("head -c 70000 /dev/zero", "more than 64 KiB"),
    ])
    func whatIsWrongIsRefusedInOneLine(script: String, says: String) async {
        let failure = await failure(of: provider(script))

        #expect(failure?.isRefused == true && failure?.text.contains(says) == true, "\(failure?.text ?? "")")
        #expect(failure?.text.contains("\n") == false && failure?.text.contains("argument-that-is-secret") == false)
        #expect(failure?.text.contains("/bin/sh") == true)
    }

    @Test func aSlowProgramIsEndedAndMayBeAskedAgain() async {
        let failure = await failure(of: provider("echo 'waiting for the card' >&2; exec sleep 60", timeout: .seconds(1)))

        #expect(failure?.isUnavailable == true)
        #expect(failure?.text.contains("1 s") == true && failure?.text.contains("waiting for the card") == true)
    }

    @Test func whatItSaysIsCleanedBoundedAndItsEndIsKept() async {
        let script = "printf 'start '; head -c 900 /dev/zero | tr '\\0' x; printf '\\033[2J\\nthe reason'"

        let text = await failure(of: provider("(\(script)) >&2; exit 1"))?.text ?? ""

        #expect(text.hasSuffix("the reason") && !text.contains("start") && text.utf8.count < 600)
        #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
    }

    /// As `set -x` does.
    @Test func secretsThatItRepeatsOnStandardErrorAreCutOut() async {
        let text =
            await failure(of: provider("echo '\(credentialJSON)'; echo '+ token CAIS-token-1 secret the-secret-of-1' >&2; exit 1"))?.text
            ?? ""

        #expect(text.contains("+ token <redacted> secret <redacted>"), "\(text)")
        #expect(!text.contains("CAIS-token-1") && !text.contains("the-secret-of-1"))
    }

    @Test(arguments: [("/no/such/program", "No such file"), ("no-such-program", "PATH")])
    func aProgramThatIsNotThereIsRefused(program: String, says: String) async {
        let failure = await failure(of: ProcessProvider(command: [program], timeout: .seconds(9), environment: ["PATH": "/bin"]))

        #expect(failure?.isRefused == true && failure?.text.contains(says) == true && failure?.text.contains(program) == true)
    }

    @Test func theFingerprintFollowsTheArgumentsAndShowsNone() {
        let prints = ["a", "b"].map { provider($0).fingerprint }

        #expect(Set(prints).count == 2)
        #expect(prints.allSatisfy { !$0.contains("argument-that-is-secret") })
    }
}
