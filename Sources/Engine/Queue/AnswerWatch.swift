import OSSProtocol
import Platform
import TransferCore

/// What is usual with one kind of body at one endpoint; shared by all that send such.
final class AnswerWatch: Sendable {
    private let times: Lock<AnswerTimes>

    /// Bodies up to this size are sent again for little. Bytes.
    private static let small: Int64 = 1 << 20
    private static let leastForSmall = Duration.seconds(1)
    private static let leastForLarge = Duration.seconds(2)

    init(isSmall: Bool) { times = Lock(AnswerTimes(least: isSmall ? AnswerWatch.leastForSmall : AnswerWatch.leastForLarge)) }

    static func isSmall(_ length: Int64) -> Bool { length <= small }

    func answered(after time: Duration) { times.withLock { $0.answered(after: time) } }

    /// For one request; it remembers how many others had been answered when it fell silent.
    ///
    /// - Parameter attempt: of that body, from 1.
    func patience(attempt: Int) -> @Sendable (_ silence: Duration, _ isWhole: Bool) -> Bool {
        let before = Lock<(count: Int, silence: Duration)?>(nil)
        return { [times] silence, isWhole in
            times.withLock { times in
                let count = times.count
                let others = before.withLock { before in
                    // It moved in between: a new silence.
                    if let known = before, silence >= known.silence {
                        before?.silence = silence
                        return count - known.count
                    }
                    before = (count, silence)
                    return 0
                }
                return !times.isOverdue(silence, isWhole: isWhole, attempt: attempt, others: others)
            }
        }
    }
}

extension EngineLoop {
    /// - Parameter length: of the body.
    func answerWatch(_ endpoint: String, _ length: Int64) -> AnswerWatch {
        let isSmall = AnswerWatch.isSmall(length)
        let name = (isSmall ? "s:" : "l:") + endpoint
        if let known = answerWatches[name] { return known }
        let watch = AnswerWatch(isSmall: isSmall)
        answerWatches[name] = watch
        return watch
    }
}
