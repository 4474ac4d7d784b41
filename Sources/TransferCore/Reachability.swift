import OSSProtocol

/// Whether an endpoint can be reached at all. Answers of any kind say that it can; how well it works is `RetryBudget`'s question.
///
/// An outage is believed after requests that nobody answered, many at once or few for a while; from then on nothing is sent but one tiny
/// request every few seconds, so that the first of them after the network's return lets everything go on.
public struct Reachability: Sendable, Equatable {
    /// That many in a row tell it at once: with one in five lost on the way it happens once in half a million requests.
    public static let many = 8
    /// That few tell it after `silence`: one upload alone has no more under way.
    public static let few = 3
    public static let silence = Duration.seconds(10)
    /// From one probe to the next: together with how long one is waited for, less than the 5 s in which a return is to be noticed.
    public static let probeInterval = Duration.seconds(3)
    /// After a probe that took its time by itself.
    public static let leastPause = Duration.seconds(1)

    private var lost = 0
    /// When anything was answered, or when the first request after that was not.
    private var lastAnswer: Timestamp?
    /// Since when nobody answers.
    public private(set) var lostSince: Timestamp?
    /// While it is lost.
    public private(set) var nextProbe: Timestamp?
    private var probeBegun: Timestamp?

    public init() {}

    public var isLost: Bool { lostSince != nil }

    /// Somebody at the other end said something, be it no.
    public mutating func answered(at now: Timestamp) {
        (lost, lastAnswer, lostSince, nextProbe, probeBegun) = (0, now, nil, nil, nil)
    }

    /// No name, no connection, no answer.
    public mutating func unanswered(at now: Timestamp) {
        lost = min(lost + 1, Reachability.many)
        let since = lastAnswer ?? now
        lastAnswer = since
        guard lostSince == nil else { return }
        guard lost >= Reachability.many || (lost >= Reachability.few && now - since >= Reachability.silence) else { return }
        (lostSince, nextProbe) = (now, now)
    }

    /// Whether a probe is to be sent now; its end is reported by `answered` or `probeFailed`.
    public mutating func takeProbe(at now: Timestamp) -> Bool {
        guard let due = nextProbe, now >= due, probeBegun == nil else { return false }
        probeBegun = now
        return true
    }

    public mutating func probeFailed(at now: Timestamp) {
        guard isLost, let begun = probeBegun else { return }
        probeBegun = nil
        nextProbe = max(begun + Reachability.probeInterval, now + Reachability.leastPause)
    }
}
