import OSSProtocol
import Platform

/// The key with which the server itself asks STS.
enum OwnCredentials {
    /// Access keys and their secrets are some 30 bytes, security tokens some thousand.
    private static let largest = 16 << 10

    /// - Throws: what is missing or readable by others, and what to do.
    static func read(_ source: CredentialSource, environment: [String: String]) throws(SettingError) -> Credentials {
        switch source {
        case .fixed(let id, let secretFile, let tokenFile):
            let secret = try text(of: secretFile, key: "access-key-secret-file")
            guard let tokenFile else { return Credentials(accessKeyID: id, accessKeySecret: secret) }
            return Credentials(accessKeyID: id, accessKeySecret: secret, securityToken: try text(of: tokenFile, key: "security-token-file"))
        case .environment:
            guard let id = environment["OSS_ACCESS_KEY_ID"], let secret = environment["OSS_ACCESS_KEY_SECRET"], !id.isEmpty, !secret.isEmpty
            else {
                throw SettingError(
                    "OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET are not both set, but kind = \"env\" reads them. Set them, or use kind = \"static\""
                )
            }
            let token = environment["OSS_SESSION_TOKEN"].flatMap { $0.isEmpty ? nil : Secret($0) }
            return Credentials(accessKeyID: id, accessKeySecret: Secret(secret), securityToken: token)
        }
    }

    /// The one line of a file that nobody else may read.
    private static func text(of path: String, key: String) throws(SettingError) -> Secret {
        let bytes: [UInt8]
        do throws(FileError) { bytes = try SecureFile.read(path, limit: largest, mustBePrivate: true) } catch {
            throw SettingError("\(key): \(error.message)")
        }
        var line = bytes[...]
        while let last = line.last, last == 0x0A || last == 0x0D || last == 0x20 { line = line.dropLast() }
        guard !line.isEmpty, line.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw SettingError("\(key): \(path) must hold one line of text without blanks")
        }
        return Secret(String(decoding: line, as: UTF8.self))
    }
}
