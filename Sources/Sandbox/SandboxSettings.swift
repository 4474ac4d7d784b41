import OSSProtocol

/// Sandbox: OSS and STS on loopback and on disk, for trying things out and for tests.
///
/// A request goes in, an answer comes out; sockets are met only in `Serve/`, files only in `Store/`. It knows nothing of the engine
/// and checks what OSS checks: signatures, tokens, clocks, policies, part rules, checksums. It listens on loopback only.

/// How one sandbox is set up. Ports: 0 takes a free one.
public struct SandboxSettings: Sendable {
    /// Where objects are kept; `nil` takes a new folder under the temporary one.
    public var data: String?
    public var ossPort: Int
    public var stsPort: Int
    /// Of the endpoint on loopback, and of every bucket that is not told another.
    public var region: String
    /// Made at the start where it is missing.
    public var bucket: String
    /// Made at the start besides it, each in its region; `nil` means `region`.
    public var otherBuckets: [(name: String, region: String?)]
    public var accessKeyID: String
    public var accessKeySecret: Secret
    public var roleARN: String
    /// What the role itself may do; `nil` lets it do everything, so that only session policies decide.
    public var rolePolicy: SessionPolicy?
    /// Names of further roles of the account, with what each may do; `nil` lets it do everything.
    public var otherRoles: [(name: String, policy: SessionPolicy?)]
    /// Who assumes the role must give this id (by AssumeRole); `nil` asks for none.
    public var externalID: String?
    /// Seconds that a session of the role may last, 900 to 43200.
    public var longestRoleTime: Int
    /// Seconds that issued tokens live, whatever is asked for; `nil` keeps to the API.
    public var tokenLife: Int?
    /// Added to the machine's clock.
    public var clockOffset: Duration
    /// Waited before every answer of OSS and STS.
    public var latency: Duration
    /// Rules of `FaultRule`'s language.
    public var faults: [String]
    /// For the `chance` of fault rules: the same seed and the same requests give the same faults.
    public var seed: UInt64
    /// Host names that stand for a bucket (CNAME), lower case.
    public var hosts: [String: String]
    /// See `SandboxSwitches`, which a control call can turn while it runs.
    public var isStrict: Bool
    public var onlyVersion4: Bool
    /// Write through to the disk before answering: survives a power cut, not only a kill.
    public var syncs: Bool
    /// ETags that are no MD5, made from CRC-64 and size: saves most of the server's time in measurements.
    public var quickETags: Bool

    public static let account = "1234567890123456"
    /// What AssumeRoleWithOIDC must name.
    public static let oidcProviderARN = "acs:ram::\(account):oidc-provider/sandbox"

    public init() {
        (ossPort, stsPort) = (9000, 9002)
        (region, bucket) = ("cn-hangzhou", "sandbox-bucket")
        accessKeyID = "LTAISandboxAccessKey0001"
        accessKeySecret = Secret("SandboxSecretForLoopback000001")
        roleARN = "acs:ram::\(SandboxSettings.account):role/sandbox-uploader"
        longestRoleTime = 3600
        (clockOffset, latency) = (.zero, .zero)
        (faults, hosts, otherBuckets, otherRoles) = ([], [:], [], [])
        (isStrict, onlyVersion4) = (false, false)
        seed = 1
        (syncs, quickETags) = (false, false)
    }
}

/// Why a sandbox cannot run: what, why, what to do.
public struct SandboxError: Error, Sendable, Equatable, CustomStringConvertible {
    public var what: String
    public var why: String
    public var remedy: String

    init(_ what: String, why: String, remedy: String) { (self.what, self.why, self.remedy) = (what, why, remedy) }

    public var description: String { "\(what) (\(why)). \(remedy)" }
}

/// What a client must know, as `davit-sandbox` prints it.
public struct SandboxAddresses: Sendable, Equatable, Encodable {
    public var ossEndpoint: String
    public var stsEndpoint: String
    public var region: String
    public var bucket: String
    public var accessKeyID: String
    public var accessKeySecret: String
    public var roleARN: String
    public var data: String

    enum CodingKeys: String, CodingKey {
        case ossEndpoint = "oss_endpoint"
        case stsEndpoint = "sts_endpoint"
        case region, bucket
        case accessKeyID = "access_key_id"
        case accessKeySecret = "access_key_secret"
        case roleARN = "role_arn"
        case data
    }

    /// One JSON object on one line.
    public var json: String { String(decoding: JSON.encode(self), as: UTF8.self) }

    /// Lines for `eval`: the settings under their own names, and the official tools' variables.
    public var exports: String {
        let pairs = [
            ("OSS_ENDPOINT", ossEndpoint), ("OSS_REGION", region), ("OSS_BUCKET", bucket), ("OSS_ACCESS_KEY_ID", accessKeyID),
            ("OSS_ACCESS_KEY_SECRET", accessKeySecret), ("oss_endpoint", ossEndpoint), ("sts_endpoint", stsEndpoint), ("region", region),
            ("bucket", bucket), ("access_key_id", accessKeyID),
            ("access_key_secret", accessKeySecret), ("role_arn", roleARN), ("data", data),
        ]
        return pairs.map { "export \($0)=\(SandboxAddresses.quoted($1))" }.joined(separator: "\n")
    }

    /// For a POSIX shell: in single quotes where anything but the plainest characters occurs.
    static func quoted(_ text: String) -> String {
        let plain = text.utf8.allSatisfy { byte in
            (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte) || "/:._-@+=,".utf8.contains(byte)
        }
        if plain, !text.isEmpty { return text }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
