/// A bound for file bodies together, all of them or those of one order: a bucket that fills at the rate and holds a fifth of a second of it.
public final class RateLimit: Sendable {
    public enum Grant: Equatable, Sendable {
        case bytes(Int)
        /// Nothing now; worth asking again after so many nanoseconds, `.max` when only another rate helps.
        case wait(UInt64)
    }

    private struct State {
        /// Bytes a second; `nil` is no limit, 0 lets nothing through.
        var rate: Int64?
        var tokens: Double = 0
        var filledAt: UInt64 = 0
        /// Bodies held back, by priority.
        var waiting = [0, 0, 0]
        /// Grants that overtook a body of lower priority, since one of those had its turn.
        var overtakes = 0
    }
    private let state = Lock(State())

    /// What the bucket holds: the largest burst, and the most that a late wake-up may make good.
    private static let bucketSeconds = 0.2
    /// What a piece is worth at least: smaller ones cost a system call each for nothing.
    private static let pieceSeconds = 0.02
    /// A body of lower priority gets every so many-th piece all the same, so that no server takes its connection for dead.
    private static let mostOvertakes = 15
    /// How soon a body that is overtaken asks again.
    private static let overtakenWait: UInt64 = 20_000_000

    public init(_ rate: Int64? = nil, now: UInt64 = 0) { set(rate, now: now) }

    /// Bytes a second; `nil` is no limit, 0 lets nothing through. What the old rate had saved up is gone.
    public func set(_ rate: Int64?, now: UInt64) {
        state.withLock { (state: inout State) in (state.rate, state.tokens, state.filledAt) = (rate.map { max(0, $0) }, 0, now) }
    }

    public var rate: Int64? { state.withLock { $0.rate } }
    public var isSet: Bool { rate != nil }
    public var isStopped: Bool { rate == 0 }

    /// How many of `wanted` (at least 1) bytes may go now.
    ///
    /// - Parameter priority: 0 high, 1 normal, 2 low.
    public func take(_ wanted: Int, priority: Int = 1, now: UInt64) -> Grant {
        state.withLock { state in
            let wait = RateLimit.wait(&state, wanted, priority, now)
            guard wait == 0 else { return .wait(wait) }
            guard state.rate != nil else { return .bytes(wanted) }
            if RateLimit.isAnyWaiting(state, below: priority) { state.overtakes += 1 }
            if RateLimit.isAnyWaiting(state, above: priority) { state.overtakes = 0 }
            let granted = max(1, min(wanted, Int(state.tokens)))
            state.tokens -= Double(granted)
            return .bytes(granted)
        }
    }

    /// Nanoseconds until `take` of so many grants something; 0 is now.
    public func wait(for wanted: Int, priority: Int = 1, now: UInt64) -> UInt64 {
        state.withLock { RateLimit.wait(&$0, wanted, priority, now) }
    }

    /// Granted, but not read after all.
    public func giveBack(_ bytes: Int) {
        state.withLock { if $0.rate != nil { $0.tokens += Double(bytes) } }
    }

    /// A body of that priority is held back from now on, or no longer.
    public func held(_ change: Int, priority: Int) {
        state.withLock { $0.waiting[min(max(priority, 0), 2)] += change }
    }

    private static func isAnyWaiting(_ state: State, above priority: Int) -> Bool { state.waiting.prefix(max(priority, 0)).contains { $0 > 0 } }
    private static func isAnyWaiting(_ state: State, below priority: Int) -> Bool {
        state.waiting.dropFirst(max(priority, 0) + 1).contains { $0 > 0 }
    }

    private static func wait(_ state: inout State, _ wanted: Int, _ priority: Int, _ now: UInt64) -> UInt64 {
        let wait = refill(&state, wanted, now)
        guard wait == 0, state.rate != nil, isAnyWaiting(state, above: priority), state.overtakes < mostOvertakes else { return wait }
        return overtakenWait
    }

    private static func refill(_ state: inout State, _ wanted: Int, _ now: UInt64) -> UInt64 {
        guard let rate = state.rate.map(Double.init) else { return 0 }
        guard rate > 0 else { return .max }
        let piece = min(Double(wanted), max(1, rate * pieceSeconds))
        // Loops read their clocks before they ask, so one may be a little behind another.
        if now > state.filledAt {
            let filled = state.tokens + rate * Double(now - state.filledAt) / 1e9
            state.tokens = min(max(rate * bucketSeconds, 1), filled)
            state.filledAt = now
        }
        return state.tokens >= piece ? 0 : UInt64(((piece - state.tokens) / rate * 1e9).rounded(.up))
    }
}

/// How a body goes among others.
public struct BodyPace: Sendable {
    /// 0 high, 1 normal, 2 low: under a limit the higher one goes first.
    public var priority = 1
    /// Beside the limit of all bodies together: its order's, its own.
    public var limits: [RateLimit] = []
    /// One of them holds it back now.
    public var isLimited: Bool { limits.contains(where: \.isSet) }
    public init(priority: Int = 1, limits: [RateLimit] = []) { (self.priority, self.limits) = (priority, limits) }
}
