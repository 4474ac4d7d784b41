import OSSProtocol

/// A long-lived key whose secret lies in a file, read at each fetch so that a changed file is used without a restart.
struct FixedProvider: CredentialProvider {
    let accessKeyID: String
    let secretFile: String
    let securityTokenFile: String?

    var kind: String { "static" }
    var fingerprint: String { "static|\(accessKeyID)|\(secretFile)|\(securityTokenFile ?? "")" }

    func fetch() async throws(ProviderFailure) -> IssuedCredentials {
        let secret = try FileSecrets.read(secretFile, what: "access-key-secret-file")
        var token: Secret?
        if let securityTokenFile { token = try FileSecrets.read(securityTokenFile, what: "security-token-file") }
        return IssuedCredentials(credentials: Credentials(accessKeyID: accessKeyID, accessKeySecret: secret, securityToken: token))
    }
}

/// The `OSS_*` variables the engine itself was started with.
struct EnvironmentProvider: CredentialProvider {
    let environment: [String: String]

    var kind: String { "env" }
    var fingerprint: String { "env|\(environment["OSS_ACCESS_KEY_ID"] ?? "")" }

    func fetch() async throws(ProviderFailure) -> IssuedCredentials {
        guard let id = environment["OSS_ACCESS_KEY_ID"], !id.isEmpty, let secret = environment["OSS_ACCESS_KEY_SECRET"], !secret.isEmpty
        else {
            throw .notConfigured(
                "OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET are not set in the engine's environment. Set them and restart it")
        }
        let token = environment["OSS_SESSION_TOKEN"].flatMap { $0.isEmpty ? nil : Secret($0) }
        return IssuedCredentials(credentials: Credentials(accessKeyID: id, accessKeySecret: Secret(secret), securityToken: token))
    }
}
