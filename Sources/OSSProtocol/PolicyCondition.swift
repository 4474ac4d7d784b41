/// One operator over one key of a condition. Operators and keys are ANDed; the values of a key are alternatives, and for a negated
/// operator none of them may match. A key that the request does not have never holds, negated or not.
struct PolicyCondition: Sendable, Equatable {
    private enum Comparison: String, CaseIterable {
        case stringEquals, stringEqualsIgnoreCase, stringLike
        case numericEquals, numericLessThan, numericLessThanEquals, numericGreaterThan, numericGreaterThanEquals
        case dateEquals, dateLessThan, dateLessThanEquals, dateGreaterThan, dateGreaterThanEquals
        case bool, ipAddress
    }

    private let comparison: Comparison
    private let isNegated: Bool
    private let key: String
    private let values: [String]

    static func list(_ value: PolicyValue?) throws(PolicyError) -> [PolicyCondition] {
        guard let value else { return [] }
        guard case .object(let operators) = value else { throw .grammar("Condition must be an object of operators") }
        var conditions: [PolicyCondition] = []
        for (name, keys) in operators {
            guard let (comparison, isNegated) = PolicyCondition.comparison(name) else {
                throw .grammar("\(name) is not a condition operator")
            }
            guard case .object(let pairs) = keys else { throw .grammar("\(name) must be an object of condition keys") }
            for (key, value) in pairs {
                guard let values = value.texts else { throw .grammar("\(key) must have a text or a list of texts") }
                let condition = PolicyCondition(comparison: comparison, isNegated: isNegated, key: key, values: values)
                for text in values where !condition.canRead(text) { throw .grammar("\"\(text)\" is no value for \(name)") }
                conditions.append(condition)
            }
        }
        return conditions
    }

    func holds(in context: [String: String]) -> Bool {
        guard let given = context[key] else { return false }
        return values.contains { matches($0, given) } != isNegated
    }

    private static func comparison(_ name: String) -> (Comparison, isNegated: Bool)? {
        let negated = [
            "StringNotEquals": Comparison.stringEquals, "StringNotEqualsIgnoreCase": .stringEqualsIgnoreCase, "StringNotLike": .stringLike,
            "NumericNotEquals": .numericEquals, "DateNotEquals": .dateEquals, "NotIpAddress": .ipAddress,
        ]
        if let comparison = negated[name] { return (comparison, true) }
        let plain = Comparison.allCases.first { $0.rawValue.prefix(1).uppercased() + $0.rawValue.dropFirst() == name }
        return plain.map { ($0, false) }
    }

    /// Whether the policy's value has the operator's type; a value that no request could ever match is an error of the policy.
    private func canRead(_ text: String) -> Bool {
        switch comparison {
        case .stringEquals, .stringEqualsIgnoreCase, .stringLike: true
        case .numericEquals, .numericLessThan, .numericLessThanEquals, .numericGreaterThan, .numericGreaterThanEquals: Double(text) != nil
        case .dateEquals, .dateLessThan, .dateLessThanEquals, .dateGreaterThan, .dateGreaterThanEquals: Timestamp(iso8601: text) != nil
        case .bool: V4.lower(text) == "true" || V4.lower(text) == "false"
        case .ipAddress: AddressRange(text) != nil
        }
    }

    private func matches(_ value: String, _ given: String) -> Bool {
        switch comparison {
        // Bytes, not `==`: that would take composed and decomposed letters for the same.
        case .stringEquals: value.utf8.elementsEqual(given.utf8)
        case .stringEqualsIgnoreCase: value.lowercased().utf8.elementsEqual(given.lowercased().utf8)
        case .stringLike: Wildcard.matches(value, given)
        case .numericEquals: ordered(Double(given), Double(value), ==)
        case .numericLessThan: ordered(Double(given), Double(value), <)
        case .numericLessThanEquals: ordered(Double(given), Double(value), <=)
        case .numericGreaterThan: ordered(Double(given), Double(value), >)
        case .numericGreaterThanEquals: ordered(Double(given), Double(value), >=)
        case .dateEquals: ordered(Timestamp(iso8601: given), Timestamp(iso8601: value), ==)
        case .dateLessThan: ordered(Timestamp(iso8601: given), Timestamp(iso8601: value), <)
        case .dateLessThanEquals: ordered(Timestamp(iso8601: given), Timestamp(iso8601: value), <=)
        case .dateGreaterThan: ordered(Timestamp(iso8601: given), Timestamp(iso8601: value), >)
        case .dateGreaterThanEquals: ordered(Timestamp(iso8601: given), Timestamp(iso8601: value), >=)
        case .bool: V4.lower(value) == V4.lower(given)
        case .ipAddress: AddressRange(value)?.contains(given) ?? false
        }
    }

    private func ordered<Value>(_ a: Value?, _ b: Value?, _ holds: (Value, Value) -> Bool) -> Bool {
        guard let a, let b else { return false }
        return holds(a, b)
    }
}
