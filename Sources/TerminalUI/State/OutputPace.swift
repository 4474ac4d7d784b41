/// Whether the terminal keeps up with the frames: behind each it is asked a question, which it answers when it has come to it. A pipe
/// over a slow line takes frames for a long while before it says that it is full, so nothing else tells.
///
/// Times are milliseconds of one clock.
public struct OutputPace: Sendable, Equatable {
    /// ESC of it included: "are you there", which every terminal since the VT100 answers with `ESC [ 0 n`.
    public static let question = "\u{1B}[5n"
    /// The answer as the decoder reports it.
    public static let answer = Array("[0n".utf8)
    /// "What are you": every terminal says something, and in turn, so that nothing asked before it will be answered any more.
    public static let lastQuestion = "\u{1B}[c"

    /// Whether a report is the answer to `lastQuestion`: `ESC [ ? 62 ; … c`.
    public static func isLastAnswer(_ report: [UInt8]) -> Bool { report.starts(with: Array("[?".utf8)) && report.last == UInt8(ascii: "c") }

    /// Frames under way; the next one waits, and what changes meanwhile is drawn together.
    static let mostUnderWay = 2
    /// Longer than the quickest answer so far by this much: the line is slow.
    static let slow: Int64 = 200
    /// A terminal that has never answered for so long is not asked again.
    static let patience: Int64 = 1000
    /// An answer that is missing for so long may have been taken for the end of a key: something else is asked behind it.
    static let missing: Int64 = 2000
    /// Nothing answers: frames go on. A line that is slow has more to bring first.
    static let lost: Int64 = 5000
    static let lostWhereSlow: Int64 = 15_000
    static let tick: Int64 = 1000
    static let longestTick: Int64 = 5000

    private var asked: [Int64] = []
    private var quickest: Int64?
    /// Something else was asked, behind so many of the questions that are open.
    private var behind: Int?
    /// It does not answer, or is not to be asked.
    public private(set) var isSilent: Bool
    public private(set) var isSlow = false
    /// Between two looks at the queue.
    public private(set) var tick = OutputPace.tick

    public init(asks: Bool) { isSilent = !asks }

    /// - Returns: whether a frame may leave now. When it may not, an answer or `next` is waited for.
    public mutating func mayDraw(at now: Int64) -> Bool {
        if let first = asked.first, now - first >= (quickest == nil ? Self.patience : end) {
            if quickest == nil { isSilent = true }
            forgive()
        }
        return asked.count < Self.mostUnderWay
    }

    /// Whether `lastQuestion` is to be asked, behind no frame: over a slow line the other answers are only late, and come before its own.
    public func mustAskLast(at now: Int64) -> Bool {
        guard quickest != nil, behind == nil, let first = asked.first else { return false }
        return now - first >= Self.missing
    }

    public mutating func askedLast() { behind = asked.count }

    /// What was open before it and still is will not be answered.
    public mutating func answeredLast() {
        asked.removeFirst(min(behind ?? 0, asked.count))
        behind = nil
    }

    /// When it is to be looked at again, though no answer came.
    public var next: Int64? {
        asked.first.map { $0 + (quickest == nil ? Self.patience : behind == nil ? Self.missing : end) }
    }

    private var end: Int64 { isSlow ? Self.lostWhereSlow : Self.lost }

    private mutating func forgive() { (asked, behind) = ([], nil) }

    public var isWaiting: Bool { !asked.isEmpty }

    public mutating func hasAsked(at now: Int64) { asked.append(now) }

    public mutating func hasAnswered(at now: Int64) {
        guard !asked.isEmpty else { return }
        let took = max(0, now - asked.removeFirst())
        behind = behind.map { max(0, $0 - 1) }
        let usual = min(quickest ?? took, took)
        quickest = usual
        isSlow = took - usual > Self.slow
        tick = isSlow ? min(Self.longestTick, tick * 2) : Self.tick
    }
}
