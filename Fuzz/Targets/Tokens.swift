import Contracts
import Platform

@testable import Credentials
@testable import OSSProtocol

/// JSON in which credentials come: the authorization server's answers and questions, STS, and what servers and programs nearby print.
@Sendable func fuzzTokens(_ input: [UInt8]) {
    checkCredentials(input)
    checkDocument(input)
    if let answer = checkedRoundTrip(SignedURLsAnswer.self, input, AuthorizationJSON.decode, AuthorizationJSON.encode) {
        require(answer.urls.count <= input.count, "no URL comes from nowhere")
        for item in answer.urls { checkAddress(item.url) }
    }
    _ = checkedRoundTrip(CredentialsRequest.self, input, AuthorizationJSON.decode, AuthorizationJSON.encode)
    _ = checkedRoundTrip(SignedURLsRequest.self, input, AuthorizationJSON.decode, AuthorizationJSON.encode)
    for status in [200, 403] { checkSTS(HTTPResponse(status: status, headers: ["Date": "Thu, 15 Jan 2026 08:30:00 GMT"], body: input)) }
}

private func checkCredentials(_ input: [UInt8]) {
    guard let answer = try? AuthorizationJSON.decode(CredentialsAnswer.self, from: input) else { return }
    guard let bytes = try? AuthorizationJSON.encode(answer), let again = try? AuthorizationJSON.decode(CredentialsAnswer.self, from: bytes)
    else { return require(false, "credentials that were read can be written and read") }
    require((try? AuthorizationJSON.encode(again)) == bytes, "credentials that were written read the same")
    for secret in [answer.accessKeySecret, answer.securityToken] {
        requireHidden(secret, in: "\(answer) \(String(reflecting: answer))", "the description of an answer")
    }
    let grant = BrokerProvider.grant(answer)
    require(grant.prefix.isEmpty || grant.prefix.utf8.last == UInt8(ascii: "/"), "a granted prefix ends in a slash")
    require(BrokerProvider.grant(answer) == grant, "the same answer grants the same")
}

// MARK: - Credentials servers, ECS metadata, credential processes

private struct NoTransport: Transport {
    func send(
        _ request: HTTPRequest, body: FileBody?, options: SendOptions, progress: (@Sendable (Int64) -> Void)?
    ) async throws(TransportError) -> TransportReply { throw TransportError(kind: .cancelled, message: "") }
}

private func checkDocument(_ input: [UInt8]) {
    let server = CredentialServer(name: "the server", transport: NoTransport())
    let secrets = CredentialDocument(json: input)?.secrets ?? []
    for status in [200, 400, 503] {
        let response = HTTPResponse(status: status, headers: ["Date": "Thu, 15 Jan 2026 08:30:00 GMT"], body: input)
        checkFailure(server.failure(response), secrets)
        do throws(ProviderFailure) {
            let issued = try server.credentials(response, isThisMachine: false)
            let key = issued.credentials
            require(!key.accessKeyID.isEmpty && !key.accessKeySecret.isEmpty && key.securityToken?.isEmpty != true, "a key is whole")
            for text in [key.accessKeyID, key.accessKeySecret.reveal(), key.securityToken?.reveal() ?? "x"] {
                require(text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "what goes into headers is printable")
            }
            requireHidden(
                key.accessKeySecret.reveal(), beside: key.accessKeyID, in: "\(issued) \(String(reflecting: issued))", "what a source gave")
        } catch {
            checkFailure(error, secrets)
        }
    }
}

private func checkFailure(_ failure: ProviderFailure, _ secrets: [String]) {
    switch failure {
    case .notConfigured(let text), .refused(let text), .unavailable(_, let text):
        require(isOneLine(text) && text.unicodeScalars.count <= 1000, "a failure is one line of bounded length: \(text.debugDescription)")
        for secret in secrets { requireHidden(secret, in: text, "a failure") }
    }
}

/// What was read, if anything was; written and read again it must be the same.
func checkedRoundTrip<Value: Codable & Equatable & Sendable>(
    _ type: Value.Type, _ input: [UInt8], _ decode: (Value.Type, [UInt8]) throws -> Value, _ encode: (Value) throws -> [UInt8]
) -> Value? {
    guard let value = try? decode(type, input) else { return nil }
    do {
        require(try decode(type, try encode(value)) == value, "\(type) that was written reads the same")
    } catch {
        require(false, "\(type) that was read can be written and read: \(error)")
    }
    return value
}
