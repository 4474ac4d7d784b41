import OSSProtocol

/// Where a credential holds. An authorization server says it with each answer; what it says wins over the remote's settings.
public struct Grant: Sendable, Hashable, Codable {
    public var bucket: String?
    public var region: String?
    public var endpoint: String?
    /// Empty or ending in `/`: everything lies under it.
    public var prefix: String
    /// HEAD and GET under the prefix are allowed.
    public var mayRead: Bool
    /// Listing under the prefix is allowed.
    public var mayList: Bool

    public init(
        bucket: String? = nil, region: String? = nil, endpoint: String? = nil, prefix: String = "", mayRead: Bool = true,
        mayList: Bool = true
    ) {
        self.bucket = bucket
        self.region = region
        self.endpoint = endpoint
        self.prefix = prefix
        self.mayRead = mayRead
        self.mayList = mayList
    }
}

/// What a source of credentials gave.
public struct IssuedCredentials: Sendable, Equatable {
    public var credentials: Credentials
    /// The source's clock when it answered, to tell how long the credentials live whatever our own clock says.
    public var serverTime: Timestamp?
    public var grant: Grant?

    public init(credentials: Credentials, serverTime: Timestamp? = nil, grant: Grant? = nil) {
        (self.credentials, self.serverTime, self.grant) = (credentials, serverTime, grant)
    }
}

/// Why a source gave nothing. A chain moves on after `notConfigured` and stops at everything else.
public enum ProviderFailure: Error, Sendable, Equatable {
    case notConfigured(String)
    /// Asking again by itself is pointless: 401, 403, a file that others can read.
    case refused(String)
    /// Worth asking again, not before that long.
    case unavailable(retryAfter: Duration?, String)

    /// One line for people.
    public var text: String {
        switch self {
        case .notConfigured(let text), .refused(let text), .unavailable(_, let text): text
        }
    }
}

/// A source of credentials. One fetch at a time is asked of it; it keeps nothing itself.
///
/// A new kind is one file with one of these, a case of `CredentialSource`, and a line in `CredentialReader` and `ProviderMaker`.
public protocol CredentialProvider: Sendable {
    /// As people write it after `kind =`; shown, never a secret.
    var kind: String { get }
    /// Two providers with the same fingerprint give interchangeable credentials, so a lease cached by one serves the other.
    /// Holds no secret.
    var fingerprint: String { get }
    /// - Parameter accessKeyID: of credentials that this source gave and OSS refused before their end. A source that keeps what it
    ///   hands out must not give the same again; others need not care.
    func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials
}

extension CredentialProvider {
    public func fetch() async throws(ProviderFailure) -> IssuedCredentials { try await fetch(refusing: nil) }
}
