import Contracts

/// The exit statuses of every command (docs/interface: "Exit status").
enum Exit {
    static let done: Int32 = 0
    static let failed: Int32 = 1
    static let usage: Int32 = 2
    static let partly: Int32 = 3
    static let nothingMatched: Int32 = 4
    static let noEngine: Int32 = 5
    static let noCredentials: Int32 = 6
    static let refused: Int32 = 7
    static let timeout: Int32 = 8
    static let interrupted: Int32 = 130
}

/// One clear error: what, why, what to do; and the exit status that tells scripts the same.
struct Failure: Error {
    var message: String
    var exit: Int32

    init(_ message: String, exit: Int32 = Exit.failed) { (self.message, self.exit) = (message, exit) }

    /// Of the engine, which repeats what it was given: a name with control characters must not get at the terminal.
    init(_ body: ErrorBody) { self.init(Output.clean(body.error.message), exit: Int32(clamping: body.error.exit)) }
}

/// Ends the command with a status and nothing more to say (everything was said already).
struct Finished: Error {
    var exit: Int32
}
