import Contracts
import OSSProtocol
import Platform

/// davit-authd as a client sees it: a bearer token from a file, JSON over HTTP, answers bounded in size and time.
public struct AuthorizationServer: Sendable {
    public let url: String
    public let tokenFile: String
    let transport: any Transport

    private let scheme: String
    private let host: String
    /// What stands in front of `/v1/…`, without a slash at its end.
    private let base: String

    /// `nil` when `url` is not `http(s)://HOST[:PORT][/PATH]`.
    public init?(url: String, tokenFile: String, transport: any Transport) {
        guard let parts = WebAddress(url), parts.query == nil else { return nil }
        (self.url, self.tokenFile, self.transport) = (url, tokenFile, transport)
        (scheme, host) = (parts.scheme, parts.host)
        base = parts.base
    }

    /// What went wrong, and the status of the answer when there was one: 403 is about what was asked, 401 about who asked.
    public struct Failure: Error, Equatable {
        public var status: Int?
        public var reason: ProviderFailure
        public init(status: Int?, reason: ProviderFailure) { (self.status, self.reason) = (status, reason) }
    }

    /// - Returns: the body of a 200 and the server's `Date`.
    public func post(_ path: String, body: [UInt8]) async throws(Failure) -> (body: [UInt8], date: Timestamp?) {
        let token: Secret
        do { token = try FileSecrets.read(tokenFile, what: "token-file") } catch { throw Failure(status: nil, reason: error) }
        var request = HTTPRequest(method: "POST", scheme: scheme, host: host, path: base + path, body: body)
        request.headers["Content-Type"] = "application/json"
        request.headers["Accept"] = "application/json"
        request.headers["Authorization"] = "Bearer " + token.reveal()
        var options = SendOptions()
        options.connectTimeout = .seconds(10)
        options.stallTimeout = .seconds(30)
        options.total = .seconds(60)
        options.maxAnswerBytes = 4 << 20

        let reply: TransportReply
        do throws(TransportError) {
            reply = try await transport.send(request, body: nil, options: options, progress: nil)
        } catch {
            let text = "the authorization server \(url) does not answer (\(Redaction.line(error.message, without: [token.reveal()])))"
            throw Failure(status: nil, reason: .unavailable(retryAfter: nil, text))
        }
        let response = reply.response
        guard response.status == 200 else {
            throw Failure(status: response.status, reason: AuthorizationServer.reason(response, url: url, hiding: token))
        }
        return (response.body, response.headers["Date"].flatMap { Timestamp(httpDate: $0) })
    }

    /// - Parameter token: what whoever answers may repeat.
    private static func reason(_ response: HTTPResponse, url: String, hiding token: Secret) -> ProviderFailure {
        let detail = (try? ContractJSON.decode(PartialError.self, from: response.body))?.error
        let said = detail.map { ": \(Redaction.line($0.message ?? $0.code ?? "", without: [token.reveal()]))" } ?? ""
        switch response.status {
        case 401: return .refused("the authorization server \(url) does not accept the token of token-file (401\(said))")
        case 403: return .refused("the authorization server \(url) does not grant this (403\(said))")
        case 408, 425, 429, 500...599:
            let wait = response.headers["Retry-After"].flatMap { Int64($0) }.map { Duration.seconds(max(0, min($0, 300))) }
            return .unavailable(retryAfter: wait, "the authorization server \(url) answered \(response.status)\(said)")
        default: return .refused("the authorization server \(url) answered \(response.status)\(said)")
        }
    }

    private struct PartialError: Decodable {
        struct Detail: Decodable {
            var code: String?
            var message: String?
        }
        var error: Detail
    }
}
