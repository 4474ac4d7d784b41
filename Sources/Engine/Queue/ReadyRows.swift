import Contracts

/// Rows that may start next, read ahead: a lane for each job and priority, so that no job has to wait for the end of another.
struct ReadyRows {
    struct Lane {
        var job: Int64
        var priority: Priority
        /// In the order of the queue.
        var rows: ArraySlice<UploadRow>
        /// How many it should hold; when fewer came there are no more.
        var asked: Int
        var hasMore: Bool
        /// The last row that was read; `nil` when there was none.
        var end: Place?
        /// What was read goes on behind the rows that were there already.
        var isContinued = false

        /// A person moved its first row to the front of the queue.
        var isMoved: Bool { rows.first.map { $0.position < 0 } ?? false }
        var isLow: Bool { hasMore && rows.count * 2 < asked }
    }

    /// The place of a row in its lane: rows that come later stand behind it.
    struct Place: Sendable, Equatable {
        var position: Int64
        var id: Int64
    }

    /// A lane that can be read on, so that no row is read twice.
    struct Known: Sendable {
        var job: Int64
        var priority: Priority
        /// Rows that it still holds.
        var count: Int
        var end: Place
    }

    /// Higher priority first, then the older job.
    private(set) var lanes: [Lane] = []
    /// There are rows that no lane knows of.
    private var mayMiss = false

    var isEmpty: Bool { lanes.allSatisfy(\.rows.isEmpty) }
    var count: Int { lanes.reduce(0) { $0 + $1.rows.count } }
    var jobs: [Int64] { lanes.map(\.job) }
    /// New rows never stand before place 0, but they may before one that was moved to the end of the queue.
    var known: [Known] {
        lanes.compactMap { lane in
            guard let end = lane.end, end.position <= 0 else { return nil }
            return Known(job: lane.job, priority: lane.priority, count: lane.rows.count, end: end)
        }
    }
    /// It is time to read again.
    func isLow(below least: Int) -> Bool {
        lanes.isEmpty || lanes.contains(where: \.isLow) || (mayMiss && count < least)
    }

    mutating func moreMayCome() {
        mayMiss = true
        for index in lanes.indices { lanes[index].hasMore = true }
    }

    /// What was read now, behind what is left of the lanes that it continues.
    mutating func add(_ found: [Lane]) {
        let before = lanes
        lanes = found.map { lane in
            guard lane.isContinued, var rows = before.first(where: { $0.job == lane.job && $0.priority == lane.priority })?.rows else {
                return lane
            }
            var lane = lane
            rows += lane.rows
            lane.rows = rows
            return lane
        }
        lanes.removeAll { $0.rows.isEmpty && !$0.hasMore }
        mayMiss = false
    }

    mutating func take(lane: Int, row: Int) -> UploadRow {
        // The first goes without moving the others: a row is half a kilobyte, and hundreds stand behind it.
        let taken = row == lanes[lane].rows.startIndex ? lanes[lane].rows.removeFirst() : lanes[lane].rows.remove(at: row)
        if lanes[lane].rows.isEmpty, !lanes[lane].hasMore { lanes.remove(at: lane) }
        return taken
    }

    func holds(job: Int64, priority: Priority) -> Bool { lanes.contains { $0.job == job && $0.priority == priority } }
}
