/// The three ways OSS and STS write a time, without Foundation. All UTC; years 1 to 9999.
extension Timestamp {
    /// `2026-01-15T08:30:00Z`, with optional fraction (cut to milliseconds) and `Z` or an offset `+08:00`.
    public init?(iso8601 text: String) {
        var reader = TimeReader(text)
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"), let day = reader.number(2),
            reader.take("T") || reader.take("t") || reader.take(" "), let hour = reader.number(2), reader.take(":"),
            let minute = reader.number(2),
            reader.take(":"), let second = reader.number(2)
        else { return nil }
        var fraction = 0
        if reader.take(".") {
            guard let part = reader.fraction() else { return nil }
            fraction = part
        }
        var offset = 0
        if !(reader.take("Z") || reader.take("z")) {
            let sign = reader.take("+") ? 1 : reader.take("-") ? -1 : 0
            guard sign != 0, let hours = reader.number(2), reader.take(":"), let minutes = reader.number(2), hours < 24, minutes < 60 else {
                return nil
            }
            offset = sign * (hours * 60 + minutes)
        }
        guard reader.isAtEnd, let seconds = Timestamp.seconds(year, month, day, hour, minute, second) else { return nil }
        self.init(milliseconds: (seconds - Int64(offset) * 60) * 1000 + Int64(fraction))
    }

    /// `20260115T083000Z`, as V4 signs it.
    public init?(basic text: String) {
        var reader = TimeReader(text)
        guard let year = reader.number(4), let month = reader.number(2), let day = reader.number(2), reader.take("T"),
            let hour = reader.number(2), let minute = reader.number(2), let second = reader.number(2), reader.take("Z"), reader.isAtEnd,
            let seconds = Timestamp.seconds(year, month, day, hour, minute, second)
        else { return nil }
        self.init(seconds: seconds)
    }

    /// `Thu, 15 Jan 2026 08:30:00 GMT` (RFC 1123). The day of the week is not checked.
    public init?(httpDate text: String) {
        guard let (_, rest) = text.splitOnce(", ") else { return nil }
        var reader = TimeReader(rest)
        guard let day = reader.number(2), reader.take(" "), let month = reader.month(), reader.take(" "), let year = reader.number(4),
            reader.take(" "),
            let hour = reader.number(2), reader.take(":"), let minute = reader.number(2), reader.take(":"), let second = reader.number(2),
            reader.take(" GMT"), reader.isAtEnd, let seconds = Timestamp.seconds(year, month, day, hour, minute, second)
        else { return nil }
        self.init(seconds: seconds)
    }

    /// `2026-01-15T08:30:00Z`
    public var iso8601: String { String(decoding: iso(fraction: false), as: UTF8.self) }

    /// `2026-01-15T08:30:00.000Z`
    public var iso8601Milliseconds: String { String(decoding: iso(fraction: true), as: UTF8.self) }

    /// `20260115T083000Z`
    public var basic: String { String(decoding: basicBytes, as: UTF8.self) }

    /// `20260115`
    public var day8: String { String(decoding: basicBytes.prefix(8), as: UTF8.self) }

    /// `Thu, 15 Jan 2026 08:30:00 GMT`
    public var httpDate: String {
        let time = CivilTime(self)
        var text: [UInt8] = []
        text.append(contentsOf: CivilTime.weekdays[time.weekday].utf8)
        text.append(contentsOf: ", ".utf8)
        text.append(number: time.day, digits: 2)
        text.append(contentsOf: " \(CivilTime.months[time.month - 1]) ".utf8)
        text.append(number: time.year, digits: 4)
        text.append(UInt8(ascii: " "))
        time.appendClock(to: &text, separator: UInt8(ascii: ":"))
        text.append(contentsOf: " GMT".utf8)
        return String(decoding: text, as: UTF8.self)
    }

    var basicBytes: [UInt8] {
        let time = CivilTime(self)
        var text: [UInt8] = []
        text.reserveCapacity(16)
        time.appendDate(to: &text, separator: nil)
        text.append(UInt8(ascii: "T"))
        time.appendClock(to: &text, separator: nil)
        text.append(UInt8(ascii: "Z"))
        return text
    }

    private func iso(fraction: Bool) -> [UInt8] {
        let time = CivilTime(self)
        var text: [UInt8] = []
        text.reserveCapacity(24)
        time.appendDate(to: &text, separator: UInt8(ascii: "-"))
        text.append(UInt8(ascii: "T"))
        time.appendClock(to: &text, separator: UInt8(ascii: ":"))
        if fraction {
            text.append(UInt8(ascii: "."))
            text.append(number: time.millisecond, digits: 3)
        }
        text.append(UInt8(ascii: "Z"))
        return text
    }

    /// `nil` where the calendar has no such moment; a leap second counts as the second after it.
    private static func seconds(_ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int) -> Int64? {
        guard year >= 1, (1...12).contains(month), (1...CivilTime.daysIn(month, of: year)).contains(day), hour < 24, minute < 60,
            second <= 60
        else { return nil }
        return Int64(CivilTime.days(year, month, day)) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
    }
}

/// A moment cut into the fields of the Gregorian calendar, UTC. Day arithmetic: proleptic, with years that begin in March.
private struct CivilTime {
    let year, month, day, weekday, hour, minute, second, millisecond: Int

    static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

    init(_ moment: Timestamp) {
        // Clamped to what four digits can write, so that no stored number can trap a formatter.
        let milliseconds = min(max(moment.milliseconds, -62_135_596_800_000), 253_402_300_799_999)
        let seconds = Int(Timestamp(milliseconds: milliseconds).seconds)
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let rest = seconds - days * 86_400
        millisecond = Int(milliseconds) - seconds * 1000
        (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
        weekday = ((days + 4) % 7 + 7) % 7

        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func daysIn(_ month: Int, of year: Int) -> Int {
        let leap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
        return month == 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    func appendDate(to text: inout [UInt8], separator: UInt8?) {
        text.append(number: year, digits: 4)
        if let separator { text.append(separator) }
        text.append(number: month, digits: 2)
        if let separator { text.append(separator) }
        text.append(number: day, digits: 2)
    }

    func appendClock(to text: inout [UInt8], separator: UInt8?) {
        text.append(number: hour, digits: 2)
        if let separator { text.append(separator) }
        text.append(number: minute, digits: 2)
        if let separator { text.append(separator) }
        text.append(number: second, digits: 2)
    }
}

private struct TimeReader {
    private let bytes: [UInt8]
    private var place = 0

    init(_ text: String) { bytes = Array(text.utf8.prefix(64)) }

    var isAtEnd: Bool { place == bytes.count }

    mutating func number(_ digits: Int) -> Int? {
        guard place + digits <= bytes.count, let value = Int.digits(bytes[place..<(place + digits)]) else { return nil }
        place += digits
        return value
    }

    mutating func take(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard place + count <= bytes.count else { return false }
        for offset in 0..<count where bytes[place + offset] != text.utf8Start[offset] { return false }
        place += count
        return true
    }

    /// One to nine digits, as milliseconds.
    mutating func fraction() -> Int? {
        let digits = bytes[place...].prefix { (48...57).contains($0) }
        guard (1...9).contains(digits.count) else { return nil }
        place += digits.count
        return (Array(digits) + [48, 48]).prefix(3).reduce(0) { $0 * 10 + Int($1 - 48) }
    }

    mutating func month() -> Int? {
        guard place + 3 <= bytes.count else { return nil }
        let name = String(decoding: bytes[place..<(place + 3)], as: UTF8.self)
        place += 3
        return CivilTime.months.firstIndex(of: name).map { $0 + 1 }
    }
}

extension [UInt8] {
    /// Decimal with leading zeros; `number` must fit.
    fileprivate mutating func append(number: Int, digits: Int) {
        var divisor = 1
        for _ in 1..<digits { divisor *= 10 }
        for _ in 0..<digits {
            append(UInt8(48 + number / divisor % 10))
            divisor /= 10
        }
    }
}
