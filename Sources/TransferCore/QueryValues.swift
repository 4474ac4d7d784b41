import OSSProtocol

/// What stands behind a field's sign: texts, sizes, times.
struct QueryValues {
    let now: Timestamp

    private static let texts: [String: QueryTerm.Text] = [
        "state": .state, "name": .name, "path": .path, "dest": .dest, "bucket": .bucket, "profile": .profile, "remote": .profile,
        "prio": .prio, "priority": .prio, "by": .by, "error": .error, "held": .held, "id": .id, "job": .job,
    ]
    private static let numbers: [String: QueryTerm.Number] = [
        "size": .size, "done": .done, "rate": .rate, "eta": .eta, "age": .age, "tries": .tries,
    ]
    private static let comparisons: [String: QueryTerm.Comparison] = [
        ":": .equal, "=": .equal, "!=": .notEqual, "<": .less, "<=": .lessOrEqual, ">": .greater, ">=": .greaterOrEqual,
    ]
    private static let fields = "state name path dest bucket profile size done rate eta age tries prio by error held id job marked sort"

    func term(
        _ name: String, _ op: String, _ value: String, at position: Int, whole: (position: Int, length: Int)
    ) throws(QueryError) -> QueryTerm {
        if let field = QueryValues.texts[name] { return try text(field, name, op, value, at: position) }
        if let field = QueryValues.numbers[name] { return try number(field, op, value, at: position) }
        if name == "marked" {
            guard op == ":" || op == "=", let isMarked = ["yes": true, "true": true, "no": false, "false": false][value.lowercased()] else {
                throw expected("yes or no", op, value, at: position)
            }
            return .marked(isMarked)
        }
        throw QueryError(
            position: whole.position, length: name.count, message: "there is no field \"\(name)\"; fields are \(QueryValues.fields)")
    }

    // MARK: - Texts

    private func text(
        _ field: QueryTerm.Text, _ name: String, _ op: String, _ value: String, at position: Int
    ) throws(QueryError) -> QueryTerm {
        guard [":", "=", "!="].contains(op) else {
            throw QueryError(position: position - op.count, length: op.count, message: "\(name) takes : = or !=")
        }
        var matches: [TextMatch] = []
        var place = position
        for item in value.split(separator: ",", omittingEmptySubsequences: false) {
            // Words of our own have no case.
            let item = field == .state || field == .prio ? item.lowercased() : String(item)
            guard !item.isEmpty else { throw expected("a text", op, item, at: place) }
            try check(field, item, at: place)
            guard let match = op == ":" ? TextMatch(glob: item) : TextMatch(literal: item) else {
                throw QueryError(position: place, length: item.count, message: "the pattern is too large")
            }
            matches.append(match)
            place += item.count + 1
        }
        return .text(field, matches, isNegated: op == "!=")
    }

    /// A misspelt state would silently match nothing.
    private func check(_ field: QueryTerm.Text, _ item: String, at position: Int) throws(QueryError) {
        let known: [String]
        switch field {
        case .state: known = QueueState.allCases.map(\.rawValue)
        case .prio: known = ["high", "normal", "low"]
        default: return
        }
        guard !item.contains("*"), !item.contains("?"), !known.contains(item) else { return }
        throw QueryError(position: position, length: item.count, message: "expected one of \(known.joined(separator: " "))")
    }

    // MARK: - Numbers and times

    private func number(_ field: QueryTerm.Number, _ op: String, _ value: String, at position: Int) throws(QueryError) -> QueryTerm {
        guard let comparison = QueryValues.comparisons[op] else { throw expected("a sign", op, value, at: position) }
        switch field {
        case .size, .done:
            if field == .done, value.hasSuffix("%") {
                guard let share = QueryValues.tenths(value.dropLast()) else { throw expected("a percentage", op, value, at: position) }
                return .share(comparison, share)
            }
            guard let size = ByteSize(value) else { throw expected("a size", op, value, at: position) }
            return .number(field, comparison, size.bytes)
        case .rate:
            guard let rate = ByteRate(value)?.bytesPerSecond else { throw expected("a rate", op, value, at: position) }
            return .number(field, comparison, rate)
        case .tries:
            guard let tries = Int64(value), tries >= 0 else { throw expected("a number", op, value, at: position) }
            return .number(field, comparison, tries)
        case .eta:
            guard let seconds = QueryValues.seconds(value) else { throw expected("a time such as 10m", op, value, at: position) }
            return .number(field, comparison, seconds)
        case .age:
            if let seconds = QueryValues.seconds(value) { return .number(field, comparison, seconds) }
            guard let time = time(value) else { throw expected("a time such as 2d, today or 2026-11-23 14:00", op, value, at: position) }
            return .added(comparison.mirrored, time)
        }
    }

    private func expected(_ what: String, _ op: String, _ value: String, at position: Int) -> QueryError {
        QueryError(position: position, length: max(value.count, 1), message: "expected \(what) after \(op)")
    }

    /// `30s 10m 2h 3d 1w`.
    private static func seconds(_ text: String) -> Int64? { DurationText.parse(text)?.components.seconds }

    /// `50`, `99.9`: in tenths of a percent.
    private static func tenths(_ text: Substring) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first.flatMap({ Int64($0) }), (0...100).contains(whole) else { return nil }
        guard parts.count == 2 else { return whole * 10 }
        guard parts[1].count == 1, let tenth = Int64(parts[1]), tenth >= 0 else { return nil }
        return whole * 10 + tenth
    }

    private func time(_ value: String) -> Timestamp? {
        let day: Int64 = 86_400
        if value == "today" { return Timestamp(seconds: now.seconds - (now.seconds % day + day) % day) }
        let date = String(value.prefix(10))
        guard QueryValues.isDate(date) else { return nil }
        let clock = value.count > 10 ? String(value.dropFirst(11)) : "00:00"
        guard QueryValues.isTime(clock) else { return nil }
        return Timestamp(iso8601: "\(date)T\(clock):00Z")
    }

    static func isDate(_ text: String) -> Bool { hasForm(text, "0000-00-00") }
    static func isTime(_ text: String) -> Bool { hasForm(text, "00:00") }

    private static func hasForm(_ text: String, _ form: String) -> Bool {
        text.utf8.count == form.utf8.count
            && zip(text.utf8, form.utf8).allSatisfy { sign, place in place == UInt8(ascii: "0") ? (48...57).contains(sign) : sign == place }
    }

    // MARK: - Sorting

    func sortKeys(_ value: String, at position: Int) throws(QueryError) -> [SortKey] {
        var keys: [SortKey] = []
        var place = position
        for item in value.split(separator: ",", omittingEmptySubsequences: false) {
            let isDescending = item.hasSuffix("-")
            let name = (isDescending ? item.dropLast() : item).lowercased()
            guard SortKey.names.contains(name) else {
                let names = SortKey.names.joined(separator: " ")
                throw QueryError(position: place, length: max(item.count, 1), message: "expected one of \(names)")
            }
            keys.append(SortKey(name: name, isDescending: isDescending))
            place += item.count + 1
        }
        return keys
    }
}
