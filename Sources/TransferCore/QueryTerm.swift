import OSSProtocol

/// One condition of a query.
enum QueryTerm: Sendable {
    enum Text: Sendable { case state, name, path, dest, bucket, profile, prio, by, error, held, id, job }
    enum Number: Sendable { case size, done, rate, eta, age, tries }
    enum Comparison: Sendable, Equatable { case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual }

    /// In the name or the destination.
    case word(TextMatch)
    case text(Text, [TextMatch], isNegated: Bool)
    case number(Number, Comparison, Int64)
    /// `done>50%`: tenths of a percent.
    case share(Comparison, Int64)
    case added(Comparison, Timestamp)
    case marked(Bool)

    func matches(_ facts: UploadFacts, now: Timestamp) -> Bool {
        switch self {
        case .word(let match): return match.isFound(in: facts.name) || match.isFound(in: facts.dest)
        case .text(let field, let matches, let isNegated):
            let value = QueryTerm.value(field, facts)
            return matches.contains { $0.isWhole(value) } != isNegated
        case .number(let field, let comparison, let limit):
            // What is not known (yet) fulfils no condition about it.
            return QueryTerm.value(field, facts, now).map { comparison.holds($0, limit) } ?? false
        case .share(let comparison, let limit):
            guard let size = facts.size, size > 0 else { return false }
            return comparison.holds(Int64((Double(facts.stored) / Double(size) * 1000).rounded(.down)), limit)
        case .added(let comparison, let time): return comparison.holds(facts.added.milliseconds, time.milliseconds)
        case .marked(let isMarked): return facts.isMarked == isMarked
        }
    }

    /// Steps of all its patterns together.
    var size: Int {
        switch self {
        case .word(let match): match.size
        case .text(_, let matches, _): matches.reduce(0) { $0 + $1.size }
        case .number, .share, .added, .marked: 0
        }
    }

    private static func value(_ field: Text, _ facts: UploadFacts) -> String {
        switch field {
        case .state: facts.state
        case .name: facts.name
        case .path: facts.path
        case .dest: facts.dest
        case .bucket: facts.bucket
        case .profile: facts.profile
        case .prio: facts.priority
        case .by: facts.by
        case .error: facts.error
        case .held: facts.held
        case .id: facts.id
        case .job: facts.job
        }
    }

    private static func value(_ field: Number, _ facts: UploadFacts, _ now: Timestamp) -> Int64? {
        switch field {
        case .size: facts.size
        case .done: facts.stored
        case .rate: facts.rate
        case .eta: facts.eta.map(Int64.init)
        case .age: (now - facts.added).inMilliseconds / 1000
        case .tries: Int64(facts.tries)
        }
    }
}

extension QueryTerm.Comparison {
    func holds(_ a: Int64, _ b: Int64) -> Bool {
        switch self {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        }
    }

    /// As it reads on the other side: an older upload was added earlier.
    var mirrored: QueryTerm.Comparison {
        switch self {
        case .equal, .notEqual: self
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        }
    }
}

/// A text to look for. Small letters match both cases, a capital makes it exact. Compared by bytes after that.
struct TextMatch: Sendable {
    private enum Kind: Sendable {
        case literal([UInt8])
        case pattern(Pattern)
    }

    private let kind: Kind
    private let isCaseless: Bool

    init(literal text: String) {
        isCaseless = !TextMatch.hasCapital(text)
        kind = .literal(Array((isCaseless ? text.lowercased() : text).utf8))
    }

    /// With `*` and `?`; `nil` when it is too large.
    init?(glob text: String) {
        isCaseless = !TextMatch.hasCapital(text)
        let bytes = Array((isCaseless ? text.lowercased() : text).utf8)
        if bytes.contains(UInt8(ascii: "*")) || bytes.contains(UInt8(ascii: "?")) {
            guard let pattern = Pattern(Glob.value(bytes)) else { return nil }
            kind = .pattern(pattern)
        } else {
            kind = .literal(bytes)
        }
    }

    init(regex text: String) throws(Glob.Failure) {
        isCaseless = !TextMatch.hasCapital(text)
        guard let pattern = Pattern(try QueryRegex.read(text, isCaseless: isCaseless)) else {
            throw Glob.Failure(message: "the expression is too large")
        }
        kind = .pattern(pattern)
    }

    /// Steps of its pattern, 0 for a plain text.
    var size: Int { if case .pattern(let pattern) = kind { pattern.size } else { 0 } }

    func isFound(in text: String) -> Bool {
        let bytes = prepared(text)
        switch kind {
        case .pattern(let pattern): return pattern.isFound(in: bytes)
        case .literal(let word):
            guard let first = word.first else { return true }
            guard bytes.count >= word.count else { return false }
            return (0...(bytes.count - word.count)).contains { bytes[$0] == first && bytes[$0..<($0 + word.count)].elementsEqual(word) }
        }
    }

    func isWhole(_ text: String) -> Bool {
        let bytes = prepared(text)
        switch kind {
        case .pattern(let pattern): return pattern.matches(bytes)
        case .literal(let word): return bytes == word
        }
    }

    private func prepared(_ text: String) -> [UInt8] { Array((isCaseless ? text.lowercased() : text).utf8) }

    private static func hasCapital(_ text: String) -> Bool { text.contains { $0.isUppercase } }
}
