import OSSProtocol
import Platform

/// What a token says inside. A client must treat it as opaque.
struct IssuedToken: Codable, Sendable, Equatable {
    var accessKeyID: String
    /// `acs:ram::ACCOUNT:assumed-role/NAME/SESSION`
    var arn: String
    var policy: String?
    /// Unix seconds.
    var expires: Int64
    /// Of `TokenStore`: all of an older one count as expired.
    var epoch: Int

    enum CodingKeys: String, CodingKey {
        case accessKeyID = "i"
        case arn = "a"
        case policy = "p"
        case expires = "e"
        case epoch = "n"
    }
}

/// Makes and reads tokens. They carry what they are, sealed by a key in the data folder, so they outlive a restart of the sandbox.
final class TokenStore: Sendable {
    private struct State: Codable {
        var epoch = 0
        var expired: Set<String> = []
        var life: Int?
    }

    private let file: String
    private let key: [UInt8]
    private let state: Lock<State>

    /// Seconds that tokens may be told to live; 12 hours is the longest that STS ever gives.
    static let lives = 1...43_200
    /// More key ids than this are not remembered one by one: then all tokens of before are expired.
    private static let mostExpired = 10_000

    /// - Parameter life: seconds for all tokens from now on; `nil` keeps what was told to the sandbox before.
    init(folder: String, life: Int?) throws(FileError) {
        let keyFile = "\(folder)/tokens.key"
        let kept = try? SecureFile.read(keyFile, limit: 64, mustBePrivate: true)
        if let kept, kept.count == 32 {
            key = kept
        } else {
            key = Randomness.bytes(32)
            try SecureFile.write(keyFile, key)
        }
        file = "\(folder)/tokens.json"
        let text = try? SecureFile.read(file, limit: 4 << 20, mustBePrivate: true)
        var state = text.flatMap { try? JSON.decode(State.self, $0) } ?? State()
        state.life = life ?? state.life
        self.state = Lock(state)
    }

    // MARK: Making

    /// A new key with its token, valid from `now`.
    func issue(arn: String, policy: String?, seconds: Int, now: Timestamp) -> Credentials {
        let (epoch, life) = state.withLock { ($0.epoch, $0.life) }
        let id = "STS.NU\(randomHex(9).uppercased())"
        let end = now.seconds + Int64(life ?? seconds)
        let token = IssuedToken(accessKeyID: id, arn: arn, policy: policy, expires: end, epoch: epoch)
        let sealed = seal(JSON.encode(token))
        return Credentials(
            accessKeyID: id, accessKeySecret: secret(of: id), securityToken: Secret("CAIS" + Base64.encode(sealed)),
            expiration: Timestamp(seconds: end))
    }

    /// Follows from the id, so it need not be kept.
    func secret(of id: String) -> Secret {
        Secret(Base64.encode(Digests.hmacSHA256(key: key, message: Array("secret:\(id)".utf8))).filter { $0 != "=" })
    }

    /// What is written in a token of ours, signed by the store's key.
    func mark(_ text: String) -> [UInt8] { Digests.hmacSHA256(key: key, message: Array("identity:\(text)".utf8)) }

    private func seal(_ text: [UInt8]) -> [UInt8] { Digests.hmacSHA256(key: key, message: text) + text }

    // MARK: Reading

    /// `nil` for a token that is not ours, or damaged.
    func read(_ token: String) -> IssuedToken? {
        guard token.hasPrefix("CAIS"), let bytes = Base64.decode(String(token.dropFirst(4))), bytes.count > 32 else { return nil }
        let text = Array(bytes[32...])
        guard Digests.equal(Array(bytes[..<32]), Digests.hmacSHA256(key: key, message: text)) else { return nil }
        return try? JSON.decode(IssuedToken.self, text)
    }

    func hasExpired(_ token: IssuedToken, now: Timestamp) -> Bool {
        state.withLock { now >= Timestamp(seconds: token.expires) || token.epoch < $0.epoch || $0.expired.contains(token.accessKeyID) }
    }

    // MARK: Control

    /// Lets that key expire at once, or all that were made so far.
    func expire(accessKeyID: String?) throws(FileError) {
        try change { state in
            if let accessKeyID, state.expired.count < TokenStore.mostExpired {
                state.expired.insert(accessKeyID)
            } else {
                state.epoch += 1
                state.expired = []
            }
        }
    }

    /// Seconds that tokens made from now on live, whatever is asked for; `nil` ends that.
    var life: Int? { state.withLock { $0.life } }

    func setLife(_ seconds: Int?) throws(FileError) { try change { $0.life = seconds } }

    private func change(_ body: (inout State) -> Void) throws(FileError) {
        let text = state.withLock { state in
            body(&state)
            return JSON.encode(state)
        }
        try SecureFile.write(file, text)
    }
}
