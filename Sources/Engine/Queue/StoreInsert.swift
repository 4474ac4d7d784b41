import Contracts
import GRDB
import OSSProtocol

/// New rows, many at once.
extension QueueStore {
    /// Rows of one statement: it costs a tenth of a statement for each.
    private static let rowsOfStatement = 100

    /// What is inserted is added to `counts` here, a statement for all of them.
    ///
    /// - Returns: those whose key their job holds already; they were not inserted.
    static func insert(_ db: Database, _ rows: [UploadRow]) throws -> [UploadRow] {
        var known: [UploadRow] = []
        var start = 0
        try countingTogether(db, rows.count) {
            while start < rows.count {
                var end = start + 1
                while end < rows.count, rows[end].isAlike(rows[start]) { end += 1 }
                known += try insert(db, alike: rows[start..<end])
                start = end
            }
        }
        return known
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
            // By index: a copy of each row would show.
            for index in some.indices {
                if isNew?[index - some.startIndex] ?? true {
                    count += 1
                    bytes.addSaturating(some[index].size)
                } else {
                    known.append(some[index])
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
        for index in rows.indices {
            add(rows[index].path)
            add(rows[index].key)
        }
        // Empty texts have a place too.
        bytes.append(0)
        try bytes.withUnsafeBytes { texts in
            guard let start = texts.baseAddress else { return }
            try statement.run(at: start) { values in
                values.add(held)
                values.add(error)
                var (start, place) = (0, 0)
                for index in rows.indices {
                    values.add(textAt: start..<ends[place])
                    values.add(textAt: ends[place]..<ends[place + 1])
                    (start, place) = (ends[place + 1], place + 2)
                    let identity = rows[index].identity
                    values.add(identity.size)
                    values.add(Int64(bitPattern: identity.device))
                    values.add(Int64(bitPattern: identity.inode))
                    values.add(identity.modified)
                    values.add(rows[index].partSize)
                    values.add(identity.changed)
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
