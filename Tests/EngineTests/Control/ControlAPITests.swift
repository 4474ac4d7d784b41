import Contracts
import OSSProtocol
import Platform
import Testing

@testable import Engine

@Suite struct ControlAPITests {
    private let queue = FakeQueueService()
    private let folder = TemporaryFolder()
    private let stops = Lock<[Bool]>([])

    private func api(_ toml: String = "", transport: any Transport = RuleTransport { _ in HTTPResponse(status: 500) }) -> ControlAPI {
        let access = makeAccess(toml, in: folder, transport: transport)
        return ControlAPI(
            queue: queue, access: access, remote: RemoteOperations(access: access, queue: queue), log: quietLog,
            stop: { [stops] finish in stops.withLock { $0.append(finish) } }, reload: { [] })
    }

    private func body(_ response: ControlResponse) -> String { String(decoding: response.body, as: UTF8.self) }

    private let order = #"{"submission_id":"s-1","sources":["/a.mov"],"dest":"oss://media/a.mov","options":{}}"#

    // MARK: - Routes

    static let calls: [(method: String, path: String, query: String?, body: String, status: Int, word: String)] = [
        ("GET", "/v1/status", nil, "", 200, #""revision":3"#),
        ("GET", "/v1/uploads", "query=state%3Afailed&limit=5&offset=2&sort=size", "", 200, #""schema":1"#),
        ("GET", "/v1/uploads/u-1", nil, "", 200, ##""map":"#s.""##),
        ("GET", "/v1/uploads/u-2", nil, "", 404, "NotFound"),
        ("GET", "/v1/jobs/j-1", nil, "", 200, #""state":"ready""#),
        ("GET", "/v1/jobs/j-1", "uploads=none", "", 200, #""uploads":[]"#),
        ("GET", "/v1/jobs/j-1", "uploads=none&wait_ms=250", "", 200, #""uploads":[]"#),
        ("GET", "/v1/jobs/j-1", "wait_ms=30001", "", 400, "0 to 30000"),
        ("GET", "/v1/jobs/j-1", "wait_ms=soon", "", 400, "wait_ms"),
        ("GET", "/v1/jobs/j-9", nil, "", 404, "NotFound"),
        ("POST", "/v1/jobs", nil, #"{"submission_id":"s","sources":["/a"],"dest":"oss://m/a","options":{}}"#, 201, #""job":"j-1""#),
        ("POST", "/v1/actions", nil, #"{"action":"pause","ids":["u-1"]}"#, 200, #""changed":1"#),
        ("GET", "/v1/limits", nil, "", 200, #""rate":null"#),
        ("PUT", "/v1/limits", nil, #"{"uploads":2}"#, 200, #""uploads":2"#),
        ("GET", "/v1/settings", nil, "", 200, #""theme":"auto""#),
        ("GET", "/v1/remotes", nil, "", 200, #""total":0"#),
        ("GET", "/v1/auth", nil, "", 200, #""leases":[]"#),
        ("POST", "/v1/engine/stop", nil, #"{"finish":true}"#, 202, #""stopping":true"#),
        ("POST", "/v1/engine/reload", nil, "", 200, #""reloaded":true"#),
        ("GET", "/metrics", nil, "", 200, "davit_stored_bytes 40"),
        // What is wrong is told, with the right status.
        ("GET", "/v1/uploads", "limit=0", "", 400, "1 to 1000"),
        ("GET", "/v1/uploads", "limit=1001", "", 400, "1 to 1000"),
        ("GET", "/v1/uploads", "offset=-1", "", 400, "offset"),
        ("GET", "/v1/uploads", "query=%zz", "", 400, "percent"),
        ("GET", "/v1/uploads", "query=%ff", "", 400, "UTF-8"),
        ("POST", "/v1/jobs", nil, "", 400, "BadRequest"),
        ("POST", "/v1/jobs", nil, "[1]", 400, "BadRequest"),
        ("POST", "/v1/jobs", nil, #"{"submission_id":"s","sources":[],"dest":"oss://m/a","options":{}}"#, 400, "sources"),
        ("POST", "/v1/jobs", nil, #"{"submission_id":"s","sources":["a"],"dest":"oss://m/a","options":{}}"#, 400, "absolute"),
        ("POST", "/v1/jobs", nil, #"{"submission_id":"","sources":["/a"],"dest":"oss://m/a","options":{}}"#, 400, "submission_id"),
        ("POST", "/v1/jobs", nil, #"{"submission_id":"s","sources":["/a"],"options":{}}"#, 400, "dest"),
        ("POST", "/v1/jobs", nil, #"{"sources":["/a"],"dest":"oss://m/a","options":{}}"#, 400, "submissionId"),
        ("POST", "/v1/list", nil, #"{"dest":"nowhere"}"#, 400, "BadDestination"),
        ("POST", "/v1/list", nil, #"{"dest":"oss://media/"}"#, 422, "NoCredentials"),
        ("POST", "/v1/presign", nil, #"{"dest":"oss://media/a","method":"put","expires":0}"#, 400, "7 days"),
        ("POST", "/v1/presign", nil, #"{"dest":"oss://media/a","method":"delete","expires":60}"#, 400, "put or get"),
        ("DELETE", "/v1/status", nil, "", 405, "takes GET"),
        ("GET", "/v1/actions", nil, "", 405, "takes POST"),
        ("GET", "/v1/nothing", nil, "", 404, "NoSuchCall"),
        ("GET", "/", nil, "", 404, "NoSuchCall"),
        ("GET", "/v2/status", nil, "", 404, "NoSuchCall"),
    ]

    @Test(arguments: calls) func everyCallAnswersWithItsStatus(
        _ method: String, _ path: String, _ query: String?, _ text: String, _ status: Int, _ word: String
    ) async {
        let response = await api().handle(ControlRequest(method, path, query: query, body: Array(text.utf8)))

        #expect(response.status == status, "\(body(response))")
        #expect(body(response).contains(word), "\(body(response))")
        if status >= 400 { #expect((try? ContractJSON.decode(ErrorBody.self, from: response.body)) != nil) }
    }

    @Test func aWindowIsPassedOnDecoded() async {
        _ = await api().handle(ControlRequest("GET", "/v1/uploads", query: "query=name%3A%22a+b%22&sort=size&offset=7&limit=3&after=u-1"))

        #expect(
            queue.state.withLock { $0.windows } == [UploadsRequest(query: "name:\"a b\"", sort: "size", offset: 7, after: "u-1", limit: 3)])
    }

    @Test(arguments: [(2, 400), (4, 404), (6, 422), (7, 409), (1, 422), (8, 503)]) func aRefusalOfTheQueueKeepsItsExitStatus(
        _ exit: Int, _ status: Int
    ) async throws {
        queue.state.withLock { $0.refusal = OrderError(code: "Why", message: "because", exit: exit) }

        let response = await api().handle(ControlRequest("POST", "/v1/jobs", body: Array(order.utf8)))

        #expect(response.status == status)
        #expect(try ContractJSON.decode(ErrorBody.self, from: response.body) == ErrorBody(code: "Why", message: "because", exit: exit))
    }

    @Test func stoppingIsPassedOn() async {
        _ = await api().handle(ControlRequest("POST", "/v1/engine/stop"))
        _ = await api().handle(ControlRequest("POST", "/v1/engine/stop", body: Array(#"{"finish":true}"#.utf8)))

        #expect(stops.withLock { $0 } == [false, true])
    }

    @Test func statusCarriesLeasesAndDefaultRemote() async {
        let api = api("default-remote = \"a\"\n[remote.a]\nbucket = \"abc\"\nregion = \"cn-x\"\n[remote.a.credentials]\nkind = \"env\"\n")
        _ = await api.handle(ControlRequest("GET", "/v1/auth"))

        let text = body(await api.handle(ControlRequest("GET", "/v1/status")))

        #expect(text.contains(#""default_remote":"a""#) && text.contains(#""scope":"a""#))
    }

    // MARK: - Secrets

    @Test func secretsComeInAndNeverGoOut() async throws {
        let transport = RuleTransport { _ in
            HTTPResponse(status: 403, body: Array("<Error><Code>AccessDenied</Code><Message>no</Message></Error>".utf8))
        }
        let api = api("[remote.a]\nbucket = \"abc\"\nregion = \"cn-x\"\n", transport: transport)
        let credentials =
            #""credentials":{"access_key_id":"LTAIvisible","access_key_secret":"hidden-s3cret","security_token":"hidden-t0ken","region":"cn-hangzhou"}"#
        let calls = [
            ("POST", "/v1/jobs", #"{"submission_id":"s","sources":["/a"],"dest":"oss://media/a","options":{},\#(credentials)}"#),
            ("POST", "/v1/jobs", #"{"submission_id":5,"sources":["/a"],"dest":"oss://media/a","options":{},\#(credentials)}"#),
            ("POST", "/v1/list", #"{"dest":"oss://media/",\#(credentials)}"#),
            ("POST", "/v1/orphans", #"{"dest":"oss://media/",\#(credentials)}"#),
            ("POST", "/v1/auth/test", #"{"dest":"oss://media/",\#(credentials)}"#),
            ("GET", "/v1/auth", ""), ("GET", "/v1/status", ""), ("GET", "/v1/settings", ""), ("GET", "/metrics", ""),
        ]

        var said = ""
        for (method, path, text) in calls { said += body(await api.handle(ControlRequest(method, path, body: Array(text.utf8)))) }

        #expect(said.contains("AccessDenied"))
        #expect(!said.contains("hidden"))
        let requests = transport.requests
        #expect(!requests.isEmpty && requests.allSatisfy { !"\($0)".contains("hidden-s3cret") })
    }

    @Test func credentialsOfAnOrderSurviveARestartIn0600() async throws {
        let credentials = OrderCredentials(
            accessKeyId: "LTAIvisible", accessKeySecret: "hidden-s3cret", securityToken: nil, region: "cn-hangzhou", endpoint: nil,
            addressing: nil)
        let target = try await makeAccess("", in: folder).resolve(dest: "oss://media/a", credentials: credentials)

        let later = makeAccess("", in: folder)
        let request = try await later.authorize(.headObject, key: ObjectKey("a"), target: target, minimumLife: .seconds(30)).request

        #expect(request.headers["Authorization"]?.contains("LTAIvisible/") == true)
        let file = LeaseCache(folder: folder.path, scope: target.scope).path
        #expect(folder.mode(file) == 0o600)
        #expect(!target.scope.contains("hidden"))
    }

    @Test func aQueueWithoutItsCredentialsSaysWhatToDo() async {
        let target = Target(
            scope: "oss://media#00000000", remote: nil, bucket: "media", region: "cn-hangzhou", endpoint: "https://e",
            addressing: "virtual",
            prefix: "", isKey: false)

        let failure = await #expect(throws: AccessFailure.self) {
            try await makeAccess("", in: self.folder).authorize(.headObject, key: ObjectKey("a"), target: target, minimumLife: .seconds(30))
        }

        guard case .refused(let text)? = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(text.contains("OSS_ACCESS_KEY_ID"))
    }

    @Test func anEndlessAnswerHasNoHead() async {
        for (path, allowed) in [("/v1/events", "GET"), ("/v1/status", "GET, HEAD")] {
            let response = await api().handle(ControlRequest("DELETE", path))

            #expect(response.status == 405 && response.allowed == allowed)
        }
    }

    // MARK: - Redaction

    @Test(arguments: [
        ("Authorization: Bearer abc.def", "abc.def"), ("http://h/k?x-oss-signature=0123abcd&x=1", "0123abcd"),
        ("…&Signature=QmFzZTY0%3D&a", "QmFzZTY0"), ("x-oss-security-token: CAIS+token", "CAIS"),
        ("{\"AccessKeySecret\":\"s3cret\"}", "s3cret"), ("OSS4-HMAC-SHA256 Credential=A,Signature=00ff", "00ff"),
    ]) func theLogCutsOutWhatLooksLikeASecret(_ line: String, _ secret: String) {
        #expect(!LogRedaction.clean(line).contains(secret))
    }

    @Test func theLogKeepsTheRest() {
        #expect(LogRedaction.clean("GET /k?x-oss-signature=00&x=1 (403) é") == "GET /k?x-oss-signature=<redacted>&x=1 (403) é")
    }
}
