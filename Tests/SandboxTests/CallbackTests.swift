import Logging
import OSSProtocol
import Platform
import ServiceLifecycle
import Testing

@testable import Sandbox

@Suite struct CallbackTests {
    private func headers(_ callback: String, variables: String? = nil) -> HTTPHeaders {
        var headers: HTTPHeaders = ["x-oss-callback": Base64.encode(Array(callback.utf8)), "Content-Type": "a/b"]
        if let variables { headers["x-oss-callback-var"] = Base64.encode(Array(variables.utf8)) }
        return headers
    }

    /// A server that answers the same every time, and what it was told.
    private func withServer(
        status: Int, answer: String, _ body: (_ url: String, _ told: @escaping @Sendable () -> [String]) async throws -> Void
    ) async throws {
        let heard = Lock<[String]>([])
        let (ports, found) = AsyncStream<Int>.makeStream()
        let server = HTTPServer(port: 0) { request, body in
            var body = body
            let text = String(decoding: (try? await body.collect(upTo: 1 << 20)) ?? [], as: UTF8.self)
            heard.withLock { $0.append("\(request.method) \(request.path) \(request.headers["Content-Type"] ?? "") \(text)") }
            return .whole(Answer(status: status, body: .bytes(Array(answer.utf8))))
        }
        let service = try server.service { found.yield($0) }
        let group = ServiceGroup(
            configuration: .init(services: [service], logger: Logger(label: "callback") { _ in SwiftLogNoOpLogHandler() }))
        let running = Task { try await group.run() }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        try await body("http://127.0.0.1:\(port)/told?x=1") { heard.withLock { $0 } }
        running.cancel()
        await group.triggerGracefulShutdown()
    }

    @Test func theAnswerOfTheCallbackIsTheAnswer() async throws {
        let caller = try Caller()
        try await withServer(status: 200, answer: #"{"ok": true}"#) { url, told in
            let order =
                #"{"callbackUrl": "\#(url)", "callbackBody": "b=${bucket}&o=${object}&s=${size}&m=${mimeType}&v=${x:who}&n=${nothing}"}"#

            let put = try await caller.send("PUT", "a b", headers: headers(order, variables: #"{"x:who": "é"}"#), body: [1, 2])

            #expect(put.status == 200 && put.body == Array(#"{"ok": true}"#.utf8))
            #expect(told() == ["POST /told application/x-www-form-urlencoded b=sandbox-bucket&o=a%20b&s=2&m=a%2Fb&v=%C3%A9&n="])
        }
    }

    @Test func completeCallsToo() async throws {
        let caller = try Caller()
        try await withServer(status: 200, answer: "{}") { url, told in
            let id = try await caller.initiate("k")
            let etag = try await caller.upload("k", id, 1, [1])
            let order =
                #"{"callbackUrl": "\#(url)", "callbackBody": "{\"o\":${object},\"s\":${size}}", "callbackBodyType": "application/json"}"#

            let done = try await caller.complete("k", id, [(1, etag)], headers: headers(order))

            #expect(done.status == 200 && done.body == Array("{}".utf8))
            #expect(told() == [#"POST /told application/json {"o":"k","s":1}"#])
        }
    }

    @Test(arguments: [(500, "{}"), (200, "no json")]) func aFailedCallbackIs203AndTheObjectIsStored(status: Int, answer: String)
        async throws
    {
        let caller = try Caller()
        try await withServer(status: status, answer: answer) { url, _ in
            let put = try await caller.send("PUT", "k", headers: headers(#"{"callbackUrl": "\#(url)", "callbackBody": "x"}"#), body: [1])

            #expect(put.status == 203 && OSSError(response: put).code == "CallbackFailed")
            #expect(try await caller.send("GET", "k").body == [1])
        }
    }

    @Test func anotherMachineIsNeverCalled() async throws {
        let put = try await Caller().send(
            "PUT", "k", headers: headers(#"{"callbackUrl": "http://example.com/;http://127.0.0.1.example.com/", "callbackBody": "x"}"#))

        #expect(put.status == 203 && OSSError(response: put).message.contains("this machine"))
    }

    @Test(arguments: [
        "{}", "[]", "nonsense", #"{"callbackUrl": "", "callbackBody": "x"}"#, #"{"callbackUrl": "a;b;c;d;e;f", "callbackBody": "x"}"#,
        #"{"callbackUrl": "a", "callbackBody": "x", "callbackBodyType": "text/plain"}"#,
    ]) func aCallbackThatMakesNoSenseStoresNothing(order: String) async throws {
        let caller = try Caller()

        #expect(try await caller.code("PUT", "k", headers: headers(order)) == "InvalidArgument")
        #expect(try await caller.code("GET", "k") == "NoSuchKey")
    }
}
