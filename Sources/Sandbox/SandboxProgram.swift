import Glibc
import OSSProtocol
import Platform

/// The words of the command line, not yet checked. See `SandboxSettings` for what they mean.
public struct SandboxArguments: Sendable {
    public var data: String?
    public var ossPort = 9000
    public var stsPort = 9002
    public var bucket = "sandbox-bucket"
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
    /// `HOST=BUCKET`
    public var hosts: [String] = []
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
        (settings.bucket, settings.region, settings.faults, settings.seed) = (bucket, region, faults, seed)
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
        if let rolePolicy { settings.rolePolicy = try SandboxArguments.policy(rolePolicy) }
        for text in hosts {
            guard let (host, bucket) = text.cut(at: "=") else { throw .usage("--cname \(text) is not HOST=BUCKET", "one host name each") }
            settings.hosts[host.asciiLower] = bucket
        }
        if let accessKeyID { settings.accessKeyID = accessKeyID }
        if let accessKeySecret { settings.accessKeySecret = Secret(accessKeySecret) }
        (settings.syncs, settings.quickETags) = (syncs, quickETags)
        return settings
    }

    private static func policy(_ path: String) throws(SandboxError) -> SessionPolicy {
        do {
            // RAM's own limit for a policy is 6,144 characters.
            let text = try SecureFile.read(path, limit: 65_536, mustBePrivate: false)
            return try SessionPolicy(json: String(decoding: text, as: UTF8.self), longest: 6144)
        } catch {
            throw .usage("--role-policy \(path) cannot be used", (error as? FileError)?.message ?? "\(error)")
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
