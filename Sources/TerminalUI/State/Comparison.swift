/// How an entry of one pane relates to the other pane.
enum Comparison: Sendable, Equatable {
    case onlyHere, onlyThere, same, differs, link

    /// The character of the last column.
    var symbol: String {
        switch self {
        case .onlyHere: "+"
        case .onlyThere: "<"
        case .same: "="
        case .differs: "!"
        case .link: "@"
        }
    }
    var role: Role {
        switch self {
        case .onlyHere: .info
        case .differs: .warn
        case .onlyThere, .same, .link: .muted
        }
    }
}

extension BrowseState {
    /// Entries that the pane shows, in order.
    func visible(_ pane: Pane) -> [Pane.Item] {
        if pane.filter.isEmpty, showsHidden || !pane.hasHidden { return pane.all }
        return pane.all.filter { item in
            if item.kind == .up { return true }
            if !showsHidden, item.name.first == UInt8(ascii: ".") { return false }
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
        guard item.kind == .file, !bucket.place.isEmpty, bucket.isComplete else { return nil }
        guard let there = bucket.sizes[item.name] else { return .onlyHere }
        return there == item.size ? .same : .differs
    }

    func comparison(ofObject item: Pane.Item) -> Comparison? {
        guard item.kind == .file else { return nil }
        guard let here = local.sizes[item.name] else { return .onlyThere }
        return here == item.size ? .same : .differs
    }

    /// What `a` would take: the marked entries, else the one under the cursor.
    var chosenLocal: [Pane.Item] {
        if !local.marks.isEmpty { return local.all.filter { local.marks.contains($0.name) } }
        let items = visible(local)
        guard items.indices.contains(local.cursor), items[local.cursor].kind != .up else { return [] }
        return [items[local.cursor]]
    }
}

extension Pane {
    mutating func index() {
        sizes = [:]
        hasHidden = false
        for item in all {
            if item.kind == .file, let size = item.size { sizes[item.name] = size }
            if item.kind != .up, item.name.first == UInt8(ascii: ".") { hasHidden = true }
        }
    }

    /// Folders first, then natural order: `m2` before `m10`, small and capital letters together, bytes as the last word.
    static func isBefore(_ a: Item, _ b: Item) -> Bool {
        if a.isFolder != b.isFolder { return a.isFolder }
        switch natural(a.name, b.name) {
        case let order where order < 0: return true
        case let order where order > 0: return false
        default: return a.name.lexicographicallyPrecedes(b.name)
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
