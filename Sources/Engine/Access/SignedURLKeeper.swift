import Contracts
import Credentials
import FoundationEssentials
import Logging
import OSSProtocol

/// The signed URLs of one scope: no key is on this machine, the authorization server signs each request.
///
/// One request to it is under way at a time; what is asked for meanwhile goes out together with the next. Parts are asked for
/// ahead of need, so that a part rarely waits. No caller's cancellation reaches a request under way. A URL that is near its end is
/// replaced before it is used. When OSS refuses one, the server is told which key had signed it: it signs with tokens that it keeps,
/// and cannot know that one was revoked.
actor SignedURLKeeper {
    /// What a URL is for. Two equal ones may share a URL.
    struct Ask: Hashable, Sendable {
        /// Name in the authorization API.
        var operation: String
        var key: ObjectKey
        var uploadID: String?
        /// With `list-parts`: the part number after which the page begins.
        var part: Int?
        /// Names and values alternating, in the order of the request.
        var headers: [String]
    }

    struct Signed: Sendable {
        var url: WebAddress
        var method: String
        var headers: HTTPHeaders
        /// On our own clock.
        var expires: Timestamp
        var life: Duration
        var generation: UInt64
        /// Which access key signed it.
        var keyID: String?
        var isUsed = false

        /// A request needs so long until OSS has judged it; of short lives, half.
        func isFresh(_ minimumLife: Duration, at now: Timestamp) -> Bool { expires - now >= min(minimumLife, life / 2) }
    }

    /// What is known of the URLs of one generation after they were handed out.
    private struct Issue {
        var generation: UInt64
        var keyID: String?
        var expires: Timestamp
    }

    /// More than one authorization request may carry is refused by it; more than these would be waste.
    static let mostInRequest = 200
    private static let mostKept = 4096
    private static let window = 4...32
    /// So many URLs before the end of what was asked for, the next ones are asked for.
    private static let margin = 4
    /// What a request may need from signing until OSS has judged it.
    private static let usualLife = Duration.seconds(30)
    /// A refused URL that had so long to live did not end: its key was refused.
    private static let sureOfLife = Duration.seconds(5)
    /// Between two questions to a server that answers at once: many small files share one, and its limit of requests a minute lasts.
    private static let pace = Duration.milliseconds(50)
    /// Generations and keys that are remembered.
    private static let mostIssues = 64
    private static let mostRefused = 16

    private let server: AuthorizationServer
    /// The remote's, for clients with grants in several buckets.
    private let bucket: String?
    private let scope: String
    private let clock: ServerClock
    private let log: Logger
    /// Wished for each URL, seconds; the server may give less.
    private let wishedLife: Int?
    private let pause: @Sendable (Duration) async -> Void

    private var kept: [Ask: Signed] = [:]
    private var line: [Ask] = []
    private var inLine: Set<Ask> = []
    private var waiting: [Ask: [UInt64: CheckedContinuation<Result<Signed, AccessFailure>, Never>]] = [:]
    private var nextWaiter: UInt64 = 0
    private var isFlying = false
    private var lastAsked: Timestamp?
    private var generation: UInt64 = 0
    /// How many parts are asked for at once: fewer when URLs die unused.
    private var ahead = 32
    private var wasted = 0
    private var failures = 0
    private var trouble: (until: Timestamp, failure: AccessFailure)?
    private var fetches = 0
    private var place: Grant?
    private var issues: [Issue] = []
    /// Keys whose URLs OSS refused long before their end: nothing signed with them is handed out again. The newest last.
    private var refused: [String] = []
    /// What the server may still believe to be good.
    private var refusing: String?

    /// - Parameter wishedLife: of each URL, whole seconds, 1 … 604,800; the server's usual one when `nil`.
    init(
        server: AuthorizationServer, bucket: String?, scope: String, clock: ServerClock, log: Logger,
        wishedLife: Duration? = nil,
        pause: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) }
    ) {
        (self.server, self.bucket, self.scope, self.clock, self.log) = (server, bucket, scope, clock, log)
        self.wishedLife = wishedLife.map { Int($0.inMilliseconds / 1000) }
        self.pause = pause
    }

    /// `DAVIT_URL_LIFE`, such as `10s`: whoever wants URLs that are worth little when they leak. What is no duration is not wished for.
    static func wishedLife(environment: [String: String]) -> Duration? {
        let wished = environment["DAVIT_URL_LIFE"].flatMap { DurationText.parse($0) }
        return wished.flatMap { (Duration.seconds(1)...(.seconds(604_800))).contains($0) ? $0 : nil }
    }

    /// A URL for it that lives at least `minimumLife`, or half of its own life where URLs are short-lived.
    func signed(_ ask: Ask, minimumLife: Duration) async throws(AccessFailure) -> Signed {
        if let ready = kept[ask], ready.isFresh(minimumLife, at: clock.now()) {
            kept[ask]?.isUsed = true
            askAhead(of: ask, onlyNearEnd: true)
            takeOff()
            return ready
        }
        kept[ask] = nil
        if let trouble, trouble.until > clock.now() { throw trouble.failure }
        // Asked for already: what lies ahead of it was asked for with it.
        let isNew = enqueue(ask)
        if ask.operation == "part" { askAhead(of: ask, onlyNearEnd: !isNew) }
        takeOff()
        return try await wait(for: ask).get()
    }

    /// OSS refused URLs of that generation: none of it or before it is handed out again, and none of the same key when that is what
    /// was refused.
    func retire(_ old: UInt64) {
        kept = kept.filter { $0.value.generation > old }
        guard let issue = issues.last(where: { $0.generation == old }), let keyID = issue.keyID else { return }
        // A token that is not to blame costs the server one call to STS.
        refusing = keyID
        guard issue.expires - clock.now() > SignedURLKeeper.sureOfLife, !isRefused(keyID) else { return }
        refused.append(keyID)
        if refused.count > SignedURLKeeper.mostRefused { refused.removeFirst() }
        kept = kept.filter { $0.value.keyID.map { !isRefused($0) } ?? true }
    }

    private func isRefused(_ keyID: String) -> Bool { refused.contains { $0.utf8.elementsEqual(keyID.utf8) } }

    /// Asks the server now whether it still signs for this client, whatever it said before; URLs at hand are asked for anew.
    func renew() async throws(AccessFailure) {
        trouble = nil
        place = nil
        kept = [:]
        _ = try await grant()
    }

    /// The upload is over: its URLs are of no use any more.
    func forget(key: ObjectKey, uploadID: String) {
        kept = kept.filter { $0.key.key != key || $0.key.uploadID != uploadID }
        let over = line.filter { $0.key == key && $0.uploadID == uploadID && waiting[$0] == nil }
        guard !over.isEmpty else { return }
        inLine.subtract(over)
        line.removeAll { !inLine.contains($0) }
    }

    /// One URL for a person, with a life of their choice; kept nowhere.
    func signedAlone(_ ask: Ask, expires: Int) async throws(AccessFailure) -> SignedURLsAnswer.Item {
        let (answer, _) = try await self.ask([ask.item], expiresIn: expires, refusing: refusing)
        guard let item = answer.urls.first else { throw .unavailable(until: nil, "the authorization server gave no URL") }
        return item
    }

    /// Where the authorization server lets this client write. Asked once, with an order for no URL at all.
    func grant() async throws(AccessFailure) -> Grant {
        if let place { return place }
        var (answer, _) = try await ask([])
        if let bucket, let granted = answer.bucket, !granted.utf8.elementsEqual(bucket.utf8) {
            // The grant it chose by itself is another bucket's: is there one for ours?
            do throws(AccessFailure) {
                answer = try await ask([], bucket: bucket).0
            } catch {
                guard case .refused = error else { throw error }
            }
        }
        let found = Grant(
            bucket: answer.bucket, prefix: Prefixes.folder(answer.prefix ?? ""), mayRead: answer.mayRead ?? false, mayList: false)
        place = found
        return found
    }

    func view(uploads: Int) -> LeaseView {
        let now = clock.now()
        let ready = kept.values.filter { !$0.isUsed && $0.isFresh(SignedURLKeeper.usualLife, at: now) }
        let end = ready.map(\.expires).min()
        // From then on they are replaced when they are needed.
        let renewal = ready.map { $0.expires - min(SignedURLKeeper.usualLife, $0.life / 2) }.min()
        let inTrouble = trouble.flatMap { $0.until > now ? $0.failure : nil }
        let state: String =
            switch inTrouble {
            case .refused: "refused"
            case .unavailable: "backing-off"
            case nil: isFlying ? "fetching" : (fetches > 0 ? "held" : "empty")
            }
        let seconds = { (time: Timestamp) in max(0, Double((time - now).inMilliseconds) / 1000) }
        return LeaseView(
            scope: scope, kind: "signed-url", state: state,
            identity: ready.isEmpty ? nil : ready.count == 1 ? "1 URL ready" : "\(ready.count) URLs ready",
            expires: end.map { (clock.serverNow() + ($0 - now)).iso8601 }, left: end.map(seconds), renewsIn: renewal.map(seconds),
            lastError: inTrouble?.text, fetches: fetches, uploads: uploads)
    }

    // MARK: - Asking

    @discardableResult
    private func enqueue(_ ask: Ask) -> Bool {
        guard inLine.insert(ask).inserted else { return false }
        line.append(ask)
        return true
    }

    private func askAhead(of ask: Ask, onlyNearEnd: Bool) {
        guard let part = ask.part else { return }
        let now = clock.now()
        let isThere: (Int) -> Bool = { [kept, inLine] number in
            var next = ask
            next.part = number
            return inLine.contains(next) || (kept[next]?.isFresh(SignedURLKeeper.usualLife, at: now) ?? false)
        }
        if onlyNearEnd, isThere(min(part + SignedURLKeeper.margin, 10_000)) { return }
        guard part < 10_000 else { return }
        for number in (part + 1)...min(part + max(ahead - 1, 1), 10_000) where !isThere(number) {
            var next = ask
            next.part = number
            enqueue(next)
        }
    }

    private func wait(for ask: Ask) async -> Result<Signed, AccessFailure> {
        let id = nextWaiter
        nextWaiter += 1
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled {
                    continuation.resume(returning: .failure(.cancelled))
                } else {
                    waiting[ask, default: [:]][id] = continuation
                }
            }
        } onCancel: {
            Task { await self.giveUp(ask, id) }
        }
    }

    private func giveUp(_ ask: Ask, _ id: UInt64) {
        guard let continuation = waiting[ask]?.removeValue(forKey: id) else { return }
        if waiting[ask]?.isEmpty == true { waiting[ask] = nil }
        continuation.resume(returning: .failure(.cancelled))
    }

    /// Unstructured on purpose: a caller that gives up must not take the others' URLs with it.
    private func takeOff() {
        guard !isFlying, !line.isEmpty else { return }
        isFlying = true
        Task { await fly() }
    }

    private func fly() async {
        while !line.isEmpty {
            if let lastAsked, case let rest = SignedURLKeeper.pace - (clock.now() - lastAsked), rest > .zero { await pause(rest) }
            lastAsked = clock.now()
            let batch = Array(line.prefix(SignedURLKeeper.mostInRequest))
            line.removeFirst(batch.count)
            await sign(batch)
            dropExpired()
        }
        isFlying = false
    }

    /// The authorization server takes a batch or refuses it as a whole; halving finds what it refuses.
    private func sign(_ batch: [Ask]) async {
        do throws(AccessFailure) {
            var since = clock.now()
            let told = refusing
            var (answer, time) = try await ask(batch.map(\.item), refusing: told)
            if let keyID = SignedURLKeeper.keyID(answer), isUnwanted(keyID), told.map({ !$0.utf8.elementsEqual(keyID.utf8) }) ?? true {
                // It was asked before OSS's refusal was known.
                refusing = keyID
                since = clock.now()
                (answer, time) = try await ask(batch.map(\.item), refusing: keyID)
            }
            if let keyID = SignedURLKeeper.keyID(answer), isRefused(keyID) {
                let text = "the authorization server still signs with a key that OSS refused"
                throw failed(.init(status: 200, reason: .unavailable(retryAfter: nil, text)))
            }
            if !batch.isEmpty { refusing = nil }
            land(batch, answer, since: since, serverTime: time)
        } catch {
            if case .refused = error, trouble == nil, batch.count > 1 {
                // What nobody waits for is not worth another question.
                let wanted = batch.filter { waiting[$0] != nil }
                inLine.subtract(batch.filter { waiting[$0] == nil })
                guard wanted.count == batch.count else { return wanted.isEmpty ? () : await sign(wanted) }
                await sign(Array(batch.prefix(batch.count / 2)))
                await sign(Array(batch.dropFirst(batch.count / 2)))
                return
            }
            for ask in batch { answer(ask, .failure(error)) }
        }
    }

    private func isUnwanted(_ keyID: String) -> Bool { isRefused(keyID) || refusing.map { $0.utf8.elementsEqual(keyID.utf8) } ?? false }

    private func ask(
        _ items: [SignedURLsRequest.Item], expiresIn: Int? = nil, bucket: String? = nil, refusing: String? = nil
    ) async throws(AccessFailure) -> (SignedURLsAnswer, Timestamp?) {
        let body: [UInt8]
        let request = SignedURLsRequest(
            requests: items, expiresIn: expiresIn ?? (items.isEmpty ? nil : wishedLife), bucket: bucket ?? place?.bucket,
            refusedAccessKeyId: refusing)
        do { body = try AuthorizationJSON.encode(request) } catch { throw .refused("the request cannot be written") }
        fetches += 1
        let bytes: [UInt8]
        let date: Timestamp?
        do throws(AuthorizationServer.Failure) {
            (bytes, date) = try await server.post("/v1/signed-urls", body: body)
        } catch {
            throw failed(error)
        }
        guard let answer = try? AuthorizationJSON.decode(SignedURLsAnswer.self, from: bytes), answer.urls.count == items.count else {
            throw failed(
                .init(status: 200, reason: .unavailable(retryAfter: nil, "the authorization server answered something else than URLs")))
        }
        (failures, trouble) = (0, nil)
        let time = Timestamp(iso8601: answer.serverTime) ?? date
        if let time { clock.learn(serverTime: time) }
        return (answer, time)
    }

    /// A failure is a "not before" for everybody, except a refusal of what was asked: that is about those requests alone.
    private func failed(_ failure: AuthorizationServer.Failure) -> AccessFailure {
        let now = clock.now()
        switch failure.reason {
        case .refused(let text), .notConfigured(let text):
            log.warning("signed URLs refused", metadata: ["scope": "\(scope)", "reason": "\(text)"])
            if failure.status != 403, failure.status != 400, failure.status != 422 {
                trouble = (now + .seconds(10), .refused(text))
            }
            return .refused(text)
        case .unavailable(let retryAfter, let text):
            failures = min(failures + 1, 7)
            let until = now + (retryAfter ?? .milliseconds(500 << failures))
            log.warning("no signed URLs now", metadata: ["scope": "\(scope)", "reason": "\(text)"])
            trouble = (until, .unavailable(until: until, text))
            return .unavailable(until: until, text)
        }
    }

    /// - Parameter since: when the server was asked: lives are counted from then, so that a slow answer makes them shorter.
    private func land(_ batch: [Ask], _ answers: SignedURLsAnswer, since: Timestamp, serverTime: Timestamp?) {
        generation += 1
        let now = clock.now()
        var ends: Timestamp?
        for (ask, item) in zip(batch, answers.urls) {
            guard let url = WebAddress(item.url), let end = Timestamp(iso8601: item.expiresAt), let headers = SignedURLKeeper.headers(item)
            else {
                answer(ask, .failure(.unavailable(until: now + .seconds(5), "the authorization server gave a URL that cannot be used")))
                continue
            }
            let expires = clock.local(end, serverTime: serverTime) - (serverTime == nil ? .zero : now - since)
            guard expires > now else {
                answer(ask, .failure(.unavailable(until: now + .seconds(1), "the authorization server gave a URL that had already ended")))
                continue
            }
            var signed = Signed(
                url: url, method: item.method, headers: headers, expires: expires, life: expires - since, generation: generation,
                keyID: SignedURLKeeper.keyID(url))
            signed.isUsed = waiting[ask] != nil
            ends = min(ends ?? expires, expires)
            // Only a part's URL may be wanted again (the part is retried) or not yet (asked ahead).
            if ask.operation == "part", let old = kept.updateValue(signed, forKey: ask), !old.isUsed { wasted += 1 }
            answer(ask, .success(signed))
        }
        guard let ends else { return }
        issues.append(Issue(generation: generation, keyID: SignedURLKeeper.keyID(answers), expires: ends))
        if issues.count > SignedURLKeeper.mostIssues { issues.removeFirst() }
    }

    /// The key that signed them; the URLs of one answer are signed with one.
    private static func keyID(_ answer: SignedURLsAnswer) -> String? { answer.urls.first.flatMap { WebAddress($0.url) }.flatMap(keyID) }

    /// The access key's id of a URL, in either version of the signature.
    static func keyID(_ url: WebAddress) -> String? {
        for pair in (url.query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let name = pair.prefix { $0 != UInt8(ascii: "=") }
            let isV4 = name.elementsEqual("x-oss-credential".utf8)
            guard isV4 || name.elementsEqual("OSSAccessKeyId".utf8) else { continue }
            guard let value = PercentEncoding.decode(String(decoding: pair.dropFirst(name.count + 1), as: UTF8.self)) else { return nil }
            let id = value.prefix { !isV4 || $0 != UInt8(ascii: "/") }
            return id.isEmpty ? nil : String(decoding: id, as: UTF8.self)
        }
        return nil
    }

    private func answer(_ ask: Ask, _ result: Result<Signed, AccessFailure>) {
        inLine.remove(ask)
        for continuation in (waiting.removeValue(forKey: ask) ?? [:]).values { continuation.resume(returning: result) }
    }

    private func dropExpired() {
        let now = clock.now()
        wasted += kept.values.count { $0.expires <= now && !$0.isUsed }
        kept = kept.filter { $0.value.expires > now }
        let window = SignedURLKeeper.window
        if wasted > 0 {
            ahead = max(window.lowerBound, ahead / 2)
        } else {
            ahead = min(window.upperBound, ahead + 2)
        }
        wasted = 0
        guard kept.count > SignedURLKeeper.mostKept else { return }
        let oldest = kept.sorted { $0.value.expires < $1.value.expires }.prefix(kept.count - SignedURLKeeper.mostKept)
        for (ask, _) in oldest { kept[ask] = nil }
    }

    private static func headers(_ item: SignedURLsAnswer.Item) -> HTTPHeaders? {
        var headers = HTTPHeaders()
        for (name, value) in item.headers.sorted(by: { $0.key < $1.key }) {
            let isClean = (name + value).utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
            guard isClean, !name.isEmpty, !name.utf8.contains(UInt8(ascii: ":")) else { return nil }
            // The transport writes it from the URL.
            if name.lowercased() != "host" { headers.add(name, value) }
        }
        return headers
    }
}

extension SignedURLKeeper.Ask {
    fileprivate var item: SignedURLsRequest.Item {
        var named: [String: String]?
        if !headers.isEmpty {
            named = [:]
            for index in stride(from: 0, to: headers.count - 1, by: 2) { named?[headers[index]] = headers[index + 1] }
        }
        return SignedURLsRequest.Item(
            operation: operation, key: key.description, uploadId: uploadID, partNumber: part, headers: named)
    }
}

extension AccessFailure {
    /// The caller was cancelled; nothing is wrong with the access.
    static let cancelled = AccessFailure.unavailable(until: nil, "cancelled")

    var text: String {
        switch self {
        case .refused(let text), .unavailable(_, let text): text
        }
    }

    init(_ failure: ProviderFailure) {
        switch failure {
        case .refused(let text), .notConfigured(let text): self = .refused(text)
        case .unavailable(_, let text): self = .unavailable(until: nil, text)
        }
    }
}
