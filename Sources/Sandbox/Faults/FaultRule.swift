import OSSProtocol

/// One rule of when and how the sandbox misbehaves.
///
/// As text: `EFFECT NAME=VALUE …`, or as a JSON object with the same names and an `effect`.
///
///     status status=503 code=ServiceUnavailable operation=UploadPart chance=0.3
///     reset bytes=1MiB operation=UploadPart part=7 attempt=1
///     lost-answer operation=CompleteMultipartUpload count=1
///     delay delay=2s key=photos/*
///
/// | effect | what happens |
/// |---|---|
/// | `status` | the answer is `status` (503) with `code` (that status's usual one), nothing is performed |
/// | `delay` | the request waits for `delay` and goes on; every effect may have a `delay` |
/// | `reset` | the connection is reset after `bytes` (0) of the body |
/// | `black-hole` | after `bytes` of the body (all of it) nothing more is read, and nothing is ever answered |
/// | `truncate` | performed; the answer breaks off in the middle of its body |
/// | `corrupt` | one bit of the body received (or, for GET, sent) is wrong, as after a fault on the way |
/// | `wrong-crc` | performed; the answer's CRC-64 is not that of the body |
/// | `lost-answer` | performed; the connection closes without an answer |
///
/// What a request must be: `operation` (a name of the API) and `key` (patterns with `*` and `?`), `part` (its number), `attempt` (`2`,
/// `1-3`: how often the same operation on the same key and part came, this time included), `nth` (the nth request that all of this
/// fits). Of those that fit, `chance` (0 to 1) are hit, and no more than `count`.
struct FaultRule: Sendable, Equatable {
    enum Effect: String, Sendable, CaseIterable {
        case status, delay, reset, truncate, corrupt
        case blackHole = "black-hole"
        case wrongCRC = "wrong-crc"
        case lostAnswer = "lost-answer"
    }

    var effect: Effect
    var status = 503
    var code: String?
    var delay: Duration = .zero
    /// `nil`: not given.
    var bytes: Int64?
    var operation: String?
    var key: String?
    var part: Int?
    var attempts: ClosedRange<Int>?
    var nth: Int?
    var chance = 1.0
    var count: Int?

    init(effect: Effect) { self.effect = effect }

    /// - Throws: a sentence about what is wrong.
    init(_ text: String) throws(FaultRuleError) {
        var pairs: [(String, String)] = []
        for (place, word) in text.split(whereSeparator: { $0 == " " || $0 == "\t" }).enumerated() {
            if let (name, value) = word.cut(at: "=") {
                pairs.append((name, value))
            } else if place == 0 {
                pairs.append(("effect", String(word)))
            } else {
                throw FaultRuleError("\"\(word)\" is not NAME=VALUE")
            }
        }
        try self.init(pairs: pairs)
    }

    init(pairs: [(String, String)]) throws(FaultRuleError) {
        var seen: Set<String> = []
        for (name, _) in pairs where !seen.insert(name).inserted { throw FaultRuleError("\(name) is given twice") }
        guard let name = pairs.first(where: { $0.0 == "effect" })?.1 else {
            throw FaultRuleError("the effect is missing: one of \(FaultRule.effectNames)")
        }
        // `503` alone is short for a status.
        let shorthand = Int(digits: name)
        guard let effect = shorthand != nil ? Effect.status : Effect(rawValue: name) else {
            throw FaultRuleError("\"\(name)\" is not an effect: one of \(FaultRule.effectNames)")
        }
        self.init(effect: effect)
        if let shorthand { status = try FaultRule.number(String(shorthand), "status", 200...599) }
        for (name, value) in pairs where name != "effect" { try set(name, value) }
    }

    private static let effectNames = Effect.allCases.map(\.rawValue).joined(separator: ", ")

    private mutating func set(_ name: String, _ value: String) throws(FaultRuleError) {
        switch name {
        case "status": status = try FaultRule.number(value, name, 200...599)
        case "code": code = value
        case "delay": delay = try FaultRule.duration(value)
        case "bytes": bytes = try FaultRule.size(value)
        case "operation", "op": operation = value
        case "key": key = value
        case "part": part = try FaultRule.number(value, name, OSSLimits.partNumbers)
        case "attempt": attempts = try FaultRule.range(value)
        case "nth": nth = try FaultRule.number(value, name, 1...Int.max)
        case "count": count = try FaultRule.number(value, name, 1...Int.max)
        case "chance":
            guard let number = Double(value), (0...1).contains(number) else { throw FaultRuleError("chance must be 0 to 1, not \(value)") }
            chance = number
        default:
            throw FaultRuleError(
                "\"\(name)\" is not known: operation, key, part, attempt, nth, chance, count, status, code, delay or bytes")
        }
    }

    private static func number(_ text: String, _ name: String, _ bounds: ClosedRange<Int>) throws(FaultRuleError) -> Int {
        guard let number = Int(digits: text), bounds.contains(number) else {
            throw FaultRuleError(
                "\(name) must be \(bounds.lowerBound) \(bounds.upperBound == .max ? "or more" : "to \(bounds.upperBound)"), not \(text)"
            )
        }
        return number
    }

    private static func range(_ text: String) throws(FaultRuleError) -> ClosedRange<Int> {
        let (low, high) = text.cut(at: "-") ?? (text, text)
        let first = try number(low, "attempt", 1...Int.max)
        let last = high.isEmpty ? Int.max : try number(high, "attempt", 1...Int.max)
        guard first <= last else { throw FaultRuleError("attempt must go up, not \(text)") }
        return first...last
    }

    /// `500ms`, `2s`, `1.5s`, a bare number of milliseconds; at most an hour.
    private static func duration(_ text: String) throws(FaultRuleError) -> Duration {
        let (digits, unit) =
            text.hasSuffix("ms") ? (text.dropLast(2), 1.0) : text.hasSuffix("s") ? (text.dropLast(1), 1000.0) : (text[...], 1.0)
        guard let number = Double(digits), number >= 0, number * unit <= 3_600_000 else {
            throw FaultRuleError("delay must be such as 500ms or 2s and at most an hour, not \(text)")
        }
        return .milliseconds(Int64(number * unit))
    }

    /// `1000`, `64KiB`, `1MiB`.
    private static func size(_ text: String) throws(FaultRuleError) -> Int64 {
        for (suffix, shift) in [("KiB", 10), ("MiB", 20), ("GiB", 30)] where text.hasSuffix(suffix) {
            return Int64(try number(String(text.dropLast(3)), "bytes", 0...(1 << 20))) << Int64(shift)
        }
        return Int64(try number(text, "bytes", 0...Int.max))
    }

    /// The rule as text, to be shown.
    var text: String {
        var words = [effect.rawValue]
        if effect == .status { words.append("status=\(status)") }
        if let code { words.append("code=\(code)") }
        if delay != .zero { words.append("delay=\(delay.inMilliseconds)ms") }
        if let bytes { words.append("bytes=\(bytes)") }
        if let operation { words.append("operation=\(operation)") }
        if let key { words.append("key=\(key)") }
        if let part { words.append("part=\(part)") }
        if let attempts {
            words.append(
                "attempt=\(attempts.lowerBound)"
                    + (attempts.count == 1 ? "" : attempts.upperBound == .max ? "-" : "-\(attempts.upperBound)"))
        }
        if let nth { words.append("nth=\(nth)") }
        if chance != 1 { words.append("chance=\(chance)") }
        if let count { words.append("count=\(count)") }
        return words.joined(separator: " ")
    }
}

struct FaultRuleError: Error, Sendable, Equatable, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// What one request meets.
struct Fault: Sendable, Equatable {
    var rule: FaultRule
    /// The rule's number, for the record of requests; `nil` where the key's own name asked for it.
    var id: Int?

    /// The answer of the effect `status`.
    var failure: OSSFailure {
        let code = rule.code ?? Fault.usualCode(rule.status)
        var headers = HTTPHeaders()
        if rule.status == 503 || rule.status == 429 { headers["x-oss-qos-delay-time"] = "100" }
        return OSSFailure(rule.status, code, "The sandbox was told to answer so.", ec: "0017-00000999", elements: []).with(headers)
    }

    private static func usualCode(_ status: Int) -> String {
        switch status {
        case 400: "BadRequest"
        case 403: "AccessDenied"
        case 404: "NoSuchKey"
        case 408: "RequestTimeout"
        case 409: "FileAlreadyExists"
        case 429: "TooManyRequests"
        case 500: "InternalError"
        default: "ServiceUnavailable"
        }
    }
}

extension OSSFailure {
    fileprivate func with(_ headers: HTTPHeaders) -> OSSFailure {
        var copy = self
        copy.headers = headers
        return copy
    }
}
