import Contracts
import OSSProtocol
import Platform
import Testing

@testable import Engine

@Suite struct RemoteVerifyTests {
    private let folder = TemporaryFolder()
    private let clock = SteppedClock()
    private let queue = FakeQueueService()
    private let credentials = OrderCredentials(
        accessKeyId: "LTAIkey", accessKeySecret: "s3cret", securityToken: nil, region: "cn-hangzhou", endpoint: "https://oss.example.com",
        addressing: nil)

    private func operations(_ rule: @escaping @Sendable (HTTPRequest) -> HTTPResponse) -> (RemoteOperations, RuleTransport) {
        let transport = RuleTransport { rule($0) }
        return (RemoteOperations(access: makeAccess("", in: folder, clock: clock, transport: transport), queue: queue), transport)
    }

    private func head(_ size: Int, _ crc: String?, _ etag: String) -> HTTPResponse {
        var headers: HTTPHeaders = ["Content-Length": String(size), "ETag": etag]
        headers["x-oss-hash-crc64ecma"] = crc
        return HTTPResponse(status: 200, headers: headers)
    }

    private func request(_ objects: [VerifyRequest.Object], bucket: String = "media", remote: String? = nil) -> VerifyRequest {
        VerifyRequest(remote: remote, bucket: bucket, objects: objects, credentials: credentials)
    }

    private func object(_ key: String, _ size: Int64 = 5, _ crc: String? = "77", _ etag: String? = "\"E\"") -> VerifyRequest.Object {
        VerifyRequest.Object(key: key, size: size, crc64: crc, etag: etag)
    }

    @Test func eachDifferenceIsNamedAndMatchesAreCounted() async throws {
        let (operations, transport) = operations { [self] request in
            switch request.path {
            case "/same": head(5, "77", "\"E\"")
            case "/other": head(6, "78", "\"F\"")
            case "/gone": HTTPResponse(status: 404)
            case "/closed": HTTPResponse(status: 403)
            default: HTTPResponse(status: 400)
            }
        }

        let result = try await operations.verify(request([object("same"), object("other"), object("gone"), object("closed")]))

        #expect(result.checked == 4 && result.matched == 1)
        #expect(result.mismatches.map(\.key) == ["other", "other", "other", "gone", "closed"], "in the order they were asked about")
        #expect(result.mismatches.map(\.what) == ["size", "crc64", "etag", "missing", "unknown"])
        #expect(result.mismatches.first == VerifyResult.Mismatch(key: "other", what: "size", expected: "5", found: "6"))
        #expect(transport.requests.allSatisfy { $0.method == "HEAD" })
    }

    @Test func whatOneSideDoesNotSayIsNotCompared() async throws {
        let (operations, _) = operations { [self] _ in head(5, nil, "E") }

        let result = try await operations.verify(request([object("a"), object("b", 5, nil, nil)]))

        #expect(result.matched == 2 && result.mismatches.isEmpty, "quotes around an ETag make no difference")
    }

    @Test func requestsGoToTheCallersEndpointWhateverTheReceiptSays() async throws {
        let (operations, transport) = operations { [self] _ in head(5, "77", "\"E\"") }

        _ = try await operations.verify(request([object("a")]))

        #expect(transport.requests.map(\.host) == ["media.oss.example.com"])
    }

    @Test func anotherBucketThanTheRemotesIsRefusedBeforeAnythingIsAsked() async throws {
        let transport = RuleTransport { _ in HTTPResponse(status: 500) }
        let secret = folder.write("ak.secret", "s3cret")
        let toml = """
            [remote.ingest]
            bucket = "media"
            region = "cn-hangzhou"
            [remote.ingest.credentials]
            kind = "static"
            access-key-id = "LTAIkey"
            access-key-secret-file = "\(secret)"
            """
        let operations = RemoteOperations(access: makeAccess(toml, in: folder, clock: clock, transport: transport), queue: queue)

        let error = await #expect(throws: OrderError.self) {
            try await operations.verify(VerifyRequest(remote: "ingest", bucket: "elsewhere", objects: [self.object("a")], credentials: nil))
        }

        #expect(error?.exit == 2 && transport.requests.isEmpty)
    }

    @Test func aPageOfMoreThanAThousandIsRefused() async {
        let (operations, _) = operations { _ in HTTPResponse(status: 500) }

        let error = await #expect(throws: OrderError.self) {
            try await operations.verify(request((0...1_000).map { object("k\($0)") }))
        }

        #expect(error?.exit == 2)
    }

    @Test func manyAreAskedAtOnceButNotAllAtOnce() async throws {
        let inFlight = Lock((now: 0, most: 0))
        let transport = RuleTransport { [self] _ in
            inFlight.withLock { state in
                state.now += 1
                state.most = max(state.most, state.now)
            }
            await Task.yield()
            inFlight.withLock { $0.now -= 1 }
            return head(5, "77", "\"E\"")
        }
        let operations = RemoteOperations(access: makeAccess("", in: folder, clock: clock, transport: transport), queue: queue)

        let result = try await operations.verify(request((0..<200).map { object("k\($0)") }))

        #expect(result.matched == 200 && transport.requests.count == 200)
        #expect(inFlight.withLock { $0.most } <= 16)
    }

    // MARK: - Plan

    @Test func aPlanListsWhichKeysAreThereAlready() async throws {
        let listed = "<Contents><Key>2026/3.mov</Key><Size>5</Size><ETag>e</ETag></Contents><Contents><Key>2026/other</Key><Size>5</Size><ETag>e</ETag></Contents>"
        let (operations, _) = operations { request in
            guard request.method == "GET" else { return HTTPResponse(status: 404) }
            return HTTPResponse(
                status: 200, body: Array("<ListBucketResult><IsTruncated>false</IsTruncated>\(listed)</ListBucketResult>".utf8))
        }

        let plan = try await operations.plan(
            JobOrder(submissionId: "s", sources: ["/d"], dest: "oss://media/2026/", credentials: credentials))

        #expect(plan.existing == PlanView.Existing(objects: 1, keys: ["2026/3.mov"], partial: false, rule: "skip"))
        #expect(plan.checks.map(\.check).contains("put") && plan.files == 30)
    }

    @Test func aPlanSaysWhenNobodyMayList() async throws {
        let (operations, _) = operations { request in
            HTTPResponse(status: 403, body: Array("<Error><Code>AccessDenied</Code><Message>m</Message></Error>".utf8))
        }

        let plan = try await operations.plan(
            JobOrder(submissionId: "s", sources: ["/d"], dest: "oss://media/2026/", credentials: credentials))

        #expect(plan.existing.objects == nil)
        #expect(plan.checks.first { $0.check == "put" }?.ok == false)
    }
}
