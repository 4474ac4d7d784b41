import Glibc
import OSSProtocol
import Testing

@testable import Platform
@testable import Wire

@Suite struct CurlTransportTests {
    let transport: CurlTransport

    init() throws { transport = try CurlTransport() }

    func request(
        _ method: String, _ server: ScriptedServer, path: String = "/b/k", query: String? = nil, headers: HTTPHeaders = [:],
        body: [UInt8] = []
    )
        -> HTTPRequest
    {
        HTTPRequest(
            method: method, scheme: "http", host: "127.0.0.1:\(server.port)", path: path, query: query, headers: headers, body: body)
    }

    @Test func pathQueryAndHeadersGoOutByteForByte() async throws {
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }

        _ = try await transport.send(
            request("GET", server, path: "/b/a//b/./c/../d%2F%20", query: "uploads&x=%2B", headers: ["x-oss-meta-A": "v  w"]))

        #expect(server.seen.first?.head.hasPrefix("GET /b/a//b/./c/../d%2F%20?uploads&x=%2B HTTP/1.1\r\n") == true)
        #expect(server.seen.first?.header("x-oss-meta-A") == "v  w")
    }

    @Test(arguments: ["PUT", "POST", "GET", "DELETE"]) func nothingIsAddedThatWasNotAskedFor(method: String) async throws {
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }

        _ = try await transport.send(request(method, server, body: method.hasPrefix("P") ? Array("abc".utf8) : []))

        let names = server.seen[0].head.split(separator: "\r\n").dropFirst().map { String($0.prefix { $0 != ":" }).lowercased() }
        #expect(Set(names).isSubset(of: ["host", "content-length"]), "\(names)")
    }

    @Test(arguments: ["PUT", "POST"]) func anEmptyBodySaysSo(method: String) async throws {
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }

        _ = try await transport.send(request(method, server))

        #expect(server.seen[0].header("Content-Length") == "0")
        #expect(server.seen[0].head.hasPrefix(method + " "))
    }

    @Test func aRangeOfAFileArrivesWithItsChecksum() async throws {
        let server = ScriptedServer { _ in .answer(answer("200 OK", headers: "ETag: \"X\"\r\n")) }
        let file = try TestFile(3_000_000)

        let reply = try await transport.send(
            request("PUT", server), body: file.body(1_000_001..<2_500_001), options: SendOptions(), progress: nil)

        let sent = Array(file.bytes[1_000_001..<2_500_001])
        var crc = CRC64Stream()
        crc.update(sent)
        #expect(server.seen[0].body == sent)
        #expect(reply.bodyCRC64 == crc.value)
        #expect(reply.bodyBytesSent == 1_500_000)
        #expect(reply.response.headers["etag"] == "\"X\"")
    }

    @Test func aFileThatShrankIsASourceFailure() async throws {
        let server = ScriptedServer { _ in .silence }
        let file = try TestFile(1_000_000)
        let body = try file.body()
        truncate(file.path, 300_000)

        let error = await failure { try await transport.send(request("PUT", server), body: body, options: SendOptions(), progress: nil) }

        #expect(error?.kind == .source(errno: 0))
    }

    @Test func connectionsAreUsedAgain() async throws {
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }

        for _ in 0..<20 { _ = try await transport.send(request("PUT", server, body: [1, 2, 3])) }

        #expect(Set(server.seen.map(\.connection)) == [0])
    }

    @Test func anAnswerBeforeTheBodyEndedIsTheAnswer() async throws {
        let server = ScriptedServer { _ in .early(answer("403 Forbidden", "<Error/>", headers: "Connection: close\r\n")) }
        let file = try TestFile(8_000_000)

        let reply = try await transport.send(
            request("PUT", server), body: file.body(0..<8_000_000), options: SendOptions(), progress: nil)

        #expect(reply.response.status == 403)
    }

    @Test func silenceEndsAtTheStallTimeOut() async throws {
        let server = ScriptedServer { _ in .silence }
        var options = SendOptions()
        options.stallTimeout = .milliseconds(150)

        do {
            _ = try await transport.send(request("GET", server), options: options)
            Issue.record("it answered")
        } catch {
            #expect(error.kind == .curl(28))
        }
    }

    @Test func aCancelledTaskAnswersCancelled() async throws {
        let server = ScriptedServer { _ in .silence }
        let task = Task { [transport] in try await transport.send(request("PUT", server, body: [1])) }
        while server.seen.isEmpty { await Task.yield() }

        task.cancel()

        let result = await task.result
        #expect(throws: TransportError(kind: .cancelled, message: "cancelled", bodyBytesSent: 1)) { try result.get() }
    }

    @Test func aResetIsACurlFailureThatCountsWhatLeft() async throws {
        let server = ScriptedServer { _ in .reset(after: 100_000) }
        let file = try TestFile(20_000_000)

        let body = try file.body()
        let error = await failure { try await transport.send(request("PUT", server), body: body, options: SendOptions(), progress: nil) }

        let kinds = [TransportError.Kind.curl(52), .curl(55), .curl(56)]
        #expect(error.map { kinds.contains($0.kind) } == true, "\(String(describing: error))")
        #expect((error?.bodyBytesSent ?? 0) > 0)
    }

    @Test func aRefusedConnectionIsCurlsCode7() async throws {
        let server = ScriptedServer { _ in .silence }
        server.close()

        do {
            _ = try await transport.send(HTTPRequest(method: "GET", scheme: "http", host: "127.0.0.1:1", path: "/"))
            Issue.record("it answered")
        } catch {
            #expect(error.kind == .curl(7))
        }
    }

    @Test func anAnswerPastItsBoundIsRefused() async throws {
        let server = ScriptedServer { _ in .answer(answer("200 OK", String(repeating: "x", count: 10_000))) }
        var options = SendOptions()
        options.maxAnswerBytes = 9_999

        do {
            _ = try await transport.send(request("GET", server), options: options)
            Issue.record("it answered")
        } catch {
            #expect(error.kind == .answerTooLarge)
        }
    }

    @Test func aHeaderWithALineEndIsNeverSent() async throws {
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }

        do {
            _ = try await transport.send(request("GET", server, headers: ["x-oss-meta-a": "b\r\nInjected: yes"]))
            Issue.record("it answered")
        } catch {
            #expect(server.seen.isEmpty)
        }
    }

    @Test func aBucketBelowLocalhostIsThisMachine() async throws {
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }

        let reply = try await transport.send(
            HTTPRequest(method: "GET", scheme: "http", host: "my-bucket.localhost:\(server.port)", path: "/k"))

        #expect(reply.response.status == 200)
        #expect(server.seen[0].header("Host") == "my-bucket.localhost:\(server.port)")
    }

    @Test func theRateLimitHoldsAndChangesAtOnce() async throws {
        let server = ScriptedServer { _ in .answer(answer("200 OK")) }
        let file = try TestFile(6_000_000)
        transport.setRateLimit(2_000_000)
        let begun = SystemClock.monotonicNanoseconds()

        _ = try await transport.send(
            request("PUT", server), body: file.body(0..<2_000_000), options: SendOptions(), progress: nil)
        let limited = SystemClock.monotonicNanoseconds() - begun
        transport.setRateLimit(nil)
        _ = try await transport.send(
            request("PUT", server), body: file.body(0..<6_000_000), options: SendOptions(), progress: nil)

        // How exact it is, RateLimitTests say: here a busy machine may only be slower.
        #expect(limited > 800_000_000, "\(limited) ns for one second of bytes")
        #expect(server.seen.map(\.body.count) == [2_000_000, 6_000_000])
    }
}
