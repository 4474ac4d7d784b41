import Contracts
import Credentials
import OSSProtocol
import Platform
import Testing

@testable import Engine

/// Answers as OSS does, by method and query.
private struct OSSRules: Sendable {
    var objects = ""
    var uploads = ""
    var denied: Set<String> = []
    var goneUploads: Set<String> = []

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        let query = request.query ?? ""
        let date: HTTPHeaders = ["Date": "Thu, 15 Jan 2026 08:30:00 GMT"]
        func ok(_ xml: String) -> HTTPResponse { HTTPResponse(status: 200, headers: date, body: Array(xml.utf8)) }
        func no(_ status: Int, _ code: String) -> HTTPResponse {
            HTTPResponse(
                status: status, headers: date,
                body: Array("<Error><Code>\(code)</Code><Message>m</Message><RequestId>R</RequestId></Error>".utf8))
        }
        let id = query.split(separator: "&").first { $0.hasPrefix("uploadId=") }.map { String($0.dropFirst(9)) } ?? ""
        switch request.method {
        case "POST" where query.hasPrefix("uploads"):
            return denied.contains("put")
                ? no(403, "AccessDenied")
                : ok(
                    "<InitiateMultipartUploadResult><Bucket>media</Bucket><Key>k</Key><UploadId>P1</UploadId></InitiateMultipartUploadResult>"
                )
        case "DELETE": return goneUploads.contains(id) ? no(404, "NoSuchUpload") : HTTPResponse(status: 204, headers: date)
        case "HEAD": return denied.contains("get") ? HTTPResponse(status: 403, headers: date) : HTTPResponse(status: 404, headers: date)
        case "GET" where query.hasPrefix("uploads"):
            return denied.contains("uploads")
                ? no(403, "AccessDenied")
                : ok("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>\(uploads)</ListMultipartUploadsResult>")
        case "GET" where !id.isEmpty:
            if goneUploads.contains(id) { return no(404, "NoSuchUpload") }
            return ok(
                "<ListPartsResult><UploadId>\(id)</UploadId><IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber><LastModified>2026-01-15T07:30:00.000Z</LastModified><ETag>\"e\"</ETag><Size>1048576</Size></Part></ListPartsResult>"
            )
        case "GET":
            return denied.contains("list")
                ? no(403, "AccessDenied") : ok("<ListBucketResult><IsTruncated>false</IsTruncated>\(objects)</ListBucketResult>")
        default: return no(400, "InvalidArgument")
        }
    }
}

@Suite struct RemoteOperationsTests {
    private let folder = TemporaryFolder()
    private let clock = SteppedClock()
    private let queue = FakeQueueService()
    private let credentials = OrderCredentials(
        accessKeyId: "LTAIkey", accessKeySecret: "s3cret", securityToken: nil, region: "cn-hangzhou", endpoint: "https://oss.example.com",
        addressing: nil)

    private func operations(_ rules: OSSRules) -> (RemoteOperations, RuleTransport) {
        let transport = RuleTransport { rules.answer($0) }
        return (RemoteOperations(access: makeAccess("", in: folder, clock: clock, transport: transport), queue: queue), transport)
    }

    private func upload(_ key: String, _ id: String, _ initiated: String) -> String {
        "<Upload><Key>\(key)</Key><UploadId>\(id)</UploadId><StorageClass>Standard</StorageClass><Initiated>\(initiated)</Initiated></Upload>"
    }

    // MARK: - List

    @Test func aLevelIsListedWithFoldersFirst() async throws {
        var rules = OSSRules()
        rules.objects =
            "<Contents><Key>2026/a%2Bb.mov</Key><LastModified>2026-01-15T08:00:00.000Z</LastModified><ETag>\"e\"</ETag><Size>5</Size><StorageClass>Standard</StorageClass><Type>Normal</Type></Contents><CommonPrefixes><Prefix>2026/x/</Prefix></CommonPrefixes><EncodingType>url</EncodingType>"
        let (operations, transport) = operations(rules)

        let result = try await operations.list(ListRequest(dest: "oss://media/2026/", credentials: credentials))

        #expect(result.items.map(\.key) == ["2026/x/", "2026/a+b.mov"] && result.items.map(\.isPrefix) == [true, false])
        #expect(result.prefix == "2026/" && result.items.last?.size == 5)
        #expect(transport.requests.first?.query?.contains("delimiter=%2F") == true)
    }

    @Test func aWrongKeyThatSomebodyListsWithIsNotTheUploads() async throws {
        let transport = RuleTransport { OSSRules().answer($0) }
        let access = makeAccess(
            "[remote.own]\nbucket = \"media\"\nregion = \"cn-x\"\n", in: folder, clock: clock, transport: transport)
        var typo = credentials
        typo.accessKeySecret = "typo"
        let operations = RemoteOperations(access: access, queue: queue)

        for dest in ["oss://media/", "own:"] {
            let target = try await access.resolve(dest: dest, credentials: credentials)
            let before = try await access.authorize(.headObject, key: ObjectKey("k"), target: target, minimumLife: .zero).request
            _ = try await operations.list(ListRequest(dest: dest, credentials: typo))
            let after = try await access.authorize(.headObject, key: ObjectKey("k"), target: target, minimumLife: .zero).request
            let restarted = makeAccess(
                "[remote.own]\nbucket = \"media\"\nregion = \"cn-x\"\n", in: folder, clock: clock, transport: transport)
            let later = try await restarted.authorize(.headObject, key: ObjectKey("k"), target: target, minimumLife: .zero).request

            #expect(after.headers["Authorization"] == before.headers["Authorization"])
            #expect(later.headers["Authorization"] == before.headers["Authorization"])
        }
        #expect(await access.leases().count == 2)
    }

    @Test(arguments: [0, -1, 1001]) func aLimitOutOfBoundsIsRefusedAlsoForTheListOfBuckets(limit: Int) async {
        let (operations, transport) = operations(OSSRules())
        var request = ListRequest(dest: "oss://", credentials: credentials)
        request.limit = limit
        let asked = request

        let error = await #expect(throws: OrderError.self) { try await operations.list(asked) }

        #expect(error?.exit == 2 && transport.requests.isEmpty)
    }

    @Test func aDeniedListSaysWhoDenies() async {
        let (operations, _) = operations(OSSRules(denied: ["list"]))

        let error = await #expect(throws: OrderError.self) {
            try await operations.list(ListRequest(dest: "oss://media/", credentials: self.credentials))
        }

        #expect(error?.code == "AccessDenied" && error?.exit == 1 && error?.message.contains("request R") == true)
    }

    @Test func aStaleTokenAndAWrongClockCostOneMoreTry() async throws {
        let answers = Lock(["RequestTimeTooSkewed"])
        let clock = clock
        let transport = RuleTransport { request in
            if let code = answers.withLock({ $0.popLast() }) {
                let time = (clock.now + .seconds(3600)).iso8601
                return HTTPResponse(status: 403, body: Array("<Error><Code>\(code)</Code><ServerTime>\(time)</ServerTime></Error>".utf8))
            }
            return OSSRules().answer(request)
        }
        let operations = RemoteOperations(access: makeAccess("", in: folder, clock: clock, transport: transport), queue: queue)

        _ = try await operations.list(ListRequest(dest: "oss://media/", credentials: credentials))

        #expect(transport.requests.map { $0.headers["x-oss-date"] } == ["20260115T083000Z", "20260115T093000Z"])
    }

    @Test func anEndpointThatDoesNotAnswerIsSaidSo() async {
        let transport = RuleTransport { _ throws(TransportError) in throw TransportError(kind: .curl(7), message: "connection refused") }
        let operations = RemoteOperations(access: makeAccess("", in: folder, transport: transport), queue: queue)

        let error = await #expect(throws: OrderError.self) {
            try await operations.list(ListRequest(dest: "oss://media/", credentials: self.credentials))
        }

        #expect(error?.message.contains("https://oss.example.com does not answer (connection refused)") == true)
    }

    // MARK: - Presign

    @Test func aSignedURLHoldsItsHeadersAndItsEnd() async throws {
        let (operations, transport) = operations(OSSRules())

        let result = try await operations.presign(
            PresignRequest(
                dest: "oss://media/a b.mov", method: "put", expires: 3600, meta: ["camera": "7"], contentType: "video/mp4",
                credentials: credentials))

        #expect(result.url.hasPrefix("https://media.oss.example.com/a%20b.mov?x-oss-signature-version=OSS4-HMAC-SHA256"))
        #expect(result.method == "PUT" && result.headers["x-oss-meta-camera"] == "7" && result.headers["Content-Type"] == "video/mp4")
        #expect(result.expiresAt == "2026-01-15T09:30:00Z")
        #expect(!result.url.contains("s3cret") && transport.requests.isEmpty)
    }

    @Test func aPrefixCannotBeSigned() async {
        let (operations, _) = operations(OSSRules())

        let error = await #expect(throws: OrderError.self) {
            try await operations.presign(
                PresignRequest(
                    dest: "oss://media/a/", method: "get", expires: 60, meta: nil, contentType: nil, credentials: self.credentials))
        }

        #expect(error?.exit == 2)
    }

    // MARK: - Orphans

    private func target(_ access: Access) async throws -> Target {
        try await access.resolve(dest: "oss://media/", credentials: credentials)
    }

    private func lay(_ operations: RemoteOperations) async throws {
        let target = try await target(operations.access)
        queue.state.withLock {
            $0.ledger = [
                LedgerEntry(bucket: "media", key: ObjectKey("a"), uploadID: "U1", upload: "u-1", target: target),
                LedgerEntry(bucket: "media", key: ObjectKey("b"), uploadID: "U2", upload: nil, target: target),
            ]
        }
    }

    private var three: OSSRules {
        OSSRules(
            uploads: upload("a", "U1", "2026-01-15T08:00:00.000Z") + upload("b", "U2", "2026-01-14T08:30:00.000Z")
                + upload("c", "U3", "2026-01-01T08:30:00.000Z"))
    }

    @Test func orphansAreListedWithTheirOwnersAndNothingIsChanged() async throws {
        let (operations, transport) = operations(three)
        try await lay(operations)

        let found = try await operations.orphans(OrphansRequest(dest: "oss://media/", credentials: credentials, abort: nil, olderThan: nil))

        #expect(found.items.map(\.owner) == ["ours", "ledger", "other"])
        #expect(found.items.map(\.bytes) == [1 << 20, 1 << 20, 1 << 20])
        #expect(found.items[1].age == 86_400)
        #expect(found.items.allSatisfy { !$0.aborted } && !transport.requests.contains { $0.method == "DELETE" })
    }

    @Test func abortingLeavesAloneWhatTheQueueNeeds() async throws {
        let (operations, transport) = operations(three)
        try await lay(operations)

        let found = try await operations.orphans(
            OrphansRequest(dest: "oss://media/", credentials: credentials, abort: true, olderThan: nil))

        #expect(found.items.map(\.aborted) == [false, true, true])
        #expect(queue.state.withLock { $0.settled } == ["U2", "U3"])
        #expect(transport.requests.filter { $0.method == "DELETE" }.count == 2)
    }

    @Test func whatTheQueueBeganWhileTheServerWasAskedIsLeftAlone() async throws {
        let (rules, queue, access) = (three, queue, makeAccess("", in: folder, clock: clock))
        let target = try await target(access)
        let transport = RuleTransport { request in
            if request.query?.hasPrefix("uploads") == true {
                queue.state.withLock {
                    $0.ledger = [LedgerEntry(bucket: "media", key: ObjectKey("c"), uploadID: "U3", upload: "u-9", target: target)]
                }
            }
            return rules.answer(request)
        }
        let operations = RemoteOperations(access: makeAccess("", in: folder, clock: clock, transport: transport), queue: queue)

        let found = try await operations.orphans(OrphansRequest(dest: "oss://media/", credentials: credentials, abort: true, olderThan: nil))

        #expect(found.items.map(\.owner) == ["other", "other", "ours"])
        #expect(found.items.map(\.aborted) == [true, true, false] && found.items[2].upload == "u-9")
    }

    @Test(arguments: [true, false]) func whatTheQueueTookInTheMeantimeIsNeitherAbortedNorGivenAway(isAbort: Bool) async throws {
        let (operations, transport) = operations(three)
        queue.state.withLock { $0.owners = ["U3": .upload("u-9")] }

        let found = try await operations.orphans(
            OrphansRequest(
                dest: "oss://media/", credentials: credentials, abort: isAbort ? true : nil, olderThan: nil, adopt: isAbort ? nil : true))

        #expect(found.items.map(\.owner) == ["other", "other", "ours"] && found.items[2].upload == "u-9")
        #expect(transport.requests.filter { $0.method == "DELETE" }.count == (isAbort ? 2 : 0))
        #expect(queue.state.withLock { $0.adopted } == (isAbort ? [] : ["U1", "U2"]))
    }

    @Test func aLedgerThatCannotBeReadAbortsNothing() async throws {
        let (operations, transport) = operations(three)
        try await lay(operations)
        queue.state.withLock { $0.ledgerFailure = OrderError(code: "QueueNotReadable", message: "no", exit: 1) }

        let error = await #expect(throws: OrderError.self) {
            try await operations.orphans(OrphansRequest(dest: "oss://media/", credentials: self.credentials, abort: true, olderThan: nil))
        }

        #expect(error?.code == "QueueNotReadable")
        #expect(!transport.requests.contains { $0.method == "DELETE" })
    }

    @Test func youngOnesAreLeftOut() async throws {
        let (operations, _) = operations(three)

        let found = try await operations.orphans(
            OrphansRequest(dest: "oss://media/", credentials: credentials, abort: true, olderThan: 7 * 86_400))

        #expect(found.items.map(\.uploadId) == ["U3"])
    }

    @Test func aTokenThatMayNotListSeesTheLedgerAlone() async throws {
        let (operations, _) = operations(OSSRules(denied: ["uploads"], goneUploads: ["U2"]))
        try await lay(operations)

        let found = try await operations.orphans(OrphansRequest(dest: "oss://media/", credentials: credentials, abort: nil, olderThan: nil))

        #expect(found.items.map(\.uploadId) == ["U1"])
        #expect(queue.state.withLock { $0.settled } == ["U2"])
    }

    @Test func aTokenThatMayNotListAndAnEmptyLedgerIsARefusal() async {
        let (operations, _) = operations(OSSRules(denied: ["uploads"]))

        let error = await #expect(throws: OrderError.self) {
            try await operations.orphans(OrphansRequest(dest: "oss://media/", credentials: self.credentials, abort: nil, olderThan: nil))
        }

        #expect(error?.code == "AccessDenied")
    }

    @Test func oneRemoteThatMayNotListDoesNotHideTheOthers() async throws {
        let transport = RuleTransport { request in
            OSSRules(denied: request.host.hasPrefix("closed.") ? ["uploads"] : []).answer(request)
        }
        let toml = ["open", "closed"].map { "[remote.\($0)]\nbucket = \"\($0)\"\nregion = \"cn-x\"\n" }.joined()
        let access = makeAccess(
            toml, in: folder, clock: clock, environment: ["OSS_ACCESS_KEY_ID": "LTAI", "OSS_ACCESS_KEY_SECRET": "s"], transport: transport)

        let found = try await RemoteOperations(access: access, queue: queue).orphans(
            OrphansRequest(dest: nil, credentials: nil, abort: nil, olderThan: nil))

        #expect(found.items.isEmpty)
        #expect(transport.requests.count == 2)
    }

    // MARK: - Test

    @Test func everyCheckHasItsLine() async throws {
        let (operations, transport) = operations(OSSRules())

        let checks = try await operations.test(AuthTestRequest(remote: nil, dest: "oss://media/in/", credentials: credentials))

        #expect(checks.map(\.check) == ["endpoint", "clock", "credentials", "put", "list", "get"])
        #expect(checks.filter { !$0.ok } == [])
        let probe = try #require(transport.requests.first { $0.method == "POST" })
        #expect(probe.path.hasPrefix("/in/.davit-probe-"))
        #expect(transport.requests.contains { $0.method == "DELETE" && $0.path == probe.path })
    }

    @Test(arguments: ["lost", "busy"]) func anUploadThatMayHaveBegunIsNotBegunAgain(trouble: String) async throws {
        let transport = RuleTransport { request throws(TransportError) in
            guard request.method == "POST" else { return OSSRules().answer(request) }
            if trouble == "lost" { throw TransportError(kind: .curl(56), message: "the answer is lost") }
            return HTTPResponse(status: 500, body: Array("<Error><Code>InternalError</Code></Error>".utf8))
        }
        let operations = RemoteOperations(access: makeAccess("", in: folder, clock: clock, transport: transport), queue: queue)

        let checks = try await operations.test(AuthTestRequest(remote: nil, dest: "oss://media/", credentials: credentials))

        #expect(checks.filter { !$0.ok }.map(\.check) == ["put"])
        #expect(transport.requests.filter { $0.method == "POST" }.count == 1)
    }

    @Test(arguments: [true, false]) func aProbeThatCannotBeAbortedIsOwed(isLost: Bool) async throws {
        let transport = RuleTransport { request throws(TransportError) in
            guard request.method == "DELETE" else { return OSSRules().answer(request) }
            if isLost { throw TransportError(kind: .curl(56), message: "the line is dead") }
            return HTTPResponse(status: 403, body: Array("<Error><Code>AccessDenied</Code></Error>".utf8))
        }
        let access = makeAccess("", in: folder, clock: clock, transport: transport)
        let order = try await target(access)

        let checks = try await RemoteOperations(access: access, queue: queue).test(
            AuthTestRequest(remote: nil, dest: "oss://media/", credentials: credentials))

        let owed = try #require(queue.state.withLock { $0.ledger }.first)
        #expect(checks.filter { !$0.ok }.map(\.check) == ["put"])
        #expect(owed.uploadID == "P1" && owed.upload == nil && owed.key.description.hasPrefix(".davit-probe-"))
        // Under the scope whose credentials the queue has.
        #expect(owed.target?.scope == order.scope)
    }

    @Test func anUploadOnlyTokenPassesAndADeniedPutDoesNot() async throws {
        let (upload, _) = operations(OSSRules(denied: ["list", "get"]))
        let (nothing, _) = operations(OSSRules(denied: ["put"]))

        let passing = try await upload.test(AuthTestRequest(remote: nil, dest: "oss://media/", credentials: credentials))
        let failing = try await nothing.test(AuthTestRequest(remote: nil, dest: "oss://media/", credentials: credentials))

        #expect(passing.filter { !$0.ok } == [])
        #expect(passing.filter { $0.text.contains("not granted") }.map(\.check) == ["list", "get"])
        #expect(failing.filter { !$0.ok }.map(\.check) == ["put"])
    }
}
