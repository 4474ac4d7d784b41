import OSSProtocol
import Testing

@testable import Sandbox

@Suite struct ServiceAddressTests {
    private static let names = HostNames(cnames: ["files.example.com": "from-table"], regions: ["cn-hangzhou", "cn-beijing"])

    @Test(
        arguments: [
            ("127.0.0.1:9000", "/b/a%2Fb/%2e%2E//c", "b", "a/b/..//c", .own), ("b.localhost:9000", "/k%20+", "b", "k +", .own),
            ("localhost", "/b", "b", nil, .own), ("localhost", "/b/", "b", nil, .own), ("[::1]:9000", "/", nil, nil, .own),
            ("B.LOCALHOST", "/k", "b", "k", .own), ("files.example.com", "/k", "from-table", "k", .own),
            ("oss-cn-beijing.localhost:9000", "/b/k", "b", "k", .named("cn-beijing")),
            ("b.oss-cn-beijing.localhost", "/k", "b", "k", .named("cn-beijing")),
            ("oss-nowhere.localhost", "/k", "oss-nowhere", "k", .own),
            ("oss-b.oss-cn-hangzhou.aliyuncs.com", "/k", "oss-b", "k", .named("cn-hangzhou")),
            ("b.oss-cn-hangzhou-internal.aliyuncs.com", "/k", "b", "k", .named("cn-hangzhou")),
            ("cn-hangzhou.oss.aliyuncs.com", "/", nil, nil, .named("cn-hangzhou")),
            ("b.cn-beijing.oss.aliyuncs.com", "/k", "b", "k", .named("cn-beijing")),
            ("oss-cn-hangzhou.aliyuncs.com", "/", nil, nil, .named("cn-hangzhou")),
            ("oss.aliyuncs.com", "/", nil, nil, .named("cn-hangzhou")),
            ("b.oss-accelerate.aliyuncs.com", "/k", "b", "k", .every), ("b.oss-accelerate-overseas.aliyuncs.com", "/k", "b", "k", .every),
        ] as [(String, String, String?, String?, ServedRegion)]) func bucketKeyAndRegionAreFoundInHostAndPath(
            host: String, path: String, bucket: String?, key: String?, region: ServedRegion
        ) throws
    {
        let address = try ServiceAddress.find(host: host, path: path, names: Self.names)

        #expect(address == ServiceAddress(bucket: bucket, key: key.map { ObjectKey($0) }, region: region))
    }

    @Test(arguments: [
        ("unknown.example.com", "/k", "NonStandardHostForbidden"), ("sts.cn-hangzhou.aliyuncs.com", "/", "NonStandardHostForbidden"),
        ("a.b.oss-cn-hangzhou.aliyuncs.com", "/k", "NonStandardHostForbidden"),
        ("oss-cn-hangzhou.aliyuncs.com", "/b/k", "SecondLevelDomainForbidden"), ("localhost", "/b/%zz", "InvalidURI"),
    ]) func anAddressThatOSSRefusesIsRefused(host: String, path: String, code: String) {
        let failure = #expect(throws: OSSFailure.self) { try ServiceAddress.find(host: host, path: path, names: Self.names) }

        #expect(failure?.code == code)
    }

    @Test func whenStrictPathStyleNeedsAnAddress() throws {
        var names = Self.names
        names.isStrict = true

        for host in ["localhost:9000", "oss-cn-beijing.localhost"] {
            let failure = #expect(throws: OSSFailure.self) { try ServiceAddress.find(host: host, path: "/b/k", names: names) }
            #expect(failure?.status == 403 && failure?.code == "SecondLevelDomainForbidden")
            #expect(try ServiceAddress.find(host: host, path: "/", names: names).bucket == nil)
        }
        for (host, path) in [("127.0.0.1:9000", "/b/k"), ("[::1]:9000", "/b/k"), ("b.localhost", "/k")] {
            #expect(try ServiceAddress.find(host: host, path: path, names: names).bucket == "b")
        }
    }

    // MARK: Regions

    private func caller() throws -> Caller { try Caller { $0.otherBuckets = [("far-bucket", "cn-beijing")] } }

    /// Status, code, EC and the answer's elements.
    private func get(_ caller: Caller, _ bucket: String, host: String, signedFor region: String) async throws -> XMLElement? {
        let request = HTTPRequest(method: "GET", scheme: "http", host: host, path: host.hasPrefix(bucket) ? "/k" : "/\(bucket)/k")
        let signed = V4Signer(region: region).sign(
            request, resource: SignedResource(bucket: bucket, key: ObjectKey("k")), credentials: caller.credentials, now: caller.now)
        let answer = try await caller.deliver(signed)
        return answer.status == 200 ? nil : try XMLReader.parse(answer.body)
    }

    @Test(arguments: ["cn-beijing", "cn-hangzhou"]) func aBucketElsewhereIsNotServedButItsEndpointIsNamed(region: String) async throws {
        let error = try await get(caller(), "far-bucket", host: "127.0.0.1:9000", signedFor: region)

        #expect(error?["Code"] == "AccessDenied" && error?["EC"] == "0003-00001403")
        #expect(error?["Bucket"] == "far-bucket" && error?["Endpoint"] == "oss-cn-beijing.aliyuncs.com")
    }

    @Test(arguments: [
        "far-bucket.oss-cn-beijing.aliyuncs.com", "oss-cn-beijing.localhost:9000", "far-bucket.oss-cn-beijing.localhost",
        "far-bucket.oss-accelerate.aliyuncs.com",
    ]) func itsOwnEndpointServesABucketWithItsOwnRegionSigned(host: String) async throws {
        let caller = try caller()

        #expect(try await get(caller, "far-bucket", host: host, signedFor: "cn-beijing")?["Code"] == "NoSuchKey")
        let error = try await get(caller, "far-bucket", host: host, signedFor: "cn-hangzhou")
        #expect(error?["Code"] == "InvalidArgument" && error?["EC"] == "0002-00000226")
        #expect(error?["Message"] == "Invalid signing region in Authorization header.")
    }

    @Test func aBucketTellsWhereItIs() async throws {
        let caller = try caller()

        let buckets = try XMLReader.parse(try await caller.deliver(signedList(caller)).body).child("Buckets")?.children ?? []

        #expect(buckets.map { $0["Name"] } == ["far-bucket", "sandbox-bucket"])
        #expect(buckets.map { $0["Region"] } == ["cn-beijing", "cn-hangzhou"])
        #expect(buckets.map { $0["Location"] } == ["oss-cn-beijing", "oss-cn-hangzhou"])
        #expect(buckets.map { $0["ExtranetEndpoint"] } == ["oss-cn-beijing.aliyuncs.com", "oss-cn-hangzhou.aliyuncs.com"])
        #expect(try caller.reopened.bucket("far-bucket")?.region == "cn-beijing")
    }

    @Test func aBucketCannotBeMadeASecondTimeInAnotherRegion() async throws {
        let caller = try caller()
        let request = HTTPRequest(method: "PUT", scheme: "http", host: "oss-cn-beijing.localhost:9000", path: "/sandbox-bucket/")
        let signed = V4Signer(region: "cn-beijing").sign(
            request, resource: SignedResource(bucket: "sandbox-bucket", key: nil), credentials: caller.credentials, now: caller.now)

        let answer = try await caller.deliver(signed)

        #expect(answer.status == 409 && OSSError(response: answer).ec == "0015-00000104")
    }

    private func signedList(_ caller: Caller) -> HTTPRequest {
        V4Signer(region: "cn-hangzhou").sign(
            HTTPRequest(method: "GET", scheme: "http", host: "127.0.0.1:9000", path: "/"), resource: SignedResource(bucket: nil, key: nil),
            credentials: caller.credentials, now: caller.now)
    }

    // MARK: The command line

    @Test func bucketsOfTheCommandLineStandBesideTheUsualOneOrInItsPlace() throws {
        var arguments = SandboxArguments()
        arguments.buckets = ["far:cn-beijing"]
        #expect(try arguments.settings().bucket == "sandbox-bucket")

        arguments.buckets = ["far:cn-beijing", "first", "second"]
        let settings = try arguments.settings()

        #expect(settings.bucket == "first")
        #expect(settings.otherBuckets.map(\.name) == ["far", "second"] && settings.otherBuckets.map(\.region) == ["cn-beijing", nil])
    }

    @Test func rolesOfTheCommandLineAreCheckedAtOnce() throws {
        var arguments = SandboxArguments()
        arguments.roles = ["second"]
        arguments.externalID = "ticket-7"
        #expect(try arguments.settings().otherRoles.map(\.name) == ["second"] && arguments.settings().externalID == "ticket-7")

        for wrong in ["", "a/b", "second=/absent/policy.json"] {
            arguments.roles = [wrong]
            #expect(throws: SandboxError.self) { try arguments.settings() }
        }
        (arguments.roles, arguments.externalID) = ([], "a b")
        #expect(throws: SandboxError.self) { try arguments.settings() }
    }

    @Test(arguments: ["far:", "far:oss-cn-beijing", "far:CN"]) func aRegionThatIsNoneIsRefused(text: String) {
        var arguments = SandboxArguments()
        arguments.buckets = [text]

        #expect(throws: SandboxError.self) { try arguments.settings() }
    }
}
