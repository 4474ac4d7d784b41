import OSSProtocol

/// When an engine that was started on demand may end by itself: nothing is to do, nobody is attached, and that for a while.
public struct Idleness: Sendable, Equatable {
    /// How long nobody must have needed it.
    public let limit: Duration
    /// When somebody last did.
    public private(set) var needed: Timestamp

    public init(limit: Duration, start: Timestamp) { (self.limit, needed) = (limit, start) }

    /// Looked at now and then; a request counts as need, at the time it came.
    ///
    /// - Parameters:
    ///   - isBusy: work is under way or waits, or somebody is attached.
    ///   - touched: when the last request came.
    /// - Returns: whether the engine may end.
    public mutating func mayEnd(isBusy: Bool, touched: Timestamp, at now: Timestamp) -> Bool {
        if isBusy { needed = now }
        needed = max(needed, touched)
        return now - needed >= limit
    }
}
