import OSSProtocol

/// When the queue, or one upload, will be done: the slot model of docs/terminal, 5.2.
///
/// Uploads are not a stream of bytes: each also costs time in which nothing moves, and the last one may be alone. So the time left is the
/// work of all of them over the slots, and never less than that of the longest.
public struct EtaEstimator: Sendable, Equatable {
    /// What is left, as sums over the queue: a million uploads are not walked for it.
    public struct Left: Sendable, Equatable {
        /// Uploads that are not finished, and their bytes that are not stored.
        public var uploads: Int
        public var bytes: Int64
        /// Requests that they need: so many slots at most can work on them.
        public var requests: Int
        /// Of the one with the most bytes left: those, and its own rate (bytes a second) if it is active.
        public var largest: Int64
        public var largestRate: Double?

        public init(uploads: Int, bytes: Int64, requests: Int? = nil, largest: Int64, largestRate: Double? = nil) {
            (self.uploads, self.bytes, self.largest, self.largestRate) = (uploads, bytes, largest, largestRate)
            self.requests = requests ?? uploads
        }
    }

    public enum Estimate: Sendable, Equatable {
        /// Fewer than 10 s of data.
        case unknown
        /// A limit or the number of slots changed a moment ago.
        case estimating
        /// Nothing came for so long.
        case stalled(Duration)
        /// Seconds; the same twice when the range is narrow.
        case about(low: Int64, high: Int64)
    }

    private static let needed = Duration.seconds(10)
    private static let settling = Duration.seconds(5)
    private static let stalledAfter = Duration.seconds(30)
    private static let window = Duration.seconds(10)
    /// 5 minutes of windows.
    private static let windows = 30
    private static let narrow = 1.15
    /// Bodies below it take no time but that of their request.
    public static let smallBody: Int64 = 256 << 10
    /// Finished small ones that make their time known.
    private static let fewestSmall = 10.0

    private var payload = DecayedRate(halfLife: .seconds(20))
    private var overheadSum = 0.0
    private var overheadCount = 0.0
    private var seen = Duration.zero
    private var changedAt: Timestamp?
    private var lastProgress: Timestamp?
    private var hasFinished = false
    private var rates: [Double] = []
    private var windowBytes: Int64 = 0
    private var windowSeconds = 0.0
    private var windowSpan = Duration.zero

    public init() {}

    /// Once a second or so, while at least one upload is allowed to run; not in a pause, a hold or outside the schedule.
    ///
    /// - Parameters:
    ///   - gained: change of stored + sending over all active uploads; failed attempts make it smaller.
    ///   - uploads: how many were transferring.
    ///   - small: requests in flight besides, whose bytes take no time.
    public mutating func observe(_ gained: Int64, over span: Duration, uploads: Int, small: Int = 0, at now: Timestamp) {
        guard span > .zero, uploads + small > 0 else { return }
        if gained > 0 || hasFinished || lastProgress == nil { lastProgress = now }
        hasFinished = false
        seen += span
        guard uploads > 0 else { return }
        payload.add(gained, over: span, uploads: uploads)
        windowBytes += gained
        windowSeconds += span.inSeconds * Double(uploads)
        windowSpan += span
        guard windowSpan >= EtaEstimator.window else { return }
        rates.append(max(Double(windowBytes) / windowSeconds, 0))
        if rates.count > EtaEstimator.windows { rates.removeFirst() }
        (windowBytes, windowSeconds, windowSpan) = (0, 0, .zero)
    }

    /// One upload is done: how much of its time went into opening, initiating, completing, verifying.
    public mutating func finished(overhead: Duration) {
        hasFinished = true
        // A mean that forgets over about 100 uploads.
        (overheadSum, overheadCount) = (overheadSum * 0.99 + max(overhead, .zero).inSeconds, overheadCount * 0.99 + 1)
    }

    /// The limit, the slots or the slow mode changed.
    ///
    /// - Parameter share: the new limit over the slots, bytes a second, when the limit fell.
    public mutating func changed(share: Double?, at now: Timestamp) {
        changedAt = now
        if let share, let rate = payload.rate, rate > share {
            payload = DecayedRate(halfLife: .seconds(20))
            payload.add(Int64(share), over: .seconds(1))
            rates = []
        }
        payload.weaken()
        (windowBytes, windowSeconds, windowSpan) = (0, 0, .zero)
    }

    /// - Parameter slots: uploads at once as set or as really used, the smaller.
    public func estimate(_ left: Left, slots: Int, at now: Timestamp) -> Estimate {
        if let lastProgress, now - lastProgress >= EtaEstimator.stalledAfter { return .stalled(now - lastProgress) }
        if let changedAt, now - changedAt < EtaEstimator.settling { return .estimating }
        guard seen >= EtaEstimator.needed, let rate = rate(left) else { return .unknown }
        let sorted = rates.sorted()
        let slow = sorted.count >= 3 ? sorted[sorted.count / 5] : rate
        let fast = sorted.count >= 3 ? sorted[sorted.count * 4 / 5] : rate
        let low = time(left, slots, max(fast, rate))
        // A window in which nothing came must not make the end infinitely far.
        let high = time(left, slots, max(min(slow, rate), rate / 4))
        guard high >= low * EtaEstimator.narrow, high - low >= 1 else {
            let one = EtaEstimator.whole(time(left, slots, rate))
            return .about(low: one, high: one)
        }
        return .about(low: EtaEstimator.whole(low), high: EtaEstimator.whole(high))
    }

    /// Of a slot while it transfers.
    private func rate(_ left: Left) -> Double? {
        if let rate = payload.rate, rate > 0 { return rate }
        let isSmall = left.bytes <= Int64(clamping: left.uploads) * EtaEstimator.smallBody
        return isSmall && overheadCount >= EtaEstimator.fewestSmall ? .infinity : nil
    }

    private func time(_ left: Left, _ slots: Int, _ rate: Double) -> Double {
        let work = Double(left.uploads) * overhead + Double(left.bytes) / rate
        let tail = overhead + Double(left.largest) / (left.largestRate.flatMap { $0 > 0 ? $0 : nil } ?? rate)
        return left.uploads == 0 ? 0 : max(work / Double(max(min(slots, left.requests), 1)), tail)
    }

    private var overhead: Double { overheadCount > 0 ? overheadSum / overheadCount : 0 }

    /// Up to about 300 years.
    private static func whole(_ seconds: Double) -> Int64 { Int64(min(seconds.rounded(), 1e10)) }
}
