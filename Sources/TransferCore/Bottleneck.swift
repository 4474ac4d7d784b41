import OSSProtocol

/// What the uploads wait for: the line "slow because: …".
public enum Bottleneck: String, Sendable, CaseIterable {
    case disk, cpu, network, limit, throttle, credentials, server

    /// What was measured over the last seconds. Times of requests are summed over all of them.
    public struct Facts: Sendable, Equatable {
        /// Over which everything else was measured, and in which at least one upload had its turn.
        public var seconds: Double
        /// Request-seconds in which a body waited for the source to be read.
        public var reading = 0.0
        /// In which the rate limit held a body back.
        public var limited = 0.0
        /// In which bytes of a body left or could have left.
        public var sending = 0.0
        /// In which everything was sent and the answer was awaited.
        public var answering = 0.0
        /// In which a request waited for credentials or a signature.
        public var credentials = 0.0
        /// CPU seconds that the engine took.
        public var cpu = 0.0
        /// How many cores the machine has.
        public var cores = 1
        /// Share of all of them that worked for anybody, 0 to 1.
        public var machineBusy = 0.0
        public var answers = 0
        /// Answers that asked to slow down.
        public var refused = 0
        /// Uploads that wait because their credentials, or none but those, are refused or missing.
        public var isHeldForCredentials = false
        /// Bytes a second: what went, and what the limit allows.
        public var rate = 0.0
        public var limit: Double?

        public init(seconds: Double) { self.seconds = seconds }
    }

    private static let fewestSeconds = 1.0
    /// Of all cores: by the engine alone, or by everybody while the engine has at least its part.
    private static let busy = 0.85
    private static let machineBusy = 0.92
    private static let ownPart = 0.25
    private static let refusals = 0.1
    private static let nearLimit = 0.9

    /// - Returns: `nil` when nothing was under way, or too short to tell.
    public static func of(_ facts: Facts) -> Bottleneck? {
        guard facts.seconds >= fewestSeconds else { return nil }
        if facts.isHeldForCredentials { return .credentials }
        let all = facts.reading + facts.limited + facts.sending + facts.answering + facts.credentials
        if let limit = facts.limit, limit > 0, facts.rate >= limit * nearLimit { return .limit }
        guard all > 0 else { return nil }
        // What holds requests back from outside comes before what they do meanwhile.
        if facts.refused > 1, Double(facts.refused) >= Double(facts.answers + facts.refused) * refusals { return .throttle }
        if facts.credentials > all / 3 { return .credentials }
        if facts.limited > all / 3 { return .limit }
        let share = facts.cpu / (facts.seconds * Double(max(facts.cores, 1)))
        if share >= busy || facts.machineBusy >= machineBusy && share >= ownPart { return .cpu }
        if facts.reading > all / 3 { return .disk }
        return facts.answering > facts.sending ? .server : .network
    }
}
