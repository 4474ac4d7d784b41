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
        /// Of the one that needs longest: its bytes, and its own rate (bytes a second) if it is active.
        public var largest: Int64
        public var largestRate: Double?
        /// Slots that it can use at once when the others are done, 1 for a single stream; `nil`: it gets no faster, having a limit of its
        /// own.
        public var largestRequests: Int?

        public init(
            uploads: Int, bytes: Int64, requests: Int? = nil, largest: Int64, largestRate: Double? = nil, largestRequests: Int? = nil
        ) {
            (self.uploads, self.bytes, self.largest, self.largestRate) = (uploads, bytes, largest, largestRate)
            (self.requests, self.largestRequests) = (requests ?? uploads, largestRequests)
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
    /// From this share of the limit on it is the limit that holds the uploads back.
    private static let limited = 0.8
    /// Bodies below it take no time but that of their request.
    public static let smallBody: Int64 = 256 << 10
    /// Finished small ones that make their time known.
    private static let fewestSmall = 10.0

    private var payload = DecayedRate(halfLife: .seconds(20))
    /// Slots really used, in thousandths: a limit lets fewer parts be in flight than are allowed.
    private var used = DecayedRate(halfLife: .seconds(20))
    private var overheadSum = 0.0
    private var overheadCount = 0.0
    private var seen = Duration.zero
    private var changedAt: Timestamp?
    private var lastProgress: Timestamp?
    private var hasFinished = false
    private var rates: [Double] = []
    /// The highest rate that a slot has kept up for a window: what one can do where a limit does not hold it back.
    private var best = 0.0
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
        used.add(Int64(uploads + small) * span.inMilliseconds, over: span)
        guard uploads > 0 else { return }
        payload.add(gained, over: span, uploads: uploads)
        windowBytes += gained
        windowSeconds += span.inSeconds * Double(uploads)
        windowSpan += span
        guard windowSpan >= EtaEstimator.window else { return }
        rates.append(max(Double(windowBytes) / windowSeconds, 0))
        best = max(best, rates[rates.count - 1])
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
        used.weaken()
        (windowBytes, windowSeconds, windowSpan) = (0, 0, .zero)
    }

    /// - Parameters:
    ///   - slots: uploads at once as set or as really used, the smaller.
    ///   - limit: bytes a second of all together; `nil` is none.
    public func estimate(_ left: Left, slots: Int, limit: Int64? = nil, at now: Timestamp) -> Estimate {
        if let lastProgress, now - lastProgress >= EtaEstimator.stalledAfter { return .stalled(now - lastProgress) }
        if let changedAt, now - changedAt < EtaEstimator.settling { return .estimating }
        guard seen >= EtaEstimator.needed, let rate = rate(left) else { return .unknown }
        let sorted = rates.sorted()
        let slow = sorted.count >= 3 ? sorted[sorted.count / 5] : rate
        let fast = sorted.count >= 3 ? sorted[sorted.count * 4 / 5] : rate
        let low = time(left, slots, max(fast, rate), limit)
        // A window in which nothing came must not make the end infinitely far.
        let high = time(left, slots, max(min(slow, rate), rate / 4), limit)
        guard high >= low * EtaEstimator.narrow, high - low >= 1 else {
            let one = EtaEstimator.whole(time(left, slots, rate, limit))
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

    private func time(_ left: Left, _ slots: Int, _ rate: Double, _ limit: Int64?) -> Double {
        guard left.uploads > 0 else { return 0 }
        let work = Double(left.uploads) * overhead + Double(left.bytes) / rate
        let own = left.largestRate.flatMap { $0 > 0 ? $0 : nil }
        let workers = usable(slots, requests: left.requests) * relief(slots, left.requests, rate, limit)
        return max(work / workers, overhead + Double(left.largest) / pace(left.largestRequests, own, slots, rate, limit))
    }

    /// Of the one that needs longest, once it is alone.
    private func pace(_ requests: Int?, _ own: Double?, _ slots: Int, _ rate: Double, _ limit: Int64?) -> Double {
        guard let requests else { return own ?? rate }
        let relief = relief(slots, requests, rate, limit)
        if requests == 1, relief == 1 { return own ?? rate }
        return max(own ?? 0, rate * usable(slots, requests: requests) * relief)
    }

    /// How much faster so many requests are than now, 1 or more: where the limit of all is what holds them back, the last ones share it
    /// among fewer, and none is faster than a slot ever was.
    private func relief(_ slots: Int, _ requests: Int, _ rate: Double, _ limit: Int64?) -> Double {
        guard let limit, let now = payload.rate, let busy = used.rate.map({ $0 / 1000 }), rate > 0, rate < .infinity else { return 1 }
        let together = now * busy
        let few = usable(slots, requests: requests)
        guard together >= Double(limit) * EtaEstimator.limited, few < busy else { return 1 }
        return max(min(busy / few, best / now), 1)
    }

    /// Slots that work on so many requests: those allowed, or those really used if they are fewer.
    private func usable(_ slots: Int, requests: Int) -> Double {
        let most = Double(max(min(slots, requests), 1))
        return used.rate.map { min(most, max($0 / 1000, 1)) } ?? most
    }

    /// Bytes a second of an upload that may use so many slots at once and has nothing but them to wait for; `nil`: not known yet.
    public func pace(requests: Int, slots: Int) -> Double? { payload.rate.map { $0 * usable(slots, requests: requests) } }

    private var overhead: Double { overheadCount > 0 ? overheadSum / overheadCount : 0 }

    /// Up to about 300 years.
    private static func whole(_ seconds: Double) -> Int64 { Int64(min(seconds.rounded(), 1e10)) }
}
