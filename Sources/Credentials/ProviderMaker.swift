import OSSProtocol
import Platform

/// Makes the provider of a source. What every provider may use of the world is here and nowhere else.
public struct ProviderMaker: Sendable {
    /// The program's own.
    public let environment: [String: String]
    /// For everything that is asked over HTTP; `nil` is the system's CA store alone.
    public let transport: @Sendable (_ caFile: String?) throws(ProviderFailure) -> any Transport
    /// The servers' time, as far as it has been learned: STS refuses clocks that are 15 minutes off.
    public let now: @Sendable () -> Timestamp
    /// What an answer gave as its time.
    public let learnClock: @Sendable (Timestamp) -> Void

    public init(
        environment: [String: String], transport: @escaping @Sendable (_ caFile: String?) throws(ProviderFailure) -> any Transport,
        now: @escaping @Sendable () -> Timestamp, learnClock: @escaping @Sendable (Timestamp) -> Void
    ) {
        self.environment = environment
        self.transport = transport
        self.now = now
        self.learnClock = learnClock
    }

    /// What the remote says besides its credentials.
    public struct Place: Sendable {
        public var bucket: String?
        public var region: String?
        public var caFile: String?
        public init(bucket: String? = nil, region: String? = nil, caFile: String? = nil) {
            (self.bucket, self.region, self.caFile) = (bucket, region, caFile)
        }
    }

    /// A chain of sources on top of each other is no deeper than this.
    private static let deepest = 8

    /// - Throws: `.refused` for sources that give no credentials (`signed-url`), and for what cannot be used at all.
    public func provider(_ source: CredentialSource, at place: Place) throws(ProviderFailure) -> any CredentialProvider {
        try provider(source, at: place, depth: 0)
    }

    private func provider(_ source: CredentialSource, at place: Place, depth: Int) throws(ProviderFailure) -> any CredentialProvider {
        guard depth < ProviderMaker.deepest else {
            throw .refused("the credentials are built on top of each other more than \(ProviderMaker.deepest) times. Make the chain shorter")
        }
        switch source {
        case .broker(let url, let tokenFile):
            guard let server = AuthorizationServer(url: url, tokenFile: tokenFile, transport: try transport(place.caFile)) else {
                throw .refused("“\(PlainText.line(url, limit: 100))” is no address of an authorization server")
            }
            return BrokerProvider(server: server, bucket: place.bucket)
        case .signedURL:
            throw .refused("with kind = \"signed-url\" the authorization server signs each request and gives no credentials. Use \"broker\"")
        case .fixed(let id, let secretFile, let tokenFile):
            return FixedProvider(accessKeyID: id, secretFile: secretFile, securityTokenFile: tokenFile)
        case .inProfile(let credentials, let file): return InProfileProvider(credentials: credentials, file: file)
        case .environment: return EnvironmentProvider(environment: environment)
        case .profile(let choice):
            return ProfileProvider(choice: choice, environment: environment) { source throws(ProviderFailure) in
                try provider(source, at: place, depth: depth + 1)
            }
        case .assumeRole(let role, let source):
            return AssumeRoleProvider(
                sts: try sts(role, place), role: role, source: try provider(source, at: place, depth: depth + 1))
        case .ecsRole(let role, let url):
            return ECSRoleProvider(role: role, metadataURL: url, environment: environment, transport: try transport(nil))
        case .oidc(let role, let providerARN, let tokenFile):
            return OIDCProvider(sts: try sts(role, place), role: role, providerARN: providerARN, tokenFile: tokenFile)
        case .uri(let url): return URIProvider(url: url, transport: try transport(place.caFile))
        case .process(let command, let timeout): return ProcessProvider(command: command, timeout: timeout, environment: environment)
        case .anonymous: return AnonymousProvider()
        }
    }

    private func sts(_ role: RoleSettings, _ place: Place) throws(ProviderFailure) -> STSCaller {
        STSCaller(
            endpoint: try STSCaller.endpoint(role.stsEndpoint, region: place.region, environment: environment),
            transport: try transport(place.caFile), now: now, learnClock: learnClock)
    }
}
