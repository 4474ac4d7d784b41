import ArgumentParser
import Authorization
import Glibc

/// The authorization server's command line: reads arguments, calls `AuthorizationProgram`.
struct Authd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "davit-authd",
        abstract: "Hands out temporary credentials and signed URLs for Alibaba Cloud OSS, each client what it is granted.",
        discussion: """
            Examples:
              davit-authd token new camera-7                    a token for the client, its hash for authd.toml
              davit-authd check --config authd.toml             what is wrong with the configuration
              davit-authd --config authd.toml                   serve until SIGTERM; SIGHUP reads the configuration anew
              davit-authd --config authd.toml --listen 127.0.0.1:0 --json

            Exit status: 0 done, 1 failed, 2 usage or configuration.
            """,
        version: AuthorizationProgram.version,
        subcommands: [Check.self, Token.self])

    @Option(help: ArgumentHelp("The configuration.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("Where to listen, instead of what the configuration says; port 0 takes a free one.", valueName: "host:port"))
    var listen: String?

    @Flag(help: "Print {\"url\":…} on standard output once it answers.")
    var json = false

    func run() async throws {
        guard let config else { throw ValidationError("--config FILE is missing") }
        throw ExitCode(await AuthorizationProgram.run(config: config, listen: listen, json: json, environment: Authd.environment()))
    }

    /// Only what the server reads: nothing else of the environment goes further.
    static func environment() -> [String: String] {
        var result: [String: String] = [:]
        for name in ["OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"] {
            if let value = getenv(name) { result[name] = String(cString: value) }
        }
        return result
    }
}

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say what is wrong with the configuration, each with its line, and serve nobody.",
        discussion: "Example: davit-authd check --config authd.toml")

    @ParentCommand var program: Authd

    // The parser gives an option that the root command knows too to the root, wherever it stands.
    func run() async throws {
        guard let config = program.config else { throw ValidationError("--config FILE is missing") }
        throw ExitCode(await AuthorizationProgram.check(config: config, environment: Authd.environment()))
    }
}

struct Token: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "token", abstract: "Clients' tokens.", subcommands: [New.self])

    @ParentCommand var program: Authd

    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "new", abstract: "Make a token for a client: the token for the client, its hash for the configuration.",
            discussion: "Example: davit-authd token new camera-7\nThe token is shown once and kept nowhere.")

        @Argument(help: ArgumentHelp("The client's name, 2 to 64 of A-Z a-z 0-9 . @ - _", valueName: "client"))
        var client: String

        @Flag(help: "One JSON object with token and token-hash.")
        var json = false

        @ParentCommand var token: Token

        // The parser gives a flag that the root command knows too to the root, wherever it stands.
        func run() throws { throw ExitCode(AuthorizationProgram.newToken(client: client, json: json || token.program.json)) }
    }
}

@main
enum Program {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try Authd.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            exit(0)
        } catch let status as ExitCode {
            exit(status.rawValue)
        } catch {
            let isHelp = Authd.exitCode(for: error) == .success
            guard isHelp else {
                let line = Authd.message(for: error).split(separator: "\n").first.map(String.init) ?? "the command line cannot be read"
                exit(AuthorizationProgram.fail("\(line). See: davit-authd --help", 2))
            }
            print(Authd.fullMessage(for: error))
            exit(0)
        }
    }
}
