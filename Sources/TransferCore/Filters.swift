/// Which files of a folder an order takes. Rules in order, the first that matches decides; rclone's meaning.
public struct Filters: Sendable, Equatable {
    /// - Parameter rules: `+GLOB` or `-GLOB`.
    public init(_ rules: [String]) throws(FilterError) {}
    /// - Parameter path: relative to the order's folder, `/` between names, bytes.
    public func includes(_ path: [UInt8]) -> Bool { true }
    public func includes(_ path: String) -> Bool { includes(Array(path.utf8)) }
    /// Whether no file below that folder can be included, so that it need not be read.
    public func excludesEverything(below folder: [UInt8]) -> Bool { false }
}

public struct FilterError: Error, Sendable, Equatable {
    public var rule: String
    public var message: String
}
