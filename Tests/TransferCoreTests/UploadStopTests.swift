import Testing

@testable import TransferCore

/// Every moment in which an upload can be stopped, and every way to stop it.
enum StopPoint: String, CaseIterable, CustomTestStringConvertible {
    case beforeStart, initiateInFlight, firstPartInFlight, partBackingOff, leaseAwaited, lastPartInFlight, completeInFlight, completeLost
    case headInFlight, confirmInFlight, resumeListInFlight, hashInFlight, putInFlight, putBackingOff, initiateBackingOff

    var testDescription: String { rawValue }

    func bench() -> Bench {
        switch self {
        case .putInFlight, .putBackingOff: Bench(parts: 1)
        default: Bench()
        }
    }

    func advance(_ bench: inout Bench) {
        let lost = RequestFailure(.curl(56))
        if self != .beforeStart { bench.tell(.started) }
        switch self {
        case .beforeStart, .initiateInFlight, .putInFlight: break
        case .initiateBackingOff: bench.fail("initiate", lost)
        case .putBackingOff: bench.fail("put", lost)
        case .firstPartInFlight: bench.run(until: "part 1")
        case .partBackingOff:
            bench.run(until: "part 2")
            bench.fail("part 1", lost)
        case .leaseAwaited:
            bench.run(until: "part 2")
            bench.fail("part 1", answer(403, "SecurityTokenExpired"))
        case .lastPartInFlight:
            bench.run(until: "part 3")
            bench.answer("part 1")
            bench.answer("part 2")
        case .completeInFlight: bench.run(until: "complete")
        case .completeLost, .headInFlight, .confirmInFlight:
            bench.run(until: "complete")
            bench.lose("complete")
            if self != .completeLost { bench.wait() }
            if self == .confirmInFlight { bench.answer("head") }
        case .resumeListInFlight, .hashInFlight:
            bench.run(until: "part 3")
            // Stored, and never heard of.
            if let part = bench.calls.first(where: { $0.name == "part 2" }) { _ = bench.execute(part) }
            bench.resume()
            if self == .hashInFlight { bench.answer("list") }
        }
    }
}

@Suite struct UploadStopTests {
    @Test(arguments: StopPoint.allCases) func aPausedUploadGoesOnWhereItStopped(point: StopPoint) {
        var bench = point.bench()
        point.advance(&bench)
        let inFlight = bench.calls.count

        bench.tell(.paused)
        settle(&bench)
        let isOver = bench.isDone
        let before = bench.sent.count
        let stored = bench.saved.parts.count
        if !isOver {
            #expect(bench.outcome == .paused)
            #expect(bench.calls.isEmpty)
            checkLedger(bench)
            bench.resume()
            bench.finish()
        }

        #expect(bench.isDone)
        #expect(bench.server.object?.bytes == bench.file)
        #expect(bench.server.uploads.isEmpty)
        let resent = bench.sent[before...].filter { $0.hasPrefix("part") }.count
        #expect(resent <= bench.machine.plan.partCount - stored, "only what is missing, with \(inFlight) in flight at the stop")
    }

    @Test(arguments: StopPoint.allCases) func aCancelledUploadKeepsItsUploadID(point: StopPoint) {
        var bench = point.bench()
        point.advance(&bench)

        bench.tell(.cancelled)
        settle(&bench)

        if !bench.isDone {
            #expect(bench.outcome == .cancelled)
            checkLedger(bench)
        }
    }

    @Test(arguments: StopPoint.allCases) func anAbortedUploadLeavesNothing(point: StopPoint) {
        var bench = point.bench()
        point.advance(&bench)

        bench.tell(.abortRequested)
        bench.finish()

        #expect(bench.server.uploads.isEmpty)
        if !bench.isDone {
            #expect(bench.outcome == .aborted)
            #expect(bench.saved.uploadID == nil)
            #expect(bench.machine.storedBytes == 0)
        } else {
            #expect(bench.server.object?.bytes == bench.file)
        }
    }

    @Test(arguments: StopPoint.allCases) func aKilledEngineLosesNoMoreThanWhatWasInFlight(point: StopPoint) {
        var bench = point.bench()
        point.advance(&bench)
        let stored = bench.saved.parts.count
        let before = bench.sent.count
        checkLedger(bench)

        bench.resume()
        bench.finish()

        #expect(bench.isDone)
        #expect(bench.server.object?.bytes == bench.file)
        #expect(bench.server.uploads.isEmpty)
        let resent = bench.sent[before...].filter { $0.hasPrefix("part") }.count
        #expect(resent <= bench.machine.plan.partCount - stored)
    }

    @Test(arguments: StopPoint.allCases) func anAbortThatIsKilledGoesOnAfterwards(point: StopPoint) {
        var bench = point.bench()
        point.advance(&bench)
        bench.tell(.abortRequested)

        bench.kill()
        bench.tell(.abortRequested)
        bench.finish()

        let orphan = bench.server.uploads.keys.first
        // An initiate whose answer nobody lived to see is the one thing that only a listing can find.
        #expect(orphan == nil || point == .initiateInFlight)
    }

    @Test(arguments: StopPoint.allCases) func aSecondOrderDoesNotHurt(point: StopPoint) {
        var bench = point.bench()
        point.advance(&bench)

        bench.tell(.paused)
        bench.tell(.abortRequested)
        bench.finish()

        let isSettled = bench.outcome == .paused || bench.outcome == .aborted || bench.isDone
        #expect(isSettled)
        checkLedger(bench)
    }

    @Test func abortDuringInitiateAbortsTheIDThatArrives() {
        var bench = Bench()
        bench.tell(.started)

        bench.tell(.abortRequested)
        #expect(bench.calls == [.initiate], "its answer matters")
        bench.finish()

        #expect(bench.sent == ["initiate", "abort", "abort"])
        #expect(bench.outcome == .aborted)
    }

    @Test func anAbortIsRepeatedUntilTheServerKnowsTheUploadNoMore() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "part 1")
        bench.tell(.abortRequested)

        // Something keeps it alive the first time.
        bench.calls = []
        bench.tell(.aborted)
        bench.finish()

        #expect(bench.sent.suffix(3) == ["abort", "abort", "abort"])
        #expect(bench.server.uploads.isEmpty)
    }

    @Test func anAbortAfterALostCompleteDoesNotDenyTheObject() {
        var bench = Bench()
        bench.tell(.started)
        bench.run(until: "complete")
        bench.lose("complete")

        bench.tell(.abortRequested)
        bench.finish()

        #expect(bench.isVerified)
        #expect(bench.sent.suffix(2) == ["abort", "head"])
    }

    @Test func anAbortWhoseAnswerWasLostIsNeverTakenForSuccess() {
        var bench = Bench(mayRead: false)
        bench.tell(.started)
        bench.run(until: "complete")
        bench.fail("complete", RequestFailure(.curl(56)))
        bench.tell(.abortRequested)

        bench.lose("abort")
        bench.finish()

        #expect(bench.outcome == .aborted)
        #expect(bench.server.object == nil)
    }

    @Test func anAbortThatIsSentTwiceOnItsWayIsNeverTakenForSuccess() throws {
        var bench = Bench(mayRead: false)
        bench.tell(.started)
        bench.run(until: "complete")
        bench.fail("complete", RequestFailure(.curl(28)))
        bench.tell(.abortRequested)

        // The first copy did it; the answer that comes is the second's.
        bench.server.uploads = [:]
        bench.answer("abort")

        #expect(bench.outcome == .aborted)
        #expect(bench.server.object == nil)
    }

    @Test func aConflictAfterALostCompleteIsNoSuccessWhereOnlyTheSizeIsTheSame() {
        var bench = Bench(forbidOverwrite: true)
        bench.tell(.started)
        bench.run(until: "complete")
        bench.fail("complete", RequestFailure(.curl(28)))
        bench.run(until: "head")
        bench.answer("head")
        bench.fail("complete", answer(409, "FileAlreadyExists"))
        bench.calls = []
        bench.tell(.objectHead(.found(size: Int64(bench.file.count), crc64: nil, etag: "E")))

        bench.fail("list", answer(403, "AccessDenied"))

        guard case .failed(let reason)? = bench.outcome else {
            Issue.record("\(String(describing: bench.outcome))")
            return
        }
        #expect(reason.code == "FileAlreadyExists")
    }

    @Test func ordersAfterTheEndAreIgnored() {
        var bench = Bench(parts: 1)
        bench.tell(.started)
        bench.finish()
        let count = bench.actions.count

        for event in [UploadEvent.paused, .cancelled, .abortRequested, .sourceChanged(detail: ""), .deadline, .tryNow] { bench.tell(event) }

        #expect(bench.actions.count == count)
        #expect(bench.isDone)
    }

    /// Initiate and complete are answered before an order is obeyed.
    private func settle(_ bench: inout Bench) {
        for _ in 0..<3 where bench.outcome == nil { bench.answer() }
    }

    private func checkLedger(_ bench: Bench) {
        for id in bench.server.uploads.keys { #expect(bench.saved.uploadID == id) }
    }
}
