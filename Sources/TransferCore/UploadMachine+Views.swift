import OSSProtocol

/// What changed in the checkpoint since the last `takeChanges`, for stores that keep a row a part.
public struct CheckpointChanges: Sendable, Equatable {
    /// Anything but `parts` changed.
    public var header: Bool
    /// Delete all rows of parts first; `parts` is the whole list.
    public var replacesParts: Bool
    /// New or changed parts.
    public var parts: [StoredPart]

    public init(header: Bool, replacesParts: Bool, parts: [StoredPart]) {
        (self.header, self.replacesParts, self.parts) = (header, replacesParts, parts)
    }
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
    case todo
    case sending(attempt: Int)
    case waiting(attempt: Int, until: Timestamp)
    /// Listed by the server, and being compared with the file.
    case checking
    case stored
}

extension UploadMachine {
    public mutating func takeChanges() -> CheckpointChanges {
        defer { changes = CheckpointChanges(header: false, replacesParts: false, parts: []) }
        return changes
    }

    /// Counts bytes of parts that `.cancelRequests` cut off; the driver knows them, the machine does not.
    public mutating func addResent(_ bytes: Int64) {
        checkpoint.resentBytes += max(bytes, 0)
        changes.header = true
    }

    /// When to report `.deadline`.
    public var nextDeadline: Timestamp? {
        switch step {
        case .waiting(_, let until): return until
        case .sending where !isLeasePending: return earliestPart
        case .idle, .asking, .blocked, .sending, .ended: return nil
        }
    }

    private var earliestPart: Timestamp? {
        var earliest: Timestamp?
        for part in tries.values {
            guard case .waiting(let until) = part.place, announced.map({ until > $0 }) ?? true else { continue }
            earliest = earliest.map { min($0, until) } ?? until
        }
        return earliest
    }

    /// Why nothing moves, when nothing does, and until when.
    public var wait: UploadWait? {
        switch phase {
        case .awaitingLease: UploadWait(until: nil, reason: "waiting for new credentials")
        case .retrying, .aborting: nextDeadline.map { UploadWait(until: $0, reason: lastFailure.map { $0.failure.sentence } ?? "next try") }
        case .idle, .starting, .uploading, .verifying, .ended: nil
        }
    }

    public var phase: UploadPhase {
        switch step {
        case .idle: return .idle
        case .ended: return .ended
        case .asking(.abort), .waiting(.abort, _), .blocked(.abort): return .aborting
        case .waiting: return .retrying
        case .blocked: return .awaitingLease
        case .asking(.initiate), .asking(.find), .asking(.list(.resume)), .asking(.list(.repair)): return .starting
        case .asking(.put): return .uploading
        case .asking(.complete), .asking(.head), .asking(.list), .asking(.hashWhole): return .verifying
        case .sending:
            if flying > 0 || checking != nil { return .uploading }
            if isLeasePending { return .awaitingLease }
            let untouched = plan.partCount - checkpoint.parts.count - tries.count
            return untouched > 0 || tries.isEmpty ? .uploading : .retrying
        }
    }

    public var outcome: UploadOutcome? {
        if case .ended(let outcome) = step { outcome } else { nil }
    }

    public var storedParts: Int { checkpoint.phase == .done ? plan.partCount : checkpoint.parts.count }
    public var partsInFlight: Int { step == .asking(.put) ? 1 : flying }

    /// Times this part was sent in this run, 0 when it was not begun or is stored.
    public func tries(_ part: Int) -> Int { tries[part]?.attempts ?? 0 }

    /// - Parameter part: 1 to `plan.partCount`.
    public func state(of part: Int) -> PartState {
        if checkpoint.phase == .done { return .stored }
        guard isStored.indices.contains(part - 1) else { return .todo }
        if isStored[part - 1] { return .stored }
        if step == .asking(.put) { return .sending(attempt: requestFailures + 1) }
        guard let attempt = tries[part] else { return .todo }
        switch attempt.place {
        case .flying: return .sending(attempt: attempt.attempts)
        case .waiting(let until): return .waiting(attempt: attempt.attempts, until: until)
        case .checking: return .checking
        }
    }
}
