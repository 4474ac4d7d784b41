import Contracts

/// Listings of directories and buckets as they arrive.
extension AppState {
    mutating func onListing(_ event: AppEvent) -> [Effect] {
        switch event {
        case .localListing(let path, let entries):
            guard Self.isSame(browse.local.loading, path) else { return [] }
            var items = entries.map { entry in
                let kind: Pane.Item.Kind =
                    switch entry.kind {
                    case .file: .file
                    case .directory: .folder
                    case .link(let target): .link(target: target)
                    case .other: .other
                    }
                return Pane.Item(name: entry.name, kind: kind, size: kind == .file ? entry.size : nil, modified: entry.modified)
            }
            items.sort(by: Pane.isBefore)
            if path != "/" { items.insert(Pane.Item(name: Array("..".utf8), kind: .up), at: 0) }
            arrive(\.local, at: path, items: items)
            return []
        case .localListingFailed(let path, let problem):
            guard Self.isSame(browse.local.loading, path) else { return [] }
            browse.local.loading = nil
            browse.local.problem = problem
            say(problem, .error)
            return []
        case .bucketListing(let dest, let result): return onObjects(dest, result)
        case .bucketListingFailed(let dest, let problem):
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
        guard Self.isSame(browse.bucket.loading, dest) else { return [] }
        let prefix = Array(result.prefix.utf8)
        var items: [Pane.Item] = result.items.compactMap { entry in
            let key = Array(entry.key.utf8)
            guard key.starts(with: prefix) else { return nil }
            var name = Array(key.dropFirst(prefix.count))
            if entry.isPrefix, name.last == UInt8(ascii: "/") { name.removeLast() }
            // The object that stands for the directory itself.
            guard !name.isEmpty else { return nil }
            return Pane.Item(
                name: name, kind: entry.isPrefix ? .folder : .file, size: entry.size,
                modified: entry.modified.flatMap(LocalTime.milliseconds).map { $0 / 1000 })
        }
        if browse.bucket.continuation != nil, Self.isSame(browse.bucket.place, dest) {
            items = browse.bucket.all.filter { $0.kind != .up } + items
        }
        items.sort(by: Pane.isBefore)
        items.insert(Pane.Item(name: Array("..".utf8), kind: .up), at: 0)
        browse.bucket.shownPlace = "oss://\(result.bucket)/\(result.prefix)"
        arrive(\.bucket, at: dest, items: items)
        browse.bucket.continuation = result.continuation
        browse.bucket.isComplete = result.continuation == nil
        browse.reindex()
        guard let continuation = result.continuation, items.count < Self.mostObjects else { return [] }
        browse.bucket.loading = dest
        return [.listBucket(dest: dest, continuation: continuation)]
    }

    /// Bytes decide: two spellings of one accented name are two places.
    static func isSame(_ first: String?, _ second: String) -> Bool { first.map { $0.utf8.elementsEqual(second.utf8) } ?? false }

    private mutating func arrive(_ path: WritableKeyPath<BrowseState, Pane>, at place: String, items: [Pane.Item]) {
        let isSamePlace = Self.isSame(browse[keyPath: path].place, place) && browse[keyPath: path].listedAt != nil
        let kept = isSamePlace ? browse.visible(browse[keyPath: path]).dropFirst(browse[keyPath: path].cursor).first?.name : nil
        if !isSamePlace {
            browse[keyPath: path].marks = []
            browse[keyPath: path].filter = ""
            browse[keyPath: path].cursor = 0
            browse[keyPath: path].top = 0
            browse[keyPath: path].rangeStart = nil
            browse.showsComparison = false
        } else {
            let names = Set(items.map(\.name))
            browse[keyPath: path].marks.formIntersection(names)
            if browse[keyPath: path].wanted == nil { browse[keyPath: path].wanted = kept }
        }
        browse[keyPath: path].place = place
        browse[keyPath: path].loading = nil
        browse[keyPath: path].problem = nil
        browse[keyPath: path].listedAt = now
        browse[keyPath: path].all = items
        browse[keyPath: path].isComplete = true
        browse[keyPath: path].continuation = nil
        browse.reindex()
        placeCursor(path)
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
