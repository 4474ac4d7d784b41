import OSSProtocol

/// A key that stands in a profile of the official tools.
struct InProfileProvider: CredentialProvider {
    let credentials: Credentials
    let file: String

    var kind: String { "profile" }
    var fingerprint: String { "profile|\(file)|\(credentials.accessKeyID)" }

    func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials {
        IssuedCredentials(credentials: credentials)
    }
}
