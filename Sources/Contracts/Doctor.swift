/// One line of `davit doctor`: what was looked at, how it is, and what to do where it is not well. Never a secret.
public struct DoctorCheck: Codable, Sendable, Equatable {
    public enum State: String, Codable, Sendable {
        case ok
        /// Works, but not as well as it could, or not for long.
        case warn
        /// Uploads do not work, or something may be lost.
        case fail
    }
    /// `configuration`, `files`, `disk`, `database`, `ledger`, `log`, `limits`, `memory`, `engine`, `clock`, `terminal`, or a remote's name and
    /// what of it.
    public var check: String
    public var state: State
    /// What was found, one sentence without its full stop.
    public var text: String
    /// What to do, in the imperative; `nil` when it is well.
    @Nullable public var advice: String?

    public init(_ check: String, _ state: State, _ text: String, advice: String? = nil) {
        (self.check, self.state, self.text) = (check, state, text)
        _advice = Nullable(wrappedValue: advice)
    }
}
