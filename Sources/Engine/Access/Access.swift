import Contracts
import Credentials
import Logging
import OSSProtocol
import Platform

/// The access half of the engine: which credentials serve which scope. It resolves destinations, authorizes requests and tells
/// people about leases; the configuration can be exchanged while it runs.
public actor Access: RequestAuthorizer, TargetResolver {
    /// Credentials that came with orders: more than this many different ones at once are not remembered.
    private static let mostOrders = 256

    nonisolated let clock: ServerClock
    nonisolated let log: Logger
    private let environment: [String: String]
    private let folder: String
    private let transports: TransportCache
    private let maker: ProviderMaker

    private(set) var configuration: EngineConfiguration
    private var sources: [String: Source] = [:]
    private var orders: [String: OrderProvider] = [:]
    private var urls: [String: GivenURL] = [:]
    /// Signed URLs in the cache and since when, `nil` since an earlier run; itself `nil` until the cache was looked through.
    private var keptURLs: [String: Timestamp?]?
    private var guests = Guests()
    private let signers = SignerCache()

    private enum Source {
        case leases(LeaseKeeper, kind: String)
        case signedURLs(SignedURLKeeper)
    }

    /// - Parameters:
    ///   - environment: the engine's own.
    ///   - folder: of the credential cache; made 0700 by the caller.
    ///   - makeTransport: for everything small: authorization servers, listings. Asked once for each CA file.
    public init(
        configuration: EngineConfiguration, environment: [String: String], folder: String, clock: ServerClock, log: Logger,
        makeTransport: @escaping @Sendable (_ caFile: String?) throws -> any Transport
    ) {
        self.configuration = configuration
        self.environment = environment
        self.folder = folder
        self.clock = clock
        self.log = log
        let transports = TransportCache(makeTransport)
        self.transports = transports
        maker = ProviderMaker(
            environment: environment,
            transport: { caFile throws(ProviderFailure) in try transports.transport(caFile: caFile) },
            now: { clock.serverNow() }, learnClock: { clock.learn(serverTime: $0) })
    }

    /// The profile of the official tools that serves orders without credentials of their own.
    /// - Throws: `.notConfigured` when there is none.
    func standardProfile() throws(ProviderFailure) -> Profile { try Profile.read(ProfileChoice(), environment: environment) }

    /// What a remote's profile says besides the credentials.
    func profile(_ choice: ProfileChoice) throws(ProviderFailure) -> Profile { try Profile.read(choice, environment: environment) }

    /// Exchanges the configuration. Leases of remotes that stayed as they were live on.
    public func adopt(_ new: EngineConfiguration) {
        for remote in configuration.remotes where new.remote(named: remote.name) != remote { sources[remote.name] = nil }
        configuration = new
    }

    /// What is held of that remote's credentials, also in the cache, was had by other settings or with another secret.
    func forget(remote name: String) {
        sources[name] = nil
        guard orders[name] == nil else { return }
        LeaseCache(folder: folder, scope: name).remove()
    }

    // MARK: - RequestAuthorizer

    public func authorize(
        _ operation: OSSOperation, key: ObjectKey, target: Target, minimumLife: Duration
    ) async throws(AccessFailure) -> AuthorizedRequest {
        try await authorizer(target.scope).authorize(operation, key: key, target: target, minimumLife: minimumLife)
    }

    public func retire(generation: UInt64, target: Target) async {
        await (try? authorizer(target.scope))?.retire(generation: generation, target: target)
    }

    public nonisolated func learnClock(serverTime: Timestamp) async { clock.learn(serverTime: serverTime) }

    private func authorizer(_ scope: String) throws(AccessFailure) -> any RequestAuthorizer {
        if GivenURL.isOne(scope) { return try givenURL(scope) }
        return switch try source(scope) {
        case .leases(let keeper, _): LeaseAuthorizer(keeper: keeper, clock: clock, signers: signers)
        case .signedURLs(let keeper): SignedURLAuthorizer(keeper: keeper, clock: clock)
        }
    }

    // MARK: - Sources

    private func source(_ scope: String) throws(AccessFailure) -> Source {
        if Guests.isOne(scope) {
            guard let guest = guests[scope] else { throw .refused("the credentials that came with this question are gone. Ask again") }
            return .leases(guest.keeper, kind: "env")
        }
        if let known = sources[scope] { return known }
        let made = try makeSource(scope)
        sources[scope] = made
        return made
    }

    private func makeSource(_ scope: String) throws(AccessFailure) -> Source {
        let cache = LeaseCache(folder: folder, scope: scope)
        if let bucket = OrderScope.bucketOfProfile(scope) {
            let region = try? Profile.read(ProfileChoice(), environment: environment).region
            return try leases(
                scope, .profile(ProfileChoice()), at: ProviderMaker.Place(bucket: bucket, region: region), cache: cache)
        }
        if OrderScope.isOne(scope) {
            guard let order = orders[scope] ?? cache.load().flatMap(OrderProvider.init(cached:)) else {
                throw .refused(
                    "the credentials that came with this order are gone. Set OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET and give the order again"
                )
            }
            remember(order, for: scope)
            return .leases(keeper(scope, order, cache: nil), kind: order.kind)
        }
        guard let remote = configuration.remote(named: scope) else {
            throw .refused("the remote “\(scope)” is no longer in the configuration. Put [remote.\(scope)] back, or cancel its uploads")
        }
        switch remote.credentials {
        case .signedURL(let url, let tokenFile):
            guard let server = AuthorizationServer(url: url, tokenFile: tokenFile, transport: try transport(scope: scope)) else {
                throw .refused("“\(PlainText.line(url, limit: 100))” is no address of an authorization server")
            }
            return .signedURLs(
                SignedURLKeeper(
                    server: server, bucket: remote.bucket, scope: scope, clock: clock, log: log,
                    wishedLife: SignedURLKeeper.wishedLife(environment: environment)))
        case .environment:
            // An order's own credentials come first; the engine's environment serves those that brought none.
            if let order = orders[scope] ?? cache.load().flatMap(OrderProvider.init(cached:)) {
                remember(order, for: scope)
                return .leases(keeper(scope, order, cache: nil), kind: order.kind)
            }
            return try leases(scope, remote.credentials, at: ProviderMaker.Place(), cache: nil)
        default:
            var place = ProviderMaker.Place(bucket: remote.bucket, region: remote.region, caFile: remote.caFile)
            if place.region == nil, case .profile(let choice) = remote.credentials { place.region = try? profile(choice).region }
            return try leases(scope, remote.credentials, at: place, cache: cache)
        }
    }

    private func leases(
        _ scope: String, _ source: CredentialSource, at place: ProviderMaker.Place, cache: LeaseCache?
    ) throws(AccessFailure) -> Source {
        do throws(ProviderFailure) {
            let provider = try maker.provider(source, at: place)
            return .leases(keeper(scope, provider, cache: cache), kind: provider.kind)
        } catch {
            throw AccessFailure(error)
        }
    }

    private func keeper(_ scope: String, _ provider: any CredentialProvider, cache: LeaseCache?) -> LeaseKeeper {
        LeaseKeeper(scope: scope, provider: provider, clock: clock, cache: cache, log: log)
    }

    /// What listings, probes and authorization requests of that scope are sent with.
    func transport(scope: String) throws(AccessFailure) -> any Transport {
        do throws(ProviderFailure) {
            return try transports.transport(caFile: configuration.remote(named: orderScope(of: scope))?.caFile)
        } catch {
            throw AccessFailure(error)
        }
    }

    /// Whom a remote's credentials come from, for messages; `nil` for scopes of orders.
    func kind(scope: String) -> String {
        switch try? source(scope) {
        case .leases(_, let kind)?: kind
        case .signedURLs?: "signed-url"
        case nil: "none"
        }
    }

    /// What the scope's source grants, as far as it says so.
    func grant(scope: String) async throws(AccessFailure) -> Grant? {
        switch try source(scope) {
        case .leases(let keeper, _): try await keeper.grant()
        case .signedURLs(let keeper): try await keeper.grant()
        }
    }

    /// The credentials themselves, for URLs that people asked to be signed; `nil` where no key is on this machine.
    func lease(scope: String, minimumLife: Duration) async throws(AccessFailure) -> LeaseKeeper.Lease? {
        guard case .leases(let keeper, _) = try source(scope) else { return nil }
        return try await keeper.lease(minimumLife: minimumLife)
    }

    /// The keeper of a scope whose requests the authorization server signs.
    func signedURLs(scope: String) throws(AccessFailure) -> SignedURLKeeper? {
        guard case .signedURLs(let keeper) = try source(scope) else { return nil }
        return keeper
    }

    nonisolated func signer(_ target: Target) -> any RequestSigner { signers.signer(target) }

    // MARK: - Orders' signed URLs

    public func resolve(signedURL: String) async throws(OrderError) -> Target {
        let url = try GivenURL(signedURL)
        let target = url.target
        do throws(FileError) {
            try LeaseCache(folder: folder, scope: target.scope).store(url.entry(now: clock.now()))
        } catch {
            throw OrderError(code: "LocalError", message: "the signed URL cannot be kept until it is used (\(error.message))", exit: 1)
        }
        remember(url, for: target.scope)
        lookForKeptURLs()
        keptURLs?[target.scope] = .some(clock.now())
        return target
    }

    /// An order becomes a row of the queue a moment after its URL was kept.
    private static let youngURL = Duration.seconds(600)

    public func keptSignedURLs() async -> [String] {
        lookForKeptURLs()
        let old = clock.now() - Access.youngURL
        return (keptURLs ?? [:]).filter { $0.value.map { $0 <= old } ?? true }.map(\.key)
    }

    public func forgetSignedURLs(_ scopes: [String]) async {
        for scope in scopes where GivenURL.isOne(scope) {
            LeaseCache(folder: folder, scope: scope).remove()
            urls[scope] = nil
            keptURLs?[scope] = nil
        }
    }

    private func lookForKeptURLs() {
        guard keptURLs == nil else { return }
        let scopes = LeaseCache.scopes(in: folder).filter(GivenURL.isOne)
        keptURLs = Dictionary(scopes.map { ($0, .none) }, uniquingKeysWith: { first, _ in first })
    }

    private func givenURL(_ scope: String) throws(AccessFailure) -> GivenURLAuthorizer {
        if let url = urls[scope] { return GivenURLAuthorizer(url: url) }
        guard let url = LeaseCache(folder: folder, scope: scope).load().flatMap(GivenURL.init(cached:)) else {
            throw .refused("the signed URL that came with this order is gone. Give the order again")
        }
        remember(url, for: scope)
        return GivenURLAuthorizer(url: url)
    }

    /// The others are still in the cache.
    private func remember(_ url: GivenURL, for scope: String) {
        if urls.count >= Access.mostOrders { urls = [:] }
        urls[scope] = url
    }

    // MARK: - Credentials of questions

    /// - Parameter scope: of an order with the same credentials and destination: what is kept under it stays as it is.
    /// - Returns: the scope under which they serve.
    func receive(_ order: OrderProvider, besides scope: String) -> String {
        guests.add(keeper(scope, order, cache: nil), besides: scope)
    }

    /// The scope that an order with the same credentials and destination would have.
    func orderScope(of scope: String) -> String { guests[scope]?.orderScope ?? scope }

    // MARK: - Orders' credentials

    /// Kept in memory and in the 0600 cache under the scope; the newest ones win.
    func keep(_ order: OrderProvider, for scope: String) {
        guard orders[scope] != order else { return }
        remember(order, for: scope)
        sources[scope] = nil
        do throws(FileError) {
            try LeaseCache(folder: folder, scope: scope).store(order.entry(now: clock.now()))
        } catch {
            log.warning(
                "credentials of an order could not be kept for a restart", metadata: ["scope": "\(scope)", "reason": "\(error.message)"])
        }
    }

    private func remember(_ order: OrderProvider, for scope: String) {
        if orders.count >= Access.mostOrders, orders[scope] == nil, let other = orders.keys.first {
            // It is still in the cache, from where it comes back when an upload needs it.
            orders[other] = nil
            sources[other] = nil
        }
        orders[scope] = order
    }

    func ownEnvironment() -> [String: String] { environment }

    // MARK: - What people see

    /// `GET /v1/settings`.
    func settings() -> SettingsView {
        let remotes = configuration.remotes.map {
            RemoteView(
                name: $0.name, bucket: $0.bucket ?? "", region: $0.region, endpoint: $0.endpoint, prefix: $0.prefix,
                kind: $0.credentials.kind)
        }
        return SettingsView(
            theme: configuration.theme, defaultRemote: configuration.defaultRemote, remotes: remotes, file: configuration.file,
            values: ConfigurationText(configuration).entries(configuration), terminal: configuration.terminal)
    }

    /// From now on every remote is among the leases, whether an upload has used it or not.
    func openRemotes() { for remote in configuration.remotes { _ = try? source(remote.name) } }

    /// The leases in use, in the order of their scopes.
    /// - Parameter uploads: how many use each, by the whole scope: people see several as one.
    public func leases(uploads: [String: Int] = [:]) async -> [LeaseView] {
        var views: [LeaseView] = []
        for (scope, source) in sources.sorted(by: { $0.key < $1.key }) {
            let count = uploads[scope] ?? 0
            switch source {
            case .leases(let keeper, _): views.append(await keeper.view(uploads: count))
            case .signedURLs(let keeper): views.append(await keeper.view(uploads: count))
            }
        }
        return views
    }

    /// The queue's status with what only the access half knows, where the queue did not put it in.
    func complete(_ status: StatusView) async -> StatusView {
        var full = status
        if full.leases.isEmpty { full.leases = await leases() }
        full.clockOffset = full.clockOffset ?? clock.offsetSeconds
        full.defaultRemote = full.defaultRemote ?? configuration.defaultRemote
        return full
    }

    /// Asks the sources now, of one remote or of all remotes and orders that are in use.
    func renew(remote: String?) async throws(OrderError) {
        if let remote, configuration.remote(named: remote) == nil {
            throw OrderError(
                code: "NoSuchRemote", message: "there is no remote “\(PlainText.line(remote, limit: 60))” in the configuration", exit: 2)
        }
        let known = configuration.remotes.map(\.name)
        let scopes = remote.map { [$0] } ?? known + sources.keys.filter { OrderScope.isOne($0) }.sorted()
        var failure: OrderError?
        for scope in scopes {
            do throws(AccessFailure) {
                switch try source(scope) {
                case .leases(let keeper, _): try await keeper.renew()
                case .signedURLs(let keeper): try await keeper.renew()
                }
            } catch {
                // The others are renewed all the same.
                failure = failure ?? OrderError(code: "NoCredentials", message: "\(OrderScope.shown(scope)): \(error.text)", exit: 6)
            }
        }
        if let failure { throw failure }
    }
}
