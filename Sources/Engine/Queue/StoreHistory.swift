import Contracts
import FoundationEssentials
import GRDB
import OSSProtocol
import TransferCore

/// One page of the history: what has ended, whether or not it still stands in the queue.
///
/// A row has a time of its end exactly while it has ended: the index on that time is the history.
struct HistoryQuestion: Sendable {
    var plan: QueryPlan
    /// Oldest first instead of newest first.
    var isAscending = false
    /// Begin behind that row.
    var after: (finished: Int64, id: Int64)?
    var limit: Int
    /// Rows looked at one by one for this page: a page may end before it is full, so that none takes seconds.
    var mostLooks = 20_000
    var wantsTotal: Bool
    var jobs: [Int64: JobFacts]
    var now: Timestamp
}

struct HistoryAnswer: Sendable {
    var rows: [UploadRow] = []
    var jobs: [Int64: JobFacts] = [:]
    /// Of rows that are not stored: the newest thing that was written down of them.
    var events: [Int64: String] = [:]
    var total: Int?
    /// Where the next page begins.
    var next: (finished: Int64, id: Int64)?
}

extension QueueStore {
    /// Orders with more uploads than this are read by time and not gathered and sorted for each page.
    private static let sortableJob = 20_000

    static func history(_ db: Database, _ question: HistoryQuestion) throws -> HistoryAnswer {
        var answer = HistoryAnswer()
        if question.wantsTotal { answer.total = try historyTotal(db, question.plan) }
        let direction = question.isAscending ? "" : " DESC"
        let hint = try isBestByTime(db, question.plan) ? " INDEXED BY uploadsFinished" : ""
        var filter = "finished IS NOT NULL AND (\(question.plan.condition))"
        var arguments = StatementArguments(question.plan.arguments)
        if let after = question.after {
            filter += " AND (finished, id) \(question.isAscending ? ">" : "<") (?, ?)"
            arguments += [after.finished, after.id]
        }
        let order = "ORDER BY finished\(direction), id\(direction)"
        if question.plan.isExact {
            let sql = "SELECT \(UploadRow.columns) FROM uploads\(hint) WHERE \(filter) \(order) LIMIT \(question.limit + 1)"
            answer.rows = try Row.fetchAll(db, sql: sql, arguments: arguments).map(UploadRow.init)
            if answer.rows.count > question.limit {
                answer.rows.removeLast()
                answer.next = answer.rows.last.map { ($0.finished?.milliseconds ?? 0, $0.id) }
            }
        } else if let query = question.plan.query {
            try look(db, "SELECT \(lightColumns) FROM uploads\(hint) WHERE \(filter) \(order)", arguments, query, question, &answer)
        }
        try complete(db, question.jobs, &answer)
        return answer
    }

    /// Ids of all that match, in an order that the index on time does not give.
    static func historyIDs(_ db: Database, _ plan: QueryPlan, sort: [SortKey], jobs: [Int64: JobFacts], now: Timestamp) throws -> [Int64] {
        let filter = "finished IS NOT NULL AND (\(plan.condition)) ORDER BY \(try orderClause(sort))"
        let arguments = StatementArguments(plan.arguments)
        guard !plan.isExact, let query = plan.query else {
            return try Int64.fetchAll(db, sql: "SELECT id FROM uploads WHERE \(filter)", arguments: arguments)
        }
        var lookup = JobLookup(jobs)
        var matching: [Int64] = []
        let cursor = try Row.fetchCursor(db, sql: "SELECT \(lightColumns) FROM uploads WHERE \(filter)", arguments: arguments)
        while let row = try cursor.next() {
            if query.matches(lightFacts(row, try lookup.job(row[1], db))) { matching.append(row[0]) }
        }
        return matching
    }

    /// The rows of these ids, in their order.
    static func history(_ db: Database, ids: [Int64], jobs: [Int64: JobFacts]) throws -> HistoryAnswer {
        var answer = HistoryAnswer()
        // One that was queued again since the list was made has no end any more.
        answer.rows = try rows(db, ids).filter { $0.finished != nil }
        try complete(db, jobs, &answer)
        return answer
    }

    private static func complete(_ db: Database, _ jobs: [Int64: JobFacts], _ answer: inout HistoryAnswer) throws {
        for job in Set(answer.rows.map(\.job)) where jobs[job] == nil {
            if let facts = try QueueStore.job(db, id: job) { answer.jobs[job] = facts }
        }
        for row in answer.rows where row.state != .done {
            answer.events[row.id] = try events(db, upload: row.id, limit: 1).first?.text
        }
    }

    private static func look(
        _ db: Database, _ sql: String, _ arguments: StatementArguments, _ query: UploadQuery, _ question: HistoryQuestion,
        _ answer: inout HistoryAnswer
    ) throws {
        var lookup = JobLookup(question.jobs)
        var found: [Int64] = []
        var last: (Int64, Int64)?
        let cursor = try Row.fetchCursor(db, sql: sql, arguments: arguments)
        var looks = 0
        while let row = try cursor.next() {
            last = (row[11], row[0])
            looks += 1
            if query.matches(lightFacts(row, try lookup.job(row[1], db))) { found.append(row[0]) }
            if found.count == question.limit || looks == question.mostLooks {
                answer.next = last
                break
            }
        }
        answer.rows = try rows(db, found)
    }

    /// Without walking through a million rows; else `nil`.
    private static func historyTotal(_ db: Database, _ plan: QueryPlan) throws -> Int? {
        if plan.query == nil || plan.query?.matchesEverything == true {
            return try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM uploads INDEXED BY uploadsFinished WHERE finished IS NOT NULL")
        }
        let ended = UploadState.allCases.filter(\.isEnded).map { String($0.code) }.joined(separator: ",")
        if plan.isStatesOnly {
            return try Int.fetchOne(
                db, sql: "SELECT COALESCE(SUM(n), 0) FROM counts WHERE job > 0 AND state IN (\(ended)) AND (\(plan.condition))",
                arguments: StatementArguments(plan.arguments))
        }
        guard plan.isExact, try !isBestByTime(db, plan) else { return nil }
        return try Int.fetchOne(
            db, sql: "SELECT COUNT(*) FROM uploads WHERE finished IS NOT NULL AND (\(plan.condition))",
            arguments: StatementArguments(plan.arguments))
    }

    private static func isBestByTime(_ db: Database, _ plan: QueryPlan) throws -> Bool {
        if plan.namesUploads { return false }
        guard let jobs = plan.jobs else { return true }
        let uploads = try Int.fetchOne(db, sql: "SELECT COALESCE(SUM(n), 0) FROM counts WHERE job IN (\(list(jobs)))") ?? 0
        return uploads > sortableJob
    }

    // MARK: - What a query looks at, and no more: most rows are only looked at

    private static let lightColumns = "id, job, path, key, size, state, priority, stored, added, tries, error, finished"

    private static func lightFacts(_ row: Row, _ job: JobFacts?) -> UploadFacts {
        let (path, key): (String, String) = (row[2], row[3])
        let bucket = job?.target.bucket ?? ""
        let error = (row[10] as String?).flatMap { try? JSONDecoder().decode(StoredError.self, from: Data($0.utf8)) }
        let bytes = path.utf8
        let name = bytes.lastIndex(of: UInt8(ascii: "/")).map { String(path[bytes.index(after: $0)...]) } ?? path
        return UploadFacts(
            id: UploadID.text(row[0]), job: JobID.text(row[1]), state: (UploadState(code: row[5]) ?? .failed).rawValue, name: name,
            path: path, dest: "oss://\(bucket)/\(key)", bucket: bucket, profile: job?.target.remote ?? "", size: row[4], stored: row[7],
            added: Timestamp(milliseconds: row[8]), tries: row[9], priority: Priority(code: row[6]).rawValue, error: error?.code ?? "")
    }
}

/// What is too old.
extension QueueStore {
    /// The oldest rows of the history go, and their jobs remember how many.
    ///
    /// - Parameter before: milliseconds; what ended later stays.
    /// - Returns: how many went; `limit` when there may be more.
    static func sweepHistory(_ db: Database, before: Int64, limit: Int) throws -> Int {
        try db.execute(sql: "CREATE TEMP TABLE IF NOT EXISTS swept (id INTEGER PRIMARY KEY, job INTEGER NOT NULL)")
        try db.execute(sql: "DELETE FROM temp.swept")
        try db.execute(
            sql: """
                INSERT INTO temp.swept SELECT id, job FROM uploads WHERE finished <= ? AND +hidden = 1
                  AND id NOT IN (SELECT upload FROM ledger WHERE upload IS NOT NULL) ORDER BY finished LIMIT ?
                """, arguments: [before, limit])
        let count = db.changesCount
        guard count > 0 else { return 0 }
        try db.execute(
            sql: """
                UPDATE jobs SET swept = swept + (SELECT COUNT(*) FROM temp.swept s WHERE s.job = jobs.id)
                WHERE id IN (SELECT job FROM temp.swept)
                """)
        let these = "IN (SELECT id FROM temp.swept)"
        try db.execute(sql: "DELETE FROM parts WHERE upload \(these)")
        try db.execute(sql: "DELETE FROM events WHERE upload \(these)")
        try db.execute(sql: "DELETE FROM uploads WHERE id \(these)")
        return count
    }
}

/// What people did, for `undo`.
extension QueueStore {
    static func edits(_ db: Database) throws -> [EditView] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT e.id, e.at, e.action, e.by, e.isUndone, (SELECT COUNT(*) FROM editRows r WHERE r.edit = e.id), e.what FROM edits e
                ORDER BY e.id DESC LIMIT \(mostEdits)
                """)
        return rows.map { row in
            let (at, action): (Int64, String) = (row[1], row[2])
            return EditView(
                id: row[0], at: Timestamp(milliseconds: at).iso8601, action: action, by: row[3], uploads: row[5], undone: row[4],
                undoable: action != "abort", what: row[6])
        }
    }
}
