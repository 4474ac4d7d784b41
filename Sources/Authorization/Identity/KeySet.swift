import Contracts
import JWTKit
import OSSProtocol

/// The public keys of an issuer (RFC 7517) that may sign JWTs here: RS256, ES256 and EdDSA, no other algorithm.
///
/// A key is taken for the algorithm that its type stands for, whatever the token says, so that no token chooses how it is
/// checked: symmetric keys are not read at all, and `none` is no algorithm.
struct KeySet: Sendable {
    enum Algorithm: String, CaseIterable, Sendable {
        case rs256 = "RS256"
        case es256 = "ES256"
        case edDSA = "EdDSA"
    }
    private struct Key: Sendable {
        var id: String?
        var algorithm: Algorithm
        var check: any JWTAlgorithm
    }
    /// What every key says of itself before its numbers are looked at.
    private struct Outline: Decodable {
        var kty: String
        var kid: String?
        var use: String?
        var alg: String?
        var crv: String?
        var n: String?
        var x: String?
    }
    /// One entry, read as an outline and kept whole: a key of a foreign kind must not spoil the others.
    private struct Entry: Decodable {
        var outline: Outline?
        var whole: JWK?

        init(from decoder: any Decoder) throws {
            outline = try? Outline(from: decoder)
            whole = try? JWK(from: decoder)
        }
    }
    private struct Document: Decodable {
        var keys: [Entry]
    }

    static let largest = 256 << 10
    private static let mostKeys = 100
    /// Shorter ones can be factored. Source: RFC 7518, 3.3. Bytes.
    private static let shortestModulus = 256

    private let keys: [Key]

    /// - Throws: what is wrong with the document as a whole; single keys that are not for signatures here are passed over.
    init(json: [UInt8]) async throws(SettingError) {
        guard json.count <= KeySet.largest, let document = try? AuthorizationJSON.decode(Document.self, from: json) else {
            throw SettingError("no set of keys. Accepted: JSON with a list \"keys\" (RFC 7517), at most \(KeySet.largest >> 10) KiB")
        }
        var keys: [Key] = []
        for entry in document.keys.prefix(KeySet.mostKeys) {
            if let key = await KeySet.key(entry) { keys.append(key) }
        }
        guard !keys.isEmpty else {
            throw SettingError(
                "no key that may sign. Accepted: RSA of 2,048 bits or more (RS256), EC on P-256 (ES256), OKP on Ed25519 (EdDSA)")
        }
        self.keys = keys
    }

    private static func key(_ entry: Entry) async -> Key? {
        guard let outline = entry.outline, var whole = entry.whole, outline.use == nil || outline.use == "sig" else { return nil }
        let algorithm: Algorithm
        switch (outline.kty, outline.crv) {
        case ("RSA", _):
            guard let modulus = outline.n.flatMap({ Base64.decode($0, urlSafe: true) })?.drop(while: { $0 == 0 }),
                modulus.count >= shortestModulus
            else { return nil }
            algorithm = .rs256
        case ("EC", "P-256"): algorithm = .es256
        case ("OKP", "Ed25519"): algorithm = .edDSA
        default: return nil
        }
        guard outline.alg == nil || outline.alg == algorithm.rawValue else { return nil }
        // Only the public half is of use here; a private one has no business in this process.
        (whole.privateExponent, whole.prime1, whole.prime2) = (nil, nil, nil)
        whole.algorithm = JWK.Algorithm(rawValue: algorithm.rawValue)
        whole.keyIdentifier = "key"
        guard let check = try? await JWTKeyCollection().add(jwk: whole).getKey(for: "key", alg: algorithm.rawValue),
            check.name == algorithm.rawValue
        else { return nil }
        return Key(id: outline.kid, algorithm: algorithm, check: check)
    }

    enum Verdict: Sendable {
        case right
        case wrong
        /// No key of that name and kind: there may be a newer set.
        case unknownKey
    }

    func check(_ token: JSONWebToken) -> Verdict {
        guard token.header.crit == nil, let algorithm = Algorithm(rawValue: token.header.alg) else { return .wrong }
        let named = keys.filter { key in
            key.algorithm == algorithm && (token.header.kid.map { kid in key.id.map { $0.utf8.elementsEqual(kid.utf8) } ?? false } ?? true)
        }
        guard !named.isEmpty else { return .unknownKey }
        let isRight = named.contains { (try? $0.check.verify(token.signature, signs: token.signed)) ?? false }
        return isRight ? .right : .wrong
    }
}
