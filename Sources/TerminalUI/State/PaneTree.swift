/// In which order a pane shows its entries; directories always come first.
struct PaneOrder: Sendable, Equatable {
    enum Key: String, Sendable, CaseIterable { case name, size, modified }
    var key = Key.name
    var isDescending = false

    /// `size-`, as the prompt takes it.
    var text: String { key.rawValue + (isDescending ? "-" : "") }

    init(_ key: Key = .name, isDescending: Bool = false) { (self.key, self.isDescending) = (key, isDescending) }

    init?(_ text: String) {
        let isDescending = text.hasSuffix("-")
        guard let key = Key(rawValue: isDescending ? String(text.dropLast()) : text) else { return nil }
        self.init(key, isDescending: isDescending)
    }
}

/// A pane's directories as a tree: each level is kept in its order, what is drawn is the levels that are unfolded, one below the other.
extension Pane {
    /// Replaces what is known of a directory; `parent` is empty for the pane's own.
    mutating func setLevel(_ parent: [UInt8], _ items: [Item]) {
        levels[parent] = ordered(items)
        if parent.isEmpty {
            // Directories that are gone take what was below them along.
            let folders = Set(items.lazy.filter { $0.kind == .folder }.map(\.name))
            for open in levels.keys where !open.isEmpty && !folders.contains(Array(open.prefix { $0 != UInt8(ascii: "/") })) { levels[open] = nil }
        }
        flatten()
    }

    /// Another page of it: merged, so that a long listing is not sorted anew with every page.
    mutating func addToLevel(_ parent: [UInt8], _ items: [Item]) {
        let (old, new) = (levels[parent] ?? [], ordered(items))
        var merged: [Item] = []
        merged.reserveCapacity(old.count + new.count)
        var next = new.startIndex
        for item in old {
            while next < new.endIndex, isBefore(new[next], item) {
                merged.append(new[next])
                next += 1
            }
            merged.append(item)
        }
        merged += new[next...]
        levels[parent] = merged
        flatten()
    }

    mutating func fold(_ folder: [UInt8]) {
        for open in levels.keys where open.elementsEqual(folder) || open.starts(with: folder + [UInt8(ascii: "/")]) { levels[open] = nil }
        unfolding.remove(folder)
        flatten()
    }

    mutating func sort(by order: PaneOrder) {
        self.order = order
        for (parent, items) in levels { levels[parent] = ordered(items) }
        flatten()
    }

    func isOpen(_ item: Item) -> Bool { item.kind == .folder && levels[item.name] != nil }

    private func isBefore(_ a: Item, _ b: Item) -> Bool {
        // In the configuration's order.
        if a.kind == .remote, b.kind == .remote { return false }
        guard order != PaneOrder(), a.isFolder == b.isFolder else { return Pane.isBefore(a, b) }
        let (first, second) = order.isDescending ? (b, a) : (a, b)
        switch order.key {
        case .size where first.size != second.size: return first.size ?? -1 < second.size ?? -1
        case .modified where first.modified != second.modified: return first.modified ?? .min < second.modified ?? .min
        default: return Pane.isBefore(first, second)
        }
    }

    /// Listings mostly come in order: then nothing is moved.
    private func ordered(_ items: [Item]) -> [Item] {
        for index in items.indices.dropFirst() where isBefore(items[index], items[index - 1]) { return items.sorted(by: isBefore) }
        return items
    }

    private mutating func flatten() {
        let top = levels[[]] ?? []
        var items: [Item] = []
        items.reserveCapacity(top.count + 1)
        if hasParent { items.append(Item(name: Array("..".utf8), kind: .up)) }
        if levels.count <= 1 { items += top } else { append(top, depth: 0, to: &items) }
        all = items
    }

    private func append(_ level: [Item], depth: Int, to items: inout [Item]) {
        for var item in level {
            item.depth = depth
            items.append(item)
            if item.kind == .folder, let below = levels[item.name] { append(below, depth: depth + 1, to: &items) }
        }
    }
}

extension Pane.Item {
    /// The name in its own directory.
    var ownName: [UInt8] {
        guard depth > 0, let slash = name.lastIndex(of: UInt8(ascii: "/")) else { return name }
        return Array(name[(slash + 1)...])
    }
    /// The directory that it lies in; empty for the pane's own.
    var parent: [UInt8] {
        guard let slash = name.lastIndex(of: UInt8(ascii: "/")), kind != .remote else { return [] }
        return Array(name[..<slash])
    }
}

extension BrowseState {
    /// Entries that a filter or hidden files leave, made once for many looks at them.
    struct Shown: Sendable, Equatable {
        var generation = -1
        var filter = ""
        var showsHidden = false
        var items: [Pane.Item] = []
    }

    func isCurrent(_ pane: Pane) -> Bool {
        pane.shown.generation == pane.generation && pane.shown.showsHidden == showsHidden && pane.shown.filter.utf8.elementsEqual(pane.filter.utf8)
    }

    /// To be called when something has happened; does nothing when nothing of this has changed.
    mutating func refreshShown() {
        for path in [\BrowseState.local, \BrowseState.bucket] {
            let pane = self[keyPath: path]
            guard !pane.filter.isEmpty || !showsHidden && pane.hasHidden, !isCurrent(pane) else { continue }
            self[keyPath: path].shown = Shown(
                generation: pane.generation, filter: pane.filter, showsHidden: showsHidden, items: visible(pane))
        }
    }
}
