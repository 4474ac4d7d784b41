import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import Authorization

/// The service behind Hummingbird, over a real socket.
@Suite struct HTTPServerTests {
    private func exchange(
        _ bench: Bench, _ method: HTTPRequest.Method, _ path: String, headers: HTTPFields = [:], body: ByteBuffer? = nil
    ) async throws -> TestResponse {
        let application = Application(responder: ServiceResponder(service: bench.service, asksForCertificates: false))
        return try await application.test(.live) { client in
            try await client.execute(uri: path, method: method, headers: headers, body: body) { $0 }
        }
    }

    @Test func credentialsComeOverHTTPAndAreNotToBeStored() async throws {
        let bench = Bench()
        let answer = try await exchange(
            bench, .post, "/v1/credentials?x=1", headers: [.authorization: "Bearer \(bench.token.text.reveal())"],
            body: ByteBuffer(string: "{}"))

        #expect(answer.status == .ok)
        #expect(answer.headers[.cacheControl] == "no-store")
        #expect(answer.headers[.contentType] == "application/json")
        #expect(answer.headers[.date] != nil)
        #expect(String(buffer: answer.body).contains("\"Code\":\"Success\""))
        #expect(bench.audit.all.first?.remote == "127.0.0.1")
    }

    @Test func aStrangerIsRefusedOverHTTP() async throws {
        let answer = try await exchange(Bench(), .get, "/v1/credentials")

        #expect(answer.status == .unauthorized)
        #expect(answer.headers[.wwwAuthenticate] != nil)
    }

    @Test func aBodyAboveTheBoundIsRefused() async throws {
        let bench = Bench()
        let answer = try await exchange(
            bench, .post, "/v1/signed-urls", headers: [.authorization: "Bearer \(bench.token.text.reveal())"],
            body: ByteBuffer(repeating: 0x20, count: ServiceResponder.mostBodyBytes + 1))

        #expect(answer.status == .contentTooLarge)
        #expect(bench.audit.all.isEmpty)
    }

    @Test(arguments: [(1_048_576, 4096), (1024, 960), (256, 192), (64, 1), (10, 1)])
    func connectionsStayBelowTheLimitOfOpenFiles(files: Int, connections: Int) {
        #expect(HTTPServer.connections(openFiles: files) == connections)
    }

    @Test func healthNeedsNoToken() async throws {
        let answer = try await exchange(Bench(), .get, "/healthz")
        let head = try await exchange(Bench(), .head, "/healthz")

        #expect(answer.status == .ok && String(buffer: answer.body) == "ok\n")
        #expect(head.status == .ok && head.body.readableBytes == 0)
    }
}
