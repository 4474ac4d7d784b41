import Testing

@testable import TerminalUI

@Suite struct OutputPaceTests {
    @Test func theAnswerToTheQuestionIsReadAsOne() {
        var decoder = KeyDecoder()

        #expect(decoder.feed(Array("\u{1B}[0nj".utf8)) == [.report(OutputPace.answer), .key(.character("j"))])
    }

    @Test func twoFramesAreUnderWayAndNoMore() {
        var pace = OutputPace(asks: true)

        pace.hasAsked(at: 0)
        #expect(pace.mayDraw(at: 1))
        pace.hasAsked(at: 1)
        #expect(!pace.mayDraw(at: 2))
        pace.hasAnswered(at: 3)

        #expect(pace.mayDraw(at: 3) && !pace.isSlow && pace.isWaiting)
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

    @Test func aTerminalThatNeverAnswersIsNotAskedAgain() {
        var pace = OutputPace(asks: true)
        pace.hasAsked(at: 0)
        pace.hasAsked(at: 1)

        #expect(!pace.mayDraw(at: 900) && pace.next == 1000)
        #expect(pace.mayDraw(at: 1000) && pace.isSilent && !pace.isWaiting)
        #expect(OutputPace(asks: false).isSilent)
    }

    @Test func aLostAnswerStopsNothingForGood() {
        var pace = OutputPace(asks: true)
        pace.hasAsked(at: 0)
        pace.hasAnswered(at: 5)
        pace.hasAsked(at: 10)
        pace.hasAsked(at: 20)

        #expect(!pace.mayDraw(at: 1500))
        #expect(pace.mayDraw(at: 15_010) && !pace.isSilent)
    }
}
