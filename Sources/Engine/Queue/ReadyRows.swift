import Contracts

/// Rows that may start next, read ahead: a lane for each job and priority, so that no job has to wait for the end of another.
struct ReadyRows {
    struct Lane {
        var job: Int64
        var priority: Priority
        /// In the order of the queue.
        var rows: ArraySlice<UploadRow>
        /// How many were asked for; when fewer came there are no more.
        var asked: Int
        var hasMore: Bool

        /// A person moved its first row to the front of the queue.
        var isMoved: Bool { rows.first.map { $0.position < 0 } ?? false }
        var isLow: Bool { hasMore && rows.count * 2 < asked }
    }

    /// Higher priority first, then the older job.
    private(set) var lanes: [Lane] = []
    /// There are rows that no lane knows of.
    private var mayMiss = false

    init() {}
    init(_ lanes: [Lane]) { self.lanes = lanes }

    var isEmpty: Bool { lanes.allSatisfy(\.rows.isEmpty) }
    var count: Int { lanes.reduce(0) { $0 + $1.rows.count } }
    var jobs: [Int64] { lanes.map(\.job) }
    /// It is time to read again.
    func isLow(below least: Int) -> Bool {
        lanes.isEmpty || lanes.contains(where: \.isLow) || (mayMiss && count < least)
    }

    mutating func moreMayCome() {
        mayMiss = true
        for index in lanes.indices { lanes[index].hasMore = true }
    }

    mutating func take(lane: Int, row: Int) -> UploadRow {
        // The first goes without moving the others: a row is half a kilobyte, and hundreds stand behind it.
        let taken = row == lanes[lane].rows.startIndex ? lanes[lane].rows.removeFirst() : lanes[lane].rows.remove(at: row)
        if lanes[lane].rows.isEmpty, !lanes[lane].hasMore { lanes.remove(at: lane) }
        return taken
    }

    func holds(job: Int64, priority: Priority) -> Bool { lanes.contains { $0.job == job && $0.priority == priority } }
}
