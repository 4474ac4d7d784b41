import OSSProtocol

/// A long-lived key whose secret lies in a file, read at each fetch so that a changed file is used without a restart.
struct FixedProvider: CredentialProvider {
    let accessKeyID: String
    let secretFile: String
    let securityTokenFile: String?

    var kind: String { "static" }
    var fingerprint: String { "static|\(accessKeyID)|\(secretFile)|\(securityTokenFile ?? "")" }

    func fetch(refusing refused: String?) async throws(ProviderFailure) -> IssuedCredentials {
        let secret = try FileSecrets.read(secretFile, what: "access-key-secret-file")
        var token: Secret?
        if let securityTokenFile { token = try FileSecrets.read(securityTokenFile, what: "security-token-file") }
        return IssuedCredentials(credentials: Credentials(accessKeyID: accessKeyID, accessKeySecret: secret, securityToken: token))
    }
}
