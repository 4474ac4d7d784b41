import Contracts
import FoundationEssentials
import GRDB
import OSSProtocol
import TransferCore

/// Orders, and the rows that scans make of them.
extension QueueStore {
    /// What a job keeps of refusals; beyond that they are only counted.
    static let mostRefused = 1_000

    static func addJob(
        _ db: Database, _ order: JobOrder, fingerprint: String? = nil, dest: String, plan: OrderPlan, at: Timestamp
    ) throws -> (job: SubmittedJob, isNew: Bool) {
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO jobs (submission, isScanning, dest, scope, endpoint, target, options, sources, added, fingerprint)
                VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                order.submissionId, dest, plan.target.scope, plan.target.endpoint, try json(plan.target), try json(plan.options),
                try json(order.sources), at.milliseconds, fingerprint,
            ])
        if db.changesCount > 0 { return (SubmittedJob(id: db.lastInsertedRowID, fingerprint: fingerprint), true) }
        return (try job(db, submission: order.submissionId) ?? SubmittedJob(id: 0, fingerprint: nil), false)
    }

    static func job(_ db: Database, submission: String) throws -> SubmittedJob? {
        let row = try Row.fetchOne(db, sql: "SELECT id, fingerprint FROM jobs WHERE submission = ?", arguments: [submission])
        return row.map { SubmittedJob(id: $0[0], fingerprint: $0[1]) }
    }

    /// - Returns: an order that cannot be read too, with `problem`: its uploads must be seen and not wait for ever.
    static func job(_ db: Database, id: Int64) throws -> JobFacts? {
        let statement = try db.cachedStatement(sql: "SELECT dest, target, options, scope, endpoint FROM jobs WHERE id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [id]) else { return nil }
        let (dest, targetText, optionsText): (String, String, String) = (row[0], row[1], row[2])
        let target = try? JSONDecoder().decode(Target.self, from: Data(targetText.utf8))
        let options = try? JSONDecoder().decode(OrderOptions.self, from: Data(optionsText.utf8))
        if let target, let options, let headers = try? OrderPlan.headers(options, target) {
            return JobFacts(id: id, dest: dest, target: target, options: options, headers: headers)
        }
        let shown =
            target
            ?? Target(
                scope: row[3], remote: nil, bucket: bucket(dest), region: "", endpoint: row[4], addressing: "virtual", prefix: "", isKey: false)
        let part = target == nil ? "destination" : "options"
        return JobFacts(
            id: id, dest: dest, target: shown, options: options ?? OrderOptions(), headers: ObjectHeaders(),
            problem: "the \(part) of its order cannot be read: another version wrote them, or they are damaged. Give the order again")
    }

    /// As the order names it; a remote's is not known here.
    private static func bucket(_ dest: String) -> String {
        dest.hasPrefix("oss://") ? String(dest.dropFirst(6).prefix { $0 != "/" }) : ""
    }

    static func sources(_ db: Database, job: Int64) throws -> [String] {
        guard let text = try String.fetchOne(db, sql: "SELECT sources FROM jobs WHERE id = ?", arguments: [job]) else { return [] }
        return (try? JSONDecoder().decode([String].self, from: Data(text.utf8))) ?? []
    }

    /// When the order came.
    static func added(_ db: Database, job: Int64) throws -> Timestamp? {
        try Int64.fetchOne(db, sql: "SELECT added FROM jobs WHERE id = ?", arguments: [job]).map(Timestamp.init(milliseconds:))
    }

    static func scanning(_ db: Database) throws -> [Int64] {
        try Int64.fetchAll(db, sql: "SELECT id FROM jobs WHERE isScanning = 1 ORDER BY id")
    }

    /// - Returns: where an interrupted scan goes on. One that wrote no place down begins again: rows it made stay, what it refused is found
    ///   again.
    static func resumeScan(_ db: Database, job: Int64) throws -> ScanPlace {
        let place = try scanPlace(db, job: job)
        if place == ScanPlace() {
            try db.execute(sql: "DELETE FROM refused WHERE job = ?", arguments: [job])
            try db.execute(sql: "UPDATE jobs SET refusedCount = 0, skipped = NULL WHERE id = ?", arguments: [job])
        }
        return place
    }

    static func scanPlace(_ db: Database, job: Int64) throws -> ScanPlace {
        let row = try Row.fetchOne(db, sql: "SELECT scanSource, scanPlace FROM jobs WHERE id = ?", arguments: [job])
        return ScanPlace(source: row?[0] ?? 0, path: (row?[1] as Data?).map(Array.init) ?? [])
    }

    /// One batch of a scan, and where it goes on.
    ///
    /// - Parameter holding: why the rows cannot start.
    /// - Returns: the rows' priority; `nil` when a person has ended the scan: then nothing of the batch is wanted.
    @discardableResult
    static func add(_ db: Database, _ batch: ScanBatch, job: Int64, holding: StoredError?) throws -> Priority? {
        let isWanted = try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT isScanning FROM jobs WHERE id = ?"), arguments: [job])
        guard isWanted == true else { return nil }
        var rows = batch.rows
        let obeyed = obey(try scanOrders(db, job: job), &rows)
        let first = try nextID(db, if: !obeyed.isEmpty)
        if let holding {
            for index in rows.indices where rows[index].state == .queued {
                (rows[index].state, rows[index].held, rows[index].error) = (.held, .credentials, holding)
            }
        }
        try addRows(db, job: job, rows, refused: batch.refused)
        if let first { try note(obeyed, job: job, from: first, db) }
        if !batch.skipped.isEmpty {
            let skipped = try skipped(db, job: job).merging(batch.skipped.map { ($0.key.rawValue, $0.value) }, uniquingKeysWith: +)
            try db.execute(sql: "UPDATE jobs SET skipped = ? WHERE id = ?", arguments: [try json(skipped), job])
        }
        try db.execute(
            sql: "UPDATE jobs SET scanSource = ?, scanPlace = ? WHERE id = ?",
            arguments: [batch.place.source, batch.place.path.isEmpty ? nil : Data(batch.place.path), job])
        if batch.isEnd { try endScan(db, job: job) }
        return rows.first?.priority ?? .normal
    }

    private static func skipped(_ db: Database, job: Int64) throws -> [String: Int] {
        let text = try String.fetchOne(db, sql: "SELECT skipped FROM jobs WHERE id = ?", arguments: [job])
        return text.flatMap { try? JSONDecoder().decode([String: Int].self, from: Data($0.utf8)) } ?? [:]
    }

    static func endScan(_ db: Database, job: Int64) throws {
        try db.execute(sql: "UPDATE jobs SET isScanning = 0 WHERE id = ?", arguments: [job])
        try db.execute(sql: "DELETE FROM scanOrders WHERE job = ?", arguments: [job])
    }

    static func addRows(_ db: Database, job: Int64, _ rows: [UploadRow], refused: [JobView.Refused]) throws {
        var refused = refused
        let hasRenamed = try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM renamed WHERE job = ?)", arguments: [job]) ?? false
        let new = hasRenamed ? try rows.filter { try !isRenamed(db, $0) } : rows
        if let firstID = try nextID(db, if: !new.isEmpty) {
            try db.execute(sql: "UPDATE jobs SET firstRow = ? WHERE id = ? AND firstRow IS NULL", arguments: [firstID, job])
        }
        for row in try insert(db, new) {
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

    /// The id that the next new row gets at least.
    private static func nextID(_ db: Database, if isWanted: Bool) throws -> Int64? {
        guard isWanted else { return nil }
        return try Int64.fetchOne(db, sql: "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'uploads'), 0) + 1")
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
        var skipped: [String: Int]
    }

    /// Ids that a job's view shows.
    private static let shownIDs = 1_000
    /// Above so many uploads they are read in the order of ids from the job's first on; below, they are found by their job and sorted.
    private static let manyUploads = 10_000

    /// - Parameter withUploads: the first ids too; whoever only follows its counts asks often and needs none.
    static func jobState(_ db: Database, id: Int64, withUploads: Bool = true) throws -> JobState? {
        guard let row = try Row.fetchOne(db, sql: "SELECT isScanning, COALESCE(firstRow, 0) FROM jobs WHERE id = ?", arguments: [id]) else {
            return nil
        }
        let (isScanning, first): (Bool, Int64) = (row[0], row[1])
        let counts = try counts(db, job: id)
        let isLarge = counts.values.reduce(0) { $0 + $1.uploads } > manyUploads
        let uploads = isLarge ? "+job = ? AND id >= \(first)" : "job = ?"
        let refused = try Row.fetchAll(db, sql: "SELECT path, reason FROM refused WHERE job = ? ORDER BY path", arguments: [id])
        return JobState(
            isScanning: isScanning,
            uploads: withUploads
                ? try Int64.fetchAll(
                    db, sql: "SELECT id FROM uploads WHERE \(uploads) ORDER BY id LIMIT \(shownIDs)", arguments: [id]) : [],
            refused: refused.map { JobView.Refused(path: $0[0], reason: $0[1]) }, counts: counts, skipped: try skipped(db, job: id))
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
