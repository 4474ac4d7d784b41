/// Whose profile it is: each tool has its own words for the same things.
enum ProfileFormat: Sendable {
    /// `.ossutilconfig`, of either version.
    case ossutil
    /// `config.json` of the aliyun command line.
    case aliyun
    /// `.alibabacloud/credentials` of the credential SDKs.
    case credentialsFile
}

/// What a profile can say.
///
/// Source: ossutil 2, "Section type: profile"; ossutil 1, `CredOptionMap`; the aliyun command line's `Profile`; the credential SDKs'
/// profile provider.
enum ProfileKey: String, Sendable, CaseIterable {
    case mode, accessKeyID, accessKeySecret, securityToken
    case roleARN, sessionName, externalID, policy, duration, stsEndpoint, stsRegion, isInVPC
    case ecsRole, ecsService
    case providerARN, tokenFile
    case command, commandTimeout
    case uri
    case sourceProfile, buckets
    case region, endpoint, addressing, signature
    case isEnabled
    case stsExpiration, signInURL, bearerToken, privateKey

    /// As messages write it.
    func name(in format: ProfileFormat) -> String {
        let names = names
        return switch format {
        case .ossutil: names[0]
        case .aliyun: names[1]
        case .credentialsFile: names[2]
        }
    }

    /// `nil` for keys of other tools.
    static func named(_ text: String, in format: ProfileFormat) -> ProfileKey? {
        let plain = plain(text)
        // `type` and `mode` are each a word of one tool only.
        return byWriting[plain].flatMap { $0 != .mode || plain == $0.name(in: format) ? $0 : nil }
    }

    /// Every way it may be written, without case, hyphens and underscores.
    private static let byWriting: [String: ProfileKey] = {
        var keys: [String: ProfileKey] = [:]
        for key in allCases { for name in key.names { keys[plain(name)] = key } }
        return keys
    }()

    /// `accessKeyId`, `access-key-id` and `ACCESS_KEY_ID` are one key.
    static func plain(_ key: String) -> String {
        String(decoding: key.utf8.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "_") }.map { lower($0) }, as: UTF8.self)
    }

    static func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }

    /// Whether a key's value must not be seen by others: also those of other tools that lie in the same files.
    static func isSecret(_ key: String) -> Bool {
        let plain = plain(key)
        return ["secret", "token", "accesskey", "password", "pwd", "privatekey"].contains { plain.hasSuffix($0) }
    }

    /// Of ossutil 2, of aliyun, of the credentials file, then the other ones.
    private var names: [String] {
        switch self {
        case .mode: ["mode", "mode", "type"]
        case .accessKeyID: ["access-key-id", "access_key_id", "access_key_id", "access-id"]
        case .accessKeySecret: ["access-key-secret", "access_key_secret", "access_key_secret", "access-key"]
        case .securityToken: ["sts-token", "sts_token", "security_token"]
        case .roleARN: ["role-arn", "ram_role_arn", "role_arn"]
        case .sessionName: ["role-session-name", "ram_session_name", "role_session_name"]
        case .externalID: ["external-id", "external_id", "external_id"]
        case .policy: ["policy", "policy", "policy"]
        case .duration: ["token-timeout", "expired_seconds", "expired_seconds"]
        case .stsEndpoint: ["sts-endpoint", "sts_endpoint", "sts_endpoint"]
        case .stsRegion: ["sts-region", "sts_region", "sts_region"]
        case .isInVPC: ["enable-vpc", "enable_vpc", "enable_vpc"]
        case .ecsRole: ["ecs-role-name", "ram_role_name", "role_name"]
        case .ecsService: ["ecsAk", "ecsAk", "ecsAk"]
        case .providerARN: ["oidc-provider-arn", "oidc_provider_arn", "oidc_provider_arn"]
        case .tokenFile: ["oidc-token-file-path", "oidc_token_file", "oidc_token_file_path"]
        case .command: ["credential-process", "process_command", "process_command"]
        case .commandTimeout: ["credential-process-timeout", "credential_process_timeout", "credential_process_timeout"]
        case .uri: ["credential-uri", "credentials_uri", "credentials_uri"]
        case .sourceProfile: ["source-profile", "source_profile", "source_profile"]
        case .buckets: ["buckets", "buckets", "buckets"]
        case .region: ["region", "region_id", "region"]
        case .endpoint: ["endpoint", "endpoint", "endpoint", "host"]
        case .addressing: ["addressing-style", "addressing-style", "addressing-style"]
        case .signature: ["sign-version", "sign-version", "sign-version"]
        case .isEnabled: ["enable", "enable", "enable"]
        case .stsExpiration: ["sts-expiration", "sts_expiration", "sts_expiration"]
        case .signInURL: ["cloud-sso-sign-in-url", "cloud_sso_sign_in_url", "cloud_sso_sign_in_url"]
        case .bearerToken: ["bearer-token", "bearer_token", "bearer_token"]
        case .privateKey: ["private-key", "private_key", "private_key_file"]
        }
    }
}
