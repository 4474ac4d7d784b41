/// The part of an object that a GET asks for. Offsets in bytes, from 0.
public enum ByteRange: Sendable, Hashable {
    /// First and last byte, both included.
    case closed(ClosedRange<Int64>)
    /// From that byte to the end.
    case from(Int64)
    /// That many bytes at the end; all of them where there are fewer.
    case last(Int64)

    /// Value of the header `Range`.
    var header: String {
        switch self {
        case .closed(let range): "bytes=\(range.lowerBound)-\(range.upperBound)"
        case .from(let offset): "bytes=\(offset)-"
        case .last(let count): "bytes=-\(count)"
        }
    }

    func validate() throws(OSSLimitError) {
        let isGood =
            switch self {
            case .closed(let range): range.lowerBound >= 0
            case .from(let offset): offset >= 0
            case .last(let count): count > 0
            }
        guard isGood else { throw .range(header) }
    }

    /// What it means for an object of that size; `nil` where it holds nothing (416).
    func of(size: Int64) -> Range<Int64>? {
        let (start, end) =
            switch self {
            case .closed(let range): (range.lowerBound, range.upperBound < size ? range.upperBound + 1 : size)
            case .from(let offset): (offset, size)
            case .last(let count): (max(size - count, 0), size)
            }
        return start >= 0 && start < end ? start..<end : nil
    }
}
