import OSSProtocol
import Platform

/// A bearer token: `davit_CLIENT_` and 64 hexadecimal digits, 256 random bits.
///
/// The client's name stands in it so that one client's hash is computed for a request, not everybody's. It proves nothing: the
/// random part does.
public struct ClientToken: Sendable {
    public let client: String
    public let text: Secret

    private static let mark = Array("davit_".utf8)
    private static let randomDigits = 64
    /// A longer one is no token of ours and costs no hashing.
    static let longest = 6 + 64 + 1 + randomDigits

    /// A fresh one. `random` must be 32 bytes of the system's generator.
    init(client: String, random: [UInt8]) {
        self.client = client
        text = Secret("davit_\(client)_\(Hex.encode(random))")
    }

    /// - Throws: why the name cannot be a client's.
    public static func new(client: String) throws(SettingError) -> (token: ClientToken, hash: TokenHash) {
        if let reason = SettingText.problem(clientName: client) { throw SettingError(reason) }
        let token = ClientToken(client: client, random: Randomness.bytes(32))
        return (token, TokenHash(of: token.text, salt: Randomness.bytes(16)))
    }

    /// The name a token claims, or `nil` when it does not have the form of one.
    static func claimedClient(_ token: String) -> [UInt8]? {
        let bytes = Array(token.utf8)
        guard bytes.count <= longest, bytes.starts(with: mark), let last = bytes.lastIndex(of: UInt8(ascii: "_")), last >= mark.count else {
            return nil
        }
        guard bytes.count - last - 1 == randomDigits else { return nil }
        return Array(bytes[mark.count..<last])
    }
}

/// What `authd.toml` keeps of a token: `pbkdf2-sha256:ROUNDS:SALT:HASH`, both in hexadecimal.
///
/// The tokens are 256 random bits, so that no number of guesses finds one; the rounds are not what protects them (they would
/// be for passwords) and are few, since every first sight of a token pays for them.
public struct TokenHash: Sendable, Equatable, CustomStringConvertible {
    private static let name = "pbkdf2-sha256"
    private static let usualRounds = 1000
    private static let mostRounds = 1_000_000

    let rounds: Int
    let salt: [UInt8]
    let hash: [UInt8]

    init(of token: Secret, salt: [UInt8]) {
        rounds = TokenHash.usualRounds
        self.salt = salt
        hash = TokenHash.derive(token, salt: salt, rounds: rounds)
    }

    /// - Throws: that the text is not what `token new` prints.
    public init(_ text: String) throws(SettingError) {
        let fields = text.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 4, fields[0] == TokenHash.name, let rounds = Int(fields[1]), (1...TokenHash.mostRounds).contains(rounds),
            let salt = Hex.decode(String(fields[2])), (8...64).contains(salt.count), let hash = Hex.decode(String(fields[3])),
            hash.count == 32
        else {
            throw SettingError("no token hash. Accepted: the line that `davit-authd token new CLIENT` prints")
        }
        (self.rounds, self.salt, self.hash) = (rounds, salt, hash)
    }

    public var description: String { "\(TokenHash.name):\(rounds):\(Hex.encode(salt)):\(Hex.encode(hash))" }

    /// In a time that does not depend on where the two differ.
    func matches(_ token: Secret) -> Bool {
        Digests.equal(TokenHash.derive(token, salt: salt, rounds: rounds), hash)
    }

    /// One block of PBKDF2 (RFC 8018, 5.2).
    private static func derive(_ token: Secret, salt: [UInt8], rounds: Int) -> [UInt8] {
        let key = Array(token.reveal().utf8)
        var block = Digests.hmacSHA256(key: key, message: salt + [0, 0, 0, 1])
        var result = block
        for _ in 1..<rounds {
            block = Digests.hmacSHA256(key: key, message: block)
            for index in result.indices { result[index] ^= block[index] }
        }
        return result
    }
}
