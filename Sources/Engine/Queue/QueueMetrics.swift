import OSSProtocol

/// What the queue half has counted since the engine started, and what only a look at the queue tells: for `GET /metrics`.
public struct QueueMetrics: Sendable, Equatable {
    public struct Request: Sendable, Hashable {
        /// `put part initiate list_parts complete abort head hash`.
        public var operation: String
        /// `ok`, or what its failure means: `transient throttled stale_lease` …
        public var outcome: String
    }

    /// Codes that a server makes up must not make the page grow for ever.
    static let mostCodes = 64

    public var requests: [Request: Int] = [:]
    /// Requests that failed in a way that is tried again, by the code of their answer.
    public var retries: [String: Int] = [:]
    /// Uploads that came to an end, by the state they ended in.
    public var ended: [String: Int] = [:]
    /// Bytes that went out in bodies, those that were sent in vain too.
    public var sentBytes: Int64 = 0
    /// Bytes that the server acknowledged.
    public var storedBytes: Int64 = 0
    /// Bytes that went out in bodies which were not acknowledged.
    public var resentBytes: Int64 = 0
    /// How long the upload that is next in turn has waited for it; `nil` when none waits.
    public var lag: Duration?
    /// Upload ids on the server that an upload of the queue will complete or abort, and those that are only owed an abort.
    public var ledger: (used: Int, owed: Int) = (0, 0)
    /// Uploads in memory, and changes that wait for the disk.
    public var running = 0
    public var unwritten = 0
    /// Held gates: scopes without credentials, endpoints that do not answer.
    public var closedScopes = 0
    public var closedEndpoints = 0

    public init() {}

    public static func == (one: QueueMetrics, other: QueueMetrics) -> Bool {
        one.requests == other.requests && one.retries == other.retries && one.ended == other.ended && one.sentBytes == other.sentBytes
            && one.storedBytes == other.storedBytes && one.resentBytes == other.resentBytes && one.lag == other.lag
            && one.ledger == other.ledger
    }

    mutating func count(_ operation: String, outcome: String) { requests[Request(operation: operation, outcome: outcome), default: 0] += 1 }

    mutating func countRetry(_ code: String) {
        let isName = (1...64).contains(code.utf8.count) && code.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") }
        let name = isName && (retries[code] != nil || retries.count < QueueMetrics.mostCodes) ? code : "other"
        retries[name, default: 0] += 1
    }
}

extension QueueService {
    /// For queues that count nothing.
    public func metrics() async -> QueueMetrics { QueueMetrics() }
}
