/// The authorization server: says who a client is, what it may do, and gets it temporary credentials or signed URLs for just that.
///
/// Request in, answer out: `AuthorizationService` is a function over values; Hummingbird is in `Serve/HTTPServer.swift` alone.
/// Data never passes through here, and no secret, token or signature reaches a log, the audit log or a metric. The server keeps
/// nothing of its own between runs but the audit log, so any number of replicas may serve the same clients.
import Contracts
import OSSProtocol
import Platform

/// Admits clients, decides, writes each decision down, and only then answers.
final class AuthorizationService: Sendable {
    /// What may change when the configuration is read anew.
    private struct Admission: Sendable {
        let settings: Settings
        let doorkeeper: Doorkeeper
    }

    static let mostURLs = 1000
    private static let usualURLLife = 900

    let counters: Counters
    private let admission: Lock<Admission>
    private let rate = Lock(RequestRate())
    private let issuer: Issuer
    private let rings: KeyRings
    private let audit: any AuditSink
    private let clock: ServerClock
    private let wall: @Sendable () -> Timestamp

    init(
        settings: Settings, source: any TokenSource, keys: KeyRings, audit: any AuditSink, clock: ServerClock, counters: Counters,
        wall: @escaping @Sendable () -> Timestamp
    ) {
        rings = keys
        admission = Lock(Admission(settings: settings, doorkeeper: Doorkeeper(settings, keys: keys.ring)))
        issuer = Issuer(source: source, clock: clock)
        (self.audit, self.clock, self.counters, self.wall) = (audit, clock, counters, wall)
    }

    /// Requests under way end by the old settings. Tokens at hand stay, they are asked for by scope; issuers' keys are fetched anew.
    func use(_ settings: Settings) async {
        await rings.expire()
        let fresh = Admission(settings: settings, doorkeeper: Doorkeeper(settings, keys: rings.ring))
        admission.withLock { $0 = fresh }
    }

    func respond(to request: ServiceRequest) async -> ServiceAnswer {
        let route = Route(request.path)
        let answer = await respond(to: request, route)
        counters.answered(route.name, status: answer.status)
        return answer
    }

    private func respond(to request: ServiceRequest, _ route: Route) async -> ServiceAnswer {
        guard route.methods.contains(request.method) else {
            guard route != .unknown else { return .failure(Refusal(404, "NotFound", "there is nothing at this path")) }
            var answer = ServiceAnswer.failure(Refusal(405, "MethodNotAllowed", "this path takes \(route.methods.joined(separator: ", "))"))
            answer.headers.append(("Allow", route.methods.joined(separator: ", ")))
            return answer
        }
        switch route {
        case .health: return .text("ok\n")
        case .ready: return readiness()
        case .metrics:
            let text = counters.text(tokens: await issuer.count, clients: admission.withLock { $0.settings.clients.count })
            return .text(text, type: "text/plain; version=0.0.4; charset=utf-8")
        case .credentials(let pathToken): return await decide(request, pathToken: pathToken, "credentials", credentials)
        case .signedURLs: return await decide(request, pathToken: nil, "signed-urls", signedURLs)
        case .unknown: return .failure(Refusal(404, "NotFound", "there is nothing at this path"))
        }
    }

    /// Ready is who can decide and write it down. Trouble with STS shows in the answers and metrics: taking every replica out of
    /// service for it would help nobody.
    private func readiness() -> ServiceAnswer {
        do {
            try audit.reopen()
            return .text("ready\n")
        } catch {
            return .text("the audit log cannot be written\n", status: 503)
        }
    }

    // MARK: decisions

    /// Admits the client, lets `answer` decide, writes the decision down, and only then answers.
    private func decide(
        _ request: ServiceRequest, pathToken: String?, _ what: String,
        _ answer: (ServiceRequest, Admitted, STSSettings, inout AuditLine) async throws(Refusal) -> ServiceAnswer
    ) async -> ServiceAnswer {
        var line = AuditLine(time: wall().iso8601Milliseconds, decision: "refused", status: 500, request: what, remote: request.remote)
        let admission = admission.withLock { $0 }
        var result: ServiceAnswer
        do throws(Refusal) {
            let client = try await admit(request, pathToken: pathToken, admission.doorkeeper, &line)
            result = try await answer(request, client, admission.settings.sts, &line)
            line.decision = "allowed"
        } catch {
            result = .failure(error)
            (line.code, line.reason) = (error.code, error.message)
            if let id = error.requestID { line.stsRequestId = id }
        }
        line.status = result.status
        do { try audit.write(line) } catch {
            // What cannot be accounted for does not happen.
            counters.add(.auditFailures)
            guard line.decision == "allowed" else { return result }
            result = .failure(
                Refusal(
                    503, "AuditUnavailable", "the decision cannot be written down, so it is not made. Try again", retryAfter: .seconds(5)))
        }
        return result
    }

    private func admit(_ request: ServiceRequest, pathToken: String?, _ doorkeeper: Doorkeeper, _ line: inout AuditLine)
        async throws(Refusal) -> Admitted
    {
        let bearer = pathToken.map { Secret($0) } ?? BearerToken.read(request.authorization)
        // A header that cannot be read is a wrong proof, not none.
        if bearer == nil, request.authorization != nil {
            line.stranger = "a header Authorization that is no bearer token"
            throw AuthorizationService.unknown(nil)
        }
        let introduction = Introduction(bearer: bearer, isInPath: pathToken != nil, certificate: request.certificate)
        do throws(Doorkeeper.Refused) {
            let client = try await doorkeeper.admit(introduction, now: clock.now())
            line.note(client)
            return client
        } catch {
            switch error {
            case .stranger(let stranger):
                (line.claimed, line.stranger) = (stranger.claimed, stranger.reason)
                throw AuthorizationService.unknown(stranger.hint)
            case .keysUnavailable(let text):
                line.stranger = "a JWT that cannot be checked: \(Line.clean(text))"
                throw Refusal(
                    503, "KeysUnavailable", "the issuer's keys cannot be had, so the token cannot be checked. Try again",
                    retryAfter: KeyRing.pause)
            case .nothingGranted(let client):
                line.note(client)
                throw .outside("this client is granted nothing")
            }
        }
    }

    private static func unknown(_ hint: String?) -> Refusal {
        let how = "this needs a token that the server knows, as “Authorization: Bearer TOKEN”"
        return Refusal(401, "Unauthorized", hint.map { "\(how); \($0)" } ?? how)
    }

    private func charge(_ client: Admitted, grant: Int) throws(Refusal) {
        let now = wall()
        let perMinute = client.grants[grant].requestsPerMinute
        guard let wait = rate.withLock({ $0.take(client: client.account, grant: grant, perMinute: perMinute, now: now) }) else { return }
        counters.add(.rateLimited)
        throw Refusal(429, "TooManyRequests", "more than \(perMinute) requests a minute. Ask again later", retryAfter: wait)
    }

    /// A request that fails before its grant is known is charged to the first one: refusals are not free.
    private func charging<T>(_ client: Admitted, _ work: () throws(Refusal) -> (T, grant: Int)) throws(Refusal) -> T {
        let result: (T, grant: Int)
        do throws(Refusal) { result = try work() } catch {
            try charge(client, grant: 0)
            throw error
        }
        try charge(client, grant: result.grant)
        return result.0
    }

    // MARK: credentials

    private func credentials(_ request: ServiceRequest, _ client: Admitted, _ sts: STSSettings, _ line: inout AuditLine) async throws(Refusal)
        -> ServiceAnswer
    {
        var noted = line
        defer { line = noted }
        let (found, refused) = try charging(client) { () throws(Refusal) -> ((Narrowing.Result, String?), grant: Int) in
            let wish = request.method == "POST" ? try Wishes.credentials(request.body) : CredentialsRequest()
            noted.job = wish.job.map { Line.clean($0, most: 200) }
            noted.bucket = wish.bucket.map { Line.clean($0, most: 63) }
            noted.prefix = wish.prefix.map { Line.clean($0, most: 1023) }
            noted.verbs = wish.verbs.map { $0.prefix(8).map { Line.clean($0, most: 20) } }
            let result = try Narrowing.scope(for: try Wishes.narrowing(wish), client: client)
            guard result.scope.largestObject == nil || !result.scope.verbs.contains(.upload) else {
                throw .outside("the size of its objects is bounded there, which OSS checks for signed URLs alone. Ask for /v1/signed-urls")
            }
            return ((result, wish.refusedAccessKeyId), result.grant)
        }
        noted.note(found.scope)
        let issued = try await issuer.token(for: found.scope, sts: sts, refused: refused)
        let (token, scope) = (issued.token, found.scope)
        noted.sts = issued.isFresh ? "asked" : "kept"
        noted.stsRequestId = token.requestID
        noted.until = token.expiration.iso8601
        counters.add(.tokensServed)
        return try .json(
            CredentialsAnswer(
                accessKeyId: token.credentials.accessKeyID, accessKeySecret: token.credentials.accessKeySecret.reveal(),
                securityToken: token.credentials.securityToken?.reveal(), expiration: token.expiration.iso8601,
                serverTime: clock.now().iso8601,
                bucket: scope.bucket, region: scope.region, endpoint: scope.endpoint.description, prefix: scope.prefix,
                policy: scope.policy,
                narrowedDurationSeconds: found.shortened.map { Int($0.components.seconds) }))
    }

    // MARK: signed URLs

    private func signedURLs(_ request: ServiceRequest, _ client: Admitted, _ sts: STSSettings, _ line: inout AuditLine) async throws(Refusal)
        -> ServiceAnswer
    {
        var noted = line
        defer { line = noted }
        let (found, orders, wish) = try charging(client) {
            () throws(Refusal) -> ((Narrowing.Result, [SigningOrder], SignedURLsRequest), grant: Int) in
            let wish = try Wishes.signedURLs(request.body)
            noted.job = wish.job.map { Line.clean($0, most: 200) }
            noted.bucket = wish.bucket.map { Line.clean($0, most: 63) }
            noted.list(wish.requests.map(\.key))
            noted.operations = Dictionary(wish.requests.map { (Line.clean($0.operation, most: 20), 1) }, uniquingKeysWith: +)
            let orders = try wish.requests.map { item throws(Refusal) in try SigningOrder(item) }
            let result = try Wishes.grant(for: orders, bucket: wish.bucket, client: client)
            if let most = result.scope.largestObject {
                for order in orders { try order.check(largestObject: most) }
            }
            return ((result, orders, wish), result.grant)
        }
        let scope = found.scope
        noted.note(scope)
        noted.verbs = Set(orders.map(\.verb.rawValue)).sorted()
        let mayRead = scope.verbs.contains(.get)
        guard !orders.isEmpty else {
            return try .json(
                SignedURLsAnswer(urls: [], serverTime: clock.now().iso8601, bucket: scope.bucket, prefix: scope.prefix, mayRead: mayRead))
        }
        let issued = try await issuer.token(for: scope, sts: sts, refused: wish.refusedAccessKeyId)
        noted.sts = issued.isFresh ? "asked" : "kept"
        noted.stsRequestId = issued.token.requestID
        let signer = URLSigner(
            scope: scope, token: issued.token, now: clock.now(), expiresIn: wish.expiresIn ?? AuthorizationService.usualURLLife)
        noted.until = signer.end.iso8601
        let urls = try signer.sign(orders)
        counters.add(.urlsSigned, urls.count)
        return try .json(
            SignedURLsAnswer(urls: urls, serverTime: clock.now().iso8601, bucket: scope.bucket, prefix: scope.prefix, mayRead: mayRead))
    }
}

extension AuditLine {
    fileprivate mutating func note(_ client: Admitted) {
        (self.client, proof, issuer) = (client.name, client.proof.rawValue, client.issuer)
    }

    fileprivate mutating func note(_ scope: Scope) {
        bucket = scope.bucket
        prefix = scope.prefix
        verbs = scope.verbs.map(\.rawValue).sorted()
    }
}
