/// What requests waited for, in seconds summed over all of them since the transport was made.
public struct TransportWaits: Sendable, Equatable {
    /// The source to be read.
    public var reading = 0.0
    /// A rate limit.
    public var limited = 0.0
    /// The network, which has bytes of the body left to take.
    public var sending = 0.0
    /// The answer, when everything was sent.
    public var answering = 0.0
    public init() {}

    public static func += (sum: inout TransportWaits, more: TransportWaits) {
        sum.reading += more.reading
        sum.limited += more.limited
        sum.sending += more.sending
        sum.answering += more.answering
    }
}
