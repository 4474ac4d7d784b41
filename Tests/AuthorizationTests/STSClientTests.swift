import Credentials
import OSSProtocol
import Platform
import Testing

@testable import Authorization

/// Answers in the order of a script; keeps what was asked.
final class ScriptedTransport: Transport {
    private let script: Lock<[Result<HTTPResponse, TransportError>]>
    private let asked = Lock<[HTTPRequest]>([])

    init(_ script: [Result<HTTPResponse, TransportError>]) { self.script = Lock(script) }

    var requests: [HTTPRequest] { asked.withLock { $0 } }

    func send(
        _ request: HTTPRequest, body: FileBody?, options: SendOptions, progress: (@Sendable (Int64) -> Void)?
    ) async throws(TransportError) -> TransportReply {
        asked.withLock { $0.append(request) }
        let next = script.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        switch next {
        case .success(let response): return TransportReply(response: response, bodyCRC64: 0, bodyBytesSent: 0)
        case .failure(let error): throw error
        case nil: throw TransportError(kind: .closed, message: "the script is over", bodyBytesSent: 0)
        }
    }
}

@Suite struct STSClientTests {
    private let clock = ManualClock()

    private func client(_ script: Result<HTTPResponse, TransportError>...) -> (STSClient, ScriptedTransport, ServerClock) {
        let transport = ScriptedTransport(script)
        let serverClock = ServerClock(clock.now)
        let client = STSClient(
            transport: transport, clock: serverClock, counters: Counters(),
            ownCredentials: { _ in Credentials(accessKeyID: "LTAI", accessKeySecret: Secret("OwnSecret")) }, nonce: { "nonce" })
        return (client, transport, serverClock)
    }

    private let scope = Scope(
        session: "camera-7", bucket: "media-ingest", region: "cn-hangzhou", endpoint: .forRegion("cn-hangzhou"), prefix: "uploads/",
        verbs: [.upload], duration: .seconds(900), policy: "{\"Version\":\"1\"}")

    private func success(expiration: String, date: String = "Thu, 15 Jan 2026 08:30:00 GMT") -> Result<HTTPResponse, TransportError> {
        let body = """
            {"RequestId":"6894B13B","Credentials":{"AccessKeyId":"STS.NU","AccessKeySecret":"s","SecurityToken":"t","Expiration":"\(expiration)"}}
            """
        return .success(HTTPResponse(status: 200, headers: ["Date": date], body: Array(body.utf8)))
    }

    private func failure(_ status: Int, _ code: String, date: String? = nil) -> Result<HTTPResponse, TransportError> {
        var headers = HTTPHeaders()
        headers["Date"] = date
        return .success(
            HTTPResponse(
                status: status, headers: headers, body: Array("{\"RequestId\":\"R9\",\"Code\":\"\(code)\",\"Message\":\"said\\nso\"}".utf8))
        )
    }

    @Test func theRequestNamesTheClientItsPolicyAndItsLife() async throws {
        let (client, transport, _) = client(success(expiration: "2026-01-15T08:45:00Z"))
        let token = try await client.token(for: scope, sts: Bench.sts)

        #expect(token.expiration == Timestamp(iso8601: "2026-01-15T08:45:00Z"))
        #expect(token.requestID == "6894B13B")
        let request = try #require(transport.requests.first)
        let form = String(decoding: request.body, as: UTF8.self)
        #expect(request.url == "https://sts.cn-hangzhou.aliyuncs.com/")
        for part in ["RoleSessionName=camera-7", "DurationSeconds=900", "Policy=%7B%22Version%22%3A%221%22%7D", "Action=AssumeRole"] {
            #expect(form.contains(part))
        }
        #expect(!form.contains("OwnSecret"))
    }

    @Test func aRefusalKeepsItsCodeAndRequestIDOnOneLine() async throws {
        let (client, _, _) = client(failure(403, "NoPermission"))
        let error = await #expect(throws: IssueFailure.self) { try await client.token(for: scope, sts: Bench.sts) }

        #expect(error == IssueFailure(code: "NoPermission", message: "said\u{FFFD}so", requestID: "R9"))
    }

    @Test func aWrongClockIsLearntAndTheCallRepeatedOnce() async throws {
        let (client, transport, serverClock) = client(
            failure(400, "InvalidTimeStamp.Expired", date: "Thu, 15 Jan 2026 09:30:00 GMT"),
            success(expiration: "2026-01-15T09:45:00Z", date: "Thu, 15 Jan 2026 09:30:01 GMT"))
        let token = try await client.token(for: scope, sts: Bench.sts)

        #expect(transport.requests.count == 2)
        #expect(String(decoding: transport.requests[1].body, as: UTF8.self).contains("2026-01-15T09%3A30%3A00Z"))
        #expect(serverClock.now() == Timestamp(iso8601: "2026-01-15T09:30:01Z"))
        #expect(token.left(at: serverClock.now()) == .seconds(899))
    }

    @Test func aClockErrorThatTeachesNothingIsNotRepeated() async throws {
        let (client, transport, _) = client(failure(400, "InvalidTimeStamp.Expired", date: "Thu, 15 Jan 2026 08:30:01 GMT"))

        await #expect(throws: IssueFailure.self) { try await client.token(for: scope, sts: Bench.sts) }
        #expect(transport.requests.count == 1)
    }

    @Test(arguments: ["Thu, 15 Jan 2099 08:30:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"])
    func aPageThatIsNoAnswerOfSTSTeachesNoTime(date: String) async throws {
        let (client, _, serverClock) = client(
            .success(HTTPResponse(status: 502, headers: ["Date": date], body: Array("<html>a proxy</html>".utf8))),
            .success(HTTPResponse(status: 200, headers: ["Date": date], body: Array("<html>sign in</html>".utf8))))

        for _ in 0..<2 { await #expect(throws: IssueFailure.self) { try await client.token(for: scope, sts: Bench.sts) } }
        #expect(serverClock.now() == clock.now())
    }

    @Test func aTimeThatNoServerOfOursHasIsNotLearnt() {
        let serverClock = ServerClock(clock.now)

        serverClock.learn(Timestamp(seconds: 0))
        serverClock.learn(Timestamp(seconds: 253_402_300_799))

        #expect(serverClock.now() == clock.now())
    }

    @Test func anAnswerThatIsOverAlreadyIsAFailure() async throws {
        let (client, _, _) = client(success(expiration: "2026-01-15T08:29:59Z"))
        let error = await #expect(throws: IssueFailure.self) { try await client.token(for: scope, sts: Bench.sts) }

        #expect(error?.code == "STSUnusableAnswer")
    }

    @Test func silenceIsAFailureWithAName() async throws {
        let (client, _, _) = client(.failure(TransportError(kind: .curl(7), message: "connection refused", bodyBytesSent: 0)))
        let error = await #expect(throws: IssueFailure.self) { try await client.token(for: scope, sts: Bench.sts) }

        #expect(error?.code == "STSUnreachable")
        #expect(error?.message.contains("connection refused") == true)
    }
}
