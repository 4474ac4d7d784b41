import ArgumentParser
import Glibc
import OSSProtocol
import Platform
import Sandbox

/// The sandbox's command line: reads arguments, starts a `Sandbox`, prints its settings, waits for SIGTERM.
struct SandboxCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "davit-sandbox",
        abstract: "An OSS + STS server on loopback and on disk, for trying things out and for tests.",
        discussion: """
            Prints its settings as export lines (or with --json as one object) once it
            answers, and serves until SIGTERM.

            Examples:
              davit-sandbox --data oss-data
                  objects in ./oss-data, OSS on port 9000, STS on 9002
              davit-sandbox --oss-port 0 --sts-port 0 >sandbox.env &
                  free ports; later: . ./sandbox.env
              davit-sandbox --json --token-life 5
                  tokens that live 5 s
              davit-sandbox --fault "503 operation=UploadPart chance=0.3"
                  three parts in ten meet a 503

            Fault rules: EFFECT [NAME=VALUE]...
              status       answers so: status=503 code=ServiceUnavailable; a bare 503
                           is short for it
              delay        waits: delay=2s, 500ms; every rule may have one
              reset        resets the connection after bytes=1MiB of the body
              black-hole   never answers, reads no more than bytes=
              truncate     breaks the answer off
              corrupt      one bit of the body is wrong
              wrong-crc    the answer tells another CRC-64
              lost-answer  performs, closes without an answer
            A rule fits by operation=PutObject, key=photos/*, part=7, attempt=1-2 (of
            the same operation, key and part), nth=5 (of all it fits); of those
            chance=0.3 are hit, at most count=10. A key may name its fault itself:
            fault/503-twice/x, fault/reset-once/x, fault/delay-2s/x.

            On the STS port, JSON: POST /_sandbox/tokens/expire,
            GET|POST /_sandbox/tokens/life, GET|POST|DELETE /_sandbox/faults,
            GET|POST /_sandbox/clock, GET /_sandbox/objects, GET /_sandbox/uploads,
            GET|DELETE /_sandbox/requests.

            Buckets are http://127.0.0.1:PORT/BUCKET/KEY and
            http://BUCKET.localhost:PORT/KEY. Nothing is encrypted and the keys are
            known to everyone: it listens on loopback only.

            Exit status: 0 ended by a signal, 2 usage, port in use or data folder not
            usable.
            """,
        version: Sandbox.version)

    @Option(help: ArgumentHelp("Where objects are kept; a new temporary folder if not given.", valueName: "dir"))
    var data: String?

    @Option(help: "Port of OSS; 0 takes a free one.")
    var ossPort = 9000

    @Option(help: "Port of STS and of the control calls; 0 takes a free one.")
    var stsPort = 9002

    @Flag(help: "Print the settings as one JSON object.")
    var json = false

    @Option(help: "The bucket made at the start.")
    var bucket = "sandbox-bucket"

    @Option(help: "The region that signatures must name.")
    var region = "cn-hangzhou"

    @Option(help: ArgumentHelp("Wait before every answer.", valueName: "ms"))
    var latency = 0

    @Option(name: .customLong("fault"), help: ArgumentHelp("A fault rule; may be given many times.", valueName: "rule"))
    var faults: [String] = []

    @Option(help: ArgumentHelp("For the chances of fault rules.", valueName: "number"))
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("Seconds to add to the clock; may be negative.", valueName: "s"))
    var clockOffset = 0.0

    @Option(help: ArgumentHelp("Tokens live so long, whatever is asked for.", valueName: "s"))
    var tokenLife: Int?

    @Option(help: ArgumentHelp("The longest session of the role, 900 to 43200.", valueName: "s"))
    var roleTime = 3600

    @Option(help: ArgumentHelp("A RAM policy of the role; without one it may do everything.", valueName: "file"))
    var rolePolicy: String?

    @Option(help: ArgumentHelp("A host name that stands for a bucket.", valueName: "host=bucket"))
    var cname: [String] = []

    @Option(help: ArgumentHelp("The long-lived key.", valueName: "id"))
    var accessKeyID: String?

    @Option(help: ArgumentHelp("Its secret.", valueName: "text"))
    var accessKeySecret: String?

    @Flag(help: "Write through to the disk before answering.")
    var sync = false

    @Flag(help: "ETags without MD5, for measuring: the server then needs a third of the time.")
    var quickEtags = false

    func settings() throws(UsageError) -> SandboxSettings {
        var settings = SandboxSettings()
        for (name, port) in [("--oss-port", ossPort), ("--sts-port", stsPort)] where !(0...65_535).contains(port) {
            throw UsageError("\(name) \(port) is no port", "0 to 65535")
        }
        (settings.data, settings.ossPort, settings.stsPort) = (data.map(absolute), ossPort, stsPort)
        (settings.bucket, settings.region, settings.faults, settings.seed) = (bucket, region, faults, seed)
        guard (0...3_600_000).contains(latency) else { throw UsageError("--latency \(latency) is out of range", "0 to 3600000 ms") }
        settings.latency = .milliseconds(latency)
        guard abs(clockOffset) <= 31_536_000_000 else { throw UsageError("--clock-offset \(clockOffset) is out of range", "at most 1,000 years") }
        settings.clockOffset = .milliseconds(Int64(clockOffset * 1000))
        guard tokenLife.map({ (1...43_200).contains($0) }) ?? true else { throw UsageError("--token-life is out of range", "1 to 43200 s") }
        settings.tokenLife = tokenLife
        guard (900...43_200).contains(roleTime) else { throw UsageError("--role-time is out of range", "900 to 43200 s") }
        settings.longestRoleTime = roleTime
        if let rolePolicy { settings.rolePolicy = try SandboxCommand.policy(rolePolicy) }
        for text in cname {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw UsageError("--cname \(text) is not HOST=BUCKET", "such as files.example.com=\(bucket)") }
            settings.hosts[parts[0].lowercased()] = parts[1]
        }
        if let accessKeyID { settings.accessKeyID = accessKeyID }
        if let accessKeySecret { settings.accessKeySecret = Secret(accessKeySecret) }
        (settings.syncs, settings.quickETags) = (sync, quickEtags)
        return settings
    }

    private static func policy(_ path: String) throws(UsageError) -> SessionPolicy {
        do {
            // RAM's own limit for a policy is 6,144 characters.
            let text = try SecureFile.read(path, limit: 65_536, mustBePrivate: false)
            return try SessionPolicy(json: String(decoding: text, as: UTF8.self), longest: 6144)
        } catch {
            throw UsageError("--role-policy \(path) cannot be used", (error as? FileError)?.message ?? "\(error)")
        }
    }

    private func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return "\(String(cString: folder))/\(path)"
    }
}

struct UsageError: Error {
    var what: String
    var why: String
    init(_ what: String, _ why: String) { (self.what, self.why) = (what, why) }
}

@main
enum Program {
    static func main() async {
        Signals.ignorePipe()
        let command: SandboxCommand
        do {
            guard let parsed = try SandboxCommand.parseAsRoot() as? SandboxCommand else { throw CleanExit.helpRequest(SandboxCommand.self) }
            command = parsed
        } catch {
            guard SandboxCommand.exitCode(for: error) != .success else {
                print(SandboxCommand.fullMessage(for: error))
                exit(0)
            }
            let line = SandboxCommand.message(for: error).split(separator: "\n").first.map(String.init) ?? "the command line cannot be read"
            fail(line, "See: davit-sandbox --help")
        }
        do {
            let signals = Signals.arrivals(of: [SIGTERM, SIGINT])
            let sandbox = try await Sandbox.start(try command.settings())
            write(command.json ? sandbox.addresses.json : sandbox.addresses.exports)
            for await _ in signals { break }
            await sandbox.stop()
            exit(0)
        } catch let error as UsageError {
            fail("\(error.what) (\(error.why))", "See: davit-sandbox --help")
        } catch {
            fail("\(error)", nil)
        }
    }

    /// Past the C library's buffer, so that whoever waits for the line has it at once.
    private static func write(_ text: String) {
        print(text)
        fflush(nil)
    }

    private static func fail(_ what: String, _ remedy: String?) -> Never {
        // The parser's own sentences end in a point or a question mark.
        let end = what.hasSuffix(".") || what.hasSuffix("?") ? " " : ". "
        let line = "davit-sandbox: error: \(what)\(remedy.map { end + $0 } ?? "")\n"
        line.withCString { _ = Glibc.write(2, $0, strlen($0)) }
        exit(2)
    }
}
