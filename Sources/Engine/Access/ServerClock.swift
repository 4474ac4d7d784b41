import OSSProtocol
import Platform

/// What the servers' clocks say, learned from their answers; signatures and the lives of credentials go by it.
///
/// Two readings of our own clock come in: `steady`, which no clock change moves, for everything that waits, and `wall`, only to
/// tell people how far off their clock is.
public final class ServerClock: Sendable {
    /// An answer's time has whole seconds and is as old as the answer: smaller differences say nothing.
    private static let noise: Duration = .seconds(2)
    /// Before 2015 or after 2100 it is some middlebox talking, not OSS.
    private static let plausible = Timestamp(seconds: 1_420_070_400)...Timestamp(seconds: 4_102_444_800)

    private let steady: @Sendable () -> Timestamp
    private let wall: @Sendable () -> Timestamp
    private let offset = Lock<Duration?>(nil)

    public init(steady: @escaping @Sendable () -> Timestamp, wall: @escaping @Sendable () -> Timestamp) {
        (self.steady, self.wall) = (steady, wall)
    }

    /// Our own time, for waits and lives.
    public func now() -> Timestamp { steady() }

    /// The server's time, for signatures.
    public func serverNow() -> Timestamp { steady() + (offset.withLock { $0 } ?? .zero) }

    public func learn(serverTime: Timestamp) {
        guard ServerClock.plausible.contains(serverTime) else { return }
        let found = serverTime - steady()
        offset.withLock { known in
            let difference = found - (known ?? .zero)
            if difference > ServerClock.noise || difference < .zero - ServerClock.noise {
                known = found
            } else if known == nil {
                known = .zero
            }
        }
    }

    /// Server clock minus the machine's clock, seconds; `nil` before any server has told its time.
    public var offsetSeconds: Double? {
        guard let known = offset.withLock({ $0 }) else { return nil }
        return Double(((steady() + known) - wall()).inMilliseconds) / 1000
    }

    /// When something ends on our clock that ends at `expiration` on the server's.
    /// - Parameter serverTime: what the same answer gave as its time; without it the learned offset is used.
    func local(_ expiration: Timestamp, serverTime: Timestamp?) -> Timestamp {
        if let serverTime, ServerClock.plausible.contains(serverTime) { return steady() + (expiration - serverTime) }
        return expiration - (offset.withLock { $0 } ?? .zero)
    }
}
