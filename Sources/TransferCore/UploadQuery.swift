import OSSProtocol

/// Why a query is not understood, and where: `position` (from 0) and `length` count characters of the text.
public struct QueryError: Error, Sendable, Equatable, CustomStringConvertible {
    public var position: Int
    public var length: Int
    public var message: String

    public init(position: Int, length: Int, message: String) { (self.position, self.length, self.message) = (position, length, message) }

    public var description: String { message }
}

/// What a query may look at.
public struct UploadFacts: Sendable {
    public var id: String
    public var job: String
    public var state: String
    public var name: String
    public var path: String
    public var dest: String
    public var bucket: String
    public var profile: String
    public var size: Int64?
    public var stored: Int64
    public var rate: Int64
    /// Seconds.
    public var eta: Int?
    public var added: Timestamp
    public var tries: Int
    public var priority: String
    public var by: String
    /// Code of the newest error, empty when there is none.
    public var error: String
    public var held: String
    public var isMarked: Bool

    public init(
        id: String, job: String = "", state: String, name: String, path: String, dest: String, bucket: String, profile: String = "",
        size: Int64?, stored: Int64 = 0, rate: Int64 = 0, eta: Int? = nil, added: Timestamp, tries: Int = 0, priority: String = "normal",
        by: String = "", error: String = "", held: String = "", isMarked: Bool = false
    ) {
        self.id = id
        self.job = job
        self.state = state
        self.name = name
        self.path = path
        self.dest = dest
        self.bucket = bucket
        self.profile = profile
        self.size = size
        self.stored = stored
        self.rate = rate
        self.eta = eta
        self.added = added
        self.tries = tries
        self.priority = priority
        self.by = by
        self.error = error
        self.held = held
        self.isMarked = isMarked
    }
}

/// One key of `sort:size-,added`.
public struct SortKey: Sendable, Hashable {
    public static let names = ["order", "name", "size", "done", "rate", "eta", "added", "finished", "tries", "dest", "error", "state"]

    /// One of `names`.
    public var name: String
    public var isDescending: Bool

    public init(name: String, isDescending: Bool) { (self.name, self.isDescending) = (name, isDescending) }
}

/// A filter over uploads, the language of the terminal's `f` and of every QUERY of the command line (docs/terminal, 4.5).
///
/// `and` binds tighter than `or`; words next to each other mean `and`. Times are UTC. At most 4,096 characters and 200 terms.
public struct UploadQuery: Sendable {
    indirect enum Node: Sendable {
        case everything
        case all([Node])
        case any([Node])
        case not(Node)
        case term(QueryTerm)
    }

    public let text: String
    /// From `sort:` terms, in order; empty when there are none.
    public let sort: [SortKey]
    private let root: Node
    private let now: Timestamp

    /// - Parameter now: what `today` and ages count from.
    public init(_ text: String, now: Timestamp) throws(QueryError) {
        var parser = try QueryParser(text, now: now)
        self.text = text
        root = try parser.query()
        sort = parser.sort
        self.now = now
    }

    public func matches(_ facts: UploadFacts) -> Bool { matches(root, facts) }

    /// Nothing is filtered out.
    public var matchesEverything: Bool { if case .everything = root { true } else { false } }

    private func matches(_ node: Node, _ facts: UploadFacts) -> Bool {
        switch node {
        case .everything: true
        case .all(let nodes): nodes.allSatisfy { matches($0, facts) }
        case .any(let nodes): nodes.contains { matches($0, facts) }
        case .not(let node): !matches(node, facts)
        case .term(let term): term.matches(facts, now: now)
        }
    }
}
