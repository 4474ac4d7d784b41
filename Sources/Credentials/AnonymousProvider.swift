import OSSProtocol

/// No key: requests go unsigned, which only public-read-write buckets accept.
struct AnonymousProvider: CredentialProvider {
    var kind: String { "anonymous" }
    var fingerprint: String { "anonymous" }

    func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials {
        IssuedCredentials(credentials: .anonymous)
    }
}
