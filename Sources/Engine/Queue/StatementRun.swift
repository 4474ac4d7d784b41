import GRDB
import GRDBSQLite

extension Statement {
    /// Executes a prepared change with these values, one for each `?` in order: what `execute(arguments:)` does, at a tenth of its cost.
    /// For statements that run once an upload.
    func run(_ give: (inout StatementValues) throws -> Void = { _ in }) throws {
        defer { sqlite3_reset(sqliteStatement) }
        var values = StatementValues(sqliteStatement)
        try give(&values)
        var code = sqlite3_step(sqliteStatement)
        while code == SQLITE_ROW { code = sqlite3_step(sqliteStatement) }
        guard code == SQLITE_DONE else { throw failure(code) }
    }

    /// As `run`, with values that SQLite reads where they are: they have to stay until it returns.
    func run(at place: UnsafeRawPointer, _ give: (inout StatementValues) -> Void) throws {
        // Nothing of them is bound any more when they are gone.
        defer { sqlite3_clear_bindings(sqliteStatement) }
        try run { values in
            values.texts = place
            give(&values)
        }
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

    private func failure(_ code: Int32) -> DatabaseError {
        let message = sqlite3_db_handle(sqliteStatement).flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) }
        return DatabaseError(resultCode: ResultCode(rawValue: code), message: message, sql: sql)
    }
}

/// Hands values to SQLite one after the other, without a box around each.
struct StatementValues {
    private let statement: OpaquePointer
    private var place: Int32 = 0
    /// Where texts lie that stay until the statement has run.
    fileprivate var texts: UnsafeRawPointer?
    /// SQLite copies texts: they are gone before it is done with them.
    private static var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

    fileprivate init(_ statement: OpaquePointer) { self.statement = statement }

    mutating func add(_ number: Int64?) {
        place += 1
        if let number { sqlite3_bind_int64(statement, place, number) } else { sqlite3_bind_null(statement, place) }
    }

    mutating func add(_ number: Int) { add(Int64(number)) }
    mutating func add(_ flag: Bool?) { add(flag.map { $0 ? 1 : 0 }) }

    /// A text that stays until the statement has run; its bytes in the memory that was given.
    mutating func add(textAt bytes: Range<Int>) {
        place += 1
        let start = texts.map { ($0 + bytes.lowerBound).assumingMemoryBound(to: CChar.self) }
        sqlite3_bind_text(statement, place, start, Int32(bytes.count), nil)
    }

    mutating func add(_ text: String?) {
        guard var text else { return add(nil as Int64?) }
        place += 1
        text.withUTF8 { utf8 in
            // An empty text is not NULL.
            guard let start = utf8.baseAddress else {
                sqlite3_bind_text(statement, place, "", 0, StatementValues.copied)
                return
            }
            start.withMemoryRebound(to: CChar.self, capacity: utf8.count) {
                _ = sqlite3_bind_text(statement, place, $0, Int32(utf8.count), StatementValues.copied)
            }
        }
    }
}
