import Contracts
import GRDB
import OSSProtocol
import Platform

/// A change of something else than uploads, kept among the last edits so that it can be taken back, also after a restart.
public struct NotedEdit: Sendable, Equatable {
    public enum Kind: String, Sendable { case limits, configuration }
    public var kind: Kind
    public var by: String?
    /// For people: `limit up 150 MiB/s -> 200 MiB/s`.
    public var what: String
    /// What takes it back, in the words of whoever noted it.
    public var takeBack: String
    public init(kind: Kind, by: String?, what: String, takeBack: String) {
        (self.kind, self.by, self.what, self.takeBack) = (kind, by, what, takeBack)
    }
}

/// Edits that the control half makes and takes back itself.
public protocol EditService: Sendable {
    /// - Parameter replacing: the id of the edit that this one goes on with: many steps of one number are one edit.
    func note(_ edit: NotedEdit, replacing: Int64?) async throws(OrderError)
    /// - Parameter id: `nil` for the newest that was not undone.
    /// - Returns: `nil` when that one is an edit of uploads, or was undone, or is not there.
    func noted(_ id: Int64?) async throws(OrderError) -> (id: Int64, at: Timestamp, edit: NotedEdit)?
    /// - Parameter by: who took it back.
    func markUndone(_ id: Int64, by: String?) async throws(OrderError)
    /// The configuration was read anew.
    func adopt(_ settings: EngineSettings) async
}

extension EngineLoop {
    /// Characters.
    static let longestNote = 400

    public func note(_ edit: NotedEdit, replacing: Int64?) async throws(OrderError) {
        let (at, what, by) = (clocks.wall(), String(edit.what.prefix(Self.longestNote)), edit.by.map { String($0.prefix(Self.longestName)) })
        do {
            try await writeNow { db in
                if let replacing {
                    try db.execute(
                        sql: "UPDATE edits SET at = ?, what = ?, takeBack = ? WHERE id = ?",
                        arguments: [at.milliseconds, what, edit.takeBack, replacing])
                } else {
                    try db.execute(
                        sql: "INSERT INTO edits (at, action, by, what, takeBack) VALUES (?, ?, ?, ?, ?)",
                        arguments: [at.milliseconds, edit.kind.rawValue, by, what, edit.takeBack])
                }
            }
        } catch { throw storeFailure(error) }
        tellEdit(edit.kind.rawValue, by: by, what: what)
    }

    public func noted(_ id: Int64?) async throws(OrderError) -> (id: Int64, at: Timestamp, edit: NotedEdit)? {
        do {
            return try await store.read { db in
                let chosen = id == nil ? "isUndone = 0 ORDER BY id DESC LIMIT 1" : "isUndone = 0 AND id = ?"
                guard
                    let row = try Row.fetchOne(
                        db, sql: "SELECT id, at, action, by, what, takeBack FROM edits WHERE \(chosen)", arguments: id.map { [$0] } ?? []),
                    let kind = NotedEdit.Kind(rawValue: row[2]), let what: String = row[4], let takeBack: String = row[5]
                else { return nil }
                return (row[0], Timestamp(milliseconds: row[1]), NotedEdit(kind: kind, by: row[3], what: what, takeBack: takeBack))
            }
        } catch { throw storeFailure(error) }
    }

    public func markUndone(_ id: Int64, by: String?) async throws(OrderError) {
        let what = Lock<String?>(nil)
        do {
            try await writeNow { db in
                try db.execute(sql: "UPDATE edits SET isUndone = 1 WHERE id = ?", arguments: [id])
                let text = try String.fetchOne(db, sql: "SELECT what FROM edits WHERE id = ?", arguments: [id])
                what.withLock { $0 = text }
            }
        } catch { throw storeFailure(error) }
        tellEdit("undo", by: by.map { String($0.prefix(Self.longestName)) }, what: what.withLock { $0 } ?? "")
    }

    /// The other front ends say who did what.
    private func tellEdit(_ action: String, by: String?, what: String) {
        doneAction = StatusView.DoneAction(number: (doneAction?.number ?? 0) + 1, action: action, by: by, uploads: 0, what: what)
        changed()
    }
}
