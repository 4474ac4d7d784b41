import Contracts

/// The two panes of Browse.
extension AppState {
    mutating func beginBrowse() -> [Effect] {
        guard !browse.isBegun else { return [] }
        browse.isBegun = true
        var effects = openLocal(browse.local.place)
        if let place = browse.bucket.wantedPlace {
            effects += openBucket(place)
        } else if let remote = mirror.settings?.defaultRemote ?? mirror.status?.defaultRemote {
            effects += openBucket(remote + ":")
        } else {
            showRemotes()
        }
        return effects
    }

    mutating func openLocal(_ path: String) -> [Effect] {
        browse.local.loading = path
        return [.listLocal(path: path)]
    }

    /// - Parameter dest: empty shows the remotes.
    mutating func openBucket(_ dest: String) -> [Effect] {
        guard !dest.isEmpty else {
            showRemotes()
            return []
        }
        browse.bucket.loading = dest
        return [.listBucket(dest: dest, continuation: nil)]
    }

    mutating func showRemotes() {
        let remotes = mirror.settings?.remotes ?? []
        let marks = browse.bucket.wanted
        browse.bucket = Pane(place: "")
        browse.bucket.wanted = marks
        browse.bucket.isComplete = true
        browse.bucket.listedAt = now
        browse.bucket.levels = [
            []: remotes.map { remote in
                Pane.Item(name: Array((remote.name + ":").utf8), kind: .remote, size: nil, modified: nil, dest: remote.name + ":")
            }
        ]
        browse.bucket.setLevel([], browse.bucket.levels[[]] ?? [])
        browse.reindex()
        placeCursor(\.bucket)
    }

    mutating func performInBrowse(_ action: Action) -> [Effect] {
        if let target = Self.moved(browse.active.cursor, action, page: max(1, layout.listHeight)) {
            browse.active.cursor = target
            browse.scroll = 0
            clampBrowse()
            return []
        }
        switch action {
        case .nextPane, .previousPane:
            browse.side = browse.side == .local ? .bucket : .local
            return []
        case .open: return openItem()
        case .right: return unfoldItem()
        case .left: return foldItem()
        case .home:
            if browse.side == .local { return openLocal(options.homeFolder) }
            showRemotes()
            return []
        case .reload:
            return browse.side == .local ? openLocal(browse.local.place) : openBucket(browse.bucket.place)
        case .hidden:
            browse.showsHidden.toggle()
            say(browse.showsHidden ? "hidden files are shown" : "hidden files are not shown")
            clampBrowse()
            return []
        case .mark:
            toggleMark()
            return []
        case .range:
            if browse.active.rangeStart == nil {
                browse.active.rangeStart = browse.active.cursor
                say("range: move, then v ends it. Esc forgets it.", seconds: 60)
            } else {
                endBrowseRange()
            }
            return []
        case .markAll, .invertMarks:
            guard browse.side == .local else {
                say("marks are for local files: this program never changes what is in a bucket", .warn)
                return []
            }
            let names = Set(browse.visible(browse.local).filter { $0.kind != .up }.map(\.name))
            browse.local.marks = action == .markAll ? browse.local.marks.union(names) : names.subtracting(browse.local.marks)
            return []
        case .compare: return compare()
        case .add: return openAdd()
        case .reverseSort:
            sortPane(browse.side, by: PaneOrder(browse.active.order.key, isDescending: !browse.active.order.isDescending))
            return []
        case .scrollDown, .scrollUp:
            browse.scroll = max(0, browse.scroll + (action == .scrollDown ? 1 : -1))
            return []
        case .goTo: return openPrompt(.goTo)
        case .findNext, .findPrevious: return findInPane(step: action == .findNext ? 1 : -1)
        default:
            say("that does nothing here. ? help", .warn, seconds: 5)
            return []
        }
    }

    /// Right: shows a directory's entries below it; what has none is opened.
    private mutating func unfoldItem() -> [Effect] {
        let path: WritableKeyPath<BrowseState, Pane> = browse.side == .local ? \.local : \.bucket
        let items = browse.visible(browse.active)
        guard items.indices.contains(browse.active.cursor) else { return [] }
        let item = items[browse.active.cursor]
        guard item.kind == .folder, UTF8Length.isValid(item.name) else { return openItem() }
        if browse.active.isOpen(item) {
            if items.indices.contains(browse.active.cursor + 1), items[browse.active.cursor + 1].depth > item.depth { browse.active.cursor += 1 }
            clampBrowse()
            return []
        }
        guard item.depth < Self.mostDepth else { return openItem() }
        browse.active.unfolding.insert(item.name)
        let place = place(of: item.name, in: path)
        return browse.side == .local ? [.listLocal(path: place)] : [.listBucket(dest: place, continuation: nil)]
    }

    /// Deeper, names have no room: there the directory is gone to.
    private static let mostDepth = 8

    /// Left: folds a directory, then goes to the one above, then out of it.
    private mutating func foldItem() -> [Effect] {
        let items = browse.visible(browse.active)
        guard items.indices.contains(browse.active.cursor) else { return goUp() }
        let item = items[browse.active.cursor]
        if browse.active.isOpen(item) {
            browse.active.fold(item.name)
            browse.reindex()
            clampBrowse()
            return []
        }
        guard item.depth > 0, let above = items.firstIndex(where: { $0.name == item.parent }) else { return goUp() }
        browse.active.cursor = above
        clampBrowse()
        return []
    }

    mutating func sortPane(_ side: BrowseState.Side, by order: PaneOrder) {
        let path: WritableKeyPath<BrowseState, Pane> = side == .local ? \.local : \.bucket
        let kept = browse.visible(browse[keyPath: path]).dropFirst(browse[keyPath: path].cursor).first?.name
        browse[keyPath: path].sort(by: order)
        browse[keyPath: path].wanted = kept
        placeCursor(path)
        say("sorted by \(order.text)")
    }

    private mutating func openItem() -> [Effect] {
        let items = browse.visible(browse.active)
        guard items.indices.contains(browse.active.cursor) else { return [] }
        let item = items[browse.active.cursor]
        switch item.kind {
        case .up: return goUp()
        case .remote: return openBucket(item.dest)
        case .folder, .link:
            guard UTF8Length.isValid(item.name) else {
                say("this name is not UTF-8: it can be neither opened nor queued. Rename it first.", .warn)
                return []
            }
            let name = String(decoding: item.name, as: UTF8.self)
            return browse.side == .local ? openLocal(Paths.join(browse.local.place, name)) : openBucket(bucketPlace(below: name))
        case .file, .other:
            say(browse.side == .local ? "Space marks it, a adds it to the queue" : "an object: nothing to open")
            return []
        }
    }

    /// Of a folder below what the bucket pane shows.
    func bucketPlace(below name: String) -> String {
        let place = browse.bucket.place
        let isOpenEnded = place.utf8.last == UInt8(ascii: "/") || place.utf8.last == UInt8(ascii: ":")
        return place + (isOpenEnded ? "" : "/") + name + "/"
    }

    private mutating func goUp() -> [Effect] {
        if browse.side == .local {
            guard browse.local.place != "/" else { return [] }
            browse.local.wanted = Paths.name(browse.local.place)
            return openLocal(Paths.parent(browse.local.place))
        }
        guard !browse.bucket.place.isEmpty else { return [] }
        if let parent = Paths.parentDestination(browse.bucket.place) {
            var name = Array(browse.bucket.place.utf8.dropFirst(parent.utf8.count))
            if name.last == UInt8(ascii: "/") { name.removeLast() }
            browse.bucket.wanted = name
            return openBucket(parent)
        }
        browse.bucket.wanted = Array(browse.bucket.place.utf8)
        showRemotes()
        return []
    }

    private mutating func toggleMark(moves: Bool = true) {
        guard browse.side == .local else {
            say("marks are for local files: this program never changes what is in a bucket", .warn)
            return
        }
        let items = browse.visible(browse.local)
        guard items.indices.contains(browse.local.cursor) else { return }
        let item = items[browse.local.cursor]
        if item.kind != .up {
            if browse.local.marks.remove(item.name) == nil { browse.local.marks.insert(item.name) }
        }
        if moves { browse.local.cursor += 1 }
        clampBrowse()
    }

    mutating func endBrowseRange() {
        guard let start = browse.active.rangeStart else { return }
        browse.active.rangeStart = nil
        message = nil
        guard browse.side == .local else { return }
        let items = browse.visible(browse.local)
        for position in min(start, browse.local.cursor)...max(start, browse.local.cursor)
        where items.indices.contains(position) && items[position].kind != .up {
            browse.local.marks.insert(items[position].name)
        }
    }

    mutating func closeBrowseLayer() -> [Effect] {
        if browse.active.rangeStart != nil {
            browse.active.rangeStart = nil
        } else if !browse.active.filter.isEmpty {
            browse.active.filter = ""
            clampBrowse()
        } else if browse.showsComparison {
            browse.showsComparison = false
        } else {
            browse.local.marks = []
        }
        return []
    }

    private mutating func compare() -> [Effect] {
        guard !browse.bucket.place.isEmpty, browse.bucket.isComplete, browse.bucket.problem == nil else {
            let why =
                browse.bucket.place.isEmpty
                ? "open a bucket at the right first" : "the right pane is not listed completely; R lists it again"
            say("cannot compare: \(why)", .warn)
            return []
        }
        browse.showsComparison = true
        var new = 0
        var differing = 0
        var same = 0
        var marks: Set<[UInt8]> = []
        for item in browse.visible(browse.local) where item.kind == .file {
            switch browse.comparison(ofLocal: item) {
            case .onlyHere:
                new += 1
                marks.insert(item.name)
            case .differs:
                differing += 1
                marks.insert(item.name)
            case .same: same += 1
            default: break
            }
        }
        browse.local.marks = marks
        say("by name and size: \(new) only here and \(differing) different are marked; \(same) the same", seconds: 30)
        return []
    }

    mutating func findInPane(step: Int) -> [Effect] {
        guard let wanted = promptHistory[.find]?.last, !wanted.isEmpty else {
            say("nothing was looked for yet; / finds")
            return []
        }
        let items = browse.visible(browse.active)
        var position = browse.active.cursor + step
        while items.indices.contains(position) {
            if Search.contains(items[position].name, wanted) {
                browse.active.cursor = position
                clampBrowse()
                return []
            }
            position += step
        }
        say("no further match for \(wanted)")
        return []
    }

    mutating func scrollBrowse(by step: Int, at column: Int) -> [Effect] {
        if let inspector = BrowseColumns(size).inspector, column >= inspector.column {
            browse.scroll = max(0, browse.scroll + step)
            return []
        }
        let path: WritableKeyPath<BrowseState, Pane> = column < BrowseColumns(size).divider ? \.local : \.bucket
        let height = max(1, layout.listHeight)
        var pane = browse[keyPath: path]
        let count = browse.visible(pane).count
        pane.top = max(0, min(pane.top + step, max(0, count - height)))
        pane.cursor = max(pane.top, min(pane.cursor, min(count, pane.top + height) - 1))
        browse[keyPath: path] = pane
        return []
    }

    mutating func clickBrowse(_ index: Int, at column: Int, isShifted: Bool) -> [Effect] {
        let columns = BrowseColumns(size)
        if columns.inspector.map({ column >= $0.column }) ?? false { return [] }
        browse.side = column < columns.divider ? .local : .bucket
        let position = browse.active.top + index
        guard position < browse.visible(browse.active).count else { return [] }
        let start = browse.side == .local ? 0 : columns.right
        if isShifted || column == start + 1 {
            if isShifted, browse.active.rangeStart == nil { browse.active.rangeStart = browse.active.cursor }
            browse.active.cursor = position
            if isShifted { endBrowseRange() } else { toggleMark(moves: false) }
            return []
        }
        browse.scroll = 0
        if position == browse.active.cursor { return openItem() }
        browse.active.cursor = position
        return []
    }
}
