import OSSProtocol
import Platform

/// Says whose a bearer token is.
///
/// A token that was right once is remembered by its SHA-256 for as long as the settings stand, so that the rounds of its hash
/// are paid once. What is wrong is never remembered: it would let anybody fill the memory.
final class Doorkeeper: Sendable {
    private static let mostRemembered = 20_000

    private let clients: [[UInt8]: Client]
    private let remembered = Lock<[[UInt8]: [UInt8]]>([:])
    /// Compared with for names that nobody has, so that the time of a refusal does not tell which clients exist.
    private let nobody: TokenHash

    init(_ clients: [Client]) {
        self.clients = Dictionary(clients.map { (Array($0.name.utf8), $0) }) { first, _ in first }
        nobody = TokenHash(of: Secret(""), salt: Array(repeating: 0, count: 16))
    }

    enum Verdict: Sendable {
        case known(Client)
        /// The name of the client that the token claims, when there is one.
        case unknown(claimed: String?)
    }

    func client(of token: Secret) -> Verdict {
        guard let name = ClientToken.claimedClient(token.reveal()) else { return .unknown(claimed: nil) }
        guard let client = clients[name] else {
            _ = nobody.matches(token)
            return .unknown(claimed: nil)
        }
        let digest = Digests.sha256(Array(token.reveal().utf8))
        if remembered.withLock({ $0[digest] == name }) { return .known(client) }
        guard client.tokenHash.matches(token) else { return .unknown(claimed: client.name) }
        remembered.withLock { known in
            if known.count >= Doorkeeper.mostRemembered { known.removeAll() }
            known[digest] = name
        }
        return .known(client)
    }
}
