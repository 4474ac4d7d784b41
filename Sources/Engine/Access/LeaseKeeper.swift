import Contracts
import Logging
import OSSProtocol
import Platform
import TransferCore

/// The credentials of one scope, driven by a lease machine: one fetch at a time whoever waits, and no caller's cancellation
/// reaches it. A failure is a "not before", never a remembered answer.
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

    private var machine: LeaseMachine
    private var leases: [UInt64: Lease] = [:]
    private var lastGrant: Grant?
    private var isCacheRead = false
    private var fetches = 0
    private var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
    private var nextWaiter: UInt64 = 0

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
        machine = LeaseMachine(seed: seed)
    }

    /// Credentials that live at least so long, where the source gives such.
    func lease(minimumLife: Duration) async throws(AccessFailure) -> Lease {
        while true {
            let now = clock.now()
            // No timer runs: asking also starts a refresh that is due, so an idle engine fetches nothing.
            let (answer, actions) = machine.ask(minimumLife: minimumLife, at: now)
            perform(actions)
            switch answer {
            case .use(let generation):
                guard let lease = leases[generation] else { throw .unavailable(until: nil, "the credentials are gone") }
                return lease
            case .wait:
                await wait()
                if Task.isCancelled { throw .cancelled }
            case .refused(let reason): throw .refused(reason)
            case .unavailable(let until, let reason): throw .unavailable(until: until, reason)
            }
        }
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
        perform(machine.on(.retired(generation: generation), at: clock.now()))
    }

    /// Fetches anew now, whatever is held.
    func renew() async throws(AccessFailure) {
        let before = leases.keys.max() ?? 0
        perform(machine.on(.renewRequested, at: clock.now()))
        await wait(unless: { [fetching = isFetching] in !fetching })
        guard (leases.keys.max() ?? 0) > before else {
            _ = try await lease(minimumLife: .zero)
            return
        }
    }

    private var isFetching: Bool {
        switch machine.state(at: clock.now()) {
        case .fetching, .refreshing: true
        case .empty, .held, .backingOff, .refused: false
        }
    }

    func view(uploads: Int) -> LeaseView {
        let now = clock.now()
        let state = machine.state(at: now)
        var (name, until, error): (String, Timestamp?, String?) = ("empty", nil, nil)
        switch state {
        case .empty: break
        case .fetching: name = "fetching"
        case .held(let end): (name, until) = ("held", end)
        case .refreshing(let end): (name, until) = ("refreshing", end)
        case .backingOff(let old, _, let reason): (name, until, error) = ("backing-off", old, reason)
        case .refused(_, let reason): (name, error) = ("refused", reason)
        }
        let newest = leases.values.max { $0.generation < $1.generation }
        let renewal = name == "held" ? machine.refreshAt : nil
        let isUsable = ["held", "refreshing"].contains(name) || until != nil
        return LeaseView(
            scope: OrderScope.shown(scope), kind: provider.kind, state: name, identity: isUsable ? newest?.identity : nil,
            expires: until.map { (clock.serverNow() + ($0 - now)).iso8601 }, left: until.map { LeaseKeeper.seconds($0 - now) },
            renewsIn: renewal.map { max(0, LeaseKeeper.seconds($0 - now)) }, lastError: error, fetches: fetches, uploads: uploads)
    }

    // MARK: - Waiting

    private func wait(unless: () -> Bool = { false }) async {
        guard !unless() else { return }
        let id = nextWaiter
        nextWaiter += 1
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { continuation.resume() } else { waiting[id] = continuation }
            }
        } onCancel: {
            Task { await self.giveUp(id) }
        }
    }

    private func giveUp(_ id: UInt64) { waiting.removeValue(forKey: id)?.resume() }

    // MARK: - Doing what the machine says

    private func perform(_ actions: [LeaseAction]) {
        for action in actions {
            switch action {
            case .fetch: takeOff()
            case .wake:
                let all = waiting.values
                waiting = [:]
                for continuation in all { continuation.resume() }
            case .forget(let generation): leases[generation] = nil
            }
        }
    }

    /// Unstructured on purpose: a caller that gives up must not take the others' fetch with it.
    private func takeOff() { Task { await fly() } }

    private func fly() async {
        if let cached = fromCache() { return land(cached) }
        fetches += 1
        do throws(ProviderFailure) {
            land(try await provider.fetch())
        } catch {
            let now = clock.now()
            switch error {
            case .refused(let reason), .notConfigured(let reason):
                log.warning("credentials refused", metadata: ["scope": "\(scope)", "reason": "\(reason)"])
                perform(machine.on(.refused(reason: reason), at: now))
            case .unavailable(let retryAfter, let reason):
                log.warning("no credentials now", metadata: ["scope": "\(scope)", "reason": "\(reason)"])
                perform(machine.on(.failed(retryAfter: retryAfter, reason: reason), at: now))
            }
        }
    }

    private func land(_ issued: IssuedCredentials) {
        let now = clock.now()
        if let time = issued.serverTime { clock.learn(serverTime: time) }
        let expires = issued.credentials.expiration.map { clock.local($0, serverTime: issued.serverTime) }
        if let expires, expires <= now {
            return perform(machine.on(.failed(retryAfter: nil, reason: "the credentials had ended when they came"), at: now))
        }
        lastGrant = issued.grant ?? lastGrant
        land(issued.credentials, expires: expires, age: .zero)
        guard let cache else { return }
        let entry = LeaseCache.Entry(
            credentials: issued.credentials, fetched: now, expires: expires, grant: issued.grant, fingerprint: provider.fingerprint)
        do throws(FileError) {
            try cache.store(entry)
        } catch {
            log.warning("a lease could not be kept for a restart", metadata: ["scope": "\(scope)", "reason": "\(error.message)"])
        }
    }

    private func land(_ cached: LeaseCache.Entry) {
        land(cached.credentials, expires: cached.expires, age: max(.zero, clock.now() - cached.fetched))
    }

    private func land(_ credentials: Credentials, expires: Timestamp?, age: Duration) {
        let now = clock.now()
        let actions = machine.on(.fetched(life: expires.map { $0 - now }, age: age), at: now)
        leases[machine.generation] = Lease(credentials: credentials, generation: machine.generation, expires: expires)
        log.info(
            "credentials are there",
            metadata: [
                "scope": "\(scope)", "kind": "\(provider.kind)",
                "life": "\(expires.map { "\(LeaseKeeper.seconds($0 - now)) s" } ?? "no end")",
            ])
        perform(actions)
    }

    /// The lease of an earlier run, once, if it is this source's and not over. What it granted is remembered in any case.
    private func fromCache() -> LeaseCache.Entry? {
        guard !isCacheRead, let cache else { return nil }
        isCacheRead = true
        guard let entry = cache.load(), entry.fingerprint == provider.fingerprint else { return nil }
        lastGrant = entry.grant
        guard let expires = entry.expires, expires > clock.now() else { return nil }
        return entry
    }

    private static func seconds(_ duration: Duration) -> Double { Double(duration.inMilliseconds) / 1000 }
}
