import FoundationEssentials
import OSSProtocol
import Platform

/// The identity provider that AssumeRoleWithOIDC trusts: makes tokens in the shape of a JWT and reads them again. They carry what they
/// say, signed by the key in the data folder, so they outlive a restart.
struct IdentityTokens: Sendable {
    let store: TokenStore

    static let issuer = "https://oidc.sandbox.localhost"
    static let client = "sandbox-client"
    /// Seconds a token may be told to live.
    static let lives = 1...86_400
    /// Characters that STS takes.
    static let lengths = 4...20_000

    struct Claims: Codable, Sendable, Equatable {
        var aud: String
        /// Unix seconds, as `iat`.
        var exp: Int64
        var iat: Int64
        var iss: String
        var jti: String
        var sub: String
    }

    func issue(subject: String, seconds: Int, now: Timestamp) -> String {
        let claims = Claims(
            aud: IdentityTokens.client, exp: now.seconds + Int64(seconds), iat: now.seconds, iss: IdentityTokens.issuer, jti: randomHex(12),
            sub: subject)
        let signed = "\(IdentityTokens.text(#"{"alg":"HS256","typ":"JWT"}"#.utf8)).\(IdentityTokens.text(JSON.encode(claims)))"
        return "\(signed).\(IdentityTokens.text(store.mark(signed)))"
    }

    /// `nil` for a token that is not ours, or damaged; an expired one is read.
    func read(_ token: String) -> Claims? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let mark = Base64.decode(String(parts[2]), urlSafe: true),
            Digests.equal(mark, store.mark("\(parts[0]).\(parts[1])")), let bytes = Base64.decode(String(parts[1]), urlSafe: true)
        else { return nil }
        return try? JSON.decode(Claims.self, bytes)
    }

    /// URL-safe Base64 without padding.
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        String(
            decoding: Base64.encode(Array(bytes)).utf8.compactMap { byte in
                switch byte {
                case UInt8(ascii: "+"): UInt8(ascii: "-")
                case UInt8(ascii: "/"): UInt8(ascii: "_")
                case UInt8(ascii: "="): nil
                default: byte
                }
            }, as: UTF8.self)
    }
}
