import OSSProtocol

/// The key in the environment that the program was started with: `OSS_*`, else `ALIBABA_CLOUD_*`.
///
/// Source: the environment providers of the OSS SDKs and ossutil, and of the credential SDKs and the aliyun command line.
struct EnvironmentProvider: CredentialProvider {
    let environment: [String: String]

    var kind: String { "env" }
    var fingerprint: String {
        Fingerprint.of("env", EnvironmentProvider.families.flatMap { [value($0.id), value($0.secret) == nil ? nil : ""] })
    }

    private struct Family: Sendable {
        var id, secret, token: String
    }
    private static let families = [
        Family(id: "OSS_ACCESS_KEY_ID", secret: "OSS_ACCESS_KEY_SECRET", token: "OSS_SESSION_TOKEN"),
        Family(
            id: "ALIBABA_CLOUD_ACCESS_KEY_ID", secret: "ALIBABA_CLOUD_ACCESS_KEY_SECRET", token: "ALIBABA_CLOUD_SECURITY_TOKEN"),
    ]

    func fetch(refusing accessKeyID: String?) async throws(ProviderFailure) -> IssuedCredentials {
        for family in EnvironmentProvider.families {
            if let credentials = try credentials(family) { return IssuedCredentials(credentials: credentials) }
        }
        throw .notConfigured(
            "OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET are not set in the engine's environment, nor ALIBABA_CLOUD_ACCESS_KEY_ID and "
                + "ALIBABA_CLOUD_ACCESS_KEY_SECRET. Set them and restart it")
    }

    /// `nil` when neither id nor secret is set; a token alone is nobody's.
    private func credentials(_ family: Family) throws(ProviderFailure) -> Credentials? {
        let (id, secret, token) = (value(family.id), value(family.secret), value(family.token))
        guard id != nil || secret != nil else { return nil }
        guard let id else {
            throw .refused("\(family.secret) is set in the engine's environment, but \(family.id) is not. Set both, or neither")
        }
        guard let secret else {
            throw .refused("\(family.id) is set in the engine's environment, but \(family.secret) is not. Set both, or neither")
        }
        for (name, text) in [(family.id, id), (family.secret, secret), (family.token, token ?? "")]
        where !CredentialDocument.isPrintable(text) {
            throw .refused("\(name) in the engine's environment holds blanks or characters that cannot be in it. Set it again")
        }
        return Credentials(accessKeyID: id, accessKeySecret: Secret(secret), securityToken: token.map { Secret($0) })
    }

    private func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
}
