import OSSProtocol
import Platform

/// Temporary credentials as STS gave them.
struct IssuedToken: Sendable, Equatable {
    var credentials: Credentials
    /// On STS's clock, when its answer came.
    var issued: Timestamp
    /// On STS's clock.
    var expiration: Timestamp
    /// Of the AssumeRole call, for the audit log.
    var requestID: String?

    /// - Parameter now: on STS's clock.
    func left(at now: Timestamp) -> Duration { expiration - now }
}

/// Why STS gave no token. No field holds a secret.
struct IssueFailure: Error, Sendable, Equatable {
    /// STS's code, or `STSUnreachable`, `STSUnusableAnswer`, `NoCredentials`.
    var code: String
    var message: String
    var requestID: String?
}

/// Where tokens come from: one method, STS in earnest, a script in tests.
protocol TokenSource: Sendable {
    func token(for scope: Scope, sts: STSSettings) async throws(IssueFailure) -> IssuedToken
}
