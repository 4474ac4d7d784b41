import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct QueueMachineTests {
    private let now = Timestamp(seconds: 100_000)

    /// What each action does in each state, when no machine runs and nothing is stored: `=` nothing to do, `-` refused.
    private static let idle: [QueueState: String] = [
        //            pause    resume   retry    cancel      abort       remove
        .scanning: "  -        =        =        cancelled   cancelled   -",
        .queued: "    paused   =        =        cancelled   cancelled   -",
        .uploading: " paused   =        =        cancelled   cancelled   -",
        .verifying: " paused   =        =        cancelled   cancelled   -",
        .retrying: "  paused   =        queued   cancelled   cancelled   -",
        .held: "      paused   queued   queued   cancelled   cancelled   -",
        .paused: "    =        queued   -        cancelled   cancelled   -",
        .failed: "    -        -        queued   cancelled   cancelled   out",
        .done: "      -        -        -        -           -           out",
        .cancelled: " -        -        queued   =           =           out",
        .skipped: "   -        -        -        -           -           out",
    ]

    private static let actions: [QueueAction] = [.pause, .resume, .retry, .cancel, .abort, .remove]

    private func short(_ decision: QueueDecision) -> String {
        switch decision {
        case .move(let state): state.rawValue
        case .unchanged: "="
        case .refuse: "-"
        case .remove(abortFirst: false): "out"
        case .remove(abortFirst: true): "out+abort"
        case .runAbort: "abort"
        case .order(let event): "tell \(event)"
        }
    }

    @Test(arguments: QueueState.allCases) func theTableOfStatesAndActionsHolds(state: QueueState) throws {
        let expected = try #require(QueueMachineTests.idle[state]).split(separator: " ").map(String.init)
        let facts = QueueFacts(state: state, isRunning: false, hasUploadID: false)

        #expect(QueueMachineTests.actions.map { short(QueueMachine().decide($0, facts, at: now)) } == expected)
    }

    @Test(arguments: [QueueState.uploading, .verifying, .retrying]) func aRunningUploadIsToldInsteadOfMoved(state: QueueState) {
        let facts = QueueFacts(state: state, isRunning: true, hasUploadID: true)
        let machine = QueueMachine()

        #expect(machine.decide(.pause, facts, at: now) == .order(.paused))
        #expect(machine.decide(.cancel, facts, at: now) == .order(.cancelled))
        #expect(machine.decide(.abort, facts, at: now) == .order(.abortRequested))
        #expect(short(machine.decide(.remove, facts, at: now)) == "-")
        #expect(short(machine.decide(.retry, facts, at: now)) == (state == .retrying ? "tell tryNow" : "="))
    }

    @Test(arguments: [QueueState.queued, .held, .paused, .failed, .cancelled]) func anAbortOfStoredPartsRunsOnTheServer(state: QueueState) {
        let facts = QueueFacts(state: state, isRunning: false, hasUploadID: true)

        #expect(QueueMachine().decide(.abort, facts, at: now) == .runAbort)
    }

    @Test(arguments: [QueueState.failed, .cancelled]) func removingNeverForgetsAnUploadID(state: QueueState) {
        let facts = QueueFacts(state: state, isRunning: false, hasUploadID: true)

        #expect(QueueMachine().decide(.remove, facts, at: now) == .remove(abortFirst: true))
    }

    @Test func aFinishedUploadRefusesEveryActionByThatName() {
        let facts = QueueFacts(state: .done, isRunning: false, hasUploadID: false)

        for action in [QueueAction.pause, .resume, .retry, .cancel, .abort, .undo] {
            #expect(QueueMachine().decide(action, facts, at: now) == .refuse(reason: "had already finished"))
        }
    }

    @Test(arguments: [
        (QueueState.paused, QueueState.paused), (.queued, .queued), (.uploading, .queued), (.held, .queued), (.failed, .failed),
    ])
    func undoOfACancelBringsBackWhatItWas(before: QueueState, after: QueueState) {
        let facts = QueueFacts(state: .cancelled, isRunning: false, hasUploadID: true, cancelled: (now - .seconds(3_600), before))

        #expect(QueueMachine().decide(.undo, facts, at: now) == .move(after))
    }

    @Test func undoEndsWhenThePartsGo() {
        let machine = QueueMachine(keepCancelled: .seconds(60))
        let facts = QueueFacts(state: .cancelled, isRunning: false, hasUploadID: true, cancelled: (now - .seconds(60), .queued))

        #expect(short(machine.decide(.undo, facts, at: now)) == "-")
        #expect(machine.abortDue(cancelledAt: now - .seconds(60)) == now)
    }

    @Test func nothingIsUndoneOrRetriedWhileAMachineStillStops() {
        let facts = QueueFacts(state: .cancelled, isRunning: true, hasUploadID: true, cancelled: (now, .queued))

        #expect(short(QueueMachine().decide(.undo, facts, at: now)) == "-")
        #expect(short(QueueMachine().decide(.retry, facts, at: now)) == "-")
    }

    // MARK: - Endings

    @Test func thereIsAtLeastOneSlot() {
        var machine = QueueMachine(slots: 5)
        machine.slots = 0

        #expect(machine.slots == 1 && QueueMachine(slots: 1_000_000).slots == QueueMachine.mostSlots)
    }

    @Test func everyOutcomeHasItsLanding() {
        let machine = QueueMachine()

        #expect(machine.landing(of: .done(etag: nil, crc64: nil, verified: true)).state == .done)
        #expect(machine.landing(of: .paused).state == .paused)
        #expect(machine.landing(of: .paused, wholeQueue: true).state == .queued)
        #expect(machine.landing(of: .cancelled).state == .cancelled)
        #expect(machine.landing(of: .aborted).state == .cancelled)
        #expect(machine.landing(of: .failed(UploadFailureReason(code: "X", message: ""))).state == .failed)
        #expect(machine.landing(of: .held(.network, until: now)) == QueueLanding(state: .held, held: .network, notBefore: now))
    }

    @Test func theNamesAreThoseOfTheInterface() {
        #expect(
            QueueState.allCases.map(\.rawValue) == [
                "scanning", "queued", "uploading", "verifying", "retrying", "held", "paused", "failed", "done", "cancelled", "skipped",
            ])
    }
}
