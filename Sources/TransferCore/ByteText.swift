/// Why a text is no size or rate.
public enum ByteTextError: Error, Sendable, Equatable, CustomStringConvertible {
    case notASize(String)
    /// `Mb`: bits to some, bytes to others.
    case ambiguous(String, meant: [String])
    case tooLarge(String)

    public var description: String {
        switch self {
        case .notASize(let text): "\"\(text)\" is no size; write bytes or 512KiB, 50MiB, 1.5GB"
        case .ambiguous(let text, let meant): "\"\(text)\" could be bits or bytes; write \(meant.joined(separator: " or "))"
        case .tooLarge(let text): "\"\(text)\" is more than can be counted"
        }
    }
}

/// A number of bytes as people write it: `4096`, `512KiB`, `1.5G` (IEC), `50MB` (SI).
public struct ByteSize: Sendable, Hashable {
    public var bytes: Int64
    public init(bytes: Int64) { self.bytes = bytes }
    public init?(_ text: String) {
        guard let size = try? ByteSize(parsing: text) else { return nil }
        self = size
    }
    public init(parsing text: String) throws(ByteTextError) { throw .notASize(text) }
}

/// A rate as people write it: as `ByteSize`, or `16Mbit` (2,000,000 bytes a second), `none`, `0` (pauses). A `/s` at the end is allowed.
public struct ByteRate: Sendable, Hashable {
    /// `nil`: no limit. 0: nothing moves.
    public var bytesPerSecond: Int64?
    public init(bytesPerSecond: Int64?) { self.bytesPerSecond = bytesPerSecond }
    public init?(_ text: String) {
        guard let rate = try? ByteRate(parsing: text) else { return nil }
        self = rate
    }
    public init(parsing text: String) throws(ByteTextError) { throw .notASize(text) }
}
