import FoundationEssentials

/// A RAM policy (version 1): checked when made, then asked whether it lets an action pass.
///
/// Source: RAM documents "Policy language" and "Policy evaluation"; condition operators and keys of OSS.
public struct SessionPolicy: Sendable, Equatable {
    /// Characters a session policy may have.
    public static let longest = 2048

    let statements: [Statement]

    /// - Parameter longest: a role's own policy may be longer than a session policy.
    public init(json text: String, longest: Int = SessionPolicy.longest) throws(PolicyError) {
        guard !text.isEmpty else { throw .grammar("the policy is empty") }
        let length = text.unicodeScalars.count
        guard length <= longest else { throw .tooLong(characters: length, longest: longest) }
        let document: PolicyValue
        do {
            document = try JSONDecoder().decode(PolicyValue.self, from: Data(text.utf8))
        } catch {
            throw .grammar("the policy is not JSON")
        }
        guard case .object(let fields) = document else { throw .grammar("the policy is not a JSON object") }
        if let unknown = fields.keys.first(where: { !["Version", "Statement"].contains($0) }) {
            throw .grammar("\(unknown) is not known in a policy")
        }
        guard fields["Version"] == .text("1") else { throw .grammar("Version must be \"1\"") }
        guard case .list(let list)? = fields["Statement"], !list.isEmpty else { throw .grammar("Statement must be a list of at least one") }
        var statements: [Statement] = []
        for value in list { statements.append(try Statement(value)) }
        self.statements = statements
    }

    /// - Parameters:
    ///   - action: `oss:PutObject`; its letter case does not matter.
    ///   - resource: `acs:oss:*:ACCOUNT:BUCKET/KEY` with the decoded key.
    ///   - context: condition keys of the request, such as `oss:Prefix` or `acs:SourceIp`.
    public func evaluate(action: String, resource: String, context: [String: String] = [:]) -> PolicyDecision {
        var allowed = false
        for statement in statements where statement.matches(action: action, resource: resource, context: context) {
            if statement.denies { return .explicitDeny }
            allowed = true
        }
        return allowed ? .allow : .implicitDeny
    }

    /// A role session: the session policy (if any) decides first, then the role's (if it is known); both must allow, and what is
    /// absent allows.
    public static func evaluate(
        role: SessionPolicy?, session: SessionPolicy?, action: String, resource: String, context: [String: String] = [:]
    ) -> PolicyDecision {
        for policy in [session, role] {
            guard let decision = policy?.evaluate(action: action, resource: resource, context: context), decision != .allow else {
                continue
            }
            return decision
        }
        return .allow
    }
}

public enum PolicyDecision: String, Sendable, Equatable {
    case allow
    case explicitDeny = "explicit_deny"
    case implicitDeny = "implicit_deny"
}

/// Why a text is no policy, or a grant cannot be written as one.
public enum PolicyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// STS: `InvalidParameter.PolicySize`.
    case tooLong(characters: Int, longest: Int)
    /// STS: `InvalidParameter.PolicyGrammar`.
    case grammar(String)
    /// The grant's prefix or bucket has a character that a policy would read as a pattern.
    case notExpressible(String)

    public var description: String {
        switch self {
        case .tooLong(let characters, let longest): "the policy has \(characters) characters; at most \(longest) are taken"
        case .grammar(let what), .notExpressible(let what): what
        }
    }
}
