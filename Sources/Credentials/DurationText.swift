/// Times as configurations write them.
public enum DurationText {
    /// `24h`, `90d`, `1h30m`, `45s`, `2w`. `nil` when it is none of these, negative, or over 100 years.
    public static func parse(_ text: String) -> Duration? {
        let units: [UInt8: Int64] = [
            UInt8(ascii: "s"): 1, UInt8(ascii: "m"): 60, UInt8(ascii: "h"): 3600, UInt8(ascii: "d"): 86_400, UInt8(ascii: "w"): 604_800,
        ]
        let longest: Int64 = 100 * 366 * 86_400
        var total: Int64 = 0
        var number: Int64?
        for byte in text.utf8 {
            if (48...57).contains(byte) {
                let grown = (number ?? 0) * 10 + Int64(byte - 48)
                guard grown <= longest else { return nil }
                number = grown
            } else {
                guard let unit = units[byte], let count = number, count <= longest / unit else { return nil }
                total += count * unit
                number = nil
            }
            guard total <= longest else { return nil }
        }
        guard number == nil, !text.isEmpty else { return nil }
        return .seconds(total)
    }
}
