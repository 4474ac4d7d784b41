import Contracts

/// The newest state of each upload that changed lately, in the order of its id, once for all readers: what a reader has seen is a place
/// in it, so that a change costs the same whether nobody follows or twenty do.
struct EventLog {
    /// A change as all readers get it; turned into text once, whoever asks first.
    final class Change {
        let id: UInt64
        let view: UploadView
        /// The same upload has changed again.
        fileprivate(set) var isOutdated = false
        lazy var frame: [UInt8] = EventFrame.bytes(id: id, event: "upload", data: ContractJSON.text(of: view))
        init(id: UInt64, view: UploadView) { (self.id, self.view) = (id, view) }
    }

    /// Uploads remembered for readers that are behind or come back.
    private let mostKept: Int
    /// Those of `newest`, and outdated ones that were not swept out yet.
    private var changes: [Change] = []
    private var newest: [String: Change] = [:]
    /// Ids at or below it may have been forgotten.
    private(set) var forgotten: UInt64

    init(mostKept: Int, forgotten: UInt64) { (self.mostKept, self.forgotten) = (mostKept, forgotten) }

    /// - Parameter change: its id is above all others.
    mutating func add(_ change: Change) {
        newest.updateValue(change, forKey: change.view.id)?.isOutdated = true
        changes.append(change)
        // Swept when half is outdated, so that sweeping costs each change twice its place at most.
        if changes.count > 2 * max(newest.count, mostKept) { changes.removeAll(where: \.isOutdated) }
    }

    /// Where more is kept than should be: the id up to which the oldest quarter is to be forgotten.
    mutating func edge() -> UInt64? {
        guard newest.count > mostKept else { return nil }
        changes.removeAll(where: \.isOutdated)
        return changes[mostKept / 4].id
    }

    mutating func forget(upTo id: UInt64) {
        let kept = changes.firstIndex { $0.id > id } ?? changes.count
        for change in changes[..<kept] where !change.isOutdated { newest[change.view.id] = nil }
        changes.removeFirst(kept)
        forgotten = max(forgotten, id)
    }

    /// Everything up to that id.
    mutating func forgetAll(upTo id: UInt64) { (forgotten, changes, newest) = (id, [], [:]) }

    /// What is true still of what came behind that id, in order.
    func changes(after id: UInt64) -> some Sequence<Change> {
        // The first that is behind: ids grow.
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].id > id { high = middle } else { low = middle + 1 }
        }
        return changes[low...].lazy.filter { !$0.isOutdated }
    }
}

/// One server-sent event as it is written.
enum EventFrame {
    static func bytes(id: UInt64, event: String, data: [UInt8]) -> [UInt8] {
        var bytes = Array("id: \(id)\nevent: \(event)\ndata: ".utf8)
        bytes.reserveCapacity(bytes.count + data.count + 2)
        bytes += data
        bytes += [0x0A, 0x0A]
        return bytes
    }
}
