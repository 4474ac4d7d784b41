import Contracts
import Credentials
import Glibc
import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

/// A source that gives what a test has laid out, or waits for it.
private actor ScriptedProvider: CredentialProvider {
    nonisolated let kind = "broker"
    nonisolated let fingerprint: String
    private let clock: SteppedClock
    private let tellsTime: Bool
    private var script: [Result<Duration?, ProviderFailure>] = []
    /// When the script is at its end.
    private var life: Duration?
    private(set) var fetches = 0
    /// What each fetch was told that OSS refused.
    private(set) var refused: [String?] = []
    private var isHeldBack = false
    private var heldBack: [CheckedContinuation<Void, Never>] = []
    private var watchers: [CheckedContinuation<Void, Never>] = []

    init(clock: SteppedClock, life: Duration? = .seconds(3600), fingerprint: String = "broker|https://a", tellsTime: Bool = true) {
        (self.clock, self.life, self.fingerprint, self.tellsTime) = (clock, life, fingerprint, tellsTime)
    }

    func next(_ results: Result<Duration?, ProviderFailure>...) { script += results }
    func holdBack() { isHeldBack = true }

    func release() {
        isHeldBack = false
        for continuation in heldBack { continuation.resume() }
        heldBack = []
    }

    /// Returns once a fetch is under way.
    func untilAsked() async {
        if !heldBack.isEmpty { return }
        await withCheckedContinuation { watchers.append($0) }
    }

    func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials {
        fetches += 1
        refused.append(accessKeyID)
        let number = fetches
        if isHeldBack {
            await withCheckedContinuation { continuation in
                heldBack.append(continuation)
                for watcher in watchers { watcher.resume() }
                watchers = []
            }
        }
        let result = script.isEmpty ? .success(life) : script.removeFirst()
        let life = try result.get()
        let credentials = Credentials(
            accessKeyID: "STS.lease-number-\(number)", accessKeySecret: Secret("s3cret-\(number)"),
            securityToken: Secret("t0ken-\(number)"),
            expiration: life.map { clock.now + $0 })
        let grant = Grant(bucket: "media", prefix: "uploads/")
        return IssuedCredentials(credentials: credentials, serverTime: tellsTime ? clock.now : nil, grant: grant)
    }
}

@Suite struct LeaseKeeperTests {
    private let clock = SteppedClock()
    private let folder = TemporaryFolder()

    private func keeper(_ provider: ScriptedProvider, cache: LeaseCache? = nil, log: LogCatcher = LogCatcher()) -> LeaseKeeper {
        LeaseKeeper(scope: "ingest", provider: provider, clock: clock.server(), cache: cache, log: log.logger(), seed: 7)
    }

    @Test func aHundredCallersCauseOneFetch() async throws {
        let provider = ScriptedProvider(clock: clock)
        await provider.holdBack()
        let keeper = keeper(provider)

        let generations = try await withThrowingTaskGroup(of: UInt64.self) { tasks in
            for _ in 0..<100 { tasks.addTask { try await keeper.lease(minimumLife: .seconds(30)).generation } }
            await provider.untilAsked()
            await provider.release()
            return try await tasks.reduce(into: Set()) { $0.insert($1) }
        }

        #expect(generations == [1])
        #expect(await provider.fetches == 1)
    }

    @Test func aFailedFirstFetchIsNotRemembered() async throws {
        let provider = ScriptedProvider(clock: clock)
        await provider.next(.failure(.unavailable(retryAfter: nil, "no answer")))
        let keeper = keeper(provider)

        let failure = await #expect(throws: AccessFailure.self) { try await keeper.lease(minimumLife: .seconds(30)) }
        guard case .unavailable(let until?, _)? = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        clock.advance(until - clock.now)

        #expect(try await keeper.lease(minimumLife: .seconds(30)).generation == 1)
    }

    @Test func whileItBacksOffNobodyIsAsked() async {
        let provider = ScriptedProvider(clock: clock)
        await provider.next(.failure(.unavailable(retryAfter: .seconds(60), "busy")))
        let keeper = keeper(provider)

        for _ in 0..<10 { _ = try? await keeper.lease(minimumLife: .seconds(30)) }

        #expect(await provider.fetches == 1)
    }

    @Test func aFailedRefreshKeepsTheLeaseUntilItsEndAndIsTriedAgain() async throws {
        let provider = ScriptedProvider(clock: clock)
        let keeper = keeper(provider)
        _ = try await keeper.lease(minimumLife: .seconds(30))
        await provider.next(.failure(.unavailable(retryAfter: .seconds(1), "no answer")))

        clock.advance(.seconds(3200))
        let during = try await keeper.lease(minimumLife: .seconds(30))
        await settle { await provider.fetches == 2 }
        let after = try await keeper.lease(minimumLife: .seconds(30))
        clock.advance(.seconds(390))
        let later = try await keeper.lease(minimumLife: .seconds(30))

        #expect(during.generation == 1 && after.generation == 1)
        #expect(later.generation == 2)
    }

    @Test func aCancelledCallerTakesNobodyWithIt() async throws {
        let provider = ScriptedProvider(clock: clock)
        await provider.holdBack()
        let keeper = keeper(provider)
        let first = Task { try await keeper.lease(minimumLife: .seconds(30)) }
        await provider.untilAsked()
        let second = Task { try await keeper.lease(minimumLife: .seconds(30)) }

        first.cancel()
        await #expect(throws: AccessFailure.self) { try await first.value }
        await provider.release()

        #expect(try await second.value.generation == 1)
        #expect(await provider.fetches == 1)
    }

    @Test func aThousandCallersOfWhomEveryThirdGoesAwayAreAllAnswered() async throws {
        let provider = ScriptedProvider(clock: clock)
        await provider.holdBack()
        let keeper = keeper(provider)
        let callers = (0..<1_000).map { _ in
            Task<UInt64?, Never> { try? await keeper.lease(minimumLife: .seconds(30)).generation }
        }
        await provider.untilAsked()

        for index in stride(from: 0, to: callers.count, by: 3) { callers[index].cancel() }
        await provider.release()
        var answers: [UInt64?: Int] = [:]
        for caller in callers { answers[await caller.value, default: 0] += 1 }

        // Whoever is cancelled may have had its answer already.
        #expect(answers[1, default: 0] >= 666 && answers[nil, default: 0] <= 334 && answers.values.reduce(0, +) == 1_000, "\(answers)")
        #expect(await provider.fetches == 1)
    }

    @Test func tenPartsThatFailTogetherCauseOneFetch() async throws {
        let provider = ScriptedProvider(clock: clock)
        let keeper = keeper(provider)
        let old = try await keeper.lease(minimumLife: .seconds(30)).generation

        for _ in 0..<10 { await keeper.retire(old) }
        let new = try await keeper.lease(minimumLife: .seconds(30)).generation

        #expect(new == old + 1)
        #expect(await provider.refused == [nil, "STS.lease-number-1"])
    }

    @Test func aRenewalThatFailsSaysSoAndLeavesTheLease() async throws {
        let provider = ScriptedProvider(clock: clock)
        let keeper = keeper(provider)
        _ = try await keeper.lease(minimumLife: .seconds(30))
        await provider.next(.failure(.unavailable(retryAfter: nil, "no answer")))

        await #expect(throws: AccessFailure.self) { try await keeper.renew() }

        #expect(try await keeper.lease(minimumLife: .seconds(30)).generation == 1)
        try await keeper.renew()
        #expect(try await keeper.lease(minimumLife: .seconds(30)).generation == 2)
    }

    @Test func aPersonWhoGivesUpARenewalIsNotKept() async throws {
        let provider = ScriptedProvider(clock: clock)
        await provider.holdBack()
        let keeper = keeper(provider)
        let renewal = Task { try await keeper.renew() }
        await provider.untilAsked()

        renewal.cancel()
        await #expect(throws: AccessFailure.self) { try await renewal.value }
        await provider.release()

        #expect(try await keeper.lease(minimumLife: .seconds(30)).generation == 1)
    }

    @Test func tokensOfFiveSecondsAreFetchedOnceALifeAndNeverHandedOutDead() async throws {
        let provider = ScriptedProvider(clock: clock, life: .seconds(5))
        let keeper = keeper(provider)

        for _ in 0..<400 {
            let lease = try await keeper.lease(minimumLife: .seconds(30))
            let expires = try #require(lease.expires)
            #expect(expires > clock.now)
            clock.advance(.milliseconds(100))
            await Task.yield()
        }

        // 40 s; refreshed at about 0.8 of 5 s.
        #expect((8...13).contains(await provider.fetches))
    }

    @Test func keysWithoutAnEndAreFetchedOnce() async throws {
        let provider = ScriptedProvider(clock: clock, life: nil)
        let keeper = keeper(provider)

        for _ in 0..<5 {
            _ = try await keeper.lease(minimumLife: .seconds(30))
            clock.advance(.seconds(1_000_000))
        }

        #expect(await provider.fetches == 1)
    }

    @Test func ourOwnWrongClockDoesNotShortenALease() async throws {
        let provider = ScriptedProvider(clock: clock)
        let fast = ServerClock(steady: { self.clock.now + .seconds(7200) }, wall: { self.clock.now + .seconds(7200) })
        let keeper = LeaseKeeper(scope: "ingest", provider: provider, clock: fast, cache: nil, log: quietLog, seed: 1)

        let lease = try await keeper.lease(minimumLife: .seconds(30))

        #expect(try #require(lease.expires) - fast.now() == .seconds(3600))
        #expect(fast.offsetSeconds == -7200)
    }

    @Test func anEndWithoutAServersTimeMovesWhenTheClockBecomesKnown() async throws {
        let provider = ScriptedProvider(clock: clock, tellsTime: false)
        // Two hours fast: the lease of an hour seems to be over.
        let fast = ServerClock(steady: { self.clock.now + .seconds(7200) }, wall: { self.clock.now + .seconds(7200) })
        let keeper = LeaseKeeper(scope: "ingest", provider: provider, clock: fast, cache: nil, log: quietLog, seed: 1)
        _ = try await keeper.lease(minimumLife: .seconds(30))

        // OSS answers to the first request.
        fast.learn(serverTime: clock.now)
        let lease = try await keeper.lease(minimumLife: .seconds(30))

        #expect(try #require(lease.expires) - fast.now() == .seconds(3600))
        #expect(await provider.fetches == 1)
    }

    // MARK: - The clock

    private func signedDate(_ access: Access) async throws -> String? {
        let target = try await access.resolve(dest: "ingest:a", credentials: nil)
        let request = try await access.authorize(.headObject, key: ObjectKey("uploads/camera-7/a"), target: target, minimumLife: .zero)
        return request.request.headers["x-oss-date"]
    }

    private func brokerAccess(_ answer: @escaping @Sendable () -> HTTPResponse) -> Access {
        folder.write("token", "b3arer-token\n")
        let toml = """
            [remote.ingest.credentials]
            kind = "broker"
            url = "http://127.0.0.1:9001"
            token-file = "token"
            """
        return makeAccess(toml, in: folder, clock: clock, transport: RuleTransport { _ in answer() })
    }

    @Test func theDateOfAnAnswerCorrectsTheClock() async throws {
        let now = clock.now
        let access = brokerAccess {
            var answer = credentialsAnswer(expires: now + .seconds(7200), now: now)
            answer.body = Array(String(decoding: answer.body, as: UTF8.self).replacing(/"ServerTime":"[^"]*",?/, with: "").utf8)
            answer.headers["Date"] = "Thu, 15 Jan 2026 09:30:00 GMT"
            return answer
        }

        #expect(try await signedDate(access) == "20260115T093000Z")
        #expect(
            try await access.lease(scope: "ingest", minimumLife: .zero)?.expires == now + .seconds(3600), "an hour less than by our clock")
    }

    @Test func theServerTimeOfARefusalForSkewCorrectsTheClock() async throws {
        let now = clock.now
        let access = brokerAccess { credentialsAnswer(expires: now + .seconds(7200), now: now) }
        #expect(try await signedDate(access) == "20260115T083000Z")
        let body = """
            <?xml version="1.0" encoding="UTF-8"?>
            <Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large.</Message><RequestId>65A3</RequestId>
            <HostId>media.oss-cn-hangzhou.aliyuncs.com</HostId><MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>
            <RequestTime>2026-01-15T08:30:00.000Z</RequestTime><ServerTime>2026-01-15T07:30:00.000Z</ServerTime></Error>
            """
        let error = OSSError(response: HTTPResponse(status: 403, body: Array(body.utf8)))

        await access.learnClock(serverTime: try #require(error.serverTime))

        #expect(try await signedDate(access) == "20260115T073000Z")
        #expect(access.clock.offsetSeconds == -3600)
    }

    // MARK: - Restart

    @Test func aLeaseSurvivesARestart() async throws {
        let folder = TemporaryFolder()
        let cache = LeaseCache(folder: folder.path, scope: "ingest")
        let first = ScriptedProvider(clock: clock)
        let second = ScriptedProvider(clock: clock)
        let before = try await keeper(first, cache: cache).lease(minimumLife: .seconds(30))

        let after = keeper(second, cache: cache)
        let lease = try await after.lease(minimumLife: .seconds(30))

        #expect(lease.credentials.accessKeyID == before.credentials.accessKeyID)
        #expect(await second.fetches == 0)
        #expect(try await after.grant()?.prefix == "uploads/")
        #expect(folder.mode(cache.path) == 0o600)
    }

    @Test func aCachedLeaseThatIsOverOrSomebodyElsesIsNotUsed() async throws {
        let folder = TemporaryFolder()
        let cache = LeaseCache(folder: folder.path, scope: "ingest")
        _ = try await keeper(ScriptedProvider(clock: clock), cache: cache).lease(minimumLife: .seconds(30))

        let other = ScriptedProvider(clock: clock, fingerprint: "broker|https://b")
        _ = try await keeper(other, cache: cache).lease(minimumLife: .seconds(30))
        clock.advance(.seconds(4000))
        let late = ScriptedProvider(clock: clock, fingerprint: "broker|https://b")
        _ = try await keeper(late, cache: cache).lease(minimumLife: .seconds(30))

        #expect(await other.fetches == 1)
        #expect(await late.fetches == 1)
    }

    /// A cache file from an engine that has ended, changed by whoever.
    private func damaged(_ damage: (TemporaryFolder, LeaseCache) throws -> Void) async throws -> (fetches: Int, mode: mode_t?) {
        let folder = TemporaryFolder()
        let cache = LeaseCache(folder: folder.path, scope: "ingest")
        _ = try await keeper(ScriptedProvider(clock: clock), cache: cache).lease(minimumLife: .seconds(30))
        try damage(folder, cache)
        let provider = ScriptedProvider(clock: clock)

        let lease = try await keeper(provider, cache: cache).lease(minimumLife: .seconds(30))

        #expect(lease.generation == 1 && !lease.credentials.accessKeySecret.reveal().isEmpty)
        // Whatever was there, the next engine finds a good one.
        let third = ScriptedProvider(clock: clock)
        _ = try await keeper(third, cache: cache).lease(minimumLife: .seconds(30))
        #expect(await third.fetches == 0)
        return (await provider.fetches, folder.mode(cache.path))
    }

    private func rewrite(_ folder: TemporaryFolder, _ cache: LeaseCache, _ text: String) {
        folder.write(String(cache.path.dropFirst(folder.path.count + 1)), text)
    }

    @Test func anUntouchedCacheFileCostsNoFetch() async throws {
        #expect(try await damaged { _, _ in }.fetches == 0)
    }

    @Test func aCacheFileThatOthersCanReadIsReplaced() async throws {
        let (fetches, mode) = try await damaged { _, cache in chmodAll(cache.path) }

        #expect(fetches == 1 && mode == 0o600)
    }

    @Test(arguments: [
        "", "{", "null", "[1,2]", "{\"scope\":\"ingest\"}", "\u{0}\u{1}", String(repeating: "[", count: 100_000),
        String(repeating: "x", count: 300 << 10),
    ]) func aCacheFileThatIsNoneIsReplaced(text: String) async throws {
        let (fetches, _) = try await damaged { folder, cache in rewrite(folder, cache, text) }

        #expect(fetches == 1)
    }

    @Test func aCacheFileOfAnotherScopeIsNotUsed() async throws {
        let (fetches, _) = try await damaged { folder, cache in
            let name = String(cache.path.dropFirst(folder.path.count + 1))
            rewrite(folder, cache, folder.read(name).replacing("\"scope\":\"ingest\"", with: "\"scope\":\"Ingest\""))
        }

        #expect(fetches == 1)
    }

    @Test func aFolderInItsPlaceIsNoHarm() async throws {
        let folder = TemporaryFolder()
        let cache = LeaseCache(folder: folder.path, scope: "ingest")
        mkdir(cache.path, 0o700)

        let lease = try await keeper(ScriptedProvider(clock: clock), cache: cache).lease(minimumLife: .seconds(30))

        #expect(lease.generation == 1)
    }

    @Test func aLeaseThatOSSRefusedIsNotUsedAfterARestartAndItsSourceIsTold() async throws {
        let folder = TemporaryFolder()
        let cache = LeaseCache(folder: folder.path, scope: "ingest")
        let first = ScriptedProvider(clock: clock)
        let before = keeper(first, cache: cache)
        _ = try await before.lease(minimumLife: .seconds(30))
        await first.next(.failure(.unavailable(retryAfter: nil, "no answer")))
        await before.retire(1)
        await settle { await first.fetches == 2 }

        _ = try await keeper(first, cache: cache).lease(minimumLife: .seconds(30))

        #expect(await first.refused == [nil, "STS.lease-number-1", "STS.lease-number-1"])
    }

    @Test func aRefusedLeaseLeavesNoSecretInTheCache() async throws {
        let folder = TemporaryFolder()
        let cache = LeaseCache(folder: folder.path, scope: "ingest")
        let provider = ScriptedProvider(clock: clock)
        let keeper = keeper(provider, cache: cache)
        _ = try await keeper.lease(minimumLife: .seconds(30))
        await provider.next(.failure(.unavailable(retryAfter: nil, "no answer")))

        await keeper.retire(1)

        let text = folder.read(String(cache.path.dropFirst(folder.path.count + 1)))
        #expect(text.contains("STS.lease-number-1") && !text.contains("s3cret") && !text.contains("t0ken"))
    }

    @Test(
        arguments: [
            // The clock is set back by half an hour while no engine runs.
            (-1800, BootTime(boot: "a", milliseconds: 600_000), 0, 3000.0), (-1800, nil, 1, 3600),
            // Forward: it seems to be older than it is.
            (1800, BootTime(boot: "a", milliseconds: 600_000), 0, 1800), (3700, BootTime(boot: "a", milliseconds: 600_000), 1, 3600),
            // The machine was off.
            (600, BootTime(boot: "b", milliseconds: 600_000), 1, 3600),
        ] as [(Int, BootTime?, Int, Double)])
    func aClockThatIsSetBetweenTwoEnginesMakesNoLeaseYounger(seconds: Int, later: BootTime?, fetches: Int, left: Double) async throws {
        let folder = TemporaryFolder()
        let first = LeaseCache(folder: folder.path, scope: "ingest") { later.map { _ in BootTime(boot: "a", milliseconds: 0) } }
        _ = try await keeper(ScriptedProvider(clock: clock), cache: first).lease(minimumLife: .seconds(30))
        clock.advance(.seconds(seconds))
        let second = LeaseCache(folder: folder.path, scope: "ingest") { later }
        let provider = ScriptedProvider(clock: clock)

        let after = keeper(provider, cache: second)
        _ = try await after.lease(minimumLife: .seconds(30))

        #expect(await provider.fetches == fetches)
        #expect(await after.view(uploads: 0).left == left)
    }

    @Test func anEndThatIsAGuessIsNotKeptForTheNextEngine() async throws {
        let folder = TemporaryFolder()
        let cache = LeaseCache(folder: folder.path, scope: "ingest")
        _ = try await keeper(ScriptedProvider(clock: clock, tellsTime: false), cache: cache).lease(minimumLife: .seconds(30))

        #expect(cache.load() == nil)
    }

    @Test func aRenewalAfterARestartDoesNotLoseTheCachedLeaseToASourceThatIsAway() async throws {
        let folder = TemporaryFolder()
        let cache = LeaseCache(folder: folder.path, scope: "ingest")
        _ = try await keeper(ScriptedProvider(clock: clock), cache: cache).lease(minimumLife: .seconds(30))
        let away = ScriptedProvider(clock: clock)
        await away.next(.failure(.unavailable(retryAfter: .seconds(60), "no answer")))
        let after = keeper(away, cache: cache)

        await #expect(throws: AccessFailure.self) { try await after.renew() }

        #expect(try await after.lease(minimumLife: .seconds(30)).generation == 1)
    }

    @Test func whereAnOrderGoesIsKnownWhileTheSourceIsAway() async throws {
        let folder = TemporaryFolder()
        let cache = LeaseCache(folder: folder.path, scope: "ingest")
        _ = try await keeper(ScriptedProvider(clock: clock), cache: cache).lease(minimumLife: .seconds(30))
        clock.advance(.seconds(4000))
        let away = ScriptedProvider(clock: clock)
        await away.next(.failure(.unavailable(retryAfter: nil, "no answer")))

        #expect(try await keeper(away, cache: cache).grant()?.bucket == "media")
    }

    // MARK: - What people see

    @Test func noSecretIsSeenOrLogged() async throws {
        let log = LogCatcher()
        let provider = ScriptedProvider(clock: clock)
        let keeper = keeper(provider, log: log)
        let lease = try await keeper.lease(minimumLife: .seconds(30))

        let view = await keeper.view(uploads: 3)
        let texts = [String(decoding: try ContractJSON.encode(view), as: UTF8.self), "\(lease)", String(reflecting: lease), log.text]

        for text in texts { #expect(!text.contains("s3cret") && !text.contains("t0ken")) }
        #expect(view.state == "held" && view.identity == "STS.leas…er-1" && view.left == 3600 && view.uploads == 3)
    }
}

/// Lets other tasks run until it is so; gives up after many turns.
func settle(_ condition: () async -> Bool) async {
    for _ in 0..<10_000 where await !condition() { await Task.yield() }
}
