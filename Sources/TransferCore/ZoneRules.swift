import OSSProtocol

/// When the clocks of a place show what: seconds east of UTC, by instant.
///
/// Source: RFC 9636 (TZif, version 1 to 4) and the rules of POSIX `TZ` that stand at its end for all later times.
public struct ZoneRules: Sendable, Equatable {
    private struct Change: Sendable, Equatable {
        /// Seconds since 1970.
        var at: Int64
        var offset: Int
    }

    /// In order.
    private var changes: [Change] = []
    private var before = 0
    private var rule: ZoneRule?

    public static let utc = ZoneRules()

    private init() {}

    /// For a rule such as `CET-1CEST,M3.5.0,M10.5.0/3`; `nil` when it is none.
    public init?(posix text: String) {
        guard let rule = ZoneRule(text) else { return nil }
        (self.rule, before) = (rule, rule.standard)
    }

    /// For a file of the zone database; `nil` when it is none.
    public init?(tzif bytes: [UInt8]) {
        guard var block = TZifBlock(bytes, at: 0, wide: false) else { return nil }
        var rest = block.end
        if block.version >= UInt8(ascii: "2") {
            guard let wide = TZifBlock(bytes, at: block.end, wide: true) else { return nil }
            (block, rest) = (wide, wide.end)
            let footer = bytes[min(rest, bytes.count)...].dropFirst().prefix { $0 != 10 }
            rule = footer.isEmpty ? nil : ZoneRule(String(decoding: footer, as: UTF8.self))
        }
        before = block.first
        changes = block.changes.map { Change(at: $0.at, offset: $0.offset) }
    }

    /// Seconds east of UTC.
    public func offset(at now: Timestamp) -> Int {
        let second = now.seconds
        if let last = changes.last, second >= last.at { return rule?.offset(at: second) ?? last.offset }
        guard !changes.isEmpty else { return rule?.offset(at: second) ?? before }
        // The first one that lies after it.
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].at <= second { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? before : changes[low - 1].offset
    }
}

/// The transitions of one block of a TZif file.
private struct TZifBlock {
    var version: UInt8
    var changes: [(at: Int64, offset: Int)] = []
    /// Before the first of them.
    var first = 0
    /// Where the next block begins.
    var end: Int

    /// A zone has had a few hundred changes at most.
    private static let mostChanges = 5_000

    init?(_ bytes: [UInt8], at start: Int, wide: Bool) {
        func number(_ at: Int, _ size: Int) -> Int64? {
            guard at >= 0, at + size <= bytes.count else { return nil }
            var value: UInt64 = 0
            for byte in bytes[at..<(at + size)] { value = value << 8 | UInt64(byte) }
            return size == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
        }
        guard bytes.count >= start + 44, bytes[start..<(start + 4)].elementsEqual("TZif".utf8) else { return nil }
        version = bytes[start + 4]
        let counts = (0..<6).compactMap { number(start + 20 + $0 * 4, 4).map { Int($0) } }
        guard counts.count == 6, counts.allSatisfy({ $0 >= 0 && $0 <= TZifBlock.mostChanges }) else { return nil }
        let (marks, leaps, times, types, letters) = (counts[0] + counts[1], counts[2], counts[3], counts[4], counts[5])
        let size = wide ? 8 : 4
        let index = start + 44 + times * size
        let table = index + times
        end = table + types * 6 + letters + leaps * (size + 4) + marks
        guard types > 0, end <= bytes.count else { return nil }
        func offset(_ type: Int) -> Int? { type < types ? number(table + type * 6, 4).map { Int($0) } : nil }
        guard let offset0 = offset(0) else { return nil }
        first = offset0
        for step in 0..<times {
            guard let at = number(start + 44 + step * size, size), let offset = offset(Int(bytes[index + step])) else { return nil }
            guard changes.last.map({ $0.at < at }) ?? true else { return nil }
            changes.append((at, offset))
        }
    }
}

/// `std offset dst offset,start,end` of POSIX, with the forms `Mm.w.d`, `Jn` and `n`.
private struct ZoneRule: Sendable, Equatable {
    private enum Day: Sendable, Equatable {
        /// The nth weekday (0 is Sunday) of a month; 5 is the last.
        case weekday(month: Int, week: Int, day: Int)
        /// 1 to 365, the 29th of February is never counted.
        case julian(Int)
        /// 0 to 365.
        case ordinal(Int)
    }
    private struct Edge: Sendable, Equatable {
        var day: Day
        /// Seconds after local midnight, -167 to 167 hours.
        var time: Int
    }

    var standard: Int
    private var summer: (offset: Int, from: Edge, until: Edge)?

    static func == (a: ZoneRule, b: ZoneRule) -> Bool {
        a.standard == b.standard && a.summer?.offset == b.summer?.offset && a.summer?.from == b.summer?.from
            && a.summer?.until == b.summer?.until
    }

    init?(_ text: String) {
        var rest = Array(text.utf8)[...]
        guard ZoneRule.takeName(&rest), let west = ZoneRule.takeTime(&rest) else { return nil }
        standard = -west
        guard !rest.isEmpty else { return }
        guard ZoneRule.takeName(&rest) else { return nil }
        var offset = standard + 3_600
        if let first = rest.first, first != UInt8(ascii: ",") {
            guard let west = ZoneRule.takeTime(&rest) else { return nil }
            offset = -west
        }
        guard let from = ZoneRule.takeEdge(&rest), let until = ZoneRule.takeEdge(&rest), rest.isEmpty else { return nil }
        summer = (offset, from, until)
    }

    func offset(at second: Int64) -> Int {
        guard let summer else { return standard }
        let year = Calendar.year(ofDay: ZoneRule.floor(second + Int64(standard), 86_400))
        // The edges of the year around: an edge may lie beyond New Year.
        for year in [year - 1, year, year + 1] {
            let from = ZoneRule.second(of: summer.from, year) - Int64(standard)
            var until = ZoneRule.second(of: summer.until, year) - Int64(summer.offset)
            // South of the equator summer ends in the next year.
            if until <= from { until = ZoneRule.second(of: summer.until, year + 1) - Int64(summer.offset) }
            if second >= from, second < until { return summer.offset }
        }
        return standard
    }

    /// In local time.
    private static func second(of edge: Edge, _ year: Int) -> Int64 {
        let first = Calendar.day(year, 1, 1)
        let day: Int64
        switch edge.day {
        case .ordinal(let number): day = first + Int64(number)
        case .julian(let number): day = first + Int64(number - 1) + (Calendar.isLeap(year) && number >= 60 ? 1 : 0)
        case .weekday(let month, let week, let weekday):
            let start = Calendar.day(year, month, 1)
            // 1970-01-01 was a Thursday.
            let startsOn = Int(((start + 4) % 7 + 7) % 7)
            var found = start + Int64((weekday - startsOn + 7) % 7 + (week - 1) * 7)
            if found >= Calendar.day(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) { found -= 7 }
            day = found
        }
        return day * 86_400 + Int64(edge.time)
    }

    private static func takeName(_ rest: inout ArraySlice<UInt8>) -> Bool {
        if rest.first == UInt8(ascii: "<") {
            guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
            rest = rest[(end + 1)...]
            return true
        }
        let letters = rest.prefix { ($0 | 0x20) >= 97 && ($0 | 0x20) <= 122 }
        rest = rest[letters.endIndex...]
        return letters.count >= 3
    }

    private static func takeNumber(_ rest: inout ArraySlice<UInt8>) -> Int? {
        let digits = rest.prefix { (48...57).contains($0) }
        guard (1...3).contains(digits.count) else { return nil }
        rest = rest[digits.endIndex...]
        return digits.reduce(0) { $0 * 10 + Int($1 - 48) }
    }

    /// `[+-]hh[:mm[:ss]]` as seconds.
    private static func takeTime(_ rest: inout ArraySlice<UInt8>) -> Int? {
        let sign = rest.first == UInt8(ascii: "-") ? -1 : 1
        if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        guard let hours = takeNumber(&rest), hours <= 167 else { return nil }
        var seconds = hours * 3_600
        for unit in [60, 1] where rest.first == UInt8(ascii: ":") {
            rest = rest.dropFirst()
            guard let number = takeNumber(&rest), number < 60 else { return nil }
            seconds += number * unit
        }
        return sign * seconds
    }

    private static func takeEdge(_ rest: inout ArraySlice<UInt8>) -> Edge? {
        guard rest.first == UInt8(ascii: ",") else { return nil }
        rest = rest.dropFirst()
        let day: Day
        switch rest.first {
        case UInt8(ascii: "M"):
            rest = rest.dropFirst()
            var numbers: [Int] = []
            for step in 0..<3 {
                if step > 0 {
                    guard rest.first == UInt8(ascii: ".") else { return nil }
                    rest = rest.dropFirst()
                }
                guard let number = takeNumber(&rest) else { return nil }
                numbers.append(number)
            }
            guard (1...12).contains(numbers[0]), (1...5).contains(numbers[1]), (0...6).contains(numbers[2]) else { return nil }
            day = .weekday(month: numbers[0], week: numbers[1], day: numbers[2])
        case UInt8(ascii: "J"):
            rest = rest.dropFirst()
            guard let number = takeNumber(&rest), (1...365).contains(number) else { return nil }
            day = .julian(number)
        default:
            guard let number = takeNumber(&rest), number <= 365 else { return nil }
            day = .ordinal(number)
        }
        var time = 2 * 3_600
        if rest.first == UInt8(ascii: "/") {
            rest = rest.dropFirst()
            guard let given = takeTime(&rest) else { return nil }
            time = given
        }
        return Edge(day: day, time: time)
    }

    private static func floor(_ value: Int64, _ unit: Int64) -> Int64 { (value >= 0 ? value : value - unit + 1) / unit }

    /// Days since 1970 of the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
    private enum Calendar {
        static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

        static func day(_ year: Int, _ month: Int, _ day: Int) -> Int64 {
            let y = Int64(month <= 2 ? year - 1 : year)
            let era = floor(y, 400)
            let ofEra = y - era * 400
            let ofYear = Int64((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1)
            return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
        }

        static func year(ofDay day: Int64) -> Int {
            let shifted = day + 719_468
            let era = floor(shifted, 146_097)
            let ofEra = shifted - era * 146_097
            let year = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
            let ofYear = ofEra - (365 * year + year / 4 - year / 100)
            return Int(year + era * 400) + (ofYear >= 306 ? 1 : 0)
        }
    }
}
