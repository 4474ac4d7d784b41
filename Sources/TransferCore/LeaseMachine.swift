import OSSProtocol

/// Every decision about the credentials of one scope: when to fetch, which generation may sign, what a failure means.
///
/// One flight whoever waits; a failure is a time ("not before"), never a remembered answer; while the old lease lives it is used; a
/// retired generation is never handed out again, and a hundred requests that fail with it cause one fetch.
public struct LeaseMachine: Sendable {
    private struct Lease: Sendable {
        var generation: UInt64
        /// When the source gave it.
        var given: Timestamp
        /// Both `nil` for keys without an end.
        var expires: Timestamp?
        var refreshAt: Timestamp?

        var life: Duration? { expires.map { $0 - given } }
        func isAlive(at now: Timestamp) -> Bool { expires.map { now < $0 } ?? true }

        func lasts(_ minimumLife: Duration, from now: Timestamp) -> Bool {
            guard let expires, let life else { return true }
            // Half of its own life at most. A source that gives five seconds must be usable too, and half of so short a life would be asked for
            // twice a life: there the last fifth is kept back, which is where the refresh begins anyway.
            let most = life < LeaseMachine.floor * 2 ? life / 5 : life / 2
            return expires - now >= min(max(minimumLife, LeaseMachine.floor), most)
        }
    }

    private enum State: Sendable {
        case empty
        case fetching(old: Lease?)
        case held(Lease)
        case backingOff(old: Lease?, notBefore: Timestamp, reason: String)
        case refused(old: Lease?, notBefore: Timestamp, reason: String)
    }

    /// What one part may need from signing until OSS has judged it.
    static let floor = Duration.seconds(30)
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

    /// Of the lease held now; rises by one with each `.fetched`.
    public private(set) var generation: UInt64 = 0
    private var state = State.empty
    private var failures = 0
    /// Leases in a row that OSS refused before half of their life was over.
    private var earlyRetirements = 0
    private var random: SeededRandom

    /// - Parameter seed: of the jitter.
    public init(seed: UInt64) { random = SeededRandom(seed) }

    // MARK: - Asking

    /// - Parameter minimumLife: how long the request may need until OSS has judged it; 30 s are taken in any case, half of the lease's
    ///   own life at most.
    public mutating func ask(minimumLife: Duration, at now: Timestamp) -> (answer: LeaseAnswer, actions: [LeaseAction]) {
        switch state {
        case .empty:
            return (.wait, takeOff(old: nil))
        case .fetching(let old):
            if let old, old.lasts(minimumLife, from: now) { return (.use(generation: old.generation), []) }
            return (.wait, [])
        case .held(let lease):
            let lasts = lease.lasts(minimumLife, from: now)
            let isDue = lease.refreshAt.map { now >= $0 } ?? false
            return (lasts ? .use(generation: lease.generation) : .wait, lasts && !isDue ? [] : takeOff(old: lease))
        case .backingOff(let old, let notBefore, let reason):
            return answer(old, minimumLife, notBefore, at: now, otherwise: .unavailable(until: notBefore, reason: reason))
        case .refused(let old, let notBefore, let reason):
            return answer(old, minimumLife, notBefore, at: now, otherwise: .refused(reason: reason))
        }
    }

    private mutating func answer(
        _ old: Lease?, _ minimumLife: Duration, _ notBefore: Timestamp, at now: Timestamp, otherwise: LeaseAnswer
    ) -> (answer: LeaseAnswer, actions: [LeaseAction]) {
        let isDue = now >= notBefore
        let actions = isDue ? takeOff(old: old) : []
        if let old, old.lasts(minimumLife, from: now) { return (.use(generation: old.generation), actions) }
        return (isDue ? .wait : otherwise, actions)
    }

    // MARK: - News

    public mutating func on(_ event: LeaseEvent, at now: Timestamp) -> [LeaseAction] {
        switch event {
        case .fetched(let life, let age): return fetched(life: life, age: age, at: now)
        case .failed(let retryAfter, let reason):
            failures += 1
            let ceiling = min(
                LeaseMachine.firstPause.inMilliseconds << min(failures - 1, 10), LeaseMachine.longestPause.inMilliseconds)
            // Half of it fixed: full jitter could ask a struggling source again at once.
            let pause = ceiling / 2 + Int64(random.unit() * Double(ceiling / 2))
            let asked = min(retryAfter?.inMilliseconds ?? 0, LeaseMachine.longestRetryAfter.inMilliseconds)
            state = .backingOff(old: living(at: now), notBefore: now + .milliseconds(max(pause, asked)), reason: reason)
            return [.wake]
        case .refused(let reason):
            failures += 1
            state = .refused(old: living(at: now), notBefore: now + LeaseMachine.refusalPause, reason: reason)
            return [.wake]
        case .retired(let generation): return retired(generation, at: now)
        case .renewRequested:
            if case .fetching = state { return [] }
            return takeOff(old: living(at: now))
        case .deadline:
            guard let nextDeadline, now >= nextDeadline else { return [] }
            return takeOff(old: living(at: now))
        }
    }

    private mutating func fetched(life: Duration?, age: Duration, at now: Timestamp) -> [LeaseAction] {
        let old = lease
        if let life, life <= .zero {
            return on(.failed(retryAfter: nil, reason: "the source gave credentials that had already ended"), at: now)
        }
        generation += 1
        failures = 0
        // Nobody retired the old one: the source is sound.
        if old != nil { earlyRetirements = 0 }
        var new = Lease(generation: generation, given: now - max(age, .zero), expires: life.map { now + $0 }, refreshAt: nil)
        if let life = new.life {
            let point = LeaseMachine.refreshPoint + (random.unit() * 2 - 1) * LeaseMachine.jitter
            let due = new.given + .milliseconds(Int64(Double(life.inMilliseconds) * point))
            new.refreshAt = age > .zero ? due : max(due, now + LeaseMachine.shortestRefresh)
        }
        state = .held(new)
        return (old.map { [.forget(generation: $0.generation)] } ?? []) + [.wake]
    }

    private mutating func retired(_ generation: UInt64, at now: Timestamp) -> [LeaseAction] {
        guard let lease, lease.generation == generation else { return [] }
        let forget = LeaseAction.forget(generation: generation)
        switch state {
        case .held:
            let isEarly = lease.life.map { now - lease.given < $0 / 2 } ?? true
            earlyRetirements = isEarly ? earlyRetirements + 1 : 0
            // The first may be an accident (tokens revoked on purpose). A source whose fresh leases OSS refuses is asked ever more rarely.
            guard earlyRetirements > 1 else { return [forget] + takeOff(old: nil) }
            let pause = min(
                LeaseMachine.firstPause.inMilliseconds << min(earlyRetirements - 2, 10), LeaseMachine.longestPause.inMilliseconds)
            state = .backingOff(
                old: nil, notBefore: now + .milliseconds(pause), reason: "OSS refuses the credentials that the source gives")
        case .fetching: state = .fetching(old: nil)
        case .backingOff(_, let notBefore, let reason): state = .backingOff(old: nil, notBefore: notBefore, reason: reason)
        case .refused(_, let notBefore, let reason): state = .refused(old: nil, notBefore: notBefore, reason: reason)
        case .empty: break
        }
        return [forget]
    }

    // MARK: - Views

    /// When to report `.deadline`: the refresh of a lease that is held. Without one nothing is fetched until somebody asks.
    public var nextDeadline: Timestamp? {
        switch state {
        case .empty, .fetching: nil
        case .held(let lease): lease.refreshAt
        case .backingOff(let old, let notBefore, _), .refused(let old, let notBefore, _): old == nil ? nil : notBefore
        }
    }

    /// When the lease held now is refreshed.
    public var refreshAt: Timestamp? { lease?.refreshAt }

    public func state(at now: Timestamp) -> LeaseState {
        switch state {
        case .empty: .empty
        case .fetching(let old): old.flatMap { $0.isAlive(at: now) ? .refreshing(until: $0.expires) : nil } ?? .fetching
        case .held(let lease): lease.isAlive(at: now) ? .held(until: lease.expires) : .empty
        case .backingOff(let old, let notBefore, let reason):
            .backingOff(old: old.flatMap { $0.isAlive(at: now) ? $0.expires : nil }, notBefore: notBefore, reason: reason)
        case .refused(_, let notBefore, let reason): .refused(notBefore: notBefore, reason: reason)
        }
    }

    private var lease: Lease? {
        switch state {
        case .empty: nil
        case .held(let lease): lease
        case .fetching(let old), .backingOff(let old, _, _), .refused(let old, _, _): old
        }
    }

    private func living(at now: Timestamp) -> Lease? { lease.flatMap { $0.isAlive(at: now) ? $0 : nil } }

    private mutating func takeOff(old: Lease?) -> [LeaseAction] {
        state = .fetching(old: old)
        return [.fetch]
    }
}
