@testable import OSSProtocol

/// A policy, then action, resource and condition keys (`NAME=VALUE`) of a request, with a unit separator (0x1F) between them.
@Sendable func fuzzPolicy(_ input: [UInt8]) {
    let parts = pieces(input, at: 0x1F, most: 12).map { text($0) }
    var context: [String: String] = [:]
    for pair in parts.dropFirst(3) {
        guard let (name, value) = pair.splitOnce("=") else { continue }
        context[name] = value
    }
    let action = parts.count > 1 ? parts[1] : "oss:PutObject"
    let resource = parts.count > 2 ? parts[2] : "acs:oss:*:1234567890123456:example-bucket/users/alice/f.bin"
    checkPolicy(parts[0], action, resource, context)
    checkWildcard(Array(parts[0].utf8.prefix(48)), Array(action.utf8.prefix(48)))
    checkGrant(prefix: parts[0], key: action)
    checkRange(parts[0], resource)
    checkForm(parts[0], form: context, bucket: resource)
}

private func checkPolicy(_ json: String, _ action: String, _ resource: String, _ context: [String: String]) {
    do throws(PolicyError) {
        let policy = try SessionPolicy(json: json)
        let decision = policy.evaluate(action: action, resource: resource, context: context)
        require(policy.evaluate(action: action, resource: resource, context: context) == decision, "a policy decides the same twice")
        require(
            try SessionPolicy(json: json).evaluate(action: action, resource: resource, context: context) == decision,
            "the same policy decides the same")
        let swapped = String(decoding: action.utf8.map { (97...122).contains($0) ? $0 & 0xDF : $0 }, as: UTF8.self)
        require(policy.evaluate(action: swapped, resource: resource, context: context) == decision, "the case of an action does not matter")
        let matching = policy.statements.filter { $0.matches(action: action, resource: resource, context: context) }
        let expected: PolicyDecision = matching.contains { $0.denies } ? .explicitDeny : matching.isEmpty ? .implicitDeny : .allow
        require(decision == expected, "a denial wins, and nothing is allowed that nothing allows")
        require(
            SessionPolicy.evaluate(role: policy, session: policy, action: action, resource: resource, context: context) == decision,
            "a policy twice is a policy once")
        if decision != .allow {
            require(
                SessionPolicy.evaluate(role: nil, session: policy, action: action, resource: resource, context: context) != .allow,
                "a role adds nothing to a session")
        }
    } catch {
        require((try? SessionPolicy(json: json)) == nil, "a text that is no policy stays none")
    }
}

/// Against the definition, on texts short enough for it.
private func checkWildcard(_ pattern: [UInt8], _ text: [UInt8]) {
    guard String(validating: pattern, as: UTF8.self) != nil, String(validating: text, as: UTF8.self) != nil else { return }
    let (pattern, text) = (String(decoding: pattern, as: UTF8.self), String(decoding: text, as: UTF8.self))
    let (signs, letters) = (Array(pattern.unicodeScalars), Array(text.unicodeScalars))
    // reach[i]: the signs so far match the first i letters.
    var reach = [Bool](repeating: false, count: letters.count + 1)
    reach[0] = true
    for sign in signs {
        if sign == "*" {
            for place in reach.indices.dropFirst() where reach[place - 1] { reach[place] = true }
        } else {
            for place in reach.indices.dropFirst().reversed() {
                reach[place] = reach[place - 1] && (sign == "?" || sign == letters[place - 1])
            }
            reach[0] = false
        }
    }
    require(
        Wildcard.matches(pattern, text) == reach[letters.count],
        "\(pattern.debugDescription) matches \(text.debugDescription) by the definition")
}

/// A grant becomes a policy that allows what lies under its prefix and nothing beside it.
private func checkGrant(prefix: String, key: String) {
    guard let text = try? SessionPolicy.text(bucket: "example-bucket", prefix: prefix, verbs: [.upload, .list]) else { return }
    guard let policy = try? SessionPolicy(json: text) else { return require(false, "the policy of a grant is a policy: \(text)") }
    let folder = prefix.isEmpty || prefix.utf8.last == UInt8(ascii: "/") ? prefix : prefix + "/"
    func decision(_ action: String, _ resource: String) -> PolicyDecision {
        policy.evaluate(action: action, resource: "acs:oss:*:1:" + resource)
    }
    require(decision("oss:PutObject", "example-bucket/\(folder)x") == .allow, "a grant allows what lies under its prefix")
    require(decision("oss:GetObject", "example-bucket/\(folder)x") != .allow, "a grant allows only its verbs")
    require(decision("oss:PutObject", "example-bucket-2/\(folder)x") != .allow, "a grant is about its bucket")
    if !key.utf8.starts(with: folder.utf8) {
        require(decision("oss:PutObject", "example-bucket/\(key)") != .allow, "a grant allows nothing beside its prefix")
    }
}

private func checkRange(_ range: String, _ address: String) {
    guard let range = AddressRange(range) else { return }
    require(range.contains(address) == range.contains(address), "a range contains an address or not")
    require(!range.contains("example") && !range.contains(""), "a range contains only addresses")
}

/// The policy of a form upload.
private func checkForm(_ json: String, form: [String: String], bucket: String) {
    guard let policy = try? PostPolicy(json: Array(json.utf8)) else { return }
    // An offset may carry the time out of the years that four digits can write.
    guard (-62_135_596_800_000...253_402_300_799_999).contains(policy.expiration.milliseconds) else { return }
    do throws(PostPolicyError) {
        require(try PostPolicy(json: Array(policy.text.utf8)) == policy, "a form's policy that was written reads the same")
    } catch {
        require(false, "a form's policy that was written can be read: \(error)")
    }
    let size = Int64(form.count)
    func decision() -> PostPolicyError? {
        do throws(PostPolicyError) {
            try policy.check(form: form, bucket: bucket, fileSize: size, now: Timestamp(seconds: 1_768_465_800))
        } catch { return error }
        return nil
    }
    let first = decision()
    require(decision() == first, "a form's policy decides the same twice")
    if first == nil { require(policy.expiration >= Timestamp(seconds: 1_768_465_800), "an expired policy takes nothing") }
}
