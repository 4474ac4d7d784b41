import OSSProtocol

/// What listings have told of a destination so far: windows of neighbouring keys, each complete between its ends.
///
/// Pages of a listing are noted as they come, in any order; a key inside a window is answered without a request. Bounded: of the oldest
/// window nothing is known any more when there are too many, nor of one that is too old: others write there too.
public struct ListedKeys: Sendable {
    /// What stands under a key.
    public struct Entry: Sendable, Equatable {
        /// Bytes.
        public var size: Int64
        public var modified: Timestamp?
        public init(size: Int64, modified: Timestamp?) { (self.size, self.modified) = (size, modified) }
    }

    public enum Answer: Sendable, Equatable {
        /// No window covers it.
        case unknown
        case absent
        case present(Entry)
    }

    /// Of at most 1,000 keys each.
    public static let mostWindows = 8
    public static let life = Duration.seconds(300)

    private struct Window {
        /// Not itself part of it.
        var after: ObjectKey
        /// Itself part of it; `nil`: there is no greater key.
        var through: ObjectKey?
        var keys: [ObjectKey]
        var entries: [Entry]
        var listed: Timestamp

        func covers(_ key: ObjectKey) -> Bool { after < key && (through.map { key <= $0 } ?? true) }
    }

    private var windows: [Window] = []

    public init() {}

    /// - Parameters:
    ///   - after: where the page was asked to begin.
    ///   - page: in ascending order of keys.
    ///   - isLast: nothing follows it.
    public mutating func note(after: ObjectKey, _ page: [(key: ObjectKey, entry: Entry)], isLast: Bool, at now: Timestamp) {
        let through = isLast ? nil : page.last?.key
        guard isLast || through != nil else { return }
        windows.append(Window(after: after, through: through, keys: page.map(\.key), entries: page.map(\.entry), listed: now))
        if windows.count > ListedKeys.mostWindows { windows.removeFirst() }
    }

    public func answer(for key: ObjectKey, at now: Timestamp) -> Answer {
        // The newest one knows best.
        guard let window = windows.last(where: { $0.covers(key) && now - $0.listed < ListedKeys.life }) else { return .unknown }
        var (low, high) = (0, window.keys.count)
        while low < high {
            let middle = (low + high) / 2
            if window.keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low < window.keys.count && window.keys[low] == key ? .present(window.entries[low]) : .absent
    }

    /// A key before this one with, as good as always, no other key between them: where a page has to begin to tell about this one. Text,
    /// since it travels as text.
    public static func before(_ key: ObjectKey) -> ObjectKey {
        var bytes = key.utf8
        guard let last = bytes.popLast() else { return ObjectKey("") }
        // A letter before the last one and the greatest of ASCII. Keys are at most 1,023 bytes, and so is what a page begins after.
        if last > UInt8(ascii: "!"), last < 0x7F {
            bytes.append(last - 1)
            if bytes.count < 1_023 { bytes.append(UInt8(ascii: "~")) }
            return ObjectKey(utf8: bytes)
        }
        // Without the last character whole: shorter is less.
        while let byte = bytes.last, last >= 0x80, byte & 0xC0 == 0x80 { bytes.removeLast() }
        if last >= 0x80 { bytes.removeLast() }
        return ObjectKey(utf8: bytes)
    }
}
