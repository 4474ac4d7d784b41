import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct UploadMachineTests {
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
}
