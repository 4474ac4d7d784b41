import OSSProtocol

/// How many parts may be in flight at once over all files: climbs as long as more parts give more throughput, halves when the service asks
/// for less, never past what memory allows. Shown with its reason.
public struct ConcurrencyController: Sendable, Equatable {
    /// A step pays when it brings this much more.
    private static let worth = 1.05
    /// And is taken back when it costs this much.
    private static let loss = 0.9
    static let period = Duration.seconds(3)
    private static let quietAfterThrottle = Duration.seconds(10)
    /// After climbing stopped paying, the next try.
    private static let restPeriods = 10

    private struct Period: Sendable, Equatable {
        var parts: Int
        /// Bytes a second.
        var rate: Double
    }

    /// 1 to `most`.
    public private(set) var parts: Int
    /// "climbing: 8 parts gave 41.2 MiB/s", for people.
    public private(set) var reason: String
    private let most: Int
    private var periodBegan: Timestamp?
    private var periodBytes: Int64 = 0
    private var wasFull = true
    private var previous: Period?
    private var rest = 0
    private var quietUntil: Timestamp?

    /// - Parameters:
    ///   - start: parts in flight at first.
    ///   - memory: bytes that buffers may take; `perPart` of them each.
    public init(start: Int = 8, most: Int = 64, memory: Int64, perPart: Int64) {
        let affordable = Int(clamping: memory / max(perPart, 1))
        self.most = max(1, min(most, affordable))
        parts = min(max(start, 1), self.most)
        reason = "starting value"
    }

    /// Now and then, at least once a second while anything is in flight.
    ///
    /// - Parameters:
    ///   - bytes: sent since the last call.
    ///   - inFlight: parts in flight now: where fewer are wanted than allowed, throughput says nothing about the number.
    public mutating func observe(_ bytes: Int64, inFlight: Int, at now: Timestamp) {
        guard let periodBegan else {
            (periodBegan, periodBytes, wasFull) = (now, 0, true)
            return
        }
        periodBytes += bytes
        if inFlight < parts { wasFull = false }
        let span = now - periodBegan
        guard span >= ConcurrencyController.period else { return }
        let rate = Double(periodBytes) / span.inSeconds
        let isTelling = wasFull
        (self.periodBegan, periodBytes, wasFull) = (now, 0, true)
        guard isTelling, quietUntil.map({ now >= $0 }) ?? true else {
            previous = nil
            return
        }
        quietUntil = nil
        step(rate)
    }

    /// The service said slow down. Many answers of one moment count once.
    public mutating func throttled(at now: Timestamp) {
        if let quietUntil, now < quietUntil { return }
        parts = max(parts / 2, 1)
        quietUntil = now + ConcurrencyController.quietAfterThrottle
        (previous, rest) = (nil, ConcurrencyController.restPeriods)
        reason = "halved to \(parts): the service asked to slow down"
    }

    private mutating func step(_ rate: Double) {
        guard let previous else {
            self.previous = Period(parts: parts, rate: rate)
            if rest > 0 {
                rest -= 1
                return
            }
            return climb(rate)
        }
        self.previous = Period(parts: parts, rate: rate)
        if parts > previous.parts {
            if rate >= previous.rate * ConcurrencyController.worth { return climb(rate) }
            // The step did not pay: back, and rest.
            reason = "\(previous.parts): \(parts) parts gave no more"
            parts = previous.parts
            rest = ConcurrencyController.restPeriods
            self.previous = nil
        } else if rate < previous.rate * ConcurrencyController.loss, rest == 0 {
            climb(rate)
        } else if rest > 0 {
            rest -= 1
        } else {
            climb(rate)
        }
    }

    private mutating func climb(_ rate: Double) {
        guard parts < most else {
            reason = "\(parts): as many as memory and settings allow"
            return
        }
        parts = min(parts + max(parts / 4, 1), most)
        reason = "trying \(parts)"
    }
}
