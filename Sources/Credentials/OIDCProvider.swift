import OSSProtocol

/// A role assumed with an identity provider's token, read anew at each call: whoever puts it there renews it, Kubernetes for one, with
/// a mode that is not ours to judge.
struct OIDCProvider: CredentialProvider {
    let sts: STSCaller
    let role: RoleSettings
    let providerARN: String
    let tokenFile: String

    var kind: String { "oidc" }
    var fingerprint: String { Fingerprint.of("oidc", [sts.endpoint.description, providerARN, tokenFile] + role.fingerprint) }

    /// Bytes. Source: AssumeRoleWithOIDC, OIDCToken of 4 to 20,000 characters.
    private static let longestToken = 20_000

    func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials {
        let wish = try role.request()
        let token = try FileSecrets.readProjected(tokenFile, what: "id-token-file", limit: OIDCProvider.longestToken)
        do throws(STSCaller.Failure) {
            return try await sts.assumeRole(wish, providerARN: providerARN, token: token)
        } catch {
            throw error.reason
        }
    }
}
