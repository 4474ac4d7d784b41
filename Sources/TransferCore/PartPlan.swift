/// TransferCore decides everything about uploads and does nothing: no files, sockets, tasks, clocks, randomness without a generator, print.
/// Time comes in as a `Timestamp`, chance as a seed.

/// How one file is cut into parts. Sizes in bytes; part numbers start at 1. A file of at most one part is a single put.
///
/// Source: OSS multipart limits, 100 KiB to 5 GiB a part (the last may be smaller), at most 10 000 parts.
public struct PartPlan: Sendable, Hashable, Codable {
    public static let mostParts = 10_000
    public static let largestPart: Int64 = 5 << 30
    public static let defaultPartSize: Int64 = 8 << 20
    private static let step: Int64 = 1 << 20

    public let fileSize: Int64
    public let partSize: Int64

    /// - Parameter preferred: rounded up to whole MiB, raised where it would give more than 10 000 parts.
    /// - Throws: `.fileTooLarge` past 10 000 parts of 5 GiB, `.badSize` for what is no size.
    public init(fileSize: Int64, preferred: Int64 = PartPlan.defaultPartSize) throws(PlanError) {
        guard fileSize >= 0, preferred > 0 else { throw .badSize(min(fileSize, preferred)) }
        guard fileSize <= PartPlan.largestPart * Int64(PartPlan.mostParts) else { throw .fileTooLarge(fileSize) }
        // Whole MiB, so that a resumed upload cuts at the same offsets whatever the preference is now.
        let least = PartPlan.wholeSteps((fileSize + Int64(PartPlan.mostParts) - 1) / Int64(PartPlan.mostParts))
        let wanted = PartPlan.wholeSteps(min(preferred, PartPlan.largestPart))
        (self.fileSize, self.partSize) = (fileSize, max(wanted, least))
    }

    /// The plan of an upload that has begun: cuts where it cut.
    ///
    /// - Throws: `.badSize` when such parts cannot be stored (more than 10 000, over 5 GiB, not above 0).
    public init(fileSize: Int64, partSize: Int64) throws(PlanError) {
        guard fileSize >= 0 else { throw .badSize(fileSize) }
        guard partSize > 0, partSize <= PartPlan.largestPart else { throw .badSize(partSize) }
        guard (fileSize - 1) / partSize < Int64(PartPlan.mostParts) else { throw .badSize(partSize) }
        (self.fileSize, self.partSize) = (fileSize, partSize)
    }

    private init() { (fileSize, partSize) = (0, PartPlan.defaultPartSize) }

    /// Of an empty file.
    static let empty = PartPlan()

    /// An empty file is one empty part.
    public var partCount: Int { fileSize == 0 ? 1 : Int((fileSize - 1) / partSize) + 1 }

    public var isSinglePut: Bool { fileSize <= partSize }

    /// Whether the user's own part size was too small for this file, worth a warning.
    public func isRaised(over preferred: Int64) -> Bool { partSize > PartPlan.wholeSteps(min(preferred, PartPlan.largestPart)) }

    /// - Parameter number: 1 to `partCount`.
    public func range(of number: Int) -> PartRange {
        precondition((1...partCount).contains(number), "part \(number) of \(partCount)")
        let offset = Int64(number - 1) * partSize
        return PartRange(number: number, offset: offset, length: min(partSize, fileSize - offset))
    }

    /// How many times the usual part size suits a file where nobody asked for another: 8 MiB below 1 GiB, 16 below 16, 32 below 128, then 64.
    public static func factor(forFileOf size: Int64) -> Int64 {
        size < 1 << 30 ? 1 : size < 16 << 30 ? 2 : size < 128 << 30 ? 4 : 8
    }

    private static func wholeSteps(_ size: Int64) -> Int64 { max((size + step - 1) / step, 1) * step }
}

public enum PlanError: Error, Sendable, Equatable, CustomStringConvertible {
    case fileTooLarge(Int64)
    case badSize(Int64)

    public var description: String {
        switch self {
        case .fileTooLarge(let size): "the file has \(size) bytes, more than an object can hold (48.8 TiB, 10000 parts of 5 GiB); split it"
        case .badSize(let size): "\(size) bytes is no size that parts can have (up to 5 GiB each, at most 10000)"
        }
    }
}
