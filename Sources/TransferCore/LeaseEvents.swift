import OSSProtocol

/// Who waits for credentials: numbered by the driver in the order of asking, no number twice.
public typealias LeaseCaller = UInt64

/// What a caller gets to hear in the end.
public enum LeaseAnswer: Sendable, Equatable {
    /// Sign with that generation.
    case use(generation: UInt64)
    /// The source said no. Asking again by itself is pointless for now.
    case refused(reason: String)
    /// The source does not answer; ask again at that time.
    case unavailable(until: Timestamp, reason: String)
    /// The caller went away.
    case cancelled
}

/// When credentials end. `expiration` is a time on the server's clock.
public enum LeaseEnd: Sendable, Equatable {
    case never
    /// So long after the source answered, by the source's own clock. Counted from the moment it was asked, so that a slow answer
    /// makes a life shorter and never longer.
    case after(Duration, expiration: Timestamp)
    /// The source named a time and not what its clock says now: as good as what is known of the server's clock, and moves with that.
    case at(expiration: Timestamp)
}

public enum LeaseEvent: Sendable, Equatable {
    /// The fetch ended well.
    /// - `identity`: the access key's id. Temporary credentials with the same id are the same credentials.
    /// - `age`: how long ago they were given (above 0 when they come from the cache), counted on top of what is left.
    case fetched(identity: String, end: LeaseEnd, age: Duration = .zero)
    /// The source does not answer or has a bad moment.
    case failed(retryAfter: Duration?, reason: String)
    /// The source said no (401, 403, not configured).
    case refused(reason: String)
    /// OSS refused a request signed with that generation.
    case retired(generation: UInt64)
    /// A server told its time: its clock minus ours.
    case clockLearned(offset: Duration)
}

public enum LeaseAction: Sendable, Equatable {
    /// Start the one flight; report `.fetched`, `.failed` or `.refused`. Never given while one is under way.
    /// - `refusing`: the id of credentials that OSS refused: a source that keeps what it gives must not give those again.
    case fetch(refusing: String?)
    /// What has just been fetched is that generation. Given before it is handed to anybody.
    case keep(generation: UInt64)
    /// - `isRefused`: by OSS: no copy of those credentials may be used again, after a restart neither.
    case forget(generation: UInt64, isRefused: Bool)
    /// Each of these callers waits no longer.
    case answer([LeaseCaller], LeaseAnswer)
}

/// For the screens.
public enum LeaseState: Sendable, Equatable {
    case empty
    case fetching
    /// `until`: `nil` means no end.
    case held(until: Timestamp?)
    case refreshing(until: Timestamp?)
    /// `old`: the end of the lease that is still good while the source fails, if any.
    case backingOff(old: Timestamp?, notBefore: Timestamp, reason: String)
    case refused(notBefore: Timestamp, reason: String)
}
