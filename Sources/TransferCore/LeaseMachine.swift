import OSSProtocol

/// Every decision about the credentials of one scope but who waits for them: when to fetch, which generation may sign, what a failure
/// means. `LeaseDesk` stands in front of it.
///
/// One flight whoever waits; a failure is a time ("not before"), never a remembered answer; while the old lease lives it is used; what
/// OSS refused is never handed out again, under no other number neither, and a hundred requests that fail with it cause one fetch.
///
/// All times are readings of a clock that no setting of the time of day moves.
struct LeaseMachine: Sendable {
    enum Reply: Equatable {
        case use(generation: UInt64)
        /// A fetch is on its way: wait for `.wake`, then ask again.
        case wait
        case refused(reason: String)
        case unavailable(until: Timestamp, reason: String)
    }

    enum Action: Equatable {
        case fetch(Flight)
        /// Everyone who was told to wait asks again.
        case wake
        case keep(generation: UInt64)
        case forget(generation: UInt64, isRefused: Bool)
    }

    struct Flight: Sendable, Equatable {
        var since: Timestamp
        /// What the source is told not to give again.
        var refusing: String?
        /// The one before it brought what OSS had refused meanwhile.
        var isRepeated = false
    }

    private struct Lease: Sendable {
        var generation: UInt64
        var identity: String
        /// When the source gave it.
        var given: Timestamp
        /// Both `nil` for keys without an end.
        var expires: Timestamp?
        var refreshAt: Timestamp?
        /// The end on the server's clock.
        var expiration: Timestamp?
        /// Nobody counted its life: its end is as good as what is known of the server's clock.
        var isGuessed = false
        /// It seems to be over, by a clock that no server has confirmed: used for so long all the same, until one has.
        var isTrustedUntil: Timestamp?

        var end: Timestamp? { isTrustedUntil ?? expires }
        var life: Duration? { end.map { $0 - given } }
        func isAlive(at now: Timestamp) -> Bool { end.map { now < $0 } ?? true }

        func lasts(_ minimumLife: Duration, from now: Timestamp) -> Bool {
            guard let expires = end else { return true }
            let life = expires.milliseconds - given.milliseconds
            // Half of its own life at most. A source that gives five seconds must be usable too, and half of so short a life would be asked for
            // twice a life: there the last fifth is kept back, which is where the refresh begins anyway.
            let most = life < LeaseMachine.floor * 2 ? life / 5 : life / 2
            let left = expires.milliseconds - now.milliseconds
            return left > 0 && left >= min(max(minimumLife.inMilliseconds, LeaseMachine.floor), most)
        }
    }

    private enum State: Sendable {
        case empty
        case fetching(old: Lease?, Flight)
        case held(Lease)
        case backingOff(old: Lease?, notBefore: Timestamp, reason: String)
        case refused(old: Lease?, notBefore: Timestamp, reason: String)
    }

    /// What one part may need from signing until OSS has judged it. Milliseconds.
    static let floor: Int64 = 30_000
    /// Of the life: when the lease is refreshed, give or take `jitter`, so that a fleet does not ask in step.
    static let refreshPoint = 0.8
    static let jitter = 0.05
    /// A source that gives the same dying token again is not asked in ever shorter steps.
    static let shortestRefresh = Duration.seconds(1)
    static let firstPause = Duration.seconds(1)
    static let longestPause = Duration.seconds(30)
    static let longestRetryAfter = Duration.seconds(300)
    /// A refusal too ends by itself: an administrator may have repaired it.
    static let refusalPause = Duration.seconds(60)
    /// A wrong clock is found out by the first request: OSS's answer tells the time.
    static let trust = Duration.seconds(60)
    /// Credentials that are remembered by name: a source has one or two tokens of a scope at hand, not more.
    private static let mostRemembered = 16

    /// Of the lease held now; rises by one when other credentials come.
    private(set) var generation: UInt64 = 0
    private var state = State.empty
    private var failures = 0
    /// Leases in a row that OSS refused before half of their life was over.
    private var earlyRetirements = 0
    /// Temporary credentials that were handed out, the newest last.
    private var known: [(generation: UInt64, identity: String)] = []
    /// Those of them that OSS refused.
    private var spoiled: [String] = []
    /// What the source may still believe to be good.
    private var refusing: String?
    /// The server's clock minus ours; `nil` before any server has told its time.
    private var clockOffset: Duration?
    private var random: SeededRandom

    /// - Parameters:
    ///   - seed: of the jitter.
    ///   - refused: the id of credentials that OSS refused in an earlier run.
    init(seed: UInt64, refused: String? = nil) {
        random = SeededRandom(seed)
        guard let refused else { return }
        refusing = refused
        spoil(refused)
    }

    // MARK: - Asking

    /// - Parameter minimumLife: how long the request may need until OSS has judged it; 30 s are taken in any case, half of the lease's
    ///   own life at most.
    mutating func ask(minimumLife: Duration, at now: Timestamp) -> (reply: Reply, flight: Flight?) {
        switch state {
        case .empty:
            return (.wait, takeOff(old: nil, at: now))
        case .fetching(let old, _):
            if let old, old.lasts(minimumLife, from: now) { return (.use(generation: old.generation), nil) }
            return (.wait, nil)
        case .held(let lease):
            let lasts = lease.lasts(minimumLife, from: now)
            let isDue = lease.refreshAt.map { now >= $0 } ?? false
            return (lasts ? .use(generation: lease.generation) : .wait, lasts && !isDue ? nil : takeOff(old: lease, at: now))
        case .backingOff(let old, let notBefore, let reason):
            return answer(old, minimumLife, notBefore, at: now, otherwise: .unavailable(until: notBefore, reason: reason))
        case .refused(let old, let notBefore, let reason):
            return answer(old, minimumLife, notBefore, at: now, otherwise: .refused(reason: reason))
        }
    }

    private mutating func answer(
        _ old: Lease?, _ minimumLife: Duration, _ notBefore: Timestamp, at now: Timestamp, otherwise: Reply
    ) -> (reply: Reply, flight: Flight?) {
        let isDue = now >= notBefore
        let flight = isDue ? takeOff(old: old, at: now) : nil
        if let old, old.lasts(minimumLife, from: now) { return (.use(generation: old.generation), flight) }
        return (isDue ? .wait : otherwise, flight)
    }

    /// A person wants a new lease now, whatever is held and whatever was said before.
    mutating func renew(at now: Timestamp) -> Flight? {
        if case .fetching = state { return nil }
        return takeOff(old: living(at: now), at: now)
    }

    // MARK: - News

    mutating func on(_ event: LeaseEvent, at now: Timestamp) -> [Action] {
        switch event {
        case .fetched(let identity, let end, let age):
            guard case .fetching(_, let flight) = state else { return [] }
            return fetched(identity, end, age: age, flight, at: now)
        case .failed(let retryAfter, let reason):
            guard case .fetching = state else { return [] }
            return failed(retryAfter: retryAfter, reason, at: now)
        case .refused(let reason):
            guard case .fetching = state else { return [] }
            failures += 1
            let old = lease
            state = .refused(old: living(at: now), notBefore: now + LeaseMachine.refusalPause, reason: reason)
            return forgotten(old) + [.wake]
        case .retired(let generation): return retired(generation, at: now)
        case .clockLearned(let offset):
            clockOffset = offset
            learned()
            return []
        }
    }

    private mutating func failed(retryAfter: Duration?, _ reason: String, at now: Timestamp) -> [Action] {
        failures += 1
        let ceiling = min(
            LeaseMachine.firstPause.inMilliseconds << min(failures - 1, 10), LeaseMachine.longestPause.inMilliseconds)
        // Half of it fixed: full jitter could ask a struggling source again at once.
        let pause = ceiling / 2 + Int64(random.unit() * Double(ceiling / 2))
        let asked = min(retryAfter?.inMilliseconds ?? 0, LeaseMachine.longestRetryAfter.inMilliseconds)
        let old = lease
        state = .backingOff(old: living(at: now), notBefore: now + .milliseconds(max(pause, asked)), reason: reason)
        return forgotten(old) + [.wake]
    }

    /// What died while the source was asked is of no use any more.
    private func forgotten(_ old: Lease?) -> [Action] {
        guard let old, lease == nil else { return [] }
        return [.forget(generation: old.generation, isRefused: false)]
    }

    private mutating func fetched(_ identity: String, _ end: LeaseEnd, age: Duration, _ flight: Flight, at now: Timestamp) -> [Action] {
        var new = Lease(generation: generation, identity: identity, given: flight.since - max(age, .zero))
        switch end {
        case .never: break
        case .after(let life, let expiration):
            (new.expires, new.expiration) = (flight.since + life, expiration)
            // In the run that it comes from, the clocks may have been others.
            if age > .zero { new = judged(new) }
        case .at(let expiration):
            (new.expires, new.expiration, new.isGuessed) = (expiration - (clockOffset ?? .zero), expiration, true)
            if clockOffset == nil, !new.isAlive(at: now) { new.isTrustedUntil = now + LeaseMachine.trust }
        }
        guard new.isAlive(at: now) else {
            return failed(retryAfter: nil, "the source gave credentials that had already ended", at: now)
        }
        if new.expires != nil, isSpoiled(identity) {
            // It left before OSS's refusal was known, or did not listen; asked once more it must have heard.
            if !flight.isRepeated, flight.refusing.map({ !$0.utf8.elementsEqual(identity.utf8) }) ?? true {
                refusing = identity
                return [.fetch(takeOff(old: living(at: now), at: now, isRepeated: true))]
            }
            return failed(retryAfter: nil, "the source gives again the credentials that OSS refused", at: now)
        }
        return hold(new, age: age, at: now)
    }

    private mutating func hold(_ fetched: Lease, age: Duration, at now: Timestamp) -> [Action] {
        var new = fetched
        let old = lease
        // Keys without an end may have come with another secret under the same id.
        let isSame = new.expires != nil && (old.map { $0.expires != nil && $0.identity.utf8.elementsEqual(new.identity.utf8) } ?? false)
        if !isSame {
            generation += 1
            if new.expires != nil { known.append((generation, new.identity)) }
            if known.count > LeaseMachine.mostRemembered { known.removeFirst() }
        }
        (failures, refusing) = (0, nil)
        // Nobody retired the old one: the source is sound.
        if old != nil { earlyRetirements = 0 }
        new.generation = generation
        if let life = new.life {
            let point = LeaseMachine.refreshPoint + (random.unit() * 2 - 1) * LeaseMachine.jitter
            let due = new.given + .milliseconds(Int64(Double(life.inMilliseconds) * point))
            new.refreshAt = age > .zero ? due : max(due, now + LeaseMachine.shortestRefresh)
        }
        state = .held(new)
        let forget = isSame ? [] : old.map { [Action.forget(generation: $0.generation, isRefused: false)] } ?? []
        return forget + [.keep(generation: generation), .wake]
    }

    private mutating func retired(_ generation: UInt64, at now: Timestamp) -> [Action] {
        let identity = known.last { $0.generation == generation }?.identity
        let isNews = identity.map { spoil($0) } ?? false
        // Of one that is not held any more there may be a copy, and its source may give it again.
        guard let lease, lease.generation == generation || lease.expires != nil && isSpoiled(lease.identity) else {
            if let identity, generation == self.generation { refusing = identity }
            return isNews ? [.forget(generation: generation, isRefused: true)] : []
        }
        refusing = lease.identity
        let forget = Action.forget(generation: lease.generation, isRefused: true)
        switch state {
        case .held:
            let isEarly = lease.life.map { now - lease.given < $0 / 2 } ?? true
            earlyRetirements = isEarly ? earlyRetirements + 1 : 0
            // The first may be an accident (tokens revoked on purpose). A source whose fresh leases OSS refuses is asked ever more rarely.
            guard earlyRetirements > 1 else { return [forget, .fetch(takeOff(old: nil, at: now))] }
            let pause = min(
                LeaseMachine.firstPause.inMilliseconds << min(earlyRetirements - 2, 10), LeaseMachine.longestPause.inMilliseconds)
            state = .backingOff(
                old: nil, notBefore: now + .milliseconds(pause), reason: "OSS refuses the credentials that the source gives")
        case .fetching(_, let flight): state = .fetching(old: nil, flight)
        case .backingOff(_, let notBefore, let reason): state = .backingOff(old: nil, notBefore: notBefore, reason: reason)
        case .refused(_, let notBefore, let reason): state = .refused(old: nil, notBefore: notBefore, reason: reason)
        case .empty: break
        }
        return [forget]
    }

    /// Whether that is news.
    @discardableResult
    private mutating func spoil(_ identity: String) -> Bool {
        guard !isSpoiled(identity) else { return false }
        spoiled.append(identity)
        if spoiled.count > LeaseMachine.mostRemembered { spoiled.removeFirst() }
        return true
    }

    private func isSpoiled(_ identity: String) -> Bool { spoiled.contains { $0.utf8.elementsEqual(identity.utf8) } }

    private mutating func learned() {
        guard let old = lease else { return }
        let lease = judged(old)
        switch state {
        case .held: state = .held(lease)
        case .fetching(_, let flight): state = .fetching(old: lease, flight)
        case .backingOff(_, let notBefore, let reason): state = .backingOff(old: lease, notBefore: notBefore, reason: reason)
        case .refused(_, let notBefore, let reason): state = .refused(old: lease, notBefore: notBefore, reason: reason)
        case .empty: break
        }
    }

    /// By what is known of the server's clock, an end may come nearer for every lease, and move away only where it was a guess: what a
    /// source itself counted stays.
    private func judged(_ lease: Lease) -> Lease {
        guard let expires = lease.expires, let expiration = lease.expiration, let clockOffset else { return lease }
        var lease = lease
        lease.isTrustedUntil = nil
        let end = expiration - clockOffset
        let earlier = expires - (lease.isGuessed ? end : min(end, expires))
        lease.expires = expires - earlier
        lease.given = lease.given - earlier
        lease.refreshAt = lease.refreshAt.map { $0 - earlier }
        return lease
    }

    // MARK: - Views

    var expires: Timestamp? { lease?.end }

    /// The first who asks from then on makes the source be asked; `nil` while it is, and where there is nothing to wait for.
    var nextFetch: Timestamp? {
        switch state {
        case .empty, .fetching: nil
        case .held(let lease): lease.refreshAt
        case .backingOff(_, let notBefore, _), .refused(_, let notBefore, _): notBefore
        }
    }

    func state(at now: Timestamp) -> LeaseState {
        switch state {
        case .empty: .empty
        case .fetching(let old, _): old.flatMap { $0.isAlive(at: now) ? .refreshing(until: $0.end) : nil } ?? .fetching
        case .held(let lease): lease.isAlive(at: now) ? .held(until: lease.end) : .empty
        case .backingOff(let old, let notBefore, let reason):
            .backingOff(old: old.flatMap { $0.isAlive(at: now) ? $0.end : nil }, notBefore: notBefore, reason: reason)
        case .refused(_, let notBefore, let reason): .refused(notBefore: notBefore, reason: reason)
        }
    }

    private var lease: Lease? {
        switch state {
        case .empty: nil
        case .held(let lease): lease
        case .fetching(let old, _), .backingOff(let old, _, _), .refused(let old, _, _): old
        }
    }

    private func living(at now: Timestamp) -> Lease? { lease.flatMap { $0.isAlive(at: now) ? $0 : nil } }

    private mutating func takeOff(old: Lease?, at now: Timestamp, isRepeated: Bool = false) -> Flight {
        let flight = Flight(since: now, refusing: refusing, isRepeated: isRepeated)
        state = .fetching(old: old, flight)
        return flight
    }
}
