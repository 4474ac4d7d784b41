/// The one table from an OSS error code to what it means for an upload. Source: the fact sheet of the protocol, section 9.2, and the
/// error vectors. The class never depends on a message; an empty `ec` stands for any.
enum FailureTable {
    enum Meaning: Sendable, Equatable {
        case transient, throttled, staleLease, clockSkew, uploadGone, partsDiffer, checksumMismatch, conflict, denied, permanent
        case storedCallbackFailed
    }

    struct Row: Sendable {
        var code: String
        var ec: String
        var meaning: Meaning

        init(_ code: String, ec: String = "", _ meaning: Meaning) { (self.code, self.ec, self.meaning) = (code, ec, meaning) }
    }

    /// Rows with an EC come before the row of the code alone.
    static let rows: [Row] = [
        // The object is stored; only the callback did not work.
        Row("CallbackFailed", .storedCallbackFailed),
        // Bad moments.
        Row("BadRequest", .transient),  // the official SDKs retry it
        Row("RequestTimeout", .transient),  // the socket was idle too long
        Row("IncompleteBody", .transient),  // the connection broke in the middle
        Row("InternalError", .transient),  // 500
        // Overload: fewer at once, and as late as the server says.
        Row("ServiceUnavailable", .throttled),  // 503
        Row("SlowDown", .throttled),  // the name S3-like gateways use
        Row("ActiveRequestLimitExceeded", .throttled),  // requests at once
        Row("CpuLimitExceeded", .throttled),  // image processing and kin
        Row("TotalQpsLimitExceeded", .throttled),  // requests a second
        Row("MetaOperationQpsLimitExceeded", .throttled),  // initiates and lists a second
        Row("UploadTrafficRateLimitExceeded", .throttled),  // bytes a second
        Row("DownloadTrafficRateLimitExceeded", .throttled),  // bytes a second
        Row("QpsLimitExceeded", .throttled),  // older name
        Row("RequestLimitExceeded", .throttled),  // older name
        // The lease: a new token, sign again.
        Row("SecurityTokenExpired", .staleLease),  // past its Expiration
        Row("InvalidSecurityToken", .staleLease),  // unknown, revoked, or not of this key
        Row("AccessKeyIdAndSecurityTokenNotMatch", .staleLease),  // key and token of two leases
        Row("InvalidAccessKeyId", .staleLease),  // a temporary key that is gone; with a long-lived key it is denied
        Row("AccessDenied", ec: "0002-00000069", .staleLease),  // a signed URL after its end: get a new one
        // The clock: learn the offset, sign again.
        Row("RequestTimeTooSkewed", .clockSkew),  // more than 15 minutes off
        Row("InvalidArgument", ec: "0002-00000212", .clockSkew),  // V4 scope date not acceptable
        // The upload and its parts.
        Row("NoSuchUpload", .uploadGone),  // completed or aborted
        Row("InvalidPart", .partsDiffer),  // a named part is missing or has another ETag
        Row("InvalidDigest", .checksumMismatch),  // Content-MD5 differs from the body that arrived
        Row("InvalidCRC64", .checksumMismatch),  // the same, by CRC-64
        Row("BadDigest", .checksumMismatch),  // the name S3-like gateways use
        // Existing data is in the way.
        Row("FileAlreadyExists", .conflict),  // x-oss-forbid-overwrite
        Row("FileImmutable", .conflict),  // under a retention policy
        Row("ObjectNotAppendable", .conflict),  // an object of the other kind
        Row("ObjectAlreadyExists", .conflict),  // older name
        Row("PositionNotEqualToLength", .conflict),  // append only
        Row("BucketNotEmpty", .conflict),  // bucket calls only
        Row("BucketAlreadyExists", .conflict),  // bucket calls only
        // Not allowed; a person has to change rights, account or bucket.
        Row("AccessDenied", .denied),  // policy, ACL, wrong endpoint
        Row("SignatureDoesNotMatch", .denied),  // wrong secret
        Row("UserDisable", .denied),  // account overdue
        Row("BucketDisable", .denied),  // bucket overdue or locked
        Row("InvalidObjectState", .denied),  // frozen object
        Row("KmsServiceNotEnabled", .denied),  // KMS not bought
        Row("SecondLevelDomainForbidden", .denied),  // path style not allowed
        Row("NonStandardHostForbidden", .denied),  // host name not allowed
        Row("PermanentRedirect", .denied),  // wrong endpoint
        Row("CnameDenied", .denied),  // custom domain not allowed
        Row("TransferAccelerationDisabled", .denied),  // accelerate endpoint not enabled
        Row("BucketNotBelongTo", .denied),  // somebody else's bucket
        Row("AbnormalBucketOwnerStatus", .denied),  // owner locked
        Row("SecurityTokenNotSupported", .denied),  // the operation takes no tokens
        Row("InvalidPayer", .denied),  // requester pays
        // The request itself is wrong or impossible.
        Row("InvalidPartOrder", .permanent),  // parts must ascend
        Row("EntityTooSmall", .permanent),  // a part below 100 KiB
        Row("EntityTooLarge", .permanent),  // a part above 5 GiB
        Row("MalformedXML", .permanent),  // body of Complete
        Row("InvalidArgument", .permanent),
        Row("InvalidBucketName", .permanent),
        Row("InvalidObjectName", .permanent),
        Row("InvalidRequest", .permanent),
        Row("InvalidTargetType", .permanent),  // symlink
        Row("InvalidEncryptionAlgorithmError", .permanent),
        Row("NotImplemented", .permanent),
        Row("TooManyParts", .permanent),  // over 10,000
        Row("InvalidPolicyDocument", .permanent),  // form upload
        Row("FilePartNotExist", .permanent),  // form upload
        Row("InlineDataTooLarge", .permanent),
        Row("MissingArgument", .permanent),
        Row("RequestIsNotMultiPartContent", .permanent),  // form upload
        Row("InvalidTag", .permanent),
        Row("TooManyTags", .permanent),
        Row("PartNotSequential", .permanent),  // sequential mode, which is never asked for
        Row("NoSuchBucket", .permanent),
        Row("NoSuchKey", .permanent),
        Row("NoSuchVersion", .permanent),
        Row("SymlinkTargetNotExist", .permanent),
        Row("MethodNotAllowed", .permanent),
        Row("MissingContentLength", .permanent),
        Row("PreconditionFailed", .permanent),
        Row("InvalidRange", .permanent),
    ]

    /// libcurl codes after which the same request fails again until a person changes something. All others (resolve, connect, time-out,
    /// reset, half an answer) are bad moments. Numbers: curl/curl.h, which never changes them.
    static let permanentCurl: Set<Int32> = [
        1,  // CURLE_UNSUPPORTED_PROTOCOL
        3,  // CURLE_URL_MALFORMAT
        4,  // CURLE_NOT_BUILT_IN
        43,  // CURLE_BAD_FUNCTION_ARGUMENT
        48,  // CURLE_UNKNOWN_OPTION
        53, 54,  // CURLE_SSL_ENGINE_NOTFOUND, _SETFAILED
        58, 59,  // CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER
        60,  // CURLE_PEER_FAILED_VERIFICATION: not the server it claims to be, or a private CA that `ca-file` does not name
        66,  // CURLE_SSL_ENGINE_INITFAILED
        77,  // CURLE_SSL_CACERT_BADFILE
        82, 83,  // CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR
        90,  // CURLE_SSL_PINNEDPUBKEYNOTMATCH
        91,  // CURLE_SSL_INVALIDCERTSTATUS
    ]

    private static let byCode: [String: Meaning] = Dictionary(
        rows.filter(\.ec.isEmpty).map { ($0.code, $0.meaning) }, uniquingKeysWith: { first, _ in first })
    private static let byCodeAndEC: [String: Meaning] = Dictionary(
        rows.filter { !$0.ec.isEmpty }.map { ("\($0.code) \($0.ec)", $0.meaning) }, uniquingKeysWith: { first, _ in first })

    static func meaning(status: Int, code: String, ec: String?) -> Meaning {
        if let ec, let known = byCodeAndEC["\(code) \(ec)"] { return known }
        if let known = byCode[code] { return known }
        // No code we know (`BadErrorResponse`: a proxy's page, a broken body, HEAD without a body): the status alone decides.
        switch status {
        case 429, 503: return .throttled
        case 401, 408, 500...599: return .transient
        case 403: return .denied
        case 409: return .conflict
        case 203: return .storedCallbackFailed
        case 200...299: return .transient
        default: return .permanent
        }
    }
}
