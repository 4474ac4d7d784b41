/// What a signed URL says about itself, whichever version signed it. Nothing is checked: whoever signed it knows.
public struct SignedQuery: Sendable, Equatable {
    public var accessKeyID: String
    /// On the server's clock; a token inside may end before.
    public var end: Timestamp

    /// Seconds: whatever ends after the year 9999 is no time anybody meant.
    private static let sensible = 0...253_402_300_799

    /// `nil` for a query without a signature, or with one that cannot be read.
    public init?(_ query: String?) {
        var items: [String: String] = [:]
        // As on the server, the first of two of one name wins.
        for item in QueryItem.parse(query) where items[item.name] == nil { items[item.name] = item.value }
        if let credential = items["x-oss-credential"], let begin = items["x-oss-date"].flatMap({ Timestamp(basic: $0) }),
            let life = items["x-oss-expires"].flatMap({ Int.digits($0.utf8) }), SignedQuery.sensible.contains(life)
        {
            accessKeyID = String(decoding: credential.utf8.prefix { $0 != UInt8(ascii: "/") }, as: UTF8.self)
            end = begin + .seconds(life)
        } else if let id = items["OSSAccessKeyId"], let seconds = items["Expires"].flatMap({ Int.digits($0.utf8) }),
            SignedQuery.sensible.contains(seconds)
        {
            (accessKeyID, end) = (id, Timestamp(seconds: Int64(seconds)))
        } else {
            return nil
        }
        guard !accessKeyID.isEmpty else { return nil }
    }
}
