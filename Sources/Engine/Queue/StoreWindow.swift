import Contracts
import FoundationEssentials
import GRDB
import OSSProtocol
import TransferCore

/// One window over the rows: which, in what order, from where.
struct WindowQuestion: Sendable {
    var plan: QueryPlan
    var sort: [SortKey]
    /// Left out: they are shown by whoever asks.
    var excluding: [Int64]
    var offset: Int
    /// Begin behind that row instead.
    var after: Int64?
    var limit: Int
    var jobs: [Int64: JobFacts]
    var now: Timestamp
}

struct WindowAnswer: Sendable {
    var rows: [UploadRow] = []
    var jobs: [Int64: JobFacts] = [:]
    /// Of all matching rows, the excluded ones not counted.
    var total = 0
    /// Every matching row's id in order, where they had to be looked at one by one or counted off.
    var matching: [Int64]?
}

extension WindowQuestion {
    /// SQLite finds the window by itself; else a list of all ids is made, and kept for the next one.
    ///
    /// "Behind that row" is a place in the queue's own order; in any other the rows before it have to be counted off.
    var isDirect: Bool { plan.isExact && (after == nil || sort.isEmpty) }
}

extension QueueStore {
    static let naturalOrder = DatabaseCollation("davit_natural") { NaturalOrder.compare($0, $1) }

    /// - Throws: `OrderError` is not among it: an unknown sort key was refused before.
    static func window(_ db: Database, _ question: WindowQuestion) throws -> WindowAnswer {
        var answer = WindowAnswer()
        let order = try orderClause(question.sort)
        let scope = "hidden = 0\(question.excluding.isEmpty ? "" : " AND id NOT IN (\(list(question.excluding)))")"
        let arguments = StatementArguments(question.plan.arguments)
        if question.isDirect {
            let filter = "\(scope) AND \(question.plan.condition)"
            if question.plan.query == nil {
                let all = try Int.fetchOne(db, sql: "SELECT COALESCE(SUM(n), 0) FROM counts WHERE job = 0") ?? 0
                let left =
                    question.excluding.isEmpty
                    ? 0
                    : try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM uploads WHERE hidden = 0 AND id IN (\(list(question.excluding)))")
                        ?? 0
                answer.total = all - left
            } else {
                answer.total = try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM uploads WHERE \(filter)", arguments: arguments) ?? 0
            }
            let (place, placeArguments) = try behind(db, question)
            let sql = """
                SELECT \(UploadRow.columns) FROM uploads WHERE \(filter)\(place) ORDER BY \(order)
                LIMIT \(question.limit) OFFSET \(place.isEmpty ? question.offset : 0)
                """
            answer.rows = try Row.fetchAll(db, sql: sql, arguments: arguments + placeArguments).map(UploadRow.init)
        } else {
            // Excluded rows are looked at too: the list outlives this window, and what runs now may have ended by the next one.
            try scan(db, question, filter: "hidden = 0 AND \(question.plan.condition)", order: order, arguments, &answer)
        }
        for job in Set(answer.rows.map(\.job)) where question.jobs[job] == nil {
            if let facts = try QueueStore.job(db, id: job) { answer.jobs[job] = facts }
        }
        return answer
    }

    /// Keyset instead of counting, in the default order.
    private static func behind(_ db: Database, _ question: WindowQuestion) throws -> (String, StatementArguments) {
        guard let after = question.after, question.sort.isEmpty else { return ("", StatementArguments()) }
        guard let row = try Row.fetchOne(db, sql: "SELECT state, priority, position FROM uploads WHERE id = ?", arguments: [after]) else {
            return (" AND 0", StatementArguments())
        }
        let values: [Int64] = [row[0], row[1], row[2], after]
        return (" AND (state, priority, position, id) > (?, ?, ?, ?)", StatementArguments(values))
    }

    /// Each row that SQLite cannot judge is looked at; only ids are kept.
    private static func scan(
        _ db: Database, _ question: WindowQuestion, filter: String, order: String, _ arguments: StatementArguments,
        _ answer: inout WindowAnswer
    ) throws {
        var matching: [Int64] = []
        if question.plan.isExact {
            matching = try Int64.fetchAll(db, sql: "SELECT id FROM uploads WHERE \(filter) ORDER BY \(order)", arguments: arguments)
        } else if let query = question.plan.query {
            var lookup = JobLookup(question.jobs)
            let cursor = try Row.fetchCursor(
                db, sql: "SELECT \(UploadRow.columns) FROM uploads WHERE \(filter) ORDER BY \(order)", arguments: arguments)
            while let row = try cursor.next().map(UploadRow.init) {
                if query.matches(row.facts(try lookup.job(row.job, db), now: question.now)) { matching.append(row.id) }
            }
        }
        let excluded = Set(question.excluding)
        let shown = excluded.isEmpty ? matching : matching.filter { !excluded.contains($0) }
        answer.total = shown.count
        answer.matching = matching
        answer.rows = try rows(db, window(shown, question))
    }

    static func window(_ ids: [Int64], _ question: WindowQuestion) -> [Int64] {
        var start = question.offset
        if let after = question.after { start = ids.firstIndex(of: after).map { $0 + 1 } ?? ids.count }
        return Array(ids.dropFirst(start).prefix(question.limit))
    }

    /// In the order of the ids.
    static func rows(_ db: Database, _ ids: [Int64]) throws -> [UploadRow] {
        guard !ids.isEmpty else { return [] }
        let found = try Row.fetchAll(db, sql: "SELECT \(UploadRow.columns) FROM uploads WHERE id IN (\(list(ids)))").map(UploadRow.init)
        let byID = Dictionary(found.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
        return ids.compactMap { byID[$0] }
    }

    static let sortKeys = ["order", "name", "size", "done", "rate", "eta", "added", "finished", "tries", "dest", "error", "state", "prio"]

    static func orderClause(_ sort: [SortKey]) throws -> String {
        let keys = sort.filter { $0.name != "order" || sort.count == 1 }.map { key -> String in
            let direction = key.isDescending ? " DESC" : ""
            switch key.name {
            case "name": return "path COLLATE davit_natural\(direction)"
            case "size": return "hidden, size\(direction)"
            case "done": return "CASE WHEN size = 0 THEN state = 6 ELSE CAST(stored AS REAL) / size END\(direction)"
            case "added": return "id\(direction)"
            case "finished": return "finished IS NULL, finished\(direction)"
            case "tries": return "tries\(direction)"
            case "dest": return "job\(direction), key\(direction)"
            case "error": return "error IS NULL, error\(direction)"
            case "prio": return "priority\(direction)"
            default: return ["hidden", "state", "priority", "position", "id"].map { $0 + direction }.joined(separator: ", ")
            }
        }
        let last = sort.contains { $0.name == "added" } ? [] : ["id"]
        return keys.isEmpty ? "hidden, state, priority, position, id" : (keys + last).joined(separator: ", ")
    }
}

/// Names as people count: `m2` before `m10`. Digits compare as numbers, everything else as bytes, without regard to the case of letters
/// first and with it at last.
enum NaturalOrder {
    static func compare(_ a: String, _ b: String) -> ComparisonResult {
        let result = compare(Array(a.utf8), Array(b.utf8))
        return result < 0 ? .orderedAscending : result > 0 ? .orderedDescending : .orderedSame
    }

    static func compare(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var (i, j) = (0, 0)
        while i < a.count, j < b.count {
            if isDigit(a[i]), isDigit(b[j]) {
                let (left, right) = (number(a, &i), number(b, &j))
                if left.count != right.count { return left.count < right.count ? -1 : 1 }
                if let difference = zip(left, right).first(where: { $0 != $1 }) { return difference.0 < difference.1 ? -1 : 1 }
            } else {
                let (left, right) = (lower(a[i]), lower(b[j]))
                if left != right { return left < right ? -1 : 1 }
                i += 1
                j += 1
            }
        }
        if i < a.count || j < b.count { return i < a.count ? 1 : -1 }
        if a.elementsEqual(b) { return 0 }
        return a.lexicographicallyPrecedes(b) ? -1 : 1
    }

    /// Without leading zeros.
    private static func number(_ bytes: [UInt8], _ index: inout Int) -> ArraySlice<UInt8> {
        let start = index
        while index < bytes.count, isDigit(bytes[index]) { index += 1 }
        return bytes[start..<index].drop { $0 == UInt8(ascii: "0") }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
    private static func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte | 0x20 : byte }
}
