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
    case pause, resume, retry, cancel, abort, remove, undo
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
public struct QueueFacts: Sendable, Equatable {
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

    public static func == (a: QueueFacts, b: QueueFacts) -> Bool {
        a.state == b.state && a.isRunning == b.isRunning && a.hasUploadID == b.hasUploadID && a.cancelled?.at == b.cancelled?.at
            && a.cancelled?.before == b.cancelled?.before
    }
}

/// Decisions about the queue as a whole. It holds limits and counts, never the rows: a million of them stay in the store.
public struct QueueMachine: Sendable, Equatable {
    /// Uploads at once.
    public var slots: Int
    /// The whole queue is paused by a person; single uploads keep their states.
    public var isPaused: Bool
    public var keepCancelled: Duration

    public init(slots: Int = 5, isPaused: Bool = false, keepCancelled: Duration = .seconds(24 * 3600)) {
        (self.slots, self.isPaused, self.keepCancelled) = (slots, isPaused, keepCancelled)
    }

    /// How many more uploads may get their turn.
    public func freeSlots(running: Int) -> Int { 0 }
    public func mayStart(_ state: QueueState, notBefore: Timestamp?, at now: Timestamp) -> Bool { false }
    public func decide(_ action: QueueAction, _ facts: QueueFacts, at now: Timestamp) -> QueueDecision { .unchanged(reason: "") }
    public func landing(of outcome: UploadOutcome) -> QueueLanding { QueueLanding(state: .done) }
}

/// Where a row is after its machine's run ended.
public struct QueueLanding: Sendable, Equatable {
    public var state: QueueState
    public var held: HeldReason?
    public var notBefore: Timestamp?
    public init(state: QueueState, held: HeldReason? = nil, notBefore: Timestamp? = nil) {
        (self.state, self.held, self.notBefore) = (state, held, notBefore)
    }
}
