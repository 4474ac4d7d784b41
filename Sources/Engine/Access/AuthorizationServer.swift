import Contracts
import OSSProtocol
import Platform

/// davit-authd as a client sees it: a bearer token from a file, JSON over HTTP, answers bounded in size and time.
struct AuthorizationServer: Sendable {
    let url: String
    let tokenFile: String
    let transport: any Transport

    private let scheme: String
    private let host: String
    /// What stands in front of `/v1/…`, without a slash at its end.
    private let base: String

    /// `nil` when `url` is not `http(s)://HOST[:PORT][/PATH]`.
    init?(url: String, tokenFile: String, transport: any Transport) {
        guard let parts = WebAddress(url), parts.query == nil else { return nil }
        (self.url, self.tokenFile, self.transport) = (url, tokenFile, transport)
        (scheme, host) = (parts.scheme, parts.host)
        base = String(decoding: parts.path.utf8.reversed().drop { $0 == UInt8(ascii: "/") }.reversed(), as: UTF8.self)
    }

    /// What went wrong, and the status of the answer when there was one: 403 is about what was asked, 401 about who asked.
    struct Failure: Error, Equatable {
        var status: Int?
        var reason: ProviderFailure
    }

    /// - Returns: the body of a 200 and the server's `Date`.
    func post(_ path: String, body: [UInt8]) async throws(Failure) -> (body: [UInt8], date: Timestamp?) {
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
            let text = "the authorization server \(url) does not answer (\(error.message))"
            throw Failure(status: nil, reason: .unavailable(retryAfter: nil, text))
        }
        let response = reply.response
        guard response.status == 200 else {
            throw Failure(status: response.status, reason: AuthorizationServer.reason(response, url: url))
        }
        return (response.body, response.headers["Date"].flatMap { Timestamp(httpDate: $0) })
    }

    private static func reason(_ response: HTTPResponse, url: String) -> ProviderFailure {
        let detail = (try? ContractJSON.decode(PartialError.self, from: response.body))?.error
        let said = detail.map { ": \(PlainText.line($0.message ?? $0.code ?? ""))" } ?? ""
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

/// Temporary credentials from an authorization server.
struct BrokerProvider: CredentialProvider {
    let server: AuthorizationServer
    /// The remote's, for clients with grants in several buckets. What the server answers wins.
    let bucket: String?

    var kind: String { "broker" }
    var fingerprint: String { "broker|\(server.url)|\(server.tokenFile)|\(bucket ?? "")" }

    func fetch() async throws(ProviderFailure) -> IssuedCredentials {
        do throws(AuthorizationServer.Failure) {
            let first = try await ask(CredentialsRequest())
            guard let bucket, let granted = first.grant?.bucket, granted.utf8.elementsEqual(bucket.utf8) == false else { return first }
            // The grant it chose by itself is another bucket's: is there one for ours?
            do throws(AuthorizationServer.Failure) {
                return try await ask(CredentialsRequest(bucket: bucket))
            } catch {
                guard error.status == 403 || error.status == 400 else { throw error }
                return first
            }
        } catch {
            throw error.reason
        }
    }

    private func ask(_ request: CredentialsRequest) async throws(AuthorizationServer.Failure) -> IssuedCredentials {
        guard let body = try? AuthorizationJSON.encode(request) else {
            throw .init(status: nil, reason: .refused("the request to \(server.url) cannot be written"))
        }
        let (bytes, date) = try await server.post("/v1/credentials", body: body)
        guard let answer = try? AuthorizationJSON.decode(CredentialsAnswer.self, from: bytes), answer.code == "Success",
            !answer.accessKeyId.isEmpty, !answer.accessKeySecret.isEmpty
        else { throw .init(status: 200, reason: .unavailable(retryAfter: nil, "\(server.url) answered something that is no credential")) }
        let expiration = answer.expiration.flatMap { Timestamp(iso8601: $0) }
        guard expiration != nil || answer.expiration == nil else {
            throw .init(status: 200, reason: .unavailable(retryAfter: nil, "\(server.url) gave an end that is no time"))
        }
        let credentials = Credentials(
            accessKeyID: answer.accessKeyId, accessKeySecret: Secret(answer.accessKeySecret),
            securityToken: answer.securityToken.flatMap { $0.isEmpty ? nil : Secret($0) }, expiration: expiration)
        return IssuedCredentials(
            credentials: credentials, serverTime: answer.serverTime.flatMap { Timestamp(iso8601: $0) } ?? date,
            grant: BrokerProvider.grant(answer))
    }

    /// What the session policy lets us do is read from the policy itself: a question whose answer is known need not be asked of OSS.
    static func grant(_ answer: CredentialsAnswer) -> Grant {
        let given: (String?) -> String? = { $0.flatMap { $0.isEmpty ? nil : $0 } }
        var grant = Grant(
            bucket: given(answer.bucket), region: given(answer.region), endpoint: given(answer.endpoint),
            prefix: Prefixes.folder(answer.prefix ?? ""))
        guard let text = given(answer.policy), let policy = try? SessionPolicy(json: text), let bucket = grant.bucket else { return grant }
        grant.mayRead = policy.evaluate(action: "oss:GetObject", resource: "acs:oss:*:*:\(bucket)/\(grant.prefix)x") == .allow
        grant.mayList =
            policy.evaluate(
                action: "oss:ListObjects", resource: "acs:oss:*:*:\(bucket)", context: ["oss:Prefix": grant.prefix]) == .allow
        return grant
    }
}
