import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct UploadSettleTests {
    private let lost = RequestFailure(.curl(56))

    // MARK: - Complete

    @Test func aLostCompleteIsSettledByHeadAndTheUploadIDBeforeAnythingIsSentAgain() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "complete")

        bench.lose("complete")
        bench.finish()

        #expect(bench.sent.suffix(4) == ["complete", "head", "list", "head"])
        #expect(bench.isVerified)
    }

    @Test func aCompleteThatNeverArrivedIsSentAgainAfterHead() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "complete")

        bench.fail("complete", lost)
        bench.finish()

        #expect(bench.sent.suffix(3) == ["complete", "head", "complete"])
        #expect(bench.isVerified)
    }

    @Test func theSameBytesFromEarlierAreNotTakenForASuccessThatLeavesTheUploadBehind() {
        var bench = Bench()
        _ = bench.server.put(bench.file, forbidOverwrite: false)
        bench.tell(.started)
        bench.run(until: "complete")

        bench.fail("complete", lost)
        bench.finish()

        #expect(bench.server.uploads.isEmpty)
        #expect(bench.server.object?.from != "put")
    }

    @Test func whereHeadMayNotBeAskedAVanishedUploadMeansDoneUnverified() {
        var bench = Bench(mayRead: false)
        bench.tell(.started)
        bench.run(until: "complete")

        bench.lose("complete")
        bench.finish()

        #expect(bench.sent.suffix(2) == ["complete", "list"])
        #expect(bench.isDone)
        #expect(!bench.isVerified)
    }

    @Test func aSlowCompleteThatEndsAfterTheQuestionIsNotAnsweredByAnotherUpload() {
        var bench = Bench(mayRead: false)
        bench.tell(.started)
        bench.run(until: "complete")
        let first = bench.calls[0]
        bench.resume()
        bench.answer("list")

        _ = bench.execute(first)
        bench.finish()

        #expect(bench.sent.suffix(3) == ["complete", "list", "complete"])
        #expect(bench.isDone && !bench.isVerified)
    }

    @Test func anUploadThatVanishesAfterACompleteWasRefusedIsNotDone() {
        var bench = Bench(mayRead: false)
        bench.tell(.started)
        bench.run(until: "complete")
        bench.fail("complete", lost)
        bench.run(until: "complete")
        bench.fail("complete", answer(400, "InvalidPart"))
        bench.server.uploads = [:]

        bench.answer("list")
        #expect(bench.calls == [.initiate])
        bench.finish()

        #expect(bench.isVerified)
    }

    @Test func aHeadThatIsDeniedIsNotReadAsAbsent() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "complete")
        bench.lose("complete")
        bench.wait()

        bench.fail("head", answer(403, "AccessDenied"))
        bench.finish()

        #expect(bench.sent.suffix(3) == ["complete", "head", "list"])
        #expect(bench.isDone)
    }

    @Test func aPartThatIsGoneAtCompleteIsSentAgain() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "complete")
        bench.server.uploads["id1"]?[2] = nil

        bench.answer("complete")
        bench.finish()

        #expect(bench.sent.suffix(4) == ["complete", "list", "part 2", "complete"])
        #expect(bench.isVerified)
        #expect(bench.machine.restarts.count == 1)
    }

    @Test func aWholeThatIsNotTheFileIsNeverDone() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "complete")

        bench.calls = []
        bench.tell(.completed(etag: "X", serverCRC64: 4711))

        guard case .failed(let reason)? = bench.outcome else {
            Issue.record("not failed")
            return
        }
        #expect(reason.code == "ChecksumMismatch")
        #expect(bench.saved.phase == .fresh, "a retry sends everything again")
    }

    @Test func aServerWithoutChecksumsGivesDoneUnverified() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "complete")

        bench.calls = []
        bench.tell(.completed(etag: "X", serverCRC64: nil))

        #expect(bench.outcome == .done(etag: "X", crc64: crc64(bench.file), verified: false))
    }

    @Test func aFailedCallbackIsStoredAllTheSame() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "complete")
        if let complete = bench.calls.first { _ = bench.execute(complete) }

        bench.fail("complete", answer(203, "CallbackFailed"))
        bench.finish()

        #expect(bench.isVerified)
        #expect(bench.machine.lastFailure?.failure.code == "CallbackFailed")
    }

    @Test(arguments: [UploadEvent.paused, .cancelled, .abortRequested, .sourceChanged(detail: ""), .leaseRefused(reason: "no")])
    func whatIsDoneStaysDoneWhateverComesWhileItsDetailsAreFetched(event: UploadEvent) {
        for isStarted in [true, false] {
            var bench = Bench()
            bench.saved = UploadCheckpoint(phase: .done, partSize: 2)
            bench.kill()
            if isStarted { bench.tell(.started) }

            bench.tell(event)
            bench.finish()

            #expect(bench.isDone || event == .leaseRefused(reason: "no") && !isStarted)
        }
    }

    // MARK: - Not overwriting

    @Test func anExistingObjectIsAConflictNotAnOverwrite() {
        var bench = Bench(forbidOverwrite: true)
        _ = bench.server.put([1], forbidOverwrite: false)

        bench.tell(.started)
        bench.finish()

        guard case .failed(let reason)? = bench.outcome else {
            Issue.record("not failed")
            return
        }
        #expect(reason.code == "FileAlreadyExists")
        #expect(bench.server.object?.bytes == [1])
        #expect(bench.saved.uploadID.map { bench.server.uploads[$0] != nil } == true, "kept for a retry or an abort")
    }

    @Test(arguments: [true, false]) func aPutThatWasRefusedBecauseOfItselfIsDone(killed: Bool) {
        var bench = Bench(parts: 1, forbidOverwrite: true)
        bench.tell(.started)

        if killed {
            _ = bench.execute(.put)
            bench.resume()
        } else {
            bench.lose("put")
        }
        bench.finish()

        #expect(bench.isVerified)
        #expect(bench.sent.filter { $0 == "put" }.count == 1)
        #expect(bench.sent.contains("hash 1"))
    }

    @Test func anothersObjectIsNotTakenForOurLostPut() {
        var bench = Bench(parts: 1, forbidOverwrite: true)
        bench.tell(.started)
        _ = bench.server.put([7, 7], forbidOverwrite: false)

        bench.lose("put")
        bench.finish()

        guard case .failed(let reason)? = bench.outcome else {
            Issue.record("not failed")
            return
        }
        #expect(reason.code == "FileAlreadyExists")
    }
}
