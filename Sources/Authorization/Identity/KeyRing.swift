import OSSProtocol
import Platform

/// The keys of one issuer, kept and renewed: one fetch at a time, whoever waits.
///
/// A set is fetched anew when it is old, and when a token names a key that is not in it, which is how keys are rotated; but no
/// more often than `pause`, or strangers' tokens would make us ask without end. While fetching fails, the old set serves for a
/// day.
actor KeyRing {
    struct Unavailable: Error {
        var text: String
    }

    static let life: Duration = .seconds(600)
    static let pause: Duration = .seconds(30)
    static let longest: Duration = .seconds(86_400)

    private let fetch: @Sendable () async throws(SettingError) -> [UInt8]
    private let now: @Sendable () -> Timestamp
    private var keys: (set: KeySet, since: Timestamp)?
    private var tried: Timestamp?
    private var trouble = ""
    private var isExpired = false
    private var flight: Task<Void, Never>?

    init(fetch: @escaping @Sendable () async throws(SettingError) -> [UInt8], now: @escaping @Sendable () -> Timestamp) {
        (self.fetch, self.now) = (fetch, now)
    }

    /// - Returns: whether the signature is right by a key that we know.
    func isSigned(_ token: JSONWebToken) async throws(Unavailable) -> Bool {
        if isOld { await renew() }
        guard let first = usable else { throw Unavailable(text: trouble) }
        switch first.check(token) {
        case .right: return true
        case .wrong: return false
        case .unknownKey:
            guard mayTry else { return false }
            await renew()
            guard let second = usable else { throw Unavailable(text: trouble) }
            if case .right = second.check(token) { return true }
            return false
        }
    }

    /// The next token has the keys fetched anew; the old ones serve while they cannot be.
    func expire() {
        tried = nil
        isExpired = true
    }

    private var isOld: Bool {
        guard let keys else { return mayTry }
        return (isExpired || now() - keys.since >= KeyRing.life) && mayTry
    }

    /// A clock that was set back must not hold us up.
    private var mayTry: Bool { tried.map { !(.zero..<KeyRing.pause).contains(now() - $0) } ?? true }

    private var usable: KeySet? {
        guard let keys, now() - keys.since < KeyRing.longest else { return nil }
        return keys.set
    }

    /// Unstructured on purpose: a caller that gives up must not take the others' fetch with it.
    private func renew() async {
        if let flight { return await flight.value }
        let task = Task { [fetch] in
            let result: Result<KeySet, SettingError>
            do throws(SettingError) { result = .success(try await KeySet(json: try await fetch())) } catch { result = .failure(error) }
            landed(result)
        }
        flight = task
        await task.value
    }

    private func landed(_ result: Result<KeySet, SettingError>) {
        (flight, tried, isExpired) = (nil, now(), false)
        switch result {
        case .success(let set): keys = (set, now())
        case .failure(let error): trouble = error.description
        }
    }
}

/// The rings of all issuers. They outlive a reload of the settings, so that an issuer that is away then locks nobody out.
final class KeyRings: Sendable {
    private let rings = Lock<[Place: KeyRing]>([:])
    private let fetch: @Sendable (TokenIssuer.Keys) async throws(SettingError) -> [UInt8]
    private let now: @Sendable () -> Timestamp

    private struct Place: Hashable {
        var isFile: Bool
        var bytes: [UInt8]

        init(_ keys: TokenIssuer.Keys) {
            switch keys {
            case .file(let path): (isFile, bytes) = (true, Array(path.utf8))
            case .url(let text): (isFile, bytes) = (false, Array(text.utf8))
            }
        }
    }

    init(
        fetch: @escaping @Sendable (TokenIssuer.Keys) async throws(SettingError) -> [UInt8], now: @escaping @Sendable () -> Timestamp
    ) { (self.fetch, self.now) = (fetch, now) }

    func ring(_ keys: TokenIssuer.Keys) -> KeyRing {
        rings.withLock { rings in
            if let known = rings[Place(keys)] { return known }
            let ring = KeyRing(fetch: { [fetch] () throws(SettingError) in try await fetch(keys) }, now: now)
            rings[Place(keys)] = ring
            return ring
        }
    }

    func expire() async {
        for ring in rings.withLock({ Array($0.values) }) { await ring.expire() }
    }
}
