/// What a front end keeps between two runs: where it looked, not what it saw. JSON in the driver's hands; unknown fields are ignored.
public struct SavedView: Codable, Sendable, Equatable {
    public var screen: String?
    public var cursor: Int?
    public var cursorID: String?
    public var top: Int?
    public var query: String?
    public var sort: String?
    public var hidesFinished: Bool?
    public var marks: [String]?
    public var marksQuery: String?
    public var marksExcept: [String]?
    public var localFolder: String?
    public var bucketPlace: String?
    public var showsHidden: Bool?
    public var slowRate: Int64?
    /// The limit that slow mode stands in for.
    public var slowBefore: String?

    public init() {}

    /// Letters, digits, `-` and `_`, at most 40: it becomes part of a file's name.
    public static func isName(_ name: String) -> Bool {
        (1...40).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || Array("-_".utf8).contains(byte)
            }
    }

    /// More marked ids than this are not kept.
    static let mostMarks = 10_000
}

extension AppState {
    /// What to keep for the next run.
    public var savedView: SavedView {
        var view = SavedView()
        view.screen = (screen == .detail ? detailReturn : screen).rawValue
        view.cursor = queue.cursor
        view.cursorID = queue.cursorID
        view.top = queue.top
        view.query = queue.query
        view.sort = queue.sort
        view.hidesFinished = hidesFinished
        view.marks = Array(queue.marks.ids.keys.sorted().prefix(SavedView.mostMarks))
        view.marksQuery = queue.marks.query
        view.marksExcept = Array(queue.marks.except.sorted().prefix(SavedView.mostMarks))
        view.localFolder = browse.isBegun ? browse.local.place : nil
        view.bucketPlace = browse.isBegun ? browse.bucket.place : nil
        view.showsHidden = browse.showsHidden
        view.slowRate = slow.rate
        view.slowBefore = slow.before
        return view
    }

    /// Takes up an earlier view; to be called before the first event. What no longer exists is simply not found again.
    public mutating func restore(_ view: SavedView) {
        screen = view.screen.flatMap(Screen.init(rawValue:)) ?? .queue
        // Browse begins with a listing and the detail with an answer: both are one key away.
        if screen == .detail || screen == .browse { screen = .queue }
        queue.cursor = max(0, view.cursor ?? 0)
        queue.cursorID = view.cursorID
        queue.top = max(0, min(view.top ?? 0, queue.cursor))
        queue.query = view.query ?? ""
        queue.sort = view.sort ?? ""
        hidesFinished = view.hidesFinished ?? false
        for id in (view.marks ?? []).prefix(SavedView.mostMarks) {
            queue.marks.ids[id] = Marks.Facts(size: nil, stored: 0, state: .queued)
        }
        if let query = view.marksQuery {
            queue.marks.ids = [:]
            queue.marks.query = query
            queue.marks.except = Set((view.marksExcept ?? []).prefix(SavedView.mostMarks))
        }
        if let folder = view.localFolder, folder.utf8.first == UInt8(ascii: "/") { browse.local.place = folder }
        browse.bucket.wantedPlace = view.bucketPlace
        browse.showsHidden = view.showsHidden ?? false
        if let rate = view.slowRate, rate > 0 { slow.rate = rate }
        slow.before = view.slowBefore
    }
}
