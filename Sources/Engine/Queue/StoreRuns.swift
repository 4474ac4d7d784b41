import Contracts
import FoundationEssentials
import GRDB
import OSSProtocol
import TransferCore

/// What running uploads write and read.
extension QueueStore {
    /// The rows that may start next: by priority, and within one the first of each job, so that no job hides behind another, nor all of
    /// them behind the many jobs of a place that takes no more just now.
    ///
    /// - Parameters:
    ///   - running: by job: they stay `queued` on the disk.
    ///   - known: lanes that go on behind what was read of them before.
    ///   - limit: rows in all, those that are known included, and lanes.
    static func nextLanes(
        _ db: Database, excluding running: [Int64: [Int64]], known: [ReadyRows.Known] = [], closedScopes: [String], closedEndpoints: [String],
        limit: Int
    ) throws -> [ReadyRows.Lane] {
        let most = limit * 3 / 4
        var lanes: [String: Int] = [:]
        var looks = 0
        var found: [ReadyRows.Lane] = []
        var left = limit
        var level: [Int64] = []
        var priority = -1
        func fill() throws {
            var share = max(left / max(level.count, 1), 1)
            // What some do not need the others get.
            for (index, job) in level.enumerated() where left > 0 {
                let asked = min(share, left)
                let before = known.first { $0.job == job && $0.priority.code == priority }
                let wanted = max(asked - (before?.count ?? 0), 0)
                let rows =
                    try before.map { try nextRows(db, priority: priority, job: job, behind: $0.end, limit: wanted) }
                    ?? nextRows(db, priority: priority, job: job, excluding: running[job] ?? [], limit: wanted)
                left -= rows.count + (before?.count ?? 0)
                if index + 1 < level.count { share = max(left / (level.count - index - 1), 1) }
                found.append(
                    ReadyRows.Lane(
                        job: job, priority: Priority(code: priority), rows: rows[...], asked: asked, hasMore: rows.count == wanted,
                        end: rows.last.map { ReadyRows.Place(position: $0.position, id: $0.id) } ?? before?.end, isContinued: before != nil))
            }
            level = []
        }
        var place: (priority: Int, job: Int64) = (-1, .min)
        while left > 0, found.count + level.count < limit, looks < mostLooks, let next = try nextJob(db, after: place) {
            place = next
            if place.priority != priority {
                try fill()
                priority = place.priority
            }
            looks += 1
            guard let scope = try openScope(db, job: place.job, closedScopes, closedEndpoints), lanes[scope, default: 0] < most else { continue }
            lanes[scope, default: 0] += 1
            level.append(place.job)
        }
        try fill()
        return found
    }

    /// In two questions: asked for `(priority, job) > (?, ?)` SQLite walks over every row of that job.
    private static func nextJob(_ db: Database, after place: (priority: Int, job: Int64)) throws -> (priority: Int, job: Int64)? {
        for condition in ["priority = ? AND job > ?", "priority > ?"] {
            let statement = try db.cachedStatement(
                sql: """
                    SELECT priority, job FROM uploads INDEXED BY uploadsInTurn
                    WHERE hidden = 0 AND state = 0 AND \(condition) ORDER BY priority, job LIMIT 1
                    """)
            let arguments: StatementArguments = condition == "priority > ?" ? [place.priority] : [place.priority, place.job]
            if let row = try Row.fetchOne(statement, arguments: arguments) { return (row[0], row[1]) }
        }
        return nil
    }

    private static func nextRows(_ db: Database, priority: Int, job: Int64, excluding running: [Int64], limit: Int) throws -> [UploadRow] {
        let others = running.isEmpty ? "" : " AND id NOT IN (\(list(running)))"
        let sql = """
            SELECT \(UploadRow.columns) FROM uploads INDEXED BY uploadsInTurn
            WHERE hidden = 0 AND state = 0 AND priority = ? AND job = ?\(others) ORDER BY position, id LIMIT ?
            """
        let arguments: StatementArguments = [priority, job, limit]
        return try UploadRow.all(running.isEmpty ? db.cachedStatement(sql: sql) : db.makeStatement(sql: sql), arguments)
    }

    /// As above, two questions: those at the same place, then those at later ones.
    private static func nextRows(_ db: Database, priority: Int, job: Int64, behind end: ReadyRows.Place, limit: Int) throws -> [UploadRow] {
        var rows: [UploadRow] = []
        for condition in ["position = ? AND id > ?", "position > ?"] where rows.count < limit {
            let statement = try db.cachedStatement(
                sql: """
                    SELECT \(UploadRow.columns) FROM uploads INDEXED BY uploadsInTurn
                    WHERE hidden = 0 AND state = 0 AND priority = ? AND job = ? AND \(condition) ORDER BY position, id LIMIT ?
                    """)
            let place: StatementArguments = condition == "position > ?" ? [end.position] : [end.position, end.id]
            rows += try UploadRow.all(statement, [priority, job] + place + [limit - rows.count])
        }
        return rows
    }

    /// Jobs that are looked at for one read ahead: a look is some microseconds.
    private static let mostLooks = 4_096

    /// - Returns: the job's scope, `nil` where it or its endpoint is closed.
    private static func openScope(_ db: Database, job: Int64, _ scopes: [String], _ endpoints: [String]) throws -> String? {
        guard let row = try Row.fetchOne(db.cachedStatement(sql: "SELECT scope, endpoint FROM jobs WHERE id = ?"), arguments: [job])
        else { return nil }
        let (scope, endpoint): (String, String) = (row[0], row[1])
        return scopes.contains(scope) || endpoints.contains(endpoint) ? nil : scope
    }

    static func row(_ db: Database, id: Int64) throws -> UploadRow? {
        try Row.fetchOne(db.cachedStatement(sql: "SELECT \(UploadRow.columns) FROM uploads WHERE id = ?"), arguments: [id]).map(
            UploadRow.init)
    }

    static func parts(_ db: Database, upload: Int64) throws -> [StoredPart] {
        let statement = try db.cachedStatement(sql: "SELECT number, size, etag, crc64 FROM parts WHERE upload = ? ORDER BY number")
        return try Row.fetchAll(statement, arguments: [upload]).map { row in
            StoredPart(number: row[0], size: row[1], etag: row[2], crc64: (row[3] as Int64?).map { UInt64(bitPattern: $0) })
        }
    }

    static func write(_ changes: CheckpointChanges, upload: Int64, _ db: Database) throws {
        if changes.replacesParts {
            try db.cachedStatement(sql: "DELETE FROM parts WHERE upload = ?").execute(arguments: [upload])
        }
        guard !changes.parts.isEmpty else { return }
        let statement = try db.cachedStatement(
            sql: "INSERT OR REPLACE INTO parts (upload, number, size, etag, crc64) VALUES (?, ?, ?, ?, ?)")
        for part in changes.parts {
            try statement.execute(arguments: [upload, part.number, part.size, part.etag, part.crc64.map { Int64(bitPattern: $0) }])
        }
    }

    static func addEvent(_ db: Database, upload: Int64, at: Timestamp, kind: String, text: String) throws {
        try db.cachedStatement(sql: "INSERT INTO events (upload, at, kind, text) VALUES (?, ?, ?, ?)")
            .execute(arguments: [upload, at.milliseconds, kind, text])
    }

    /// The newest, oldest first.
    static func events(_ db: Database, upload: Int64, limit: Int) throws -> [(at: Timestamp, kind: String, text: String)] {
        let statement = try db.cachedStatement(sql: "SELECT at, kind, text FROM events WHERE upload = ? ORDER BY id DESC LIMIT ?")
        return try Row.fetchAll(statement, arguments: [upload, limit]).reversed().map { row in
            (Timestamp(milliseconds: row[0]), row[1], row[2])
        }
    }

    static func setting(_ db: Database, _ name: String) throws -> String? {
        try String.fetchOne(db, sql: "SELECT value FROM settings WHERE name = ?", arguments: [name])
    }

    static func set(_ db: Database, _ name: String, _ value: String?) throws {
        if let value {
            try db.execute(sql: "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", arguments: [name, value])
        } else {
            try db.execute(sql: "DELETE FROM settings WHERE name = ?", arguments: [name])
        }
    }

    /// Integers only: nothing from outside gets into a statement's text.
    static func list(_ numbers: [Int64]) -> String { numbers.map(String.init).joined(separator: ",") }
}

/// The ledger: upload ids that somebody must complete or abort.
extension QueueStore {
    static func owe(_ db: Database, row: UploadRow, uploadID: String, target: Target, at: Timestamp) throws {
        try db.cachedStatement(
            sql: "INSERT OR REPLACE INTO ledger (bucket, key, uploadID, target, upload, since) VALUES (?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [target.bucket, row.key, uploadID, try json(target), row.id, at.milliseconds])
    }

    static func isOwed(_ db: Database, bucket: String, key: String, uploadID: String) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM ledger WHERE bucket = ? AND key = ? AND uploadID = ?)"),
            arguments: [bucket, key, uploadID]) ?? false
    }

    /// Nothing in the queue needs what that upload has on the server any more: it is aborted in the background.
    static func giveUp(_ db: Database, upload: Int64, keeping uploadID: String? = nil) throws {
        if let uploadID {
            try db.execute(sql: "UPDATE ledger SET upload = NULL WHERE upload = ? AND uploadID <> ?", arguments: [upload, uploadID])
        } else {
            try db.cachedStatement(sql: "UPDATE ledger SET upload = NULL WHERE upload = ?").execute(arguments: [upload])
        }
    }

    static func settle(_ db: Database, bucket: String, key: String, uploadID: String) throws {
        try db.cachedStatement(sql: "DELETE FROM ledger WHERE bucket = ? AND key = ? AND uploadID = ?")
            .execute(arguments: [bucket, key, uploadID])
    }

    static func ledger(_ db: Database, onlyAbandoned: Bool = false) throws -> [LedgerEntry] {
        let sql =
            "SELECT bucket, key, uploadID, target, upload FROM ledger\(onlyAbandoned ? " WHERE upload IS NULL" : "") ORDER BY since LIMIT 100000"
        return try Row.fetchAll(db, sql: sql).compactMap { row in
            let text: String = row[3]
            guard let target = try? JSONDecoder().decode(Target.self, from: Data(text.utf8)) else { return nil }
            let upload: Int64? = row[4]
            return LedgerEntry(
                bucket: row[0], key: ObjectKey(row[1] as String), uploadID: row[2], upload: upload.map(UploadID.text), target: target)
        }
    }

    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
