import Credentials
import Platform

/// One transport a CA file, for everything small: authorization servers, STS, listings. Made when first needed.
final class TransportCache: Sendable {
    private let make: @Sendable (_ caFile: String?) throws -> any Transport
    private let made = Lock<[String: any Transport]>([:])

    init(_ make: @escaping @Sendable (_ caFile: String?) throws -> any Transport) { self.make = make }

    func transport(caFile: String?) throws(ProviderFailure) -> any Transport {
        if let known = made.withLock({ $0[caFile ?? ""] }) { return known }
        do {
            let new = try make(caFile)
            // Two at once may have made one: the first stays, the other has sent nothing yet.
            return made.withLock { made in
                if let known = made[caFile ?? ""] { return known }
                made[caFile ?? ""] = new
                return new
            }
        } catch {
            throw .refused("no connection can be made\(caFile.map { " with ca-file \($0)" } ?? ""): \(error)")
        }
    }
}
