import Contracts
import FoundationEssentials
import GRDB
import Glibc
import OSSProtocol
import Platform

/// What became of a queue whose file was damaged, for the log and, for a day, for whoever looks at the status.
public struct QueueDamage: Sendable, Equatable, Codable {
    public var at: Timestamp
    /// Where the damaged file lies now, as it was; its -wal beside it.
    public var setAside: String
    /// SQLite's words.
    public var reason: String
    public var jobs: Int
    public var uploads: Int
    /// Orders whose folders are read again, since rows of theirs could not be read.
    public var rescanned: Int
    /// Rows that lead nowhere: their order could not be read.
    public var lost: Int
    /// Every table could be read to its end.
    public var isWhole: Bool

    /// What, and what to do.
    public var text: String {
        let read =
            isWhole && lost == 0
            ? "all \(uploads) uploads of \(jobs) orders could be read"
            : "\(uploads) uploads of \(jobs) orders could be read"
                + (rescanned > 0 ? ", \(rescanned) orders are read from their folders again" : "")
                + (lost > 0 ? ", \(lost) uploads could not be kept: order those files again" : "")
        return "the queue was damaged (\(reason)) and was rebuilt: \(read). The damaged file is \(setAside). See what the server has: davit orphans"
    }

    static let setting = "damage"
    /// It is told for so long.
    static let shown = Duration.seconds(24 * 3600)
}

extension QueueStore {
    /// What became of this queue when it was damaged last.
    static func damage(_ db: Database) throws -> QueueDamage? {
        try setting(db, QueueDamage.setting).flatMap { try? JSONDecoder().decode(QueueDamage.self, from: Data($0.utf8)) }
    }
}

/// Rebuilds a damaged queue from what can be read of it, and puts the damaged file aside as it is.
///
/// The new queue is whole and on the disk, under a name of its own, before the damaged one is renamed: a kill at any instant leaves one of the
/// two to be found.
struct QueueSalvage {
    let path: String
    private var fresh: String { path + ".rebuilt" }
    private var copy: String { path + ".salvage" }

    init(path: String) { self.path = path }

    /// Undo of what people did before is not worth the risk; rows are counted anew.
    private static let passedOver: Set<String> = ["counts", "countedTogether", "edits", "editRows", "grdb_migrations"]
    private static let batch = 5_000

    /// - Parameter reason: one of SQLite's sentences.
    /// - Throws: `.cannotOpen` where there is no room for the new queue: then everything is as it was.
    func rebuild(reason: String, at: Timestamp) throws(QueueStoreError) -> QueueDamage {
        removeAll(of: fresh)
        removeAll(of: copy)
        defer { removeAll(of: copy) }
        let aside = path + ".damaged-" + QueueSalvage.name(at)
        do {
            let store = try QueueStore(path: fresh)
            var damage = QueueDamage(
                at: at, setAside: aside, reason: reason, jobs: 0, uploads: 0, rescanned: 0, lost: 0, isWhole: true)
            if let source = try open(template: store) {
                try fill(store, from: source, &damage)
                source.close()
            } else {
                damage.isWhole = false
            }
            let told = damage
            try store.pool.write { db in try QueueStore.set(db, QueueDamage.setting, try QueueStore.json(told)) }
            // All of it into the one file that is renamed.
            try store.pool.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
            try store.close()
            try exchange(aside)
            return damage
        } catch let error as QueueStoreError {
            throw error
        } catch let error as FileError {
            throw .cannotOpen(path: path, reason: "it is damaged, and cannot be rebuilt: \(error.message)")
        } catch {
            removeAll(of: fresh)
            let why = (error as? DatabaseError)?.message ?? "\(error)"
            throw .cannotOpen(path: path, reason: "it is damaged (\(reason)), and there is no rebuilding it beside it: \(why)")
        }
    }

    /// A kill came between the two renames.
    static func finishIfCutOff(path: String, at: Timestamp) throws(FileError) {
        let salvage = QueueSalvage(path: path)
        guard access(path, F_OK) != 0, access(salvage.fresh, F_OK) == 0 else { return }
        try salvage.exchange(path + ".damaged-" + name(at))
    }

    /// A -wal that is none would be overwritten without a word, and what it may have been with it.
    static func setAsideForeignLog(path: String, at: Timestamp) {
        let log = path + "-wal"
        guard let sign = try? FileCopy.beginning(of: log, count: 4), sign.count == 4 else { return }
        // 0x377F0682 or …83, the format's own.
        guard sign[0] != 0x37 || sign[1] != 0x7F || sign[2] != 0x06 || sign[3] & 0xFE != 0x82 else { return }
        try? SecureFile.move(log, to: path + ".damaged-" + name(at) + "-wal")
    }

    /// `20261130T121314Z`.
    private static func name(_ at: Timestamp) -> String {
        String(at.iso8601.filter { $0.isNumber || $0 == "T" || $0 == "Z" })
    }

    private func exchange(_ aside: String) throws(FileError) {
        // The main file first: as long as it has its name, what is there is the damaged queue, whole.
        try SecureFile.move(path, to: aside)
        try SecureFile.move(path + "-wal", to: aside + "-wal")
        unlink(path + "-shm")
        unlink(fresh + "-shm")
        try SecureFile.move(fresh, to: path)
    }

    private func removeAll(of path: String) { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(path + suffix) } }

    // MARK: - Reading

    /// The file itself, else a copy of it with the first page of a queue that is sound; `nil` when neither can be read.
    private func open(template: QueueStore) throws -> DamagedQueue? {
        if let found = usable(path) { return found }
        try template.pool.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
        for graft in Graft.allCases {
            removeAll(of: copy)
            guard try makeCopy(with: graft, of: template.path) else { return nil }
            if let found = usable(copy) { return found }
        }
        return nil
    }

    /// What a copy gets from a queue that is sound. The tables of every queue begin at the same pages, since they were made in the same order
    /// before there was a row.
    private enum Graft: CaseIterable {
        /// The 100 bytes at the beginning of the file.
        case header
        /// Also the list of tables.
        case tables
    }

    private func usable(_ path: String) -> DamagedQueue? {
        guard let found = try? DamagedQueue(path: path) else { return nil }
        let tables = found.tables()
        // An order, and where its rows are: without them there is nothing to be had.
        guard tables["jobs"] != nil, tables["uploads"] != nil else {
            found.close()
            return nil
        }
        return found
    }

    private func makeCopy(with graft: Graft, of template: String) throws(FileError) -> Bool {
        let sound = try SecureFile.read(template, limit: Int.max, mustBePrivate: false)
        let pageSize = sound.count >= 100 ? Int(sound[16]) << 8 | Int(sound[17]) : 0
        guard pageSize >= 512, sound.count >= pageSize else { return false }
        try FileCopy.copy(path, to: copy)
        try? FileCopy.copy(path + "-wal", to: copy + "-wal")
        let grafts = graft == .header ? [] : QueueSalvage.listOfTables(sound, pageSize).filter { $0 * pageSize <= sound.count }
        let there = try FileCopy.size(copy) / Int64(pageSize)
        guard there > 0 else { return false }
        // A file that was cut off may have lost its list of tables with its end; every table must begin within the file.
        let pages = max(there, Int64(sound.count / pageSize))
        if pages > there { try FileCopy.overwrite(copy, [UInt8](repeating: 0, count: pageSize), at: (pages - 1) * Int64(pageSize)) }
        var head = Array(sound.prefix(graft == .header ? 100 : pageSize))
        // How many pages there are, and that none is free.
        for (offset, value) in [(28, UInt32(clamping: pages)), (32, 0), (36, 0)] {
            for place in 0..<4 { head[offset + place] = UInt8(truncatingIfNeeded: value >> UInt32(8 * (3 - place))) }
        }
        // The count of pages is believed when these two agree.
        head.replaceSubrange(92..<96, with: head[24..<28])
        try FileCopy.overwrite(copy, head, at: 0)
        for page in grafts {
            let offset = (page - 1) * pageSize
            try FileCopy.overwrite(copy, Array(sound[offset..<offset + pageSize]), at: Int64(offset))
        }
        return true
    }

    /// The pages below the first one that hold the list of tables; none where the first holds it all.
    ///
    /// Source: the file format of SQLite, "B-tree Pages": the first page's tree begins at byte 100; 5 is an inner page of a table, whose cells
    /// begin with the number of a page, and whose last page stands in its head.
    private static func listOfTables(_ file: [UInt8], _ pageSize: Int) -> [Int] {
        let inner: UInt8 = 5
        guard file[100] == inner else { return [] }
        func number(_ offset: Int, _ bytes: Int) -> Int {
            offset + bytes <= pageSize ? file[offset..<offset + bytes].reduce(0) { $0 << 8 | Int($1) } : 0
        }
        let cells = number(103, 2)
        let children = (0..<cells).map { number(number(112 + 2 * $0, 2), 4) } + [number(108, 4)]
        return children.filter { $0 > 1 }
    }

    private func fill(_ store: QueueStore, from source: DamagedQueue, _ damage: inout QueueDamage) throws {
        let there = source.tables()
        let tables = try store.pool.read { db in
            try Row.fetchAll(db, sql: "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
                .map { (name: $0[0] as String, isKeyed: ($0[1] as String).contains("WITHOUT ROWID")) }
        }
        // Orders before the rows that need them.
        for table in tables.sorted(by: { $0.name == "jobs" || $1.name != "jobs" && $0.name < $1.name })
        where !QueueSalvage.passedOver.contains(table.name) {
            guard let columns = there[table.name] else {
                continue
            }
            let unreadable = try copy(table.name, isKeyed: table.isKeyed, columns, from: source, to: store)
            if unreadable > 0 { damage.isWhole = false }
        }
        try complete(store, from: source, &damage)
    }

    private func copy(_ table: String, isKeyed: Bool, _ columns: [String], from source: DamagedQueue, to store: QueueStore) throws -> Int {
        let known = try store.pool.read { db in try db.columns(in: table) }
        let key = try store.pool.read { db in try db.primaryKey(table).columns }
        let shared = known.filter { columns.contains($0.name) }
        let taker = RowTaker(table: table, columns: shared)
        let take = { (rows: [[DatabaseValue]]) in
            var rest = rows.filter(taker.isSound)[...]
            while !rest.isEmpty {
                let part = Array(rest.prefix(QueueSalvage.batch))
                rest = rest.dropFirst(QueueSalvage.batch)
                try store.pool.write { db in try taker.insert(part, db) }
            }
        }
        let names = shared.map(\.name)
        guard isKeyed else { return try source.walk(table, names, take) }
        let cuts = try source.walk(table, names, key: key, take)
        // The parts of what was under way, one upload after the other.
        if cuts > 0, table == "parts" {
            let begun = source.numbers("SELECT id FROM uploads WHERE uploadID IS NOT NULL") ?? []
            for upload in begun { try take(source.rows(table, names, where: "upload", is: upload[0])) }
        }
        return cuts
    }

    /// Of every job, and of the whole visible queue, which is job 0.
    private static func count(_ db: Database) throws {
        try db.execute(sql: "DELETE FROM counts")
        for (job, condition) in [("job", "1"), ("0", "hidden = 0")] {
            try db.execute(
                sql: """
                    INSERT INTO counts (job, state, n, bytes, stored, resent)
                    SELECT \(job), state, COUNT(*), CAST(TOTAL(size) AS INTEGER), CAST(TOTAL(stored) AS INTEGER), CAST(TOTAL(resent) AS INTEGER)
                    FROM uploads WHERE \(condition) GROUP BY 1, 2
                    """)
        }
    }

    /// What follows from the rows: uploads without an order go, ids of uploads are owed, orders that lost rows are read again.
    private func complete(_ store: QueueStore, from source: DamagedQueue, _ damage: inout QueueDamage) throws {
        let expected = source.numbers("SELECT job, SUM(n) FROM counts WHERE job > 0 GROUP BY job")
        let sequences = source.numbers("SELECT seq, name = 'jobs' FROM sqlite_sequence WHERE name IN ('jobs', 'uploads')") ?? []
        let (isWhole, at) = (damage.isWhole, damage.at)
        let result = try store.pool.write { db -> (jobs: Int, uploads: Int, rescanned: Int, lost: Int) in
            try db.execute(sql: "DELETE FROM uploads WHERE job NOT IN (SELECT id FROM jobs)")
            let lost = db.changesCount
            try db.execute(sql: "DELETE FROM parts WHERE upload NOT IN (SELECT id FROM uploads)")
            try db.execute(sql: "UPDATE ledger SET upload = NULL WHERE upload NOT IN (SELECT id FROM uploads)")
            let begun = try Row.fetchAll(
                db,
                sql: """
                    SELECT \(UploadRow.columns) FROM uploads WHERE uploadID IS NOT NULL
                      AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.uploadID = uploads.uploadID AND l.key = uploads.key)
                    """
            ).map(UploadRow.init)
            for row in begun {
                guard let uploadID = row.uploadID, let job = try QueueStore.job(db, id: row.job) else { continue }
                try QueueStore.owe(db, row: row, uploadID: uploadID, target: job.target, at: at)
            }
            // Edits are numbered anew: those that are passed over must not be taken for others.
            try db.execute(sql: "UPDATE scanOrders SET edit = edit - 1000000000")
            try QueueSalvage.count(db)
            var rescanned = 0
            for job in try Int64.fetchAll(db, sql: "SELECT id FROM jobs WHERE isScanning = 0") {
                let kept = try Int64.fetchOne(db, sql: "SELECT COUNT(*) FROM uploads WHERE job = ?", arguments: [job]) ?? 0
                let hadMore = expected.map { all in all.contains { $0[0] == job && $0[1] > kept } } ?? !isWhole
                guard hadMore else { continue }
                try db.execute(sql: "UPDATE jobs SET isScanning = 1 WHERE id = ?", arguments: [job])
                rescanned += 1
            }
            // How far a scan had come says nothing about rows that are lost; what is queued already is not queued again.
            try db.execute(sql: "UPDATE jobs SET scanSource = 0, scanPlace = NULL WHERE isScanning = 1")
            // Ids that were given are not given again.
            for sequence in sequences {
                try db.execute(
                    sql: "UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = ?",
                    arguments: [sequence[0], sequence[1] == 1 ? "jobs" : "uploads"])
            }
            return (
                try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM jobs") ?? 0,
                try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM uploads WHERE hidden = 0") ?? 0, rescanned, lost
            )
        }
        (damage.jobs, damage.uploads, damage.rescanned, damage.lost) = (result.jobs, result.uploads, result.rescanned, result.lost)
    }
}

/// Puts rows of unknown worth into a table. What has not the type of its column would end the engine where it is read.
private struct RowTaker {
    let table: String
    let columns: [ColumnInfo]

    func isSound(_ values: [DatabaseValue]) -> Bool {
        guard values.count == columns.count else { return false }
        for (value, column) in zip(values, columns) {
            switch (value.storage, column.type) {
            case (.null, _): if column.isNotNull { return false }
            case (.int64, "INTEGER"), (.string, "TEXT"), (.blob, "BLOB"): break
            default: return false
            }
        }
        guard table == "uploads" else { return true }
        return isUpload(Dictionary(zip(columns.map(\.name), values), uniquingKeysWith: { $1 }))
    }

    private func isUpload(_ row: [String: DatabaseValue]) -> Bool {
        func number(_ name: String) -> Int64 { row[name].flatMap { Int64.fromDatabaseValue($0) } ?? 0 }
        let path = row["path"].flatMap { String.fromDatabaseValue($0) } ?? ""
        let state = UploadState(code: Int(truncatingIfNeeded: number("state")))
        return number("id") > 0 && number("job") > 0 && number("size") >= 0 && number("partSize") > 0 && number("stored") >= 0 && state != nil
            && path.utf8.first == UInt8(ascii: "/")
    }

    func insert(_ rows: [[DatabaseValue]], _ db: Database) throws {
        let names = columns.map(\.name.quotedDatabaseIdentifier).joined(separator: ", ")
        let marks = columns.map { _ in "?" }.joined(separator: ", ")
        // The same row may come from both ends of what cannot be read.
        let statement = try db.cachedStatement(
            sql: "INSERT OR IGNORE INTO \(table.quotedDatabaseIdentifier) (\(names)) VALUES (\(marks))")
        for row in rows { try statement.execute(arguments: StatementArguments(row)) }
    }
}
