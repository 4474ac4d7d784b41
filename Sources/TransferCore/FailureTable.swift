/// The one table from what went wrong to what it means for an upload and what the operator is told.
///
/// Source: the fact sheet of the protocol, sections 1, 2, 5, 6, 8 and 9.2, and the error vectors. The class never depends on a message.
enum FailureTable {
    enum Meaning: Sendable, Equatable, CaseIterable {
        case transient, throttled, staleLease, clockSkew, uploadGone, partsDiffer, checksumMismatch, conflict, denied, permanent
        case storedCallbackFailed, sourceChanged, cancelled
    }

    /// Where the answer or the address knows more than the sentence of the row, `FailureAdvice` says it instead.
    enum Fix: Sendable { case endpoint, signingRegion, addressing, host, acceleration }

    struct Row: Sendable {
        /// OSS's code; empty for any.
        var code: String
        /// Finer than the code, and decides before it; empty for any.
        var ec: String
        /// Only for answers without a code of this table: a proxy's page, a broken body, HEAD without one.
        var statuses: ClosedRange<Int>?
        var meaning: Meaning
        /// One sentence in the imperative.
        var advice: String
        var fix: Fix?

        init(_ code: String, ec: String = "", _ meaning: Meaning, _ advice: String, fix: Fix? = nil) {
            (self.code, self.ec, self.meaning, self.advice, self.fix) = (code, ec, meaning, advice, fix)
        }

        init(ec: String = "", _ meaning: Meaning, _ advice: String) { self.init("", ec: ec, meaning, advice) }

        init(_ statuses: ClosedRange<Int>, _ meaning: Meaning, _ advice: String) {
            (code, ec, self.statuses, self.meaning, self.advice) = ("", "", statuses, meaning, advice)
        }
    }

    // MARK: - Answers of OSS

    /// In order: code and EC, EC alone, code alone, status.
    static func row(status: Int, code: String, ec: String?) -> Row {
        if let ec, !ec.isEmpty, let row = byName["\(code) \(ec)"] ?? byName[" \(ec)"] { return row }
        if !code.isEmpty, let row = byName["\(code) "] { return row }
        return rows.first { $0.statuses?.contains(status) == true } ?? other
    }

    private static let byName: [String: Row] = Dictionary(
        rows.filter { $0.statuses == nil }.map { ("\($0.code) \($0.ec)", $0) }, uniquingKeysWith: { first, _ in first })

    private static let other = Row(.permanent, "Change what the answer names first: retrying alone will not help.")

    // MARK: - What happens on this side

    /// By the names of `RequestFailure.code`.
    static let own: [Row] = [
        Row("SourceChanged", .sourceChanged, "Retry to send the file as it is now."),
        Row("TooManyOpenFiles", .transient, "Raise the limit of open files: ulimit -Hn, or LimitNOFILE= of the service."),
        Row("SourceUnreadable", .permanent, "Check the file and its rights, then retry."),
        Row("NoCredentials", .staleLease, "Check the credentials, then retry."),
        Row("UnusableAnswer", .transient, "Check the endpoint and any proxy before it, then retry."),
        Row("Cancelled", .cancelled, "Retry when it suits you."),
    ]

    /// libcurl codes that say what to do. All others (time-out, reset, half an answer) are bad moments. Those that are `.permanent` fail
    /// again until a person changes something. Numbers: curl/curl.h, which never changes them.
    static let curl: [(code: Int32, meaning: Meaning, advice: String)] = [
        (1, .permanent, "Begin the endpoint with http:// or https://."),  // CURLE_UNSUPPORTED_PROTOCOL
        (3, .permanent, "Correct the endpoint: it makes no valid URL."),  // CURLE_URL_MALFORMAT
        (4, .permanent, outdated),  // CURLE_NOT_BUILT_IN
        (5, .transient, "Check the proxy's name."),  // CURLE_COULDNT_RESOLVE_PROXY
        (6, .transient, "Check the endpoint's name and the name server."),  // CURLE_COULDNT_RESOLVE_HOST
        (43, .permanent, outdated), (48, .permanent, outdated),  // CURLE_BAD_FUNCTION_ARGUMENT, CURLE_UNKNOWN_OPTION
        (53, .permanent, outdated), (54, .permanent, outdated),  // CURLE_SSL_ENGINE_NOTFOUND, _SETFAILED
        (58, .permanent, "Check the client's certificate."),  // CURLE_SSL_CERTPROBLEM
        (59, .permanent, outdated),  // CURLE_SSL_CIPHER
        // CURLE_PEER_FAILED_VERIFICATION: not the server it claims to be, or a private CA
        (60, .permanent, "Check that this is the right server, and name its CA in ca-file if it is a private one."),
        (66, .permanent, outdated),  // CURLE_SSL_ENGINE_INITFAILED
        (77, .permanent, "Check that ca-file names a readable file of certificates."),  // CURLE_SSL_CACERT_BADFILE
        (82, .permanent, "Check the certificates of this machine."),  // CURLE_SSL_CRL_BADFILE
        (83, .permanent, "Check the certificates of this machine."),  // CURLE_SSL_ISSUER_ERROR
        (90, .permanent, "Check that this is the right server: its key is not the expected one."),  // CURLE_SSL_PINNEDPUBKEYNOTMATCH
        (91, .permanent, "Check the server's certificate: its issuer has revoked it."),  // CURLE_SSL_INVALIDCERTSTATUS
    ]
    private static let outdated = "Update libcurl: this one cannot do what is needed."

    static func row(curl code: Int32) -> Row {
        guard let row = curl.first(where: { $0.code == code }) else {
            return Row(.transient, "Check the network and the endpoint, then retry.")
        }
        return Row(row.meaning, row.advice)
    }

    static func row(own code: String) -> Row { own.first { $0.code == code } ?? other }

    // MARK: - The table

    static let rows: [Row] = [
        // The object is stored; only the callback did not work.
        Row("CallbackFailed", .storedCallbackFailed, "Check the callback's server; do not upload again, the object is stored."),

        // Bad moments.
        Row("BadRequest", .transient, "Look for a proxy that changes requests, then retry."),  // the official SDKs retry it
        Row("RequestTimeout", .transient, "Check the network: the body came too slowly; then retry."),
        Row("IncompleteBody", .transient, "Check the network: the connection broke in the body; then retry."),
        Row("InternalError", .transient, serviceIll),

        // Overload: fewer at once, and as late as the server says.
        Row("ServiceUnavailable", .throttled, serviceIll),
        Row("SlowDown", .throttled, tooMuch),  // the name S3-like gateways use
        Row("ActiveRequestLimitExceeded", .throttled, "Lower the parts in flight, or raise the bucket's limit of requests at once."),
        Row("CpuLimitExceeded", .throttled, tooMuch),
        Row("TotalQpsLimitExceeded", .throttled, "Lower the parts in flight, or raise the account's limit of requests a second."),
        Row("MetaOperationQpsLimitExceeded", .throttled, "Start fewer uploads at once, or raise the account's limit of such requests."),
        Row("UploadTrafficRateLimitExceeded", .throttled, "Set a bandwidth limit below the account's, or have that raised."),
        Row("DownloadTrafficRateLimitExceeded", .throttled, "Set a bandwidth limit below the account's, or have that raised."),
        Row("QpsLimitExceeded", .throttled, tooMuch),  // older name
        Row("RequestLimitExceeded", .throttled, tooMuch),  // older name

        // The lease: a new token, sign again.
        Row("SecurityTokenExpired", .staleLease, "Renew the credentials, then retry."),
        Row("InvalidSecurityToken", .staleLease, "Check that key and token come from one answer of STS, then retry."),
        Row("AccessKeyIdAndSecurityTokenNotMatch", .staleLease, "Check that key and token come from one answer of STS, then retry."),
        // A temporary key that is gone; with a long-lived key it is denied.
        Row("InvalidAccessKeyId", .staleLease, "Check the access key id, and that a temporary one has its token with it."),
        Row(ec: "0002-00000003", .staleLease, "Give the security token that belongs to the temporary key."),
        Row(ec: "0002-00000007", .staleLease, "Renew the credentials, then retry."),
        Row(ec: "0002-00000008", .staleLease, "Check that key and token come from one answer of STS, then retry."),
        Row(ec: "0002-00000902", .staleLease, "Check the access key id: nobody has this one."),
        // A signed URL after its end, whichever version.
        Row("AccessDenied", ec: "0002-00000069", .staleLease, "Get a new signed URL, then retry."),

        // The clock: learn the offset, sign again.
        Row("RequestTimeTooSkewed", .clockSkew, setClock),  // more than 15 minutes off
        Row(ec: "0002-00000501", .clockSkew, setClock),
        Row(ec: "0002-00000504", .clockSkew, setClock),
        Row(ec: "0002-00000212", .clockSkew, setClock),  // the day that version 4 signs is not acceptable
        Row(ec: "0002-00000235", .clockSkew, setClock),  // a URL that begins in the future

        // The upload and its parts.
        Row("NoSuchUpload", .uploadGone, "Retry to begin the upload anew."),  // completed or aborted
        Row(ec: "0017-00000244", .uploadGone, "Retry to begin the upload anew."),
        Row("InvalidPart", .partsDiffer, "Retry to send the parts that are missing."),  // missing, or with another ETag
        Row("InvalidDigest", .checksumMismatch, damaged),  // Content-MD5 differs from the body that arrived
        Row("InvalidCRC64", .checksumMismatch, damaged),
        Row("BadDigest", .checksumMismatch, damaged),  // the name S3-like gateways use
        Row("ChecksumMismatch", .checksumMismatch, damaged),  // ours: the answer's CRC is not that of the file

        // Existing data is in the way.
        Row("FileAlreadyExists", .conflict, inTheWay),  // x-oss-forbid-overwrite
        Row("ObjectAlreadyExists", .conflict, inTheWay),  // older name
        Row("FileImmutable", .conflict, "Choose another name: a retention policy keeps the object as it is."),
        Row("ObjectNotAppendable", .conflict, "Remove the object or choose another name: it is of another kind."),
        Row("PositionNotEqualToLength", .conflict, "Look who else appends to the object."),
        Row("BucketNotEmpty", .conflict, "Empty the bucket first."),
        Row("BucketAlreadyExists", .conflict, "Choose another bucket name."),

        // Not allowed; a person has to change rights, account, bucket or endpoint.
        Row("AccessDenied", .denied, "Check what these credentials may do, and where; then retry."),
        Row("AccessDenied", ec: "0003-00000001", .denied, "Have this key allowed to do it by RAM or the bucket's policy."),
        Row("AccessDenied", ec: "0003-00001201", .denied, "Give credentials: this is not open to the public."),
        Row("AccessDenied", ec: "0003-00001403", .denied, "Set the endpoint to that of the bucket's region.", fix: .endpoint),
        Row("PermanentRedirect", .denied, "Set the endpoint to that of the bucket's region.", fix: .endpoint),
        Row("SignatureDoesNotMatch", .denied, wrongSecret),
        Row(ec: "0002-00000034", .denied, "Sign with version 4: this bucket or account takes no other."),
        Row(ec: "0002-00000040", .denied, wrongSecret),  // version 1
        Row(ec: "0002-00000201", .denied, wrongSecret),  // version 4
        Row(ec: "0002-00000705", .denied, wrongSecret),  // form upload
        Row(ec: "0002-00000225", .denied, "Use the signed URL from the address that it was made for."),
        Row(ec: "0002-00000067", .denied, brokenURL), Row(ec: "0002-00000068", .denied, brokenURL),  // Expires missing, empty,
        Row(ec: "0002-00000070", .denied, brokenURL),  // no number
        Row(ec: "0002-00000503", .denied, changedOnTheWay), Row(ec: "0002-00000505", .denied, changedOnTheWay),  // no date, no readable one
        Row("UserDisable", .denied, "Pay or unlock the account of the bucket's owner."),
        Row(ec: "0003-00000801", .denied, "Pay or unlock the account of the bucket's owner."),
        Row("BucketDisable", .denied, "Have the bucket unlocked by its owner."),
        Row("InvalidObjectState", .denied, "Restore the object first: it is frozen."),
        Row("KmsServiceNotEnabled", .denied, "Switch on KMS for the account, or choose AES256."),
        Row(
            "SecondLevelDomainForbidden", .denied, "Set addressing to virtual: the service takes no bucket in the path.", fix: .addressing),
        Row("NonStandardHostForbidden", .denied, "Set the endpoint to a host name that the service knows.", fix: .host),
        Row("CnameDenied", .denied, "Bind the custom domain to the bucket, or set the endpoint to the region's.", fix: .host),
        Row(
            "TransferAccelerationDisabled", .denied, "Switch on transfer acceleration for the bucket, or use the region's endpoint.",
            fix: .acceleration),
        Row("BucketNotBelongTo", .denied, "Check the bucket's name: it is somebody else's."),
        Row("AbnormalBucketOwnerStatus", .denied, "Have the account of the bucket's owner put in order."),
        Row("SecurityTokenNotSupported", .denied, "Use a long-lived key: this operation takes no tokens."),
        Row("InvalidPayer", .denied, "Ask the bucket's owner about who pays."),
        Row(403...403, .denied, "Check the rights of the credentials and the endpoint, then retry."),

        // The request itself is wrong or impossible.
        Row("InvalidArgument", .permanent, "Change the setting that the answer names."),
        Row("InvalidArgument", ec: "0002-00000226", .permanent, "Set the region to that of the bucket.", fix: .signingRegion),
        Row(ec: "0002-00000202", .permanent, changedOnTheWay), Row(ec: "0002-00000203", .permanent, changedOnTheWay),
        Row(ec: "0002-00000204", .permanent, changedOnTheWay), Row(ec: "0002-00000205", .permanent, changedOnTheWay),
        Row(ec: "0002-00000213", .permanent, "Check the access key id: it must have no / in it."),
        Row(ec: "0002-00000214", .permanent, changedOnTheWay),  // x-oss-content-sha256
        Row(ec: "0002-00000219", .permanent, brokenURL), Row(ec: "0002-00000223", .permanent, brokenURL),
        Row(ec: "0002-00000224", .permanent, brokenURL),
        Row(ec: "0002-00000227", .permanent, "Use an endpoint of the same product as the bucket."),
        Row(ec: "0002-00000232", .permanent, "Let signed URLs live 1 s to 7 days."),
        Row(ec: "0017-00000219", .permanent, changedOnTheWay),  // partNumber missing
        Row(ec: "0017-00000220", .permanent, "Raise the part size: there are 10000 parts at most."),
        Row("InvalidPartOrder", .permanent, "Retry; if it stays, report it: parts must ascend."),
        Row("EntityTooSmall", .permanent, "Raise the part size: all parts but the last need 100 KiB."),
        Row("EntityTooLarge", .permanent, "Lower the part size: a part has 5 GiB at most."),
        Row("MalformedXML", .permanent, changedOnTheWay),
        Row(ec: "0042-00000205", .permanent, changedOnTheWay),
        Row("InvalidBucketName", .permanent, "Correct the bucket's name."),
        Row("InvalidObjectName", .permanent, "Choose another object key."),
        Row("InvalidRequest", .permanent, "Change what the answer names."),
        Row("InvalidTargetType", .permanent, "Choose another object: a link may not lead to a link."),
        Row("InvalidEncryptionAlgorithmError", .permanent, "Set the encryption to AES256, KMS or SM4."),
        Row("NotImplemented", .permanent, "Leave out the header that the answer names."),
        Row("TooManyParts", .permanent, "Raise the part size: there are 10000 parts at most."),
        Row("PartNotSequential", .permanent, "Retry; if it stays, report it: the upload takes its parts in order only."),
        Row("InvalidPolicyDocument", .permanent, "Correct the policy of the form."),
        Row("FilePartNotExist", .permanent, changedOnTheWay),
        Row("InlineDataTooLarge", .permanent, "Shorten the data that goes with the request."),
        Row("MissingArgument", .permanent, "Give the setting that the answer names."),
        Row("RequestIsNotMultiPartContent", .permanent, changedOnTheWay),
        Row("MalformedPOSTRequest", .permanent, changedOnTheWay),
        Row("FieldItemTooLong", .permanent, "Shorten the field that the answer names."),
        Row("MaxPOSTPreDataLengthExceededError", .permanent, "Shorten the fields of the form."),
        Row("IncorrectNumberOfFilesInPOSTRequest", .permanent, "Send one file a form."),
        Row("InvalidTag", .permanent, "Correct the tags: keys have 1 to 128 characters, values at most 256."),
        Row("TooManyTags", .permanent, "Give at most 10 tags."),
        Row("NoSuchBucket", .permanent, "Check the bucket's name and the endpoint."),
        Row("NoSuchKey", .permanent, "Check the object key."),
        Row("NoSuchVersion", .permanent, "Check the version id."),
        Row("SymlinkTargetNotExist", .permanent, "Check what the link leads to."),
        Row("MethodNotAllowed", .permanent, "Check the endpoint: it does not take such requests."),
        Row("MissingContentLength", .permanent, changedOnTheWay),
        Row("PreconditionFailed", .permanent, "Look whether the object was changed by somebody else."),
        Row("InvalidRange", .permanent, "Ask for bytes that the object has."),

        // No code that we know: the status alone decides.
        Row(203...203, .storedCallbackFailed, "Check the callback's server; do not upload again, the object is stored."),
        Row(200...299, .transient, "Check the endpoint and any proxy before it, then retry."),
        Row(304...304, .permanent, "Retry without conditions: the object is as it was."),
        Row(300...399, .permanent, "Check the endpoint: what answers there sends callers elsewhere."),
        Row(401...401, .transient, "Check the proxy before the endpoint: it asks for a login."),  // the official SDKs retry it
        Row(407...407, .permanent, "Give the proxy its name and password."),
        Row(408...408, .transient, "Check the network: the request came too slowly; then retry."),
        Row(409...409, .conflict, inTheWay),
        Row(413...413, .permanent, "Lower the part size, or raise what the proxy lets through."),
        Row(424...424, .permanent, "Check the bucket's mirror rule: its source gives no answer."),
        Row(429...429, .throttled, tooMuch),
        Row(502...502, .transient, "Check the proxy before the endpoint, then retry."),
        Row(503...503, .throttled, serviceIll),
        Row(504...504, .transient, "Check the proxy before the endpoint, then retry."),
        Row(500...599, .transient, serviceIll),
    ]

    private static let serviceIll = "Retry when the service is well again."
    private static let tooMuch = "Lower the parts in flight, then retry."
    private static let setClock = "Set this machine's clock, then retry."
    private static let damaged = "Check disk, memory and network: something changes bytes; then retry."
    private static let inTheWay = "Remove the object, choose another name or allow overwriting, then retry."
    private static let wrongSecret = "Check the access key's secret, and that no proxy changes requests."
    private static let brokenURL = "Get a new signed URL and use it unchanged."
    private static let changedOnTheWay = "Look for a proxy that changes requests."
}
