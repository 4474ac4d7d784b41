import ArgumentParser
import Contracts
import FoundationEssentials
import Glibc
import Platform
import TerminalUI

struct Auth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "auth",
        abstract: "Credentials: what the engine holds, and whether it works.",
        subcommands: [AuthStatusCommand.self, AuthRenew.self, AuthTest.self])
}

struct AuthStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Leases, where they come from, how long they live, when they are renewed. Never a secret.",
        discussion: "Example: davit auth status ingest")
    @OptionGroup var global: GlobalOptions
    @Argument(help: "A remote's name; all of them else.") var remote: String?

    func run() async throws {
        let client = try await ControlClient.connect(global)
        try Output.auth(try await client.get(AuthStatus.self, "/v1/auth"), remote: remote ?? global.remote, global)
    }
}

struct AuthRenew: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew", abstract: "Ask for new credentials now; uploads that wait for them go on.",
        discussion: "What is held stays when none can be had; the exit status is 6 then. Example: davit auth renew ingest")
    @OptionGroup var global: GlobalOptions
    @Argument(help: "A remote's name; all of them else.") var remote: String?

    func run() async throws {
        let client = try await ControlClient.connect(global)
        let auth = try await client.post(
            "/v1/auth/renew", AuthTestRequest(remote: remote ?? global.remote, dest: nil, credentials: nil), as: AuthStatus.self)
        if global.quiet, !global.json { return }
        try Output.auth(auth, remote: remote ?? global.remote, global)
    }
}

extension Output {
    fileprivate static func auth(_ auth: AuthStatus, remote: String?, _ global: GlobalOptions) throws {
        var auth = auth
        if let remote {
            auth.leases = auth.leases.filter { $0.scope.utf8.elementsEqual(remote.utf8) }
            guard !auth.leases.isEmpty else {
                throw Failure("there is no remote “\(clean(remote))” in the configuration. See: davit config show", exit: Exit.usage)
            }
        }
        if global.json { return try json(auth) }
        if auth.leases.isEmpty { return note("No credentials were asked for yet.") }
        let rows = auth.leases.map { lease in
            [
                clean(lease.scope), lease.kind, lease.state, clean(lease.identity ?? ""), lease.left.map { Formats.duration($0) } ?? "",
                lease.renewsIn.map { Formats.duration($0) } ?? "", clean(lease.lastError ?? ""),
            ]
        }
        if global.plain { return plain(rows) }
        table([["SCOPE", "KIND", "STATE", "IDENTITY", "LEFT", "RENEWS IN", "LAST ERROR"]] + rows)
    }
}

struct AuthTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Endpoint, clock, credentials, permissions: each on its own line.",
        discussion: "Example: davit auth test ingest")
    @OptionGroup var global: GlobalOptions
    @Argument(help: "A remote's name, or oss://BUCKET/.") var place: String?

    func run() async throws {
        let client = try await ControlClient.connect(global)
        let isURL = place?.hasPrefix("oss://") == true
        let request = AuthTestRequest(
            remote: isURL ? nil : place ?? global.remote, dest: isURL ? place : nil, credentials: global.environmentCredentials(for: place))
        let list = try await client.post("/v1/auth/test", request, as: ListEnvelope<AuthCheck>.self)
        if global.json {
            try Output.json(list)
        } else {
            let rows = list.items.map { [$0.ok ? "ok" : "FAILED", Output.clean($0.scope), $0.check, Output.clean($0.text)] }
            if global.plain { Output.plain(rows) } else { Output.table(rows) }
        }
        guard let bad = list.items.first(where: { !$0.ok }) else { return }
        throw Finished(exit: bad.check == "credentials" ? Exit.noCredentials : Exit.failed)
    }
}

struct EngineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine", abstract: "The background engine.",
        subcommands: [EngineRun.self, EngineStart.self, EngineStop.self, EngineFinish.self, EngineStatus.self])
}

struct EngineRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run the engine in the foreground (for systemd).", discussion: "Example: davit engine run --config /etc/davit/config.toml")
    @OptionGroup var global: GlobalOptions
    @Option(name: .long, help: ArgumentHelp(visibility: .hidden)) var script: String?

    func run() async throws {
        let program = try EngineStarter.engineProgram()
        if global.verbose { setenv("DAVIT_LOG", "debug", 1) }
        var arguments = ["davit-engine", "run"]
        if let config = global.config { arguments += ["--config", config] }
        if let socket = global.socket { arguments += ["--socket", socket] }
        if let script { arguments += ["--script", script] }
        try become(program, arguments)
    }
}

/// Replaces this process.
func become(_ program: String, _ arguments: [String]) throws -> Never {
    var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    execv(program, &pointers)
    throw Failure("\(program) cannot be run (\(String(cString: strerror(errno))))", exit: Exit.noEngine)
}

struct EngineStart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start the engine in the background.", discussion: "Example: davit engine start -v")
    @OptionGroup var global: GlobalOptions
    /// Plays it to front ends under test.
    @Option(name: .long, help: ArgumentHelp(visibility: .hidden)) var script: String?

    func run() async throws {
        if let script { try EngineStarter.start(global, places: try global.places(), script: script) }
        _ = try await ControlClient.connect(global)
        if !global.quiet { Output.note("the engine runs") }
    }
}

struct EngineStop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop the engine now; uploads resume when it starts again.", discussion: "Example: davit engine stop")
    @OptionGroup var global: GlobalOptions

    func run() async throws { try await stopEngine(global, finish: false) }
}

struct EngineFinish: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "finish", abstract: "Stop the engine when the running uploads have ended.",
        discussion: "Example: davit engine finish --timeout 2h")
    @OptionGroup var global: GlobalOptions

    func run() async throws { try await stopEngine(global, finish: true) }
}

private struct StopRequest: Codable { var finish: Bool }
private struct StopAnswer: Codable { var stopping: Bool }

func stopEngine(_ global: GlobalOptions, finish: Bool) async throws {
    let client = try await ControlClient.connect(global, start: false)
    _ = try await client.post("/v1/engine/stop", StopRequest(finish: finish), as: StopAnswer.self)
    let deadline = try global.timeoutDuration().map { ContinuousClock.now + $0 } ?? (finish ? nil : ContinuousClock.now + .seconds(15))
    while (try? await client.answers()) == true {
        if let deadline, ContinuousClock.now >= deadline {
            throw Failure("the engine is still stopping. See: davit engine status", exit: Exit.timeout)
        }
        try await Task.sleep(for: .milliseconds(50))
    }
    if !global.quiet { Output.note("the engine has stopped") }
}

struct EngineStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Whether the engine runs.", discussion: "Example: davit engine status --json")
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let client = try await ControlClient.connect(global, start: false)
        let status = try await client.get(StatusView.self, "/v1/status")
        if global.json { return try Output.json(status.engine) }
        let engine = status.engine
        Output.result("running  version \(engine.version)  process \(engine.pid)  up \(Formats.duration(engine.uptime))")
    }
}

struct Config: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "The configuration.", subcommands: [ConfigCheck.self, ConfigPath.self, ConfigShow.self])
}

/// The engine owns the reading of the configuration, so that there is one judge of it.
private func configuration(_ verb: String, _ global: GlobalOptions) throws -> Never {
    var arguments = ["davit-engine", "config", verb]
    if let config = global.config { arguments += ["--config", config] }
    if global.json { arguments.append("--json") }
    try become(try EngineStarter.engineProgram(), arguments)
}

struct ConfigCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Every mistake with file, line and key; exit status 2.", discussion: "Example: davit config check")
    @OptionGroup var global: GlobalOptions
    func run() async throws { try davit.configuration("check", global) }
}

struct ConfigPath: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "path", abstract: "Where the configuration is read from.", discussion: "Example: $EDITOR \"$(davit config path)\"")
    @OptionGroup var global: GlobalOptions
    func run() async throws { try davit.configuration("path", global) }
}

struct ConfigShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "The configuration as it is understood.", discussion: "Example: davit config show")
    @OptionGroup var global: GlobalOptions
    func run() async throws { try davit.configuration("show", global) }
}

struct Completion: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Completion script for bash, zsh or fish.",
        discussion: "Example: davit completion bash > ~/.local/share/bash-completion/completions/davit")
    @Argument(help: "bash, zsh or fish.") var shell: String

    func run() throws {
        guard let kind = CompletionShell(rawValue: shell) else {
            throw Failure("no completion for \(Output.clean(shell)). Use bash, zsh or fish", exit: Exit.usage)
        }
        Output.result(Davit.completionScript(for: kind))
    }
}
