/// The one judgement over a failed request: HTTP status + OSS error code + curl code, never message text; and, where these leave it
/// open, what the request was signed with.
public func classify(_ failure: RequestFailure) -> FailureClass {
    switch failure.row.meaning {
    case .transient: .transient
    case .throttled: .throttled(retryAfter: failure.retryAfter)
    // Another lease of a long-lived key has the same id.
    case .staleLease: failure.authority == .lasting && failure.code == "InvalidAccessKeyId" ? .denied : .staleLease
    case .clockSkew: .clockSkew(serverTime: failure.serverTime)
    case .uploadGone: .uploadGone
    case .partsDiffer: .partsDiffer
    case .checksumMismatch: .checksumMismatch
    case .sourceChanged: .sourceChanged
    case .conflict: .conflict
    // Which EC the service gives for a signed URL after its end is not documented for version 4; its clock says it as well.
    case .denied: failure.authority == .ended && failure.httpStatus == 403 ? .staleLease : .denied
    case .permanent: .permanent
    case .storedCallbackFailed: .storedCallbackFailed
    case .cancelled: .cancelled
    }
}

extension RequestFailure {
    var row: FailureTable.Row {
        switch cause {
        case .answer(let status, let code, let ec): FailureTable.row(status: status, code: code, ec: ec)
        case .curl(let code): FailureTable.row(curl: code)
        // `errno` 0: it shrank or changed while it was read. Anything else is the disk's or the rights' matter and needs a person.
        // `unsigned`: nothing was sent because nothing could be signed, which is the lease's matter.
        case .unusableAnswer, .cancelled, .source, .unsigned: FailureTable.row(own: code)
        }
    }

    /// The endpoint did not answer, or only a machine in front of it did, or it is too busy: nobody's fault here, so the upload waits
    /// instead of failing.
    var isUnreachable: Bool {
        switch cause {
        case .curl: true
        case .answer(let status, _, _): [429, 502, 503, 504].contains(status)
        case .unusableAnswer, .cancelled, .source, .unsigned: false
        }
    }

    /// It was lost or broken, as others beside it were not. What a busy server refuses is not meant: that asks for patience, whoever gets
    /// through.
    var isAlone: Bool { othersAnswered && isUnreachable && classify(self) == .transient }

    /// The server may have done what was asked, although nobody heard of it.
    var mayHaveBeenDone: Bool {
        switch cause {
        // No name, no connection, no TLS: it never got there.
        case .curl(let code): ![5, 6, 7, 35, 60].contains(code)
        case .answer(let status, _, _): status >= 500 && status != 503
        case .unusableAnswer, .cancelled: true
        case .source, .unsigned: false
        }
    }

    /// For `UploadFailureReason` and the last error of an upload.
    public var code: String {
        switch cause {
        case .answer(_, let code, _): code
        case .curl(let code): "Curl\(code)"
        case .unusableAnswer: "UnusableAnswer"
        case .cancelled: "Cancelled"
        case .source(0): "SourceChanged"
        // ENFILE and EMFILE: nothing is wrong with the file.
        case .source(23), .source(24): "TooManyOpenFiles"
        case .source: "SourceUnreadable"
        case .unsigned: "NoCredentials"
        }
    }

    public var httpStatus: Int? {
        if case .answer(let status, _, _) = cause { status } else { nil }
    }
}
