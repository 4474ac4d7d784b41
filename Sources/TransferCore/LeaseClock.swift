import OSSProtocol

/// What the servers' clocks say against our own steady one, as far as their answers tell; signatures and the ends of credentials go by it.
public struct LeaseClock: Sendable, Equatable {
    /// An answer's time has whole seconds and is as old as the answer: smaller differences say nothing.
    public static let noise = Duration.seconds(2)
    /// Before 2015 or after 2100 it is some middlebox talking, not a server of ours.
    public static let plausible = Timestamp(seconds: 1_420_070_400)...Timestamp(seconds: 4_102_444_800)

    /// Server minus steady; `nil` before any server has told its time.
    public private(set) var offset: Duration?

    public init() {}

    /// - Parameter now: on the steady clock, as all times here that are not called the server's.
    public mutating func learn(serverTime: Timestamp, at now: Timestamp) {
        guard LeaseClock.plausible.contains(serverTime) else { return }
        let found = serverTime - now
        let difference = found - (offset ?? .zero)
        offset = difference > LeaseClock.noise || difference < .zero - LeaseClock.noise ? found : offset ?? .zero
    }

    public func serverTime(at now: Timestamp) -> Timestamp { now + (offset ?? .zero) }

    /// The end of credentials that end at `expiration` on the server's clock.
    /// - Parameter serverTime: what the same answer gave as its time.
    public static func end(of expiration: Timestamp, serverTime: Timestamp?) -> LeaseEnd {
        guard let serverTime, plausible.contains(serverTime) else { return .at(expiration: expiration) }
        return .after(expiration - serverTime, expiration: expiration)
    }

    /// When something ends on our own clock that ends at `expiration` on the server's.
    public func local(_ expiration: Timestamp, serverTime: Timestamp?, at now: Timestamp) -> Timestamp {
        if let serverTime, LeaseClock.plausible.contains(serverTime) { return now + (expiration - serverTime) }
        return expiration - (offset ?? .zero)
    }
}
