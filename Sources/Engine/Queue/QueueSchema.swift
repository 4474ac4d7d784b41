import Contracts
import GRDB

/// The tables of the queue store, by named migrations; one that was released is never edited.
///
/// Rows know only states that outlive the engine: a running upload's row stays `queued` (what runs is the engine's memory), so a kill at
/// any instant needs no repair.
enum QueueSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 queue") { db in
            try db.execute(sql: jobs)
            try db.execute(sql: uploads)
            try db.execute(sql: beside)
            try db.execute(sql: counts)
        }
        migrator.registerMigration("2 places and names") { db in
            // Where a row stood before it was moved.
            try db.execute(sql: "ALTER TABLE editRows ADD COLUMN position INTEGER")
            // Keys that `rename` gave up: a scan that begins again must not take such a file for a new one.
            try db.execute(
                sql: """
                    CREATE TABLE renamed (job INTEGER NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL, PRIMARY KEY (job, key, path))
                    WITHOUT ROWID
                    """)
        }
        migrator.registerMigration("3 scans") { db in try db.execute(sql: scans) }
        migrator.registerMigration("4 jobs in turn") { db in
            // The next rows of each job, however many another one has before them. Only rows that wait are in it.
            try db.execute(
                sql: "CREATE INDEX uploadsInTurn ON uploads(priority, job, position) WHERE hidden = 0 AND state = 0")
        }
        migrator.registerMigration("5 change times and begun uploads") { db in
            // 0: not known, as of rows that were written before: then the bytes are compared before they become an object.
            try db.execute(sql: "ALTER TABLE uploads ADD COLUMN changed INTEGER NOT NULL DEFAULT 0")
            try db.execute(sql: "ALTER TABLE uploads ADD COLUMN initiateSent INTEGER")
            // Unfinished uploads of others on the server that a person gave us: the next upload to that key goes on with it.
            try db.execute(
                sql: """
                    CREATE TABLE adoptions (bucket TEXT NOT NULL, key TEXT NOT NULL, uploadID TEXT NOT NULL, since INTEGER NOT NULL,
                      PRIMARY KEY (bucket, key)) WITHOUT ROWID
                    """)
        }
        migrator.registerMigration("6 history and receipts") { db in
            // What OSS said when it stored the object.
            try db.execute(sql: "ALTER TABLE uploads ADD COLUMN versionID TEXT")
            try db.execute(sql: "ALTER TABLE uploads ADD COLUMN requestID TEXT")
            // Why it had failed, for a retry that is taken back.
            try db.execute(sql: "ALTER TABLE editRows ADD COLUMN error TEXT")
            // Uploads of the job that are too old for the history: its receipt says how many are missing.
            try db.execute(sql: "ALTER TABLE jobs ADD COLUMN swept INTEGER NOT NULL DEFAULT 0")
        }
        migrator.registerMigration("7 counted together") { db in
            // Holds a row while a change of many rows counts them itself: never after a commit.
            try db.execute(sql: "CREATE TABLE countedTogether (one INTEGER PRIMARY KEY)")
            try db.execute(sql: "DROP TRIGGER uploadChanged")
            try db.execute(
                sql: """
                    CREATE TRIGGER uploadChanged AFTER UPDATE OF state, hidden, size, stored, resent ON uploads
                    WHEN NOT EXISTS (SELECT 1 FROM countedTogether) BEGIN
                      \(subtract("old.job", when: "1"))
                      \(subtract("0", when: "old.hidden = 0"))
                      \(add("new.job", when: "1"))
                      \(add("0", when: "new.hidden = 0"))
                    END
                    """)
        }
        migrator.registerMigration("8 new rows counted") { db in
            // Scans count theirs together; whoever else puts rows in leaves the sums right too.
            try db.execute(
                sql: """
                    CREATE TRIGGER uploadAdded AFTER INSERT ON uploads WHEN NOT EXISTS (SELECT 1 FROM countedTogether) BEGIN
                      \(add("new.job", when: "1"))
                      \(add("0", when: "new.hidden = 0"))
                    END
                    """)
        }
        migrator.registerMigration("9 limits of uploads") { db in
            // Few uploads have one: no column of every row.
            try db.execute(sql: "CREATE TABLE uploadLimits (upload INTEGER PRIMARY KEY, rate INTEGER NOT NULL)")
        }
        migrator.registerMigration("10 what was ordered") { db in
            // Tells the same order sent again from another one under its submission id; not known of jobs from before.
            try db.execute(sql: "ALTER TABLE jobs ADD COLUMN fingerprint TEXT")
        }
        migrator.registerMigration("11 orders of scans") { db in
            // What people ordered for all of a job that is still being read, by edit.
            try db.execute(
                sql: """
                    CREATE TABLE scanOrders (job INTEGER NOT NULL, edit INTEGER NOT NULL, paused INTEGER, priority INTEGER,
                      PRIMARY KEY (job, edit)) WITHOUT ROWID
                    """)
        }
        migrator.registerMigration("12 lost Initiates") { db in
            // Initiates that were not answered, of uploads that were given up: the server is to be asked what they began.
            try db.execute(
                sql: """
                    CREATE TABLE lostInitiates (upload INTEGER PRIMARY KEY, key TEXT NOT NULL, target TEXT NOT NULL, sent INTEGER NOT NULL,
                      given INTEGER NOT NULL)
                    """)
            try db.execute(sql: "CREATE INDEX uploadsBegun ON uploads(finished) WHERE initiateSent IS NOT NULL")
        }
        migrator.registerMigration("13 edits of other things") { db in
            // Of edits that changed no upload: what they did, in words, and what takes it back.
            try db.execute(sql: "ALTER TABLE edits ADD COLUMN what TEXT")
            try db.execute(sql: "ALTER TABLE edits ADD COLUMN takeBack TEXT")
        }
        return migrator
    }

    /// Sorted by size rows are listed like by any other column: an index in an order that has nothing to do with the rows' own wrote ten
    /// times as many pages as the rows.
    private static let scans = """
        DROP TRIGGER uploadAdded;
        DROP INDEX uploadsBySize;
        ALTER TABLE jobs ADD COLUMN scanSource INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE jobs ADD COLUMN scanPlace BLOB;
        ALTER TABLE jobs ADD COLUMN skipped TEXT;
        ALTER TABLE jobs ADD COLUMN firstRow INTEGER;
        CREATE INDEX jobsByAge ON jobs(added);
        """

    private static let jobs = """
        CREATE TABLE jobs (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          submission TEXT NOT NULL UNIQUE,
          isScanning INTEGER NOT NULL,
          dest TEXT NOT NULL,
          scope TEXT NOT NULL,
          endpoint TEXT NOT NULL,
          target TEXT NOT NULL,
          options TEXT NOT NULL,
          sources TEXT NOT NULL,
          added INTEGER NOT NULL,
          refusedCount INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX jobsByScope ON jobs(scope);
        CREATE INDEX jobsScanning ON jobs(isScanning) WHERE isScanning = 1;
        CREATE TABLE refused (job INTEGER NOT NULL, path TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (job, path)) WITHOUT ROWID;
        """

    private static let uploads = """
        CREATE TABLE uploads (
          id INTEGER PRIMARY KEY AUTOINCREMENT,
          job INTEGER NOT NULL,
          path TEXT NOT NULL,
          key TEXT NOT NULL,
          size INTEGER NOT NULL,
          device INTEGER NOT NULL,
          inode INTEGER NOT NULL,
          modified INTEGER NOT NULL,
          state INTEGER NOT NULL,
          hidden INTEGER NOT NULL DEFAULT 0,
          held TEXT,
          priority INTEGER NOT NULL,
          position INTEGER NOT NULL,
          stored INTEGER NOT NULL DEFAULT 0,
          resent INTEGER NOT NULL DEFAULT 0,
          tries INTEGER NOT NULL DEFAULT 0,
          added INTEGER NOT NULL,
          started INTEGER,
          finished INTEGER,
          nextTry INTEGER,
          error TEXT,
          etag TEXT,
          crc64 INTEGER,
          isVerified INTEGER,
          phase TEXT NOT NULL DEFAULT 'fresh',
          partSize INTEGER NOT NULL,
          uploadID TEXT,
          partsStored INTEGER NOT NULL DEFAULT 0,
          completeSent INTEGER NOT NULL DEFAULT 0
        );
        CREATE UNIQUE INDEX uploadsByKey ON uploads(job, key);
        CREATE INDEX uploadsInOrder ON uploads(hidden, state, priority, position);
        CREATE INDEX uploadsBySize ON uploads(hidden, size);
        CREATE INDEX uploadsFinished ON uploads(finished) WHERE finished IS NOT NULL;
        CREATE INDEX uploadsWaiting ON uploads(nextTry) WHERE nextTry IS NOT NULL;
        """

    private static let beside = """
        CREATE TABLE parts (
          upload INTEGER NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, crc64 INTEGER,
          PRIMARY KEY (upload, number)
        ) WITHOUT ROWID;
        CREATE TABLE ledger (
          bucket TEXT NOT NULL, key TEXT NOT NULL, uploadID TEXT NOT NULL, target TEXT NOT NULL, upload INTEGER, since INTEGER NOT NULL,
          PRIMARY KEY (bucket, key, uploadID)
        ) WITHOUT ROWID;
        CREATE INDEX ledgerByUpload ON ledger(upload);
        CREATE TABLE events (
          id INTEGER PRIMARY KEY AUTOINCREMENT, upload INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL
        );
        CREATE INDEX eventsByUpload ON events(upload, id);
        CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE edits (
          id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, action TEXT NOT NULL, by TEXT, isUndone INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE editRows (
          edit INTEGER NOT NULL, upload INTEGER NOT NULL, state INTEGER NOT NULL, held TEXT, priority INTEGER NOT NULL,
          hidden INTEGER NOT NULL, nextTry INTEGER, made INTEGER NOT NULL,
          PRIMARY KEY (edit, upload)
        ) WITHOUT ROWID;
        """

    /// Kept by triggers, so that no change of a row, however it is made, can leave them behind. Job 0 is the whole visible queue.
    private static let counts = """
        CREATE TABLE counts (
          job INTEGER NOT NULL, state INTEGER NOT NULL, n INTEGER NOT NULL, bytes INTEGER NOT NULL, stored INTEGER NOT NULL,
          resent INTEGER NOT NULL,
          PRIMARY KEY (job, state)
        ) WITHOUT ROWID;
        CREATE TRIGGER uploadAdded AFTER INSERT ON uploads BEGIN
          \(add("new.job", when: "1"))
          \(add("0", when: "new.hidden = 0"))
        END;
        CREATE TRIGGER uploadDeleted AFTER DELETE ON uploads BEGIN
          \(subtract("old.job", when: "1"))
          \(subtract("0", when: "old.hidden = 0"))
        END;
        CREATE TRIGGER uploadChanged AFTER UPDATE OF state, hidden, size, stored, resent ON uploads BEGIN
          \(subtract("old.job", when: "1"))
          \(subtract("0", when: "old.hidden = 0"))
          \(add("new.job", when: "1"))
          \(add("0", when: "new.hidden = 0"))
        END;
        """

    private static func add(_ job: String, when condition: String) -> String {
        """
        INSERT INTO counts (job, state, n, bytes, stored, resent)
            SELECT \(job), new.state, 1, new.size, new.stored, new.resent WHERE \(condition)
            ON CONFLICT (job, state) DO UPDATE SET n = n + 1, bytes = bytes + excluded.bytes, stored = stored + excluded.stored,
              resent = resent + excluded.resent;
        """
    }

    private static func subtract(_ job: String, when condition: String) -> String {
        """
        UPDATE counts SET n = n - 1, bytes = bytes - old.size, stored = stored - old.stored, resent = resent - old.resent
            WHERE job = \(job) AND state = old.state AND \(condition);
        """
    }
}

extension UploadState {
    /// As rows keep it; the numbers are also the order in which the queue is shown: what happens next comes first.
    var code: Int {
        switch self {
        case .queued, .scanning, .uploading, .verifying, .retrying: 0
        case .held: 1
        case .paused: 2
        case .failed: 3
        case .cancelled: 4
        case .skipped: 5
        case .done: 6
        }
    }

    init?(code: Int) {
        guard let state = [UploadState.queued, .held, .paused, .failed, .cancelled, .skipped, .done].first(where: { $0.code == code })
        else {
            return nil
        }
        self = state
    }

    /// Whether a row can be in it: the others are only ever an engine's memory.
    var isKept: Bool { ![.scanning, .uploading, .verifying, .retrying].contains(self) }
}

extension Priority {
    var code: Int {
        switch self {
        case .high: 0
        case .normal: 1
        case .low: 2
        }
    }
    init(code: Int) { self = code <= 0 ? .high : code == 1 ? .normal : .low }
}
