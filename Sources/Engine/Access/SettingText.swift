import TransferCore

/// Values that the configuration writes as text: durations, days of the week, times of day.
enum SettingText {
    /// `24h`, `90d`, `1h30m`, `45s`, `2w`. `nil` when it is none of these, negative, or over 100 years.
    static func duration(_ text: String) -> Duration? {
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

    /// `Mon`, `Mon-Fri`, `Sat,Sun`; 0 is Monday.
    static func days(_ text: String) -> Set<Int>? {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        var days: Set<Int> = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = item.split(separator: "-", omittingEmptySubsequences: false).map { names.firstIndex(of: $0.lowercased()) }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1] else { return nil }
            // Fri-Mon runs over the end of the week.
            for step in 0...((last - first + 7) % 7) { days.insert((first + step) % 7) }
        }
        return days.isEmpty ? nil : days
    }

    /// `08:00-18:00` as minutes since midnight; `24:00` only as an end.
    static func span(_ text: String) -> (from: Int, until: Int)? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(minutes)
        guard ends.count == 2, let from = ends[0], let until = ends[1], from < 24 * 60, from != until else { return nil }
        return (from, until)
    }

    private static func minutes(_ text: Substring) -> Int? {
        let pieces = text.split(separator: ":", omittingEmptySubsequences: false)
        guard pieces.count == 2, pieces.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { (48...57).contains($0) } }) else {
            return nil
        }
        guard let hour = Int(pieces[0]), let minute = Int(pieces[1]), minute < 60, hour * 60 + minute <= 24 * 60 else { return nil }
        return hour * 60 + minute
    }
}
