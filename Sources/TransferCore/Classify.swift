/// The one judgement over a failed request: HTTP status + OSS error code + curl code, never message text.
///
/// - Parameter keyIsTemporary: with a long-lived key, an unknown access key id is not cured by a new lease.
public func classify(_ failure: RequestFailure, keyIsTemporary: Bool = true) -> FailureClass {
    switch failure.cause {
    case .answer(let status, let code, let ec):
        switch FailureTable.meaning(status: status, code: code, ec: ec) {
        case .transient: .transient
        case .throttled: .throttled(retryAfter: failure.retryAfter)
        case .staleLease: keyIsTemporary || code != "InvalidAccessKeyId" ? .staleLease : .denied
        case .clockSkew: .clockSkew(serverTime: failure.serverTime)
        case .uploadGone: .uploadGone
        case .partsDiffer: .partsDiffer
        case .checksumMismatch: .checksumMismatch
        case .conflict: .conflict
        case .denied: .denied
        case .permanent: .permanent
        case .storedCallbackFailed: .storedCallbackFailed
        }
    case .curl(let code): FailureTable.permanentCurl.contains(code) ? .permanent : .transient
    case .unusableAnswer: .transient
    case .cancelled: .cancelled
    // `errno` 0: it shrank or changed while it was read. Anything else is the disk's or the rights' matter and needs a person.
    case .source(let errno): errno == 0 ? .sourceChanged : .permanent
    // Nothing was sent because nothing could be signed: the lease's matter.
    case .unsigned: .staleLease
    }
}

extension RequestFailure {
    /// The endpoint did not answer, or only a machine in front of it did, or it is too busy: nobody's fault here, so the upload waits
    /// instead of failing.
    var isUnreachable: Bool {
        switch cause {
        case .curl: true
        case .answer(let status, _, _): [429, 502, 503, 504].contains(status)
        case .unusableAnswer, .cancelled, .source, .unsigned: false
        }
    }

    /// For `UploadFailureReason` and the last error of an upload.
    public var code: String {
        switch cause {
        case .answer(_, let code, _): code
        case .curl(let code): "Curl\(code)"
        case .unusableAnswer: "UnusableAnswer"
        case .cancelled: "Cancelled"
        case .source(let errno): errno == 0 ? "SourceChanged" : "SourceUnreadable"
        case .unsigned: "NoCredentials"
        }
    }

    public var httpStatus: Int? {
        if case .answer(let status, _, _) = cause { status } else { nil }
    }
}
