import Contracts
import GRDB

/// Many uploads that are over, written together.
extension QueueStore {
    /// Writes rows as `UploadRow.update` does, and counts them once for all instead of a row at a time: the trigger's four statements cost
    /// more than the row itself.
    static func finish(_ db: Database, _ rows: [UploadRow]) throws {
        try db.cachedStatement(sql: "INSERT INTO countedTogether (one) VALUES (1)").run()
        let before = try db.cachedStatement(sql: "SELECT job, state, hidden, size, stored, resent FROM uploads WHERE id = ?")
        var tally = CountTally()
        for row in rows {
            guard let old = try before.integers(ofRow: row.id) else { continue }
            try row.update(db)
            tally.move(
                job: old[0], isHidden: old[2] != 0,
                from: (Int(old[1]), StateCount(uploads: 1, bytes: old[3], stored: old[4], resent: old[5])),
                to: (row.state.code, StateCount(uploads: 1, bytes: row.size, stored: row.stored, resent: row.resent)))
        }
        try tally.write(db)
        try db.cachedStatement(sql: "DELETE FROM countedTogether").run()
    }
}

/// What changes of many rows make of `counts`.
private struct CountTally {
    private struct Place: Hashable {
        var job: Int64
        var state: Int
    }
    private var changes: [Place: StateCount] = [:]

    /// A row of a job, which job 0 counts too unless it is hidden.
    mutating func move(job: Int64, isHidden: Bool, from old: (state: Int, count: StateCount), to new: (state: Int, count: StateCount)) {
        for job in isHidden ? [job] : [job, 0] {
            changes[Place(job: job, state: old.state), default: StateCount()].subtract(old.count)
            changes[Place(job: job, state: new.state), default: StateCount()].add(new.count)
        }
    }

    func write(_ db: Database) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO counts (job, state, n, bytes, stored, resent) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (job, state) DO UPDATE SET n = n + excluded.n, bytes = bytes + excluded.bytes,
                  stored = stored + excluded.stored, resent = resent + excluded.resent
                """)
        for (place, count) in changes {
            try statement.run { values in
                values.add(place.job)
                values.add(place.state)
                for number in [Int64(count.uploads), count.bytes, count.stored, count.resent] { values.add(number) }
            }
        }
    }
}

extension StateCount {
    fileprivate mutating func add(_ other: StateCount) {
        uploads += other.uploads
        bytes.addSaturating(other.bytes)
        stored.addSaturating(other.stored)
        resent.addSaturating(other.resent)
    }

    fileprivate mutating func subtract(_ other: StateCount) {
        uploads -= other.uploads
        bytes.addSaturating(-other.bytes)
        stored.addSaturating(-other.stored)
        resent.addSaturating(-other.resent)
    }
}
