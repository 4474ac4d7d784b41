/// Something in a file that its author has to change, and where.
public struct TOMLProblem: Error, Sendable, Hashable, CustomStringConvertible {
    public var position: TOMLPosition
    /// What is wrong and what is accepted.
    public var message: String

    public init(position: TOMLPosition, message: String) { (self.position, self.message) = (position, message) }

    public var line: Int { position.line }
    public var column: Int { position.column }
    /// `LINE:COLUMN: error: message`.
    public var description: String { "\(position): error: \(message)" }
    /// `FILE:LINE:COLUMN: error: message`, the form that editors jump to.
    public func text(file: String) -> String { "\(file):\(self)" }
}

/// The problems of one document, collected by all readers of its tables: a file is fixed in one go, not error by error.
public final class TOMLProblems {
    private var found: Set<TOMLProblem> = []

    public init() {}

    public func report(at position: TOMLPosition, _ message: String) {
        // Two readings of a key, one problem.
        found.insert(TOMLProblem(position: position, message: message))
    }
    public var isEmpty: Bool { found.isEmpty }
    /// In the order of the file.
    public var sorted: [TOMLProblem] { found.sorted { ($0.position, $0.message) < ($1.position, $1.message) } }
}

/// Reads one table strictly: a wrong type and a bad value are reported where they stand, `finish()` reports every key that
/// nobody asked for. Every accessor answers `nil` both for an absent key and for a wrong one, so that reading goes on.
///
/// ```swift
/// let problems = TOMLProblems()
/// let remote = TOMLReader(table, path: "remote.ingest", problems)
/// let bucket = remote.string("bucket", required: true)
/// let existing = remote.choice("existing", of: ["skip", "newer", "overwrite", "fail", "rename"])
/// remote.finish()
/// for problem in problems.sorted { print(problem.text(file: path)) }
/// ```
public final class TOMLReader {
    public let table: TOMLTable
    /// As in the header, `remote.ingest.credentials`; empty for the root.
    public let path: String
    public let problems: TOMLProblems
    private var asked: [String] = []
    private var askedBytes: Set<[UInt8]> = []

    public init(_ table: TOMLTable, path: String = "", _ problems: TOMLProblems) {
        (self.table, self.path, self.problems) = (table, path, problems)
    }

    public convenience init(_ document: TOMLDocument, _ problems: TOMLProblems) { self.init(document.root, problems) }

    // MARK: values

    /// Whatever stands there; the key counts as known from now on.
    public func value(_ key: String, required: Bool = false) -> TOMLValue? {
        if askedBytes.insert(Array(key.utf8)).inserted { asked.append(key) }
        if let value = table[key] { return value }
        if required { problems.report(at: table.position, "\(place)needs the key \"\(key)\", which is missing") }
        return nil
    }

    public func string(_ key: String, required: Bool = false, allowEmpty: Bool = true) -> String? {
        guard let value = value(key, required: required) else { return nil }
        guard let text = value.string else { return wrong(key, value, accepted: "a string in quotes") }
        guard allowEmpty || !text.isEmpty else {
            report(key, "\"\(full(key))\" must not be empty")
            return nil
        }
        return text
    }

    public func boolean(_ key: String) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let flag = value.boolean else { return wrong(key, value, accepted: "true or false") }
        return flag
    }

    public func integer(_ key: String, in range: ClosedRange<Int64> = Int64.min...Int64.max, required: Bool = false) -> Int64? {
        guard let value = value(key, required: required) else { return nil }
        let bounds = range == Int64.min...Int64.max ? "an integer" : "an integer from \(range.lowerBound) to \(range.upperBound)"
        guard let number = value.integer else { return wrong(key, value, accepted: bounds) }
        guard range.contains(number) else {
            report(key, "\"\(full(key))\" is \(number). Accepted: \(bounds)")
            return nil
        }
        return number
    }

    /// A float, or an integer as one.
    public func number(_ key: String) -> Double? {
        guard let value = value(key) else { return nil }
        guard let number = value.number else { return wrong(key, value, accepted: "a number") }
        return number
    }

    /// One of `choices`, by bytes.
    public func choice(_ key: String, of choices: [String], required: Bool = false) -> String? {
        guard let value = value(key, required: required) else { return nil }
        let accepted = choices.map { "\"\($0)\"" }.joined(separator: ", ")
        guard let text = value.string else { return wrong(key, value, accepted: accepted) }
        if let found = choices.first(where: { sameBytes($0, text) }) { return found }
        report(key, "\"\(full(key))\" cannot be \"\(cleaned(text))\".\(guess(text, among: choices)) Accepted: \(accepted)")
        return nil
    }

    /// An array of strings, each with its place. One wrong element is reported and left out.
    public func strings(_ key: String, required: Bool = false) -> [(text: String, position: TOMLPosition)]? {
        guard let value = value(key, required: required) else { return nil }
        guard let values = value.array else { return wrong(key, value, accepted: "an array of strings") }
        return values.compactMap { element in
            guard let text = element.string else {
                problems.report(at: element.position, "\"\(full(key))\" holds \(element.kind.name). Accepted: an array of strings")
                return nil
            }
            return (text, element.position)
        }
    }

    /// Reads a string by a rule; what the rule throws is reported at the value as `"key" cannot be "text": …`.
    ///
    /// - Parameter isSecret: the text may be one, so it is not repeated.
    public func parsed<T, E: Error>(
        _ key: String, required: Bool = false, isSecret: Bool = false, by rule: (String) throws(E) -> T
    ) -> T? {
        guard let text = string(key, required: required) else { return nil }
        do throws(E) { return try rule(text) } catch {
            report(key, "\"\(full(key))\" cannot be \(isSecret ? "what it is" : "\"\(cleaned(text))\""): \(error)")
            return nil
        }
    }

    // MARK: tables

    /// `[key]` or `key = { … }`. Call `finish()` on it too.
    public func subtable(_ key: String, required: Bool = false) -> TOMLReader? {
        guard let value = value(key, required: required) else { return nil }
        guard let table = value.table else { return wrong(key, value, accepted: "a table, [\(full(key))]") }
        return TOMLReader(table, path: full(key), problems)
    }

    /// `[[key]]`, in order; an inline array of tables serves as well. Absent is empty.
    public func subtables(_ key: String) -> [TOMLReader] {
        guard let value = value(key) else { return [] }
        guard let values = value.array else {
            wrong(key, value, accepted: "tables, [[\(full(key))]]") as Void?
            return []
        }
        return values.compactMap { element in
            guard let table = element.table else {
                problems.report(at: element.position, "\"\(full(key))\" holds \(element.kind.name). Accepted: tables, [[\(full(key))]]")
                return nil
            }
            return TOMLReader(table, path: full(key), problems)
        }
    }

    /// Every entry of a table whose keys are names: `[remote.NAME]` is `reader.subtable("remote")?.named()`. All keys count as known.
    public func named() -> [(name: String, position: TOMLPosition, reader: TOMLReader)] {
        table.entries.compactMap { entry in
            _ = value(entry.key)
            guard let table = entry.value.table else { return wrong(entry.key, entry.value, accepted: "a table, [\(full(entry.key))]") }
            return (entry.key, entry.position, TOMLReader(table, path: full(entry.key), problems))
        }
    }

    // MARK: problems

    /// Reports at the value of `key`, or at the table when it is absent.
    public func report(_ key: String, _ message: String) {
        problems.report(at: table[key]?.position ?? table.position, message)
    }

    /// Reports at the table itself.
    public func report(_ message: String) { problems.report(at: table.position, message) }

    /// Reports every key that no accessor asked for, with the nearest one that is accepted. Call it last.
    public func finish() {
        for entry in table.entries where !askedBytes.contains(Array(entry.key.utf8)) {
            let header = path.isEmpty ? "" : " in [\(path)]"
            let accepted = asked.isEmpty ? "no keys" : asked.joined(separator: ", ")
            problems.report(
                at: entry.position,
                "unknown key \"\(cleaned(entry.key))\"\(header).\(guess(entry.key, among: asked)) Accepted: \(accepted)")
        }
    }

    private var place: String { path.isEmpty ? "the file " : "[\(path)] " }
    /// Names of tables come from the file, and stand in messages.
    private func full(_ key: String) -> String { path.isEmpty ? cleaned(key) : "\(path).\(cleaned(key))" }

    @discardableResult
    private func wrong<T>(_ key: String, _ value: TOMLValue, accepted: String) -> T? {
        problems.report(at: value.position, "\"\(full(key))\" is \(value.kind.name). Accepted: \(accepted)")
        return nil
    }

    private func guess(_ text: String, among choices: [String]) -> String {
        nearest(text, among: choices).map { " Did you mean \"\($0)\"?" } ?? ""
    }
}

func sameBytes(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

/// A text from the file, short and without control characters, so that a message stays one line.
func cleaned(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(60) {
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.properties.isBidiControl
        result.append(isControl ? "\u{FFFD}" : scalar)
    }
    return String(result) + (text.unicodeScalars.count > 60 ? "…" : "")
}
