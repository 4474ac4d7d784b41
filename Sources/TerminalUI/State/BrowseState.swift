import Contracts

/// Local files at the left, objects at the right.
struct BrowseState: Sendable, Equatable {
    enum Side: Sendable, Equatable { case local, bucket }
    var side: Side = .local
    var local: Pane
    var bucket: Pane
    var showsHidden = false
    var showsComparison = false
    /// How far the inspector is scrolled; the next entry begins at its top.
    var scroll = 0
    /// States of uploads of the queue whose source lies in the local pane, by name.
    var queued: [[UInt8]: UploadState] = [:]
    /// When they were asked for, and of which directory. Milliseconds.
    var queuedAskedAt: Int64 = 0
    var queuedPlace = ""
    var isBegun = false

    init(folder: String) {
        local = Pane(place: folder)
        bucket = Pane(place: "")
    }

    var active: Pane {
        get { side == .local ? local : bucket }
        set { if side == .local { local = newValue } else { bucket = newValue } }
    }
}

/// One directory or prefix.
struct Pane: Sendable, Equatable {
    struct Item: Sendable, Equatable {
        enum Kind: Sendable, Equatable {
            case up, folder, file
            case link(target: [UInt8])
            case other, remote
        }
        /// Below the pane's place: what lies in unfolded directories has their names and slashes in front.
        var name: [UInt8]
        var kind: Kind
        var size: Int64?
        /// Seconds since 1970.
        var modified: Int64?
        /// For `.remote`: what to list.
        var dest = ""
        /// Directories that are unfolded above it.
        var depth = 0
        var etag: String?
        var storageClass: String?

        var isFolder: Bool { kind == .folder || kind == .up || kind == .remote }
    }
    /// Absolute path, or destination with `/` at the end; empty in the bucket pane is the list of remotes.
    var place: String
    /// Where the listing under way goes; `nil` when none is.
    var loading: String?
    /// Everything listed and unfolded, in its order: made of `levels`.
    var all: [Item] = [] { didSet { generation &+= 1 } }
    private(set) var generation = 0
    /// By the directory below the pane's place, which is the empty name.
    var levels: [[UInt8]: [Item]] = [:]
    /// Directories whose listing was asked for to be unfolded.
    var unfolding: Set<[UInt8]> = []
    var order = PaneOrder()
    /// There is a directory above.
    var hasParent = false
    var shown = BrowseState.Shown()
    /// Entries of a listing that has not ended, where they are counted before they are handed over.
    var countSoFar: Int?
    /// Of a bucket listing whose next page has not come.
    var continuation: String?
    var isComplete = false
    /// Why the last listing failed; `all` is then what was listed before.
    var problem: String?
    /// Milliseconds.
    var listedAt: Int64?
    var filter = ""
    var cursor = 0
    var top = 0
    var marks: Set<[UInt8]> = []
    /// `oss://BUCKET/PREFIX` as the engine named it.
    var shownPlace: String?
    /// A child to put the cursor on when the listing comes: the directory one came from.
    var wanted: [UInt8]?
    /// Where the pane was in the last run.
    var wantedPlace: String?
    var rangeStart: Int?
    /// Sizes of the files by name, for comparisons.
    var sizes: [[UInt8]: Int64] = [:]
    var hasHidden = false
    var hiddenCount = 0
}
