import Contracts

/// What the front end is told about its surroundings when it starts.
public struct ViewOptions: Sendable, Equatable {
    public var symbols: SymbolSet
    public var rules: TextRules
    /// Action keys are refused.
    public var isReadOnly: Bool
    /// Absolute; shown as `~` at the beginning of paths.
    public var homeFolder: String
    /// Absolute: where the local pane begins.
    public var startFolder: String
    /// Who presses the keys, for messages to other front ends.
    public var userName: String?
    /// Seconds local time is ahead of UTC.
    public var zone: Int
    public var keys: KeyMap
    /// Nothing moves on the screen but after a key or a failure, and the message row speaks in sentences.
    public var isQuiet: Bool
    public var isMouseOn: Bool
    public var language: Language
    /// The theme in use, and all that can be had.
    public var theme: String
    public var themes: [String]
    /// What the Settings screen says of this terminal and of where things lie: label and value.
    public var facts: [SettingFact]
    public init(
        symbols: SymbolSet = .unicode, rules: TextRules = TextRules(), isReadOnly: Bool = false, homeFolder: String = "/",
        startFolder: String = "/", userName: String? = nil, zone: Int = 0, keys: KeyMap = .standard, isQuiet: Bool = false, isMouseOn: Bool = true, language: Language = .english, theme: String = "auto",
        themes: [String] = [], facts: [SettingFact] = []
    ) {
        self.symbols = symbols
        self.rules = rules
        self.isReadOnly = isReadOnly
        self.homeFolder = homeFolder
        self.startFolder = startFolder
        self.userName = userName
        self.zone = zone
        self.keys = keys
        self.isQuiet = isQuiet
        self.isMouseOn = isMouseOn
        self.language = language
        self.theme = theme
        self.themes = themes
        self.facts = facts
    }
}

/// A line of the Settings screen that the front end's surroundings decide.
public struct SettingFact: Sendable, Equatable {
    public var label: String
    public var value: String
    public init(_ label: String, _ value: String) { (self.label, self.value) = (label, value) }
}

/// The tabs, and the detail of one upload.
public enum Screen: String, Sendable, Hashable, CaseIterable {
    case queue, browse, history, log, access, settings, detail
}

/// Everything the front end knows: the mirror of the engine, which is replaced and never edited, and its own view of it, which
/// names uploads by id. `reduce` is the only writer, `render` the only reader that draws.
public struct AppState: Sendable, Equatable {
    public internal(set) var size: Size
    /// Milliseconds since 1970.
    public internal(set) var now: Int64
    public internal(set) var options: ViewOptions
    public internal(set) var mirror = Mirror()
    public internal(set) var screen: Screen = .queue
    /// Where `q` in the detail goes back to.
    var detailReturn: Screen = .queue
    var queue = RowList()
    var history = RowList()
    var historyPages = HistoryPages()
    var hidesFinished = false
    var browse: BrowseState
    /// Events of the upload under the cursor that are scrolled away in the inspector.
    var inspectorScroll = 0
    var detail: DetailState?
    var access = AccessState()
    var settingsCursor = 0
    var slow = SlowMode()
    /// The last edits as last asked for, the newest first.
    var edits: [EditView] = []
    var limitsChangedAt: Int64?
    var log = LogState()
    /// Saved under `:view save`, by name.
    var views: [String: SavedView] = [:]
    var commandsUsed: [UsedCommand] = []
    /// Something has happened that must be seen at once; whoever draws calls `drawn`.
    public internal(set) var isDue = true
    /// Position of the mark that the mouse was pressed on.
    var pressed: Int?
    /// The upload that quiet mode has read out last.
    var spokenID: String?
    /// When the graph's numbers were taken, on a slow line.
    var graphAt: Int64 = 0
    var overlays: [Overlay] = []
    var message: Message?
    var toast: Toast?
    /// The first key of `y p`, `y u`, `y i`, `y e`.
    var isCopyPending = false
    /// When Ctrl-C was pressed on a bare screen; a second one within two seconds leaves.
    var interruptedAt: Int64?
    /// Actions sent and not answered yet: more than `mostActions` are refused.
    var actionsUnderWay = 0
    /// What the pending question wanted to know before it is asked.
    var dryRun: PendingDryRun?
    var lastKeyAt: Int64 = .min
    /// Absolute paths that were pasted and are offered to `a`.
    var pastedPaths: [String] = []
    var promptHistory: [PromptKind: [String]] = [:]
    var nextVersion = 1
    var isLinkSlow = false
    private let beganAt: Int64
    private static let calmAfter: Int64 = 10_000

    /// Nothing moves and nobody has pressed a key for a while: seconds are not worth sending, they would be all that changes.
    var isCalm: Bool { mirror.link == .up && !isMoving && now - max(lastKeyAt, beganAt) >= Self.calmAfter }
    /// When an action of this front end was sent or answered.
    var actedAt: Int64?

    public init(options: ViewOptions = ViewOptions(), size: Size = Size(columns: 80, rows: 24), now: Int64 = 0) {
        self.options = options
        self.size = size
        self.now = now
        beganAt = now
        browse = BrowseState(folder: options.startFolder)
    }

    static let mostActions = 20
}

/// The engine as last heard of.
public struct Mirror: Sendable, Equatable {
    public enum Link: Sendable, Equatable {
        case connecting
        case up
        /// Times in milliseconds.
        case lost(since: Int64, reason: String, attempt: Int, nextAt: Int64)
    }
    public internal(set) var link: Link = .connecting
    public internal(set) var status: StatusView?
    /// When `status` came, milliseconds.
    var statusAt: Int64 = 0
    public internal(set) var settings: SettingsView?
    /// The detail last answered, of the row under the cursor or of the detail screen.
    var detail: UploadDetail?
    /// The id that was asked for and not answered yet.
    var detailAsked: String?

    var isLost: Bool { if case .lost = link { true } else { false } }
}

/// A list of uploads seen through a window of rows.
struct RowList: Sendable, Equatable {
    /// In the language of `davit queue`; empty is everything.
    var query = ""
    /// Empty is the engine's own order.
    var sort = ""
    /// The last result that belongs to `query`; kept when a newer query is wrong.
    var window: WindowAnswer?
    /// Version of the request under way.
    var asked: Int?
    /// Offset of the last request.
    var askedOffset = 0
    var askedCount = 0
    /// Another window is wanted as soon as the one under way has come.
    var isStale = true
    /// Position of the cursor in the whole list, and the upload it stays on.
    var cursor = 0
    var cursorID: String?
    var top = 0
    var marks = Marks()
    /// Where a range began.
    var rangeStart: Int?
    /// What is wrong with `query`, in the engine's words.
    var queryProblem: String?

    init(query: String = "", sort: String = "") { (self.query, self.sort) = (query, sort) }

    var total: Int { window?.total ?? 0 }

    func row(at position: Int) -> UploadView? {
        guard let window, position >= window.offset, position < window.offset + window.rows.count else { return nil }
        return window.rows[position - window.offset]
    }
    var cursorRow: UploadView? { row(at: cursor) }

    func isMarked(_ row: UploadView, at position: Int) -> Bool {
        if let rangeStart, (min(rangeStart, cursor)...max(rangeStart, cursor)).contains(position) { return true }
        return marks.contains(row.id)
    }
}

/// Which uploads are marked: some ids, or everything a filter shows less some ids, so that marking a million costs nothing.
struct Marks: Sendable, Equatable {
    /// What was known of an upload when it was last seen.
    struct Facts: Sendable, Equatable {
        var size: Int64?
        var stored: Int64
        var state: UploadState
    }
    var ids: [String: Facts] = [:]
    /// Everything this query matches is marked; `ids` is empty then.
    var query: String?
    var queryCount = 0
    var except: Set<String> = []

    var isEmpty: Bool { query == nil && ids.isEmpty }
    var count: Int { query == nil ? ids.count : max(0, queryCount - except.count) }

    func contains(_ id: String) -> Bool { query == nil ? ids[id] != nil : !except.contains(id) }

    mutating func set(_ row: UploadView, _ isOn: Bool) {
        if query != nil {
            if isOn { except.remove(row.id) } else { except.insert(row.id) }
        } else {
            ids[row.id] = isOn ? Facts(size: row.size, stored: row.stored, state: row.state) : nil
        }
    }
    /// Newer facts of rows that are marked anyway.
    mutating func refresh(_ rows: [UploadView]) {
        guard query == nil, !ids.isEmpty else { return }
        for row in rows where ids[row.id] != nil { ids[row.id] = Facts(size: row.size, stored: row.stored, state: row.state) }
    }
}

/// One sentence for the row above the hints.
struct Message: Sendable, Equatable {
    var text: String
    var role: Role = .info
    /// Milliseconds; `nil` stays until the next key.
    var until: Int64?
}

/// A failure that must be seen; it never takes the focus.
struct Toast: Sendable, Equatable {
    var uploadID: String
    var title: String
    var lines: [String]
    /// Equal errors since.
    var more = 0
    var code: String
}

struct DetailState: Sendable, Equatable {
    enum Section: String, Sendable, CaseIterable {
        case parts = "Parts"
        case events = "Events"
        case object = "Object"
        case errors = "Errors"
    }
    var id: String
    var section: Section = .parts
    /// Part number of the cursor in the map, from 1.
    var part = 1
    var scroll = 0
    /// The map takes the whole screen.
    var isZoomed = false
    /// Long lines of events and errors take as many rows as they need.
    var wraps = false
    /// The upload is gone from the engine.
    var isGone = false
}

/// What a dry run was made for.
struct PendingDryRun: Sendable, Equatable {
    var request: ActionRequest
    /// The key that asked for it: it never answers the question that comes of it.
    var openedBy: Key
}
