import ArgumentParser
import Contracts
import FoundationEssentials
import OSSProtocol
import Platform

/// Options that every command takes.
struct GlobalOptions: ParsableArguments {
    @Flag(name: .long, help: "Machine-readable JSON on standard output.")
    var json = false
    @Flag(name: .long, help: "Tab separated, without headings.")
    var plain = false
    @Flag(name: .shortAndLong, help: "Only errors.")
    var quiet = false
    @Flag(name: .shortAndLong, help: "Also debug messages in the engine's log, when this command starts it.")
    var verbose = false
    @Option(name: .long, help: ArgumentHelp("auto, always or never.", valueName: "when"))
    var color = "auto"
    @Option(name: .long, help: ArgumentHelp("The remote for commands that take one.", valueName: "name"))
    var remote: String?
    @Option(name: .long, help: ArgumentHelp("The configuration file.", valueName: "file"))
    var config: String?
    @Option(name: .long, help: ArgumentHelp("The engine's socket.", valueName: "path"))
    var socket: String?
    @Flag(name: .long, help: "Never ask.")
    var noInput = false
    @Flag(name: .long, help: "Yes to what would be asked.")
    var yes = false
    @Option(name: .long, help: ArgumentHelp("Give up waiting after this time, such as 30s or 5m; uploads go on.", valueName: "duration"))
    var timeout: String?

    func places() throws -> Places {
        do {
            return try Places(environment: ProcessInfo.processInfo.environment)
        } catch {
            throw Failure(Output.clean(error.message), exit: Exit.usage)
        }
    }

    func timeoutDuration() throws -> Duration? {
        guard let timeout else { return nil }
        guard let duration = parseDuration(timeout) else {
            throw Failure("--timeout \(Output.clean(timeout)) is not a duration. Use for example 30s, 5m, 2h or 1d", exit: Exit.usage)
        }
        return duration
    }

    /// The caller's `OSS_*` variables: they travel in the order itself, for `oss://` destinations only.
    func environmentCredentials(for destination: String?) -> OrderCredentials? {
        guard let destination, destination.hasPrefix("oss://") else { return nil }
        let environment = ProcessInfo.processInfo.environment
        guard let id = environment["OSS_ACCESS_KEY_ID"], !id.isEmpty,
            let secret = environment["OSS_ACCESS_KEY_SECRET"], !secret.isEmpty
        else { return nil }
        return OrderCredentials(
            accessKeyId: id, accessKeySecret: secret, securityToken: environment["OSS_SESSION_TOKEN"].flatMap { $0.isEmpty ? nil : $0 },
            region: environment["OSS_REGION"], endpoint: environment["OSS_ENDPOINT"], addressing: environment["OSS_ADDRESSING"])
    }
}

/// `30s`, `5m`, `2h`, `1d`, `90` (seconds), `1h30m`, `1.5h`. At most 366 days.
func parseDuration(_ text: String) -> Duration? {
    DurationText.parse(text, .typed).flatMap { $0 <= .seconds(366 * 86_400) ? $0 : nil }
}
