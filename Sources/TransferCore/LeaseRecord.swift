import OSSProtocol

/// Time since the machine started. No setting of the time of day moves it.
public struct BootTime: Sendable, Equatable, Codable {
    /// Of this start of the machine and no other.
    public var boot: String
    /// Since then.
    public var milliseconds: Int64

    public init(boot: String, milliseconds: Int64) { (self.boot, self.milliseconds) = (boot, milliseconds) }
}

/// What is written down with credentials for the next run of the engine, to judge there whether they may be used.
public struct LeaseRecord: Sendable, Equatable, Codable {
    /// When they were had and when they end, by the steady clock of the run that had them. That clock begins anew with each run, from the
    /// time of day.
    public var fetched: Timestamp
    /// `nil`: they have no end.
    public var expires: Timestamp?
    /// The same moment as `fetched`; `nil` where the machine does not tell.
    public var boot: BootTime?
    /// Whom they are from.
    public var fingerprint: String
    /// OSS refused them. They are kept for their id alone, so that the source can be told.
    public var isRefused: Bool

    public init(fetched: Timestamp, expires: Timestamp?, boot: BootTime?, fingerprint: String, isRefused: Bool = false) {
        (self.fetched, self.expires, self.boot) = (fetched, expires, boot)
        (self.fingerprint, self.isRefused) = (fingerprint, isRefused)
    }

    /// What is left of them and how old they are; `nil` when they are not to be used: over, refused, another source's, without an end
    /// (those lie in a file of their own), or when nobody can tell how old they are.
    ///
    /// The time of day may have been set while no engine ran, so the age is what the machine's own count says where it can be compared,
    /// and the longer of both: a lease given up too early costs one fetch.
    public func rest(at now: Timestamp, boot present: BootTime?, fingerprint wanted: String) -> (left: Duration, age: Duration)? {
        guard !isRefused, fingerprint.utf8.elementsEqual(wanted.utf8), let expires else { return nil }
        var age = now - fetched
        if let boot, let present {
            guard boot.boot == present.boot else { return nil }
            age = max(age, .milliseconds(present.milliseconds - boot.milliseconds))
        }
        guard age >= .zero else { return nil }
        let left = expires - fetched - age
        return left > .zero ? (left, age) : nil
    }
}
