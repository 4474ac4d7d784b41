import OSSProtocol
import Platform
import Testing
import TransferCore

@testable import Engine

@Suite(.timeLimit(.minutes(1))) struct AnswerWatchesTests {
    private static let endpoint = "https://oss.example.com"
    private let clock = ManualClock()

    /// An endpoint that has answered puts within milliseconds, a while ago.
    private func known() -> AnswerWatches {
        let watches = AnswerWatches(clock: { [clock] in clock.value })
        for _ in 0..<AnswerTimes.enough {
            watches.answered(Self.endpoint, length: 4096, after: .milliseconds(5))
            watches.answered(Self.endpoint, length: 32 << 20, after: .milliseconds(20))
        }
        clock.advance(.seconds(60))
        return watches
    }

    @Test func othersAreThoseThatWereAnsweredSince() {
        let watches = known()
        let sent = clock.value
        clock.advance(.milliseconds(10))
        #expect(!watches.othersAnswered(Self.endpoint, since: sent))

        for _ in 0..<AnswerTimes.others { watches.answered(Self.endpoint, length: 10, after: .milliseconds(1)) }

        #expect(watches.othersAnswered(Self.endpoint, since: sent))
        #expect(!watches.othersAnswered(Self.endpoint, since: clock.value))
        #expect(!watches.othersAnswered("https://another.example.com", since: sent))
    }

    @Test(arguments: [true, false]) func theLastOfManyIsGivenUpSoonerOnceSomebodyElseIsAnswered(isThere: Bool) async {
        let watches = known()
        let asked = Lock(0)
        let isPatient = watches.patience(Self.endpoint, .bytes(32 << 20), attempt: 1) {
            asked.withLock { $0 += 1 }
            return isThere
        }

        clock.advance(.seconds(1))
        #expect(isPatient(.seconds(1), true))
        while asked.withLock({ $0 }) == 0 { await Task.yield() }
        clock.advance(.seconds(1))

        // The answer is noted after it was given.
        for _ in 0..<1_000 where isThere && isPatient(.seconds(2), true) { await Task.yield() }
        #expect(isPatient(.seconds(2), true) == !isThere)
        clock.advance(.seconds(2))
        #expect(!isPatient(.seconds(4), true), "nobody waits for ever")
    }

    @Test func aQuestionThatIsNotAnsweredItselfIsAskedAgainASecondLater() async {
        let watches = known()
        let asked = Lock(0)
        let isPatient = watches.patience(Self.endpoint, .bytes(32 << 20), attempt: 1) {
            let number = asked.withLock { asked in
                asked += 1
                return asked
            }
            // The first is lost: nothing comes of it as long as anybody waits.
            if number == 1 { while !Task.isCancelled, asked.withLock({ $0 }) < 3 { await Task.yield() } }
            return number == 2
        }

        clock.advance(.milliseconds(500))
        #expect(isPatient(.milliseconds(500), true))
        clock.advance(.milliseconds(900))
        #expect(isPatient(.milliseconds(1_400), true))
        clock.advance(.milliseconds(200))
        #expect(isPatient(.milliseconds(1_600), true))
        while asked.withLock({ $0 }) < 2 { await Task.yield() }
        #expect(asked.withLock { $0 } == 2)

        for _ in 0..<1_000 where isPatient(.milliseconds(1_700), true) { await Task.yield() }
        #expect(!isPatient(.milliseconds(1_700), true))
        asked.withLock { $0 = 3 }
    }

    @Test func whoHasOthersBesideItAsksNobody() async {
        let watches = known()
        let asked = Lock(0)
        let isPatient = watches.patience(Self.endpoint, .bytes(4096), attempt: 1) {
            asked.withLock { $0 += 1 }
            return true
        }
        for _ in 0..<AnswerTimes.others { watches.answered(Self.endpoint, length: 4096, after: .milliseconds(5)) }

        clock.advance(.milliseconds(400))
        #expect(isPatient(.milliseconds(450), true))
        clock.advance(.milliseconds(100))
        #expect(!isPatient(.milliseconds(550), true))

        for _ in 0..<100 { await Task.yield() }
        #expect(asked.withLock { $0 } == 0)
    }

    @Test func aCompleteMayTakeLongerThanAQuestion() {
        let watches = known()
        let question = watches.patience(Self.endpoint, .none, attempt: 1) { false }
        let complete = watches.patience(Self.endpoint, .longList, attempt: 1) { false }
        clock.advance(.seconds(5))
        for _ in 0..<AnswerTimes.others { watches.answered(Self.endpoint, length: 4096, after: .milliseconds(5)) }

        #expect(!question(.seconds(2), true))
        #expect(complete(.milliseconds(4_900), true))
        #expect(!complete(.milliseconds(5_100), true))
    }
}
