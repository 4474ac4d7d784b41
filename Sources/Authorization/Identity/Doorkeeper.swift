import OSSProtocol
import Platform

/// What a request shows of who sends it.
struct Introduction: Sendable {
    /// In the header `Authorization`, or in the path.
    var bearer: Secret?
    var isInPath = false
    /// Of the certificate that the TLS handshake verified.
    var certificate: [CertificateName] = []
}

/// Says who is asking: by a bearer token, a JWT or a client certificate.
///
/// One proof a request: a token that is wrong is not made good by a certificate. A bearer token that was right once is
/// remembered by its SHA-256 for as long as the settings stand, so that the rounds of its hash are paid once. What is wrong is
/// never remembered: it would let anybody fill the memory.
final class Doorkeeper: Sendable {
    private static let mostRemembered = 20_000

    /// Why a stranger is one, for the audit log alone.
    struct Stranger: Error, Sendable {
        var reason: String
        /// The client whose name was claimed, when it is one of ours.
        var claimed: String?
        /// What the caller may know of it beyond that it is unknown.
        var hint: String?
    }
    enum Refused: Error, Sendable {
        case stranger(Stranger)
        /// The keys to check a JWT with cannot be had.
        case keysUnavailable(String)
        /// Known, but granted nothing.
        case nothingGranted(Admitted)
    }

    private let clients: [[UInt8]: Client]
    private let holders: [CertificateName: Client]
    private let issuers: [(rule: TokenIssuer, keys: KeyRing)]
    private let remembered = Lock<[[UInt8]: (client: [UInt8], token: BearerHash)]>([:])
    /// Compared with for names that nobody has, so that the time of a refusal does not tell which clients exist.
    private let nobody = TokenHash(of: Secret(""), salt: Array(repeating: 0, count: 16))

    init(_ settings: Settings, keys: (TokenIssuer.Keys) -> KeyRing) {
        clients = Dictionary(settings.clients.map { (Array($0.name.utf8), $0) }) { first, _ in first }
        holders = Dictionary(settings.clients.flatMap { client in client.certificates.map { ($0, client) } }) { first, _ in first }
        issuers = settings.issuers.map { ($0, keys($0.keys)) }
    }

    func admit(_ introduction: Introduction, now: Timestamp) async throws(Refused) -> Admitted {
        guard let bearer = introduction.bearer else { return try byCertificate(introduction.certificate, now) }
        guard !introduction.isInPath, JSONWebToken.looksLikeOne(bearer.reveal()) else {
            return try byToken(bearer, isInPath: introduction.isInPath, now)
        }
        return try await byJWT(bearer, now)
    }

    // MARK: bearer tokens

    private func byToken(_ token: Secret, isInPath: Bool, _ now: Timestamp) throws(Refused) -> Admitted {
        guard let name = ClientToken.claimedClient(token.reveal()) else { throw .stranger(Stranger(reason: "no token of this server")) }
        guard let client = clients[name] else {
            _ = nobody.matches(token)
            throw .stranger(Stranger(reason: "a token of an unknown client"))
        }
        guard let hash = matching(client, token) else { throw .stranger(Stranger(reason: "a wrong token", claimed: client.name)) }
        guard hash.isLive(at: now) else {
            throw .stranger(Stranger(reason: "a token that has expired", claimed: client.name, hint: "it has expired"))
        }
        guard !isInPath || client.mayUsePath else { throw .stranger(Stranger(reason: "a token in the path", claimed: client.name)) }
        return try admitted(client, .token, now)
    }

    private func matching(_ client: Client, _ token: Secret) -> BearerHash? {
        let (digest, name) = (Digests.sha256(Array(token.reveal().utf8)), Array(client.name.utf8))
        if let known = remembered.withLock({ $0[digest] }), known.client == name { return known.token }
        // Each one, so that the time does not tell which of them it was.
        var found: BearerHash?
        for one in client.tokens where one.hash.matches(token) { found = found ?? one }
        if client.tokens.isEmpty { _ = nobody.matches(token) }
        guard let found else { return nil }
        remembered.withLock { known in
            if known.count >= Doorkeeper.mostRemembered { known.removeAll() }
            known[digest] = (name, found)
        }
        return found
    }

    // MARK: client certificates

    private func byCertificate(_ names: [CertificateName], _ now: Timestamp) throws(Refused) -> Admitted {
        let found = names.compactMap { holders[$0] }
        guard let client = found.first else {
            throw .stranger(Stranger(reason: names.isEmpty ? "no token and no certificate" : "a certificate that names no client"))
        }
        guard found.allSatisfy({ $0.name.utf8.elementsEqual(client.name.utf8) }) else {
            throw .stranger(Stranger(reason: "a certificate that names several clients"))
        }
        return try admitted(client, .certificate, now)
    }

    // MARK: JWTs

    private func byJWT(_ bearer: Secret, _ now: Timestamp) async throws(Refused) -> Admitted {
        guard let token = JSONWebToken(bearer) else { throw .stranger(Stranger(reason: "no JWT that can be read")) }
        guard let claimed = token.claims.issuer,
            let (rule, keys) = issuers.first(where: { $0.rule.issuer.utf8.elementsEqual(claimed.utf8) })
        else { throw .stranger(Stranger(reason: "a JWT of an unknown issuer")) }
        let isSigned: Bool
        do throws(KeyRing.Unavailable) { isSigned = try await keys.isSigned(token) } catch { throw .keysUnavailable(error.text) }
        guard isSigned else { throw .stranger(Stranger(reason: "a JWT whose signature no key of the issuer made")) }
        if let problem = token.claims.problem(rule, now: now) {
            throw .stranger(Stranger(reason: "a JWT that is \(problem)", hint: "it is \(problem)"))
        }
        guard let name = token.claims.text(rule.clientClaim), (1...PrefixTemplate.longestValue).contains(name.utf8.count) else {
            throw .stranger(Stranger(reason: "a JWT without the claim that names the client", hint: "it names no client"))
        }
        return try admitted(name, token.claims, rule, now)
    }

    private func admitted(_ name: String, _ claims: Claims, _ rule: TokenIssuer, _ now: Timestamp) throws(Refused) -> Admitted {
        let client = clients[Array(name.utf8)]
        if let client, !(client.issuer.map { $0.utf8.elementsEqual(rule.issuer.utf8) } ?? false) {
            // A client of the configuration is nobody else's to name, or any issuer could take its prefix.
            throw .stranger(Stranger(reason: "a JWT that names a client which its issuer may not speak for", claimed: client.name))
        }
        let held = rule.grants.filter { grant in
            grant.claims.allSatisfy { claim, value in claims.texts(claim).contains { $0.utf8.elementsEqual(value.utf8) } }
        }
        let rules = (client?.grants ?? []) + held.map(\.rule)
        return try resolved(
            Admitted(
                name: Line.clean(name, most: PrefixTemplate.longestValue), session: Admitted.session(name, issuer: rule.issuer),
                grants: [], proof: .jwt, issuer: Line.clean(rule.issuer)), client: name, rules, now, claims: claims.text)
    }

    // MARK: grants

    private func admitted(_ client: Client, _ proof: Admitted.Proof, _ now: Timestamp) throws(Refused) -> Admitted {
        try resolved(
            Admitted(name: client.name, session: client.name, grants: [], proof: proof), client: client.name, client.grants, now)
    }

    /// A grant whose prefix has no value for this client is none.
    private func resolved(
        _ admitted: Admitted, client: String, _ rules: [GrantRule], _ now: Timestamp, claims: (String) -> String? = { _ in nil }
    ) throws(Refused) -> Admitted {
        var result = admitted
        result.grants = rules.compactMap { try? $0.grant(client: client, day: now, claims: claims) }
        guard !result.grants.isEmpty else { throw .nothingGranted(result) }
        return result
    }
}
