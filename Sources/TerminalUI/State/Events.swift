import Contracts

/// An entry of a local directory. Names are bytes: they need not be UTF-8.
public struct LocalEntry: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case file, directory
        /// A symbolic link with what it points to.
        case link(target: [UInt8])
        /// Pipe, socket, device: shown, never queued.
        case other
    }
    public var name: [UInt8]
    public var kind: Kind
    /// Bytes; meaningless for directories.
    public var size: Int64
    /// Seconds since 1970, UTC.
    public var modified: Int64
    public init(name: [UInt8], kind: Kind, size: Int64, modified: Int64) {
        (self.name, self.kind, self.size, self.modified) = (name, kind, size, modified)
    }

    /// The order in which Browse shows a directory: directories first, `m2` before `m10`.
    public static func isBefore(_ a: LocalEntry, _ b: LocalEntry) -> Bool {
        if (a.kind == .directory) != (b.kind == .directory) { return a.kind == .directory }
        return Pane.isNameBefore(a.name, b.name)
    }
}

/// The engine's answer to `Effect.fetchWindow`, with that request's version.
public struct WindowAnswer: Sendable, Equatable {
    public var version: Int
    /// Position of the first row in the whole list, from 0.
    public var offset: Int
    /// Rows of the whole list.
    public var total: Int
    public var rows: [UploadView]
    public init(version: Int, offset: Int, total: Int, rows: [UploadView]) {
        (self.version, self.offset, self.total, self.rows) = (version, offset, total, rows)
    }
}

/// Everything that can happen to the front end. Times are milliseconds since 1970 of one clock that never jumps back.
public enum AppEvent: Sendable, Equatable {
    case key(Key, at: Int64)
    case paste(String)
    case burst(String)
    case mouse(MouseEvent, at: Int64)
    case resize(Size)
    /// About once a second.
    case tick(now: Int64)
    /// The last frame has left for the terminal: from here the type-ahead guard of a question counts.
    case painted(at: Int64)
    /// The terminal takes long to draw what it is sent.
    case linkIsSlow(Bool)
    /// Seconds local time is ahead of UTC.
    case zone(seconds: Int)

    case status(StatusView)
    case window(WindowAnswer)
    /// The engine refused the window: a query it does not understand, or an error.
    case windowFailed(version: Int, message: String)
    /// A page of what has ended; a failure is `.windowFailed`.
    case historyPage(version: Int, HistoryPage)
    /// Lines of the engine's log, the newest last: all that is to be shown, or what was written since.
    case logLines([LogLine], isWhole: Bool)
    case logFailed(String)
    case auth(AuthStatus)
    /// What `auth test` found, a line a check.
    case authChecked(scope: String, [AuthCheck])
    case authFailed(scope: String, message: String)
    /// Every saved view, at the start and after one was saved.
    case views([String: SavedView])
    case viewFailed(String)
    /// Another theme is on the screen.
    case themeLoaded(name: String)
    /// `FILE:LINE:COLUMN: error: …`.
    case themeFailed(String)
    /// One upload changed its state; pushed by the engine.
    case upload(UploadView)
    /// `nil`: there is no such upload any more.
    case detail(id: String, UploadDetail?)
    /// A directory's entries, best in the order of `LocalEntry.isBefore`. When they are not `isWhole`, the first of them: the rest follows.
    case localListing(path: String, entries: [LocalEntry], isWhole: Bool = true)
    /// So many entries of a directory that is being read.
    case localCount(path: String, Int)
    /// Uploads of the queue that lie in a local folder, by the name there.
    case queued(folder: String, [String: UploadState])
    case localListingFailed(path: String, message: String)
    case bucketListing(dest: String, ListResult)
    case bucketListingFailed(dest: String, message: String)
    case actionDone(ActionResult)
    case actionFailed(String)
    case jobAdded(JobView)
    case addFailed(String)
    /// What an order would do, while it is counted and when it is; with the version of `Effect.plan`.
    case planProgress(version: Int, PlanProgress)
    case planned(version: Int, PlanView)
    case planFailed(version: Int, message: String)
    case limitsChanged(LimitsView)
    case limitsFailed(String)
    case settings(SettingsView)
    /// What was done and can be taken back, the newest first.
    case edits([EditView])
    case configurationChanged(ConfigurationResult)
    /// `FILE:LINE:COLUMN: error: …`, or why it could not be tried.
    case configurationFailed(String)
    /// `attempt` counts from 1, `nextIn` is seconds.
    case engineLost(reason: String, attempt: Int, nextIn: Int)
    case engineBack
    /// A theme error, a clipboard answer: one sentence for the message row.
    case notice(String)
    case suspendResumed
}

/// How the operator leaves. The uploads go on after `detach`.
public enum LeaveKind: Sendable, Equatable { case detach }

/// What the front end asks of the world, as data.
public enum Effect: Sendable, Equatable {
    /// `query` and `sort` in the language of `davit queue`; an empty `sort` is the engine's order. Answer: `.window` or `.windowFailed`.
    case fetchWindow(offset: Int, count: Int, query: String, sort: String, version: Int)
    case fetchDetail(id: String)
    /// Answer: `.historyPage` or `.windowFailed`. `after` is an earlier page's `next`.
    case fetchHistory(query: String, sort: String, after: String?, count: Int, version: Int)
    /// The end of the engine's log, or what was written since the last time: `.logLines`.
    case readLog(isWhole: Bool)
    case fetchAuth
    /// A remote's name, or an `oss://` destination.
    case testAuth(scope: String)
    case renewAuth(scope: String)
    case loadTheme(name: String)
    case saveView(name: String, SavedView)
    case act(ActionRequest)
    case listLocal(path: String)
    /// Answer `.queued`.
    case fetchQueued(folder: String)
    /// `dest` ends with `/`; answer `.bucketListing` with the same `dest`.
    case listBucket(dest: String, continuation: String?)
    case add(sources: [String], dest: String, options: OrderOptions)
    /// Counts what such an order would do. One at a time: the newest ends the one before.
    /// `checks`: the destination is tried too, which begins an upload there and ends it.
    case plan(sources: [String], dest: String, options: OrderOptions, checks: Bool, version: Int)
    case stopPlan
    case setLimits(LimitsChange)
    /// Answer: `.configurationChanged` or `.configurationFailed`.
    case changeConfiguration(ConfigurationChange)
    case fetchSettings
    case fetchEdits
    case leave(LeaveKind)
    /// End when the running uploads have ended; then the front end leaves.
    case engineFinish
    /// Stop now; uploads resume when an engine starts again; then the front end leaves.
    case engineStop
    case reconnect
    case suspend
    /// Draw from nothing.
    case redraw
    /// OSC 52.
    case copy(String)
    case beep
}
