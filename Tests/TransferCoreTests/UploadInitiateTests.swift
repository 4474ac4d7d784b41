import OSSProtocol
import Testing

@testable import TransferCore

/// What is known of an upload between its Initiate and its upload id.
@Suite struct UploadInitiateTests {
    @Test func thatAnInitiateGoesOutIsWrittenDownBefore() {
        var bench = Bench()

        bench.tell(.started)

        #expect(bench.actions == [.save, .initiate])
        #expect(bench.saved.initiateSent && bench.saved.uploadID == nil)
        bench.answer("initiate")
        #expect(!bench.saved.initiateSent && bench.saved.uploadID != nil)
    }

    @Test func whatALostInitiateBeganIsGoneOnWith() {
        var bench = Bench()
        bench.tell(.started)

        bench.lose("initiate")
        bench.finish()

        #expect(bench.sent.prefix(3) == ["initiate", "find", "part 1"])
        #expect(bench.isVerified && bench.server.uploads.isEmpty)
    }

    @Test func aKillRightAfterTheInitiateLeavesNothingBehind() {
        var bench = Bench()
        bench.tell(.started)
        _ = bench.execute(.initiate)

        bench.resume()
        bench.finish()

        #expect(bench.sent.prefix(3) == ["initiate", "find", "part 1"])
        #expect(bench.isVerified && bench.server.uploads.isEmpty)
    }

    @Test func anUploadWithPartsIsAnothersAndLeftAlone() {
        var bench = Bench()
        let other = bench.server.initiate()
        _ = bench.server.store([1, 2], part: 1, of: other)
        bench.tell(.started)

        bench.fail("initiate", RequestFailure(.curl(56)))
        bench.finish()

        #expect(bench.sent.prefix(3) == ["initiate", "find", "initiate"])
        #expect(bench.isVerified && Array(bench.server.uploads.keys) == [other])
    }

    @Test(arguments: [RequestFailure(.curl(7)), answer(503, "SlowDown"), answer(403, "SecurityTokenExpired")])
    func anInitiateThatCannotHaveBeenDoneIsRepeatedWithoutAsking(failure: RequestFailure) {
        var bench = Bench()
        bench.tell(.started)

        bench.fail("initiate", failure)
        bench.finish()

        #expect(!bench.sent.contains("find") && bench.isVerified)
    }

    @Test func whoMayNotListBeginsAnew() {
        var bench = Bench()
        bench.tell(.started)
        bench.lose("initiate")
        bench.wait()

        bench.fail("find", answer(403, "AccessDenied"))
        bench.finish()

        #expect(bench.sent.prefix(3) == ["initiate", "find", "initiate"] && bench.isVerified)
    }

    @Test func anEndpointThatLosesEveryAnswerIsWaitedFor() {
        var bench = Bench()
        bench.tell(.started)

        for _ in 0..<100 where bench.outcome == nil {
            if bench.calls.isEmpty { bench.wait() } else { bench.fail(nil, RequestFailure(.curl(28))) }
        }

        guard case .held(.network, _)? = bench.outcome else { return #expect(Bool(false), "\(String(describing: bench.outcome))") }
        #expect(bench.saved.initiateSent, "the next run asks first")
    }

    @Test func anAbortLooksForWhatALostInitiateBegan() {
        var bench = Bench()
        bench.tell(.started)
        bench.lose("initiate")

        bench.tell(.abortRequested)
        bench.finish()

        #expect(bench.outcome == .aborted && bench.server.uploads.isEmpty)
        #expect(bench.sent.prefix(3) == ["initiate", "find", "abort"])
    }
}
