import Contracts
import GRDB

/// Many uploads that are over, written together.
extension QueueStore {
    /// Writes rows as `UploadRow.update` does, and counts them once for all instead of a row at a time.
    static func finish(_ db: Database, _ rows: [UploadRow]) throws {
        var tally = CountTally()
        try countingTogether(db, rows.count) {
            let before = try db.cachedStatement(sql: "SELECT job, state, hidden, size, stored, resent FROM uploads WHERE id = ?")
            let plain = try db.cachedStatement(sql: UploadRow.plainUpdate)
            for index in rows.indices {
                guard let old = try before.integers(ofRow: rows[index].id) else { continue }
                if try !rows[index].isPlain || !rows[index].update(db, plainly: plain) { try rows[index].update(db) }
                tally.move(
                    job: old[0], isHidden: old[2] != 0,
                    from: (Int(old[1]), StateCount(uploads: 1, bytes: old[3], stored: old[4], resent: old[5])),
                    to: (
                        rows[index].state.code,
                        StateCount(uploads: 1, bytes: rows[index].size, stored: rows[index].stored, resent: rows[index].resent)
                    ))
            }
            try tally.write(db)
        }
    }
}

/// What changes of many rows make of `counts`.
private struct CountTally {
    private struct Place: Hashable {
        var job: Int64
        var state: Int
    }
    private struct Way: Equatable {
        var job: Int64
        var isHidden: Bool
        var from: Int
        var to: Int
    }
    private var changes: [Place: StateCount] = [:]
    /// The last rows went the same way.
    private var way: Way?
    private var before = StateCount()
    private var after = StateCount()

    /// A row of a job, which job 0 counts too unless it is hidden.
    mutating func move(job: Int64, isHidden: Bool, from old: (state: Int, count: StateCount), to new: (state: Int, count: StateCount)) {
        let way = Way(job: job, isHidden: isHidden, from: old.state, to: new.state)
        if way != self.way {
            settle()
            self.way = way
        }
        before.add(old.count)
        after.add(new.count)
    }

    private mutating func settle() {
        if let way {
            for job in way.isHidden ? [way.job] : [way.job, 0] {
                changes[Place(job: job, state: way.from), default: StateCount()].subtract(before)
                changes[Place(job: job, state: way.to), default: StateCount()].add(after)
            }
        }
        (before, after) = (StateCount(), StateCount())
    }

    mutating func write(_ db: Database) throws {
        settle()
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
