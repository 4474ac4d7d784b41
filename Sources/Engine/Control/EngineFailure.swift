/// Why the engine program ends without having run: one sentence for stderr and for whoever started it, and the exit status.
public struct EngineFailure: Error, Sendable, Equatable {
    public var message: String
    public var exit: Int32
    public init(_ message: String, exit: Int32 = 2) { (self.message, self.exit) = (message, exit) }
}
