import Contracts
import Credentials
import OSSProtocol
import Platform
import Testing

@testable import Engine

/// Which signature a request leaves with, by what the remote says.
@Suite struct SigningTests {
    private let folder = TemporaryFolder()

    private func authorized(_ remote: String, _ credentials: String) async throws -> (HTTPRequest, Target) {
        folder.write("secret", "exampleSecret/With+Odd=Chars0123456789\n")
        let toml = """
            [remote.a]
            bucket = "example-bucket"
            \(remote)
            [remote.a.credentials]
            \(credentials)
            """
        let access = makeAccess(toml, in: folder)
        let target = try await access.resolve(dest: "a:photos/2026/cat.jpg", credentials: nil)
        let request = try await access.authorize(
            .putObject(ObjectHeaders()), key: ObjectKey(target.prefix), target: target, minimumLife: .seconds(30))
        return (request.request, target)
    }

    private let key = "kind = \"static\"\naccess-key-id = \"LTAIexampleKeyId000001\"\naccess-key-secret-file = \"secret\""

    @Test func version4IsTheUsualOne() async throws {
        let (request, _) = try await authorized("region = \"cn-hangzhou\"", key)

        #expect(request.headers["Authorization"]?.hasPrefix("OSS4-HMAC-SHA256 Credential=LTAIexampleKeyId000001/20260115/cn-hangzhou/oss/") == true)
        #expect(request.url == "https://example-bucket.oss-cn-hangzhou.aliyuncs.com/photos/2026/cat.jpg")
    }

    @Test func version1SignsWhereTheRemoteSaysSo() async throws {
        let (request, _) = try await authorized("endpoint = \"https://oss-cn-hangzhou.aliyuncs.com\"\nsignature = \"v1\"", key)

        let expected = V1Signer().sign(
            HTTPRequest(
                method: "PUT", scheme: "https", host: "example-bucket.oss-cn-hangzhou.aliyuncs.com", path: "/photos/2026/cat.jpg"),
            resource: SignedResource(bucket: "example-bucket", key: ObjectKey("photos/2026/cat.jpg")),
            credentials: Credentials(
                accessKeyID: "LTAIexampleKeyId000001", accessKeySecret: Secret("exampleSecret/With+Odd=Chars0123456789")),
            now: SteppedClock().now)
        #expect(request == expected)
        #expect(request.headers["Authorization"]?.hasPrefix("OSS LTAIexampleKeyId000001:") == true)
    }

    @Test func withoutAKeyNothingIsSigned() async throws {
        let (request, _) = try await authorized("endpoint = \"http://127.0.0.1:9000\"", "kind = \"anonymous\"")

        #expect(request.headers["Authorization"] == nil && request.query == nil)
        #expect(request.headers.fields.allSatisfy { !$0.name.lowercased().hasPrefix("x-oss-") })
    }

    @Test(arguments: [
        ("region = \"cn-beijing\"\nendpoint = \"internal\"", "https://oss-cn-beijing-internal.aliyuncs.com", "virtual"),
        ("region = \"cn-beijing\"\nendpoint = \"accelerate\"", "https://oss-accelerate.aliyuncs.com", "virtual"),
        ("region = \"cn-beijing\"\nendpoint = \"dual-stack\"", "https://cn-beijing.oss.aliyuncs.com", "virtual"),
        ("region = \"cn-beijing\"\nendpoint = \"https://files.example.com\"\naddressing = \"cname\"", "https://files.example.com", "cname"),
        ("region = \"cn-beijing\"\nendpoint = \"http://[::1]:9000\"", "http://[::1]:9000", "path"),
        ("region = \"cn-beijing\"\nendpoint = \"https://ep-1.oss.cn-beijing.privatelink.aliyuncs.com\"", "https://ep-1.oss.cn-beijing.privatelink.aliyuncs.com", "path"),
    ]) func theEndpointSaysHowTheBucketIsAddressed(_ remote: String, _ endpoint: String, _ addressing: String) async throws {
        let (_, target) = try await authorized(remote, key)

        #expect(target.endpoint == endpoint && target.addressing == addressing)
    }

    @Test func aTargetStoredBeforeThereWasAChoiceSignsWithVersion4() throws {
        let stored = """
            {"scope":"a","bucket":"b","region":"cn-hangzhou","endpoint":"https://x","addressing":"virtual","prefix":"","isKey":false,"existing":"overwrite","mayRead":true}
            """

        let target = try ContractJSON.decode(Target.self, from: Array(stored.utf8))

        #expect(target.signature == nil)
        #expect(SignerCache().signer(target) is V4Signer)
    }
}
