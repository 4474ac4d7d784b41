import Contracts
import OSSProtocol

/// The rows of a script in their order, with their sums. Rows of the fill exist only while somebody looks at them or has changed them.
struct ScriptedRows: Sendable {
    private let start: Timestamp
    private let fill: Script.Fill?
    /// Named rows; they come first.
    let named: Int
    private var first: [UploadView]
    private var changed: [Int: UploadView] = [:]
    private(set) var counts: [UploadState: Int] = [:]
    private(set) var bytes: Int64 = 0
    private(set) var stored: Int64 = 0
    private(set) var resent: Int64 = 0

    init(_ script: Script, start: Timestamp) {
        self.start = start
        fill = script.fill
        first = (script.uploads ?? []).enumerated().map { $1.view(number: $0 + 1, at: start) }
        named = first.count
        for view in first { count(view, +1, times: 1) }
        if let fill, fill.count > 0 { count(fill.row.view(number: named + 1, at: start), +1, times: fill.count) }
    }

    var count: Int { named + (fill?.count ?? 0) }

    subscript(index: Int) -> UploadView {
        get {
            if index < named { return first[index] }
            return changed[index] ?? (fill?.row ?? Script.Row()).view(number: index + 1, at: start)
        }
        set {
            count(self[index], -1, times: 1)
            count(newValue, +1, times: 1)
            if index < named { first[index] = newValue } else { changed[index] = newValue }
        }
    }

    func index(_ id: String) -> Int? {
        guard id.hasPrefix("u-"), let number = Int(id.dropFirst(2)), (1...max(1, count)).contains(number), count > 0 else { return nil }
        return number - 1
    }

    private mutating func count(_ view: UploadView, _ sign: Int, times: Int) {
        counts[view.state, default: 0] += sign * times
        bytes += Int64(sign * times) * (view.size ?? 0)
        stored += Int64(sign * times) * view.stored
        resent += Int64(sign * times) * view.resent
    }
}
