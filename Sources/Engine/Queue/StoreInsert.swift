import CSQLite
import Contracts
import GRDB
import OSSProtocol

/// New rows, many at once.
extension QueueStore {
    /// Rows of one statement: it costs a tenth of a statement for each.
    private static let rowsOfStatement = 100
    /// From so many rows on the triggers are put out of the way; for fewer it takes longer to prepare the other statements anew.
    private static let manyRows = 200

    /// What is inserted is added to `counts` here, a statement for all of them: a trigger for each row takes three times as long as the row
    /// itself, even one that does nothing.
    ///
    /// - Returns: those whose key their job holds already; they were not inserted.
    static func insert(_ db: Database, _ rows: [UploadRow]) throws -> [UploadRow] {
        var known: [UploadRow] = []
        var start = 0
        try withoutCounting(db, isMany: rows.count >= manyRows) {
            while start < rows.count {
                var end = start + 1
                while end < rows.count, rows[end].isAlike(rows[start]) { end += 1 }
                known += try insert(db, alike: rows[start..<end])
                start = end
            }
        }
        return known
    }

    /// - Parameter insert: counts what it inserts itself.
    private static func withoutCounting(_ db: Database, isMany: Bool, _ insert: () throws -> Void) throws {
        if isMany, let connection = db.sqliteConnection, dsqlite_run_triggers(connection, 0) == 0 {
            defer { _ = dsqlite_run_triggers(connection, 1) }
            return try insert()
        }
        try db.cachedStatement(sql: "INSERT INTO countedTogether (one) VALUES (1)").execute()
        try insert()
        try db.cachedStatement(sql: "DELETE FROM countedTogether").execute()
    }

    private static func insert(_ db: Database, alike rows: ArraySlice<UploadRow>) throws -> [UploadRow] {
        guard let first = rows.first else { return [] }
        // The highest place in it: new rows come last.
        let place = try Int64.fetchOne(
            db,
            sql: "SELECT MAX(position) FROM uploads WHERE hidden = 0 AND state = \(first.state.code) AND priority = \(first.priority.code)")
        var lastID = try Int64.fetchOne(db.cachedStatement(sql: "SELECT COALESCE(MAX(id), 0) FROM uploads")) ?? 0
        var statement = try insertion(db, of: min(rows.count, rowsOfStatement), like: first, place: max(place ?? 0, 0))
        let error = try first.error?.json
        var known: [UploadRow] = []
        var (count, bytes) = (0, Int64(0))
        var texts = RowTexts()
        var start = rows.startIndex
        while start < rows.endIndex {
            let some = rows[start..<min(start + rowsOfStatement, rows.endIndex)]
            if start > rows.startIndex, some.count < rowsOfStatement {
                statement = try insertion(db, of: some.count, like: first, place: max(place ?? 0, 0))
            }
            try texts.insert(some, by: statement, held: first.held?.rawValue, error: error)
            start += some.count
            let inserted = db.changesCount
            let isNew = inserted == some.count ? nil : try new(db, of: some, after: lastID)
            for (index, row) in some.enumerated() {
                if isNew?[index] ?? true {
                    count += 1
                    bytes.addSaturating(row.size)
                } else {
                    known.append(row)
                }
            }
            if inserted > 0 { lastID = db.lastInsertedRowID }
        }
        guard count > 0 else { return known }
        for job in first.job == 0 ? [0] : [0, first.job] {
            try db.cachedStatement(
                sql: """
                    INSERT INTO counts (job, state, n, bytes, stored, resent) VALUES (?, ?, ?, ?, 0, 0)
                    ON CONFLICT (job, state) DO UPDATE SET n = n + excluded.n, bytes = bytes + excluded.bytes
                    """
            ).execute(arguments: [job, first.state.code, count, bytes])
        }
        return known
    }

    /// What is the same for all of them is part of the statement: a scan's rows differ in path, key and identity alone.
    private static func insertion(_ db: Database, of count: Int, like first: UploadRow, place: Int64) throws -> Statement {
        let nextTry = first.nextTry.map { String($0.milliseconds) } ?? "NULL"
        let row = """
            (?1, ?2, \(first.job), \(first.state.code), \(first.priority.code), \(first.added.milliseconds), \(nextTry), \(place), \
            ?, ?, ?, ?, ?, ?, ?, ?)
            """
        return try db.makeStatement(
            sql: """
                INSERT OR IGNORE INTO uploads (held, error, job, state, priority, added, nextTry, position,
                  path, key, size, device, inode, modified, partSize, changed)
                VALUES \(repeatElement(row, count: count).joined(separator: ",\n"))
                """)
    }

    /// Which of the rows that one statement was to insert it did: they have their order, behind the last that was there.
    private static func new(_ db: Database, of rows: ArraySlice<UploadRow>, after last: Int64) throws -> [Bool] {
        let keys = try String.fetchAll(db, sql: "SELECT key FROM uploads WHERE id > ? ORDER BY id", arguments: [last])
        var next = 0
        return rows.map { row in
            guard next < keys.count, keys[next].utf8.elementsEqual(row.key.utf8) else { return false }
            next += 1
            return true
        }
    }
}

/// The texts of some rows one behind the other, where a statement reads them.
private struct RowTexts {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    mutating func insert(_ rows: ArraySlice<UploadRow>, by statement: Statement, held: String?, error: String?) throws {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        for row in rows {
            add(row.path)
            add(row.key)
        }
        // Empty texts have a place too.
        bytes.append(0)
        try bytes.withUnsafeBytes { texts in
            guard let start = texts.baseAddress else { return }
            try statement.run(at: start) { values in
                values.add(held)
                values.add(error)
                var (start, index) = (0, 0)
                for row in rows {
                    values.add(textAt: start..<ends[index])
                    values.add(textAt: ends[index]..<ends[index + 1])
                    (start, index) = (ends[index + 1], index + 2)
                    values.add(row.size)
                    values.add(Int64(bitPattern: row.identity.device))
                    values.add(Int64(bitPattern: row.identity.inode))
                    values.add(row.identity.modified)
                    values.add(row.partSize)
                    values.add(row.identity.changed)
                }
            }
        }
    }

    private mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { bytes.append(contentsOf: $0) }
        ends.append(bytes.count)
    }
}

extension UploadRow {
    /// One statement inserts both.
    fileprivate func isAlike(_ other: UploadRow) -> Bool {
        job == other.job && state == other.state && held == other.held && priority == other.priority && added == other.added
            && nextTry == other.nextTry && error == other.error
    }
}
