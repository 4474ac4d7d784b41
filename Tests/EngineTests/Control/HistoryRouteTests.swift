import Contracts
import OSSProtocol
import Platform
import Testing

@testable import Engine

@Suite struct HistoryRouteTests {
    private let queue = FakeQueueService()
    private let folder = TemporaryFolder()

    private func handle(_ method: String, _ path: String, query: String? = nil, body: String = "") async -> (status: Int, text: String) {
        let access = makeAccess("", in: folder, transport: RuleTransport { _ in HTTPResponse(status: 404) })
        let api = ControlAPI(
            queue: queue, access: access, remote: RemoteOperations(access: access, queue: queue), log: quietLog, stop: { _ in },
            reload: { [] })
        let response = await api.handle(ControlRequest(method, path, query: query, body: Array(body.utf8)))
        return (response.status, String(decoding: response.body, as: UTF8.self))
    }

    static let calls: [(method: String, path: String, query: String?, body: String, status: Int, word: String)] = [
        ("GET", "/v1/history", "query=state%3Afailed&limit=5&after=9-3&sort=finished", "", 200, #""removed":false"#),
        ("GET", "/v1/history", nil, "", 200, #""request_id":"R1""#),
        ("GET", "/v1/history", "limit=1001", "", 400, "1 to 1000"),
        ("POST", "/v1/history", nil, "", 405, "takes GET"),
        ("GET", "/v1/edits", nil, "", 200, #""action":"pause""#),
        ("GET", "/v1/jobs/j-1/receipt", nil, "", 200, #""key":"a.mov""#),
        ("GET", "/v1/jobs/j-9/receipt", nil, "", 404, "NotFound"),
        ("PUT", "/v1/jobs/j-1/receipt", nil, "", 405, "takes GET"),
        ("GET", "/v1/jobs/j-1/other", nil, "", 404, "NoSuchCall"),
        ("POST", "/v1/verify", nil, #"{"bucket":"media","objects":[{"key":"","size":1}]}"#, 400, "no object key"),
        ("POST", "/v1/verify", nil, #"{"bucket":"media"}"#, 400, "objects"),
        ("POST", "/v1/verify", nil, #"{"bucket":"media","objects":[{"key":"a","size":1}]}"#, 422, "NoCredentials"),
        ("GET", "/v1/verify", nil, "", 405, "takes POST"),
        ("POST", "/v1/plan", nil, #"{"submission_id":"s","sources":[],"dest":"oss://m/a","options":{}}"#, 400, "sources"),
    ]

    @Test(arguments: calls) func aCallIsAnswered(
        call: (method: String, path: String, query: String?, body: String, status: Int, word: String)
    ) async {
        let answer = await handle(call.method, call.path, query: call.query, body: call.body)

        #expect(answer.status == call.status && answer.text.contains(call.word), "\(answer)")
    }

    @Test func whatWasAskedForIsHandedOn() async {
        _ = await handle("GET", "/v1/history", query: "query=state%3Afailed&limit=5&after=9-3&sort=size-")

        #expect(queue.state.withLock { $0.windows } == [UploadsRequest(query: "state:failed", sort: "size-", after: "9-3", limit: 5)])
    }
}
