import GRDB
import Glibc
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

    /// Opens or creates the file, readable by its owner only.
    ///
    /// - Throws: one sentence for people when it is damaged, was written by a newer davit, or cannot be opened.
    public convenience init(path: String) throws(QueueStoreError) { try self.init(path: path, hook: nil) }

    init(path: String, hook: (@Sendable (Int, Bool) throws -> Void)?) throws(QueueStoreError) {
        self.path = path
        self.hook = hook
        // SQLite gives its side files the mode of the main one, so it must be right before SQLite sees it.
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, reason: FileError.text(of: errno)) }
        Glibc.close(descriptor)
        do {
            pool = try DatabasePool(path: path, configuration: QueueStore.configuration)
            // DatabasePool sets synchronous itself while it opens: a PRAGMA in prepareDatabase would be overwritten without a word.
            let level = try pool.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = FULL")
                return try Int.fetchOne(db, sql: "PRAGMA synchronous")
            }
            guard level == 2 else { throw QueueStoreError.cannotOpen(path: path, reason: "SQLite did not accept synchronous=FULL") }
            let migrator = QueueSchema.migrator
            if try pool.read({ try migrator.hasBeenSuperseded($0) }) { throw QueueStoreError.newer(path: path) }
            try migrator.migrate(pool)
        } catch let error as QueueStoreError {
            throw error
        } catch let error as DatabaseError {
            throw QueueStore.failure(error, path: path)
        } catch {
            throw .cannotOpen(path: path, reason: "\(error)")
        }
    }

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
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged(path: path)
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
        try await pool.write { db in
            for change in changes { try change(db) }
        }
        try hook?(number, true)
    }

    func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T { try await pool.read(body) }

    /// Closes the file; nothing may be asked of the store afterwards.
    public func close() throws { try pool.close() }

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
    case damaged(path: String)
    case newer(path: String)

    /// What, why, what to do.
    public var message: String {
        switch self {
        case .cannotOpen(let path, let reason):
            "the queue \(path) cannot be opened (\(reason)). Check the folder's owner, mode and free space"
        case .damaged(let path):
            "the queue \(path) is damaged (it is no SQLite database). Move it and its -wal file away to begin an empty queue, or restore them"
        case .newer(let path): "the queue \(path) was written by a newer davit. Use that version, or another DAVIT_HOME"
        }
    }

    public var orderError: OrderError { OrderError(code: "QueueUnusable", message: message, exit: 2) }
}
