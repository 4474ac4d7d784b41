import Glibc

/// The names of one folder in the order of their bytes, one after the other in one buffer: a million names of 20 bytes take 25 MB.
///
/// A folder with more than fits comes in runs, each of them read from the folder anew: the smallest names above the last one of the run
/// before.
struct NameList {
    /// Smallest buffer; a name has at most 255 bytes.
    static let leastCapacity = 64 << 10

    /// Each ended by NUL.
    private var bytes: [UInt8] = []
    private var starts: [UInt32] = []
    private var taken = 0
    /// The last that was taken, or the bound that a resumed scan begins at.
    private(set) var last: [UInt8] = []
    /// Whether `last` itself is still to come.
    private var includesLast = false
    /// Nothing of the folder comes after this run.
    private(set) var isLastRun = false

    init() {}

    /// - Parameters:
    ///   - place: where a scan goes on: names before it are left out.
    ///   - includesPlace: whether it is to come itself.
    init(from place: [UInt8], includesPlace: Bool) { (last, includesLast) = (place, includesPlace) }

    var isEmpty: Bool { taken == starts.count }
    var size: Int { bytes.capacity + starts.capacity * MemoryLayout<UInt32>.stride }

    /// Takes the next name, which there must be; it is then `last`.
    mutating func take() {
        let start = Int(starts[taken])
        taken += 1
        includesLast = false
        last.replaceSubrange(0..., with: bytes[start..<start + count(at: start)])
    }

    private func count(at start: Int) -> Int {
        bytes.withUnsafeBytes { strlen($0.baseAddress!.advanced(by: start).assumingMemoryBound(to: CChar.self)) }
    }

    /// Reads the next run.
    ///
    /// - Parameters:
    ///   - stream: at its beginning.
    ///   - capacity: bytes of names to hold at most.
    /// - Returns: the error that ended the reading, 0 for none.
    mutating func read(_ stream: OpaquePointer, capacity: Int) -> Int32 {
        bytes.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
        (taken, isLastRun) = (0, true)
        var bound: [UInt8]?
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                let number = errno
                sort()
                return number
            }
            withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: UInt8.self, capacity: 256) { text in
                    let name = UnsafeBufferPointer(start: text, count: strnlen(UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self), 256))
                    guard wants(name, below: bound) else { return }
                    if bytes.count + name.count >= capacity {
                        bound = keepSmallerHalf()
                        isLastRun = false
                        guard wants(name, below: bound) else { return }
                    }
                    starts.append(UInt32(bytes.count))
                    bytes.append(contentsOf: name)
                    bytes.append(0)
                }
            }
        }
    }

    private func wants(_ name: UnsafeBufferPointer<UInt8>, below bound: [UInt8]?) -> Bool {
        if name.count <= 2, name[0] == UInt8(ascii: "."), name.count == 1 || name[1] == UInt8(ascii: ".") { return false }
        if !last.isEmpty {
            let order = NameList.compare(name, last)
            if order < 0 || (order == 0 && !includesLast) { return false }
        }
        guard let bound else { return true }
        return NameList.compare(name, bound) < 0
    }

    private static func compare(_ a: UnsafeBufferPointer<UInt8>, _ b: [UInt8]) -> Int32 {
        let count = min(a.count, b.count)
        let order = b.withUnsafeBufferPointer { b -> Int32 in
            guard let a = a.baseAddress, let b = b.baseAddress else { return 0 }
            return memcmp(a, b, count)
        }
        return order != 0 ? order : Int32(truncatingIfNeeded: a.count - b.count)
    }

    private mutating func sort() {
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self) else { return }
            // Unsigned bytes, as memcmp: the order of the names does not hang on the place they are read at.
            starts.sort { strcmp(base + Int($0), base + Int($1)) < 0 }
        }
    }

    /// - Returns: the smallest name that was given up.
    private mutating func keepSmallerHalf() -> [UInt8] {
        sort()
        let half = starts.count / 2
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        var places: [UInt32] = []
        places.reserveCapacity(starts.count)
        for start in starts[..<half] {
            places.append(UInt32(kept.count))
            kept.append(contentsOf: bytes[Int(start)...Int(start) + count(at: Int(start))])
        }
        let first = Int(starts[half])
        let bound = Array(bytes[first..<first + count(at: first)])
        (bytes, starts) = (kept, places)
        return bound
    }
}
