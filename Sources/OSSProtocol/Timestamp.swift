/// A point in time as a value: milliseconds since 1970-01-01T00:00:00Z. Whose clock it came from is the caller's matter.
public struct Timestamp: Sendable, Hashable, Comparable, Codable {
    public var milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }
    /// What does not fit becomes the first or the last time that does: servers say what they like.
    public init(seconds: Int64) { milliseconds = seconds.thousandfold }

    public init(from decoder: any Decoder) throws { milliseconds = try decoder.singleValueContainer().decode(Int64.self) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(milliseconds)
    }

    public var seconds: Int64 { milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000 }

    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }
    public static func + (a: Timestamp, b: Duration) -> Timestamp { Timestamp(milliseconds: a.milliseconds.addingClamped(b.inMilliseconds)) }
    public static func - (a: Timestamp, b: Duration) -> Timestamp { Timestamp(milliseconds: a.milliseconds.addingClamped(-max(b.inMilliseconds, -Int64.max))) }
    public static func - (a: Timestamp, b: Timestamp) -> Duration { .milliseconds(a.milliseconds.addingClamped(-max(b.milliseconds, -Int64.max))) }
}

extension Int64 {
    fileprivate var thousandfold: Int64 {
        let (value, isOver) = multipliedReportingOverflow(by: 1000)
        return isOver ? (self < 0 ? .min : .max) : value
    }

    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? (other < 0 ? .min : .max) : sum
    }
}

extension Duration {
    /// Whole milliseconds, towards zero; at most what fits.
    public var inMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds.thousandfold.addingClamped(attoseconds / 1_000_000_000_000_000)
    }
}
