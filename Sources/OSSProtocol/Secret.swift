/// A text that must never be seen: an access key's secret, a security token, a bearer token.
///
/// Every way Swift turns a value into text gives `<redacted>`; only `reveal()` gives the text, so each place that needs it
/// can be found by name. Not `Codable` on purpose: a secret never gets into JSON by accident.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let text: String

    public init(_ text: String) { self.text = text }

    public func reveal() -> String { text }
    public var isEmpty: Bool { text.isEmpty }

    public var description: String { "<redacted>" }
    public var debugDescription: String { "<redacted>" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// An access key with, when temporary, its token and end. Source: STS AssumeRole answers, RAM users' keys.
public struct Credentials: Sendable, Hashable {
    public var accessKeyID: String
    public var accessKeySecret: Secret
    /// Present with temporary credentials only; opaque, of any length.
    public var securityToken: Secret?
    /// When OSS stops accepting them; `nil` for long-lived keys.
    public var expiration: Timestamp?

    public init(accessKeyID: String, accessKeySecret: Secret, securityToken: Secret? = nil, expiration: Timestamp? = nil) {
        self.accessKeyID = accessKeyID
        self.accessKeySecret = accessKeySecret
        self.securityToken = securityToken
        self.expiration = expiration
    }
}
