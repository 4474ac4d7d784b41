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
    /// Begin behind where a row was; only in the queue's own order.
    var behind: WindowPlace?
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
    /// Sorted anew for each window; more rows are sorted once, and the list of their ids is kept.
    private static let fewRows = 20_000
    /// A place so far behind in the order of ids is found quickly.
    private static let nearOffset = 10_000
    /// What the index of the queue's own order serves, forwards and backwards.
    private static let ownOrders = ["order", "state", "rate", "eta"]

    /// SQLite finds the window by itself, whatever the queue holds.
    var isInOwnOrder: Bool {
        guard plan.isExact else { return false }
        return sort.isEmpty || (after == nil && sort.allSatisfy { Self.ownOrders.contains($0.name) })
    }

    /// SQLite finds the window by itself; else a list of all ids is made, and kept for the next one.
    ///
    /// "Behind that row" is a place in the queue's own order; in any other the rows before it have to be counted off.
    ///
    /// - Parameter rows: in the visible queue.
    func isDirect(rows: Int) -> Bool {
        if isInOwnOrder { return true }
        guard plan.isExact, after == nil else { return false }
        return rows <= Self.fewRows || (sort.first?.name == "added" && offset < Self.nearOffset)
    }
}

extension QueueStore {
    /// What `ORDER BY` compares paths by, made once for each row.
    static let naturalKey = DatabaseFunction("davit_natural_key", argumentCount: 1, pure: true) { values in
        guard case .string(let path) = values[0].storage else { return nil }
        return Data(NaturalOrder.key(path))
    }

    /// - Throws: `OrderError` is not among it: an unknown sort key was refused before.
    static func window(_ db: Database, _ question: WindowQuestion) throws -> WindowAnswer {
        var answer = WindowAnswer()
        let order = try orderClause(question.sort)
        let scope = "hidden = 0\(question.excluding.isEmpty ? "" : " AND id NOT IN (\(list(question.excluding)))")"
        let arguments = StatementArguments(question.plan.arguments)
        if let place = question.behind {
            answer.total = place.total
            answer.rows = try rows(db, behind: place, question, "\(scope) AND \(question.plan.condition)")
        } else if question.isDirect(rows: try counted(db, states: nil)) {
            let filter = "\(scope) AND \(question.plan.condition)"
            answer.total = try total(db, question, filter)
            if question.after != nil {
                answer.rows = try behind(db, question, filter)
            } else if question.sort.isEmpty, question.offset > answer.total / 2 {
                answer.rows = try fromTheEnd(db, question, total: answer.total, filter)
            } else {
                let sql = """
                    SELECT \(UploadRow.columns) FROM uploads WHERE \(filter) ORDER BY \(order)
                    LIMIT \(question.limit) OFFSET \(question.offset)
                    """
                answer.rows = try Row.fetchAll(db, sql: sql, arguments: arguments).map(UploadRow.init)
            }
        } else {
            // Excluded rows are looked at too: the list outlives this window, and what runs now may have ended by the next one.
            try scan(db, question, filter: "hidden = 0 AND \(question.plan.condition)", order: order, arguments, &answer)
        }
        for job in Set(answer.rows.map(\.job)) where question.jobs[job] == nil {
            if let facts = try QueueStore.job(db, id: job) { answer.jobs[job] = facts }
        }
        return answer
    }

    /// - Parameter states: `nil` for all.
    private static func counted(_ db: Database, states: [Int]?) throws -> Int {
        let some = states.map { " AND state IN (\($0.map(String.init).joined(separator: ",")))" } ?? ""
        return try Int.fetchOne(db, sql: "SELECT COALESCE(SUM(n), 0) FROM counts WHERE job = 0\(some)") ?? 0
    }

    /// Looked up where `counts` knows it, else counted row by row.
    private static func total(_ db: Database, _ question: WindowQuestion, _ filter: String) throws -> Int {
        let plan = question.plan
        guard plan.query == nil || plan.states != nil else {
            return try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM uploads WHERE \(filter)", arguments: StatementArguments(plan.arguments)) ?? 0
        }
        let all = try counted(db, states: plan.states)
        guard !question.excluding.isEmpty else { return all }
        let sql = "SELECT COUNT(*) FROM uploads WHERE hidden = 0 AND id IN (\(list(question.excluding))) AND \(plan.condition)"
        return all - (try Int.fetchOne(db, sql: sql, arguments: StatementArguments(plan.arguments)) ?? 0)
    }

    /// A window in the second half of the queue: fewer rows to walk over from its end.
    private static func fromTheEnd(_ db: Database, _ question: WindowQuestion, total: Int, _ filter: String) throws -> [UploadRow] {
        let count = min(question.limit, total - question.offset)
        guard count > 0 else { return [] }
        let sql = """
            SELECT \(UploadRow.columns) FROM uploads WHERE \(filter)
            ORDER BY hidden DESC, state DESC, priority DESC, position DESC, id DESC LIMIT \(count) OFFSET \(total - question.offset - count)
            """
        return try Row.fetchAll(db, sql: sql, arguments: StatementArguments(question.plan.arguments)).map(UploadRow.init).reversed()
    }

    /// Keyset instead of counting, in the default order. In two steps: asked for both at once, SQLite walks over all rows of the same place
    /// to find the ids behind one.
    private static func behind(_ db: Database, _ question: WindowQuestion, _ filter: String) throws -> [UploadRow] {
        guard let after = question.after,
            let row = try Row.fetchOne(db, sql: "SELECT \(UploadRow.columns) FROM uploads WHERE id = ?", arguments: [after]).map(UploadRow.init)
        else { return [] }
        return try rows(db, behind: WindowPlace(row, total: 0), question, filter)
    }

    private static func rows(_ db: Database, behind place: WindowPlace, _ question: WindowQuestion, _ filter: String) throws -> [UploadRow] {
        let (state, priority, position) = (place.state, place.priority, place.position)
        let steps = [
            "state = \(state) AND priority = \(priority) AND position = \(position) AND id > \(place.id)",
            "(state, priority, position) > (\(state), \(priority), \(position))",
        ]
        // What SQLite cannot judge is looked at row by row, until there are enough.
        let query = question.plan.isExact ? nil : question.plan.query
        var lookup = JobLookup(question.jobs)
        var found: [UploadRow] = []
        for step in steps where found.count < question.limit {
            let sql = """
                SELECT \(UploadRow.columns) FROM uploads WHERE \(filter) AND \(step)
                ORDER BY hidden, state, priority, position, id\(query == nil ? " LIMIT \(question.limit - found.count)" : "")
                """
            let cursor = try Row.fetchCursor(db, sql: sql, arguments: StatementArguments(question.plan.arguments))
            while found.count < question.limit, let row = try cursor.next().map(UploadRow.init) {
                if let query, !query.matches(row.facts(try lookup.job(row.job, db), now: question.now)) { continue }
                found.append(row)
            }
        }
        return found
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
        let window = window(matching, question)
        answer.total = window.total
        answer.matching = matching
        answer.rows = try rows(db, window.ids)
    }

    /// - Returns: the ids asked for, and how many there are without the excluded ones.
    static func window(_ ids: [Int64], _ question: WindowQuestion) -> (ids: [Int64], total: Int) {
        let excluded = Set(question.excluding)
        // A million ids are gone through for each window: most are outside of what could be excluded.
        let bounds = (question.excluding.min() ?? .max)...(question.excluding.max() ?? .max)
        let places = excluded.isEmpty ? [] : ids.indices.filter { bounds.contains(ids[$0]) && excluded.contains(ids[$0]) }
        var start = question.offset
        if let after = question.after {
            start = ids.firstIndex(of: after).map { $0 + 1 } ?? ids.count
        } else {
            for place in places where place <= start { start += 1 }
        }
        var found: [Int64] = []
        while start < ids.count, found.count < question.limit {
            if excluded.isEmpty || !excluded.contains(ids[start]) { found.append(ids[start]) }
            start += 1
        }
        return (found, ids.count - places.count)
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
            case "name": return "davit_natural_key(path)\(direction)"
            case "size": return "size\(direction)"
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

/// Names as people count: `m2` before `m10`. Digits compare as numbers, everything else as bytes, without regard to the case of letters.
enum NaturalOrder {
    /// Bytes that compare, one by one, as the names do. A run of digits becomes a digit, the count of those that matter, and these.
    static func key(_ name: String) -> [UInt8] {
        var name = name
        return name.withUTF8 { bytes in
            var key: [UInt8] = []
            key.reserveCapacity(bytes.count + 8)
            var index = 0
            while index < bytes.count {
                guard isDigit(bytes[index]) else {
                    key.append(lower(bytes[index]))
                    index += 1
                    continue
                }
                while index < bytes.count, bytes[index] == UInt8(ascii: "0") { index += 1 }
                let start = index
                while index < bytes.count, isDigit(bytes[index]) { index += 1 }
                key.append(UInt8(ascii: "0"))
                key.append(UInt8(truncatingIfNeeded: (index - start) >> 8))
                key.append(UInt8(truncatingIfNeeded: index - start))
                key.append(contentsOf: bytes[start..<index])
            }
            return key
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
    private static func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte | 0x20 : byte }
}
