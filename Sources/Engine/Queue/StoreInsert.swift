import Contracts
import GRDB
import OSSProtocol

/// New rows, many at once.
extension QueueStore {
    /// What is inserted is added to `counts` here, a statement for all of them: a trigger for each row took as long as the row itself.
    ///
    /// - Returns: those whose key their job holds already; they were not inserted.
    static func insert(_ db: Database, _ rows: [UploadRow]) throws -> [UploadRow] {
        var known: [UploadRow] = []
        var start = 0
        try db.cachedStatement(sql: "INSERT INTO countedTogether (one) VALUES (1)").execute()
        while start < rows.count {
            var end = start + 1
            while end < rows.count, rows[end].isAlike(rows[start]) { end += 1 }
            known += try insert(db, alike: rows[start..<end])
            start = end
        }
        try db.cachedStatement(sql: "DELETE FROM countedTogether").execute()
        return known
    }

    /// What is the same for all of them is part of the statement: a scan's rows differ in path, key and identity alone.
    private static func insert(_ db: Database, alike rows: ArraySlice<UploadRow>) throws -> [UploadRow] {
        guard let first = rows.first else { return [] }
        // The highest place in it: new rows come last.
        let place = try Int64.fetchOne(
            db,
            sql: "SELECT MAX(position) FROM uploads WHERE hidden = 0 AND state = \(first.state.code) AND priority = \(first.priority.code)")
        let nextTry = first.nextTry.map { String($0.milliseconds) } ?? "NULL"
        let statement = try db.makeStatement(
            sql: """
                INSERT OR IGNORE INTO uploads (job, path, key, size, device, inode, modified, state, held, priority, added, nextTry, partSize,
                  error, position, changed)
                VALUES (\(first.job), ?1, ?2, ?3, ?4, ?5, ?6, \(first.state.code), ?9, \(first.priority.code), \(first.added.milliseconds),
                  \(nextTry), ?7, ?10, \(max(place ?? 0, 0)), ?8)
                """)
        let (held, error) = (first.held?.rawValue, try first.error?.json)
        var known: [UploadRow] = []
        var (count, bytes) = (0, Int64(0))
        for row in rows {
            try statement.run { values in
                values.add(row.path)
                values.add(row.key)
                values.add(row.size)
                values.add(Int64(bitPattern: row.identity.device))
                values.add(Int64(bitPattern: row.identity.inode))
                values.add(row.identity.modified)
                values.add(row.partSize)
                values.add(row.identity.changed)
                values.add(held)
                values.add(error)
            }
            if db.changesCount > 0 {
                count += 1
                bytes.addSaturating(row.size)
            } else {
                known.append(row)
            }
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
}

extension UploadRow {
    /// One statement inserts both.
    fileprivate func isAlike(_ other: UploadRow) -> Bool {
        job == other.job && state == other.state && held == other.held && priority == other.priority && added == other.added
            && nextTry == other.nextTry && error == other.error
    }
}
