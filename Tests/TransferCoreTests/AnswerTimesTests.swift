import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct AnswerTimesTests {
    private static let now = Timestamp(seconds: 100)

    private func usual(_ milliseconds: Int, least: Duration = .seconds(1)) -> AnswerTimes {
        var times = AnswerTimes(least: least)
        for _ in 0..<100 { times.answered(after: .milliseconds(milliseconds), at: Self.now) }
        return times
    }

    @Test func whoeverHasSeenLittleWaits() {
        var times = AnswerTimes(least: .seconds(1))
        for _ in 0..<AnswerTimes.enough - 1 { times.answered(after: .milliseconds(1), at: Self.now) }

        #expect(!times.isOverdue(.seconds(29), isWhole: true, attempt: 1, others: 1000))
    }

    @Test func whereOthersAreAnsweredAMissingAnswerIsGivenUpSoon() {
        #expect(usual(20).isOverdue(.seconds(1), isWhole: true, attempt: 1, others: 3))
        #expect(!usual(20).isOverdue(.milliseconds(900), isWhole: true, attempt: 1, others: 3))
        #expect(usual(20, least: .seconds(2)).isOverdue(.seconds(2), isWhole: true, attempt: 1, others: 3))
    }

    @Test func aServerThatTakesItsTimeGetsIt() {
        #expect(!usual(2_000).isOverdue(.seconds(7), isWhole: true, attempt: 1, others: 100))
        #expect(usual(2_000).isOverdue(.seconds(8), isWhole: true, attempt: 1, others: 100))
    }

    @Test func whereNobodyIsAnsweredTheLineIsToBlameAndNotTheRequest() {
        #expect(!usual(20).isOverdue(.milliseconds(1_900), isWhole: true, attempt: 1, others: 0))
        #expect(usual(20).isOverdue(.seconds(2), isWhole: true, attempt: 1, others: 0), "the last of many has nobody beside it")
        #expect(!usual(20).isOverdue(.seconds(300), isWhole: false, attempt: 1, others: 0), "a body that does not move is the stall's matter")
    }

    @Test func aBodyThatDoesNotMoveGetsMoreTime() {
        #expect(!usual(20).isOverdue(.milliseconds(1_400), isWhole: false, attempt: 1, others: 50))
        #expect(usual(20).isOverdue(.milliseconds(1_500), isWhole: false, attempt: 1, others: 50))
        #expect(usual(20).isOverdue(.milliseconds(1_500), isWhole: false, attempt: 3, others: 50), "what is not taken is not being worked on")
        #expect(!usual(20).isOverdue(.milliseconds(2_900), isWhole: false, attempt: 4, others: 50))
    }

    @Test func fromTheThirdOnEachFurtherTryIsWaitedForTwiceAsLongUpToThirtySeconds() {
        let limits = (1...8).map { attempt in
            (1...40).first { usual(20).isOverdue(.seconds($0), isWhole: true, attempt: attempt, others: 9) }
        }

        #expect(limits == [1, 1, 2, 4, 8, 16, 30, 30])
    }

    @Test func oneSlowAnswerInFiveIsUsual() {
        var times = AnswerTimes(least: .seconds(1))
        for number in 0..<1_000 { times.answered(after: number % 5 == 0 ? .seconds(1) : .milliseconds(5), at: Self.now) }

        #expect(!times.isOverdue(.seconds(3), isWhole: true, attempt: 1, others: 100))
    }

    @Test func onlyAnswersAfterItFellSilentSpeakAgainstIt() {
        var times = AnswerTimes(least: .seconds(1))
        for second in 0..<300 { times.answered(after: .milliseconds(5), at: Self.now + .seconds(second)) }

        #expect(times.answers(since: Self.now + .seconds(296)) == 3)
        #expect(times.answers(since: Self.now + .seconds(299)) == 0)
    }

    @Test func theLastOfACrowdIsJudgedByThoseThatWereAnsweredLastAndNotByTheCrowd() {
        var (short, long) = (AnswerTimes(least: .seconds(1), kept: 32), AnswerTimes(least: .seconds(1)))
        for number in 0..<128 {
            let time = Duration.milliseconds(number < 96 ? 1_000 : 50)
            short.answered(after: time, at: Self.now)
            long.answered(after: time, at: Self.now)
        }

        #expect(short.isOverdue(.milliseconds(1_100), isWhole: true, attempt: 1, others: 3))
        #expect(!long.isOverdue(.milliseconds(3_900), isWhole: true, attempt: 1, others: 3))
    }

    @Test func whatIsUsualChanges() {
        var times = usual(2_000)
        for _ in 0..<200 { times.answered(after: .milliseconds(10), at: Self.now) }

        #expect(times.isOverdue(.seconds(1), isWhole: true, attempt: 1, others: 3))
    }
}
