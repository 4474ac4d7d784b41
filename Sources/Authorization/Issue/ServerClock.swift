import OSSProtocol
import Platform

/// Our clock, corrected by what STS says its clock is. Tokens end and signatures are judged by theirs.
final class ServerClock: Sendable {
    private let wall: @Sendable () -> Timestamp
    private let offset = Lock<Duration>(.zero)

    /// Before 2015 or after 2100 it is some middlebox talking, not a server of ours.
    private static let plausible = Timestamp(seconds: 1_420_070_400)...Timestamp(seconds: 4_102_444_800)

    init(_ wall: @escaping @Sendable () -> Timestamp) { self.wall = wall }

    func now() -> Timestamp { wall() + offset.withLock { $0 } }

    /// `Date` has whole seconds and the answer took its time: below two seconds nothing is learnt.
    func learn(_ serverTime: Timestamp) {
        guard ServerClock.plausible.contains(serverTime) else { return }
        let difference = serverTime - wall()
        offset.withLock { $0 = (.seconds(-2)...(.seconds(2))).contains(difference) ? .zero : difference }
    }
}
