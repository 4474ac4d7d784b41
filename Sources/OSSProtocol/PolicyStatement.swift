/// One statement: matches when its actions, resources and conditions all do.
struct Statement: Sendable, Equatable {
    let denies: Bool
    private let actions: [String]
    private let exceptActions: Bool
    private let resources: [String]
    private let exceptResources: Bool
    private let conditions: [PolicyCondition]

    init(_ value: PolicyValue) throws(PolicyError) {
        guard case .object(let fields) = value else { throw .grammar("a statement is not a JSON object") }
        let known = ["Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"]
        if let unknown = fields.keys.first(where: { !known.contains($0) }) { throw .grammar("\(unknown) is not known in a statement") }
        guard case .text(let effect)? = fields["Effect"], effect == "Allow" || effect == "Deny" else {
            throw .grammar("Effect must be Allow or Deny")
        }
        denies = effect == "Deny"
        (actions, exceptActions) = try Statement.either(fields, "Action", "NotAction")
        (resources, exceptResources) = try Statement.either(fields, "Resource", "NotResource")
        for action in actions where action != "*" && action.splitOnce(":") == nil {
            throw .grammar("\"\(action)\" is not an action such as oss:PutObject")
        }
        for resource in resources where resource != "*" && Statement.fields(resource) == nil {
            throw .grammar("\"\(resource)\" is not a resource such as acs:oss:*:*:bucket/key")
        }
        conditions = try PolicyCondition.list(fields["Condition"])
    }

    func matches(action: String, resource: String, context: [String: String]) -> Bool {
        let lowered = V4.lower(action)
        let hasAction = actions.contains { Wildcard.matches(V4.lower($0), lowered) }
        guard hasAction != exceptActions else { return false }
        let hasResource = resources.contains { Statement.covers($0, resource) }
        guard hasResource != exceptResources else { return false }
        return conditions.allSatisfy { $0.holds(in: context) }
    }

    private static func either(_ fields: [String: PolicyValue], _ name: String, _ negated: String) throws(PolicyError) -> ([String], Bool) {
        guard fields[name] == nil || fields[negated] == nil else { throw .grammar("\(name) and \(negated) exclude each other") }
        guard let value = fields[name] ?? fields[negated] else { throw .grammar("\(name) is missing") }
        guard let texts = value.texts, !texts.contains("") else { throw .grammar("\(name) must be a text or a list of texts") }
        return (texts, fields[name] == nil)
    }

    /// Field by field, so that a `*` for the account can never reach into the bucket or the key.
    private static func covers(_ pattern: String, _ resource: String) -> Bool {
        if pattern == "*" { return true }
        guard let patterns = fields(pattern), let values = fields(resource) else { return false }
        return zip(patterns, values).allSatisfy { Wildcard.matches($0, $1) }
    }

    /// `acs`, service, region, account, and all the rest as one.
    private static func fields(_ resource: String) -> [ArraySlice<UInt8>]? {
        let fields = Array(resource.utf8).split(separator: UInt8(ascii: ":"), maxSplits: 4, omittingEmptySubsequences: false)
        return fields.count == 5 && fields[0].elementsEqual("acs".utf8) ? fields : nil
    }
}
