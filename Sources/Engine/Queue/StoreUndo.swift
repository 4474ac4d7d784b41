import Contracts
import GRDB
import OSSProtocol
import TransferCore

/// An edit that is taken back: a few statements for all of its rows, however many, and those alone in memory that are shown.
struct UndoneEdit {
    let id: Int64
    let action: String
    /// Uploads that run: the loop looks after them itself.
    let running: [Int64]
    let at: Timestamp
    let keepCancelled: Duration

    private static let ended = "(3, 4, 5, 6)"

    private var isOfPlaces: Bool { ["priority", "move"].contains(action) }
    private var oldest: Int64 { (at - keepCancelled).milliseconds }
    private var runs: String { "IN (\(QueueStore.list(running)))" }

    /// What is left as it is, and why, in the order in which it is asked.
    private var obstacles: [(condition: String, reason: String)] {
        if isOfPlaces { return [("u.state IN \(Self.ended)", "had already finished")] }
        let (paused, queued, cancelled) = (UploadState.paused.code, UploadState.queued.code, UploadState.cancelled.code)
        return [
            ("u.id \(runs) AND NOT (e.state = \(paused) AND e.made = \(queued))", "runs"),
            ("u.id NOT \(runs) AND u.state <> e.made", "has changed since"),
            (
                "u.id NOT \(runs) AND e.made = \(cancelled) AND u.finished IS NOT NULL AND u.finished < \(oldest)",
                "was cancelled too long ago; retry it"
            ),
        ]
    }

    func take(back undone: inout QueueStore.Undone, _ db: Database) throws {
        let rows = "FROM editRows e JOIN uploads u ON u.id = e.upload WHERE e.edit = \(id)"
        let isFree = obstacles.map { "NOT (\($0.condition))" }.joined(separator: " AND ")
        let reason = "CASE " + obstacles.enumerated().map { "WHEN \($1.condition) THEN \($0)" }.joined(separator: " ") + " END"
        undone.matched = try Int.fetchOne(db, sql: "SELECT COUNT(*) \(rows)") ?? 0
        let shown = try Row.fetchAll(
            db, sql: "SELECT u.id, u.state, e.state, e.held, \(reason) \(rows) ORDER BY e.upload LIMIT \(RowAction.mostItems)")
        for row in shown {
            let (now, obstacle): (Int, Int?) = (row[1], row[4])
            let code = obstacle != nil || isOfPlaces ? now : state(before: row[2], held: row[3])
            undone.items.append(
                ActionResult.Item(
                    id: UploadID.text(row[0]), state: UploadState(code: code) ?? .queued, changed: obstacle == nil,
                    reason: obstacle.map { obstacles[$0].reason }))
        }
        try db.execute(sql: "CREATE TEMP TABLE IF NOT EXISTS undoing (id INTEGER PRIMARY KEY)")
        try db.execute(sql: "DELETE FROM temp.undoing")
        try db.execute(sql: "INSERT INTO temp.undoing SELECT e.upload \(rows) AND \(isFree)")
        undone.changed = db.changesCount
        if isOfPlaces { try takeBackPlaces(&undone, db) } else { try takeBackStates(&undone, db) }
    }

    /// Only its place was changed, and only that goes back, whatever became of it meanwhile.
    private func takeBackPlaces(_ undone: inout QueueStore.Undone, _ db: Database) throws {
        let priorities = try Row.fetchAll(
            db,
            sql: "SELECT upload, priority FROM editRows WHERE edit = \(id) AND upload \(runs) AND upload IN (SELECT id FROM temp.undoing)")
        for row in priorities { undone.priorities[row[0]] = Priority(code: row[1]) }
        try db.execute(
            sql: """
                UPDATE uploads SET priority = e.priority, position = COALESCE(e.position, uploads.position) FROM editRows e
                WHERE e.edit = \(id) AND e.upload = uploads.id AND uploads.id IN (SELECT id FROM temp.undoing)
                """)
    }

    private func takeBackStates(_ undone: inout QueueStore.Undone, _ db: Database) throws {
        undone.running = try Int64.fetchAll(db, sql: "SELECT id FROM temp.undoing WHERE id \(runs)")
        try db.execute(sql: "DELETE FROM temp.undoing WHERE id \(runs)")
        try QueueStore.countTogether(db, "SELECT id FROM temp.undoing") {
            // What has ended has a time, or its parts would be kept on the server for ever. A retry took it away.
            try db.execute(
                sql: """
                    UPDATE uploads SET state = IIF(\(Self.findsOut), \(UploadState.queued.code), e.state),
                      held = IIF(\(Self.findsOut), NULL, e.held), nextTry = IIF(\(Self.findsOut), NULL, e.nextTry), hidden = e.hidden,
                      finished = CASE WHEN e.state IN \(Self.ended) THEN COALESCE(finished, \(at.milliseconds)) END,
                      error = COALESCE(uploads.error, e.error)
                    FROM editRows e WHERE e.edit = \(id) AND e.upload = uploads.id AND uploads.id IN (SELECT id FROM temp.undoing)
                    """)
        }
    }

    /// What it waited for may be back since, and nobody would come to tell it: it finds out anew.
    private static let findsOut = "e.state = \(UploadState.held.code) AND e.held IS NOT '\(HeldReason.schedule.rawValue)'"

    private func state(before: Int, held: String?) -> Int {
        before == UploadState.held.code && held != HeldReason.schedule.rawValue ? UploadState.queued.code : before
    }
}

extension QueueStore {
    /// Rows that one statement changes are counted once for all: the trigger's statements for each cost more than the row itself.
    ///
    /// - Parameter ids: a SELECT of the rows that may change; their jobs stay.
    static func countTogether(_ db: Database, _ ids: String, _ change: () throws -> Void) throws {
        try count(db, ids, sign: -1)
        try db.execute(sql: "INSERT INTO countedTogether (one) VALUES (1)")
        try change()
        try db.execute(sql: "DELETE FROM countedTogether")
        try count(db, ids, sign: 1)
    }

    private static func count(_ db: Database, _ ids: String, sign: Int) throws {
        for (job, condition) in [("job", "1"), ("0", "hidden = 0")] {
            try db.execute(
                sql: """
                    INSERT INTO counts (job, state, n, bytes, stored, resent)
                    SELECT \(job), state, \(sign) * COUNT(*), \(sign) * CAST(TOTAL(size) AS INTEGER), \(sign) * CAST(TOTAL(stored) AS INTEGER),
                      \(sign) * CAST(TOTAL(resent) AS INTEGER)
                    FROM uploads WHERE id IN (\(ids)) AND \(condition) GROUP BY 1, 2
                    ON CONFLICT (job, state) DO UPDATE SET n = n + excluded.n, bytes = bytes + excluded.bytes,
                      stored = stored + excluded.stored, resent = resent + excluded.resent
                    """)
        }
    }
}
