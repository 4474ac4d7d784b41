import Contracts
import FoundationEssentials
import GRDB
import OSSProtocol
import Platform
import TransferCore

/// Orders whose scans an action speaks of: it is meant for what they are yet to find, too.
enum ScanScope: Sendable, Equatable {
    case all
    case jobs([Int64])

    /// - Returns: `nil` where uploads are chosen by something else than the order they belong to.
    init?(_ request: ActionRequest, _ plan: QueryPlan, isWholeQueue: Bool) {
        if isWholeQueue {
            self = .all
            return
        }
        guard request.ids?.isEmpty ?? true, plan.isExact, let jobs = plan.jobs, let query = request.query else { return nil }
        let terms = query.split(separator: " ").filter { !$0.hasPrefix("sort:") }
        guard terms.count == 1, terms[0].lowercased().hasPrefix("job:") else { return nil }
        self = .jobs(jobs)
    }
}

/// What a person ordered for all of a job while it was being read. Rows found afterwards get it as if they had been there, and so does
/// whoever takes the edit back.
struct ScanOrder: Sendable, Equatable {
    var edit: Int64
    var paused: Bool?
    var priority: Priority?

    /// What it makes of a row that waits.
    func apply(to row: inout UploadRow) {
        switch paused {
        case true? where row.state == .queued || row.state == .held: (row.state, row.held, row.nextTry) = (.paused, nil, nil)
        case false? where row.state == .paused || row.state == .held: (row.state, row.held, row.nextTry) = (.queued, nil, nil)
        default: break
        }
        if let priority { row.priority = priority }
    }
}

extension RowAction {
    /// Cancel and abort end the scans; what else they can do to rows is kept for those still to come.
    func order(_ scope: ScanScope, _ db: Database, _ outcome: inout Outcome) throws {
        let reading = try QueueStore.scanning(db, scope)
        guard !reading.isEmpty else { return }
        switch kind {
        case .queue(.cancel), .queue(.abort):
            (outcome.scans, outcome.endedScans) = (reading.count, isDryRun ? [] : reading)
            guard !isDryRun else { return }
            for job in reading { try QueueStore.cancelScan(db, job: job) }
        case .queue(.pause): try note(reading, ScanOrder(edit: 0, paused: true), db, &outcome)
        case .queue(.resume): try note(reading, ScanOrder(edit: 0, paused: false), db, &outcome)
        case .priority(let priority): try note(reading, ScanOrder(edit: 0, priority: priority), db, &outcome)
        default: break
        }
    }

    private func note(_ reading: [Int64], _ order: ScanOrder, _ db: Database, _ outcome: inout Outcome) throws {
        for job in reading {
            let now = try QueueStore.rowNow(db, job: job)
            var row = now
            order.apply(to: &row)
            // Those to come will be so anyway.
            guard row != now else { continue }
            outcome.scans += 1
            guard !isDryRun else { continue }
            try db.execute(
                sql: "INSERT OR REPLACE INTO scanOrders (job, edit, paused, priority) VALUES (?, ?, ?, ?)",
                arguments: [job, try openEdit(db, &outcome), order.paused, order.priority?.code])
        }
    }
}

extension QueueStore {
    static func scanning(_ db: Database, _ scope: ScanScope) throws -> [Int64] {
        let all = try scanning(db)
        guard case .jobs(let jobs) = scope else { return all }
        return all.filter(jobs.contains)
    }

    /// Oldest first.
    static func scanOrders(_ db: Database, job: Int64) throws -> [ScanOrder] {
        let statement = try db.cachedStatement(sql: "SELECT edit, paused, priority FROM scanOrders WHERE job = ? ORDER BY edit")
        return try Row.fetchAll(statement, arguments: [job]).map { row in
            ScanOrder(edit: row[0], paused: row[1], priority: (row[2] as Int?).map { Priority(code: $0) })
        }
    }

    /// A row as the scan would make it now.
    fileprivate static func rowNow(_ db: Database, job: Int64) throws -> UploadRow {
        let text = try String.fetchOne(db, sql: "SELECT options FROM jobs WHERE id = ?", arguments: [job]) ?? ""
        let options = try? JSONDecoder().decode(OrderOptions.self, from: Data(text.utf8))
        var row = UploadRow(
            job: job, path: "", key: "", identity: SourceIdentity(device: 0, inode: 0, size: 0, modified: 0), added: Timestamp(milliseconds: 0),
            partSize: 1)
        row.priority = options?.priority ?? .normal
        if options?.paused == true { row.state = .paused } else if options?.at != nil { (row.state, row.held) = (.held, .schedule) }
        for order in try scanOrders(db, job: job) { order.apply(to: &row) }
        return row
    }

    /// What each of the orders changed of rows that are all alike but for what they are of.
    struct Obeyed {
        var edit: Int64
        var before: UploadRow
        var made: UploadState
    }

    static func obey(_ orders: [ScanOrder], _ rows: inout [UploadRow]) -> [Obeyed] {
        guard var first = rows.first else { return [] }
        var obeyed: [Obeyed] = []
        for order in orders {
            let before = first
            order.apply(to: &first)
            if first != before { obeyed.append(Obeyed(edit: order.edit, before: before, made: first.state)) }
        }
        if !obeyed.isEmpty { for index in rows.indices { for order in orders { order.apply(to: &rows[index]) } } }
        return obeyed
    }

    /// The edits know the rows that came after them too.
    ///
    /// - Parameter first: the rows of the job from this id on.
    static func note(_ obeyed: [Obeyed], job: Int64, from first: Int64, _ db: Database) throws {
        for change in obeyed {
            let before = change.before
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO editRows (edit, upload, state, held, priority, hidden, nextTry, made, position)
                    SELECT ?, id, ?, ?, ?, 0, ?, ?, position FROM uploads WHERE id >= ? AND +job = ?
                    """,
                arguments: [
                    change.edit, before.state.code, before.held?.rawValue, before.priority.code, before.nextTry?.milliseconds,
                    change.made.code, first, job,
                ])
        }
    }

    /// What was found is queued, and a person wants no more of it.
    fileprivate static func cancelScan(_ db: Database, job: Int64) throws {
        let dest = try String.fetchOne(db, sql: "SELECT dest FROM jobs WHERE id = ?", arguments: [job]) ?? ""
        let reason = "cancelled while it was being read: the rest of it was not queued"
        try addRows(db, job: job, [], refused: [JobView.Refused(path: dest, reason: reason)])
        try endScan(db, job: job)
    }
}
