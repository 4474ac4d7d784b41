import Foundation
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
        Case(503, "SlowDown", .throttled), Case(503, "BadErrorResponse", .throttled), Case(304, "BadErrorResponse", .permanent),
        Case(400, "MalformedPOSTRequest", .permanent), Case(400, "FieldItemTooLong", .permanent),
        Case(400, "MaxPOSTPreDataLengthExceededError", .permanent), Case(400, "IncorrectNumberOfFilesInPOSTRequest", .permanent),
    ]

    /// Every EC that the fact sheet gives a meaning, under the code it comes with, and the class that follows.
    static let finer: [Case] = [
        // 1.2, 2
        Case(403, "AccessDenied", ec: "0003-00001403", .denied), Case(403, "AccessDenied", ec: "0003-00001201", .denied),
        Case(400, "InvalidArgument", ec: "0002-00000034", .denied),
        // 2.1
        Case(403, "SignatureDoesNotMatch", ec: "0002-00000201", .denied), Case(400, "InvalidArgument", ec: "0002-00000202", .permanent),
        Case(400, "InvalidArgument", ec: "0002-00000203", .permanent), Case(400, "InvalidArgument", ec: "0002-00000204", .permanent),
        Case(400, "InvalidArgument", ec: "0002-00000205", .permanent), Case(400, "InvalidArgument", ec: "0002-00000212", .clockSkew),
        Case(400, "InvalidArgument", ec: "0002-00000213", .permanent), Case(400, "InvalidArgument", ec: "0002-00000214", .permanent),
        Case(403, "AccessDenied", ec: "0002-00000219", .permanent), Case(400, "InvalidArgument", ec: "0002-00000223", .permanent),
        Case(400, "InvalidArgument", ec: "0002-00000224", .permanent), Case(403, "AccessDenied", ec: "0002-00000225", .denied),
        Case(400, "InvalidArgument", ec: "0002-00000226", .permanent), Case(400, "InvalidArgument", ec: "0002-00000227", .permanent),
        Case(400, "InvalidArgument", ec: "0002-00000232", .permanent), Case(403, "AccessDenied", ec: "0002-00000235", .clockSkew),
        // 2.2
        Case(403, "SignatureDoesNotMatch", ec: "0002-00000040", .denied), Case(403, "AccessDenied", ec: "0002-00000067", .denied),
        Case(403, "AccessDenied", ec: "0002-00000068", .denied), Case(403, "AccessDenied", ec: "0002-00000069", .staleLease),
        Case(403, "AccessDenied", ec: "0002-00000070", .denied),
        // 2.3
        Case(403, "InvalidAccessKeyId", ec: "0002-00000003", .staleLease),
        Case(403, "SecurityTokenExpired", ec: "0002-00000007", .staleLease),
        Case(403, "InvalidSecurityToken", ec: "0002-00000008", .staleLease),
        Case(403, "InvalidAccessKeyId", ec: "0002-00000902", .staleLease),
        Case(403, "RequestTimeTooSkewed", ec: "0002-00000501", .clockSkew),
        Case(403, "RequestTimeTooSkewed", ec: "0002-00000504", .clockSkew),
        Case(403, "AccessDenied", ec: "0002-00000503", .denied), Case(403, "AccessDenied", ec: "0002-00000505", .denied),
        // 4 to 9
        Case(403, "AccessDenied", ec: "0003-00000001", .denied), Case(403, "UserDisable", ec: "0003-00000801", .denied),
        Case(409, "FileAlreadyExists", ec: "0026-00000002", .conflict), Case(409, "FileAlreadyExists", ec: "0026-00000201", .conflict),
        Case(409, "FileAlreadyExists", ec: "0042-00000214", .conflict), Case(400, "EntityTooSmall", ec: "0042-00000213", .permanent),
        Case(400, "MalformedXML", ec: "0042-00000205", .permanent), Case(400, "InvalidArgument", ec: "0017-00000219", .permanent),
        Case(400, "InvalidArgument", ec: "0017-00000220", .permanent), Case(404, "NoSuchUpload", ec: "0017-00000244", .uploadGone),
        Case(404, "NoSuchBucket", ec: "0015-00000101", .permanent), Case(404, "NoSuchKey", ec: "0026-00000001", .permanent),
        Case(409, "BucketNotEmpty", ec: "0015-00000301", .conflict), Case(409, "BucketAlreadyExists", ec: "0015-00000104", .conflict),
        Case(403, "SignatureDoesNotMatch", ec: "0002-00000705", .denied),
    ]

    @Test(arguments: sheet + finer) func everyCodeOfTheSheetHasItsClass(row: Case) {
        #expect(FailureTable.row(status: row.status, code: row.code, ec: row.ec).meaning == row.expected)
    }

    @Test func noCodeOfTheSheetIsLeftToItsStatus() {
        for row in ClassifyTests.sheet where row.code != "BadErrorResponse" {
            #expect(FailureTable.row(status: row.status, code: row.code, ec: nil).code == row.code)
        }
    }

    @Test func everyRowOfTheTableIsOnTheSheetOrAKnownOlderName() {
        let older: Set = [
            "QpsLimitExceeded", "RequestLimitExceeded", "BadDigest", "ObjectAlreadyExists", "PartNotSequential", "ChecksumMismatch", "",
        ]
        let codes = Set(ClassifyTests.sheet.map(\.code)).union(older)
        let finer = Set(ClassifyTests.finer.map { $0.ec ?? "" }).union([""])

        #expect(FailureTable.rows.filter { !codes.contains($0.code) || !finer.contains($0.ec) }.map { "\($0.code) \($0.ec)" } == [])
    }

    @Test func noCodeHasTwoRows() {
        let names = FailureTable.rows.filter { $0.statuses == nil }.map { "\($0.code) \($0.ec)" }

        #expect(Set(names).count == names.count)
    }

    @Test func everyAdviceIsOneSentenceInTheImperative() {
        let advices = FailureTable.rows.map(\.advice) + FailureTable.own.map(\.advice) + FailureTable.curl.map(\.advice)

        for advice in advices {
            #expect(
                advice.hasSuffix(".") && !advice.contains(". ") && !advice.contains("..") && advice.first?.isUppercase == true, "\(advice)")
            #expect(advice.count <= 100, "\(advice)")
        }
    }

    @Test func whatAServerSaysIsOneLineThatNothingTurnsRound() {
        let failure = RequestFailure(.unusableAnswer, message: "a\u{202E}b\u{2028}c\u{9B}d\u{200F}e\n")

        #expect(failure.sentence == "a b c d e")
    }

    /// The error vectors, as the protocol's own tests read them.
    struct Answer: Decodable {
        struct Entry: Decodable {
            var id: String
            var status: Int
            var headers: [String: String]
            var body: String
            var reaction: String
        }
        var vectors: [Entry]
    }

    @Test func everyVectorGetsTheReactionItRecommends() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "OSSProtocolTests/Vectors/error-xml.json")
        let vectors = try JSONDecoder().decode(Answer.self, from: Data(contentsOf: file)).vectors
        let reactions: [String: Set<String>] = [
            "retry": ["transient", "throttled"], "resend": ["checksumMismatch"], "refresh_token_then_retry": ["staleLease"],
            "fix_clock_then_retry": ["clockSkew"], "relist_parts": ["partsDiffer"], "restart_upload": ["uploadGone"],
            "fail": ["denied", "permanent"], "fail_conflict": ["conflict"], "stored_but_callback_failed": ["storedCallbackFailed"],
        ]

        #expect(vectors.count == 34)
        // err-005 is the key that lives long; see the next test.
        for vector in vectors where vector.id != "err-005" {
            let headers = HTTPHeaders(vector.headers.map { HTTPHeaders.Field($0.key, $0.value) })
            let error = OSSError(response: HTTPResponse(status: vector.status, headers: headers, body: Array(vector.body.utf8)))
            let meaning = FailureTable.row(status: error.status, code: error.code, ec: error.ec).meaning

            #expect(reactions[vector.reaction]?.contains("\(meaning)") == true, "\(vector.id): \(meaning)")
        }
    }

    @Test func anUnknownLongLivedKeyIsDeniedAndATemporaryOneIsStale() {
        // Vector err-005.
        var failure = RequestFailure(.answer(status: 403, code: "InvalidAccessKeyId", ec: "0002-00000902"))

        #expect(classify(failure) == .staleLease)
        failure.authority = .lasting
        #expect(classify(failure) == .denied)
    }

    @Test(arguments: [nil, "0002-00000069", "0002-00000999"]) func whatIsPastItsEndIsStaleWhateverTheAnswerSays(ec: String?) {
        var failure = RequestFailure(.answer(status: 403, code: "AccessDenied", ec: ec), authority: .ended)

        #expect(classify(failure) == .staleLease)
        failure.authority = .temporary
        #expect(classify(failure) == (ec == "0002-00000069" ? .staleLease : .denied))
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

    @Test(arguments: [
        ("The bucket is gone.", "The bucket is gone. "), ("The bucket is gone..  ", "The bucket is gone. "), ("没有这个桶。", "没有这个桶. "),
        ("Really?", "Really? "), ("No!", "No! "), ("two\r\nlines\u{1B}[2J.", "two  lines [2J. "),
        (String(repeating: "x", count: 9999), String(repeating: "x", count: 300) + ". "),
    ]) func aServersMessageEndsInOneStop(message: String, said: String) {
        let failure = RequestFailure(.answer(status: 404, code: "NoSuchBucket", ec: nil), message: message)

        #expect(
            UploadFailureReason(failure).message
                == "The upload was refused: NoSuchBucket (404): \(said)Check the bucket's name and the endpoint.")
    }

    @Test func whatTheDriverAdvisesComesBeforeTheTable() {
        let failure = RequestFailure(
            .answer(status: 403, code: "AccessDenied", ec: "0003-00001403"), message: "No.", advice: "Set the endpoint to a.b.")

        #expect(UploadFailureReason(failure).message == "The upload was refused: AccessDenied (403): No. Set the endpoint to a.b.")
    }

    @Test func failuresOnThisSideHaveTheirAdviceToo() {
        let messages = [
            (RequestFailure(.curl(60), message: "no certificate"), "name its CA in ca-file"),
            (RequestFailure(.curl(7)), "Check the network"),
            (RequestFailure(.source(errno: 13), message: "Permission denied"), "Check the file and its rights"),
            (RequestFailure(.source(errno: 0)), "Retry to send the file as it is now"),
            (RequestFailure(.unsigned("away"), message: "away"), "Check the credentials"),
            (
                RequestFailure(.answer(status: 200, code: "ChecksumMismatch", ec: nil), message: "checksum differs"),
                "Check disk, memory and network"
            ),
        ]
        for (failure, advice) in messages { #expect(UploadFailureReason(failure).message.contains(advice)) }
    }
}

@Suite struct FailureAdviceTests {
    static func address(_ endpoint: String, region: String = "cn-hangzhou", _ addressing: Addressing = .virtual) -> BucketAddress? {
        (try? Endpoint(endpoint)).map { BucketAddress(endpoint: $0, addressing: addressing, region: region, bucket: "media-7") }
    }

    static func error(_ code: String, ec: String? = nil, status: Int = 403, endpoint: String? = nil) -> OSSError {
        OSSError(
            status: status, code: code, message: "Use endpoint wrong.example.com in region xx-wrong.", ec: ec,
            fields: endpoint.map { ["Endpoint": $0] } ?? [:])
    }

    static let hangzhou = address("oss-cn-hangzhou.aliyuncs.com")

    @Test(arguments: [
        (
            error("AccessDenied", ec: "0003-00001403", endpoint: "oss-cn-shanghai.aliyuncs.com"), hangzhou,
            "Set the endpoint to oss-cn-shanghai.aliyuncs.com and the region to cn-shanghai."
        ),
        (
            error("PermanentRedirect", endpoint: "oss-cn-shanghai-internal.aliyuncs.com"), hangzhou,
            "Set the endpoint to oss-cn-shanghai-internal.aliyuncs.com and the region to cn-shanghai."
        ),
        (
            error("PermanentRedirect", endpoint: "oss-cn-hangzhou.aliyuncs.com"), address("oss-cn-beijing.aliyuncs.com"),
            "Set the endpoint to oss-cn-hangzhou.aliyuncs.com."
        ),
        (error("PermanentRedirect", endpoint: "oss.example.com"), hangzhou, "Set the endpoint to oss.example.com."),
        (
            error("PermanentRedirect", endpoint: "oss-cn-hangzhou.aliyuncs.com"), hangzhou,
            "Set the endpoint to that of the bucket's region."
        ),
        (error("PermanentRedirect", endpoint: "not a host"), hangzhou, "Set the endpoint to that of the bucket's region."),
        (error("PermanentRedirect"), nil, "Set the endpoint to that of the bucket's region."),
        (
            error("InvalidArgument", ec: "0002-00000226", status: 400), address("oss-cn-shanghai.aliyuncs.com"),
            "Set the region to cn-shanghai: requests are signed for cn-hangzhou now."
        ),
        (
            error("InvalidArgument", ec: "0002-00000226", status: 400, endpoint: "oss-eu-west-1.aliyuncs.com"),
            address("oss-accelerate.aliyuncs.com"), "Set the region to eu-west-1: requests are signed for cn-hangzhou now."
        ),
        (
            error("InvalidArgument", ec: "0002-00000226", status: 400), address("oss-accelerate.aliyuncs.com"),
            "Set the region to that of the bucket: requests are signed for cn-hangzhou now."
        ),
        (error("InvalidArgument", ec: "0002-00000226", status: 400), nil, "Set the region to that of the bucket."),
        (
            error("SecondLevelDomainForbidden"), address("oss-cn-hangzhou.aliyuncs.com", .path),
            "Set addressing to virtual: the service takes no bucket in the path."
        ),
        (
            error("SecondLevelDomainForbidden"), address("http://192.0.2.7"),
            "Set the endpoint to oss-cn-hangzhou.aliyuncs.com: 192.0.2.7 leaves only the path for the bucket, where the service does not take it."
        ),
        (error("SecondLevelDomainForbidden"), nil, "Set addressing to virtual: the service takes no bucket in the path."),
        (
            error("NonStandardHostForbidden"), address("oss.example.com"),
            "Set the endpoint to oss-cn-hangzhou.aliyuncs.com: the service does not know oss.example.com."
        ),
        (
            error("NonStandardHostForbidden", endpoint: "oss-eu-west-1.aliyuncs.com"), address("oss.example.com"),
            "Set the endpoint to oss-eu-west-1.aliyuncs.com: the service does not know oss.example.com."
        ),
        (
            error("NonStandardHostForbidden"), address("cdn.example.com", .cname),
            "Bind cdn.example.com to the bucket media-7, or set the endpoint to oss-cn-hangzhou.aliyuncs.com and addressing to virtual."
        ),
        (
            error("NonStandardHostForbidden"), address("oss.example.com", region: "No Region"),
            "Set the endpoint to a host name that the service knows."
        ),
        (error("NonStandardHostForbidden"), nil, "Set the endpoint to a host name that the service knows."),
        (
            error("CnameDenied"), address("cdn.example.com", .cname),
            "Bind cdn.example.com to the bucket media-7, or set the endpoint to oss-cn-hangzhou.aliyuncs.com and addressing to virtual."
        ),
        (
            error("TransferAccelerationDisabled"), address("oss-accelerate.aliyuncs.com"),
            "Switch on transfer acceleration for the bucket, or set the endpoint to oss-cn-hangzhou.aliyuncs.com."
        ),
        (error("AccessDenied"), hangzhou, "Check what these credentials may do, and where; then retry."),
        (
            error("AccessDenied", ec: "0003-00000001", endpoint: "oss-eu-west-1.aliyuncs.com"), hangzhou,
            "Have this key allowed to do it by RAM or the bucket's policy."
        ),
        (error("NoSuchBucket", status: 404), hangzhou, "Check the bucket's name and the endpoint."),
    ]) func misconfigurationsNameTheirFix(error: OSSError, address: BucketAddress?, advice: String) {
        #expect(FailureAdvice.text(for: error, at: address) == advice)
    }
}

extension FailureAdviceTests {
    static func address(_ endpoint: String, _ addressing: Addressing) -> BucketAddress? {
        address(endpoint, region: "cn-hangzhou", addressing)
    }
}
