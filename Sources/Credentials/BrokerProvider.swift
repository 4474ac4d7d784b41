import Contracts
import OSSProtocol

/// Temporary credentials from an authorization server.
public struct BrokerProvider: CredentialProvider {
    public let server: AuthorizationServer
    /// The remote's, for clients with grants in several buckets. What the server answers wins.
    public let bucket: String?

    public init(server: AuthorizationServer, bucket: String?) { (self.server, self.bucket) = (server, bucket) }

    public var kind: String { "broker" }
    public var fingerprint: String { "broker|\(server.url)|\(server.tokenFile)|\(bucket ?? "")" }

    public func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials {
        do throws(AuthorizationServer.Failure) {
            let first = try await ask(CredentialsRequest(refusedAccessKeyId: accessKeyID))
            guard let bucket, let granted = first.grant?.bucket, granted.utf8.elementsEqual(bucket.utf8) == false else { return first }
            // The grant it chose by itself is another bucket's: is there one for ours?
            do throws(AuthorizationServer.Failure) {
                return try await ask(CredentialsRequest(bucket: bucket, refusedAccessKeyId: accessKeyID))
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
