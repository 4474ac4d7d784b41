/// Times as people write them, in configurations, queries and options.
public enum DurationText {
    /// What a person types at a prompt may be shorter than what stands in a file for years.
    public enum Style: Sendable {
        /// `24h`, `90d`, `1h30m`, `45s`, `2w`.
        case strict
        /// Also `90` (seconds) and `1.5h`.
        case typed
    }

    /// 100 years.
    private static let longest: Int64 = 100 * 366 * 86_400_000

    /// `nil` when it is none of these, negative, or over 100 years. Exact to the millisecond.
    public static func parse(_ text: String, _ style: Style = .strict) -> Duration? {
        var total: Int64 = 0
        // In milliseconds of one second each, times the unit when that comes.
        var number: Int64?
        var scale: Int64?
        var sawUnit = false
        for byte in text.utf8 {
            if (48...57).contains(byte) {
                let digit = Int64(byte - 48)
                if let place = scale {
                    // Digits beyond a millisecond change nothing.
                    number = (number ?? 0) + digit * place
                    scale = place / 10
                } else {
                    number = (number ?? 0) * 10 + digit * 1000
                }
            } else if byte == UInt8(ascii: "."), style == .typed, number != nil, scale == nil {
                scale = 100
            } else {
                guard let unit = unit(byte), let count = number, count <= longest / unit else { return nil }
                total += count * unit
                (number, scale, sawUnit) = (nil, nil, true)
            }
            guard total <= longest, number ?? 0 <= longest else { return nil }
        }
        if let bare = number {
            guard style == .typed, !sawUnit else { return nil }
            total = bare
        } else if !sawUnit {
            return nil
        }
        return .milliseconds(total)
    }

    /// Seconds.
    private static func unit(_ letter: UInt8) -> Int64? {
        switch letter {
        case UInt8(ascii: "s"): 1
        case UInt8(ascii: "m"): 60
        case UInt8(ascii: "h"): 3600
        case UInt8(ascii: "d"): 86_400
        case UInt8(ascii: "w"): 604_800
        default: nil
        }
    }
}
