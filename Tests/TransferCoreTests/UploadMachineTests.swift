import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct UploadMachineTests {
    private let lost = RequestFailure(.curl(56))

    // MARK: - The plain way

    @Test func aFileOfOnePartIsOnePut() {
        var bench = Bench(parts: 1)

        bench.tell(.started)
        bench.finish()

        #expect(bench.sent == ["put"])
        #expect(bench.isVerified)
        #expect(!bench.actions.contains(.save), "a put that may overwrite needs no note: that is what small files are fast by")
    }

    @Test func anEmptyFileIsStored() {
        var machine = UploadMachine(fileSize: 0, checkpoint: UploadCheckpoint(partSize: 8 << 20), seed: 1)

        let first = machine.on(.started, at: Timestamp(seconds: 1))
        let last = machine.on(.putSent(BodyReply(etag: "E", localCRC64: 0, serverCRC64: 0)), at: Timestamp(seconds: 2))

        #expect(first == [.put])
        #expect(last == [.finish(.done(etag: "E", crc64: 0, verified: true))])
    }

    @Test func partsGoOutAsSlotsAllowAndTheLastOneLeadsToComplete() {
        var bench = Bench(parts: 4, slots: 2)
        bench.tell(.started)
        bench.answer("initiate")

        #expect(bench.calls.map(\.name) == ["part 1", "part 2"])
        bench.answer("part 2")
        #expect(bench.calls.map(\.name) == ["part 1", "part 3"])
        bench.finish()

        #expect(bench.sent == ["initiate", "part 1", "part 2", "part 3", "part 4", "complete"])
        #expect(bench.isVerified)
        #expect(bench.server.object?.bytes == bench.file)
    }

    @Test func theUploadIDIsSavedBeforeTheFirstPart() {
        var machine = UploadMachine(fileSize: 6, checkpoint: UploadCheckpoint(partSize: 2), seed: 1)
        _ = machine.on(.started, at: Timestamp(seconds: 1))

        #expect(machine.takePart(at: Timestamp(seconds: 1)) == nil)
        let actions = machine.on(.initiated(uploadID: "u"), at: Timestamp(seconds: 1))

        #expect(actions == [.save, .partsReady])
        #expect(machine.checkpoint.uploadID == "u")
    }

    @Test func completeIsWrittenDownBeforeItIsSent() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "complete")

        #expect(bench.saved.phase == .completing)
        #expect(bench.saved.completeSent)
        #expect(bench.saved.parts.count == 3)
    }

    @Test func onlyWhatTheServerAcknowledgedCounts() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "part 2")

        #expect(bench.machine.storedBytes == 0)
        #expect(bench.machine.partsInFlight == 2)
        bench.answer("part 1")

        #expect(bench.machine.storedBytes == 2)
        #expect(bench.machine.state(of: 1) == .stored)
        #expect(bench.machine.state(of: 2) == .sending(attempt: 1))
    }

    @Test func newsThatComesTwiceIsIgnored() {
        var bench = Bench()
        bench.tell(.started)
        bench.answer("initiate")
        let reply = BodyReply(etag: "E", localCRC64: crc64(bench.file[0..<2]), serverCRC64: nil)
        bench.tell(.partSent(number: 1, reply))

        bench.tell(.partSent(number: 1, reply))
        bench.tell(.initiated(uploadID: "other"))
        bench.tell(.completed(etag: "X", serverCRC64: nil))
        bench.tell(.objectHead(.absent))

        #expect(bench.machine.ignoredEvents == 4)
        #expect(bench.machine.checkpoint.uploadID == "id1")
        #expect(bench.machine.storedBytes == 2)
    }

    // MARK: - Resuming

    @Test func aResumedUploadSendsOnlyWhatTheServerLacks() {
        var bench = Bench(parts: 5)
        bench.tell(.started)
        bench.run(until: "part 4")
        bench.answer("part 4")

        bench.resume()
        bench.finish()

        #expect(bench.sent.filter { $0 == "part 1" || $0 == "part 4" }.count == 2)
        #expect(bench.isVerified)
    }

    @Test func aPartThatWasStoredUnheardIsComparedWithTheFileInsteadOfSent() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "part 3")
        if let part = bench.calls.first(where: { $0.name == "part 3" }) { _ = bench.execute(part) }

        bench.resume()
        bench.finish()

        #expect(bench.sent.contains("hash 3"))
        #expect(bench.sent.filter { $0 == "part 3" }.count == 1)
        #expect(bench.isVerified)
    }

    @Test func aPartThatWasStoredUnheardAndDamagedIsSentAgain() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "part 3")
        _ = bench.server.store([9, 9], part: 3, of: "id1")

        bench.resume()
        bench.finish()

        #expect(bench.sent.filter { $0 == "part 3" }.count == 2)
        #expect(bench.server.object?.bytes == bench.file)
    }

    @Test func partsThatDoNotFollowOneAnotherAreReusedAndOnesOfAnotherSizeAreNot() {
        var bench = Bench(parts: 5)
        let id = bench.server.initiate()
        _ = bench.server.store(bench.file[2..<4], part: 2, of: id)
        _ = bench.server.store(bench.file[6..<8], part: 4, of: id)
        _ = bench.server.store(bench.file[0..<1], part: 1, of: id)
        _ = bench.server.store([1], part: 77, of: id)
        bench.saved = UploadCheckpoint(phase: .sending, partSize: 2, uploadID: id)

        bench.resume()
        bench.finish()

        #expect(Set(bench.sent.filter { $0.hasPrefix("part") }) == ["part 1", "part 3", "part 5"])
        #expect(Set(bench.sent.filter { $0.hasPrefix("hash") }) == ["hash 2", "hash 4"], "no other size is worth a look")
        #expect(bench.isVerified)
    }

    @Test func aVanishedUploadIsBegunAnewAndSaysSo() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "part 3")
        bench.server.uploads = [:]

        bench.resume()
        bench.finish()

        #expect(bench.isVerified)
        #expect(bench.machine.restarts.count == 1)
        #expect(bench.machine.restarts.first?.hasPrefix("restarted from 0") == true)
        #expect(bench.machine.checkpoint.resentBytes >= 2)
    }

    @Test func anUploadThatVanishesAgainAndAgainNeedsAPerson() {
        var bench = Bench()
        bench.tell(.started)

        for _ in 0..<20 where bench.outcome == nil {
            bench.run(until: "part 1")
            bench.server.uploads = [:]
            bench.answer("part 1")
        }

        guard case .failed(let reason)? = bench.outcome else {
            Issue.record("it goes on for ever")
            return
        }
        #expect(reason.code == "NoSuchUpload")
    }

    @Test func theNotesServeWhereListingIsDenied() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "part 3")
        bench.resume()

        bench.fail("list", answer(403, "AccessDenied"))
        bench.finish()

        #expect(bench.isVerified)
        #expect(bench.sent.filter { $0 == "part 1" }.count == 1)
    }

    @Test func aCheckpointWithNonsenseInItDoesNoHarm() {
        let part = StoredPart(number: 9_999, size: 2, etag: "x", crc64: 1)
        let checkpoint = UploadCheckpoint(phase: .sending, partSize: -5, uploadID: "u", parts: [part, part])

        let machine = UploadMachine(fileSize: 10, checkpoint: checkpoint, seed: 1)

        #expect(machine.storedBytes == 0)
        #expect(machine.plan.partSize > 0)
    }

    // MARK: - Complete

    @Test func aLostCompleteIsSettledByHeadAndTheUploadIDBeforeAnythingIsSentAgain() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "complete")

        bench.lose("complete")
        bench.finish()

        #expect(bench.sent.suffix(3) == ["complete", "head", "list"])
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

    // MARK: - Failures of parts

    @Test func aPartThatWaitsGivesItsSlotToAnother() {
        var bench = Bench(slots: 1)
        bench.tell(.started)
        bench.answer("initiate")

        bench.fail("part 1", answer(503, "SlowDown", retryAfter: .seconds(60)))

        #expect(bench.calls.map(\.name) == ["part 2"])
        #expect(bench.machine.state(of: 1) == .waiting(attempt: 1, until: bench.now + .seconds(60)))
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

    @Test func aTokenThatStaysStaleHoldsAndAKeyThatStaysUnknownFails() {
        for (code, isHeld) in [("SecurityTokenExpired", true), ("InvalidAccessKeyId", false)] {
            var bench = Bench(slots: 1)
            bench.tell(.started)
            for _ in 0..<20 where bench.outcome == nil {
                bench.run(until: "part 1")
                bench.fail("part 1", answer(403, code))
            }

            #expect(bench.sent.filter { $0 == "part 1" }.count == 3, "twice in a row at most")
            if case .held(.credentials, _)? = bench.outcome { #expect(isHeld) } else { #expect(!isHeld) }
        }
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
