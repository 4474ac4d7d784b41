import OSSProtocol

/// The states of an upload as users see them (docs/interface: "States"); the raw values are those of the control API.
public enum QueueState: String, Sendable, Codable, CaseIterable {
    case scanning, queued, uploading, verifying, retrying, held, paused, failed, done, cancelled, skipped

    /// Nothing will happen any more without a person.
    public var isEnded: Bool { [.done, .failed, .cancelled, .skipped].contains(self) }
    /// The upload machine has its turn.
    public var isActive: Bool { [.uploading, .verifying, .retrying].contains(self) }
}

public enum QueueAction: String, Sendable, CaseIterable {
    case pause, resume, retry, cancel, abort, remove
    /// Of a cancel.
    case undo
}

/// What an action does to one upload.
public enum QueueDecision: Sendable, Equatable {
    /// Only the row changes.
    case move(QueueState)
    /// Tell the running machine; its outcome moves the row.
    case order(UploadEvent)
    /// Start a machine on the checkpoint with `.abortRequested` as its first event; the row is `cancelled` at once.
    case runAbort
    /// Take the row out of the queue. `abortFirst`: its upload id must be in the ledger as owed an abort, in the same transaction.
    case remove(abortFirst: Bool)
    /// It is so already; `reason` for the person.
    case unchanged(reason: String)
    /// Not legal in this state; `reason` completes "ID …": "had already finished".
    case refuse(reason: String)
}

/// What the queue knows of one upload when an action comes.
public struct QueueFacts: Sendable {
    public var state: QueueState
    /// A machine runs it now.
    public var isRunning: Bool
    /// The checkpoint has an upload id that is neither completed nor aborted.
    public var hasUploadID: Bool
    /// For `cancelled`: when, and the state it had before.
    public var cancelled: (at: Timestamp, before: QueueState)?

    public init(state: QueueState, isRunning: Bool, hasUploadID: Bool, cancelled: (at: Timestamp, before: QueueState)? = nil) {
        (self.state, self.isRunning, self.hasUploadID, self.cancelled) = (state, isRunning, hasUploadID, cancelled)
    }
}

/// Where a row is after its machine's run ended.
public struct QueueLanding: Sendable, Equatable {
    public var state: QueueState
    public var held: HeldReason?
    /// For `held`: when it may run again by itself; `nil`: when what it waits for is back.
    public var notBefore: Timestamp?

    public init(state: QueueState, held: HeldReason? = nil, notBefore: Timestamp? = nil) {
        (self.state, self.held, self.notBefore) = (state, held, notBefore)
    }
}

/// Decisions about the queue as a whole. It holds limits, never the rows: a million of them stay in the store, and each question comes
/// with the values it is about.
public struct QueueMachine: Sendable, Equatable {
    public static let mostSlots = 256

    /// Uploads at once, 1 to 256.
    public var slots: Int { didSet { slots = QueueMachine.bounded(slots) } }
    /// The whole queue is paused by a person; single uploads keep their states.
    public var isPaused: Bool
    /// How long stored parts of a cancelled upload stay, and the cancel can be undone.
    public var keepCancelled: Duration

    public init(slots: Int = 5, isPaused: Bool = false, keepCancelled: Duration = .seconds(24 * 3600)) {
        (self.slots, self.isPaused, self.keepCancelled) = (QueueMachine.bounded(slots), isPaused, keepCancelled)
    }

    private static func bounded(_ slots: Int) -> Int { min(max(slots, 1), mostSlots) }

    // MARK: - Endings

    /// - Parameter wholeQueue: the pause was of the queue, so the upload goes on with the queue.
    public func landing(of outcome: UploadOutcome, wholeQueue: Bool = false) -> QueueLanding {
        switch outcome {
        case .done: QueueLanding(state: .done)
        case .paused: QueueLanding(state: wholeQueue ? .queued : .paused)
        case .cancelled, .aborted: QueueLanding(state: .cancelled)
        case .failed: QueueLanding(state: .failed)
        case .held(let reason, let until): QueueLanding(state: .held, held: reason, notBefore: until)
        }
    }

    /// When the stored parts of a cancelled upload are aborted.
    public func abortDue(cancelledAt: Timestamp) -> Timestamp { cancelledAt + keepCancelled }

    // MARK: - Actions

    public func decide(_ action: QueueAction, _ facts: QueueFacts, at now: Timestamp) -> QueueDecision {
        switch action {
        case .pause: pause(facts)
        case .resume: resume(facts)
        case .retry: retry(facts)
        case .cancel: cancel(facts)
        case .abort: abort(facts)
        case .remove: remove(facts)
        case .undo: undo(facts, at: now)
        }
    }

    private func pause(_ facts: QueueFacts) -> QueueDecision {
        if let over = QueueMachine.over(facts) { return over }
        switch facts.state {
        case .scanning: return .refuse(reason: "is still being scanned")
        case .paused: return .unchanged(reason: "is paused already")
        case .failed: return .refuse(reason: "has failed")
        case .cancelled: return .refuse(reason: "was cancelled")
        case .queued, .uploading, .verifying, .retrying, .held: return facts.isRunning ? .order(.paused) : .move(.paused)
        case .done, .skipped: return .refuse(reason: "had already finished")
        }
    }

    private func resume(_ facts: QueueFacts) -> QueueDecision {
        if let over = QueueMachine.over(facts) { return over }
        switch facts.state {
        case .paused where facts.isRunning: return .refuse(reason: "is still stopping")
        case .paused: return .move(.queued)
        case .held: return facts.isRunning ? .unchanged(reason: "runs already") : .move(.queued)
        case .scanning, .queued: return .unchanged(reason: "is in the queue already")
        case .uploading, .verifying, .retrying: return .unchanged(reason: "runs already")
        case .failed: return .refuse(reason: "has failed; retry it")
        case .cancelled: return .refuse(reason: "was cancelled; undo that or retry it")
        case .done, .skipped: return .refuse(reason: "had already finished")
        }
    }

    private func retry(_ facts: QueueFacts) -> QueueDecision {
        if let over = QueueMachine.over(facts) { return over }
        switch facts.state {
        case .failed, .cancelled, .held:
            // A cancelled one whose parts are being aborted has to wait for that: two machines on one checkpoint would fight.
            if facts.isRunning { return facts.state == .held ? .order(.tryNow) : .refuse(reason: "is still stopping") }
            return .move(.queued)
        case .retrying: return facts.isRunning ? .order(.tryNow) : .move(.queued)
        case .scanning, .queued: return .unchanged(reason: "is in the queue already")
        case .uploading, .verifying: return .unchanged(reason: "runs already")
        case .paused: return .refuse(reason: "is paused; resume it")
        case .done, .skipped: return .refuse(reason: "had already finished")
        }
    }

    private func cancel(_ facts: QueueFacts) -> QueueDecision {
        if let over = QueueMachine.over(facts) { return over }
        switch facts.state {
        case .cancelled: return .unchanged(reason: "is cancelled already")
        case .done, .skipped: return .refuse(reason: "had already finished")
        case .scanning, .queued, .uploading, .verifying, .retrying, .held, .paused, .failed:
            return facts.isRunning ? .order(.cancelled) : .move(.cancelled)
        }
    }

    private func abort(_ facts: QueueFacts) -> QueueDecision {
        if let over = QueueMachine.over(facts) { return over }
        if facts.isRunning { return .order(.abortRequested) }
        if facts.hasUploadID { return .runAbort }
        return facts.state == .cancelled ? .unchanged(reason: "has nothing stored on the server") : .move(.cancelled)
    }

    private func remove(_ facts: QueueFacts) -> QueueDecision {
        switch facts.state {
        case _ where facts.isRunning: .refuse(reason: "is still running; cancel it first")
        case .done, .skipped, .failed, .cancelled: .remove(abortFirst: facts.hasUploadID)
        case .scanning, .queued, .uploading, .verifying, .retrying, .held, .paused: .refuse(reason: "is not finished; cancel it first")
        }
    }

    private func undo(_ facts: QueueFacts, at now: Timestamp) -> QueueDecision {
        if let over = QueueMachine.over(facts) { return over }
        guard facts.state == .cancelled, let cancelled = facts.cancelled else { return .refuse(reason: "was not cancelled") }
        guard !facts.isRunning else { return .refuse(reason: "is still stopping") }
        guard now < abortDue(cancelledAt: cancelled.at) else { return .refuse(reason: "was cancelled too long ago; retry it") }
        // Back to what it was; what ran then stands in line again.
        return .move([.paused, .failed].contains(cancelled.before) ? cancelled.before : .queued)
    }

    private static func over(_ facts: QueueFacts) -> QueueDecision? {
        facts.state == .done || facts.state == .skipped ? .refuse(reason: "had already finished") : nil
    }
}
