import OSSProtocol

/// Every decision about one upload. Placeholder bodies are being filled in.
public struct UploadMachine: Sendable {
    public struct Settings: Sendable, Hashable {
        public var policy: RetryPolicy
        /// Whether HEAD may be asked.
        public var mayRead: Bool
        /// The object may not exist yet (`x-oss-forbid-overwrite`).
        public var forbidOverwrite: Bool

        public init(policy: RetryPolicy = RetryPolicy(), mayRead: Bool = true, forbidOverwrite: Bool = false) {
            (self.policy, self.mayRead, self.forbidOverwrite) = (policy, mayRead, forbidOverwrite)
        }
    }

    public let plan: PartPlan
    public private(set) var checkpoint: UploadCheckpoint

    public init(fileSize: Int64, checkpoint: UploadCheckpoint, settings: Settings = Settings(), seed: UInt64) {
        plan = try! PartPlan(fileSize: fileSize, partSize: checkpoint.partSize)
        self.checkpoint = checkpoint
    }

    /// What the event leads to. Perform the actions in their order.
    public mutating func on(_ event: UploadEvent, at now: Timestamp) -> [UploadAction] { [] }

    /// A part to send now, for a slot that is free; `nil` when none may go (all stored, in flight, or waiting).
    public mutating func takePart(at now: Timestamp) -> PartRange? { nil }

    /// Whether `takePart` would give one at that time.
    public func wantsParts(at now: Timestamp) -> Bool { false }

    /// What must be written since the last call: for stores that keep a row a part.
    public mutating func takeChanges() -> CheckpointChanges { CheckpointChanges(header: false, replacesParts: false, parts: []) }

    /// Bytes of parts that were cut off by `.cancelRequests`; the driver knows them, the machine does not.
    public mutating func addResent(_ bytes: Int64) {}

    /// When to report `.deadline`.
    public var nextDeadline: Timestamp? { nil }
    /// Why nothing moves, when nothing does, and until when.
    public var wait: UploadWait? { nil }
    public var phase: UploadPhase { .idle }
    public var outcome: UploadOutcome? { nil }
    /// The newest failure and the part it was of.
    public var lastFailure: (failure: RequestFailure, part: Int?, at: Timestamp)? { nil }
    /// Why the stored bytes fell, newest last: "restarted from 0: …". At most the last 20.
    public var restarts: [String] { [] }
    public var storedBytes: Int64 { 0 }
    public var storedParts: Int { 0 }
    public var partsInFlight: Int { 0 }
    /// Tries that this part has cost in this run, 0 when it was not begun.
    public func tries(_ part: Int) -> Int { 0 }
    public func state(of part: Int) -> PartState { .todo }
}

/// Since the last `takeChanges`.
public struct CheckpointChanges: Sendable, Equatable {
    /// Anything but `parts` changed.
    public var header: Bool
    /// Delete all rows of parts first; `parts` is the whole list.
    public var replacesParts: Bool
    /// New or changed parts.
    public var parts: [StoredPart]
}

public struct UploadWait: Sendable, Equatable {
    /// `nil`: something outside has to happen first (a lease).
    public var until: Timestamp?
    public var reason: String
}

/// For the screens.
public enum UploadPhase: String, Sendable, CaseIterable {
    /// Before the first event.
    case idle
    /// Asking the server for an upload id, or what it has.
    case starting
    case uploading
    /// Everything is stored; Complete, and what settles it.
    case verifying
    /// Nothing is in flight, waiting for the next try.
    case retrying
    /// Waiting for a lease.
    case awaitingLease
    case aborting
    case ended
}

public enum PartState: Sendable, Equatable {
    case todo, sending(attempt: Int), waiting(attempt: Int, until: Timestamp), checking, stored
}
