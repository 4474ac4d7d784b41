import OSSProtocol

/// How long one kind of request to one endpoint is answered after, and from that how long silence may be believed.
///
/// A request is given up early only where others that were sent with it were answered meanwhile: a line that is slow or away for a moment is
/// slow or away for all of them, and sending everything again would make it worse. Each further try of the same request waits twice as long,
/// so that one that only ever takes its time gets it.
public struct AnswerTimes: Sendable, Equatable {
    /// Fewer answers say nothing about what is usual.
    public static let enough = 20
    private static let kept = 128
    /// Silence is unusual from that many times what only one answer in a hundred takes.
    private static let factor = 8.0
    /// Answers of others that show that the line and the server are there.
    public static let others = 3
    /// A stalled body shows less than a missing answer: a lost packet is sent again after up to some seconds.
    private static let leastForBody = Duration.seconds(3)
    private static let longest = Duration.seconds(30)

    /// The shortest patience with an answer.
    private let least: Duration
    private var milliseconds: [Int64] = []
    private var place = 0
    private var slow: Int64?
    /// All of them, for comparing.
    public private(set) var count = 0

    /// - Parameter least: what a wrong decision costs is the bytes that are sent again; small requests may have a small one.
    public init(least: Duration) { self.least = least }

    public mutating func answered(after time: Duration) {
        count += 1
        if milliseconds.count < AnswerTimes.kept {
            milliseconds.append(time.inMilliseconds)
        } else {
            milliseconds[place] = time.inMilliseconds
            place = (place + 1) % AnswerTimes.kept
        }
        // Sorting a hundred numbers at each answer would be most of what a small upload costs.
        guard slow == nil ? milliseconds.count >= AnswerTimes.enough : count % 16 == 0 else { return }
        let sorted = milliseconds.sorted()
        slow = sorted[min(sorted.count * 99 / 100, sorted.count - 1)]
    }

    /// - Parameters:
    ///   - silence: since any byte moved.
    ///   - isWhole: the other side has all of the request, only its answer is missing.
    ///   - attempt: of the same request, from 1.
    ///   - others: answered since it fell silent.
    public func isOverdue(_ silence: Duration, isWhole: Bool, attempt: Int, others: Int) -> Bool {
        guard let slow else { return false }
        let usual = Duration.milliseconds(Int64(Double(slow) * AnswerTimes.factor))
        let limit = max(usual, isWhole ? least : max(AnswerTimes.leastForBody, least)) * (1 << min(max(attempt - 1, 0), 5))
        if others >= AnswerTimes.others { return silence >= min(limit, AnswerTimes.longest) }
        // The last one of many has nobody to be compared with.
        return isWhole && silence >= min(limit * 4, AnswerTimes.longest)
    }
}
