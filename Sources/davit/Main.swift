import ArgumentParser
import Contracts
import FoundationEssentials
import Glibc
import Platform
import TerminalUI

/// The root command. Without a subcommand it is the terminal.
struct Davit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "davit",
        abstract: "Uploads files to Alibaba Cloud OSS: a persistent queue, a detached engine, temporary credentials.",
        discussion: """
            Examples:
              davit                                      the terminal: queue, browse, watch
              davit put photos/ oss://my-bucket/2026/    queue a folder and wait for it
              davit add disk.img ingest:images/          queue and return
              davit queue state:failed                   what failed, and why
              davit pause --all                          and later: davit resume --all

            Exit status: 0 all done, 1 failed, 2 usage or configuration, 3 some done and some failed, 4 nothing matched,
            5 engine not reachable, 6 no valid credentials, 7 refused (needs --yes), 8 timeout, 130 and 143 interrupted.
            """,
        version: davitVersion,
        subcommands: [
            Attach.self, Put.self, Add.self, Queue.self, Show.self, Status.self, Watch.self, Wait.self, Pause.self, Resume.self,
            Retry.self, Cancel.self, Abort.self, Remove.self, PriorityCommand.self, Move.self, Undo.self, History.self, Receipt.self,
            Verify.self, Limit.self, Slots.self, List.self, Presign.self, Orphans.self, Auth.self, LogCommand.self, Doctor.self,
            EngineCommand.self, Config.self, ThemeCommand.self, KeysCommand.self, Completion.self,
        ],
        defaultSubcommand: Attach.self)
}

@main
enum Program {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try Davit.parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            exit(Output.exitStatus(Exit.done))
        } catch let finished as Finished {
            exit(Output.exitStatus(finished.exit))
        } catch let failure as Failure {
            Output.note("davit: error: \(failure.message)")
            exit(Output.exitStatus(failure.exit))
        } catch {
            explain(error)
        }
    }

    /// What the system gave, where Swift's own list would put a sign in the place of bytes that are no UTF-8: names of files may have such.
    private static var arguments: [String]? {
        guard CommandLine.arguments.count > 1, ["put", "add"].contains(CommandLine.arguments[1]) else { return nil }
        let given = (1..<Int(CommandLine.argc)).compactMap { CommandLine.unsafeArgv[$0] }
        return given.map { PathText.text(Array(UnsafeRawBufferPointer(start: $0, count: strlen($0)))) }
    }

    /// Help and version go to standard output with 0; what the parser refuses is one error with exit status 2.
    private static func explain(_ error: any Error) -> Never {
        if Davit.exitCode(for: error) == .success {
            Output.result(Davit.fullMessage(for: error))
            exit(Output.exitStatus(Exit.done))
        }
        let message = Davit.message(for: error)
        let line = message.split(separator: "\n").first.map(String.init) ?? "the command line cannot be read"
        Output.note("davit: error: \(Output.clean(line)). See: davit --help")
        exit(Exit.usage)
    }
}
