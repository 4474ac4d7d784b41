import Contracts
import OSSProtocol

/// Noted edits in memory, for a played queue.
struct EditBook: Sendable {
    private var edits: [(id: Int64, at: Timestamp, edit: NotedEdit, isUndone: Bool)] = []
    private(set) var last: StatusView.DoneAction?

    mutating func note(_ edit: NotedEdit, replacing: Int64?, at: Timestamp) {
        if let replacing { edits.removeAll { $0.id == replacing } }
        edits.append((id: replacing ?? (edits.last?.id ?? 0) + 1, at: at, edit: edit, isUndone: false))
        if edits.count > QueueStore.mostEdits { edits.removeFirst() }
        tell(edit.kind.rawValue, by: edit.by, what: edit.what)
    }

    func noted(_ id: Int64?) -> (id: Int64, at: Timestamp, edit: NotedEdit)? {
        edits.last { !$0.isUndone && (id == nil || $0.id == id) }.map { ($0.id, $0.at, $0.edit) }
    }

    mutating func markUndone(_ id: Int64, by: String?) {
        guard let place = edits.firstIndex(where: { $0.id == id }) else { return }
        edits[place].isUndone = true
        tell("undo", by: by, what: edits[place].edit.what)
    }

    var views: [EditView] {
        edits.reversed().map {
            EditView(
                id: $0.id, at: $0.at.iso8601, action: $0.edit.kind.rawValue, by: $0.edit.by, uploads: 0, undone: $0.isUndone, undoable: true,
                what: $0.edit.what)
        }
    }

    private mutating func tell(_ action: String, by: String?, what: String) {
        last = StatusView.DoneAction(number: (last?.number ?? 0) + 1, action: action, by: by, uploads: 0, what: what)
    }
}
