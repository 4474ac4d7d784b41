import OSSProtocol
import Platform
import TransferCore

/// What is usual at each endpoint, for small and for large bodies; shared by all that send there.
final class AnswerWatches: Sendable {
    /// What a request asks of the other side.
    enum Body: Sendable, Equatable {
        case bytes(Int64)
        case none
        /// The names of thousands of parts, to be made one object.
        case longList
    }

    private struct Endpoint {
        var small = AnswerTimes(least: AnswerWatches.leastForSmall)
        var large = AnswerTimes(least: AnswerWatches.leastForLarge, kept: AnswerWatches.largeKept)
        /// When the newest question that was answered went out, and the newest at all.
        var reached: Timestamp?
        var asked: Timestamp?

        func answers(since then: Timestamp) -> Int { small.answers(since: then) + large.answers(since: then) }
    }

    /// Bodies up to this size are sent again for little. Bytes.
    private static let small: Int64 = 1 << 20
    private static let leastForSmall = Duration.milliseconds(500)
    private static let leastForLarge = Duration.milliseconds(1500)
    /// A hundred parts that share a line are answered late; the last of them is not.
    private static let largeKept = 32
    /// There are too few of the others to know what is usual.
    private static let leastForNone = Duration.seconds(1)
    private static let leastForLists = Duration.seconds(5)
    /// From when on, and how often, it is asked whether anybody is there: also while an earlier question is not answered, since one that is
    /// lost says nothing.
    private static let asksAfter = Duration.milliseconds(500)
    private static let asksAgainAfter = Duration.seconds(1)

    private let endpoints = Lock<[String: Endpoint]>([:])
    private let clock: @Sendable () -> Timestamp

    init(clock: @escaping @Sendable () -> Timestamp = { SystemClock.steady() }) { self.clock = clock }

    func answered(_ endpoint: String, length: Int64, after time: Duration) {
        let now = clock()
        endpoints.withLock { endpoints in
            if length <= AnswerWatches.small {
                endpoints[endpoint, default: Endpoint()].small.answered(after: time, at: now)
            } else {
                endpoints[endpoint, default: Endpoint()].large.answered(after: time, at: now)
            }
        }
    }

    /// Whether enough others were answered there since then to say that it is not the endpoint, nor the way to it.
    func othersAnswered(_ endpoint: String, since then: Timestamp) -> Bool {
        endpoints.withLock { ($0[endpoint]?.answers(since: then) ?? 0) >= AnswerTimes.others }
    }

    /// For one request.
    ///
    /// - Parameters:
    ///   - attempt: of that request, from 1.
    ///   - ask: whether anybody answers there. Asked while a request is silent that has no others to be compared with, such as the last one of
    ///     many: at most one question a second.
    func patience(
        _ endpoint: String, _ body: Body, attempt: Int, ask: @escaping @Sendable () async -> Bool
    ) -> @Sendable (_ silence: Duration, _ isWhole: Bool) -> Bool {
        { [self] silence, isWhole in
            let now = clock()
            let begun = now - silence
            let (isPatient, asks) = endpoints.withLock { endpoints in
                let known = endpoints[endpoint] ?? Endpoint()
                let isReached = known.reached.map { $0 > begun } ?? false
                let others = isReached ? AnswerTimes.others : known.answers(since: begun)
                let (times, least) = AnswerWatches.measure(of: body, known)
                let asks =
                    others < AnswerTimes.others && times.knowsEnough && silence >= AnswerWatches.asksAfter
                    && known.asked.map { now - $0 >= AnswerWatches.asksAgainAfter } ?? true
                if asks { endpoints[endpoint]?.asked = now }
                return (!times.isOverdue(silence, isWhole: isWhole, attempt: attempt, others: others, least: least), asks)
            }
            if asks {
                // Unstructured on purpose: the transport's thread does not wait.
                Task {
                    guard await ask() else { return }
                    endpoints.withLock { endpoints in
                        // Questions may be answered in another order than they went out in.
                        let newest = endpoints[endpoint]?.reached ?? now
                        endpoints[endpoint]?.reached = max(newest, now)
                    }
                }
            }
            return isPatient
        }
    }

    private static func measure(of body: Body, _ known: Endpoint) -> (AnswerTimes, least: Duration?) {
        let others = known.small.knowsEnough ? known.small : known.large
        return switch body {
        case .bytes(let length): (length <= small ? known.small : known.large, nil)
        case .none: (others, leastForNone)
        case .longList: (others, leastForLists)
        }
    }
}
