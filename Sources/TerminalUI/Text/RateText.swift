/// A rate as it is typed: `200M`, `1.5G`, `800Mbit`, `none`, `0`, `+10%`. A bare unit letter is binary; `Mb` alone is refused with
/// both readings, since people mean either by it.
enum RateText {
    struct Problem: Error, Sendable, Equatable { var text: String }

    /// - Parameter current: bytes a second now, for `+10%`.
    /// - Returns: what the engine is sent: `none`, `0`, or bytes a second as a number.
    static func read(_ typed: String, current: Int64?) -> Result<String, Problem> {
        let text = typed.filter { $0 != " " }
        if text.isEmpty { return .failure(Problem(text: "type a rate, or none")) }
        if text.lowercased() == "none" { return .success("none") }
        if text.lowercased() == "schedule" { return .success("schedule") }
        if let sign = text.first, sign == "+" || sign == "-", text.last == "%" {
            guard let current, current > 0 else { return .failure(Problem(text: "there is no limit to change by percent")) }
            guard let percent = number(text.dropFirst().dropLast()), percent <= 1000 else { return .failure(unknown(text)) }
            let changed = Double(current) * (1 + (sign == "+" ? percent : -percent) / 100)
            guard changed < 1e15 else { return .failure(Problem(text: "that is more than any network carries")) }
            guard changed >= 1 else { return .failure(Problem(text: "that would be nothing; 0 pauses")) }
            return .success(String(Int64(changed)))
        }
        let digits = text.prefix { $0.isNumber || $0 == "." }
        guard let value = number(digits) else { return .failure(unknown(text)) }
        var unit = String(text.dropFirst(digits.count))
        if unit.hasSuffix("/s") { unit = String(unit.dropLast(2)) }
        if unit.count == 2, unit.last == "b", "kKmMgGtT".contains(unit.first ?? " ") {
            let letter = unit.prefix(1).uppercased()
            let bits = Formats.rate(bounded(value * (factor("\(letter)bit") ?? 0)))
            let bytes = Formats.rate(bounded(value * (factor(letter) ?? 0)))
            return .failure(Problem(text: "? did you mean \(digits)\(letter)bit (\(bits)) or \(digits)\(letter) (\(bytes))?"))
        }
        guard let factor = factor(unit) else { return .failure(unknown(text)) }
        let bytes = value * factor
        guard bytes < 1e15 else { return .failure(Problem(text: "that is more than any network carries; none takes the limit away")) }
        if bytes == 0 { return .success("0") }
        guard bytes >= 1024 else { return .failure(Problem(text: "less than 1 KiB/s; 0 pauses, none is no limit")) }
        return .success(String(Int64(bytes)))
    }

    private static func bounded(_ bytes: Double) -> Int64 { Int64(min(bytes, 1e15)) }

    private static func unknown(_ text: String) -> Problem { Problem(text: "\(text) is no rate: 200M, 1.5G, 800Mbit, none, +10%") }

    private static func number(_ text: some StringProtocol) -> Double? {
        guard !text.isEmpty, text.count <= 15, text.allSatisfy({ ("0"..."9").contains($0) || $0 == "." }) else { return nil }
        return Double(String(text))
    }

    private static func factor(_ unit: String) -> Double? {
        switch unit.lowercased() {
        case "", "b": 1
        case "k", "kib": 1024
        case "m", "mib": 1_048_576
        case "g", "gib": 1_073_741_824
        case "t", "tib": 1_099_511_627_776
        case "kb": 1e3
        case "mb": 1e6
        case "gb": 1e9
        case "kbit": 1e3 / 8
        case "mbit": 1e6 / 8
        case "gbit": 1e9 / 8
        case "tbit": 1e12 / 8
        default: nil
        }
    }
}
