import Glibc
import OSSProtocol
import Platform

/// The words of the command line, not yet checked. See `SandboxSettings` for what they mean.
public struct SandboxArguments: Sendable {
    public var data: String?
    public var ossPort = 9000
    public var stsPort = 9002
    /// `NAME` or `NAME:REGION`
    public var buckets: [String] = []
    public var region = "cn-hangzhou"
    public var faults: [String] = []
    public var seed: UInt64 = 1
    /// Milliseconds.
    public var latency = 0
    /// Seconds.
    public var clockOffset = 0.0
    /// Seconds.
    public var tokenLife: Int?
    /// Seconds.
    public var roleTime = 3600
    /// A file.
    public var rolePolicy: String?
    /// `NAME` or `NAME=FILE`
    public var roles: [String] = []
    public var externalID: String?
    /// `HOST=BUCKET`
    public var hosts: [String] = []
    public var isStrict = false
    public var onlyVersion4 = false
    public var accessKeyID: String?
    public var accessKeySecret: String?
    public var syncs = false
    public var quickETags = false

    public init() {}

    func settings() throws(SandboxError) -> SandboxSettings {
        var settings = SandboxSettings()
        for (name, port) in [("--oss-port", ossPort), ("--sts-port", stsPort)] where !(0...65_535).contains(port) {
            throw .usage("\(name) \(port) is no port", "0 to 65535")
        }
        (settings.data, settings.ossPort, settings.stsPort) = (data.map(SandboxArguments.absolute), ossPort, stsPort)
        (settings.region, settings.faults, settings.seed) = (region, faults, seed)
        guard SandboxArguments.isRegion(region) else {
            throw .usage("--region \(region) is no region", "such as cn-hangzhou, without oss-")
        }
        try readBuckets(into: &settings)
        guard (0...3_600_000).contains(latency) else { throw .usage("--latency \(latency) is out of range", "0 to 3600000 ms") }
        settings.latency = .milliseconds(latency)
        guard abs(clockOffset) <= SandboxClock.largestOffset else {
            throw .usage("--clock-offset \(clockOffset) is out of range", "at most 1,000 years")
        }
        settings.clockOffset = .milliseconds(Int64(clockOffset * 1000))
        guard tokenLife.map({ TokenStore.lives.contains($0) }) ?? true else { throw .usage("--token-life is out of range", "1 to 43200 s") }
        settings.tokenLife = tokenLife
        guard (900...43_200).contains(roleTime) else { throw .usage("--role-time is out of range", "900 to 43200 s") }
        settings.longestRoleTime = roleTime
        if let rolePolicy { settings.rolePolicy = try SandboxArguments.policy(rolePolicy, "--role-policy") }
        try readRoles(into: &settings)
        for text in hosts {
            guard let (host, bucket) = text.cut(at: "=") else { throw .usage("--cname \(text) is not HOST=BUCKET", "one host name each") }
            settings.hosts[host.asciiLower] = bucket
        }
        if let accessKeyID { settings.accessKeyID = accessKeyID }
        if let accessKeySecret { settings.accessKeySecret = Secret(accessKeySecret) }
        (settings.syncs, settings.quickETags) = (syncs, quickETags)
        (settings.isStrict, settings.onlyVersion4) = (isStrict, onlyVersion4)
        return settings
    }

    /// The first name without a region takes the place of the usual bucket; all others come besides it.
    private func readBuckets(into settings: inout SandboxSettings) throws(SandboxError) {
        var isNamed = false
        for text in buckets {
            let (name, place) = text.cut(at: ":").map { ($0.before, Optional($0.after)) } ?? (text, nil)
            guard place.map(SandboxArguments.isRegion) ?? true else {
                throw .usage("--bucket \(text) has no region", "NAME or NAME:REGION, such as photos:cn-beijing")
            }
            if place == nil, !isNamed {
                (settings.bucket, isNamed) = (name, true)
            } else {
                settings.otherBuckets.append((name, place))
            }
        }
    }

    private func readRoles(into settings: inout SandboxSettings) throws(SandboxError) {
        for text in roles {
            let (name, file) = text.cut(at: "=").map { ($0.before, Optional($0.after)) } ?? (text, nil)
            // RAM's own rule for the names of roles.
            guard (1...64).contains(name.utf8.count), STSService.consists(name, of: ".-_") else {
                throw .usage("--role \(text) is no role's name", "1 to 64 of A-Z a-z 0-9 . - _, then =FILE for its policy")
            }
            settings.otherRoles.append((name, try file.map { path throws(SandboxError) in try SandboxArguments.policy(path, "--role") }))
        }
        if let externalID {
            guard STSService.isExternalID(externalID) else {
                throw .usage("--role-external-id cannot be used", "2 to 1224 of A-Z a-z 0-9 _ + = , . @ : / -")
            }
            settings.externalID = externalID
        }
    }

    /// `cn-hangzhou`: the pattern that the official SDKs hold regions to; the list of them is open.
    private static func isRegion(_ text: String) -> Bool {
        !text.isEmpty && !text.hasPrefix("oss-")
            && text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") }
    }

    private static func policy(_ path: String, _ option: String) throws(SandboxError) -> SessionPolicy {
        do {
            // RAM's own limit for a policy is 6,144 characters.
            let text = try SecureFile.read(path, limit: 65_536, mustBePrivate: false)
            return try SessionPolicy(json: String(decoding: text, as: UTF8.self), longest: 6144)
        } catch {
            throw .usage("\(option) \(path) cannot be used", (error as? FileError)?.message ?? "\(error)")
        }
    }

    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return "\(String(cString: folder))/\(path)"
    }
}

extension SandboxError {
    fileprivate static func usage(_ what: String, _ why: String) -> SandboxError {
        SandboxError(what, why: why, remedy: "See: davit-sandbox --help")
    }
}

/// The program behind the command line.
public enum SandboxProgram {
    /// Serves until SIGTERM or SIGINT. The exit status: 0, or 2 where it cannot serve.
    public static func run(_ arguments: SandboxArguments, json: Bool) async -> Int32 {
        Signals.ignorePipe()
        let signals = Signals.arrivals(of: [SIGTERM, SIGINT])
        do throws(SandboxError) {
            let sandbox = try await Sandbox.start(try arguments.settings())
            print(json ? sandbox.addresses.json : sandbox.addresses.exports)
            // Past the C library's buffer, so that whoever waits for the line has it at once.
            fflush(nil)
            for await _ in signals { break }
            await sandbox.stop()
            return 0
        } catch {
            return fail("\(error.what) (\(error.why))", error.remedy)
        }
    }

    /// Writes one line to standard error; the exit status for it.
    public static func fail(_ what: String, _ remedy: String) -> Int32 {
        // The argument parser's own sentences end in a point or a question mark.
        let end = what.hasSuffix(".") || what.hasSuffix("?") ? " " : ". "
        let line = Array("davit-sandbox: error: \(what)\(end)\(remedy)\n".utf8)
        _ = write(2, line, line.count)
        return 2
    }
}
