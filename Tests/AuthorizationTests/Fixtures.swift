import Contracts
import OSSProtocol
import Platform

@testable import Authorization

/// A clock that stands still until it is moved.
final class ManualClock: Sendable {
    private let time: Lock<Timestamp>
    init(_ text: String = "2026-01-15T08:30:00Z") { time = Lock(Timestamp(iso8601: text) ?? Timestamp(seconds: 0)) }
    func now() -> Timestamp { time.withLock { $0 } }
    func move(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
}

/// STS as a script: counts calls, gives tokens that live as long as told, or fails.
final class ScriptedSource: TokenSource {
    struct State: Sendable {
        var life: Duration = .seconds(3600)
        var failure: IssueFailure?
        var scopes: [Scope] = []
    }
    static let secret = "SecretOfTheToken/0123456789"
    static let securityToken = "CAISxyzSecurityTokenText"

    let state = Lock(State())
    private let now: @Sendable () -> Timestamp
    /// Awaited by every call before it answers.
    private let gate: @Sendable () async -> Void

    init(now: @escaping @Sendable () -> Timestamp, gate: @escaping @Sendable () async -> Void = {}) { (self.now, self.gate) = (now, gate) }

    var calls: Int { state.withLock { $0.scopes.count } }

    func token(for scope: Scope, sts: STSSettings) async throws(IssueFailure) -> IssuedToken {
        let state = state.withLock { state in
            state.scopes.append(scope)
            return state
        }
        await gate()
        if let failure = state.failure { throw failure }
        let issued = now()
        return IssuedToken(
            credentials: Credentials(
                accessKeyID: "STS.NU\(state.scopes.count)", accessKeySecret: Secret(ScriptedSource.secret),
                securityToken: Secret(ScriptedSource.securityToken), expiration: issued + state.life),
            issued: issued, expiration: issued + state.life, requestID: "STS-REQ-\(state.scopes.count)")
    }
}

/// The audit log in memory, as the text that a file would hold.
final class MemoryAudit: AuditSink {
    private let lines = Lock<[AuditLine]>([])
    let isFull = Lock(false)
    struct Full: Error {}

    var all: [AuditLine] { lines.withLock { $0 } }
    var text: String { all.map { String(decoding: (try? ContractJSON.encode($0)) ?? [], as: UTF8.self) }.joined(separator: "\n") }

    func write(_ line: AuditLine) throws {
        if isFull.withLock({ $0 }) { throw Full() }
        lines.withLock { $0.append(line) }
    }
    func reopen() throws { if isFull.withLock({ $0 }) { throw Full() } }
}

/// A service with one client, `camera-7`, and everything around it scripted.
struct Bench {
    static let sts = STSSettings(
        endpoint: .stsForRegion("cn-hangzhou"), region: "cn-hangzhou", roleARN: "acs:ram::1000000000000000:role/uploader",
        credentials: .fixed(accessKeyID: "LTAI", secretFile: "/nowhere", securityTokenFile: nil))

    let clock = ManualClock()
    let source: ScriptedSource
    let audit = MemoryAudit()
    let counters = Counters()
    let service: AuthorizationService
    let token: ClientToken

    static func grant(
        prefix: String = "uploads/camera-7/", verbs: Set<GrantVerb> = [.upload], bucket: String = "media-ingest", perMinute: Int = 1000
    ) -> Authorization.Grant {
        Grant(
            bucket: bucket, region: "cn-hangzhou", endpoint: .forRegion("cn-hangzhou"), prefix: prefix, verbs: verbs,
            requestsPerMinute: perMinute)
    }

    static func rule(
        prefix: String = "uploads/{client}/", verbs: Set<GrantVerb> = [.upload], bucket: String = "media-ingest", perMinute: Int = 1000
    ) -> GrantRule {
        guard let template = try? PrefixTemplate(prefix) else { preconditionFailure("no prefix: \(prefix)") }
        return GrantRule(
            bucket: bucket, region: "cn-hangzhou", endpoint: .forRegion("cn-hangzhou"), prefix: template, verbs: verbs,
            requestsPerMinute: perMinute)
    }

    /// No issuer has any key.
    static func noKeys(_ clock: ManualClock) -> KeyRings {
        KeyRings(fetch: { _ throws(SettingError) in throw SettingError("nothing there") }, now: clock.now)
    }

    static func settings(_ clients: [Client]) -> Settings {
        Settings(clients: clients, sts: sts, listen: ListenAddress(host: "127.0.0.1", port: 0), tls: nil, auditLog: "/nowhere")
    }

    init(grants: [GrantRule]? = nil, mayUsePath: Bool = false, gate: @escaping @Sendable () async -> Void = {}) {
        token = ClientToken(client: "camera-7", random: Array(0..<32))
        source = ScriptedSource(now: clock.now, gate: gate)
        let client = Client(
            name: "camera-7", tokens: [BearerHash(TokenHash(of: token.text, salt: Array(repeating: 7, count: 16)))], mayUsePath: mayUsePath,
            grants: grants ?? [Bench.rule()])
        service = AuthorizationService(
            settings: Bench.settings([client]), source: source, keys: Bench.noKeys(clock), audit: audit, clock: ServerClock(clock.now), counters: counters,
            wall: clock.now)
    }

    func ask(_ method: String, _ path: String, _ body: String = "", token: String? = nil) async -> ServiceAnswer {
        await service.respond(
            to: ServiceRequest(
                method: method, path: path, authorization: "Bearer \(token ?? self.token.text.reveal())", body: Array(body.utf8),
                remote: "192.0.2.7"))
    }

    func credentials(_ body: String = "{}") async throws -> CredentialsAnswer {
        try AuthorizationJSON.decode(CredentialsAnswer.self, from: await ask("POST", "/v1/credentials", body).body)
    }

    func urls(_ body: String) async throws -> SignedURLsAnswer {
        try AuthorizationJSON.decode(SignedURLsAnswer.self, from: await ask("POST", "/v1/signed-urls", body).body)
    }
}

extension ServiceAnswer {
    struct Failure: Decodable {
        struct Detail: Decodable {
            var code: String
            var message: String
        }
        var error: Detail
    }
    var failure: Failure.Detail? { try? AuthorizationJSON.decode(Failure.self, from: body).error }
    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
