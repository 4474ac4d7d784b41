/// Sentences about failures, made in this one place: what, why, what to do.
extension RequestFailure {
    /// One line for a wait: `SlowDown (503)`, `Curl7: could not connect`.
    public var sentence: String {
        switch cause {
        case .answer(let status, let code, _): "\(code) (\(status))\(message.isEmpty ? "" : ": \(message)")"
        case .curl, .unusableAnswer, .cancelled, .source, .unsigned: message.isEmpty ? code : message
        }
    }
}

extension UploadFailureReason {
    /// - Parameter part: the part it was of, if it was one.
    public init(_ failure: RequestFailure, part: Int? = nil) {
        let remedy: String
        switch (failure.code, classify(failure)) {
        case ("ChecksumMismatch", _), (_, .checksumMismatch):
            remedy = "Something on the way or the disk changes bytes; check both, then retry."
        case ("SourceUnreadable", _): remedy = "Check the file and its rights, then retry."
        case ("SourceChanged", _): remedy = "Retry sends the file as it is now."
        case (_, .conflict): remedy = "Remove the object, choose another name or allow overwriting, then retry."
        case ("NoSuchBucket", _): remedy = "Check the bucket's name and region, then retry."
        case ("SignatureDoesNotMatch", _), (_, .staleLease): remedy = "Check the credentials, then retry."
        case (_, .clockSkew): remedy = "Set this machine's clock, then retry."
        case (_, .denied): remedy = "Check the rights of the credentials and the endpoint, then retry."
        case (_, .permanent): remedy = "Retrying alone will not help: change what it names first."
        case (_, _): remedy = "Retry when the service is well again."
        }
        self.init(
            code: failure.code, httpStatus: failure.httpStatus, requestID: failure.requestID, part: part,
            message: "\(UploadFailureReason.what(failure, part)). \(remedy)")
    }

    private static func what(_ failure: RequestFailure, _ part: Int?) -> String {
        let subject = part.map { "Part \($0)" } ?? "The upload"
        switch failure.cause {
        case .answer(200, "ChecksumMismatch", _): return "\(subject) arrived damaged: \(failure.message)"
        case .source: return "\(subject) could not be read\(failure.message.isEmpty ? "" : ": \(failure.message)")"
        default: return "\(subject) was refused: \(failure.sentence)"
        }
    }
}
