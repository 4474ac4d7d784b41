import GRDB
import GRDBSQLite

extension Statement {
    /// Executes a prepared change with these values, one for each `?`: what `execute(arguments:)` does, at a tenth of its cost. For
    /// statements that run once an upload.
    func run(_ values: [(any DatabaseValueConvertible)?]) throws {
        defer { sqlite3_reset(sqliteStatement) }
        for (index, value) in values.enumerated() { bind(value?.databaseValue.storage ?? .null, at: Int32(index) + 1) }
        var code = sqlite3_step(sqliteStatement)
        while code == SQLITE_ROW { code = sqlite3_step(sqliteStatement) }
        guard code == SQLITE_DONE else { throw failure(code) }
    }

    /// The integers of the one row that a query by `id` finds; `nil` without one. NULL is 0.
    func integers(ofRow id: Int64) throws -> [Int64]? {
        defer { sqlite3_reset(sqliteStatement) }
        sqlite3_bind_int64(sqliteStatement, 1, id)
        switch sqlite3_step(sqliteStatement) {
        case SQLITE_ROW: return (0..<sqlite3_column_count(sqliteStatement)).map { sqlite3_column_int64(sqliteStatement, $0) }
        case SQLITE_DONE: return nil
        case let code: throw failure(code)
        }
    }

    private func bind(_ value: DatabaseValue.Storage, at place: Int32) {
        // SQLite copies texts and blobs: the values are gone before it is done with them.
        let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        switch value {
        case .null: sqlite3_bind_null(sqliteStatement, place)
        case .int64(let number): sqlite3_bind_int64(sqliteStatement, place, number)
        case .double(let number): sqlite3_bind_double(sqliteStatement, place, number)
        case .string(var text):
            text.withUTF8 { utf8 in
                let start = UnsafeRawPointer(utf8.baseAddress)?.assumingMemoryBound(to: CChar.self)
                _ = sqlite3_bind_text(sqliteStatement, place, start ?? Statement.nothing, Int32(utf8.count), copied)
            }
        case .blob(let data):
            data.withUnsafeBytes { bytes in
                _ = sqlite3_bind_blob(sqliteStatement, place, bytes.baseAddress ?? UnsafeRawPointer(Statement.nothing), Int32(bytes.count), copied)
            }
        }
    }

    /// An empty text is not NULL.
    nonisolated(unsafe) private static let nothing: UnsafePointer<CChar> = {
        let place = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        place.initialize(to: 0)
        return UnsafePointer(place)
    }()

    private func failure(_ code: Int32) -> DatabaseError {
        let message = sqlite3_db_handle(sqliteStatement).flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) }
        return DatabaseError(resultCode: ResultCode(rawValue: code), message: message, sql: sql)
    }
}
