import Contracts
import OSSProtocol
import Platform
import Testing

@testable import Engine

/// Whatever arrives on the socket, the answer is one clear error with a 4xx status: nothing crashes, nothing is changed.
@Suite struct BadRequestTests {
    private let queue = FakeQueueService()
    private let folder = TemporaryFolder()
    private let stops = Lock(0)

    private func api() -> ControlAPI {
        let access = makeAccess("", in: folder, transport: RuleTransport { _ in HTTPResponse(status: 500) })
        return ControlAPI(
            queue: queue, access: access, remote: RemoteOperations(access: access, queue: queue), log: quietLog,
            stop: { [stops] _ in stops.withLock { $0 += 1 } }, reload: { [] })
    }

    /// Calls that take a body.
    static let calls = [
        ("POST", "/v1/jobs"), ("POST", "/v1/actions"), ("PUT", "/v1/limits"), ("POST", "/v1/list"), ("POST", "/v1/presign"),
        ("POST", "/v1/orphans"), ("POST", "/v1/auth/test"), ("POST", "/v1/auth/renew"), ("POST", "/v1/engine/stop"),
    ]

    static let bodies: [[UInt8]] = [
        [], [0], [0xFF, 0xFE], Array("null".utf8), Array("true".utf8), Array("[]".utf8), Array("\"\"".utf8), Array("1e999".utf8),
        Array("{".utf8), Array("}".utf8), Array("{]".utf8), Array("{\"a\"}".utf8), Array("{\"a\":}".utf8), Array("{\"a\" 1}".utf8),
        Array("{\"\\ud800\":1".utf8), Array("{\"dest\":\"\u{0}".utf8), [UInt8](repeating: UInt8(ascii: "["), count: 200_000),
        [UInt8](repeating: UInt8(ascii: "{"), count: 200_000), Array(("{\"a\":" + String(repeating: "9", count: 100_000)).utf8),
        Array("<xml/>".utf8), Array("a=b&c=d".utf8), Array("{} {}".utf8),
    ]

    @Test(arguments: calls, bodies) func aBodyThatIsNoneIsRefused(_ call: (method: String, path: String), _ body: [UInt8]) async {
        let response = await api().handle(ControlRequest(call.method, call.path, body: body))

        // Stopping takes no body too.
        if call.path == "/v1/engine/stop", body.isEmpty { return #expect(response.status == 202) }
        #expect((400..<500).contains(response.status), "\(response.status) \(String(decoding: response.body, as: UTF8.self))")
        let error = try? ContractJSON.decode(ErrorBody.self, from: response.body)
        #expect(error.map { !$0.error.code.isEmpty && !$0.error.message.isEmpty && $0.error.exit > 0 } == true)
        #expect(stops.withLock { $0 } == 0)
        #expect(queue.state.withLock { $0.orders.isEmpty && $0.actions.isEmpty })
    }

    static let wrongTypes: [(method: String, path: String, body: String, word: String)] = [
        ("POST", "/v1/jobs", #"{"submission_id":1,"sources":["/a"],"dest":"oss://m/a","options":{}}"#, "wrong type"),
        ("POST", "/v1/jobs", #"{"submission_id":"s","sources":"/a","dest":"oss://m/a","options":{}}"#, "wrong type"),
        ("POST", "/v1/jobs", #"{"submission_id":"s","sources":[1],"dest":"oss://m/a","options":{}}"#, "wrong type"),
        ("POST", "/v1/jobs", #"{"submission_id":"s","sources":[null],"dest":"oss://m/a","options":{}}"#, "sources"),
        ("POST", "/v1/jobs", #"{"submission_id":"s","sources":["/a"],"dest":{},"options":{}}"#, "dest"),
        ("POST", "/v1/jobs", #"{"submission_id":"s","sources":["/a"],"dest":"oss://m/a","options":[]}"#, "options"),
        ("POST", "/v1/jobs", #"{"submission_id":"s","sources":["/a"],"dest":"oss://m/a","options":{"part_size":"big"}}"#, "wrong type"),
        ("POST", "/v1/jobs", #"{"submission_id":"s","sources":["/a"],"dest":"oss://m/a","options":{"part_size":1e40}}"#, "number"),
        ("POST", "/v1/jobs", #"{"submission_id":"s","sources":["/a"],"dest":"oss://m/a"}"#, "options"),
        ("POST", "/v1/actions", #"{"action":5}"#, "wrong type"), ("POST", "/v1/actions", #"{}"#, "action"),
        ("POST", "/v1/actions", #"{"action":"pause","ids":"u-1"}"#, "wrong type"),
        ("PUT", "/v1/limits", #"{"uploads":"many"}"#, "uploads"), ("PUT", "/v1/limits", #"{"uploads":1.5}"#, "number"),
        ("PUT", "/v1/limits", #"{"rate":5}"#, "rate"), ("PUT", "/v1/limits", #"{"parts":99999999999999999999}"#, "number"),
        ("POST", "/v1/engine/stop", #"{"finish":"yes"}"#, "finish"), ("POST", "/v1/list", #"{"dest":5}"#, "dest"),
    ]

    @Test(arguments: wrongTypes) func aWrongValueIsNamed(_ method: String, _ path: String, _ text: String, _ word: String) async {
        let response = await api().handle(ControlRequest(method, path, body: Array(text.utf8)))

        let message = (try? ContractJSON.decode(ErrorBody.self, from: response.body))?.error.message ?? ""
        #expect(response.status == 400)
        #expect(message.lowercased().contains(word), "\(message)")
    }

    @Test(arguments: [
        ("GET", "/v1/uploads", "limit=abc"), ("GET", "/v1/uploads", "limit=-1"), ("GET", "/v1/uploads", "limit=99999999999999999999"),
        ("GET", "/v1/uploads", "offset=1.5"), ("GET", "/v1/uploads", "query=%"), ("GET", "/v1/uploads", "%=1"), ("GET", "/v1/%ff", nil),
        ("GET", "/v1/%", nil), ("GET", "//", nil), ("GET", "", nil), ("GET", "/v1", nil), ("GET", "/v1/uploads/u-1/x", nil),
        ("GET", "/v1/uploads/%2e%2e", nil), ("GET", "/metrics/x", nil), ("PATCH", "/v1/limits", nil), ("DELETE", "/v1/jobs/j-1", nil),
        ("POST", "/metrics", nil), ("GET", "/v1/jobs", nil), ("TRACE", "/v1/status", nil), ("GET\u{1B}[2J", "/v1/none", nil),
    ] as [(String, String, String?)]) func anAddressThatIsNoneIsRefused(_ method: String, _ path: String, _ query: String?) async {
        let response = await api().handle(ControlRequest(method, path, query: query))

        #expect((400..<500).contains(response.status))
        let message = (try? ContractJSON.decode(ErrorBody.self, from: response.body))?.error.message ?? ""
        #expect(!message.isEmpty && !message.unicodeScalars.contains { $0.value < 0x20 })
        #expect((response.status == 405) == (response.allowed != nil))
    }

    @Test func unknownFieldsAreIgnored() async {
        let bodies = [
            ("POST", "/v1/jobs", #"{"submission_id":"s","sources":["/a"],"dest":"oss://m/a","options":{"new":1},"also":[{}]}"#, 201),
            ("POST", "/v1/actions", #"{"action":"pause","ids":["u-1"],"new":{"a":1}}"#, 200),
            ("PUT", "/v1/limits", #"{"uploads":3,"new":null}"#, 200),
        ]

        for (method, path, text, status) in bodies {
            #expect(await api().handle(ControlRequest(method, path, body: Array(text.utf8))).status == status)
        }
    }

    // MARK: - Events

    @Test(arguments: ["since=x", "since=-1", "kinds=all", "query=%28", "query=state%3Anone", "query=%zz"])
    func anEventStreamThatCannotBeMeantIsRefused(_ query: String) {
        #expect(throws: OrderError.self) { try EventsRequest(query: query, now: Timestamp(seconds: 0)) }
    }

    @Test func anEventStreamIsWhatItsAddressSays() throws {
        let now = Timestamp(seconds: 0)

        let all = try EventsRequest(query: nil, now: now).wish
        let back = try EventsRequest(query: "since=12", lastEventID: "7", now: now).wish
        let header = try EventsRequest(query: "kinds=upload&query=state%3Afailed", lastEventID: "7", now: now).wish
        let strange = try EventsRequest(query: nil, lastEventID: "of another server", now: now).wish

        #expect(all.after == nil && all.wantsStatus && all.wantsUploads && all.query == nil)
        #expect(back.after == 12 && header.after == 7 && strange.after == 0)
        #expect(!header.wantsStatus && header.query?.text == "state:failed")
    }

    // MARK: - Metrics

    @Test func aCodeThatAServerMakesUpDoesNotGrowThePage() {
        var metrics = QueueMetrics()

        for number in 0..<1000 { metrics.countRetry("Code\(number)") }
        for text in ["", "a b", "a\"b", "é", "\n", String(repeating: "x", count: 65)] { metrics.countRetry(text) }

        #expect(metrics.retries.count <= QueueMetrics.mostCodes + 1)
        #expect(metrics.retries.values.reduce(0, +) == 1006)
    }

    @Test func twoKeysOfOneBucketAreOneSeries() async throws {
        func lease(_ left: Double?, _ fetches: Int) -> LeaseView {
            LeaseView(
                scope: "oss://media", kind: "env", state: "held", identity: nil, expires: nil, left: left, renewsIn: nil, lastError: nil,
                fetches: fetches, uploads: 0)
        }
        var status = await queue.status()
        status.leases = [lease(900, 2), lease(60, 3), lease(nil, 1)]

        let lines = Metrics.text(status, QueueMetrics(), process: ProcessFigures.now(age: 1)).split(separator: "\n")

        let labels = #"{scope="oss://media",kind="env"}"#
        #expect(lines.filter { $0.hasPrefix("davit_lease_fetches_total{") } == ["davit_lease_fetches_total\(labels) 6"])
        #expect(lines.filter { $0.hasPrefix("davit_lease_seconds_left{") } == ["davit_lease_seconds_left\(labels) 60"])
    }

    @Test func everyNameOfThePageIsDocumented() async throws {
        let page = Metrics.text(await queue.status(), QueueMetrics(), process: ProcessFigures.now(age: 1))
        let folder = #filePath.components(upTo: "/Tests/")
        let documented = String(
            decoding: try SecureFile.read(folder + "/docs/interface.md", limit: 1 << 20, mustBePrivate: false), as: UTF8.self)

        let names = page.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map { String($0.split(separator: " ")[2]) }

        #expect(names.count > 25 && Set(names).count == names.count)
        #expect(names.filter { !documented.contains($0) } == [])
    }
}

extension String {
    /// What stands before that.
    fileprivate func components(upTo mark: String) -> String {
        let (bytes, wanted) = (Array(utf8), Array(mark.utf8))
        let place = (0...(bytes.count - wanted.count)).first { bytes[$0..<($0 + wanted.count)].elementsEqual(wanted) } ?? bytes.count
        return String(decoding: bytes[..<place], as: UTF8.self)
    }
}
