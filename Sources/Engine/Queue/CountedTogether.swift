import CSQLite
import GRDB

/// Changes of many rows that count them themselves.
extension QueueStore {
    /// From so many rows on the triggers are put out of the way; for fewer it takes longer to prepare the other statements anew.
    private static let manyRows = 100

    /// Runs a change that writes into `counts` what it makes of them, while no trigger does: one that only finds out that it has nothing to
    /// do takes twice as long as the row itself.
    ///
    /// - Parameter rows: how many it changes, about.
    static func countingTogether(_ db: Database, _ rows: Int, _ change: () throws -> Void) throws {
        if rows >= manyRows, let connection = db.sqliteConnection, dsqlite_run_triggers(connection, 0) == 0 {
            defer { _ = dsqlite_run_triggers(connection, 1) }
            return try change()
        }
        try db.cachedStatement(sql: "INSERT INTO countedTogether (one) VALUES (1)").run()
        try change()
        try db.cachedStatement(sql: "DELETE FROM countedTogether").run()
    }
}
