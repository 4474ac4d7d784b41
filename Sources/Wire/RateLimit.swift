import Platform

/// One bound for the file bodies of all loops together: a bucket that fills at the rate and holds a fifth of a second of it.
final class RateLimit: Sendable {
    enum Grant: Equatable {
        case bytes(Int)
        /// Nothing now; worth asking again after so many nanoseconds, `.max` when only another rate helps.
        case wait(UInt64)
    }

    private struct State {
        /// Bytes a second; `nil` is no limit, 0 lets nothing through.
        var rate: Int64?
        var tokens: Double = 0
        var filledAt: UInt64 = 0
    }
    private let state = Lock(State())

    /// What the bucket holds: the largest burst, and the most that a late wake-up may make good.
    private static let bucketSeconds = 0.2
    /// What a piece is worth at least: smaller ones cost a system call each for nothing.
    private static let pieceSeconds = 0.02

    /// Bytes a second; `nil` is no limit, 0 lets nothing through. What the old rate had saved up is gone.
    func set(_ rate: Int64?, now: UInt64) {
        state.withLock { $0 = State(rate: rate.map { max(0, $0) }, tokens: 0, filledAt: now) }
    }

    var isSet: Bool { state.withLock { $0.rate != nil } }
    var isStopped: Bool { state.withLock { $0.rate == 0 } }

    /// How many of `wanted` (at least 1) bytes may go now.
    func take(_ wanted: Int, now: UInt64) -> Grant {
        state.withLock { state in
            let wait = RateLimit.refill(&state, wanted, now)
            guard wait == 0 else { return .wait(wait) }
            guard state.rate != nil else { return .bytes(wanted) }
            let granted = max(1, min(wanted, Int(state.tokens)))
            state.tokens -= Double(granted)
            return .bytes(granted)
        }
    }

    /// Nanoseconds until `take` of so many grants something; 0 is now.
    func wait(for wanted: Int, now: UInt64) -> UInt64 { state.withLock { RateLimit.refill(&$0, wanted, now) } }

    /// Granted, but not read after all.
    func giveBack(_ bytes: Int) {
        state.withLock { if $0.rate != nil { $0.tokens += Double(bytes) } }
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
