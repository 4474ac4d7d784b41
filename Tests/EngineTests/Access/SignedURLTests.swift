import Contracts
import Credentials
import OSSProtocol
import Platform
import Testing

@testable import Engine

/// An authorization server that signs everything it is asked for below `uploads/`, for a while.
private final class SigningServer: Sendable {
    let clock: SteppedClock
    let life: Duration
    private let orders = Lock<[SignedURLsRequest]>([])
    /// Whose signature the URLs bear; it goes on to the next one when it is told that OSS refuses this one.
    let key = Lock("STS.one")
    let isDeaf = Lock(false)
    let trouble = Lock<HTTPResponse?>(nil)

    init(clock: SteppedClock, life: Duration = .seconds(900)) { (self.clock, self.life) = (clock, life) }

    var requests: [SignedURLsRequest] { orders.withLock { $0 } }
    var asked: [[SignedURLsRequest.Item]] { requests.map(\.requests) }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        if let trouble = trouble.withLock({ $0 }) { return trouble }
        guard let order = try? AuthorizationJSON.decode(SignedURLsRequest.self, from: request.body) else {
            return HTTPResponse(status: 400)
        }
        orders.withLock { $0.append(order) }
        let key = key.withLock { key in
            if order.refusedAccessKeyId == key, !isDeaf.withLock({ $0 }) { key += "+" }
            return key
        }
        guard order.requests.allSatisfy({ $0.key.hasPrefix("uploads/") }) else {
            return HTTPResponse(status: 403, body: Array(#"{"error":{"code":"OutsideGrant","message":"no"}}"#.utf8))
        }
        let end = (clock.now + (order.expiresIn.map { min(.seconds($0), life) } ?? life)).iso8601
        let urls = order.requests.map { item in
            SignedURLsAnswer.Item(
                url:
                    "http://media.oss.example.com/\(item.key)?n=\(item.partNumber ?? 0)&x-oss-credential=\(key)%2F20260115&x-oss-signature=5ignature",
                method: method(item.operation),
                headers: item.headers ?? [:], expiresAt: end)
        }
        let answer = SignedURLsAnswer(urls: urls, serverTime: clock.now.iso8601, bucket: "media", prefix: "uploads/", mayRead: false)
        return HTTPResponse(status: 200, body: (try? AuthorizationJSON.encode(answer)) ?? [])
    }

    private func method(_ operation: String) -> String {
        ["put": "PUT", "part": "PUT", "initiate": "POST", "complete": "POST", "abort": "DELETE", "list-parts": "GET", "head": "HEAD"][
            operation] ?? "?"
    }
}

@Suite struct SignedURLTests {
    private let clock = SteppedClock()
    private let folder = TemporaryFolder()
    private let target = Target(
        scope: "ingest", remote: "ingest", bucket: "media", region: "cn-hangzhou", endpoint: "https://oss.example.com",
        addressing: "virtual",
        prefix: "uploads/", isKey: false)

    private func make(_ server: SigningServer, log: LogCatcher = LogCatcher()) -> (access: Access, transport: RuleTransport) {
        folder.write("token", "b3arer-token\n")
        let transport = RuleTransport { request in server.answer(request) }
        let access = makeAccess(
            """
            [remote.ingest.credentials]
            kind = "signed-url"
            url = "http://127.0.0.1:9001"
            token-file = "token"
            """, in: folder, clock: clock, transport: transport, log: log.logger())
        return (access, transport)
    }

    private func part(_ access: Access, _ number: Int, _ key: String = "uploads/a") async throws -> AuthorizedRequest {
        try await access.authorize(
            .uploadPart(number: number, uploadID: "U1"), key: ObjectKey(key), target: target, minimumLife: .seconds(30))
    }

    @Test func thirtyTwoPartsCostOneQuestion() async throws {
        let server = SigningServer(clock: clock)
        let (access, _) = make(server)

        for number in 1...28 { _ = try await part(access, number) }

        #expect(server.asked.count == 1)
        #expect(server.asked.first?.map(\.partNumber) == Array(1...32))
    }

    @Test func partsThatWaitForOneQuestionAskNoMore() async throws {
        let server = SigningServer(clock: clock)
        let (access, _) = make(server)

        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 1...5 { tasks.addTask { _ = try await self.part(access, number) } }
            try await tasks.waitForAll()
        }

        #expect(server.asked.flatMap { $0 }.count <= 36)
        #expect(server.asked.count <= 2)
    }

    @Test func partsAskedForTogetherShareQuestions() async throws {
        let server = SigningServer(clock: clock)
        let (access, _) = make(server)

        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 1...40 { tasks.addTask { _ = try await self.part(access, number) } }
            try await tasks.waitForAll()
        }

        #expect(server.asked.count <= 4)
        let all = server.asked.flatMap { $0.map(\.partNumber) }
        #expect(Set(all).count == all.count)
    }

    @Test func aURLIsSentAsItWasGivenAndHoldsNoKey() async throws {
        let server = SigningServer(clock: clock)
        let (access, transport) = make(server)
        var headers = ObjectHeaders()
        headers.contentType = "video/mp4"

        let request = try await access.authorize(
            .putObject(headers), key: ObjectKey("uploads/a"), target: target, minimumLife: .seconds(30)
        ).request

        #expect(request.url == "http://media.oss.example.com/uploads/a?n=0&x-oss-credential=STS.one%2F20260115&x-oss-signature=5ignature")
        #expect(request.method == "PUT")
        #expect(request.headers["Content-Type"] == "video/mp4" && request.headers["Authorization"] == nil)
        #expect(transport.requests.first?.headers["Authorization"] == "Bearer b3arer-token")
    }

    @Test func anExpiredURLIsReplaced() async throws {
        let server = SigningServer(clock: clock, life: .seconds(10))
        let (access, _) = make(server)
        let first = try await part(access, 1)

        clock.advance(.seconds(11))
        let second = try await part(access, 1)

        #expect(second.generation > first.generation)
    }

    @Test func urlsThatDieUnusedAreAskedForInSmallerBatches() async throws {
        let server = SigningServer(clock: clock, life: .seconds(10))
        let (access, _) = make(server)

        for number in 1...8 {
            _ = try await part(access, number)
            clock.advance(.seconds(11))
        }

        let sizes = server.asked.map(\.count)
        #expect(sizes.first == 32)
        #expect(try #require(sizes.last) <= 8)
    }

    @Test func aRetiredGenerationIsNotHandedOutAgain() async throws {
        let server = SigningServer(clock: clock)
        let (access, _) = make(server)
        let first = try await part(access, 1)

        for _ in 0..<5 { await access.retire(generation: first.generation, target: target) }
        let second = try await part(access, 2)

        #expect(second.generation == first.generation + 1)
    }

    // MARK: - Ahead of need

    @Test func urlsOfTheNextPartsAreReplacedBeforeTheyAreOld() async throws {
        let server = SigningServer(clock: clock, life: .seconds(10))
        let (access, _) = make(server)
        _ = try await part(access, 1)

        // Six of ten seconds are over: none of those at hand is good for a request any more.
        clock.advance(.seconds(6))
        _ = try await part(access, 2)
        let asked = server.asked.count
        for number in 3...8 { _ = try await part(access, number) }

        #expect(asked == 2)
        #expect(server.asked.count == asked, "they were asked for together with part 2")
    }

    @Test func noURLIsHandedOutWithLessThanHalfOfItsLife() async throws {
        let server = SigningServer(clock: clock, life: .seconds(10))
        let (access, _) = make(server)

        for tick in 0..<60 {
            let keeper = try #require(try await access.signedURLs(scope: "ingest"))
            let ask = SignedURLKeeper.Ask(operation: "part", key: ObjectKey("uploads/a"), uploadID: "U1", part: 1 + tick / 2, headers: [])
            let signed = try await keeper.signed(ask, minimumLife: .seconds(30))
            // Lives are counted from the question, to whole seconds of the server's: ten are asked for, a little less may come.
            #expect((.seconds(8)...(.seconds(10))).contains(signed.life), "\(signed.life)")
            #expect(signed.expires - clock.now >= signed.life / 2)
            clock.advance(.milliseconds(700))
        }

        // 42 s of URLs that are good for four or five of ten seconds.
        #expect((8...16).contains(server.asked.count), "\(server.asked.count)")
    }

    @Test func whoeverWishesForShortLivesAsksForThem() async throws {
        let server = SigningServer(clock: clock)
        folder.write("token", "b3arer-token\n")
        let url = "http://127.0.0.1:9001"
        let transport = RuleTransport { request in server.answer(request) }
        let authorization = try #require(AuthorizationServer(url: url, tokenFile: folder.path + "/token", transport: transport))
        let keeper = SignedURLKeeper(
            server: authorization, bucket: nil, scope: "ingest", clock: clock.server(), log: quietLog, wishedLife: .seconds(10))

        let ask = SignedURLKeeper.Ask(operation: "put", key: ObjectKey("uploads/a"), uploadID: nil, part: nil, headers: [])
        let signed = try await keeper.signed(ask, minimumLife: .seconds(30))

        #expect(signed.life == .seconds(10))
        #expect(server.requests.map(\.expiresIn) == [10])
    }

    @Test(arguments: [("10s", 10), ("1h", 3600), ("", nil), ("soon", nil), ("0s", nil), ("8d", nil)] as [(String, Int?)])
    func aWishIsADurationOfASecondToAWeek(text: String, seconds: Int?) {
        #expect(SignedURLKeeper.wishedLife(environment: ["DAVIT_URL_LIFE": text]) == seconds.map { .seconds($0) })
    }

    // MARK: - What OSS refuses

    @Test func theServerIsToldWhichKeyHadSignedARefusedURL() async throws {
        let server = SigningServer(clock: clock)
        let (access, _) = make(server)
        let first = try await part(access, 1)

        await access.retire(generation: first.generation, target: target)
        let second = try await part(access, 1)

        #expect(server.requests.map(\.refusedAccessKeyId) == [nil, "STS.one"])
        #expect(second.request.url.contains("STS.one+"))
    }

    @Test func noOtherURLOfThatKeyIsHandedOut() async throws {
        let server = SigningServer(clock: clock)
        let (access, _) = make(server)
        let first = try await part(access, 1)
        // Of a later answer, and signed with the same key.
        let other = try await part(access, 100, "uploads/b")

        await access.retire(generation: first.generation, target: target)

        #expect(try await part(access, 101, "uploads/b").request.url.contains("STS.one+"), "generation \(other.generation)")
    }

    @Test func aServerThatSignsOnWithARefusedKeyIsWaitedForAndNotAskedInALoop() async throws {
        let server = SigningServer(clock: clock)
        let (access, transport) = make(server)
        let first = try await part(access, 1)
        server.isDeaf.withLock { $0 = true }
        await access.retire(generation: first.generation, target: target)

        for _ in 0..<20 {
            let failure = await #expect(throws: AccessFailure.self) { try await self.part(access, 1) }
            guard case .unavailable(_?, _)? = failure else {
                Issue.record("\(String(describing: failure))")
                return
            }
        }
        #expect(transport.requests.count <= 3)
        server.isDeaf.withLock { $0 = false }
        clock.advance(.seconds(30))

        #expect(try await part(access, 1).request.url.contains("STS.one+"))
    }

    @Test func aURLThatHadEndedIsNotItsKeysFault() async throws {
        let server = SigningServer(clock: clock, life: .seconds(10))
        server.isDeaf.withLock { $0 = true }
        let (access, _) = make(server)
        let first = try await part(access, 1)

        clock.advance(.seconds(8))
        await access.retire(generation: first.generation, target: target)

        #expect(try await part(access, 1).request.url.contains("STS.one%2F"), "the same key signs again")
    }

    @Test(
        arguments: [
            ("x-oss-credential=STS.a%2F20260115%2Fcn-hangzhou%2Foss%2Faliyun_v4_request&x-oss-date=1", "STS.a"),
            ("uploads&OSSAccessKeyId=LTAI%2Ba&Expires=1", "LTAI+a"), ("a=b", nil), ("x-oss-credential=", nil),
            ("x-oss-credential=%zz", nil),
        ] as [(String, String?)]) func theKeyStandsInTheURL(query: String, id: String?) throws
    {
        #expect(SignedURLKeeper.keyID(try #require(WebAddress("https://a.example.com/k?" + query))) == id)
    }

    // MARK: - Refusals of the server

    @Test func oneRefusedKeyDoesNotRefuseTheOthers() async throws {
        let server = SigningServer(clock: clock)
        let (access, _) = make(server)
        let keys = ["uploads/a", "elsewhere/b", "uploads/c", "uploads/d"]

        let results = await withTaskGroup(of: (String, Bool).self) { tasks in
            for key in keys {
                tasks.addTask {
                    let request = try? await access.authorize(
                        .putObject(ObjectHeaders()), key: ObjectKey(key), target: self.target, minimumLife: .seconds(30))
                    return (key, request != nil)
                }
            }
            return await tasks.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }

        #expect(results == ["uploads/a": true, "elsewhere/b": false, "uploads/c": true, "uploads/d": true])
    }

    @Test func anUnknownTokenIsARefusalAndIsNotAskedAgainAtOnce() async {
        let server = SigningServer(clock: clock)
        server.trouble.withLock { $0 = HTTPResponse(status: 401) }
        let (access, transport) = make(server)

        for _ in 0..<20 { _ = try? await part(access, 1) }

        #expect(transport.requests.count == 1)
    }

    @Test func aServerThatIsBusyIsAskedAgainWhenItSaid() async throws {
        let server = SigningServer(clock: clock)
        server.trouble.withLock { $0 = HTTPResponse(status: 429, headers: ["Retry-After": "7"]) }
        let (access, transport) = make(server)

        let failure = await #expect(throws: AccessFailure.self) { try await self.part(access, 1) }
        guard case .unavailable(let until?, _)? = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(until - clock.now == .seconds(7))
        server.trouble.withLock { $0 = nil }
        clock.advance(.seconds(7))
        _ = try await part(access, 1)

        #expect(transport.requests.count == 2)
    }

    @Test func whatTheServerDoesNotSignIsRefusedHere() async {
        let (access, transport) = make(SigningServer(clock: clock))

        await #expect(throws: AccessFailure.self) {
            try await access.authorize(.listObjects(ListOptions()), key: ObjectKey(""), target: self.target, minimumLife: .seconds(1))
        }
        #expect(transport.requests.isEmpty)
    }

    @Test func theGrantedPrefixComesInFrontAndReadingIsNotAssumed() async throws {
        let (access, _) = make(SigningServer(clock: clock))

        let target = try await access.resolve(dest: "ingest:2026/", credentials: nil)

        #expect(target.prefix == "uploads/2026/" && target.bucket == "media" && !target.mayRead && !target.isKey)
    }

    @Test func aTokenFileThatOthersCanReadIsRefused() async {
        let server = SigningServer(clock: clock)
        let (access, transport) = make(server)
        chmodAll(folder.path + "/token")

        let failure = await #expect(throws: AccessFailure.self) { try await self.part(access, 1) }

        guard case .refused(let text)? = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(text.contains("chmod 600"))
        #expect(transport.requests.isEmpty)
    }

    @Test func howManyURLsAreReadyAndUntilWhenIsShown() async throws {
        let (access, _) = make(SigningServer(clock: clock))
        _ = try await part(access, 1)

        let view = try #require(await access.leases().first)

        #expect(view.state == "held" && view.identity == "31 URLs ready")
        #expect(view.left == 900 && view.renewsIn == 870)
    }

    @Test func aRenewalAsksTheServerAndForgetsItsTrouble() async throws {
        let server = SigningServer(clock: clock)
        server.trouble.withLock { $0 = HTTPResponse(status: 401) }
        let (access, _) = make(server)
        _ = try? await part(access, 1)
        let keeper = try #require(try await access.signedURLs(scope: "ingest"))

        await #expect(throws: AccessFailure.self) { try await keeper.renew() }
        server.trouble.withLock { $0 = nil }
        try await keeper.renew()

        _ = try await part(access, 1)
    }

    @Test func neitherTokenNorSignatureIsLoggedOrShown() async throws {
        let log = LogCatcher()
        let server = SigningServer(clock: clock)
        let (access, _) = make(server, log: log)
        _ = try await part(access, 1)
        server.trouble.withLock { $0 = HTTPResponse(status: 502) }
        _ = try? await part(access, 100)

        let view = String(decoding: try ContractJSON.encode(AuthStatus(leases: await access.leases(), clockOffset: nil)), as: UTF8.self)

        for text in [log.text, view] { #expect(!text.contains("b3arer") && !text.contains("5ignature")) }
        #expect(view.contains("backing-off"))
    }
}
