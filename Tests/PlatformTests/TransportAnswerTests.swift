import Glibc
import OSSProtocol
import Testing

@testable import Platform
@testable import Wire

/// Answers that are early, late, broken, or not what was hoped for.
@Suite struct TransportAnswerTests {
    let transport: CurlTransport

    init() throws { transport = try CurlTransport() }

    func send(_ server: ScriptedServer, _ method: String = "GET", options: SendOptions = .init()) async throws(TransportError)
        -> TransportReply
    {
        try await transport.send(
            HTTPRequest(method: method, scheme: "http", host: "127.0.0.1:\(server.port)", path: "/b/k"), options: options)
    }

    func put(_ server: ScriptedServer, _ body: FileBody, options: SendOptions = .init()) async throws(TransportError) -> TransportReply {
        try await transport.send(
            HTTPRequest(method: "PUT", scheme: "http", host: "127.0.0.1:\(server.port)", path: "/b/k"), body: body, options: options,
            progress: nil)
    }

    @Test func anAnswerThatBreaksOffIsCurlsCode18() async throws {
        let server = ScriptedServer { _ in .pieces(["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "short"]) }

        #expect(await failure { try await send(server) }?.kind == .curl(18))
    }

    @Test func aConnectionClosedWithoutAnAnswerIsCurlsCode52() async throws {
        let server = ScriptedServer { _ in .pieces([]) }

        #expect(await failure { try await send(server) }?.kind == .curl(52))
    }

    @Test(arguments: 1...8) func aRefusalBeforeAResetIsTheAnswerWhateverCurlWasDoing(round: Int) async throws {
        let server = ScriptedServer { _ in .early(answer("503 Service Unavailable", "<Error/>")) }
        let file = try TestFile(hole: 6_000_000 + round)

        let reply = try await put(server, file.body(0..<6_000_000))

        #expect(reply.response.status == 503)
        #expect(reply.response.body == Array("<Error/>".utf8))
    }

    @Test(arguments: 1...8) func aLengthBelowZeroBeforeAResetIsNoLength(round: Int) async throws {
        let server = ScriptedServer { _ in .early("HTTP/1.1 503 Service Unavailable\r\nContent-Length: -5\r\n\r\nbusy") }
        let file = try TestFile(hole: 6_000_000 + round)

        let result = await Task { try await put(server, file.body(0..<6_000_000)) }.result

        // libcurl refuses such an answer where it reads it itself.
        if let reply = try? result.get() { #expect(reply.response.status == 503) }
    }

    @Test func aRefusalWithoutReadingTheBodyEndsTheRequest() async throws {
        let server = ScriptedServer { _ in .earlyAndDeaf(answer("403 Forbidden", "<Error/>")) }
        let file = try TestFile(hole: 30_000_000)

        let reply = try await put(server, file.body(0..<30_000_000))
        server.close()

        #expect(reply.response.status == 403)
        #expect(reply.bodyBytesSent < 30_000_000)
    }

    @Test func aRefusalReachesABodyThatTheRateLimitHolds() async throws {
        let server = ScriptedServer { _ in .earlyAndDeaf(answer("403 Forbidden", "<Error/>")) }
        let file = try TestFile(300_000)
        transport.setRateLimit(0)

        let reply = try await put(server, file.body())
        server.close()

        #expect(reply.response.status == 403)
    }

    @Test func interimAnswersAreNotTheAnswer() async throws {
        let server = ScriptedServer { _ in
            .pieces(["HTTP/1.1 100 Continue\r\nX-Interim: yes\r\n\r\n", answer("200 OK", "ok", headers: "X-Final: yes\r\n")])
        }

        let reply = try await send(server)

        #expect(reply.response.status == 200)
        #expect(reply.response.headers["x-final"] == "yes")
        #expect(reply.response.headers["x-interim"] == nil)
        #expect(reply.response.body == Array("ok".utf8))
    }

    @Test func aChunkedAnswerIsPutTogetherWithoutItsTrailers() async throws {
        let server = ScriptedServer { _ in
            .pieces(["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n", "2\r\nde\r\n", "0\r\nX-Trailer: t\r\n\r\n"])
        }

        let reply = try await send(server)

        #expect(reply.response.body == Array("abcde".utf8))
        #expect(reply.response.headers["X-Trailer"] == nil)
    }

    @Test func theHeadOfALargeObjectHasItsLengthAndNoBody() async throws {
        let server = ScriptedServer { _ in .pieces(["HTTP/1.1 200 OK\r\nContent-Length: 5368709120\r\nETag: \"E\"\r\n\r\n"]) }

        let reply = try await send(server, "HEAD")

        #expect(reply.response.headers["content-length"] == "5368709120")
        #expect(reply.response.body.isEmpty)
    }

    @Test func aRedirectionIsAnAnswerAndIsNotFollowed() async throws {
        let server = ScriptedServer { _ in .answer(answer("307 Temporary Redirect", headers: "Location: http://127.0.0.1:1/x\r\n")) }

        #expect(try await send(server).response.status == 307)
        #expect(server.seen.count == 1)
    }

    @Test func headersPastTheirBoundAreRefused() async throws {
        let line = "X-Filler: " + String(repeating: "x", count: 1000) + "\r\n"
        let server = ScriptedServer { _ in .answer(answer("200 OK", headers: String(repeating: line, count: 290))) }

        #expect(await failure { try await send(server) }?.kind == .answerTooLarge)
    }

    @Test func aConnectionThatDiedWhileIdleIsReplaced() async throws {
        let server = ScriptedServer { _ in .answerAndLeave(answer("200 OK")) }
        let file = try TestFile(200_000)

        for _ in 0..<5 { #expect(try await put(server, file.body()).bodyCRC64 == crc64(file.bytes)) }

        #expect(server.seen.map(\.body) == [[UInt8]](repeating: file.bytes, count: 5))
    }

    @Test func aTrickleIsNoStall() async throws {
        let server = ScriptedServer { _ in
            .pieces(["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"] + "0123456789".map(String.init), gapMilliseconds: 30)
        }
        var options = SendOptions()
        options.stallTimeout = .milliseconds(200)

        #expect(try await send(server, options: options).response.body == Array("0123456789".utf8))
    }

    @Test func theTotalTimeEndsATrickle() async throws {
        let server = ScriptedServer { _ in
            .pieces(["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"] + [String](repeating: "x", count: 100), gapMilliseconds: 20)
        }
        var options = SendOptions()
        options.total = .milliseconds(150)

        let error = await failure { try await send(server, options: options) }

        #expect(error?.kind == .curl(28))
        #expect(error?.message.contains("150 ms") == true)
    }

    @Test func aBodyThatNobodyReadsStalls() async throws {
        let server = ScriptedServer { _ in .earlyAndDeaf("") }
        let file = try TestFile(hole: 30_000_000)
        var options = SendOptions()
        options.stallTimeout = .milliseconds(150)
        let body = try file.body(0..<30_000_000)

        let error = await failure { try await put(server, body, options: options) }
        server.close()

        #expect(error?.kind == .curl(28))
        #expect((error?.bodyBytesSent ?? 0) > 0)
    }

    @Test func aTaskCancelledBeforehandSendsNothing() async throws {
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }
        let request = HTTPRequest(method: "GET", scheme: "http", host: "127.0.0.1:\(server.port)", path: "/")
        let task = Task { [transport] in
            withUnsafeCurrentTask { $0?.cancel() }
            return try await transport.send(request)
        }

        let result = await task.result

        #expect(throws: TransportError(kind: .cancelled, message: "cancelled")) { try result.get() }
        #expect(server.seen.isEmpty)
    }

    @Test func closingEndsWhatIsUnderWayAndRefusesTheRest() async throws {
        let server = ScriptedServer { _ in .silence }
        let request = HTTPRequest(method: "GET", scheme: "http", host: "127.0.0.1:\(server.port)", path: "/")
        let task = Task { [transport] in try await transport.send(request) }
        while server.seen.isEmpty { await Task.yield() }

        transport.close()

        let result = await task.result
        #expect((result.failure as? TransportError)?.kind == .closed)
        #expect(await failure { try await send(server) }?.kind == .closed)
    }

    @Test(arguments: ["GE T", "get", ""]) func aMethodThatIsNoneIsNeverSent(method: String) async throws {
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }

        #expect(await failure { try await send(server, method) }?.kind == .curl(3))
        #expect(server.seen.isEmpty)
    }
}

extension Result {
    var failure: Failure? { if case .failure(let failure) = self { failure } else { nil } }
}
