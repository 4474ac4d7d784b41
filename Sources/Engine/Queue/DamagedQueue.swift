import GRDB

/// A damaged queue, read with care: what SQLite cannot give is passed over, what it gives is looked at before it is believed.
struct DamagedQueue {
    private let connection: DatabaseQueue

    /// For reading only: the file stays as it is.
    init(path: String) throws {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.label = "davit.damaged"
        configuration.prepareDatabase { db in
            // Damage is found in the cell and not by what it leads to.
            try db.execute(sql: "PRAGMA cell_size_check = ON")
            db.add(collation: QueueStore.naturalOrder)
        }
        connection = try DatabaseQueue(path: path, configuration: configuration)
    }

    func close() { try? connection.close() }

    /// Tables by name, with their columns; empty where not even that can be read.
    func tables() -> [String: [String]] {
        let found = try? connection.read { db in
            let names = try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'table'")
            return try names.map { name in (name, try db.columns(in: name).map(\.name)) }
        }
        return Dictionary((found ?? []).map { ($0.0, $0.1) }, uniquingKeysWith: { $1 })
    }

    /// The numbers of one question; `nil` where it cannot be answered.
    func numbers(_ sql: String) -> [[Int64]]? {
        try? connection.read { db in
            try Row.fetchAll(db, sql: sql).compactMap { row -> [Int64]? in
                let values = Array(row.databaseValues).compactMap { Int64.fromDatabaseValue($0) }
                return values.count == row.count ? values : nil
            }
        }
    }

    /// What cannot be read of a table with row ids, as how many stretches of it.
    ///
    /// - Parameter take: gets the values of `columns`, some hundred rows at a time.
    func walk(_ table: String, _ columns: [String], _ take: ([[DatabaseValue]]) throws -> Void) rethrows -> Int {
        let list = columns.map(\.quotedDatabaseIdentifier).joined(separator: ", ")
        let sql = "SELECT rowid, \(list) FROM \(table.quotedDatabaseIdentifier) WHERE rowid > ? ORDER BY rowid LIMIT ?"
        var (after, limit, stretches) = (Int64(0), Self.page, 0)
        while true {
            guard let rows = try? connection.read({ db in try Row.fetchAll(db, sql: sql, arguments: [after, limit]) }) else {
                if limit > 1 {
                    limit = max(limit / 8, 1)
                    continue
                }
                stretches += 1
                guard stretches < Self.mostStretches, let next = firstReadable(table, after: after) else { return stretches }
                after = next
                continue
            }
            guard let last = rows.last, let id = Int64.fromDatabaseValue(last.databaseValues[last.databaseValues.startIndex]), id > after else {
                return stretches
            }
            try take(rows.map { Array($0.databaseValues.dropFirst()) })
            after = id
            limit = min(limit * 2, Self.page)
        }
    }

    /// Past the rows that cannot be read: how far it is is found by doubling, then by halving.
    private func firstReadable(_ table: String, after: Int64) -> Int64? {
        let sql = "SELECT rowid FROM \(table.quotedDatabaseIdentifier) WHERE rowid > ? ORDER BY rowid LIMIT 1"
        func isReadable(_ place: Int64) -> Bool {
            (try? connection.read { db in try Row.fetchOne(db, sql: sql, arguments: [place]) }) != nil
                || (try? connection.read { db in try Row.fetchOne(db, sql: sql, arguments: [place]) == nil }) == true
        }
        var (bad, step) = (after, Int64(1))
        while !isReadable(after + step) {
            bad = after + step
            step *= 2
            guard step < 1 << 50 else { return nil }
        }
        var good = after + step
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2
            if isReadable(middle) { good = middle } else { bad = middle }
        }
        return good
    }

    /// The same for a table that is ordered by its key: from both ends up to what cannot be read.
    func walk(_ table: String, _ columns: [String], key: [String], _ take: ([[DatabaseValue]]) throws -> Void) rethrows -> Int {
        let list = columns.map(\.quotedDatabaseIdentifier).joined(separator: ", ")
        var isCut = false
        for direction in ["ASC", "DESC"] {
            let order = key.map { "\($0.quotedDatabaseIdentifier) \(direction)" }.joined(separator: ", ")
            let sql = "SELECT \(list) FROM \(table.quotedDatabaseIdentifier) ORDER BY \(order)"
            // A cursor gives what comes before the damage.
            var rows: [[DatabaseValue]] = []
            let isWhole = try? connection.read { db in
                let cursor = try Row.fetchCursor(db, sql: sql)
                while let row = try cursor.next() { rows.append(Array(row.databaseValues)) }
                return true
            }
            try take(rows)
            if isWhole == true { break }
            isCut = true
        }
        return isCut ? 1 : 0
    }

    /// Rows of a stretch that was cut off, by the number that leads their key.
    func rows(_ table: String, _ columns: [String], where column: String, is number: Int64) -> [[DatabaseValue]] {
        let list = columns.map(\.quotedDatabaseIdentifier).joined(separator: ", ")
        let sql = "SELECT \(list) FROM \(table.quotedDatabaseIdentifier) WHERE \(column.quotedDatabaseIdentifier) = ?"
        return (try? connection.read { db in try Row.fetchAll(db, sql: sql, arguments: [number]).map { Array($0.databaseValues) } }) ?? []
    }

    private static let page = 500
    private static let mostStretches = 100_000
}
