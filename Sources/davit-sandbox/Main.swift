import ArgumentParser
import Glibc
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
              davit-sandbox --bucket photos --bucket far:cn-beijing
                  two buckets; the second is in a region that 127.0.0.1 does not
                  serve: http://oss-cn-beijing.localhost:9000 does

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

            For STS and metadata: operation=AssumeRole, AssumeRoleWithOIDC,
            GetCallerIdentity, MetadataToken, MetadataRole, MetadataCredentials.

            On the STS port, JSON: POST /_sandbox/tokens/expire,
            GET|POST /_sandbox/tokens/life, POST /_sandbox/oidc/tokens,
            POST /_sandbox/keys, GET|POST /_sandbox/settings,
            GET|POST|DELETE /_sandbox/faults, GET|POST /_sandbox/clock,
            GET /_sandbox/objects, GET /_sandbox/uploads,
            GET|DELETE /_sandbox/requests. There too the metadata service of an ECS
            instance with the role: PUT /latest/api/token,
            GET /latest/meta-data/ram/security-credentials/.

            Buckets are http://127.0.0.1:PORT/BUCKET/KEY and
            http://BUCKET.localhost:PORT/KEY. Without a signature only what an ACL
            makes public can be reached. Nothing is encrypted and the keys are
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

    @Option(
        name: .customLong("bucket"),
        help: ArgumentHelp(
            "A bucket made at the start; may be given many times. The first without a region stands in for sandbox-bucket.",
            valueName: "name[:region]"))
    var buckets: [String] = []

    @Option(help: "The region that the endpoint serves and signatures must name.")
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

    @Option(
        name: .customLong("role"),
        help: ArgumentHelp("A further role that may be assumed, with its RAM policy; may be given many times.", valueName: "name[=file]"))
    var roles: [String] = []

    @Option(help: ArgumentHelp("AssumeRole of the role must give this external id.", valueName: "text"))
    var roleExternalID: String?

    @Option(help: ArgumentHelp("A host name that stands for a bucket; may be given many times.", valueName: "host=bucket"))
    var cname: [String] = []

    @Flag(help: "Refuse path style by a name, as the public service does; 127.0.0.1 keeps it.")
    var strictAddressing = false

    @Flag(name: .customLong("v4-only"), help: "Refuse signatures of version 1.")
    var onlyVersion4 = false

    @Option(help: ArgumentHelp("The long-lived key.", valueName: "id"))
    var accessKeyID: String?

    @Option(help: ArgumentHelp("Its secret.", valueName: "text"))
    var accessKeySecret: String?

    @Flag(help: "Write through to the disk before answering.")
    var sync = false

    @Flag(help: "ETags without MD5, for measuring: the server then needs a third of the time.")
    var quickEtags = false

    var arguments: SandboxArguments {
        var arguments = SandboxArguments()
        (arguments.data, arguments.ossPort, arguments.stsPort) = (data, ossPort, stsPort)
        (arguments.buckets, arguments.region, arguments.faults, arguments.seed) = (buckets, region, faults, seed)
        (arguments.latency, arguments.clockOffset, arguments.tokenLife, arguments.roleTime) = (latency, clockOffset, tokenLife, roleTime)
        (arguments.rolePolicy, arguments.roles, arguments.externalID) = (rolePolicy, roles, roleExternalID)
        (arguments.hosts, arguments.isStrict, arguments.onlyVersion4) = (cname, strictAddressing, onlyVersion4)
        (arguments.accessKeyID, arguments.accessKeySecret) = (accessKeyID, accessKeySecret)
        (arguments.syncs, arguments.quickETags) = (sync, quickEtags)
        return arguments
    }
}

@main
enum Program {
    static func main() async {
        do {
            guard let command = try SandboxCommand.parseAsRoot() as? SandboxCommand else {
                throw CleanExit.helpRequest(SandboxCommand.self)
            }
            exit(await SandboxProgram.run(command.arguments, json: command.json))
        } catch {
            guard SandboxCommand.exitCode(for: error) != .success else {
                print(SandboxCommand.fullMessage(for: error))
                exit(0)
            }
            let line = SandboxCommand.message(for: error).split(separator: "\n").first.map(String.init) ?? "the command line cannot be read"
            exit(SandboxProgram.fail(line, "See: davit-sandbox --help"))
        }
    }
}
