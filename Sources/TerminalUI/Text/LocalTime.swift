/// A moment as a wall clock shows it. The zone is a number of seconds ahead of UTC.
struct LocalTime: Sendable, Equatable {
    let year, month, day, hour, minute, second: Int

    /// - Parameter seconds: since 1970, UTC.
    init(seconds: Int64, zone: Int) {
        // Years 1 to 9999: file systems hold stranger times.
        let local = max(-62_135_596_800, min(253_402_300_799, seconds)) + Int64(zone)
        var days = Int(local / 86_400)
        var rest = Int(local % 86_400)
        if rest < 0 {
            rest += 86_400
            days -= 1
        }
        (hour, minute, second) = (rest / 3600, rest % 3600 / 60, rest % 60)
        // Civil date from a day number (Howard Hinnant, chrono-compatible date algorithms).
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    var clock: String { Formats.twoDigits(hour) + ":" + Formats.twoDigits(minute) + ":" + Formats.twoDigits(second) }
    var shortClock: String { Formats.twoDigits(hour) + ":" + Formats.twoDigits(minute) }
    var date: String { "\(year)-" + Formats.twoDigits(month) + "-" + Formats.twoDigits(day) }

    /// `+08:00`.
    static func zoneText(_ zone: Int) -> String {
        let minutes = abs(zone) / 60
        return (zone < 0 ? "-" : "+") + Formats.twoDigits(minutes / 60) + ":" + Formats.twoDigits(minutes % 60)
    }

    /// Milliseconds since 1970 of an RFC 3339 UTC time; fractions are kept to the millisecond.
    static func milliseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 40, bytes[bytes.count - 1] == UInt8(ascii: "Z") else { return nil }
        func number(_ start: Int, _ count: Int) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[start..<start + count] {
                guard (48...57).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 48)
            }
            return value
        }
        guard let year = number(0, 4), let month = number(5, 2), let day = number(8, 2), let hour = number(11, 2),
            let minute = number(14, 2), let second = number(17, 2), (1...12).contains(month)
        else { return nil }
        var fraction: Int64 = 0
        if bytes[19] == UInt8(ascii: ".") {
            var scale: Int64 = 100
            for byte in bytes[20..<bytes.count - 1] where (48...57).contains(byte) {
                fraction += Int64(byte - 48) * scale
                scale /= 10
            }
        }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + fraction
    }
}
