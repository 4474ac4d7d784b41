import Contracts
import GRDB
import OSSProtocol
import TransferCore

/// Rows that wait for something outside. The job of each row is looked up by its id: there may be as many jobs as rows.
extension QueueStore {
    /// Who could find out whether a gate can be opened.
    enum AtGate: Sendable {
        case row(UploadRow, JobFacts)
        /// Only rows that another closed gate keeps back.
        case behindAnother
        case none
    }

    /// The first that is held, else the first that would be; one that another gate keeps back only where there is no other.
    ///
    /// Credentials are tried at an endpoint that answers. The other way round, an endpoint may be tried by an upload without credentials:
    /// where both are away, one of the two has to begin.
    static func firstAtGate(
        _ db: Database, _ place: Gate.Place, excluding running: [Int64], closedScopes: [String], closedEndpoints: [String]
    ) throws -> AtGate {
        let (column, value, other, closed, mayPass) =
            switch place {
            case .scope(let scope): ("scope", scope, "endpoint", closedEndpoints, false)
            case .endpoint(let endpoint): ("endpoint", endpoint, "scope", closedScopes, true)
            }
        if let row = try first(db, column, value, except: (other, closed), running) {
            guard let job = try job(db, id: row.job) else { return .behindAnother }
            return .row(row, job)
        }
        guard !closed.isEmpty, let row = try first(db, column, value, except: (other, []), running) else { return .none }
        guard mayPass, let job = try job(db, id: row.job) else { return .behindAnother }
        return .row(row, job)
    }

    private static func first(
        _ db: Database, _ column: String, _ value: String, except: (column: String, values: [String]), _ running: [Int64]
    ) throws -> UploadRow? {
        let others = except.values.isEmpty ? "" : " AND j.\(except.column) NOT IN (\(marks(except.values)))"
        for state in [UploadState.held, .queued] {
            let sql = """
                SELECT \(UploadRow.columns) FROM uploads WHERE hidden = 0 AND state = \(state.code) AND COALESCE(held, '') <> 'schedule'
                  AND EXISTS (SELECT 1 FROM jobs j WHERE j.id = uploads.job AND j.\(column) = ?\(others))
                  AND id NOT IN (\(list(running))) ORDER BY hidden, state, priority, position LIMIT 1
                """
            let found = try Row.fetchOne(db, sql: sql, arguments: StatementArguments([value] + except.values))
            if let found { return UploadRow(found) }
        }
        return nil
    }

    /// Queued rows of a scope become held. They have no time of their own: the gate's is theirs.
    ///
    /// - Returns: how many; `limit` when there may be more.
    static func hold(_ db: Database, scope: String, error: StoredError, excluding running: [Int64], limit: Int) throws -> Int {
        try db.execute(
            sql: """
                UPDATE uploads SET state = \(UploadState.held.code), held = ?, nextTry = NULL, error = ? WHERE id IN (
                  SELECT id FROM uploads WHERE hidden = 0 AND state = \(UploadState.queued.code)
                    AND EXISTS (SELECT 1 FROM jobs j WHERE j.id = uploads.job AND j.scope = ?) AND id NOT IN (\(list(running)))
                  LIMIT \(limit))
                """, arguments: [HeldReason.credentials.rawValue, try error.json, scope])
        return db.changesCount
    }

    /// - Parameter running: they write their own state.
    /// - Returns: how many; `limit` when there may be more.
    static func release(_ db: Database, _ place: Gate.Place, held: HeldReason, excluding running: [Int64], limit: Int) throws -> Int {
        let (column, value) =
            switch place {
            case .scope(let scope): ("scope", scope)
            case .endpoint(let endpoint): ("endpoint", endpoint)
            }
        try db.execute(
            sql: """
                UPDATE uploads SET state = \(UploadState.queued.code), held = NULL, nextTry = NULL WHERE id IN (
                  SELECT id FROM uploads WHERE hidden = 0 AND state = \(UploadState.held.code) AND held = ?
                    AND EXISTS (SELECT 1 FROM jobs j WHERE j.id = uploads.job AND j.\(column) = ?) AND id NOT IN (\(list(running)))
                  ORDER BY hidden, state, priority, position LIMIT \(limit))
                """, arguments: [held.rawValue, value])
        return db.changesCount
    }

    /// Held rows whose own time has come go back into the queue. What waits at a gate goes on when that is opened, not before.
    ///
    /// - Parameter wall: for what a person set a time for; `latest` of both clocks for what the engine did.
    static func due(
        excluding running: [Int64], wall: Timestamp, latest: Timestamp, closedScopes: [String], closedEndpoints: [String]
    ) -> (condition: String, arguments: StatementArguments) {
        let condition = """
            nextTry IS NOT NULL AND state = \(UploadState.held.code) AND nextTry <= ? AND id NOT IN (\(list(running)))
              AND CASE held WHEN 'schedule' THEN nextTry <= ? ELSE NOT EXISTS (
                SELECT 1 FROM jobs j WHERE j.id = uploads.job
                  AND (j.endpoint IN (\(marks(closedEndpoints))) OR j.scope IN (\(marks(closedScopes))))) END
            """
        return (
            condition,
            StatementArguments([latest.milliseconds, wall.milliseconds]) + StatementArguments(closedEndpoints + closedScopes)
        )
    }

    private static func marks(_ values: [String]) -> String { values.map { _ in "?" }.joined(separator: ",") }
}
