import Contracts
import OSSProtocol

/// A JWT in its compact form (RFC 7515, 7.1), taken apart and not yet believed.
struct JSONWebToken: Sendable {
    /// A longer one is refused unread.
    static let longest = 8 << 10

    /// What the header asks for. Everything else in it is for others (RFC 7515, 4.1): keys that come with the token, or addresses
    /// of keys, are never looked at.
    struct Header: Decodable, Sendable {
        var alg: String
        var kid: String?
        /// Extensions that must be understood; none is.
        var crit: [String]?
    }

    let header: Header
    let claims: Claims
    /// What the signature is over.
    let signed: [UInt8]
    let signature: [UInt8]

    /// Whether a bearer token is meant to be one: three parts, as no token of ours has.
    static func looksLikeOne(_ token: String) -> Bool { token.utf8.count { $0 == UInt8(ascii: ".") } == 2 }

    /// - Returns: `nil` for what is no such token.
    init?(_ token: Secret) {
        let text = token.reveal()
        guard text.utf8.count <= JSONWebToken.longest else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let head = JSONWebToken.part(parts[0]), let body = JSONWebToken.part(parts[1]),
            let signature = JSONWebToken.part(parts[2]), !signature.isEmpty,
            let header = try? AuthorizationJSON.decode(Header.self, from: head), let claims = Claims(json: body)
        else { return nil }
        (self.header, self.claims, self.signature) = (header, claims, signature)
        signed = Array("\(parts[0]).\(parts[1])".utf8)
    }

    /// Base64url without padding (RFC 7515, 2).
    private static func part(_ text: String) -> [UInt8]? {
        text.utf8.last == UInt8(ascii: "=") ? nil : Base64.decode(text, urlSafe: true)
    }
}

/// The claims of a JWT (RFC 7519, 4).
struct Claims: Sendable, Equatable {
    indirect enum Value: Sendable, Equatable {
        case text(String)
        case number(Double)
        case list([Value])
        case table([String: Value])
        case other
    }

    private let values: [String: Value]

    init(_ values: [String: Value]) { self.values = values }

    /// - Returns: `nil` for what is no JSON object.
    init?(json: [UInt8]) {
        guard case .table(let values) = try? AuthorizationJSON.decode(Value.self, from: json) else { return nil }
        self.values = values
    }

    var issuer: String? { text("iss") }
    var audiences: [String] { texts("aud") }
    var expires: Timestamp? { time("exp") }
    var notBefore: Timestamp? { time("nbf") }
    var issuedAt: Timestamp? { time("iat") }

    /// The value of a claim; `realm.roles` looks into `realm` when there is no claim of that whole name.
    private func value(_ name: String) -> Value? {
        if let value = values[name] { return value }
        var rest: Value? = .table(values)
        for step in name.split(separator: ".", omittingEmptySubsequences: false) {
            guard case .table(let table)? = rest else { return nil }
            rest = table[String(step)]
        }
        return rest
    }

    /// A claim that is a text.
    func text(_ name: String) -> String? {
        if case .text(let text)? = value(name) { text } else { nil }
    }

    /// A claim that is a text or a list of them.
    func texts(_ name: String) -> [String] {
        switch value(name) {
        case .text(let text)?: [text]
        case .list(let items)?: items.compactMap { if case .text(let text) = $0 { text } else { nil } }
        default: []
        }
    }

    /// Seconds since 1970; what no clock can show is no time.
    private func time(_ name: String) -> Timestamp? {
        guard case .number(let seconds)? = value(name), (0...253_402_300_799).contains(seconds) else { return nil }
        return Timestamp(seconds: Int64(seconds))
    }

    /// Whether a time stands there that cannot be read: a claim that is there and not understood must not pass for absent.
    private func isUnreadable(_ name: String) -> Bool { value(name) != nil && time(name) == nil }

    /// What is wrong with the claims of a token whose signature is right, for the audit log.
    func problem(_ rule: TokenIssuer, now: Timestamp) -> String? {
        // Bytes: `==` would take letters that only look alike, composed and decomposed, for the same.
        guard let issuer, issuer.utf8.elementsEqual(rule.issuer.utf8) else { return "another issuer" }
        guard audiences.contains(where: { $0.utf8.elementsEqual(rule.audience.utf8) }) else { return "for another audience" }
        guard let expires else { return "without a time at which it expires" }
        if now >= expires + rule.leeway { return "expired" }
        if isUnreadable("nbf") || isUnreadable("iat") { return "with a time that cannot be read" }
        if let notBefore, now + rule.leeway < notBefore { return "not valid yet" }
        if let issuedAt, now + rule.leeway < issuedAt { return "issued in the future" }
        return nil
    }
}

extension Claims.Value: Decodable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let list = try? container.decode([Claims.Value].self) {
            self = .list(list)
        } else if let table = try? container.decode([String: Claims.Value].self) {
            self = .table(table)
        } else {
            self = .other
        }
    }
}
