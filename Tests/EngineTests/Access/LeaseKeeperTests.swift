import Contracts
import OSSProtocol
import Platform
import Testing

@testable import Engine

/// A source that gives what a test has laid out, or waits for it.
private actor ScriptedProvider: CredentialProvider {
    nonisolated let kind = "broker"
    nonisolated let fingerprint: String
    private let clock: SteppedClock
    private var script: [Result<Duration?, ProviderFailure>] = []
    /// When the script is at its end.
    private var life: Duration?
    private(set) var fetches = 0
    private var isHeldBack = false
    private var heldBack: [CheckedContinuation<Void, Never>] = []
    private var watchers: [CheckedContinuation<Void, Never>] = []

    init(clock: SteppedClock, life: Duration? = .seconds(3600), fingerprint: String = "broker|https://a") {
        (self.clock, self.life, self.fingerprint) = (clock, life, fingerprint)
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

    func fetch() async throws(ProviderFailure) -> IssuedCredentials {
        fetches += 1
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
        return IssuedCredentials(credentials: credentials, serverTime: clock.now, grant: Grant(bucket: "media", prefix: "uploads/"))
    }
}

@Suite struct LeaseKeeperTests {
    private let clock = SteppedClock()

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

    @Test func tenPartsThatFailTogetherCauseOneFetch() async throws {
        let provider = ScriptedProvider(clock: clock)
        let keeper = keeper(provider)
        let old = try await keeper.lease(minimumLife: .seconds(30)).generation

        for _ in 0..<10 { await keeper.retire(old) }
        let new = try await keeper.lease(minimumLife: .seconds(30)).generation

        #expect(new == old + 1)
        #expect(await provider.fetches == 2)
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

    @Test func aCacheFileThatOthersCanReadIsNotTrusted() async throws {
        let folder = TemporaryFolder()
        let cache = LeaseCache(folder: folder.path, scope: "ingest")
        _ = try await keeper(ScriptedProvider(clock: clock), cache: cache).lease(minimumLife: .seconds(30))
        chmodAll(cache.path)

        #expect(cache.load() == nil)
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
