import OSSProtocol

/// Reads the profile at each fetch, so that a changed one is used without a restart.
struct ProfileProvider: CredentialProvider {
    let choice: ProfileChoice
    let environment: [String: String]
    let provider: @Sendable (CredentialSource) throws(ProviderFailure) -> any CredentialProvider

    var kind: String { "profile" }

    /// A lease of what stood there before is of no use to what stands there now.
    var fingerprint: String {
        var now: String?
        if let profile = try? Profile.read(choice, environment: environment) { now = try? provider(profile.source).fingerprint }
        return Fingerprint.of("profile", [choice.file, choice.name, now])
    }

    func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials {
        let profile = try Profile.read(choice, environment: environment)
        return try await provider(profile.source).fetch(refusing: accessKeyID)
    }
}
