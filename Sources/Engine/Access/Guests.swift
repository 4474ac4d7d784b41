/// Credentials that came with questions (listings, tests, signed URLs): each serves its own alone, under a scope that no order has, and is
/// never written down. A wrong key that somebody lists a bucket with must not become that of the uploads.
struct Guests {
    struct Guest {
        let keeper: LeaseKeeper
        let orderScope: String
    }

    /// A question lasts seconds to minutes; more than so many are not under way at once.
    private static let most = 256
    private static let scopes = "question#"

    private var guests: [String: Guest] = [:]
    private var next: UInt64 = 0

    static func isOne(_ scope: String) -> Bool { scope.utf8.starts(with: scopes.utf8) }

    subscript(scope: String) -> Guest? { guests[scope] }

    /// - Returns: the scope of its own.
    mutating func add(_ keeper: LeaseKeeper, besides orderScope: String) -> String {
        next += 1
        let scope = "\(Guests.scopes)\(next)"
        guests[scope] = Guest(keeper: keeper, orderScope: orderScope)
        if next > UInt64(Guests.most) { guests["\(Guests.scopes)\(next - UInt64(Guests.most))"] = nil }
        return scope
    }
}
