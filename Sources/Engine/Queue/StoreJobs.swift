import Contracts
import FoundationEssentials
import GRDB
import OSSProtocol
import TransferCore

/// Orders, and the rows that scans make of them.
extension QueueStore {
    /// What a job keeps of refusals; beyond that they are only counted.
    static let mostRefused = 1_000

    static func addJob(_ db: Database, _ order: JobOrder, dest: String, plan: OrderPlan, at: Timestamp) throws -> (id: Int64, isNew: Bool) {
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO jobs (submission, isScanning, dest, scope, endpoint, target, options, sources, added)
                VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                order.submissionId, dest, plan.target.scope, plan.target.endpoint, try json(plan.target), try json(plan.options),
                try json(order.sources), at.milliseconds,
            ])
        if db.changesCount > 0 { return (db.lastInsertedRowID, true) }
        let id = try Int64.fetchOne(db, sql: "SELECT id FROM jobs WHERE submission = ?", arguments: [order.submissionId])
        return (id ?? 0, false)
    }

    static func job(_ db: Database, submission: String) throws -> Int64? {
        try Int64.fetchOne(db, sql: "SELECT id FROM jobs WHERE submission = ?", arguments: [submission])
    }

    static func job(_ db: Database, id: Int64) throws -> JobFacts? {
        let statement = try db.cachedStatement(sql: "SELECT dest, target, options FROM jobs WHERE id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [id]) else { return nil }
        let (target, options): (String, String) = (row[1], row[2])
        guard let target = try? JSONDecoder().decode(Target.self, from: Data(target.utf8)),
            let options = try? JSONDecoder().decode(OrderOptions.self, from: Data(options.utf8)),
            let headers = try? OrderPlan.headers(options, target)
        else { return nil }
        return JobFacts(id: id, dest: row[0], target: target, options: options, headers: headers)
    }

    static func sources(_ db: Database, job: Int64) throws -> [String] {
        guard let text = try String.fetchOne(db, sql: "SELECT sources FROM jobs WHERE id = ?", arguments: [job]) else { return [] }
        return (try? JSONDecoder().decode([String].self, from: Data(text.utf8))) ?? []
    }

    static func scanning(_ db: Database) throws -> [Int64] {
        try Int64.fetchAll(db, sql: "SELECT id FROM jobs WHERE isScanning = 1 ORDER BY id")
    }

    /// An interrupted scan begins again: rows it made stay, what it refused is found again.
    static func beginScan(_ db: Database, job: Int64) throws {
        try db.execute(sql: "DELETE FROM refused WHERE job = ?", arguments: [job])
        try db.execute(sql: "UPDATE jobs SET refusedCount = 0 WHERE id = ?", arguments: [job])
    }

    static func endScan(_ db: Database, job: Int64) throws {
        try db.execute(sql: "UPDATE jobs SET isScanning = 0 WHERE id = ?", arguments: [job])
    }

    static func addRows(_ db: Database, job: Int64, _ rows: [UploadRow], refused: [JobView.Refused]) throws {
        var refused = refused
        let hasRenamed = try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM renamed WHERE job = ?)", arguments: [job]) ?? false
        for row in rows {
            if hasRenamed, try isRenamed(db, row) { continue }
            guard !(try row.insert(db)) else { continue }
            let path = try String.fetchOne(
                db.cachedStatement(sql: "SELECT path FROM uploads WHERE job = ? AND key = ?"), arguments: [job, row.key])
            if let path, !path.utf8.elementsEqual(row.path.utf8) {
                refused.append(JobView.Refused(path: row.path, reason: "its key \(row.key) is already that of \(path)"))
            }
        }
        guard !refused.isEmpty else { return }
        let kept = try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM refused WHERE job = ?", arguments: [job]) ?? 0
        for item in refused.prefix(max(mostRefused - kept, 0)) {
            try db.execute(
                sql: "INSERT OR IGNORE INTO refused (job, path, reason) VALUES (?, ?, ?)", arguments: [job, item.path, item.reason])
        }
        try db.execute(sql: "UPDATE jobs SET refusedCount = refusedCount + ? WHERE id = ?", arguments: [refused.count, job])
    }

    /// An interrupted scan comes upon it again, and it is queued already, under another key.
    private static func isRenamed(_ db: Database, _ row: UploadRow) throws -> Bool {
        let statement = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM renamed WHERE job = ? AND key = ? AND path = ?)")
        return try Bool.fetchOne(statement, arguments: [row.job, row.key, row.path]) ?? false
    }

    struct JobState: Sendable {
        var isScanning: Bool
        var uploads: [Int64]
        var refused: [JobView.Refused]
        var counts: [UploadState: StateCount]
    }

    static func jobState(_ db: Database, id: Int64) throws -> JobState? {
        guard let isScanning = try Bool.fetchOne(db, sql: "SELECT isScanning FROM jobs WHERE id = ?", arguments: [id]) else { return nil }
        let refused = try Row.fetchAll(db, sql: "SELECT path, reason FROM refused WHERE job = ? ORDER BY path", arguments: [id])
        return JobState(
            isScanning: isScanning,
            uploads: try Int64.fetchAll(db, sql: "SELECT id FROM uploads WHERE job = ? ORDER BY id LIMIT 1000", arguments: [id]),
            refused: refused.map { JobView.Refused(path: $0[0], reason: $0[1]) }, counts: try counts(db, job: id))
    }

    /// - Parameter job: 0 for the whole visible queue.
    static func counts(_ db: Database, job: Int64) throws -> [UploadState: StateCount] {
        var counts: [UploadState: StateCount] = [:]
        // Past 64 bits SQLite goes on with a floating number; CAST makes the largest integer of it.
        let statement = try db.cachedStatement(
            sql: """
                SELECT state, n, CAST(bytes AS INTEGER), CAST(stored AS INTEGER), CAST(resent AS INTEGER) FROM counts WHERE job = ?
                """)
        for row in try Row.fetchAll(statement, arguments: [job]) {
            guard let state = UploadState(code: row[0]) else { continue }
            counts[state] = StateCount(uploads: row[1], bytes: row[2], stored: row[3], resent: row[4])
        }
        return counts
    }
}

extension Int64 {
    /// Files of nothing but holes may be as large as they like: their sum ends at what 64 bits hold.
    mutating func addSaturating(_ other: Int64) {
        let (sum, isOver) = addingReportingOverflow(other)
        self = isOver ? (other < 0 ? .min : .max) : sum
    }
}

extension Sequence<Int64> {
    /// At most what 64 bits hold.
    var total: Int64 { reduce(into: 0) { $0.addSaturating($1) } }
}

/// Of the uploads in one state. Bytes.
struct StateCount: Sendable, Equatable {
    var uploads = 0
    var bytes: Int64 = 0
    var stored: Int64 = 0
    var resent: Int64 = 0
}
