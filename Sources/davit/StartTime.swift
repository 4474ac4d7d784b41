import Glibc

/// The time of `--at`: `2026-12-01T22:00:00+08:00`, `2026-12-01 22:00`, `22:00`, `today 22:00`, `tomorrow 06:00`, `+2h`. Without an
/// offset it is the caller's own clock that is meant, with its summer time.
enum StartTime {
    enum Problem: Error, Equatable {
        case notUnderstood
        /// The clocks are put forward over it.
        case skipped(String)
        case past
    }

    /// - Parameter now: seconds since 1970.
    /// - Returns: seconds since 1970.
    static func read(_ text: String, now: Int64) throws(Problem) -> Int64 {
        if text.hasPrefix("+") {
            guard let duration = parseDuration(String(text.dropFirst())) else { throw .notUnderstood }
            return now + duration.components.seconds
        }
        if let moment = moment(text) { return moment }
        let words = text.split(separator: " ").map(String.init)
        switch words.count {
        case 1:
            guard let clock = clock(words[0]) else { throw .notUnderstood }
            // The next time the clock shows it.
            let today = try local(day: day(now, plus: 0), clock)
            return today > now ? today : try local(day: day(now, plus: 1), clock)
        case 2:
            guard let clock = clock(words[1]) else { throw .notUnderstood }
            switch words[0].lowercased() {
            case "today":
                let time = try local(day: day(now, plus: 0), clock)
                guard time > now else { throw .past }
                return time
            case "tomorrow": return try local(day: day(now, plus: 1), clock)
            default:
                guard let date = date(words[0]) else { throw .notUnderstood }
                return try local(day: date, clock)
            }
        default: throw .notUnderstood
        }
    }

    /// RFC 3339 UTC.
    static func text(_ seconds: Int64) -> String {
        var (time, parts) = (time_t(seconds), tm())
        gmtime_r(&time, &parts)
        return "\(padded(Int(parts.tm_year) + 1900, 4))-\(padded(Int(parts.tm_mon) + 1))-\(padded(Int(parts.tm_mday)))T"
            + "\(padded(Int(parts.tm_hour))):\(padded(Int(parts.tm_min))):\(padded(Int(parts.tm_sec)))Z"
    }

    private static func padded(_ number: Int, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(width - digits.utf8.count, 0)) + digits
    }

    /// `YYYY-MM-DDTHH:MM:SS[.fff]` with `Z` or an offset.
    private static func moment(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[10] | 0x20 == UInt8(ascii: "t") || bytes[10] == UInt8(ascii: " "),
            let day = date(String(decoding: bytes[..<10], as: UTF8.self)),
            let hour = number(bytes[11..<13]), bytes[13] == UInt8(ascii: ":"), let minute = number(bytes[14..<16]),
            bytes[16] == UInt8(ascii: ":"), let second = number(bytes[17..<19]), hour < 24, minute < 60, second < 60
        else { return nil }
        var rest = bytes[19...]
        if rest.first == UInt8(ascii: ".") { rest = rest.dropFirst().drop { (48...57).contains($0) } }
        let offset: Int
        switch rest.first {
        case UInt8(ascii: "Z"), UInt8(ascii: "z"):
            guard rest.count == 1 else { return nil }
            offset = 0
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            let parts = Array(rest)
            guard parts.count == 6, parts[3] == UInt8(ascii: ":"), let hours = number(parts[1..<3]), let minutes = number(parts[4..<6]),
                hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 3600 + minutes * 60) * (parts[0] == UInt8(ascii: "-") ? -1 : 1)
        default: return nil
        }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(day.year - 1900), Int32(day.month - 1), Int32(day.day))
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (Int32(hour), Int32(minute), Int32(second))
        return Int64(timegm(&parts)) - Int64(offset)
    }

    private struct Day { var year: Int, month: Int, day: Int }
    private struct Clock { var hour: Int, minute: Int, second: Int }

    private static func date(_ text: String) -> Day? {
        let bytes = Array(text.utf8)
        guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), let year = number(bytes[..<4]),
            let month = number(bytes[5..<7]), let day = number(bytes[8...]), (1970...9999).contains(year), (1...12).contains(month), day > 0
        else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return day <= days[month - 1] ? Day(year: year, month: month, day: day) : nil
    }

    /// `6:00`, `22:00`, `22:00:30`.
    private static func clock(_ text: String) -> Clock? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Array($0.utf8) }
        guard (2...3).contains(parts.count), (1...2).contains(parts[0].count), parts.dropFirst().allSatisfy({ $0.count == 2 }),
            let hour = number(parts[0][...]), let minute = number(parts[1][...]), hour < 24, minute < 60
        else { return nil }
        guard parts.count == 3 else { return Clock(hour: hour, minute: minute, second: 0) }
        guard let second = number(parts[2][...]), second < 60 else { return nil }
        return Clock(hour: hour, minute: minute, second: second)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int($1 - 48) }
    }

    private static func day(_ now: Int64, plus days: Int) -> Day {
        var (time, parts) = (time_t(now), tm())
        localtime_r(&time, &parts)
        // Noon: a day is not always 24 hours long.
        (parts.tm_hour, parts.tm_min, parts.tm_sec, parts.tm_isdst) = (12, 0, 0, -1)
        parts.tm_mday += Int32(days)
        _ = mktime(&parts)
        return Day(year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday))
    }

    private static func local(day: Day, _ clock: Clock) throws(Problem) -> Int64 {
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(day.year - 1900), Int32(day.month - 1), Int32(day.day))
        (parts.tm_hour, parts.tm_min, parts.tm_sec, parts.tm_isdst) = (Int32(clock.hour), Int32(clock.minute), Int32(clock.second), -1)
        let time = mktime(&parts)
        guard parts.tm_hour == Int32(clock.hour), parts.tm_min == Int32(clock.minute) else {
            throw .skipped("\(padded(day.year, 4))-\(padded(day.month))-\(padded(day.day)) \(padded(clock.hour)):\(padded(clock.minute))")
        }
        return Int64(time)
    }
}
