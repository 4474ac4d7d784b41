/// One bound for the bodies of all loops together: a bucket that fills at the rate and holds a tenth of a second of it.
final class RateLimit: Sendable {
    private struct State {
        /// Bytes a second; `nil` is no limit, 0 lets nothing through.
        var rate: Int64?
        var tokens: Double = 0
        var filledAt: UInt64 = 0
    }
    private let state = Lock(State())

    /// At least one read of a small buffer, so that slow rates still move whole packets.
    private static let leastBurst = 16_384.0
    private static let burstSeconds = 0.1

    func set(_ rate: Int64?) {
        state.withLock { $0 = State(rate: rate.map { max(0, $0) }, tokens: 0, filledAt: SystemClock.monotonicNanoseconds()) }
    }

    /// How many of `wanted` bytes may go now; 0 is "wait".
    func take(_ wanted: Int) -> Int {
        state.withLock { state in
            guard let rate = state.rate else { return wanted }
            guard rate > 0 else { return 0 }
            let now = SystemClock.monotonicNanoseconds()
            let burst = max(Self.leastBurst, Double(rate) * Self.burstSeconds)
            state.tokens = min(burst, state.tokens + Double(rate) * Double(now &- state.filledAt) / 1e9)
            state.filledAt = now
            // Crumbs cost a system call each: wait for a useful piece unless less is wanted.
            let least = min(Double(wanted), min(burst / 2, Self.leastBurst))
            guard state.tokens >= least else { return 0 }
            let granted = min(wanted, Int(state.tokens))
            state.tokens -= Double(granted)
            return granted
        }
    }
}
