import OSSProtocol

/// The small languages inside `authd.toml`: lives and names.
enum SettingText {
    /// STS gives no token for less and, for a role with the longest `MaxSessionDuration`, none for more. Source: AssumeRole.
    static let lives: ClosedRange<Int64> = 900...43_200

    /// `15m`, `1h`, `1h30m`, `900s`: units h, m, s, each once, in that order.
    static func life(_ text: String) throws(SettingError) -> Duration {
        let accepted = "Accepted: 15m to 12h, as in 1h, 90m, 1h30m, 900s"
        var seconds: Int64 = 0
        var units: [(UInt8, Int64)] = [(UInt8(ascii: "h"), 3600), (UInt8(ascii: "m"), 60), (UInt8(ascii: "s"), 1)]
        var rest = Array(text.utf8)[...]
        guard !rest.isEmpty else { throw SettingError("no time. \(accepted)") }
        while !rest.isEmpty {
            let digits = rest.prefix { (48...57).contains($0) }
            rest = rest.dropFirst(digits.count)
            guard (1...6).contains(digits.count), let number = Int64(String(decoding: digits, as: UTF8.self)), let unit = rest.first,
                let place = units.firstIndex(where: { $0.0 == unit })
            else { throw SettingError("no time. \(accepted)") }
            seconds += number * units[place].1
            units.removeFirst(place + 1)
            rest = rest.dropFirst()
        }
        guard lives.contains(seconds) else { throw SettingError("a life that STS does not give. \(accepted)") }
        return .seconds(seconds)
    }

    /// What names of clients are made of, as those of role sessions.
    static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "@"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// - Returns: why a name cannot be a client's.
    static func problem(clientName name: String) -> String? {
        let bytes = Array(name.utf8)
        // The rule is that of role session names; “..” would be a step up in a prefix.
        guard (2...64).contains(bytes.count), bytes.allSatisfy(isNameByte), bytes.contains(where: { $0 != UInt8(ascii: ".") }) else {
            return "no client name. Accepted: 2 to 64 of the letters A-Z a-z, digits and . @ - _"
        }
        return nil
    }
}

/// What keys and prefixes may look like here: stricter than OSS, so that no reader of a key can mistake where it lies.
enum KeyRule {
    /// - Returns: what is wrong with a prefix that ends in `/` (or is empty).
    static func problem(prefix: [UInt8]) -> String? {
        if prefix.isEmpty { return nil }
        guard prefix.count <= 900 else { return "a prefix of more than 900 bytes" }
        if prefix.contains(where: { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "$") }) {
            return "a prefix with *, ? or $, which a policy reads as a pattern"
        }
        return problem(of: prefix.dropLast(), what: "a prefix", mayHoldEmptySteps: false)
    }

    static func problem(key: [UInt8]) -> String? {
        guard !key.isEmpty else { return "a key without a byte" }
        guard key.count <= OSSLimits.keyBytes else { return "a key of more than \(OSSLimits.keyBytes) bytes" }
        return problem(of: key[...], what: "a key", mayHoldEmptySteps: true)
    }

    private static func problem(of path: ArraySlice<UInt8>, what: String, mayHoldEmptySteps: Bool) -> String? {
        if path.first == UInt8(ascii: "/") || path.first == UInt8(ascii: "\\") { return "\(what) that begins with a slash" }
        if String(validating: path, as: UTF8.self) == nil { return "\(what) that is not UTF-8" }
        // Names with line ends and the like are legal in OSS; in a prefix of a policy they are a mistake.
        if !mayHoldEmptySteps, path.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return "\(what) with a control character" }
        for step in path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            if step.elementsEqual(".".utf8) || step.elementsEqual("..".utf8) {
                return "\(what) with a step \(step.count == 1 ? "“.”" : "“..”")"
            }
            if step.isEmpty, !mayHoldEmptySteps { return "\(what) with an empty step" }
        }
        return nil
    }
}
