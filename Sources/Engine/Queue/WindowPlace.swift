import Contracts

/// Behind which row a window begins, as that row stood when the window before it was read: what has become of it since does not matter.
///
/// As text it is `next` of one page and `after` of the following: `STATE.PRIORITY.POSITION.ID.TOTAL`.
struct WindowPlace: Sendable, Equatable {
    var state: Int64
    var priority: Int64
    var position: Int64
    var id: Int64
    /// Of all matching uploads, counted for the first page only.
    var total: Int

    init(_ row: UploadRow, total: Int) {
        (state, priority) = (Int64(row.state.code), Int64(row.priority.code))
        (position, id, self.total) = (row.position, row.id, total)
    }

    /// `nil` for any other text, such as an upload's id.
    init?(_ text: String) {
        let numbers = text.split(separator: ".", omittingEmptySubsequences: false).map { Int64($0) }
        guard numbers.count == 5, let state = numbers[0], let priority = numbers[1], let position = numbers[2], let id = numbers[3],
            let total = numbers[4].flatMap({ Int(exactly: $0) }), total >= 0
        else { return nil }
        (self.state, self.priority, self.position, self.id, self.total) = (state, priority, position, id, total)
    }

    var text: String { "\(state).\(priority).\(position).\(id).\(total)" }
}
