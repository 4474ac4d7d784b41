import OSSProtocol
import Testing
import TransferCore

@Suite struct IdlenessTests {
    private let start = Timestamp(seconds: 1_000_000)
    private var idleness: Idleness { Idleness(limit: .seconds(600), start: start) }

    @Test func itMayEndWhenNobodyNeededItForTheLimit() {
        var idleness = idleness

        let answers = [0, 599, 600].map { idleness.mayEnd(isBusy: false, touched: start, at: start + .seconds($0)) }

        #expect(answers == [false, false, true])
    }

    @Test func workBeginsTheTimeAnew() {
        var idleness = idleness

        let answers = [(true, 5000), (false, 5599), (false, 5600)].map {
            idleness.mayEnd(isBusy: $0.0, touched: start, at: start + .seconds($0.1))
        }

        #expect(answers == [false, false, true])
    }

    @Test func aRequestBeginsTheTimeAnewAtTheTimeItCame() {
        var idleness = idleness

        let answers = [899, 900].map { idleness.mayEnd(isBusy: false, touched: start + .seconds(300), at: start + .seconds($0)) }

        #expect(answers == [false, true])
    }
}
