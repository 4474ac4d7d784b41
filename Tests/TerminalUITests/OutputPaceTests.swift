import Testing

@testable import TerminalUI

@Suite struct OutputPaceTests {
    @Test func theAnswerToTheQuestionIsReadAsOne() {
        var decoder = KeyDecoder()

        let read = decoder.feed(Array("\u{1B}[0nj".utf8))

        #expect(read == [.report(OutputPace.answer), .key(.character("j"))])
    }

    @Test func twoFramesAreUnderWayAndNoMore() {
        var pace = OutputPace(asks: true)

        pace.hasAsked(at: 0)
        let second = pace.mayDraw(at: 1)
        pace.hasAsked(at: 1)
        let third = pace.mayDraw(at: 2)
        pace.hasAnswered(at: 3)
        let again = pace.mayDraw(at: 3)

        #expect(second && !third && again)
        #expect(!pace.isSlow && pace.isWaiting)
    }

    @Test func aLineIsSlowWhenItTakesLongerThanItCould() {
        var pace = OutputPace(asks: true)
        // 300 ms there and back is far away, not slow.
        for start in [Int64(0), 1000, 2000] {
            pace.hasAsked(at: start)
            pace.hasAnswered(at: start + 300)
        }
        #expect(!pace.isSlow && pace.tick == 1000)

        var ticks: [Int64] = []
        for start in stride(from: Int64(5000), to: 9000, by: 1000) {
            pace.hasAsked(at: start)
            pace.hasAnswered(at: start + 700)
            ticks.append(pace.tick)
        }
        #expect(pace.isSlow && ticks == [2000, 4000, 5000, 5000])
        pace.hasAsked(at: 20_000)
        pace.hasAnswered(at: 20_310)

        #expect(!pace.isSlow && pace.tick == 1000)
    }

    @Test func answersThatAreLostHoldNoFrameForLong() {
        var pace = OutputPace(asks: true)
        pace.hasAsked(at: 0)
        pace.hasAnswered(at: 5)
        pace.hasAsked(at: 100)
        pace.hasAsked(at: 200)

        #expect(!pace.mustAskLast(at: 2099) && pace.next == 2100)
        #expect(pace.mustAskLast(at: 2100))
        pace.askedLast()
        #expect(!pace.mustAskLast(at: 9000) && pace.next == 5100)
        let before = pace.mayDraw(at: 2101)
        pace.answeredLast()
        let after = pace.mayDraw(at: 2110)

        #expect(!before && after && !pace.isWaiting && !pace.isSlow)
    }

    @Test func answersThatAreOnlyLateCountAsThose() {
        var pace = OutputPace(asks: true)
        pace.hasAsked(at: 0)
        pace.hasAnswered(at: 5)
        pace.hasAsked(at: 100)
        pace.hasAsked(at: 200)
        pace.askedLast()

        pace.hasAnswered(at: 2101)
        #expect(pace.isWaiting && pace.isSlow)
        pace.hasAsked(at: 2101)
        let mayDraw = pace.mayDraw(at: 2102)
        pace.hasAnswered(at: 3100)
        // A frame that left behind the last question is still under way when that is answered.
        pace.answeredLast()

        #expect(!mayDraw && pace.isWaiting)
    }

    @Test func theAnswerToTheLastQuestionIsKnown() {
        var decoder = KeyDecoder()
        let read = decoder.feed(Array("\u{1B}[?62;22c".utf8))

        #expect(read == [.report(Array("[?62;22c".utf8))])
        #expect(OutputPace.isLastAnswer(Array("[?62;22c".utf8)) && OutputPace.isLastAnswer(Array("[?6c".utf8)))
        #expect(!OutputPace.isLastAnswer(OutputPace.answer) && !OutputPace.isLastAnswer(Array("[?1;2y".utf8)))
    }

    @Test func aTerminalThatNeverAnswersIsNotAskedAgain() {
        var pace = OutputPace(asks: true)
        pace.hasAsked(at: 0)
        pace.hasAsked(at: 1)

        let early = pace.mayDraw(at: 900)
        #expect(!early && pace.next == 1000)
        let late = pace.mayDraw(at: 1000)

        #expect(late && pace.isSilent && !pace.isWaiting)
        #expect(OutputPace(asks: false).isSilent)
    }

    @Test func aLostAnswerStopsNothingForGood() {
        var pace = OutputPace(asks: true)
        pace.hasAsked(at: 0)
        pace.hasAnswered(at: 5)
        pace.hasAsked(at: 10)
        pace.hasAsked(at: 20)

        let early = pace.mayDraw(at: 1500)
        let late = pace.mayDraw(at: 15_010)

        #expect(!early && late && !pace.isSilent)
    }
}
