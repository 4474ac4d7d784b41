import OSSProtocol

/// Keys in byte order with what belongs to them. New keys wait beside the order until somebody lists.
struct KeyIndex<Value> {
    private var values: [ObjectKey: Value] = [:]
    private var ordered: [ObjectKey] = []
    private var added: Set<ObjectKey> = []
    private var removed: Set<ObjectKey> = []

    var count: Int { values.count }
    var isEmpty: Bool { values.isEmpty }

    subscript(key: ObjectKey) -> Value? {
        get { values[key] }
        set {
            let old = values[key]
            values[key] = newValue
            switch (old, newValue) {
            case (nil, .some): if removed.remove(key) == nil { added.insert(key) }
            case (.some, nil): if added.remove(key) == nil { removed.insert(key) }
            default: break
            }
        }
    }

    /// All keys in byte order.
    mutating func sortedKeys() -> [ObjectKey] {
        if added.isEmpty, removed.isEmpty { return ordered }
        let fresh = added.sorted()
        var merged: [ObjectKey] = []
        merged.reserveCapacity(values.count)
        var next = 0
        for key in ordered where removed.isEmpty || !removed.contains(key) {
            while next < fresh.count, fresh[next] < key {
                merged.append(fresh[next])
                next += 1
            }
            merged.append(key)
        }
        merged += fresh[next...]
        ordered = merged
        added.removeAll(keepingCapacity: true)
        removed.removeAll(keepingCapacity: true)
        return ordered
    }
}

/// One page of keys, as all listings of OSS make it.
struct KeyPage: Sendable, Equatable {
    enum Entry: Sendable, Equatable {
        case key(ObjectKey)
        /// What the delimiter folded.
        case prefix(ObjectKey)

        var name: ObjectKey {
            switch self {
            case .key(let key), .prefix(let key): key
            }
        }
    }

    var entries: [Entry] = []
    /// The last name of the page, where more follow.
    var next: ObjectKey?

    /// - Parameters:
    ///   - keys: in byte order.
    ///   - after: only names greater than it; a folded prefix counts as the name that it is.
    init(of keys: [ObjectKey], prefix: [UInt8], delimiter: [UInt8], after: ObjectKey?, limit: Int) {
        var place = KeyPage.first(in: keys) { !$0.utf8.lexicographicallyPrecedes(prefix) }
        if let after {
            place = max(place, KeyPage.first(in: keys) { after < $0 })
            if let folded = KeyPage.fold(after.utf8, prefix, delimiter), folded.utf8 == after.utf8 {
                place = KeyPage.past(folded, in: keys, from: place)
            }
        }
        while place < keys.count, keys[place].utf8.starts(with: prefix) {
            guard entries.count < limit else {
                next = entries.last?.name
                return
            }
            if let folded = KeyPage.fold(keys[place].utf8, prefix, delimiter) {
                entries.append(.prefix(folded))
                place = KeyPage.past(folded, in: keys, from: place)
            } else {
                entries.append(.key(keys[place]))
                place += 1
            }
        }
    }

    private static func fold(_ key: [UInt8], _ prefix: [UInt8], _ delimiter: [UInt8]) -> ObjectKey? {
        guard let first = delimiter.first, key.starts(with: prefix) else { return nil }
        var place = prefix.count
        while place + delimiter.count <= key.count {
            if key[place] == first, key[place..<(place + delimiter.count)].elementsEqual(delimiter) {
                return ObjectKey(utf8: Array(key[..<(place + delimiter.count)]))
            }
            place += 1
        }
        return nil
    }

    /// The first place after all keys that begin with `prefix`.
    private static func past(_ prefix: ObjectKey, in keys: [ObjectKey], from: Int) -> Int {
        first(in: keys, from: from) { prefix < $0 && !$0.utf8.starts(with: prefix.utf8) }
    }

    /// Binary search: `holds` is false up to some place and true from there on.
    private static func first(in keys: [ObjectKey], from: Int = 0, where holds: (ObjectKey) -> Bool) -> Int {
        var (low, high) = (from, keys.count)
        while low < high {
            let middle = low + (high - low) / 2
            if holds(keys[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
