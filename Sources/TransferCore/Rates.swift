import OSSProtocol
/// Bytes a second over the last few seconds: is it moving?
public struct RateEstimator: Sendable, Equatable {
    public init(window: Duration = .seconds(3)) {}
    /// - Parameter bytes: gained since the last call; negative when a failed attempt is taken back.
    public mutating func add(_ bytes: Int64, at now: Timestamp) {}
    public mutating func rate(at now: Timestamp) -> Int64 { 0 }
}
