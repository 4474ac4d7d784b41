import Contracts

/// What an action is about: the marked uploads if there are any, else the one under the cursor. Taken at the moment of the key.
struct Chosen: Sendable, Equatable {
    /// With ids or a query and without an action.
    var target: ActionRequest
    var count: Int
    /// `nil` when only the engine knows (a set kept by query).
    var facts: [Marks.Facts]?
    /// Of the one upload.
    var name: String?

    /// As the engine has added it up, where `facts` is `nil`.
    private var sums: [Int64]?

    var size: Int64? { facts.map { Formats.sum($0.map { $0.size ?? 0 }) } ?? sums?.first }
    var stored: Int64? { facts.map { Formats.sum($0.map(\.stored)) } ?? sums?.last }
    func count(_ states: Set<UploadState>) -> Int? { facts.map { $0.count { states.contains($0.state) } } }

    init(row: UploadView) {
        target = ActionRequest(action: "", ids: [row.id])
        count = 1
        facts = [Marks.Facts(size: row.size, stored: row.stored, state: row.state)]
        name = row.path
    }

    init(marks: Marks) {
        count = marks.count
        if let query = marks.query {
            var text = query
            if !marks.except.isEmpty {
                let ids = "not id:" + marks.except.sorted().joined(separator: ",")
                text = query.isEmpty ? ids : "(\(query)) and \(ids)"
            }
            target = text.isEmpty ? ActionRequest(action: "", all: true) : ActionRequest(action: "", query: text)
        } else {
            target = ActionRequest(action: "", ids: marks.ids.keys.sorted())
            facts = Array(marks.ids.values)
        }
    }

    /// From a command line or a filter: what is known is what a dry run has found.
    init(request: ActionRequest, found: ActionResult) {
        target = request
        count = found.matched
        if let bytes = found.bytes, let stored = found.stored { sums = [bytes, stored] }
    }

    func request(_ action: String, value: String? = nil) -> ActionRequest {
        ActionRequest(action: action, query: target.query, ids: target.ids, all: target.all, value: value)
    }
}

extension AppState {
    /// `nil` when there is nothing to act on.
    func chosen() -> Chosen? {
        if screen == .detail {
            guard let id = detail?.id else { return nil }
            if let row = mirror.detail?.upload, row.id == id { return Chosen(row: row) }
            return queue.window?.rows.first { $0.id == id }.map(Chosen.init(row:))
        }
        let list = self.list
        var marks = list.marks
        if let start = list.rangeStart {
            for position in min(start, list.cursor)...max(start, list.cursor) {
                if let row = list.row(at: position) { marks.set(row, true) }
            }
        }
        if !marks.isEmpty { return marks.count > 0 ? Chosen(marks: marks) : nil }
        return list.cursorRow.map(Chosen.init(row:))
    }
}
