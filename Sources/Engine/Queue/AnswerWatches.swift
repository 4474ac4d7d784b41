import OSSProtocol
import Platform
import TransferCore

/// What is usual at each endpoint, for small and for large bodies; shared by all that send there.
final class AnswerWatches: Sendable {
    private struct Endpoint {
        var small = AnswerTimes(least: AnswerWatches.leastForSmall)
        var large = AnswerTimes(least: AnswerWatches.leastForLarge)
    }

    /// Bodies up to this size are sent again for little. Bytes.
    private static let small: Int64 = 1 << 20
    private static let leastForSmall = Duration.seconds(1)
    private static let leastForLarge = Duration.seconds(2)
    /// A request without a body may have to do more than take some bytes; there are too few of them to know what is usual.
    private static let leastForOthers = Duration.seconds(5)

    private let endpoints = Lock<[String: Endpoint]>([:])

    func answered(_ endpoint: String, length: Int64, after time: Duration) {
        let now = SystemClock.steady()
        endpoints.withLock { endpoints in
            if length <= AnswerWatches.small {
                endpoints[endpoint, default: Endpoint()].small.answered(after: time, at: now)
            } else {
                endpoints[endpoint, default: Endpoint()].large.answered(after: time, at: now)
            }
        }
    }

    /// For one request.
    ///
    /// - Parameters:
    ///   - length: of the body; `nil` for a request without one.
    ///   - attempt: of that request, from 1.
    func patience(_ endpoint: String, length: Int64?, attempt: Int) -> @Sendable (_ silence: Duration, _ isWhole: Bool) -> Bool {
        { [self] silence, isWhole in
            let begun = SystemClock.steady() - silence
            return endpoints.withLock { endpoints in
                let known = endpoints[endpoint] ?? Endpoint()
                let others = known.small.answers(since: begun) + known.large.answers(since: begun)
                let isSmall = length.map { $0 <= AnswerWatches.small } ?? known.small.knowsEnough
                return !(isSmall ? known.small : known.large).isOverdue(
                    silence, isWhole: isWhole, attempt: attempt, others: others, least: length == nil ? AnswerWatches.leastForOthers : nil)
            }
        }
    }
}
