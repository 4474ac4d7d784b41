import OSSProtocol

/// How long one kind of request to one endpoint is answered after, and from that how long silence may be believed.
///
/// A request is given up early only where others that were sent with it were answered meanwhile: a line that is slow or away for a moment is
/// slow or away for all of them, and sending everything again would make it worse. From the third on each further try of the same request waits
/// twice as long, so that one that only ever takes its time gets it; where some are lost, two in a row are still no sign of that, nor are three
/// where not even the body was taken.
public struct AnswerTimes: Sendable, Equatable {
    /// Fewer answers say nothing about what is usual.
    public static let enough = 20
    /// Silence is unusual from that many times what only one answer in ten takes.
    private static let factor = 4.0
    /// Answers of others that show that the line and the server are there.
    public static let others = 3
    /// A stalled body shows less than a missing answer: a packet that is lost three times is sent again after a second and a half.
    private static let leastForBody = Duration.milliseconds(1500)
    private static let longest = Duration.seconds(30)

    /// The shortest patience with an answer.
    private let least: Duration
    /// Answers that are remembered: what is usual at the end of a crowd is not what was usual in it.
    private let kept: Int
    private var milliseconds: [Int64] = []
    /// When the same were answered, for comparing.
    private var instants: [Timestamp] = []
    private var place = 0
    private var count = 0
    private var slow: Int64?

    /// - Parameters:
    ///   - least: what a wrong decision costs is the bytes that are sent again; small requests may have a small one.
    ///   - kept: answers that say what is usual, at least `enough`.
    public init(least: Duration, kept: Int = 128) { (self.least, self.kept) = (least, max(kept, AnswerTimes.enough)) }

    public var knowsEnough: Bool { slow != nil }

    public mutating func answered(after time: Duration, at now: Timestamp) {
        count += 1
        if milliseconds.count < kept {
            milliseconds.append(time.inMilliseconds)
            instants.append(now)
        } else {
            milliseconds[place] = time.inMilliseconds
            instants[place] = now
            place = (place + 1) % kept
        }
        // Sorting a hundred numbers at each answer would be most of what a small upload costs.
        guard slow == nil ? milliseconds.count >= AnswerTimes.enough : count % (kept / 8) == 0 else { return }
        let sorted = milliseconds.sorted()
        slow = sorted[min(sorted.count * 9 / 10, sorted.count - 1)]
    }

    /// How many were answered since then, as far as they are remembered.
    public func answers(since then: Timestamp) -> Int { instants.count { $0 > then } }

    /// - Parameters:
    ///   - silence: since any byte moved.
    ///   - isWhole: the other side has all of the request, only its answer is missing.
    ///   - attempt: of the same request, from 1.
    ///   - others: answered since it fell silent.
    ///   - least: the shortest patience, where it is not that of this kind.
    public func isOverdue(_ silence: Duration, isWhole: Bool, attempt: Int, others: Int, least: Duration? = nil) -> Bool {
        guard let slow else { return false }
        let usual = Duration.milliseconds(Int64(Double(slow) * AnswerTimes.factor))
        let least = least ?? self.least
        let patience = max(usual, isWhole ? least : max(AnswerTimes.leastForBody, least))
        let limit = patience * (1 << min(max(attempt - (isWhole ? 2 : 3), 0), 5))
        if others >= AnswerTimes.others { return silence >= min(limit, AnswerTimes.longest) }
        // The last one of many has nobody to be compared with.
        return isWhole && silence >= min(limit * 2, AnswerTimes.longest)
    }
}
