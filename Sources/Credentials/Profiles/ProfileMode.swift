/// How a profile gets its credentials.
enum ProfileMode: Sendable {
    case key, temporaryKey
    case role, ecsRole, roleOnECSRole, roleOnProfile
    case process, uri, oidc
    case anonymous
    /// Need a browser; what they have left behind may still be good.
    case cloudSSO, oauth
    case bearerToken, rsaKeyPair

    /// The modes that can be written in a profile of that format, without case, hyphens and underscores.
    static func named(_ text: String, in format: ProfileFormat) -> ProfileMode? {
        let plain = ProfileKey.plain(text)
        return table(format).first { $0.names.contains { ProfileKey.plain($0) == plain } }?.mode
    }

    /// For messages.
    static func supported(in format: ProfileFormat) -> String {
        let names = table(format).filter(\.mode.isSupported).map { $0.names[0] }
        return names.dropLast().joined(separator: ", ") + " and " + (names.last ?? "")
    }

    /// Whether it gives credentials at all without a person.
    private var isSupported: Bool {
        switch self {
        case .cloudSSO, .oauth, .bearerToken, .rsaKeyPair: false
        default: true
        }
    }

    private static func table(_ format: ProfileFormat) -> [(mode: ProfileMode, names: [String])] {
        switch format {
        case .ossutil:
            // The aliyun command line starts ossutil with its own names of modes, so ossutil knows those too.
            [
                (.key, ["AK"]), (.temporaryKey, ["StsToken"]), (.role, ["RamRoleArn"]), (.ecsRole, ["EcsRamRole", "Ali-EcsRamRole"]),
                (.process, ["Process", "External", "credential-process"]), (.uri, ["CredentialsURI", "credential-uri", "URI"]),
                (.oidc, ["oidcRoleArn", "OIDC"]), (.anonymous, ["Anonymous"]),
            ]
        case .aliyun:
            [
                (.key, ["AK"]), (.temporaryKey, ["StsToken"]), (.role, ["RamRoleArn"]), (.ecsRole, ["EcsRamRole"]),
                (.roleOnECSRole, ["RamRoleArnWithRoleName"]), (.roleOnProfile, ["ChainableRamRoleArn"]), (.process, ["External"]),
                (.uri, ["CredentialsURI"]), (.oidc, ["OIDC"]), (.anonymous, ["Anonymous"]), (.cloudSSO, ["CloudSSO"]), (.oauth, ["OAuth"]),
                (.bearerToken, ["BearerToken"]), (.rsaKeyPair, ["RsaKeyPair"]),
            ]
        case .credentialsFile:
            [
                (.key, ["access_key"]), (.temporaryKey, ["sts"]), (.ecsRole, ["ecs_ram_role"]), (.role, ["ram_role_arn"]),
                (.oidc, ["oidc_role_arn"]), (.rsaKeyPair, ["rsa_key_pair"]), (.bearerToken, ["bearer"]),
            ]
        }
    }
}
