import OSSProtocol
import Platform
import TransferCore

/// What the servers' clocks say, learned from their answers; signatures and the lives of credentials go by it.
///
/// Two readings of our own clock come in: `steady`, which no clock change moves, for everything that waits, and `wall`, only to
/// tell people how far off their clock is.
public final class ServerClock: Sendable {
    private let steady: @Sendable () -> Timestamp
    private let wall: @Sendable () -> Timestamp
    private let learned = Lock(LeaseClock())

    public init(steady: @escaping @Sendable () -> Timestamp, wall: @escaping @Sendable () -> Timestamp) {
        (self.steady, self.wall) = (steady, wall)
    }

    /// Our own time, for waits and lives.
    public func now() -> Timestamp { steady() }

    /// The server's time, for signatures.
    public func serverNow() -> Timestamp {
        let now = steady()
        return learned.withLock { $0.serverTime(at: now) }
    }

    public func learn(serverTime: Timestamp) {
        let now = steady()
        learned.withLock { $0.learn(serverTime: serverTime, at: now) }
    }

    /// Server clock minus the steady one; `nil` before any server has told its time.
    var offset: Duration? { learned.withLock { $0.offset } }

    /// Server clock minus the machine's clock, seconds; `nil` before any server has told its time.
    public var offsetSeconds: Double? {
        guard let offset else { return nil }
        return Double(((steady() + offset) - wall()).inMilliseconds) / 1000
    }

    /// When something ends on our clock that ends at `expiration` on the server's.
    /// - Parameter serverTime: what the same answer gave as its time; without it the learned offset is used.
    func local(_ expiration: Timestamp, serverTime: Timestamp?) -> Timestamp {
        let now = steady()
        return learned.withLock { $0.local(expiration, serverTime: serverTime, at: now) }
    }
}
