import FoundationEssentials
import Glibc
import Platform

/// Starts `davit-engine` from beside this program, detached, and waits until it says that it answers.
enum EngineStarter {
    /// - Parameter script: what is played in place of the queue, for tests of front ends.
    static func start(_ options: GlobalOptions, places: Places, script: String? = nil) throws {
        let program = try engineProgram()
        var environment = ProcessInfo.processInfo.environment
        if options.verbose { environment["DAVIT_LOG"] = "debug" }
        var arguments = ["run", "--daemon"]
        if let config = options.config { arguments += ["--config", absolute(config)] }
        if let socket = options.socket { arguments += ["--socket", absolute(socket)] }
        if let script { arguments += ["--script", absolute(script)] }
        let readiness: Daemon.Readiness
        do {
            readiness = try Daemon.spawn(executable: program, arguments: arguments, environment: environment, logPath: places.logFile)
        } catch {
            throw Failure("the engine cannot be started (\(Output.clean(error.message)))", exit: Exit.usage)
        }
        switch readiness {
        case .ready, .alreadyRunning: return
        case .failed(let text):
            let message = text.isEmpty ? "it ended at once; see \(places.logFile)" : Output.clean(text)
            // The engine writes "davit-engine: error: …"; what follows is already a whole sentence.
            let prefix = "davit-engine: error: "
            let sentence = message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message
            throw Failure("the engine did not start: \(sentence)", exit: Exit.usage)
        }
    }

    static func engineProgram() throws -> String {
        let folder = executableFolder()
        let program = folder + "/davit-engine"
        guard access(program, X_OK) == 0 else {
            throw Failure("davit-engine is not beside davit (looked for \(program)). Install both programs in one folder", exit: Exit.noEngine)
        }
        return program
    }

    /// An absolute path without touching the file system: a trailing slash keeps its meaning.
    static func absolute(_ path: String) -> String {
        if path.utf8.first == UInt8(ascii: "/") { return path }
        guard let found = getcwd(nil, 0) else { return "/" + path }
        defer { free(found) }
        let folder = PathText.text(Array(UnsafeRawBufferPointer(start: found, count: strlen(found))))
        return folder == "/" ? "/" + path : folder + "/" + path
    }
}
