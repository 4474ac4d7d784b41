import OSSProtocol
import Platform

/// The server's idea of the time: another clock plus an offset that may be changed while it runs.
final class SandboxClock: Sendable {
    /// Seconds; a thousand years either way keep every sum far from overflow.
    static let largestOffset = 31_536_000_000.0

    private let wall: @Sendable () -> Timestamp
    private let current: Lock<Duration>

    init(offset: Duration = .zero, wall: @escaping @Sendable () -> Timestamp = { SystemClock.wall() }) {
        self.wall = wall
        current = Lock(offset)
    }

    var offset: Duration {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    var now: Timestamp { wall() + offset }
}
