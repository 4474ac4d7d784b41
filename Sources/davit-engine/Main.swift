import ArgumentParser
import Engine
import Glibc

@main
struct DavitEngine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "davit-engine",
        abstract: "The background engine of davit: it owns the queue and does the uploads.",
        discussion: """
            Started by davit when a command needs it; davit engine run becomes it.

            Examples:
              davit-engine run                     in the foreground, until SIGTERM
              davit-engine config check            every mistake in config.toml
              DAVIT_LOG=debug davit-engine run
            """,
        version: EngineProgram.version, subcommands: [Run.self, Config.self, Examine.self], defaultSubcommand: Run.self)

    /// Help and version go to standard output with 0; what the parser refuses is one error with exit status 2, as in davit.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            end(EngineFailure(message(for: error) + ". See: davit-engine --help"))
        }
    }
}

/// Prints what went wrong in the form all programs of davit share, and ends.
private func end(_ failure: EngineFailure) -> Never {
    fputs("davit-engine: error: \(failure.message)\n", stderrStream())
    exit(failure.exit)
}

/// To standard output. What does not arrive there is a failure; whoever stops reading knows why.
private func deliver(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
            let code = errno
            if code == EPIPE { return }
            end(EngineFailure("the result cannot be written (\(String(cString: strerror(code)))). Make room for it, then repeat", exit: 1))
        }
        bytes = bytes.dropFirst(count)
    }
}

private func stderrStream() -> UnsafeMutablePointer<FILE>? { fdopen(2, "w") }

private func environment(home: String?) -> [String: String] {
    var environment: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee.map({ String(cString: $0) }) {
        let halves = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if halves.count == 2 { environment[String(halves[0])] = String(halves[1]) }
        entry += 1
    }
    if let home { environment["DAVIT_HOME"] = absolute(home) }
    return environment
}

private func absolute(_ path: String) -> String {
    guard path.utf8.first != UInt8(ascii: "/") else { return path }
    guard let folder = getcwd(nil, 0) else { return path }
    defer { free(folder) }
    return String(cString: folder) + "/" + path
}

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run the engine.")

    @Flag(help: "Started by davit: say when ready on descriptor 3, end after 10 idle minutes.") var daemon = false
    @Option(help: ArgumentHelp("Everything of davit in this folder, as DAVIT_HOME.", valueName: "folder")) var home: String?
    @Option(help: ArgumentHelp("The configuration file.", valueName: "file")) var config: String?
    @Option(help: ArgumentHelp("The socket to serve on.", valueName: "path")) var socket: String?
    @Option(help: ArgumentHelp("Play a script to front ends under test: no queue, no network.", valueName: "file", visibility: .hidden))
    var script: String?

    func run() async throws {
        do throws(EngineFailure) {
            if let script {
                return try await ScriptProgram(
                    environment: environment(home: home), file: absolute(script), socket: socket.map(absolute), isDaemon: daemon
                ).run()
            }
            try await EngineProgram(
                environment: environment(home: home), configFile: config.map(absolute), socket: socket.map(absolute), isDaemon: daemon
            ).run()
        } catch {
            end(error)
        }
    }
}

struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "The configuration, as the engine reads it.", subcommands: [Check.self, Path.self, Show.self])

    struct Options: ParsableArguments {
        @Option(help: ArgumentHelp("The configuration file.", valueName: "file")) var config: String?
        @Option(help: ArgumentHelp("Everything of davit in this folder, as DAVIT_HOME.", valueName: "folder")) var home: String?
        @Flag(help: "Machine-readable.") var json = false

        func run(_ verb: ConfigurationCommand.Verb) throws {
            let result: ConfigurationCommand.Result
            do throws(EngineFailure) {
                result = try ConfigurationCommand.run(verb, file: config.map(absolute), environment: environment(home: home), json: json)
            } catch {
                end(error)
            }
            deliver(result.output)
            fputs(result.complaints, stderrStream())
            fflush(nil)
            if result.exit != 0 { throw ExitCode(result.exit) }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Every mistake with file, line and column; exit status 2.",
            discussion: "Without a mistake, and without --config, a running engine reads the file anew.")
        @OptionGroup var options: Options
        func run() async throws {
            try options.run(.check)
            guard options.config == nil, await EngineProgram.askToReload(environment: environment(home: options.home)) else { return }
            fputs("the running engine has read it\n", stderrStream())
            fflush(nil)
        }
    }

    struct Path: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "path", abstract: "Where the configuration is read from.")
        @OptionGroup var options: Options
        func run() throws { try options.run(.path) }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "The configuration as it is understood, with every default.")
        @OptionGroup var options: Options
        func run() throws { try options.run(.show) }
    }
}

struct Examine: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "examine",
        abstract: "What of the home can be looked at without an engine, as JSON: half of davit doctor.", shouldDisplay: false)
    @Option(help: ArgumentHelp("The configuration file.", valueName: "file")) var config: String?
    @Option(help: ArgumentHelp("Everything of davit in this folder, as DAVIT_HOME.", valueName: "folder")) var home: String?

    func run() throws {
        do throws(EngineFailure) {
            deliver(Examination.json(try Examination.checks(file: config.map(absolute), environment: environment(home: home))) + "\n")
        } catch {
            end(error)
        }
    }
}
