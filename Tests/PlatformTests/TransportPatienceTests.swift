import OSSProtocol
import Testing

@testable import Platform
@testable import Wire

/// Whoever knows what is usual says how long silence is waited for.
@Suite struct TransportPatienceTests {
    let transport: CurlTransport

    init() throws { transport = try CurlTransport() }

    private func put(_ server: ScriptedServer, _ body: FileBody, _ options: SendOptions) async throws(TransportError) -> TransportReply {
        try await transport.send(
            HTTPRequest(method: "PUT", scheme: "http", host: "127.0.0.1:\(server.port)", path: "/b/k"), body: body, options: options,
            progress: nil)
    }

    @Test(arguments: [1_000, 300_000]) func anAnswerThatDoesNotComeIsGivenUpWhenPatienceEnds(size: Int64) async throws {
        let server = ScriptedServer { _ in .silence }
        let file = try TestFile(Int(size))
        let asked = Lock<[(silence: Duration, isWhole: Bool)]>([])
        var options = SendOptions()
        options.isPatient = { silence, isWhole in
            asked.withLock { asked in
                asked.append((silence, isWhole))
                return asked.count < 3
            }
        }
        let body = try file.body()

        let error = await failure { [options] in try await put(server, body, options) }
        server.close()

        #expect(error?.kind == .curl(28))
        #expect(error?.bodyBytesSent == size)
        #expect(asked.withLock { $0.count } == 3)
        #expect(asked.withLock { $0.allSatisfy { $0.isWhole && $0.silence >= .milliseconds(250) } })
    }

    @Test func aBodyThatNobodyReadsIsNotWhole() async throws {
        let server = ScriptedServer { _ in .earlyAndDeaf("") }
        let file = try TestFile(hole: 30_000_000)
        let wasWhole = Lock<Bool?>(nil)
        var options = SendOptions()
        options.isPatient = { _, isWhole in
            wasWhole.withLock { $0 = isWhole }
            return false
        }
        let body = try file.body(0..<30_000_000)

        let error = await failure { [options] in try await put(server, body, options) }
        server.close()

        #expect(error?.kind == .curl(28))
        #expect(wasWhole.withLock { $0 } == false)
    }
}
