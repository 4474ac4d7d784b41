import OSSProtocol
import Platform

/// All rules in force, and what is counted for them. Rules are tried in order; the first that hits decides.
///
/// A key may also name its fault itself: `fault/WHAT/…`, where WHAT is `503-twice`, `500-once`, `reset-once`, `black-hole-once`,
/// `lost-answer-once`, `corrupt-once`, `wrong-crc-once`, `truncate-once`, `delay-2s` or, instead of `once` and `twice`, `3-times` and
/// `always`. It holds for writing and reading the object, each operation and part counted by itself.
final class FaultScript: Sendable {
    struct Entry: Sendable {
        let id: Int
        let rule: FaultRule
        var seen = 0
        var hits = 0
        var random: SplitMix
    }

    private struct State {
        var entries: [Entry] = []
        var nextID = 1
        var attempts: [Target: Int] = [:]
    }

    struct Target: Hashable, Sendable {
        var operation: String
        var bucket: String
        var key: ObjectKey
        var part: Int
    }

    private let seed: UInt64
    private let state = Lock(State())

    /// More targets than this and counting begins anew.
    private static let mostTargets = 1_000_000
    private static let mostRules = 1000

    init(seed: UInt64) { self.seed = seed }

    /// - Returns: the rule's number.
    func add(_ rule: FaultRule) throws(FaultRuleError) -> Int {
        let id: Int? = state.withLock { state in
            guard state.entries.count < FaultScript.mostRules else { return nil }
            let id = state.nextID
            state.entries.append(Entry(id: id, rule: rule, random: SplitMix(seed: seed &+ UInt64(id))))
            state.nextID += 1
            return id
        }
        guard let id else { throw FaultRuleError("there are \(FaultScript.mostRules) rules already; remove some") }
        return id
    }

    /// All of them for `nil`. How many went.
    func remove(id: Int?) -> Int {
        state.withLock { state in
            let before = state.entries.count
            state.entries.removeAll { id == nil || $0.id == id }
            if id == nil { state.attempts = [:] }
            return before - state.entries.count
        }
    }

    var entries: [Entry] { state.withLock { $0.entries } }

    /// Counts the request and says what it meets.
    func meet(_ target: Target) -> Fault? {
        let named = FaultScript.named(by: target)
        return state.withLock { state in
            guard named != nil || !state.entries.isEmpty else { return nil }
            if state.attempts.count >= FaultScript.mostTargets { state.attempts = [:] }
            let attempt = state.attempts[target, default: 0] + 1
            state.attempts[target] = attempt
            for place in state.entries.indices where FaultScript.fits(state.entries[place].rule, target, attempt) {
                state.entries[place].seen += 1
                let entry = state.entries[place]
                if let nth = entry.rule.nth, nth != entry.seen { continue }
                if let count = entry.rule.count, entry.hits >= count { continue }
                if entry.rule.chance < 1, state.entries[place].random.unit() >= entry.rule.chance { continue }
                state.entries[place].hits += 1
                return Fault(rule: entry.rule, id: entry.id)
            }
            guard let named, named.attempts?.contains(attempt) ?? true else { return nil }
            return Fault(rule: named, id: nil)
        }
    }

    private static func fits(_ rule: FaultRule, _ target: Target, _ attempt: Int) -> Bool {
        if let operation = rule.operation, !Glob(operation.asciiLower).matches(Array(target.operation.asciiLower.utf8)) { return false }
        if let key = rule.key, !Glob(key).matches(target.key.utf8) { return false }
        if let part = rule.part, part != target.part { return false }
        if let attempts = rule.attempts, !attempts.contains(attempt) { return false }
        return true
    }

    private static let prefix = Array("fault/".utf8)

    /// The rule that the key's name asks for.
    static func named(by target: Target) -> FaultRule? {
        guard target.key.utf8.starts(with: prefix) else { return nil }
        let rest = target.key.utf8[prefix.count...]
        guard let end = rest.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        let word = String(decoding: rest[..<end], as: UTF8.self)
        if word.hasPrefix("delay-") { return try? FaultRule("delay delay=\(word.dropFirst(6))") }
        for (suffix, attempts) in [("-once", "1"), ("-twice", "1-2"), ("-always", "1-")] where word.hasSuffix(suffix) {
            return try? FaultRule("\(word.dropLast(suffix.count)) attempt=\(attempts)")
        }
        guard word.hasSuffix("-times"), let dash = word.dropLast(6).lastIndex(of: "-") else { return nil }
        return try? FaultRule("\(word[..<dash]) attempt=1-\(word[word.index(after: dash)...].dropLast(6))")
    }
}

/// SplitMix64: small, seeded, the same everywhere.
struct SplitMix: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// 0 up to, but not, 1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
