import OSSProtocol

/// What went wrong with one request, as the driver saw it: facts, no judgement. `classify` judges.
public struct RequestFailure: Sendable, Equatable {
    public enum Cause: Sendable, Equatable {
        /// An HTTP answer that is not success.
        case answer(status: Int, code: String, ec: String?)
        /// libcurl's code: connect, TLS, time-out, reset … (`CURLcode`).
        case curl(Int32)
        /// The answer was a success but said something else than was asked (missing ETag, broken XML).
        case unusableAnswer
        /// The request was cancelled by us.
        case cancelled
        /// Reading the file failed (`errno`), or it shrank or changed under us (`errno` 0).
        case source(errno: Int32)
        /// No signed URL could be had for it.
        case unsigned(String)
    }
    public var cause: Cause
    public var requestID: String?
    /// `Retry-After` or `x-oss-qos-delay-time`.
    public var retryAfter: Duration?
    /// ServerTime element, else the answer's `Date`.
    public var serverTime: Timestamp?
    /// For people only; never decides anything.
    public var message: String
    /// What the request was signed with.
    public var authority: Authority
    /// What the operator should do, where the driver knows more than the table (`FailureAdvice`).
    public var advice: String?
    /// Others were answered there after this one was sent, or fell silent: neither the endpoint nor the way to it is away.
    public var othersAnswered = false

    public init(
        _ cause: Cause, requestID: String? = nil, retryAfter: Duration? = nil, serverTime: Timestamp? = nil, message: String = "",
        authority: Authority = .temporary, advice: String? = nil
    ) {
        self.cause = cause
        self.requestID = requestID
        self.retryAfter = retryAfter
        self.serverTime = serverTime
        self.message = message
        self.authority = authority
        self.advice = advice
    }

    public enum Authority: Sendable, Hashable {
        /// A long-lived key.
        case lasting
        /// A lease or a signed URL.
        case temporary
        /// The same, and by the clock of the server that refused it, it was past its end.
        case ended
    }
}

/// The one judgement over a failure. Decided by HTTP status + OSS error code + curl code, never by message text.
public enum FailureClass: Sendable, Equatable {
    case transient
    case throttled(retryAfter: Duration?)
    case staleLease
    case clockSkew(serverTime: Timestamp?)
    /// NoSuchUpload.
    case uploadGone
    /// InvalidPart: what we believe stored is not.
    case partsDiffer
    case checksumMismatch
    case sourceChanged
    /// FileAlreadyExists and kin.
    case conflict
    case denied
    case permanent
    /// Stored, but the callback failed (203).
    case storedCallbackFailed
    case cancelled
}
