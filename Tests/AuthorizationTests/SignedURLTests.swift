import Contracts
import OSSProtocol
import Testing

@testable import Authorization

@Suite struct SignedURLTests {
    private func order(_ operation: String, _ more: String = "", key: String = "uploads/camera-7/a b/é.bin") -> String {
        "{\"requests\":[{\"operation\":\"\(operation)\",\"key\":\"\(key)\"\(more)}]}"
    }

    @Test(arguments: [
        ("put", "", "PUT", ""), ("initiate", "", "POST", "uploads&"),
        ("part", ",\"upload_id\":\"U1\",\"part_number\":7", "PUT", "partNumber=7&uploadId=U1&"),
        ("complete", ",\"upload_id\":\"U1\"", "POST", "uploadId=U1&"), ("abort", ",\"upload_id\":\"U1\"", "DELETE", "uploadId=U1&"),
        ("list-parts", ",\"upload_id\":\"U1\",\"part_number\":1000", "GET", "uploadId=U1&"), ("head", "", "HEAD", ""),
    ])
    func eachOperationBecomesItsRequest(operation: String, more: String, method: String, query: String) async throws {
        let bench = Bench(grants: [Bench.rule(verbs: [.upload, .get])])
        let answer = try await bench.urls(order(operation, more))

        let url = try #require(answer.urls.first)
        #expect(url.method == method)
        #expect(url.url.hasPrefix("https://media-ingest.oss-cn-hangzhou.aliyuncs.com/uploads/camera-7/a%20b/%C3%A9.bin?\(query)"))
        #expect(url.url.contains("x-oss-signature-version=OSS4-HMAC-SHA256"))
        #expect(url.url.contains("x-oss-security-token=\(ScriptedSource.securityToken)"))
        #expect(url.url.contains("part-number-marker=1000") == (operation == "list-parts"))
        #expect(answer.bucket == "media-ingest" && answer.prefix == "uploads/camera-7/" && answer.serverTime == "2026-01-15T08:30:00Z")
    }

    @Test(arguments: [
        ("https://oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou%2Foss%2F"),
        ("https://cb-f8z7yvzgwfkl9q0h.cn-hangzhou.oss-cloudbox.aliyuncs.com", "%2Foss-cloudbox%2F"),
    ]) func theProductOfTheEndpointIsSigned(endpoint: String, scope: String) async throws {
        var grant = Bench.rule()
        grant.endpoint = try Endpoint(endpoint)

        let url = try #require(try await Bench(grants: [grant]).urls(order("put")).urls.first).url

        #expect(url.contains(scope), "\(url)")
    }

    @Test func headersAreSignedAndComeBack() async throws {
        let plain = try await Bench().urls(order("put"))
        let typed = try await Bench().urls(order("put", ",\"headers\":{\"Content-Type\":\"video/mp4\",\"x-oss-meta-a\":\"1\"}"))

        #expect(typed.urls[0].headers == ["Content-Type": "video/mp4", "x-oss-meta-a": "1"])
        #expect(plain.urls[0].headers.isEmpty)
        #expect(plain.urls[0].url.suffix(64) != typed.urls[0].url.suffix(64))
    }

    @Test(arguments: [
        "x-oss-copy-source", "X-Oss-Copy-Source", "x-oss-security-token", "x-oss-date", "Authorization", "Host", "x-oss-symlink-target",
        "x-oss-process", "bad name", "a:b", "",
    ])
    func aHeaderThatNamesAnotherObjectOrCallerIsNotSigned(name: String) async {
        let answer = await Bench().ask("POST", "/v1/signed-urls", order("put", ",\"headers\":{\"\(name)\":\"/other/secret\"}"))

        #expect(answer.status == 400)
    }

    @Test func aHeaderThatTriesToBreakTheLineIsNotSigned() async {
        let answer = await Bench().ask(
            "POST", "/v1/signed-urls", order("put", ",\"headers\":{\"Content-Type\":\"a\\r\\nx-oss-copy-source: b\"}"))

        #expect(answer.status == 400)
    }

    @Test(arguments: [
        "outside", "uploads/camera-70/x", "uploads/camera-7", "uploads/camera-7/", "uploads/camera-8/x", "uploads/", "/uploads/camera-7/x",
        "uploads/camera-7/../camera-8/x", "uploads/camera-7/./x", "uploads/camera-7/..", "../x", "", "Uploads/camera-7/x",
        "uploads/camera-7/" + String(repeating: "k", count: 1007),
    ])
    func aKeyOutsideTheGrantIsRefused(key: String) async {
        let bench = Bench()
        let answer = await bench.ask("POST", "/v1/signed-urls", order("put", key: key))

        #expect(answer.status == 403, "\(String(decoding: answer.body, as: UTF8.self))")
        #expect(bench.source.calls == 0)
    }

    @Test(arguments: [
        ("fly", ""), ("part", ",\"upload_id\":\"U\""), ("part", ",\"upload_id\":\"U\",\"part_number\":0"),
        ("part", ",\"upload_id\":\"U\",\"part_number\":10001"),
        ("part", ",\"part_number\":1"), ("complete", ""), ("abort", ",\"upload_id\":\"\""), ("list-parts", ",\"upload_id\":\"a b\""),
    ])
    func anOrderThatIsNoRequestIsRefused(operation: String, more: String) async {
        #expect(await Bench().ask("POST", "/v1/signed-urls", order(operation, more)).status == 400)
    }

    @Test func headNeedsTheVerbGet() async throws {
        #expect(await Bench().ask("POST", "/v1/signed-urls", order("head")).status == 403)
        #expect(try await Bench().urls("{\"requests\":[]}").mayRead == false)
        #expect(try await Bench(grants: [Bench.rule(verbs: [.upload, .get])]).urls("{\"requests\":[]}").mayRead == true)
        #expect(await Bench(grants: [Bench.rule(verbs: [.get])]).ask("POST", "/v1/signed-urls", order("put")).status == 403)
    }

    @Test func oneBadOrderRefusesTheBatchAndTheAuditLineListsTheKeys() async {
        let bench = Bench()
        let answer = await bench.ask(
            "POST", "/v1/signed-urls",
            "{\"job\":\"j-1\",\"requests\":[{\"operation\":\"put\",\"key\":\"uploads/camera-7/a\"},{\"operation\":\"put\",\"key\":\"elsewhere\"}]}"
        )

        #expect(answer.status == 403)
        let line = bench.audit.all.first
        #expect(bench.audit.all.count == 1)
        #expect(
            line?.keyCount == 2 && line?.keys == ["uploads/camera-7/a", "elsewhere"] && line?.operations == ["put": 2] && line?.job == "j-1"
        )
    }

    @Test func aThousandAreSignedAtOnceAndNoMore() async throws {
        let bench = Bench()
        func batch(_ count: Int) -> String {
            let items = (1...count).map {
                "{\"operation\":\"part\",\"key\":\"uploads/camera-7/k\",\"upload_id\":\"U\",\"part_number\":\($0)}"
            }
            return "{\"requests\":[\(items.joined(separator: ","))]}"
        }

        #expect(try await bench.urls(batch(1000)).urls.count == 1000)
        #expect(await bench.ask("POST", "/v1/signed-urls", batch(1001)).status == 400)
        #expect(bench.source.calls == 1)
        #expect(bench.audit.all.map(\.keyCount) == [1000, nil])
    }

    @Test func anEmptyOrderTellsThePlaceWithoutAToken() async throws {
        let bench = Bench()
        let answer = try await bench.urls("{\"requests\":[]}")

        #expect(answer.urls.isEmpty && answer.bucket == "media-ingest" && answer.prefix == "uploads/camera-7/")
        #expect(bench.source.calls == 0)
    }

    @Test(arguments: [(3600, 60, 60), (3600, 7200, 3600), (5, 900, 5)] as [(Int64, Int, Int64)])
    func aURLEndsNoLaterThanTheTokenItIsSignedWith(life: Int64, wished: Int, given: Int64) async throws {
        let bench = Bench()
        bench.source.state.withLock { $0.life = .seconds(life) }
        let answer = try await bench.urls(
            "{\"expires_in\":\(wished),\"requests\":[{\"operation\":\"put\",\"key\":\"uploads/camera-7/a\"}]}")

        #expect(answer.urls[0].url.contains("x-oss-expires=\(given)&"))
        #expect(answer.urls[0].expiresAt == (bench.clock.now() + .seconds(given)).iso8601)
    }

    @Test(arguments: [0, -1, 604_801]) func aLifeThatNoURLCanHaveIsRefused(seconds: Int) async {
        #expect(await Bench().ask("POST", "/v1/signed-urls", "{\"expires_in\":\(seconds),\"requests\":[]}").status == 400)
    }

    @Test func theTokenOfAURLAllowsNothingBesideTheGrant() async throws {
        let bench = Bench()
        _ = try await bench.urls(order("put"))
        let policy = try SessionPolicy(json: try #require(bench.source.state.withLock { $0.scopes.first?.policy }))

        #expect(policy.evaluate(action: "oss:PutObject", resource: "acs:oss:*:1:media-ingest/uploads/camera-7/x") == .allow)
        #expect(policy.evaluate(action: "oss:GetObject", resource: "acs:oss:*:1:media-ingest/uploads/camera-7/x") != .allow)
        #expect(policy.evaluate(action: "oss:PutObject", resource: "acs:oss:*:1:media-ingest/uploads/camera-70/x") != .allow)
    }

    // MARK: the size of objects

    private func bounded() -> Bench {
        var rule = Bench.rule(verbs: [.upload, .get])
        rule.largestObject = 1000
        return Bench(grants: [rule])
    }

    @Test func whereSizesAreBoundedALengthIsPartOfTheSignature() async throws {
        let bench = bounded()
        let answer = try await bench.urls(
            #"{"requests":[{"operation":"put","key":"uploads/camera-7/a","headers":{"Content-Length":"1000"}}]}"#)

        let url = try #require(answer.urls.first)
        #expect(url.url.contains("x-oss-additional-headers=content-length"))
        #expect(url.headers["Content-Length"] == "1000")
    }

    @Test(arguments: [
        (#"{"operation":"put","key":"uploads/camera-7/a"}"#, 400),
        (#"{"operation":"put","key":"uploads/camera-7/a","headers":{"content-length":"1001"}}"#, 403),
        (#"{"operation":"put","key":"uploads/camera-7/a","headers":{"content-length":"-1"}}"#, 400),
        (#"{"operation":"put","key":"uploads/camera-7/a","headers":{"content-length":"1e2"}}"#, 400),
        (#"{"operation":"initiate","key":"uploads/camera-7/a"}"#, 403),
        (#"{"operation":"part","key":"uploads/camera-7/a","upload_id":"u","part_number":1}"#, 403),
        (#"{"operation":"complete","key":"uploads/camera-7/a","upload_id":"u"}"#, 403),
        (#"{"operation":"head","key":"uploads/camera-7/a"}"#, 200),
        (#"{"operation":"abort","key":"uploads/camera-7/a","upload_id":"u"}"#, 200),
    ])
    func whereSizesAreBoundedNothingLargerCanBeStored(order: String, status: Int) async {
        #expect(await bounded().ask("POST", "/v1/signed-urls", #"{"requests":[\#(order)]}"#).status == status)
    }

    @Test func whereSizesAreBoundedThereAreNoCredentialsForUploading() async {
        let bench = bounded()

        #expect(await bench.ask("POST", "/v1/credentials", "{}").status == 403)
        #expect(await bench.ask("GET", "/v1/credentials").status == 403)
        #expect(await bench.ask("POST", "/v1/credentials", #"{"verbs":["get"]}"#).status == 200)
        #expect(bench.source.calls == 1)
    }
}
