import OSSProtocol

/// Reads the query language. Bounded in length, terms and depth.
struct QueryParser {
    private enum Token: Equatable {
        case open, close, and, or, not, minus
        case word(String)
        case quoted(String)
        case regex(String)
        case field(String, op: String, value: String, valueAt: Int)
    }

    private struct Placed: Equatable {
        var token: Token
        var position: Int
        var length: Int
    }

    private static let longest = 4_096
    private static let mostTerms = 200
    private static let deepest = 30

    private(set) var sort: [SortKey] = []
    private let characters: [Character]
    private let values: QueryValues
    private var tokens: [Placed] = []
    private var next = 0
    private var terms = 0
    private var size = 0

    init(_ text: String, now: Timestamp) throws(QueryError) {
        characters = Array(text)
        values = QueryValues(now: now)
        guard text.utf8.count <= QueryParser.longest else {
            throw QueryError(position: 0, length: characters.count, message: "a query has at most \(QueryParser.longest) bytes")
        }
        try split()
    }

    // MARK: - Grammar

    mutating func query() throws(QueryError) -> UploadQuery.Node {
        let node = try alternatives(depth: 0)
        guard next == tokens.count else { throw error(tokens[next], "a ) without its (") }
        return node
    }

    private mutating func alternatives(depth: Int) throws(QueryError) -> UploadQuery.Node {
        var ways = [try sequence(depth: depth)]
        while next < tokens.count, tokens[next].token == .or {
            let or = tokens[next]
            next += 1
            if next == tokens.count || tokens[next].token == .close { throw error(or, "expected a term after or") }
            ways.append(try sequence(depth: depth))
        }
        return ways.count == 1 ? ways[0] : .any(ways)
    }

    private mutating func sequence(depth: Int) throws(QueryError) -> UploadQuery.Node {
        var nodes: [UploadQuery.Node] = []
        var dangling: Placed?
        while next < tokens.count, tokens[next].token != .close, tokens[next].token != .or {
            if tokens[next].token == .and {
                if nodes.isEmpty || dangling != nil { throw error(tokens[next], "expected a term before and") }
                dangling = tokens[next]
                next += 1
                continue
            }
            dangling = nil
            let node = try single(depth: depth)
            if case .everything = node { continue }
            nodes.append(node)
        }
        if let dangling { throw error(dangling, "expected a term after and") }
        if nodes.isEmpty, next < tokens.count, tokens[next].token == .or, sort.isEmpty {
            throw error(tokens[next], "expected a term before or")
        }
        return nodes.isEmpty ? .everything : nodes.count == 1 ? nodes[0] : .all(nodes)
    }

    private mutating func single(depth: Int) throws(QueryError) -> UploadQuery.Node {
        let placed = tokens[next]
        guard depth < QueryParser.deepest else { throw error(placed, "nested too deep") }
        next += 1
        switch placed.token {
        case .not, .minus:
            guard next < tokens.count, ![.close, .and, .or].contains(tokens[next].token) else {
                throw error(placed, "expected a term after \(placed.token == .not ? "not" : "-")")
            }
            return .not(try single(depth: depth + 1))
        case .open:
            let node = try alternatives(depth: depth + 1)
            guard next < tokens.count else { throw error(placed, "a ( without its )") }
            next += 1
            return node
        case .close, .and, .or: throw error(placed, "expected a term")
        case .word(let word), .quoted(let word):
            try count(placed)
            return .term(.word(TextMatch(literal: word)))
        case .regex(let text):
            try count(placed)
            let match: TextMatch
            do throws(Glob.Failure) { match = try TextMatch(regex: text) } catch { throw self.error(placed, error.message) }
            return try bounded(.word(match), placed)
        case .field("sort", let op, let value, let valueAt):
            guard op == ":" else { throw error(placed, "sort takes a : before its keys") }
            sort += try values.sortKeys(value, at: valueAt)
            return .everything
        case .field(let name, let op, let value, let valueAt):
            try count(placed)
            return try bounded(try values.term(name, op, value, at: valueAt, whole: (placed.position, placed.length)), placed)
        }
    }

    /// The patterns of a query together may be as large as one: each is walked for every upload.
    private mutating func bounded(_ term: QueryTerm, _ placed: Placed) throws(QueryError) -> UploadQuery.Node {
        size += term.size
        guard size <= Pattern.mostSteps else { throw error(placed, "the patterns of the query are too large together") }
        return .term(term)
    }

    private mutating func count(_ placed: Placed) throws(QueryError) {
        terms += 1
        guard terms <= QueryParser.mostTerms else { throw error(placed, "a query has at most \(QueryParser.mostTerms) terms") }
    }

    private func error(_ placed: Placed, _ message: String) -> QueryError {
        QueryError(position: placed.position, length: placed.length, message: message)
    }

    // MARK: - Tokens

    private mutating func split() throws(QueryError) {
        var place = 0
        while place < characters.count {
            let start = place
            switch characters[place] {
            case let blank where blank.isWhitespace:
                place += 1
                continue
            case "(":
                place += 1
                append(.open, start, place)
            case ")":
                place += 1
                append(.close, start, place)
            case "\"":
                let text = try quoted(&place)
                append(.quoted(text), start, place)
            case "-" where place + 1 < characters.count && !characters[place + 1].isWhitespace:
                place += 1
                append(.minus, start, place)
            case "/":
                if let text = regex(&place) { append(.regex(text), start, place) } else { try bare(&place) }
            default: try bare(&place)
            }
        }
    }

    private mutating func append(_ token: Token, _ start: Int, _ end: Int) {
        tokens.append(Placed(token: token, position: start, length: end - start))
    }

    private func quoted(_ place: inout Int) throws(QueryError) -> String {
        let start = place
        place += 1
        var text = ""
        while place < characters.count, characters[place] != "\"" {
            if characters[place] == "\\", place + 1 < characters.count { place += 1 }
            text.append(characters[place])
            place += 1
        }
        guard place < characters.count else {
            throw QueryError(position: start, length: place - start, message: "a \" without its end")
        }
        place += 1
        return text
    }

    /// `/…/` with a blank or an end behind it; anything else that begins with `/` is a path.
    private func regex(_ place: inout Int) -> String? {
        var end = place + 1
        var text = ""
        while end < characters.count, characters[end] != "/" {
            if characters[end] == "\\", end + 1 < characters.count {
                if characters[end + 1] != "/" { text.append("\\") }
                end += 1
            }
            text.append(characters[end])
            end += 1
        }
        guard end < characters.count, !text.isEmpty, isEnd(end + 1) else { return nil }
        place = end + 1
        return text
    }

    private func isEnd(_ place: Int) -> Bool {
        place == characters.count || characters[place].isWhitespace || characters[place] == ")"
    }

    private mutating func bare(_ place: inout Int) throws(QueryError) {
        let start = place
        while place < characters.count, characters[place].isLetter || characters[place] == "_" { place += 1 }
        let name = String(characters[start..<place])
        var op = ""
        if place < characters.count, !name.isEmpty {
            for candidate in ["!=", "<=", ">=", ":", "=", "<", ">"] where characters[place...].starts(with: Array(candidate)) {
                op = candidate
                break
            }
        }
        // `oss://bucket` is a word.
        let isAddress = op == ":" && characters[place...].starts(with: Array("://"))
        guard !op.isEmpty, !isAddress else {
            place = start
            let word = run(&place)
            switch word.lowercased() {
            case "and": append(.and, start, place)
            case "or": append(.or, start, place)
            case "not": append(.not, start, place)
            default: append(.word(word), start, place)
            }
            return
        }
        place += op.count
        let valueAt = place
        let value = place < characters.count && characters[place] == "\"" ? try quoted(&place) : run(&place)
        append(.field(name.lowercased(), op: op, value: value + time(after: value, &place), valueAt: valueAt), start, place)
    }

    /// Up to a blank or the parenthesis that closes a group around it.
    private func run(_ place: inout Int) -> String {
        let start = place
        var open = 0
        while place < characters.count, !characters[place].isWhitespace {
            if characters[place] == "(" { open += 1 }
            if characters[place] == ")" {
                open -= 1
                if open < 0 { break }
            }
            place += 1
        }
        return String(characters[start..<place])
    }

    /// ` 14:00` behind a date belongs to it.
    private func time(after value: String, _ place: inout Int) -> String {
        guard QueryValues.isDate(value), place + 5 < characters.count, characters[place] == " " else { return "" }
        let text = String(characters[(place + 1)...(place + 5)])
        guard QueryValues.isTime(text), isEnd(place + 6) else { return "" }
        place += 6
        return " " + text
    }
}
