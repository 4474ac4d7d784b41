import OSSProtocol

/// Keeps the tokens that are out: one call to STS a scope and life, however many ask.
///
/// A token is renewed when little of its life is left. While renewing fails, the old one is handed out until its end. A failure
/// is a "not before" of a few seconds, never a remembered answer.
actor Issuer {
    struct Answer: Sendable {
        var token: IssuedToken
        /// STS was asked for this very request.
        var isFresh: Bool
    }

    /// Clients renew at 0.8 of a life with some scatter; a token handed out to one that comes a little early would be worth
    /// nothing to it and bring it back at once.
    static let renewalShare = 0.3
    private static let mostKept = 10_000
    private static let shortestUse: Duration = .seconds(1)
    private static let longestWait: Duration = .seconds(8)

    private struct Entry {
        var token: IssuedToken?
        var flight: Task<IssuedToken, any Error>?
        var failures = 0
        var notBefore: Timestamp?
        var failure: IssueFailure?
    }
    /// Whatever changes what STS is asked, in bytes: two prefixes that only look alike are two keys.
    private struct Key: Hashable {
        private let bytes: [UInt8]

        init(_ scope: Scope, _ sts: STSSettings) {
            let fields = [sts.endpoint.description, sts.roleARN, scope.session, String(scope.duration.inMilliseconds), scope.policy]
            bytes = Array(fields.map { Array($0.utf8) }.joined(separator: [0]))
        }
    }

    private let source: any TokenSource
    private let clock: ServerClock
    private var entries: [Key: Entry] = [:]

    init(source: any TokenSource, clock: ServerClock) { (self.source, self.clock) = (source, clock) }

    var count: Int { entries.values.count { $0.token != nil } }

    /// - Parameter refused: the access key id of a token that OSS refused although it should live. It is forgotten if it is the one
    ///   at hand and not brand-new: a client that cries wolf costs no more than a call a second.
    func token(for scope: Scope, sts: STSSettings, refused: String? = nil) async throws(Refusal) -> Answer {
        let key = Key(scope, sts)
        let now = clock.now()
        if let refused, let kept = entries[key]?.token, kept.credentials.accessKeyID.utf8.elementsEqual(refused.utf8),
            now - kept.issued >= Issuer.shortestUse
        {
            entries[key]?.token = nil
        }
        if let flight = entries[key]?.flight { return try await outcome(of: flight, key, isFresh: false) }
        if let token = entries[key]?.token, Issuer.isWorthHandingOut(token, at: now) { return Answer(token: token, isFresh: false) }
        if let notBefore = entries[key]?.notBefore, notBefore > now, let failure = entries[key]?.failure {
            if let old = usable(key) { return Answer(token: old, isFresh: false) }
            throw Issuer.refusal(failure, retryAfter: notBefore - now)
        }
        return try await outcome(of: takeOff(key, scope, sts), key, isFresh: true)
    }

    static func isWorthHandingOut(_ token: IssuedToken, at now: Timestamp) -> Bool {
        let life = Double((token.expiration - token.issued).inMilliseconds)
        return Double(token.left(at: now).inMilliseconds) > life * renewalShare
    }

    private func outcome(of flight: Task<IssuedToken, any Error>, _ key: Key, isFresh: Bool) async throws(Refusal) -> Answer {
        do {
            return Answer(token: try await flight.value, isFresh: isFresh)
        } catch {
            if let old = usable(key) { return Answer(token: old, isFresh: false) }
            let failure = error as? IssueFailure ?? IssueFailure(code: "STSUnreachable", message: "the call was given up")
            let wait = entries[key]?.notBefore.map { $0 - clock.now() }
            throw Issuer.refusal(failure, retryAfter: wait)
        }
    }

    /// The token at hand, as long as it lives at all.
    private func usable(_ key: Key) -> IssuedToken? {
        guard let token = entries[key]?.token, token.left(at: clock.now()) > .seconds(1) else { return nil }
        return token
    }

    /// Unstructured on purpose: a caller that gives up must not take the others' token with it.
    private func takeOff(_ key: Key, _ scope: Scope, _ sts: STSSettings) -> Task<IssuedToken, any Error> {
        makeRoom()
        let task = Task { [source] in
            do throws(IssueFailure) {
                let token = try await source.token(for: scope, sts: sts)
                landed(key, .success(token))
                return token
            } catch {
                landed(key, .failure(error))
                throw error
            }
        }
        entries[key, default: Entry()].flight = task
        return task
    }

    private func landed(_ key: Key, _ result: Result<IssuedToken, IssueFailure>) {
        var entry = entries[key] ?? Entry()
        entry.flight = nil
        switch result {
        case .success(let token):
            entry.token = token
            (entry.failures, entry.notBefore, entry.failure) = (0, nil, nil)
        case .failure(let failure):
            entry.notBefore = clock.now() + min(.milliseconds(500 << min(entry.failures, 6)), Issuer.longestWait)
            entry.failures += 1
            entry.failure = failure
        }
        entries[key] = entry
    }

    /// Dead tokens go first, then those that die soonest.
    private func makeRoom() {
        guard entries.count >= Issuer.mostKept else { return }
        let now = clock.now()
        entries = entries.filter { _, entry in
            entry.flight != nil || (entry.token.map { $0.left(at: now) > .zero } ?? (entry.notBefore.map { $0 > now } ?? false))
        }
        guard entries.count >= Issuer.mostKept else { return }
        let idle = entries.filter { $0.value.flight == nil }
        let soonest = idle.sorted { ($0.value.token?.expiration ?? now) < ($1.value.token?.expiration ?? now) }
        for (key, _) in soonest.prefix(Issuer.mostKept / 10) { entries[key] = nil }
    }

    private static func refusal(_ failure: IssueFailure, retryAfter: Duration?) -> Refusal {
        Refusal(
            502, "STSFailed",
            "STS gave no credentials: \(failure.code), \(failure.message)\(failure.requestID.map { " (request \($0))" } ?? ""). Try again",
            retryAfter: max(retryAfter ?? .seconds(1), .seconds(1)), requestID: failure.requestID)
    }
}
