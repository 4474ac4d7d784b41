import CSQLite
import GRDB
import Glibc
import OSSProtocol
import Platform

/// The queue on disk: SQLite in WAL mode. It stores what it is told; the engine loop decides.
///
/// Every commit is flushed (`synchronous=FULL`): changes come in batches, so a promise costs one flush for all that wait for one.
public final class QueueStore: Sendable {
    typealias Change = @Sendable (Database) throws -> Void

    let path: String
    let pool: DatabasePool
    /// Called before each commit with its number from 1, and after it. Tests let it throw to stand for a kill at that instant.
    let hook: (@Sendable (_ commit: Int, _ isDone: Bool) throws -> Void)?
    private let commits = Lock(0)
    private let damage = Lock(DamageNews())

    /// Opens or creates the file, readable by its owner only.
    ///
    /// - Throws: one sentence for people when it is damaged, was written by a newer davit, or cannot be opened.
    public convenience init(path: String) throws(QueueStoreError) { try self.init(path: path, hook: nil) }

    /// Opens the file; a damaged one is put aside and rebuilt from what can be read of it.
    ///
    /// - Parameter known: what was found wrong with it while it was in use.
    /// - Returns: also what was done about damage, `nil` when there was none.
    public static func openOrRebuild(path: String, known: String? = nil, at now: Timestamp) throws(QueueStoreError) -> (QueueStore, QueueDamage?) {
        do throws(FileError) { try QueueSalvage.finishIfCutOff(path: path, at: now) } catch {
            throw .cannotOpen(path: path, reason: error.message)
        }
        var damage: QueueDamage?
        if let known {
            damage = try QueueSalvage(path: path).rebuild(reason: known, at: now)
        } else {
            QueueSalvage.setAsideForeignLog(path: path, at: now)
            do throws(QueueStoreError) { return (try QueueStore(path: path), nil) } catch {
                guard case .damaged(_, let reason) = error else { throw error }
                damage = try QueueSalvage(path: path).rebuild(reason: reason, at: now)
            }
        }
        return (try QueueStore(path: path), damage)
    }

    init(path: String, hook: (@Sendable (Int, Bool) throws -> Void)?) throws(QueueStoreError) {
        self.path = path
        self.hook = hook
        // SQLite gives its side files the mode of the main one, so it must be right before SQLite sees it.
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, reason: FileError.text(of: errno)) }
        Glibc.close(descriptor)
        _ = QueueStore.isTuned
        do {
            pool = try DatabasePool(path: path, configuration: QueueStore.configuration)
            if let reason = try quickDamage() { throw QueueStoreError.damaged(path: path, reason: reason) }
            let migrator = QueueSchema.migrator
            if try pool.read({ try migrator.hasBeenSuperseded($0) }) { throw QueueStoreError.newer(path: path) }
            // Without a flush each, as DatabasePool opens: what a power cut takes back is done again at the next start, and the first
            // promise flushes all that was written to the log before it.
            try migrator.migrate(pool)
            // A PRAGMA in prepareDatabase would be overwritten without a word: DatabasePool sets synchronous itself while it opens.
            let level = try pool.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = FULL")
                return try Int.fetchOne(db, sql: "PRAGMA synchronous")
            }
            guard level == 2 else { throw QueueStoreError.cannotOpen(path: path, reason: "SQLite did not accept synchronous=FULL") }
        } catch let error as QueueStoreError {
            throw error
        } catch let error as DatabaseError {
            throw QueueStore.failure(error, path: path)
        } catch {
            throw .cannotOpen(path: path, reason: "\(error)")
        }
    }

    /// SQLite counts its memory under a lock, and takes what is larger than 1,200 bytes from malloc: a row that is done runs a trigger, whose
    /// registers are larger. Whether it takes these settings changes nothing but its speed.
    private static let isTuned = dsqlite_count_memory(0) == 0 && dsqlite_lookaside(8192, 48) == 0

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.label = "davit.queue"
        configuration.maximumReaderCount = 3
        configuration.busyMode = .timeout(5)
        // Without pragma, each connection may hold 2 MB of pages; the writer walks a large index, so it gets more.
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA cache_size = -6000")
            db.add(function: naturalKey)
        }
        return configuration
    }

    private static func failure(_ error: DatabaseError, path: String) -> QueueStoreError {
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged(path: path, reason: error.message ?? "it is no SQLite database")
        default: .cannotOpen(path: path, reason: error.message ?? "SQLite error \(error.resultCode.rawValue)")
        }
    }

    /// All of them or none, durably.
    func commit(_ changes: [Change]) async throws {
        let number = commits.withLock { count in
            count += 1
            return count
        }
        try hook?(number, false)
        do {
            try await pool.write { db in
                for change in changes { try change(db) }
            }
        } catch {
            notice(error)
            throw error
        }
        try hook?(number, true)
    }

    func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        do { return try await pool.read(body) } catch {
            notice(error)
            throw error
        }
    }

    /// Closes the file; nothing may be asked of the store afterwards.
    public func close() throws {
        pool.interrupt()
        // All into one file. The last connection that closes would do it too, but that is one that only reads.
        try? pool.writeWithoutTransaction { db in
            // The interrupt stays until a statement has begun.
            try? db.execute(sql: "SELECT 1")
            _ = try db.checkpoint(.truncate)
        }
        try pool.close()
    }

    // MARK: - Damage

    private struct DamageNews {
        var found: String?
        var tell: (@Sendable (String) -> Void)?
    }

    /// A file up to this size is looked through before it is used, in some 50 ms at most; a larger one afterwards, see `findDamage`. Bytes.
    private static let quickSize = 32 << 20

    private func quickDamage() throws -> String? {
        var information = stat()
        guard stat(path, &information) == 0, information.st_size <= QueueStore.quickSize else { return nil }
        return try pool.read { try QueueStore.check($0) }
    }

    private static func check(_ db: Database) throws -> String? {
        let text = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "ok"
        return text == "ok" ? nil : String(text.split(separator: "\n").last ?? "malformed")
    }

    /// Looks through the whole file, which takes seconds a GiB, while the store is in use. What it finds is told as any other damage.
    func findDamage() async {
        let found = try? await read { db -> String? in
            // What is on the disk counts, not what is remembered of it.
            try db.execute(sql: "PRAGMA shrink_memory")
            return try QueueStore.check(db)
        }
        if let found = found ?? nil { tellOfDamage(found) }
    }

    /// - Parameter tell: called once, on any thread, when the file is found to be damaged; at once when it was found already.
    func whenDamaged(_ tell: @escaping @Sendable (String) -> Void) {
        let found = damage.withLock { news in
            news.tell = tell
            return news.found
        }
        if let found { tell(found) }
    }

    private func notice(_ error: any Error) {
        guard QueueStore.isDamage(error) else { return }
        tellOfDamage((error as? DatabaseError)?.message ?? "malformed")
    }

    private func tellOfDamage(_ reason: String) {
        let tell = damage.withLock { news -> (@Sendable (String) -> Void)? in
            guard news.found == nil else { return nil }
            news.found = reason
            return news.tell
        }
        tell?(reason)
    }

    /// The file's content is not what was written: no waiting helps.
    static func isDamage(_ error: any Error) -> Bool {
        guard let error = error as? DatabaseError else { return false }
        return [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode)
    }

    /// Whether the trouble is the place the file lies in (full, read-only, failing), so that waiting may help and nothing is wrong with
    /// what was to be written.
    static func isPlaceTrouble(_ error: any Error) -> Bool {
        guard let error = error as? DatabaseError else { return false }
        return [.SQLITE_FULL, .SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_NOMEM]
            .contains(error.resultCode)
    }
}

/// Why the queue cannot be opened.
public enum QueueStoreError: Error, Sendable, Equatable {
    case cannotOpen(path: String, reason: String)
    case damaged(path: String, reason: String)
    case newer(path: String)

    /// What, why, what to do.
    public var message: String {
        switch self {
        case .cannotOpen(let path, let reason):
            "the queue \(path) cannot be opened (\(reason)). Check the folder's owner, mode and free space"
        case .damaged(let path, let reason):
            "the queue \(path) is damaged (\(reason)). Move it and its -wal file away to begin an empty queue, or restore them"
        case .newer(let path): "the queue \(path) was written by a newer davit. Use that version, or another DAVIT_HOME"
        }
    }

    public var orderError: OrderError { OrderError(code: "QueueUnusable", message: message, exit: 2) }
}
