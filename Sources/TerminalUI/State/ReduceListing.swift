import Contracts

/// Listings of directories and buckets as they arrive.
extension AppState {
    mutating func onListing(_ event: AppEvent) -> [Effect] {
        switch event {
        case .localListing(let path, let entries, let isWhole):
            let folder = Self.isSame(browse.local.loading, path) ? [] : unfolding(\.local, path)
            guard let folder else { return [] }
            let prefix = folder.isEmpty ? [] : folder + [UInt8(ascii: "/")]
            let items = entries.map { entry in
                let kind: Pane.Item.Kind =
                    switch entry.kind {
                    case .file: .file
                    case .directory: .folder
                    case .link(let target): .link(target: target)
                    case .other: .other
                    }
                return Pane.Item(
                    name: prefix + entry.name, kind: kind, size: kind == .file ? entry.size : nil, modified: entry.modified)
            }
            if !folder.isEmpty {
                if isWhole { unfold(\.local, folder, items) }
                return []
            }
            arrive(\.local, at: path, items: items, isWhole: isWhole)
            return isWhole ? askQueued() : []
        case .localCount(let path, let count):
            if Self.isSame(browse.local.loading, path) { browse.local.countSoFar = count }
            return []
        case .queued(let folder, let states):
            guard Self.isSame(browse.local.place, folder) else { return [] }
            browse.queuedPlace = folder
            browse.queued = [:]
            for (name, state) in states { browse.queued[Array(name.utf8)] = state }
            return []
        case .localListingFailed(let path, let problem):
            if let folder = unfolding(\.local, path) { browse.local.unfolding.remove(folder) } else {
                guard Self.isSame(browse.local.loading, path) else { return [] }
                browse.local.loading = nil
                browse.local.problem = problem
            }
            say(problem, .error)
            return []
        case .bucketListing(let dest, let result): return onObjects(dest, result)
        case .bucketListingFailed(let dest, let problem):
            if let folder = unfolding(\.bucket, dest) {
                browse.bucket.unfolding.remove(folder)
                say("Could not list \(dest) \(problem)", .error, seconds: 30)
                return []
            }
            guard Self.isSame(browse.bucket.loading, dest) else { return [] }
            browse.bucket.loading = nil
            browse.bucket.problem = problem
            // A place that was never listed must not look like an empty one.
            if browse.bucket.listedAt == nil { browse.bucket.place = dest }
            if !Self.isSame(browse.bucket.place, dest) || browse.bucket.listedAt == nil {
                say("Could not list \(dest) \(problem)", .error, seconds: 30)
            }
            return []
        default: return []
        }
    }

    /// Listing goes on by itself up to this many entries; beyond, the pane says that it is cut.
    static let mostObjects = 100_000

    private mutating func onObjects(_ dest: String, _ result: ListResult) -> [Effect] {
        let folder = Self.isSame(browse.bucket.loading, dest) ? [] : unfolding(\.bucket, dest)
        guard let folder else { return [] }
        let prefix = Array(result.prefix.utf8)
        let above = folder.isEmpty ? [] : folder + [UInt8(ascii: "/")]
        let items: [Pane.Item] = result.items.compactMap { entry in
            let key = Array(entry.key.utf8)
            guard key.starts(with: prefix) else { return nil }
            var name = Array(key.dropFirst(prefix.count))
            if entry.isPrefix, name.last == UInt8(ascii: "/") { name.removeLast() }
            // The object that stands for the directory itself.
            guard !name.isEmpty else { return nil }
            return Pane.Item(
                name: above + name, kind: entry.isPrefix ? .folder : .file, size: entry.size,
                modified: entry.modified.flatMap(LocalTime.milliseconds).map { $0 / 1000 }, etag: entry.etag, storageClass: entry.storageClass)
        }
        if !folder.isEmpty {
            if browse.bucket.levels[folder] == nil { unfold(\.bucket, folder, items) } else { browse.bucket.addToLevel(folder, items) }
            browse.reindex()
            clampBrowse()
            guard let continuation = result.continuation, browse.bucket.all.count < Self.mostObjects else { return [] }
            browse.bucket.unfolding.insert(folder)
            return [.listBucket(dest: dest, continuation: continuation)]
        }
        browse.bucket.shownPlace = "oss://\(result.bucket)/\(result.prefix)"
        let isNextPage = browse.bucket.continuation != nil && Self.isSame(browse.bucket.place, dest)
        arrive(\.bucket, at: dest, items: items, isWhole: result.continuation == nil, isNextPage: isNextPage)
        browse.bucket.continuation = result.continuation
        browse.bucket.isComplete = result.continuation == nil
        guard let continuation = result.continuation, browse.bucket.all.count < Self.mostObjects else { return [] }
        browse.bucket.loading = dest
        return [.listBucket(dest: dest, continuation: continuation)]
    }

    /// Bytes decide: two spellings of one accented name are two places.
    static func isSame(_ first: String?, _ second: String) -> Bool { first.map { $0.utf8.elementsEqual(second.utf8) } ?? false }

    /// The directory of a listing that was asked for to be unfolded; `nil` when it was not.
    private func unfolding(_ path: WritableKeyPath<BrowseState, Pane>, _ place: String) -> [UInt8]? {
        let pane = browse[keyPath: path]
        return pane.unfolding.first { Self.isSame(self.place(of: $0, in: path), place) }
    }

    /// Where a directory of a pane is listed.
    func place(of folder: [UInt8], in path: WritableKeyPath<BrowseState, Pane>) -> String {
        let name = String(decoding: folder, as: UTF8.self)
        return path == \.local ? Paths.join(browse.local.place, name) : bucketPlace(below: name)
    }

    private mutating func unfold(_ path: WritableKeyPath<BrowseState, Pane>, _ folder: [UInt8], _ items: [Pane.Item]) {
        browse[keyPath: path].unfolding.remove(folder)
        let kept = browse.visible(browse[keyPath: path]).dropFirst(browse[keyPath: path].cursor).first?.name
        browse[keyPath: path].setLevel(folder, items)
        browse.reindex()
        browse[keyPath: path].wanted = kept
        placeCursor(path)
    }

    private mutating func arrive(
        _ path: WritableKeyPath<BrowseState, Pane>, at place: String, items: [Pane.Item], isWhole: Bool = true, isNextPage: Bool = false
    ) {
        let isSamePlace = Self.isSame(browse[keyPath: path].place, place) && browse[keyPath: path].listedAt != nil
        let kept = isSamePlace ? browse.visible(browse[keyPath: path]).dropFirst(browse[keyPath: path].cursor).first?.name : nil
        if !isSamePlace {
            browse[keyPath: path].marks = []
            browse[keyPath: path].filter = ""
            browse[keyPath: path].cursor = 0
            browse[keyPath: path].top = 0
            browse[keyPath: path].rangeStart = nil
            browse[keyPath: path].levels = [:]
            browse[keyPath: path].unfolding = []
            browse.showsComparison = false
        } else {
            if browse[keyPath: path].wanted == nil { browse[keyPath: path].wanted = kept }
        }
        browse[keyPath: path].place = place
        if isWhole || path == \.bucket { browse[keyPath: path].loading = nil }
        browse[keyPath: path].countSoFar = nil
        browse[keyPath: path].problem = nil
        browse[keyPath: path].listedAt = now
        browse[keyPath: path].hasParent = path == \.bucket || place != "/"
        if isNextPage { browse[keyPath: path].addToLevel([], items) } else { browse[keyPath: path].setLevel([], items) }
        if isSamePlace, isWhole, !isNextPage, !browse[keyPath: path].marks.isEmpty {
            browse[keyPath: path].marks.formIntersection(Set(browse[keyPath: path].all.map(\.name)))
        }
        browse[keyPath: path].isComplete = isWhole
        browse[keyPath: path].continuation = nil
        // What nothing is compared with yet needs no index: a long listing comes in a hundred pages.
        if isWhole { browse[keyPath: path].index() } else if items.contains(where: { $0.name.first == UInt8(ascii: ".") }) {
            browse[keyPath: path].hasHidden = true
        }
        let wanted = browse[keyPath: path].wanted
        placeCursor(path)
        // What is not among the first entries may be among the rest.
        if !isWhole { browse[keyPath: path].wanted = wanted }
    }

    /// Which files of the local pane are in the queue already.
    mutating func askQueued() -> [Effect] {
        guard mirror.link == .up, browse.isBegun, browse.local.listedAt != nil else { return [] }
        browse.queuedAskedAt = now
        return [.fetchQueued(folder: browse.local.place)]
    }

    mutating func placeCursor(_ path: WritableKeyPath<BrowseState, Pane>) {
        if let wanted = browse[keyPath: path].wanted,
            let index = browse.visible(browse[keyPath: path]).firstIndex(where: { $0.name == wanted })
        {
            browse[keyPath: path].cursor = index
        }
        browse[keyPath: path].wanted = nil
        clampBrowse()
    }

    mutating func clampBrowse() {
        let height = max(1, Layout(browse: size).listHeight)
        for path in [\BrowseState.local, \BrowseState.bucket] {
            let count = browse.visible(browse[keyPath: path]).count
            var pane = browse[keyPath: path]
            pane.cursor = max(0, min(pane.cursor, count - 1))
            if pane.cursor < pane.top { pane.top = pane.cursor }
            if pane.cursor >= pane.top + height { pane.top = pane.cursor - height + 1 }
            pane.top = max(0, min(pane.top, max(0, count - height)))
            browse[keyPath: path] = pane
        }
    }
}
