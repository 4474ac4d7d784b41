import OSSProtocol

/// How often and when a failed request is tried again. Pure: chance comes from the caller's generator.
public struct RetryPolicy: Sendable, Hashable, Codable {
    /// The longest wait before the second try; it doubles with each further one.
    public var base: Duration
    public var cap: Duration
    /// Tries of one part or one other request, the first included.
    public var tries: Int
    /// A server that asks for more patience than this does not get it.
    public var longestRetryAfter: Duration
    /// How long an upload is held after its tries are used up on an endpoint that does not answer.
    public var hold: Duration
    /// A part that arrived damaged is sent again that often at most.
    public var checksumTries: Int
    /// Fresh leases, or clock corrections, in a row for one request.
    public var cures: Int

    public init(
        base: Duration = .milliseconds(200), cap: Duration = .seconds(20), tries: Int = 8, longestRetryAfter: Duration = .seconds(300),
        hold: Duration = .seconds(30), checksumTries: Int = 3, cures: Int = 2
    ) {
        self.base = base
        self.cap = cap
        self.tries = tries
        self.longestRetryAfter = longestRetryAfter
        self.hold = hold
        self.checksumTries = checksumTries
        self.cures = cures
    }

    /// The longest wait where others get through: waiting longer spares nobody anything.
    public static let alone = Duration.seconds(1)
    /// The first time that a request fails which others did not share the fate of, it waits for a part of the usual only: it may be the last of many,
    /// with nobody to fill the time.
    static let firstShare: Int64 = 4
    /// So many times the tries for a request that others beside it do not share the fate of: its endpoint is not away, so it is not held for that.
    static let triesAlone = 3

    /// Full jitter: anything from 0 to base × 2^(failures - 1), at most `cap`; never sooner than the server asked for.
    ///
    /// - Parameters:
    ///   - failures: failed tries so far, from 1.
    ///   - isAlone: others at the same endpoint were answered meanwhile, and nobody asked to slow down.
    ///   - othersAnswered: others were, whatever this one was told.
    public func delay(
        afterFailures failures: Int, retryAfter: Duration? = nil, isAlone: Bool = false, othersAnswered: Bool = false, random: inout SeededRandom
    ) -> Duration {
        // 2^20 × base is past every cap; a larger shift would overflow.
        var ceiling = min(base.inMilliseconds << min(max(failures - 1, 0), 20), cap.inMilliseconds)
        if isAlone { ceiling = min(ceiling, RetryPolicy.alone.inMilliseconds) }
        if othersAnswered, failures <= 1 { ceiling /= RetryPolicy.firstShare }
        let jittered = Int64(random.unit() * Double(ceiling))
        let asked = min(retryAfter?.inMilliseconds ?? 0, longestRetryAfter.inMilliseconds)
        return .milliseconds(max(jittered, asked))
    }
}

/// A token bucket an endpoint: retries cost, successes pay. When it is empty the endpoint goes quiet for every upload at once, and one
/// probe at a time reopens it.
///
/// Source: the retry quota of the AWS SDKs (500 tokens, 5 a retry, 5 back for a retry that succeeds), with a probe so that it ends by itself.
public struct RetryBudget: Sendable, Equatable {
    public enum Admission: Sendable, Equatable {
        case go
        /// Send this one request to see whether the endpoint is back; report its end with `succeeded` or `failed`.
        case probe
        case wait(until: Timestamp)
    }

    public static let capacity = 500
    private static let retryCost = 5
    /// An endpoint that says "slow down" is there; only when it says nothing else, it is as good as dead. With this, an endpoint that
    /// refuses half of everything stays open, and backing off does what is needed.
    private static let throttleCost = 1
    /// With this, an endpoint that lets a third of all requests fail outright, or two of three be told to slow down, stays open: it works.
    private static let successPays = 3
    /// What a successful probe gives: room for a burst of retries, not the whole bucket.
    private static let reopened = 250
    private static let firstProbe = Duration.seconds(1)
    private static let slowestProbe = Duration.seconds(20)

    public private(set) var tokens = RetryBudget.capacity
    /// When the next probe may go; `nil` while the endpoint is open.
    public private(set) var closedUntil: Timestamp?
    /// Since when it does not answer.
    public private(set) var closedSince: Timestamp?
    private var isProbing = false
    private var probesFailed = 0

    public init() {}

    public var isOpen: Bool { closedUntil == nil }

    /// Asked before every request, first tries too.
    public mutating func admit(at now: Timestamp) -> Admission {
        guard let closedUntil else { return .go }
        guard now >= closedUntil else { return .wait(until: closedUntil) }
        // Until the probe has ended, or is so late that its report was lost.
        self.closedUntil = now + RetryBudget.slowestProbe
        isProbing = true
        return .probe
    }

    /// The probe ended before anything was sent, or told nothing about the endpoint: another may go at once.
    public mutating func probeLost(at now: Timestamp) {
        guard closedUntil != nil, isProbing else { return }
        (isProbing, closedUntil) = (false, now)
    }

    /// A request was answered, whatever the answer, other than throttling or a server's failure.
    public mutating func succeeded() {
        if closedUntil != nil {
            tokens = RetryBudget.reopened
            (closedUntil, closedSince, isProbing, probesFailed) = (nil, nil, false, 0)
        } else {
            tokens = min(tokens + RetryBudget.successPays, RetryBudget.capacity)
        }
    }

    /// A request failed in a way that will be retried because of the endpoint (`.transient`, or `.throttled` with `throttled`).
    public mutating func failed(at now: Timestamp, throttled: Bool = false) {
        if closedUntil != nil {
            // Answers of requests that were under way when it closed say nothing new.
            guard isProbing else { return }
            isProbing = false
            probesFailed += 1
            let pause = min(
                RetryBudget.firstProbe.inMilliseconds << min(probesFailed, 10), RetryBudget.slowestProbe.inMilliseconds)
            closedUntil = now + .milliseconds(pause)
            return
        }
        tokens = max(tokens - (throttled ? RetryBudget.throttleCost : RetryBudget.retryCost), 0)
        guard tokens == 0 else { return }
        closedSince = now
        closedUntil = now + RetryBudget.firstProbe
    }
}
