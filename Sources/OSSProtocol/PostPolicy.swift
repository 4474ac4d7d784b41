import FoundationEssentials

/// The policy of a form upload (PostObject): until when, and what the form must say. Whoever signs it lets others upload without a key.
///
/// Source: the fact sheet of the protocol, section 8.2. How a missing field counts is not documented: here it meets no condition.
public struct PostPolicy: Sendable, Equatable {
    public var expiration: Timestamp
    /// All must hold.
    public var conditions: [Condition]

    /// Names of fields without `$`; their letter case does not matter, that of values does. `bucket` is the bucket addressed.
    public enum Condition: Sendable, Hashable {
        case equals(field: String, String)
        /// An empty prefix takes every value.
        case startsWith(field: String, String)
        case isIn(field: String, [String])
        case isNotIn(field: String, [String])
        /// Bytes of the file, both bounds included.
        case contentLength(ClosedRange<Int64>)
    }

    public init(expiration: Timestamp, conditions: [Condition]) { (self.expiration, self.conditions) = (expiration, conditions) }

    /// Bytes of JSON that are read. Parsed, each takes some forty.
    public static let longest = 1 << 20

    /// - Throws: `.unreadable`.
    public init(json: [UInt8]) throws(PostPolicyError) {
        guard json.count <= PostPolicy.longest else { throw .unreadable("the policy has \(json.count) bytes") }
        guard let document = try? JSONDecoder().decode(PolicyValue.self, from: Data(json)), case .object(let fields) = document else {
            throw .unreadable("the policy is not a JSON object")
        }
        guard case .text(let text)? = fields["expiration"], let expiration = Timestamp(iso8601: text) else {
            throw .unreadable("expiration must be a time such as 2026-01-15T08:45:00.000Z")
        }
        guard case .list(let list)? = fields["conditions"] else { throw .unreadable("conditions must be a list") }
        self.init(expiration: expiration, conditions: [])
        for value in list { conditions += try PostPolicy.conditions(value) }
    }

    /// JSON, exact matches as objects.
    public var text: String {
        let list = conditions.map(\.json).joined(separator: ",")
        return "{\"expiration\":\(expiration.iso8601Milliseconds.quotedAsJSON),\"conditions\":[\(list)]}"
    }

    /// Whether a form may be taken.
    ///
    /// - Parameters:
    ///   - form: its fields besides `file`, names as sent.
    ///   - bucket: that the form was sent to.
    ///   - fileSize: in bytes.
    /// - Throws: `.expired`, or `.notMet` with the first condition that does not hold.
    public func check(form: [String: String], bucket: String, fileSize: Int64, now: Timestamp) throws(PostPolicyError) {
        guard now <= expiration else { throw .expired(expiration) }
        var values = Dictionary(form.map { (V4.lower($0.key), $0.value) }, uniquingKeysWith: { first, _ in first })
        values["bucket"] = bucket
        for condition in conditions where !condition.holds(values, fileSize) { throw .notMet(OSSError.cut(condition.json, to: 512)) }
        // Signed with version 4, the policy itself must name the credential, or one policy would fit every key and date.
        guard values["x-oss-signature-version"] != nil else { return }
        let needed =
            ["x-oss-signature-version", "x-oss-credential", "x-oss-date"]
            + (values["x-oss-security-token"] == nil ? [] : ["x-oss-security-token"])
        for field in needed where !conditions.contains(where: { $0.fixes(field) }) { throw .notMet("{\(field.quotedAsJSON):…}") }
    }

    private static func conditions(_ value: PolicyValue) throws(PostPolicyError) -> [Condition] {
        switch value {
        case .object(let pairs):
            var found: [Condition] = []
            for (name, value) in pairs.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                guard case .text(let text) = value else { throw .unreadable("the condition of \(name) must be a text") }
                found.append(.equals(field: V4.lower(name), text))
            }
            guard !found.isEmpty else { throw .unreadable("a condition is empty") }
            return found
        case .list(let fields):
            guard fields.count == 3, case .text(let name) = fields[0] else { throw .unreadable("a condition must have three elements") }
            return [try condition(V4.lower(name), fields[1], fields[2])]
        case .text, .number, .other: throw .unreadable("a condition is neither a list nor an object")
        }
    }

    private static func condition(_ name: String, _ first: PolicyValue, _ second: PolicyValue) throws(PostPolicyError) -> Condition {
        if name == "content-length-range" {
            guard case .number(let least) = first, case .number(let most) = second, least >= 0, least <= most else {
                throw .unreadable("content-length-range must have two numbers in order")
            }
            return .contentLength(least...most)
        }
        guard case .text(let variable) = first, variable.utf8.first == UInt8(ascii: "$"), variable.utf8.count > 1 else {
            throw .unreadable("the condition \(name) must name a field with $ in front")
        }
        let field = V4.lower(String(variable.dropFirst()))
        switch (name, second) {
        case ("eq", .text(let text)): return .equals(field: field, text)
        case ("starts-with", .text(let text)): return .startsWith(field: field, text)
        case ("in", .list), ("not-in", .list):
            guard let texts = second.texts else { throw .unreadable("the condition \(name) must have a list of texts") }
            return name == "in" ? .isIn(field: field, texts) : .isNotIn(field: field, texts)
        default: throw .unreadable("\(name) is not a condition")
        }
    }
}

extension PostPolicy.Condition {
    func holds(_ form: [String: String], _ fileSize: Int64) -> Bool {
        // By bytes: `==` would take composed and decomposed letters for the same.
        switch self {
        case .equals(let field, let text): form[field].map { $0.utf8.elementsEqual(text.utf8) } ?? false
        case .startsWith(let field, let text): form[field].map { $0.utf8.starts(with: text.utf8) } ?? false
        case .isIn(let field, let texts): form[field].map { value in texts.contains { $0.utf8.elementsEqual(value.utf8) } } ?? false
        case .isNotIn(let field, let texts): form[field].map { value in !texts.contains { $0.utf8.elementsEqual(value.utf8) } } ?? false
        case .contentLength(let range): range.contains(fileSize)
        }
    }

    func fixes(_ name: String) -> Bool { if case .equals(name, _) = self { true } else { false } }

    var json: String {
        func list(_ name: String, _ field: String, _ value: String) -> String {
            "[\(name.quotedAsJSON),\("$\(field)".quotedAsJSON),\(value)]"
        }
        func texts(_ values: [String]) -> String { "[\(values.map(\.quotedAsJSON).joined(separator: ","))]" }
        return switch self {
        case .equals(let field, let text): "{\(field.quotedAsJSON):\(text.quotedAsJSON)}"
        case .startsWith(let field, let text): list("starts-with", field, text.quotedAsJSON)
        case .isIn(let field, let values): list("in", field, texts(values))
        case .isNotIn(let field, let values): list("not-in", field, texts(values))
        case .contentLength(let range): "[\"content-length-range\",\(range.lowerBound),\(range.upperBound)]"
        }
    }
}

/// Why a form is not taken.
public enum PostPolicyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong with the policy.
    case unreadable(String)
    case expired(Timestamp)
    /// The condition as JSON.
    case notMet(String)

    /// OSS's code: the first with HTTP 400, the others with 403.
    public var code: String {
        switch self {
        case .unreadable: "InvalidPolicyDocument"
        case .expired, .notMet: "AccessDenied"
        }
    }

    public var description: String {
        switch self {
        case .unreadable(let what): "Invalid Policy: \(what)."
        case .expired(let end): "Invalid according to Policy: Policy expired at \(end.iso8601Milliseconds)."
        case .notMet(let condition): "Invalid according to Policy: Policy Condition failed: \(condition)"
        }
    }
}
