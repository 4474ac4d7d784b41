import Glibc
import OSSProtocol
import Testing

@testable import Platform
@testable import Wire

@Suite struct LocalHTTPTests {
    private let home: TestFolder
    var folder: String { home.path }
    var socket: String { folder + "/engine.sock" }

    init() throws { home = try TestFolder() }

    @Test func aRequestGoesOverTheSocketWithItsQueryAndBody() async throws {
        let server = ScriptedServer(path: socket) { _ in .answer(answer("200 OK", "{}")) }
        let local = try LocalHTTP(socketPath: socket)

        let response = try await local.request("POST", "/v1/actions?a=b%20c", body: Array("{\"x\":1}".utf8))

        #expect(response.status == 200)
        #expect(response.body == Array("{}".utf8))
        #expect(server.seen[0].path == "/v1/actions?a=b%20c")
        #expect(server.seen[0].header("Content-Type") == "application/json")
        #expect(server.seen[0].body == Array("{\"x\":1}".utf8))
    }

    @Test func callsOneAfterTheOtherShareAConnectionAndADeadOneIsReplaced() async throws {
        let server = ScriptedServer(path: socket) { $0.path == "/leave" ? .answerAndLeave(answer("200 OK")) : .answer(answer("200 OK")) }
        let local = try LocalHTTP(socketPath: socket)

        for path in ["/a", "/b", "/leave", "/c", "/d"] { #expect(try await local.request("GET", path).status == 200) }

        #expect(server.seen.map(\.connection) == [0, 0, 0, 1, 1])
    }

    @Test func whatMayHaveBeenDoneIsNotAskedForAgain() async throws {
        let server = ScriptedServer(path: socket) { request in
            request.path == "/gone" && request.connection == 0 ? .pieces([]) : .answer(answer("200 OK"))
        }
        let local = try LocalHTTP(socketPath: socket)
        #expect(try await local.request("GET", "/a").status == 200)

        let error = await failure { try await local.request("POST", "/gone", body: Array("{}".utf8)) }

        #expect(error?.kind == .curl(52))
        #expect(server.seen.map(\.path) == ["/a", "/gone"])
    }

    @Test func whatChangesNothingIsAskedForAgain() async throws {
        let server = ScriptedServer(path: socket) { request in
            request.path == "/gone" && request.connection == 0 ? .pieces([]) : .answer(answer("200 OK"))
        }
        let local = try LocalHTTP(socketPath: socket)

        for path in ["/a", "/gone"] { #expect(try await local.request("GET", path).status == 200) }

        #expect(server.seen.map(\.connection) == [0, 0, 1])
    }

    @Test func silenceEndsAtTheTimeOut() async throws {
        let server = ScriptedServer(path: socket) { _ in .silence }
        let local = try LocalHTTP(socketPath: socket)

        let error = await failure { try await local.request("GET", "/", timeout: .milliseconds(100)) }

        #expect(error?.kind == .curl(28))
        server.close()
    }

    @Test func aCancelledCallEndsAtOnce() async throws {
        let server = ScriptedServer(path: socket) { _ in .silence }
        let local = try LocalHTTP(socketPath: socket)
        let task = Task { try await local.request("GET", "/") }
        while server.seen.isEmpty { await Task.yield() }

        task.cancel()

        let result = await task.result
        #expect((result.failure as? TransportError)?.kind == .cancelled)
        server.close()
    }

    @Test(arguments: ["/a b", "/a\r\nX: y"]) func aPathThatWouldBreakTheRequestIsNotSent(path: String) async throws {
        let server = ScriptedServer(path: socket) { _ in .answer(answer("200 OK")) }
        let local = try LocalHTTP(socketPath: socket)

        #expect(await failure { try await local.request("GET", path) }?.kind == .curl(3))
        #expect(server.seen.isEmpty)
    }

    @Test func libcurlReachesASocketToo() async throws {
        let server = ScriptedServer(path: socket) { _ in .answer(answer("200 OK", "over curl")) }
        var configuration = CurlTransport.Configuration()
        configuration.unixSocket = socket
        let transport = try CurlTransport(configuration)

        let reply = try await transport.send(HTTPRequest(method: "GET", scheme: "http", host: "engine", path: "/v1/status"))

        #expect(reply.response.body == Array("over curl".utf8))
        #expect(server.seen[0].header("Host") == "engine")
    }

    @Test func nobodyThereIsCurlsCode7() async throws {
        let local = try LocalHTTP(socketPath: socket)

        let error = await failure { try await local.request("GET", "/v1/status") }

        #expect(error?.kind == .curl(7))
    }

    @Test func eventsComeOneByOneHoweverTheyAreCut() async throws {
        let text =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: hi\n\nid: 1\nevent: a\ndata: x\n\ndata: y\n\n"
        let server = ScriptedServer(path: socket) { _ in .pieces(text.map(String.init)) }
        let local = try LocalHTTP(socketPath: socket)

        var events: [ServerEvent] = []
        for try await event in local.events("/v1/events", lastEventID: "0") { events.append(event) }

        #expect(events == [ServerEvent(id: "1", event: "a", data: [0x78]), ServerEvent(id: "1", event: "message", data: [0x79])])
        #expect(server.seen[0].header("Last-Event-ID") == "0")
    }

    @Test func eventsThatComeTogetherAreHandedOverTogether() async throws {
        let one = "id: 1\nevent: a\ndata: x\n\n"
        let text = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        let server = ScriptedServer(path: socket) { _ in .pieces([text, one + one + one, "data: hal", "f\n\n"]) }
        let local = try LocalHTTP(socketPath: socket)

        var batches: [[ServerEvent]] = []
        for try await events in local.eventBatches("/v1/events", lastEventID: "0") { batches.append(events) }

        let event = ServerEvent(id: "1", event: "a", data: [0x78])
        #expect(batches.joined().map(\.data) == [[0x78], [0x78], [0x78], Array("half".utf8)])
        #expect(batches.first?.starts(with: [event]) == true)
        #expect(batches.allSatisfy { !$0.isEmpty })
        #expect(server.seen[0].header("Last-Event-ID") == "0")
    }

    @Test func aRefusedEventStreamIsAFailure() async throws {
        let server = ScriptedServer(path: socket) { _ in .answer(answer("404 Not Found", "{}")) }
        let local = try LocalHTTP(socketPath: socket)

        let error = await failure { for try await _ in local.events("/v1/nothing") {} }

        #expect(error?.message.contains("404") == true)
        server.close()
    }

    @Test func aReaderThatStopsClosesTheConnection() async throws {
        let server = ScriptedServer(path: socket) { _ in
            .pieces(["HTTP/1.1 200 OK\r\n\r\ndata: x\n\n"] + [String](repeating: ":\n\n", count: 500), gapMilliseconds: 10)
        }
        let local = try LocalHTTP(socketPath: socket)

        for try await _ in local.events("/v1/events") { break }
        // A second request on the same transport still works: the first one did not take its thread along.
        let second = local.events("/v1/events")
        var first: ServerEvent?
        for try await event in second {
            first = event
            break
        }

        #expect(first?.data == [0x78])
        #expect(server.seen.count == 2)
        server.close()
    }
}

@Suite struct LargeEventTests {
    @Test func anEventPastItsBoundIsLeftOutAndTheNextComes() {
        var parser = EventStreamParser(largest: 40)
        let text = "data: " + String(repeating: "x", count: 100) + "\ndata: more\n\nevent: b\ndata: y\n\n"

        let events = text.utf8.flatMap { parser.feed([$0]) }

        #expect(events == [ServerEvent(id: nil, event: "b", data: [0x79])])
    }
}
