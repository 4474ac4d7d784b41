import Contracts

/// Local files at the left, objects at the right.
struct BrowseState: Sendable, Equatable {
    enum Side: Sendable, Equatable { case local, bucket }
    var side: Side = .local
    var local: Pane
    var bucket: Pane
    var showsHidden = false
    var showsComparison = false
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
        var name: [UInt8]
        var kind: Kind
        var size: Int64?
        /// Seconds since 1970.
        var modified: Int64?
        /// For `.remote`: what to list.
        var dest = ""

        var isFolder: Bool { kind == .folder || kind == .up || kind == .remote }
    }
    /// Absolute path, or destination with `/` at the end; empty in the bucket pane is the list of remotes.
    var place: String
    /// Where the listing under way goes; `nil` when none is.
    var loading: String?
    /// Everything listed, sorted: folders first, then by name.
    var all: [Item] = []
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
}
