/// How much may be in flight when few files and connections may be open at once: it goes slower, and nothing fails for want of one.
public struct DescriptorPlan: Sendable, Equatable {
    /// Parts and single puts in flight over all uploads; at least 1.
    public let parts: Int
    /// Connections of front ends at once; more wait to be taken.
    public var frontEnds: Int { isScarce ? DescriptorPlan.fewFrontEnds : 1024 }

    static let fewFrontEnds = 16
    /// For what the engine itself opens once it works (18), front ends, readers of the queue, authorization servers and folders that are read.
    static let reserve = 44
    /// A part needs a connection; a small file needs itself open too.
    static let each = 2
    /// More is never in flight.
    public static let most = 256

    /// - Parameters:
    ///   - limit: files and connections that may be open.
    ///   - open: that are open before the work begins.
    public init(limit: Int, open: Int) {
        parts = min(max((limit - open - DescriptorPlan.reserve) / DescriptorPlan.each, 1), DescriptorPlan.most)
    }

    /// Whether anybody will notice.
    public var isScarce: Bool { parts < DescriptorPlan.most }
}
