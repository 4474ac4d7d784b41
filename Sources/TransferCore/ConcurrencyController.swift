import OSSProtocol

/// How many parts and single puts may be in flight at once over all files: doubles at first while more give more, then tries a little
/// more and a little less from time to time, halves when the service asks for less, never past what memory allows. Shown with its reason.
///
/// What counts is work: bytes, and for each finished request as much as 256 KiB, so that ten thousand tiny files are measured by their
/// number and large ones by their bytes.
public struct ConcurrencyController: Sendable, Equatable {
    /// What happened since the last look.
    public struct Sample: Sendable, Equatable {
        /// Body bytes that moved, less those of requests that were refused (so it may be negative).
        public var bytes: Int64
        /// Requests that succeeded.
        public var answers: Int
        /// Requests that the service answered with "slow down".
        public var refused: Int
        public var inFlight: Int
        /// More would be sent if more were allowed: otherwise throughput says nothing about the number.
        public var isFull: Bool

        public init(bytes: Int64, answers: Int, refused: Int = 0, inFlight: Int, isFull: Bool) {
            (self.bytes, self.answers, self.refused, self.inFlight, self.isFull) = (bytes, answers, refused, inFlight, isFull)
        }
    }

    public static let usualStart = 32
    public static let usualMost = 128
    /// What bounds it whatever is configured.
    public static let mostEver = 256
    /// Fewer are never tried by itself; throttling goes down to `floor`.
    private static let least = 4
    private static let floor = 2

    /// A finished request is worth as much as so many bytes.
    private static let answerWorth = 256.0 * 1024
    /// Bodies below it, on average, need next to no buffer and are measured by their number.
    private static let smallBody = 256.0 * 1024
    private static let smallMemory: Int64 = 64 << 10

    /// A doubling pays when it brings this much more, a step when this.
    private static let doublingPays = 1.2
    private static let stepPays = 1.07
    /// Fewer are as good when they give at least this.
    private static let asGood = 0.97
    /// Outside of it the network is another one.
    private static let usual = 0.7...1.45

    private static let quick = Duration.milliseconds(200)
    private static let steady = Duration.seconds(1)
    private static let patience = 3
    private static let restAfterUp = Duration.seconds(8)
    private static let restAfterDown = Duration.seconds(16)
    private static let restAfterThrottle = Duration.seconds(15)
    private static let longestRest = Duration.seconds(30)
    /// What the service refused so long ago it may take now.
    private static let refusalsCount = Duration.seconds(45)
    private static let moment = Duration.seconds(2)

    private enum Phase: Sendable, Equatable {
        /// Doubling while it pays. `base`: work a second at `from`, before the last doubling.
        case starting(base: Double?, from: Int, patience: Int)
        case holding
        /// Another number than `from`, whose work a second was `base`.
        case trying(from: Int, base: Double, sum: Double, count: Int)
        /// The service asked for less: nothing is judged until its moment is over.
        case quiet(until: Timestamp)
    }

    private struct GivenUp: Sendable, Equatable {
        var parts: Int
        var until: Timestamp
    }

    private struct Epoch: Sendable, Equatable {
        var began: Timestamp
        var bytes: Int64 = 0
        var answers = 0
        var looks = 0
        var fullLooks = 0
    }

    /// 1 to `most`.
    public private(set) var parts: Int
    /// "32: 48 gave no more", for people.
    public private(set) var reason: String

    private let most: Int
    private let memory: Int64
    private let largeMemory: Int64
    private var phase: Phase
    private var epoch: Epoch?
    private var settledAt: Timestamp?
    private var isSmall: Bool?
    private var baseline: Double?
    private var strange = 0
    private var restUntil: Timestamp?
    private var throttleRest = ConcurrencyController.restAfterThrottle
    private var isNextDown = false
    /// Answers of late, for the share that was refused.
    private var recentAnswers = 0.0
    private var recentRefused = 0.0
    private var lastSeen: Timestamp?
    /// The largest number that was fine and the smallest that was not.
    private var good: Int?
    private var bad: Int?
    private var badSince: Timestamp?
    /// A doubling paid since the last beginning: half as many would give less.
    private var hasDoubled = false
    private var triedAt: Timestamp?
    /// No try with fewer before.
    private var fewerAfter: Timestamp?
    /// The larger number that was just given up: refusals of the next moment are its doing.
    private var givenUp: GivenUp?

    /// - Parameters:
    ///   - start: in flight at first.
    ///   - memory: bytes that buffers may take; `perPart` of them for each large body.
    public init(
        start: Int = ConcurrencyController.usualStart, most: Int = ConcurrencyController.usualMost, memory: Int64, perPart: Int64
    ) {
        self.most = min(max(most, 1), ConcurrencyController.mostEver)
        (self.memory, largeMemory) = (memory, max(perPart, 1))
        phase = .starting(base: nil, from: 0, patience: ConcurrencyController.patience)
        parts = 1
        reason = "starting value"
        parts = min(max(start, 1), ceiling)
    }

    private var ceiling: Int {
        let each = isSmall == true ? min(ConcurrencyController.smallMemory, largeMemory) : largeMemory
        return max(1, min(most, Int(clamping: memory / each)))
    }

    /// The number is a try, not what was found good.
    public var isTrying: Bool { if case .trying = phase { true } else { false } }

    /// Now and then, about ten times a second while anything is in flight.
    public mutating func observe(_ sample: Sample, at now: Timestamp) {
        let gap = lastSeen.map { now - $0 } ?? .zero
        lastSeen = now
        // Nothing was in flight for a while: what comes now is a new beginning of the measurement.
        if gap > .seconds(3) { (epoch, baseline) = (nil, nil) }
        if judgeRefusals(sample, gap, at: now) { return }
        if case .quiet(let until) = phase {
            guard now >= until else { return }
            recover(now)
        }
        if let settledAt {
            guard now >= settledAt, sample.inFlight <= parts || now - settledAt > .seconds(20) else { return }
            self.settledAt = nil
            epoch = Epoch(began: now)
            return
        }
        guard var current = epoch else {
            epoch = Epoch(began: now)
            return
        }
        current.bytes += sample.bytes
        current.answers += sample.answers
        current.looks += 1
        if sample.isFull { current.fullLooks += 1 }
        epoch = current
        let span = now - current.began
        guard span >= length(current, sample.inFlight, span) else { return }
        epoch = Epoch(began: now)
        guard current.fullLooks * 10 >= current.looks * 7 else { return pass() }
        settleKind(current)
        let work = max(Double(current.bytes), 0) + Double(current.answers) * ConcurrencyController.answerWorth
        // Nothing at all is an outage, and no number of connections helps against it.
        guard work > 0 else { return pass() }
        judge(work / span.inSeconds, at: now)
    }

    // MARK: - What an epoch was

    /// Long enough for the requests in flight to be answered, where they are small.
    private func length(_ epoch: Epoch, _ inFlight: Int, _ span: Duration) -> Duration {
        var length = ConcurrencyController.steady
        if case .starting = phase { length = ConcurrencyController.quick }
        // By Little's law, once round takes as long as so many answers need.
        if isSmall == true, epoch.answers < inFlight { length = max(length, min(span + .milliseconds(1), .seconds(3))) }
        return length
    }

    /// Many small ones and few large ones have nothing in common: another kind begins anew.
    private mutating func settleKind(_ epoch: Epoch) {
        let mean = Double(max(epoch.bytes, 0)) / Double(max(epoch.answers, 1))
        let small = epoch.answers > 0 && mean < ConcurrencyController.smallBody
        guard small != isSmall else { return }
        let isFirst = isSmall == nil
        isSmall = small
        if parts > ceiling { set(ceiling, "\(ceiling): as many as memory allows for large bodies") }
        guard !isFirst else { return }
        begin("the uploads are \(small ? "small" : "large") now")
    }

    private mutating func pass() {
        switch phase {
        case .trying(let from, _, _, _):
            set(from, "\(from): there is too little to send to tell")
            phase = .holding
        default: break
        }
        strange = 0
    }

    // MARK: - Deciding

    private mutating func judge(_ rate: Double, at now: Timestamp) {
        switch phase {
        case .starting(let base, let from, let patience): start(rate, base, from, patience, now)
        case .holding: hold(rate, now)
        case .trying(let from, let base, let sum, let count):
            guard count >= 1 else { return phase = .trying(from: from, base: base, sum: sum + rate, count: count + 1) }
            decide(from, base, (sum + rate) / Double(count + 1), now)
        case .quiet: break
        }
    }

    private mutating func start(_ rate: Double, _ base: Double?, _ from: Int, _ patience: Int, _ now: Timestamp) {
        guard let base, rate < base * ConcurrencyController.doublingPays else {
            good = max(good ?? 0, parts)
            guard parts < ceiling, bad.map({ parts * 2 < $0 }) ?? true else {
                return rest(parts, rate, "\(parts): as many as \(bad == nil ? "memory and settings allow" : "the service takes")", now)
            }
            let before = parts
            if base != nil { hasDoubled = true }
            set(min(before * 2, ceiling), "doubled to \(min(before * 2, ceiling)) while it pays")
            phase = .starting(base: rate, from: before, patience: ConcurrencyController.patience)
            return
        }
        // New connections need some round trips before they are fast.
        if patience > 1 { return phase = .starting(base: base, from: from, patience: patience - 1) }
        if rate < base * ConcurrencyController.stepPays {
            rest(from, nil, "\(from): \(parts) gave no more", now)
        } else {
            rest(parts, rate, "\(parts): twice as many as \(from) gave little more", now)
        }
    }

    private mutating func hold(_ rate: Double, _ now: Timestamp) {
        guard let before = baseline else { return baseline = rate }
        if ConcurrencyController.usual.contains(rate / before) {
            strange = 0
            baseline = before * 0.7 + rate * 0.3
        } else {
            strange += 1
            if strange >= 2 {
                strange = 0
                return begin("throughput \(rate > before ? "rose" : "fell") by itself")
            }
        }
        guard strange == 0, now >= restUntil ?? now else { return }
        if isNextDown, now >= fewerAfter ?? now { tryFewer(now) } else { tryMore(now) }
    }

    private mutating func tryMore(_ now: Timestamp) {
        guard let base = baseline else { return }
        if let badSince, now - badSince >= ConcurrencyController.refusalsCount { (bad, self.badSince) = (nil, nil) }
        var next = min(parts + max(parts / 2, 1), ceiling)
        if let bad { next = min(next, (parts + bad) / 2) }
        guard next > parts else {
            isNextDown = true
            restUntil = now + (bad == nil ? ConcurrencyController.restAfterUp : throttleRest)
            return
        }
        (phase, triedAt) = (.trying(from: parts, base: base, sum: 0, count: 0), now)
        set(next, "trying \(next)", settling: now)
    }

    private mutating func tryFewer(_ now: Timestamp) {
        guard let base = baseline else { return }
        let next = max(Int(Double(parts) * (hasDoubled ? 0.75 : 0.5)), min(ConcurrencyController.least, parts))
        guard next < parts else {
            isNextDown = false
            restUntil = now + ConcurrencyController.restAfterUp
            return
        }
        (phase, triedAt) = (.trying(from: parts, base: base, sum: 0, count: 0), now)
        set(next, "trying \(next)", settling: now)
    }

    private mutating func decide(_ from: Int, _ base: Double, _ rate: Double, _ now: Timestamp) {
        let isUp = parts > from
        let pays = rate >= base * (isUp ? ConcurrencyController.stepPays : ConcurrencyController.asGood)
        phase = .holding
        if pays {
            baseline = rate
            strange = 0
            restUntil = now
            if isUp {
                good = parts
                (isNextDown, throttleRest) = (false, ConcurrencyController.restAfterThrottle)
                reason = "\(parts): \(from) gave less"
            } else {
                isNextDown = true
                reason = "\(parts): \(from) gave no more"
            }
            return
        }
        isNextDown = isUp
        // A try with fewer that took long, because parts in flight are not taken back, cost as much: it has to be rare.
        let cost = triedAt.map { now - $0 } ?? .zero
        restUntil = now + ConcurrencyController.restAfterUp
        if isUp {
            givenUp = GivenUp(parts: parts, until: now + ConcurrencyController.moment)
        } else {
            fewerAfter = now + max(ConcurrencyController.restAfterDown, cost * 4)
        }
        if !isUp { hasDoubled = true }
        set(from, "\(from): \(parts) gave \(isUp ? "no more" : "less")", settling: now)
        baseline = base
    }

    /// Measures anew from here, as at the start: fast.
    private mutating func begin(_ why: String) {
        phase = .starting(base: nil, from: parts, patience: ConcurrencyController.patience)
        (baseline, epoch, strange) = (nil, nil, 0)
        (good, bad, badSince) = (nil, nil, nil)
        (hasDoubled, fewerAfter) = (false, nil)
        throttleRest = ConcurrencyController.restAfterThrottle
        reason = "\(parts): \(why)"
    }

    private mutating func rest(_ number: Int, _ rate: Double?, _ why: String, _ now: Timestamp) {
        phase = .holding
        baseline = rate
        isNextDown = true
        restUntil = now + (hasDoubled ? ConcurrencyController.restAfterUp : .seconds(3))
        set(number, why, settling: number == parts ? nil : now)
    }

    private mutating func set(_ number: Int, _ why: String, settling now: Timestamp? = nil) {
        (parts, reason) = (number, why)
        if let now { (settledAt, epoch) = (now + (isSmall == true ? .milliseconds(300) : .seconds(1)), nil) }
    }

    // MARK: - Refusals

    /// - Returns: whether the number was halved.
    private mutating func judgeRefusals(_ sample: Sample, _ gap: Duration, at now: Timestamp) -> Bool {
        // Over about the last second: a lone refusal among many answers asks for nothing.
        let keep = max(0, 1 - gap.inSeconds)
        recentAnswers = recentAnswers * keep + Double(sample.answers)
        recentRefused = recentRefused * keep + Double(sample.refused)
        guard recentRefused >= 2.5 || sample.refused >= parts, recentRefused * 5 >= recentAnswers + recentRefused else { return false }
        if case .quiet(let until) = phase, now < until { return false }
        if let givenUp, now < givenUp.until {
            (bad, badSince) = (min(givenUp.parts, bad ?? .max), now)
            (recentAnswers, recentRefused) = (0, 0)
            return false
        }
        throttle(at: now)
        return true
    }

    private mutating func throttle(at now: Timestamp) {
        let before = parts
        (bad, badSince) = (min(before, bad ?? .max), now)
        if let known = good, known >= before { good = nil }
        // Tried a little more and was refused: that is known now, and the next try is farther away each time.
        if case .trying(let from, let base, _, _) = phase, from < before {
            throttleRest = min(throttleRest * 2, ConcurrencyController.longestRest)
            (good, baseline) = (from, base)
        } else {
            baseline = nil
        }
        set(max(before / 2, min(ConcurrencyController.floor, before)), "")
        reason = "halved to \(parts): the service asked to slow down"
        phase = .quiet(until: now + ConcurrencyController.moment)
        (recentAnswers, recentRefused, settledAt, epoch) = (0, 0, nil, nil)
    }

    /// The moment is over: back to what was fine, if that is known.
    private mutating func recover(_ now: Timestamp) {
        phase = .holding
        (recentAnswers, recentRefused) = (0, 0)
        if let good, good > parts, good < bad ?? .max {
            set(good, "\(good): more were too many for the service", settling: now)
            restUntil = now + throttleRest
        } else {
            // Half way up to what was refused, as soon as it is known how much this number gives.
            (baseline, restUntil) = (nil, now)
            settledAt = now
        }
        isNextDown = false
    }
}
