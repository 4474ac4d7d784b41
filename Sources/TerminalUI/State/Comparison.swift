/// How an entry of one pane relates to the other pane.
enum Comparison: Sendable, Equatable {
    case onlyHere, onlyThere, same, differs, link, queued

    /// The character of the last column.
    var symbol: String {
        switch self {
        case .onlyHere: "+"
        case .onlyThere: "<"
        case .same: "="
        case .differs: "!"
        case .link: "@"
        case .queued: "q"
        }
    }
    var role: Role {
        switch self {
        case .onlyHere: .info
        case .differs: .warn
        case .queued: .stateQueued
        case .onlyThere, .same, .link: .muted
        }
    }
}

extension BrowseState {
    /// Entries that the pane shows, in order.
    func visible(_ pane: Pane) -> [Pane.Item] {
        if pane.filter.isEmpty, showsHidden || !pane.hasHidden { return pane.all }
        if isCurrent(pane) { return pane.shown.items }
        return pane.all.filter { item in
            if item.kind == .up { return true }
            if !showsHidden, item.name.first == UInt8(ascii: ".") || item.depth > 0 && item.ownName.first == UInt8(ascii: ".") { return false }
            return pane.filter.isEmpty || Search.contains(item.name, pane.filter)
        }
    }

    /// The sizes by name that comparisons look up; made anew with every listing.
    mutating func reindex() {
        local.index()
        bucket.index()
    }

    /// `nil` for what is not compared: directories, and anything while the right pane is not listed.
    func comparison(ofLocal item: Pane.Item) -> Comparison? {
        if case .link = item.kind { return .link }
        guard item.kind == .file, !bucket.place.isEmpty, bucket.isComplete, item.depth == 0 || bucket.levels[item.parent] != nil else {
            return nil
        }
        guard let there = bucket.sizes[item.name] else { return .onlyHere }
        return there == item.size ? .same : .differs
    }

    /// An upload of the queue has this file for its source.
    func isQueued(_ item: Pane.Item) -> Bool {
        queuedPlace.utf8.elementsEqual(local.place.utf8) && item.kind == .file && queued[item.name] != nil
    }

    func comparison(ofObject item: Pane.Item) -> Comparison? {
        guard item.kind == .file, item.depth == 0 || local.levels[item.parent] != nil else { return nil }
        guard let here = local.sizes[item.name] else { return .onlyThere }
        return here == item.size ? .same : .differs
    }

    /// What `a` would take: the marked entries, else the one under the cursor.
    var chosenLocal: [Pane.Item] {
        if !local.marks.isEmpty {
            // What lies in a marked directory goes up with it.
            return local.all.filter { local.marks.contains($0.name) && ($0.depth == 0 || !isBelowMark($0)) }
        }
        let items = visible(local)
        guard items.indices.contains(local.cursor), items[local.cursor].kind != .up else { return [] }
        return [items[local.cursor]]
    }

    private func isBelowMark(_ item: Pane.Item) -> Bool {
        var parent = item.parent
        while !parent.isEmpty {
            if local.marks.contains(parent) { return true }
            guard let slash = parent.lastIndex(of: UInt8(ascii: "/")) else { return false }
            parent = Array(parent[..<slash])
        }
        return false
    }
}

extension Pane {
    mutating func index() {
        sizes = [:]
        hasHidden = false
        hiddenCount = 0
        for item in all {
            if item.kind == .file, let size = item.size { sizes[item.name] = size }
            if item.kind != .up, item.ownName.first == UInt8(ascii: ".") { (hasHidden, hiddenCount) = (true, hiddenCount + 1) }
        }
    }

    /// Folders first, then natural order: `m2` before `m10`, small and capital letters together, bytes as the last word.
    static func isBefore(_ a: Item, _ b: Item) -> Bool {
        if a.isFolder != b.isFolder { return a.isFolder }
        return isNameBefore(a.name, b.name)
    }

    static func isNameBefore(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        switch natural(a, b) {
        case let order where order < 0: return true
        case let order where order > 0: return false
        default: return a.lexicographicallyPrecedes(b)
        }
    }

    private static func natural(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var i = 0
        var j = 0
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        while i < a.count, j < b.count {
            if digits.contains(a[i]), digits.contains(b[j]) {
                let first = number(a, &i)
                let second = number(b, &j)
                if first.count != second.count { return first.count - second.count }
                if first != second { return first.lexicographicallyPrecedes(second) ? -1 : 1 }
                continue
            }
            let (x, y) = (lower(a[i]), lower(b[j]))
            if x != y { return x < y ? -1 : 1 }
            i += 1
            j += 1
        }
        return (a.count - i) - (b.count - j)
    }

    /// Digits without leading zeros.
    private static func number(_ bytes: [UInt8], _ index: inout Int) -> [UInt8] {
        var result: [UInt8] = []
        while index < bytes.count, (48...57).contains(bytes[index]) {
            if !(result.isEmpty && bytes[index] == 48) { result.append(bytes[index]) }
            index += 1
        }
        return result
    }

    private static func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }
}
