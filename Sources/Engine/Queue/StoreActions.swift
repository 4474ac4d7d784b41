import Contracts
import GRDB
import OSSProtocol
import TransferCore

/// What a person ordered, over rows that do not run. One transaction: what was selected is what is changed.
struct RowAction: Sendable {
    enum Kind: Sendable, Equatable {
        case queue(QueueAction)
        case priority(Priority)
        /// To the front or the back of its priority.
        case move(front: Bool)
    }

    var kind: Kind
    var name: String
    var by: String?
    /// `nil` with `plan`.
    var ids: [Int64]?
    var plan: QueryPlan
    /// Looked after by the loop itself.
    var running: [Int64]
    var jobs: [Int64: JobFacts]
    var isDryRun: Bool
    var at: Timestamp
    var machine: QueueMachine
    /// Orders that it means with what is not found of them yet.
    var scans: ScanScope?
    /// Runs that this action stops: id, state now, state it will have.
    var runs: [(id: Int64, before: UploadState, made: UploadState)] = []

    struct Outcome: Sendable {
        var matched = 0
        var changed = 0
        var items: [ActionResult.Item] = []
        var edit: Int64?
        var abortsSomething = false
        /// Of a dry run; `nil` once it was too much to add up.
        var sums: (bytes: Int64, stored: Int64)? = (0, 0)
        /// Orders still being read that it means too.
        var scans = 0
        /// Those of them that are read no further.
        var endedScans: [Int64] = []
    }

    /// Adding up a million rows takes longer than anybody waits for a question.
    private static let mostSummed = 100_000

    static let mostItems = 1_000

    func perform(_ db: Database) throws -> Outcome {
        try select(db)
        var outcome = Outcome()
        for state in UploadState.allCases where state.isKept {
            for hasUploadID in [false, true] { try group(db, state, hasUploadID, &outcome) }
        }
        if let scans { try order(scans, db, &outcome) }
        if !isDryRun, !runs.isEmpty {
            let edit = try openEdit(db, &outcome)
            for run in runs {
                try db.execute(
                    sql: """
                        INSERT OR REPLACE INTO editRows (edit, upload, state, held, priority, hidden, nextTry, made)
                        SELECT ?, id, ?, NULL, priority, hidden, NULL, ? FROM uploads WHERE id = ?
                        """, arguments: [edit, run.before.code, run.made.code, run.id])
            }
            if case .priority(let priority) = kind {
                try db.execute(sql: "UPDATE uploads SET priority = \(priority.code) WHERE id IN (\(QueueStore.list(runs.map(\.id))))")
            }
        }
        return outcome
    }

    private func select(_ db: Database) throws {
        try db.execute(
            sql: "CREATE TEMP TABLE IF NOT EXISTS selected (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, hasUploadID INTEGER NOT NULL)")
        try db.execute(sql: "DELETE FROM temp.selected")
        let insert =
            "INSERT OR IGNORE INTO temp.selected (id, state, hasUploadID) SELECT id, state, uploadID IS NOT NULL OR initiateSent IS NOT NULL FROM uploads WHERE hidden = 0"
        let others = "id NOT IN (\(QueueStore.list(running)))"
        if let ids {
            for start in stride(from: 0, to: ids.count, by: 1_000) {
                try db.execute(
                    sql: "\(insert) AND \(others) AND id IN (\(QueueStore.list(Array(ids[start..<min(start + 1_000, ids.count)]))))")
            }
        } else if plan.isExact {
            try db.execute(sql: "\(insert) AND \(others) AND \(plan.condition)", arguments: StatementArguments(plan.arguments))
        } else if let query = plan.query {
            var lookup = JobLookup(jobs)
            var matching: [Int64] = []
            let sql = "SELECT \(UploadRow.columns) FROM uploads WHERE hidden = 0 AND \(others) AND \(plan.condition)"
            let rows = try Row.fetchCursor(db, sql: sql, arguments: StatementArguments(plan.arguments))
            while let row = try rows.next().map(UploadRow.init) {
                if query.matches(row.facts(try lookup.job(row.job, db), now: at)) { matching.append(row.id) }
            }
            for start in stride(from: 0, to: matching.count, by: 1_000) {
                try db.execute(sql: "\(insert) AND id IN (\(QueueStore.list(Array(matching[start..<min(start + 1_000, matching.count)]))))")
            }
        }
    }

    private func group(_ db: Database, _ state: UploadState, _ hasUploadID: Bool, _ outcome: inout Outcome) throws {
        let group = "id IN (SELECT id FROM temp.selected WHERE state = \(state.code) AND hasUploadID = \(hasUploadID ? 1 : 0))"
        let count =
            try Int.fetchOne(
                db, sql: "SELECT COUNT(*) FROM temp.selected WHERE state = \(state.code) AND hasUploadID = \(hasUploadID ? 1 : 0)") ?? 0
        guard count > 0 else { return }
        outcome.matched += count
        let decision = decide(state, hasUploadID)
        let (made, reason): (UploadState, String?) =
            switch decision {
            case .change(let change): (change.made, nil)
            case .leave(let reason): (state, reason)
            }
        let room = RowAction.mostItems - outcome.items.count
        if room > 0 {
            let ids = try Int64.fetchAll(
                db, sql: "SELECT id FROM temp.selected WHERE state = \(state.code) AND hasUploadID = \(hasUploadID ? 1 : 0) LIMIT \(room)")
            outcome.items += ids.map { ActionResult.Item(id: UploadID.text($0), state: made, changed: reason == nil, reason: reason) }
        }
        guard case .change(let change) = decision else { return }
        outcome.changed += count
        guard !isDryRun else { return try sum(db, group, &outcome) }
        let edit = try openEdit(db, &outcome)
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO editRows (edit, upload, state, held, priority, hidden, nextTry, made, position, error)
                SELECT ?, id, state, held, priority, hidden, nextTry, ?, position, error FROM uploads WHERE \(group)
                """, arguments: [edit, made.code])
        if change.givesUp {
            outcome.abortsSomething = true
            try QueueStore.loseInitiates(db, ofRows: group, at: at)
            try db.execute(sql: "UPDATE ledger SET upload = NULL WHERE upload IN (SELECT id FROM uploads WHERE \(group))")
            try db.execute(sql: "DELETE FROM parts WHERE upload IN (SELECT id FROM uploads WHERE \(group))")
        }
        if case .move(let front) = kind { try place(db, group, state, front: front) }
        try db.execute(sql: "UPDATE uploads SET \(change.sql) WHERE \(group)", arguments: change.arguments)
    }

    private func sum(_ db: Database, _ group: String, _ outcome: inout Outcome) throws {
        guard let sums = outcome.sums, outcome.changed <= RowAction.mostSummed else {
            outcome.sums = nil
            return
        }
        let row = try Row.fetchOne(db, sql: "SELECT COALESCE(SUM(MAX(size, 0)), 0), COALESCE(SUM(stored), 0) FROM uploads WHERE \(group)")
        let (bytes, stored) = row.map { ($0[0] as Int64, $0[1] as Int64) } ?? (0, 0)
        outcome.sums = (sums.bytes + bytes, sums.stored + stored)
    }

    /// Where the rows of the group go: as a block that keeps its order. Decided for all of them before any is moved.
    private func place(_ db: Database, _ group: String, _ state: UploadState, front: Bool) throws {
        try db.execute(sql: "CREATE TEMP TABLE IF NOT EXISTS places (id INTEGER PRIMARY KEY, place INTEGER NOT NULL)")
        try db.execute(sql: "DELETE FROM temp.places")
        for priority in [Priority.high, .normal, .low] {
            let edge = "FROM uploads WHERE hidden = 0 AND state = \(state.code) AND priority = \(priority.code)"
            let place =
                front
                ? "(SELECT COALESCE(MIN(position), 0) \(edge)) - ROW_NUMBER() OVER (ORDER BY position DESC, id DESC)"
                : "(SELECT COALESCE(MAX(position), 0) \(edge)) + ROW_NUMBER() OVER (ORDER BY position, id)"
            try db.execute(
                sql:
                    "INSERT INTO temp.places (id, place) SELECT id, \(place) FROM uploads WHERE \(group) AND priority = \(priority.code)")
        }
    }

    func openEdit(_ db: Database, _ outcome: inout Outcome) throws -> Int64 {
        if let edit = outcome.edit { return edit }
        try db.execute(sql: "INSERT INTO edits (at, action, by) VALUES (?, ?, ?)", arguments: [at.milliseconds, name, by])
        let edit = db.lastInsertedRowID
        outcome.edit = edit
        return edit
    }

    // MARK: - What becomes of a row

    private struct RowChange {
        var sql: String
        var arguments: StatementArguments
        var made: UploadState
        /// What the server has of it is aborted in the background.
        var givesUp = false
    }

    private enum Decision {
        case change(RowChange)
        case leave(String)
    }

    private static let fresh = "uploadID = NULL, phase = 'fresh', stored = 0, partsStored = 0, completeSent = 0, initiateSent = NULL"

    private func decide(_ state: UploadState, _ hasUploadID: Bool) -> Decision {
        switch kind {
        case .priority(let priority):
            guard !state.isEnded else { return .leave("had already finished") }
            return .change(RowChange(sql: "priority = ?", arguments: [priority.code], made: state))
        case .move:
            guard !state.isEnded else { return .leave("had already finished") }
            return .change(
                RowChange(sql: "position = (SELECT place FROM temp.places p WHERE p.id = uploads.id)", arguments: [], made: state))
        case .queue(let action):
            // A row that does not run is what its state says; the queue machine knows what may become of it.
            let facts = QueueFacts(state: QueueState(rawValue: state.rawValue) ?? .queued, isRunning: false, hasUploadID: hasUploadID)
            return decide(machine.decide(action, facts, at: at), action, state)
        }
    }

    private func decide(_ decision: QueueDecision, _ action: QueueAction, _ state: UploadState) -> Decision {
        switch decision {
        case .move(let new):
            let made = UploadState(rawValue: new.rawValue) ?? state
            // A kill came before its abort was through, and now it is wanted after all: the server says what it still has.
            let error = action == .retry ? ", error = NULL, phase = CASE phase WHEN 'aborting' THEN 'sending' ELSE phase END" : ""
            return .change(
                RowChange(
                    sql: "state = ?, held = NULL, nextTry = NULL, finished = ?\(error)",
                    arguments: [made.code, made.isEnded ? at.milliseconds : nil], made: made))
        case .runAbort:
            return .change(
                RowChange(
                    sql: "state = \(UploadState.cancelled.code), held = NULL, nextTry = NULL, finished = ?, \(RowAction.fresh)",
                    arguments: [at.milliseconds], made: .cancelled, givesUp: true))
        case .remove(let abortFirst):
            return .change(
                RowChange(sql: "hidden = 1" + (abortFirst ? ", \(RowAction.fresh)" : ""), arguments: [], made: state, givesUp: abortFirst))
        case .order: return .leave("runs already")
        case .unchanged(let reason), .refuse(let reason): return .leave(reason)
        }
    }
}

/// Taking an edit back.
extension QueueStore {
    /// Edits that can be taken back.
    static let mostEdits = 20

    struct Undone: Sendable {
        var matched = 0
        var changed = 0
        var items: [ActionResult.Item] = []
        var action = ""
        /// It was the pause of the whole queue.
        var endsPause = false
        /// Rows that run: the loop pauses those whose resumption is taken back.
        var running: [Int64] = []
        /// What priority rows have again, for those of them that run.
        var priorities: [Int64: Priority] = [:]
    }

    /// - Parameter edit: `nil` for the newest.
    static func undo(_ db: Database, edit: Int64?, running: [Int64], at: Timestamp, keepCancelled: Duration) throws -> Undone? {
        let found =
            try edit.map { try Row.fetchOne(db, sql: "SELECT id, action FROM edits WHERE isUndone = 0 AND id = ?", arguments: [$0]) }
            ?? Row.fetchOne(db, sql: "SELECT id, action FROM edits WHERE isUndone = 0 ORDER BY id DESC LIMIT 1")
        guard let found else { return nil }
        let id: Int64 = found[0]
        var undone = Undone()
        undone.action = found[1]
        guard undone.action != "abort" else { return undone }
        let pause = try setting(db, "queuePaused").flatMap { Int64($0) }
        undone.endsPause = undone.action == "pause" && pause == id
        if undone.endsPause { try set(db, "queuePaused", nil) }
        let taking = UndoneEdit(id: id, action: undone.action, running: running, at: at, keepCancelled: keepCancelled)
        try taking.take(back: &undone, db)
        try db.execute(sql: "DELETE FROM scanOrders WHERE edit = ?", arguments: [id])
        try db.execute(sql: "UPDATE edits SET isUndone = 1 WHERE id = ?", arguments: [id])
        return undone
    }
}
