import OSSProtocol
import Testing

@testable import TransferCore

@Suite struct ClassifyTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var status: Int
        var code: String
        var ec: String?
        var expected: FailureTable.Meaning
        var testDescription: String { "\(status) \(code) \(ec ?? "")" }

        init(_ status: Int, _ code: String, ec: String? = nil, _ expected: FailureTable.Meaning) {
            (self.status, self.code, self.ec, self.expected) = (status, code, ec, expected)
        }
    }

    /// Every code of the fact sheet, section 9.2, with the reaction it asks for.
    static let sheet: [Case] = [
        Case(203, "CallbackFailed", .storedCallbackFailed),
        Case(400, "BadRequest", .transient), Case(400, "RequestTimeout", .transient), Case(400, "IncompleteBody", .transient),
        Case(400, "InvalidDigest", .checksumMismatch), Case(400, "InvalidCRC64", .checksumMismatch), Case(400, "InvalidPart", .partsDiffer),
        Case(400, "InvalidPartOrder", .permanent), Case(400, "EntityTooSmall", .permanent), Case(400, "EntityTooLarge", .permanent),
        Case(400, "MalformedXML", .permanent), Case(400, "InvalidArgument", .permanent), Case(400, "InvalidBucketName", .permanent),
        Case(400, "InvalidObjectName", .permanent), Case(400, "InvalidRequest", .permanent), Case(400, "InvalidTargetType", .permanent),
        Case(400, "InvalidEncryptionAlgorithmError", .permanent), Case(400, "NotImplemented", .permanent),
        Case(400, "TooManyParts", .permanent),
        Case(400, "InvalidPolicyDocument", .permanent), Case(400, "FilePartNotExist", .permanent),
        Case(400, "InlineDataTooLarge", .permanent),
        Case(400, "MissingArgument", .permanent), Case(400, "RequestIsNotMultiPartContent", .permanent),
        Case(400, "InvalidTag", .permanent),
        Case(400, "TooManyTags", .permanent), Case(400, "InvalidArgument", ec: "0002-00000212", .clockSkew),
        Case(401, "BadErrorResponse", .transient),
        Case(403, "SecurityTokenExpired", .staleLease), Case(403, "InvalidSecurityToken", .staleLease),
        Case(403, "AccessKeyIdAndSecurityTokenNotMatch", .staleLease), Case(403, "InvalidAccessKeyId", .staleLease),
        Case(403, "RequestTimeTooSkewed", .clockSkew), Case(403, "AccessDenied", ec: "0002-00000069", .staleLease),
        Case(403, "AccessDenied", .denied), Case(403, "SignatureDoesNotMatch", .denied), Case(403, "UserDisable", .denied),
        Case(403, "BucketDisable", .denied), Case(403, "InvalidObjectState", .denied), Case(403, "KmsServiceNotEnabled", .denied),
        Case(403, "SecondLevelDomainForbidden", .denied), Case(403, "NonStandardHostForbidden", .denied),
        Case(403, "PermanentRedirect", .denied),
        Case(403, "CnameDenied", .denied), Case(403, "TransferAccelerationDisabled", .denied), Case(403, "BucketNotBelongTo", .denied),
        Case(403, "AbnormalBucketOwnerStatus", .denied), Case(403, "SecurityTokenNotSupported", .denied),
        Case(403, "InvalidPayer", .denied),
        Case(404, "NoSuchBucket", .permanent), Case(404, "NoSuchKey", .permanent), Case(404, "NoSuchVersion", .permanent),
        Case(404, "SymlinkTargetNotExist", .permanent), Case(404, "NoSuchUpload", .uploadGone),
        Case(405, "MethodNotAllowed", .permanent), Case(408, "BadErrorResponse", .transient),
        Case(409, "FileAlreadyExists", .conflict), Case(409, "FileImmutable", .conflict), Case(409, "ObjectNotAppendable", .conflict),
        Case(409, "BucketNotEmpty", .conflict), Case(409, "BucketAlreadyExists", .conflict),
        Case(409, "PositionNotEqualToLength", .conflict),
        Case(411, "MissingContentLength", .permanent), Case(412, "PreconditionFailed", .permanent), Case(416, "InvalidRange", .permanent),
        Case(424, "BadErrorResponse", .permanent), Case(429, "BadErrorResponse", .throttled), Case(500, "InternalError", .transient),
        Case(502, "BadErrorResponse", .transient), Case(504, "BadErrorResponse", .transient), Case(503, "ServiceUnavailable", .throttled),
        Case(503, "ActiveRequestLimitExceeded", .throttled), Case(503, "CpuLimitExceeded", .throttled),
        Case(503, "TotalQpsLimitExceeded", .throttled), Case(503, "MetaOperationQpsLimitExceeded", .throttled),
        Case(503, "UploadTrafficRateLimitExceeded", .throttled), Case(503, "DownloadTrafficRateLimitExceeded", .throttled),
        Case(503, "SlowDown", .throttled), Case(503, "BadErrorResponse", .throttled),
    ]

    /// The error vectors (`error-xml.json`): status, code, EC and the reaction they recommend.
    static let vectors: [(id: String, status: Int, code: String, ec: String, reaction: String)] = [
        ("err-001", 403, "RequestTimeTooSkewed", "0002-00000504", "fix_clock_then_retry"),
        ("err-002", 403, "SecurityTokenExpired", "0002-00000007", "refresh_token_then_retry"),
        ("err-003", 403, "InvalidSecurityToken", "0002-00000008", "refresh_token_then_retry"),
        ("err-004", 403, "InvalidAccessKeyId", "0002-00000003", "refresh_token_then_retry"),
        ("err-006", 403, "SignatureDoesNotMatch", "0002-00000040", "fail"),
        ("err-007", 403, "SignatureDoesNotMatch", "0002-00000201", "fail"),
        ("err-008", 400, "InvalidArgument", "0002-00000226", "fail"),
        ("err-009", 400, "InvalidArgument", "0002-00000212", "fix_clock_then_retry"),
        ("err-010", 403, "AccessDenied", "0003-00000001", "fail"), ("err-011", 403, "AccessDenied", "0003-00001403", "fail"),
        ("err-012", 404, "NoSuchBucket", "0015-00000101", "fail"), ("err-013", 404, "NoSuchKey", "0026-00000001", "fail"),
        ("err-014", 404, "NoSuchUpload", "0017-00000244", "restart_upload"), ("err-015", 400, "InvalidPart", "", "relist_parts"),
        ("err-016", 400, "InvalidPartOrder", "", "fail"), ("err-017", 400, "EntityTooSmall", "0042-00000213", "fail"),
        ("err-018", 409, "FileAlreadyExists", "0026-00000002", "fail_conflict"),
        ("err-019", 409, "PositionNotEqualToLength", "", "fail_conflict"),
        ("err-020", 400, "InvalidDigest", "", "resend"), ("err-021", 400, "RequestTimeout", "", "retry"),
        ("err-022", 503, "UploadTrafficRateLimitExceeded", "", "retry"), ("err-023", 503, "TotalQpsLimitExceeded", "", "retry"),
        ("err-024", 500, "InternalError", "", "retry"), ("err-025", 503, "ServiceUnavailable", "", "retry"),
        ("err-026", 403, "AccessDenied", "", "fail"), ("err-028", 400, "InvalidArgument", "", "fail"),
        ("err-030", 403, "BadErrorResponse", "", "fail"), ("err-031", 502, "BadErrorResponse", "", "retry"),
        ("err-032", 500, "BadErrorResponse", "", "retry"),
        ("err-033", 203, "CallbackFailed", "0007-00000203", "stored_but_callback_failed"),
        ("err-034", 403, "UserDisable", "0003-00000801", "fail"),
    ]

    @Test(arguments: sheet) func everyCodeOfTheSheetHasItsClass(row: Case) {
        #expect(FailureTable.meaning(status: row.status, code: row.code, ec: row.ec) == row.expected)
    }

    @Test func everyRowOfTheTableIsOnTheSheetOrAKnownOlderName() {
        let older: Set = ["QpsLimitExceeded", "RequestLimitExceeded", "BadDigest", "ObjectAlreadyExists", "PartNotSequential"]
        let known = Set(ClassifyTests.sheet.map(\.code)).union(older)

        #expect(FailureTable.rows.filter { !known.contains($0.code) }.map(\.code) == [])
    }

    @Test func noCodeHasTwoRows() {
        let names = FailureTable.rows.map { "\($0.code) \($0.ec)" }

        #expect(Set(names).count == names.count)
    }

    @Test func everyVectorGetsTheReactionItRecommends() {
        let reactions: [String: Set<String>] = [
            "retry": ["transient", "throttled"], "resend": ["checksumMismatch"], "refresh_token_then_retry": ["staleLease"],
            "fix_clock_then_retry": ["clockSkew"], "relist_parts": ["partsDiffer"], "restart_upload": ["uploadGone"],
            "fail": ["denied", "permanent"], "fail_conflict": ["conflict"], "stored_but_callback_failed": ["storedCallbackFailed"],
        ]
        for vector in ClassifyTests.vectors {
            let meaning = FailureTable.meaning(status: vector.status, code: vector.code, ec: vector.ec.isEmpty ? nil : vector.ec)

            #expect(reactions[vector.reaction]?.contains("\(meaning)") == true, "\(vector.id): \(meaning)")
        }
    }

    @Test func anUnknownLongLivedKeyIsDeniedAndATemporaryOneIsStale() {
        // Vector err-005.
        let failure = RequestFailure(.answer(status: 403, code: "InvalidAccessKeyId", ec: "0002-00000902"))

        #expect(classify(failure, keyIsTemporary: false) == .denied)
        #expect(classify(failure) == .staleLease)
    }

    @Test(arguments: [5, 6, 7, 16, 18, 28, 35, 52, 55, 56, 65, 92, 9_999]) func aBrokenConnectionIsTransient(code: Int32) {
        #expect(classify(RequestFailure(.curl(code))) == .transient)
    }

    @Test(arguments: [1, 3, 60, 77]) func aConnectionThatCanNeverWorkIsPermanent(code: Int32) {
        #expect(classify(RequestFailure(.curl(code))) == .permanent)
    }

    @Test func theRestOfTheCausesHaveTheirClass() {
        #expect(classify(RequestFailure(.unusableAnswer)) == .transient)
        #expect(classify(RequestFailure(.cancelled)) == .cancelled)
        #expect(classify(RequestFailure(.source(errno: 0))) == .sourceChanged)
        #expect(classify(RequestFailure(.source(errno: 5))) == .permanent)
        #expect(classify(RequestFailure(.unsigned("away"))) == .staleLease)
        #expect(classify(answer(599, "Whatever")) == .transient)
        #expect(classify(answer(418, "Whatever")) == .permanent)
        #expect(classify(answer(403, "Whatever")) == .denied)
        #expect(classify(answer(409, "Whatever")) == .conflict)
        #expect(classify(answer(301, "BadErrorResponse")) == .permanent)
    }

    @Test func theTimesOfTheAnswerComeAlong() {
        let time = Timestamp(seconds: 5)

        #expect(classify(answer(503, "SlowDown", retryAfter: .seconds(3))) == .throttled(retryAfter: .seconds(3)))
        #expect(classify(answer(403, "RequestTimeTooSkewed", serverTime: time)) == .clockSkew(serverTime: time))
    }

    @Test func theMessageDecidesNothing() {
        for text in ["Request has expired.", "NoSuchUpload", "SlowDown"] {
            let failure = RequestFailure(.answer(status: 403, code: "AccessDenied", ec: nil), message: text)
            #expect(classify(failure) == .denied)
        }
    }

    @Test func everyFailureBecomesASentenceThatSaysWhatToDo() {
        for row in ClassifyTests.sheet {
            let reason = UploadFailureReason(answer(row.status, row.code), part: 3)

            #expect(reason.message.contains(". "))
            #expect(reason.message.hasSuffix("."))
            #expect(reason.code == row.code)
        }
    }
}
