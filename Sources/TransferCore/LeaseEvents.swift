import OSSProtocol

/// What a caller who needs credentials gets to hear.
public enum LeaseAnswer: Sendable, Equatable {
    /// Sign with that generation.
    case use(generation: UInt64)
    /// A fetch is on its way: wait for `.wake`, then ask again.
    case wait
    /// The source said no. Asking again by itself is pointless for now.
    case refused(reason: String)
    /// The source does not answer; ask again at that time.
    case unavailable(until: Timestamp, reason: String)
}

public enum LeaseEvent: Sendable, Equatable {
    /// The fetch ended well. `life`: how long the credentials are good from now, by the source's own clock; `nil`: no end.
    /// `age`: how long ago they were given (above 0 when they come from the cache), counted on top of `life`.
    case fetched(life: Duration?, age: Duration = .zero)
    /// The source does not answer or has a bad moment.
    case failed(retryAfter: Duration?, reason: String)
    /// The source said no (401, 403, not configured).
    case refused(reason: String)
    /// OSS refused a request signed with that generation.
    case retired(generation: UInt64)
    /// A person, or a changed configuration, wants a new lease now.
    case renewRequested
    /// The time of `nextDeadline` has come.
    case deadline
}

public enum LeaseAction: Sendable, Equatable {
    /// Start the one flight; report `.fetched`, `.failed` or `.refused`. Never given while one is under way.
    case fetch
    /// Everyone who was told to wait asks again.
    case wake
    /// Forget the credentials of that generation.
    case forget(generation: UInt64)
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
