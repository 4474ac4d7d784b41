import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct UploadFailureTests {
    @Test func aPartThatWaitsGivesItsSlotToAnother() {
        var bench = Bench(slots: 1)
        bench.tell(.started)
        bench.answer("initiate")

        bench.fail("part 1", answer(503, "SlowDown", retryAfter: .seconds(60)))

        #expect(bench.calls.map(\.name) == ["part 2"])
        #expect(bench.machine.state(of: 1) == .waiting(attempt: 1, until: bench.now + .seconds(60)))
    }

    @Test func aPartThatIsDueWaitsForASlotAndNotForTime() {
        var bench = Bench(slots: 1)
        bench.tell(.started)
        bench.answer("initiate")
        bench.fail("part 1", answer(500, "InternalError"))
        #expect(bench.machine.nextDeadline != nil)

        bench.wait()

        #expect(bench.actions.last == .partsReady)
        #expect(bench.machine.nextDeadline == nil, "a driver whose slots are full must not spin")
        bench.answer("part 2")
        #expect(bench.calls.map(\.name) == ["part 1"])
    }

    @Test func aPartIsNeverTriedMoreOftenThanThePolicySays() {
        var bench = Bench(slots: 1)
        bench.tell(.started)

        for _ in 0..<100 where bench.outcome == nil {
            bench.run(until: "part 1")
            bench.fail("part 1", answer(500, "InternalError"))
        }

        #expect(bench.sent.filter { $0 == "part 1" }.count == 8)
        guard case .failed(let reason)? = bench.outcome else {
            Issue.record("not failed")
            return
        }
        #expect((reason.code, reason.part) == ("InternalError", 1))
    }

    @Test(arguments: [RequestFailure(.curl(7)), answer(503, "ServiceUnavailable"), answer(502, "BadErrorResponse")])
    func anEndpointThatDoesNotAnswerHoldsTheUploadAndNeverFailsIt(failure: RequestFailure) {
        for point in ["initiate", "part 1", "complete"] {
            var bench = Bench()
            bench.tell(.started)
            bench.run(until: point)

            for _ in 0..<200 where bench.outcome == nil {
                if bench.calls.isEmpty { bench.wait() } else { bench.fail(nil, failure) }
            }

            guard case .held(.network, let until?)? = bench.outcome else {
                Issue.record("\(point): \(String(describing: bench.outcome))")
                continue
            }
            #expect(until > bench.now)
        }
    }

    @Test(arguments: [(RequestFailure(.curl(56)), 24), (answer(502, "BadErrorResponse"), 24), (answer(503, "SlowDown"), 8)])
    func whatIsLostWhileOthersGetThroughIsTriedOnAndSoonButABusyServerIsLeftAlone(failure: RequestFailure, tries: Int) {
        var failure = failure
        failure.othersAnswered = true
        var bench = Bench(parts: 1)
        bench.tell(.started)
        var longest = Duration.zero

        for _ in 0..<200 where bench.outcome == nil {
            if !bench.calls.isEmpty { bench.fail("put", failure) }
            let before = bench.now
            if bench.outcome == nil { bench.wait() }
            longest = max(longest, bench.now - before)
        }

        #expect(bench.sent.filter { $0 == "put" }.count == tries)
        #expect((longest <= RetryPolicy.alone) == (tries > 8))
        guard case .held(.network, _)? = bench.outcome else {
            Issue.record("not held")
            return
        }
    }

    @Test func aDamagedPartIsSentAgainAFewTimesAndThenFails() {
        var bench = Bench(slots: 1)
        bench.tell(.started)

        for _ in 0..<20 where bench.outcome == nil {
            bench.run(until: "part 1")
            bench.calls = []
            bench.tell(.partSent(number: 1, BodyReply(etag: "E", localCRC64: 1, serverCRC64: 2)))
        }

        #expect(bench.sent.filter { $0 == "part 1" }.count == 3)
        #expect(bench.machine.state(of: 1) == .todo)
        guard case .failed(let reason)? = bench.outcome else {
            Issue.record("not failed")
            return
        }
        #expect(reason.code == "ChecksumMismatch")
    }

    @Test func manyPartsThatFailWithOneLeaseAskForOneLease() {
        var bench = Bench(parts: 5, slots: 4)
        bench.tell(.started)
        bench.answer("initiate")

        for number in 1...4 { bench.fail("part \(number)", answer(403, "SecurityTokenExpired")) }

        #expect(bench.calls == [.lease])
        #expect(bench.machine.phase == .awaitingLease)
        bench.finish()
        #expect(bench.isVerified)
        #expect(bench.sent.filter { $0 == "lease" }.count == 1)
    }

    @Test(arguments: ["SecurityTokenExpired", "InvalidAccessKeyId", "InvalidSecurityToken"])
    func temporaryCredentialsThatStayRefusedHoldTheUpload(code: String) {
        var bench = Bench(slots: 1)
        bench.tell(.started)
        for _ in 0..<20 where bench.outcome == nil {
            bench.run(until: "part 1")
            bench.fail("part 1", answer(403, code))
        }

        #expect(bench.sent.filter { $0 == "part 1" }.count == 3, "twice in a row at most")
        #expect(bench.outcome == .held(.credentials, until: bench.now + RetryPolicy().hold))
        #expect(bench.saved.uploadID == "id1")
    }

    @Test(arguments: [("InvalidAccessKeyId", 1), ("InvalidSecurityToken", 3)])
    func aLongLivedKeyThatStaysRefusedFails(code: String, requests: Int) {
        var bench = Bench(slots: 1)
        var refusal = answer(403, code)
        refusal.authority = .lasting
        bench.tell(.started)
        for _ in 0..<20 where bench.outcome == nil {
            bench.run(until: "part 1")
            bench.fail("part 1", refusal)
        }

        #expect(bench.sent.filter { $0 == "part 1" }.count == requests)
        guard case .failed(let reason)? = bench.outcome else {
            Issue.record("\(String(describing: bench.outcome))")
            return
        }
        #expect(reason.code == code)
    }

    @Test func aRefusedLeaseHoldsTheUpload() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "part 1")
        bench.fail("part 1", answer(403, "SecurityTokenExpired"))

        bench.tell(.leaseRefused(reason: "the server said no"))

        #expect(bench.outcome == .held(.credentials, until: nil))
        #expect(bench.saved.uploadID == "id1")
    }

    @Test func aWrongClockIsCorrectedBeforeTheNextSignature() {
        var bench = Bench()
        bench.tell(.started)
        let time = Timestamp(seconds: 77)

        bench.fail("initiate", answer(403, "RequestTimeTooSkewed", serverTime: time))

        #expect(bench.actions.suffix(2) == [.correctClock(serverTime: time), .initiate])
        bench.finish()
        #expect(bench.isVerified)
    }

    @Test func aChangedSourceFailsByThatNameAndLeavesNothing() {
        for point in ["initiate", "part 1", "complete"] {
            var bench = Bench()
            bench.tell(.started)
            bench.run(until: point)
            // The driver looks right before it completes, and reports instead.
            if point == "complete" { bench.calls = [] }

            bench.tell(.sourceChanged(detail: "size"))
            bench.finish()

            guard case .failed(let reason)? = bench.outcome else {
                Issue.record("\(point): \(String(describing: bench.outcome))")
                continue
            }
            #expect(reason.code == "SourceChanged")
            #expect(bench.server.uploads.isEmpty)
            #expect(bench.server.object == nil)
        }
    }

    @Test func aSourceThatChangedAfterItWasStoredIsDone() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "complete")
        if let complete = bench.calls.first { _ = bench.execute(complete) }

        bench.kill()
        bench.tell(.sourceChanged(detail: ""))
        bench.finish()

        #expect(bench.isVerified)
    }

    @Test func deniedFailsAtOnceAndKeepsTheUpload() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "part 1")

        bench.fail("part 1", answer(403, "AccessDenied"))

        guard case .failed(let reason)? = bench.outcome else {
            Issue.record("not failed")
            return
        }
        #expect(reason.code == "AccessDenied")
        #expect(bench.actions.suffix(3).first == .cancelRequests)
        #expect(bench.saved.uploadID == "id1")
    }

    @Test func aRetryGoesOnFromTheCheckpoint() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "part 3")
        bench.fail("part 3", answer(403, "AccessDenied"))

        bench.resume()
        bench.finish()

        #expect(bench.isVerified)
        #expect(bench.sent.filter { $0 == "part 1" }.count == 1)
    }

    @Test func tryNowEndsEveryWait() {
        var bench = Bench()
        bench.tell(.started)
        bench.fail("initiate", answer(503, "SlowDown", retryAfter: .seconds(200)))
        #expect(bench.machine.wait?.until == bench.now + .seconds(200))

        bench.tell(.tryNow)

        #expect(bench.calls == [.initiate])
    }

    @Test func changesNameOnlyWhatIsNew() {
        var bench = Bench()
        bench.tell(.started)
        bench.answer("initiate")
        _ = bench.machine.takeChanges()

        bench.answer("part 1")
        let changes = bench.machine.takeChanges()

        #expect(changes.parts.map(\.number) == [1])
        #expect(!changes.replacesParts)
        #expect(bench.machine.takeChanges() == CheckpointChanges(header: false, replacesParts: false, parts: []))
    }
}
