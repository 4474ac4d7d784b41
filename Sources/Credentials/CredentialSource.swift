import OSSProtocol

/// `[….credentials]` as it was read, from TOML or from a profile of the official tools. Paths are absolute.
///
/// Source: docs/interface.md, "Credentials".
public indirect enum CredentialSource: Sendable, Equatable {
    /// `davit-authd` hands out temporary credentials.
    case broker(url: String, tokenFile: String)
    /// `davit-authd` signs each request; no key reaches this machine.
    case signedURL(url: String, tokenFile: String)
    /// A long-lived key, its secret in a file.
    case fixed(accessKeyID: String, secretFile: String, securityTokenFile: String?)
    /// A key that stands in a profile itself; `file` is where.
    case inProfile(Credentials, file: String)
    /// `OSS_ACCESS_KEY_ID` and kin, then `ALIBABA_CLOUD_ACCESS_KEY_ID` and kin, of the program's environment.
    case environment
    /// A profile of ossutil or of the aliyun command line.
    case profile(ProfileChoice)
    case assumeRole(RoleSettings, source: CredentialSource)
    /// The RAM role of the ECS instance. `role` `nil`: the metadata service names it.
    case ecsRole(role: String?, metadataURL: String?)
    /// A role assumed with an identity provider's token, which lies in a file that somebody renews.
    case oidc(RoleSettings, providerARN: String, tokenFile: String)
    /// Any server that answers what `ALIBABA_CLOUD_CREDENTIALS_URI` clients read.
    case uri(String)
    /// A program that prints credentials; run without a shell.
    case process(command: [String], timeout: Duration)
    /// Requests go unsigned: for public-read-write buckets.
    case anonymous

    /// As written after `kind =`.
    public var kind: String {
        switch self {
        case .broker: "broker"
        case .signedURL: "signed-url"
        case .fixed: "static"
        case .inProfile, .profile: "profile"
        case .environment: "env"
        case .assumeRole: "assume-role"
        case .ecsRole: "ecs-role"
        case .oidc: "oidc"
        case .uri: "uri"
        case .process: "process"
        case .anonymous: "anonymous"
        }
    }

    /// Whether an authorization server says where the credentials hold: bucket, region, endpoint, prefix.
    public var saysPlace: Bool {
        switch self {
        case .broker, .signedURL: true
        default: false
        }
    }
}

/// A role to assume. Source: STS, AssumeRole.
public struct RoleSettings: Sendable, Equatable {
    /// `acs:ram::ACCOUNT:role/NAME`
    public var roleARN: String
    /// 2 to 64 of `A-Za-z0-9.@-_`.
    public var sessionName: String
    /// With scheme; from the region else.
    public var stsEndpoint: String?
    /// `nil` leaves it to STS, which takes an hour.
    public var duration: Duration?
    public var externalID: String?
    /// A session policy: its text, or the file that holds it. At most 2,048 characters.
    public var policy: Policy?

    public enum Policy: Sendable, Equatable {
        case text(String)
        case file(String)
    }

    public init(
        roleARN: String, sessionName: String? = nil, stsEndpoint: String? = nil, duration: Duration? = nil, externalID: String? = nil,
        policy: Policy? = nil
    ) {
        self.roleARN = roleARN
        self.sessionName = sessionName.flatMap { $0.isEmpty ? nil : $0 } ?? RoleSettings.usualSessionName
        self.stsEndpoint = stsEndpoint
        self.duration = duration
        self.externalID = externalID
        self.policy = policy
    }

    /// What OSS's own logs name the caller by.
    public static let usualSessionName = "davit"
}

/// Which profile of which file. Without a file the official tools' places are looked at, in their order.
public struct ProfileChoice: Sendable, Hashable {
    /// Absolute: an `.ossutilconfig` or a `config.json`, told apart by what is in it.
    public var file: String?
    /// `nil`: the one the file calls current, or its `default`.
    public var name: String?

    public init(file: String? = nil, name: String? = nil) { (self.file, self.name) = (file, name) }
}

extension Credentials {
    /// No key at all: requests go unsigned.
    public static let anonymous = Credentials(accessKeyID: "", accessKeySecret: Secret(""))
    public var isAnonymous: Bool { accessKeyID.isEmpty }
    /// Long-lived keys have neither token nor end.
    public var isTemporary: Bool { securityToken != nil || expiration != nil }
}
