import Contracts
import Credentials
import Logging
import OSSProtocol
import Platform
import TransferCore

/// The credentials of one scope. Every decision is the desk's: who waits, when the source is asked, what a failure means. The keeper
/// performs what it says: asks the source, holds the secrets, wakes the callers, keeps the lease on disk for the next run.
actor LeaseKeeper {
    struct Lease: Sendable {
        var credentials: Credentials
        var generation: UInt64
        /// On our own clock; `nil` for keys without an end.
        var expires: Timestamp?

        /// Enough of the access key's id to tell it from others.
        var identity: String {
            let id = credentials.accessKeyID
            return id.count <= 12 ? id : "\(id.prefix(8))…\(id.suffix(4))"
        }
    }

    private let scope: String
    private let provider: any CredentialProvider
    private let clock: ServerClock
    private let cache: LeaseCache?
    private let log: Logger

    private var desk: LeaseDesk
    private var heardOffset: Duration?
    private var leases: [UInt64: Lease] = [:]
    private var lastGrant: Grant?
    private var fetches = 0
    private var waiting: [LeaseCaller: CheckedContinuation<Result<Lease, AccessFailure>, Never>] = [:]
    private var nextCaller: LeaseCaller = 0
    /// What has just been fetched, until the desk has judged it.
    private var landing: (credentials: Credentials, grant: Grant?, isCounted: Bool)?
    /// What the cache holds of this source, and under which number it is used in this run.
    private var cached: (entry: LeaseCache.Entry, generation: UInt64?)?
    private var isCacheUsed = false

    /// - Parameters:
    ///   - cache: where leases survive a restart; `nil` for sources that are on this machine anyway.
    ///   - seed: of the jitter.
    init(
        scope: String, provider: any CredentialProvider, clock: ServerClock, cache: LeaseCache?, log: Logger,
        seed: UInt64 = UInt64.random(in: 0...UInt64.max)
    ) {
        self.scope = scope
        self.provider = provider
        self.clock = clock
        self.cache = cache
        self.log = log
        let fingerprint = provider.fingerprint
        let entry = cache?.load().flatMap { $0.fingerprint.utf8.elementsEqual(fingerprint.utf8) ? $0 : nil }
        cached = entry.map { ($0, nil) }
        // What it granted is remembered in any case.
        lastGrant = entry?.grant
        desk = LeaseDesk(seed: seed, refused: entry.flatMap { $0.isRefused ? $0.credentials.accessKeyID : nil })
    }

    /// Credentials that live at least so long, where the source gives such. No timer runs: asking also starts a refresh that is due,
    /// so an idle engine fetches nothing.
    func lease(minimumLife: Duration) async throws(AccessFailure) -> Lease {
        hearClock()
        let caller = newCaller()
        let (answer, actions) = desk.ask(caller, minimumLife: minimumLife, at: clock.now())
        perform(actions)
        if let answer { return try result(answer).get() }
        return try await wait(caller).get()
    }

    /// What the source grants: as last heard, also when it does not answer now; `nil` for sources that say nothing about it.
    func grant() async throws(AccessFailure) -> Grant? {
        do throws(AccessFailure) {
            _ = try await lease(minimumLife: .seconds(30))
        } catch {
            // An order may be taken while the authorization server is away: where it goes is known from the last time.
            guard case .unavailable = error, let lastGrant else { throw error }
            return lastGrant
        }
        return lastGrant
    }

    /// OSS refused that generation.
    func retire(_ generation: UInt64) {
        hearClock()
        perform(desk.on(.retired(generation: generation), at: clock.now()))
    }

    /// Asks the source now, whatever is held; what is held stays when that fails.
    func renew() async throws(AccessFailure) {
        // Not to be lost for a source that is away.
        if cachedRest() != nil { _ = try? await lease(minimumLife: .zero) }
        isCacheUsed = true
        hearClock()
        let caller = newCaller()
        perform(desk.renew(caller, at: clock.now()))
        _ = try await wait(caller).get()
    }

    func view(uploads: Int) -> LeaseView {
        hearClock()
        let now = clock.now()
        var (name, until, error): (String, Timestamp?, String?) = ("empty", nil, nil)
        switch desk.state(at: now) {
        case .empty: break
        case .fetching: name = "fetching"
        case .held(let end): (name, until) = ("held", end)
        case .refreshing(let end): (name, until) = ("refreshing", end)
        case .backingOff(let old, _, let reason): (name, until, error) = ("backing-off", old, reason)
        case .refused(_, let reason): (name, error) = ("refused", reason)
        }
        let isUsable = ["held", "refreshing"].contains(name) || until != nil
        let renewal = name == "held" ? desk.nextFetch : nil
        return LeaseView(
            scope: OrderScope.shown(scope), kind: provider.kind, state: name,
            identity: isUsable ? leases[desk.generation]?.identity : nil,
            expires: until.map { (clock.serverNow() + ($0 - now)).iso8601 }, left: until.map { LeaseKeeper.seconds($0 - now) },
            renewsIn: renewal.map { max(0, LeaseKeeper.seconds($0 - now)) }, lastError: error, fetches: fetches, uploads: uploads)
    }

    // MARK: - Waiting

    private func newCaller() -> LeaseCaller {
        nextCaller += 1
        return nextCaller
    }

    private func wait(_ caller: LeaseCaller) async -> Result<Lease, AccessFailure> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                waiting[caller] = continuation
                if Task.isCancelled { perform(desk.cancelled(caller)) }
            }
        } onCancel: {
            Task { await self.giveUp(caller) }
        }
    }

    private func giveUp(_ caller: LeaseCaller) { perform(desk.cancelled(caller)) }

    private func result(_ answer: LeaseAnswer) -> Result<Lease, AccessFailure> {
        switch answer {
        case .use(let generation):
            guard var lease = leases[generation] else { return .failure(.unavailable(until: nil, "the credentials are gone")) }
            if generation == desk.generation { lease.expires = desk.expires }
            return .success(lease)
        case .refused(let reason): return .failure(.refused(reason))
        case .unavailable(let until, let reason): return .failure(.unavailable(until: until, reason))
        case .cancelled: return .failure(.cancelled)
        }
    }

    // MARK: - Doing what the desk says

    private func perform(_ actions: [LeaseAction]) {
        for action in actions {
            switch action {
            case .fetch(let refusing): takeOff(refusing)
            case .keep(let generation): keep(generation)
            case .forget(let generation, let isRefused):
                leases[generation] = nil
                if isRefused { spoilCache(generation) }
            case .answer(let callers, let answer):
                let result = result(answer)
                for caller in callers { waiting.removeValue(forKey: caller)?.resume(returning: result) }
            }
        }
    }

    /// Others learn the servers' time too: the desk hears of it before it decides anything.
    private func hearClock() {
        guard let offset = clock.offset, offset != heardOffset else { return }
        heardOffset = offset
        perform(desk.on(.clockLearned(offset: offset), at: clock.now()))
    }

    /// Unstructured on purpose: a caller that gives up must not take the others' fetch with it.
    private func takeOff(_ refusing: String?) { Task { await fly(refusing) } }

    private func fly(_ refusing: String?) async {
        if let (entry, rest) = cachedRest() {
            isCacheUsed = true
            let end = LeaseEnd.after(rest.left, expiration: entry.credentials.expiration ?? clock.serverNow() + rest.left)
            // An age of nothing would make it fresh.
            return land(entry.credentials, entry.grant, end, age: max(rest.age, .milliseconds(1)))
        }
        isCacheUsed = true
        fetches += 1
        do throws(ProviderFailure) {
            let issued = try await provider.fetch(refusing: refusing)
            if let time = issued.serverTime { clock.learn(serverTime: time) }
            let end = issued.credentials.expiration.map { LeaseClock.end(of: $0, serverTime: issued.serverTime) } ?? .never
            land(issued.credentials, issued.grant, end, age: .zero)
        } catch {
            switch error {
            case .refused(let reason), .notConfigured(let reason):
                log.warning("credentials refused", metadata: ["scope": "\(scope)", "reason": "\(reason)"])
                perform(desk.on(.refused(reason: reason), at: clock.now()))
            case .unavailable(let retryAfter, let reason):
                log.warning("no credentials now", metadata: ["scope": "\(scope)", "reason": "\(reason)"])
                perform(desk.on(.failed(retryAfter: retryAfter, reason: reason), at: clock.now()))
            }
        }
    }

    private func land(_ credentials: Credentials, _ grant: Grant?, _ end: LeaseEnd, age: Duration) {
        hearClock()
        let now = clock.now()
        landing = (credentials, grant, age == .zero && { if case .after = end { true } else { false } }())
        let actions = desk.on(.fetched(identity: credentials.accessKeyID, end: end, age: age), at: now)
        if case .backingOff(_, _, let reason) = desk.state(at: now) {
            log.warning("no credentials now", metadata: ["scope": "\(scope)", "reason": "\(reason)"])
        }
        perform(actions)
        landing = nil
    }

    private func keep(_ generation: UInt64) {
        guard let landing else { return }
        let expires = desk.expires
        leases[generation] = Lease(credentials: landing.credentials, generation: generation, expires: expires)
        lastGrant = landing.grant ?? lastGrant
        log.info(
            "credentials are there",
            metadata: [
                "scope": "\(scope)", "kind": "\(provider.kind)",
                "life": "\(expires.map { "\(LeaseKeeper.seconds($0 - clock.now())) s" } ?? "no end")",
            ])
        // A key without an end lies in a file of its own already, and an end that is a guess is none for another run.
        guard landing.isCounted else {
            if let cached { self.cached = (cached.entry, generation) }
            return
        }
        store(
            LeaseCache.Entry(
                credentials: landing.credentials, fetched: clock.now(), expires: expires, grant: lastGrant,
                fingerprint: provider.fingerprint, boot: cache?.boot()), generation)
    }

    // MARK: - The cache

    /// The lease of an earlier run, once, if it is not over.
    private func cachedRest() -> (LeaseCache.Entry, (left: Duration, age: Duration))? {
        guard !isCacheUsed, let cache, let entry = cached?.entry,
            let rest = entry.record.rest(at: clock.now(), boot: cache.boot(), fingerprint: provider.fingerprint)
        else { return nil }
        return (entry, rest)
    }

    private func spoilCache(_ generation: UInt64) {
        guard let cached, cached.generation == generation, !cached.entry.isRefused else { return }
        var entry = cached.entry
        entry.isRefused = true
        store(entry, generation)
    }

    private func store(_ entry: LeaseCache.Entry, _ generation: UInt64) {
        guard let cache else { return }
        cached = (entry, generation)
        do throws(FileError) {
            try cache.store(entry)
        } catch {
            log.warning("a lease could not be kept for a restart", metadata: ["scope": "\(scope)", "reason": "\(error.message)"])
        }
    }

    private static func seconds(_ duration: Duration) -> Double { Double(duration.inMilliseconds) / 1000 }
}
