/// Sizes, rates, times and counts as people read them. Sizes are bytes with binary units; times come in as numbers.
public enum Formats {
    private static let units = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]

    /// `12.5 GiB`, `48.2 MiB`, `512 B`: three significant digits, the next unit from 999.5 on.
    public static func size(_ bytes: Int64) -> String {
        let (number, unit) = scaled(bytes)
        return unit.isEmpty ? "\(number) B" : "\(number) \(unit)B"
    }

    /// `12.5Gi`, `512B`: at most six cells.
    public static func shortSize(_ bytes: Int64) -> String {
        let (number, unit) = scaled(bytes)
        return number + (unit.isEmpty ? "B" : unit)
    }

    /// `31.2 MiB/s`.
    public static func rate(_ bytes: Int64) -> String { size(bytes) + "/s" }

    /// The header's rate: one decimal more than elsewhere, because it is the number that is watched.
    public static func headerRate(_ bytes: Int64) -> String {
        let (number, unit) = scaled(bytes, wide: true)
        return unit.isEmpty ? "\(number) B/s" : "\(number) \(unit)B/s"
    }

    /// `3.12/5.00 TiB`: both in the unit of the second.
    public static func progress(_ part: Int64, of whole: Int64, separator: String = "/") -> String {
        let index = unitIndex(whole)
        let name = index == 0 ? "B" : units[index] + "B"
        return digits(part, unit: index, wide: false) + separator + digits(whole, unit: index, wide: false) + " " + name
    }

    /// `18.2/25 MiB`: the whole without zeros behind the point.
    static func partProgress(_ part: Int64, of whole: Int64) -> String {
        let index = unitIndex(whole)
        let name = index == 0 ? "B" : units[index] + "B"
        return digits(part, unit: index, wide: false) + "/" + digits(whole, unit: index, wide: false, trim: true) + " " + name
    }

    /// The number alone when it has the unit of `other`, else with its own: `200` beside `158.9 MiB/s`.
    static func limit(_ bytes: Int64, besides other: Int64) -> String {
        let index = unitIndex(bytes)
        let text = digits(bytes, unit: index, wide: false, trim: true)
        return index == unitIndex(other) ? text : text + " " + units[index] + "B/s"
    }

    /// `200M` for the top of a graph.
    static func graphTop(_ bytes: Int64) -> String {
        let index = unitIndex(bytes)
        return digits(bytes, unit: index, wide: false, trim: true) + units[index].prefix(1)
    }

    private static func scaled(_ bytes: Int64, wide: Bool = false) -> (String, String) {
        let index = unitIndex(bytes)
        return (digits(bytes, unit: index, wide: wide), units[index])
    }

    /// The unit in which the rounded number stays below 1,000; bytes go up to 1,023.
    private static func unitIndex(_ bytes: Int64) -> Int {
        var index = 0
        var value = Double(bytes.magnitude)
        if value < 1024 { return 0 }
        while index < units.count - 1, index == 0 || value >= 999.5 {
            value /= 1024
            index += 1
        }
        return index
    }

    private static func digits(_ bytes: Int64, unit: Int, wide: Bool, trim: Bool = false) -> String {
        if unit == 0 { return String(bytes) }
        let value = Double(bytes) / Double(Int64(1) << (10 * Int64(unit)))
        if trim, value == value.rounded(), abs(value) < 1e6 { return String(Int64(value)) }
        if value < 9.995 { return decimal(value, places: 2) }
        if value < 99.95 || wide { return decimal(value, places: 1) }
        return decimal(value, places: 0)
    }

    private static func decimal(_ value: Double, places: Int) -> String {
        let scale: Int64 = places == 2 ? 100 : places == 1 ? 10 : 1
        let scaled = Int64((value * Double(scale)).rounded())
        if places == 0 { return String(scaled) }
        let fraction = String(scaled.magnitude % scale.magnitude)
        let zeros = String(repeating: "0", count: places - fraction.count)
        return (scaled < 0 ? "-" : "") + String(scaled.magnitude / scale.magnitude) + "." + zeros + fraction
    }

    /// `62.1%`: never rounded up, at most `99.9%`; `nil` without a size or of an empty file.
    public static func percent(_ stored: Int64, of size: Int64?) -> String? {
        guard let size, size > 0 else { return nil }
        let stored = max(0, min(stored, size))
        let tenths = min(999, Int(Double(stored) / Double(size) * 1000))
        // The quotient of two integers below 2^53 may round up to the next tenth; the product tells.
        let exact = isMore(tenths, than: stored, of: size) ? tenths - 1 : tenths
        return "\(exact / 10).\(exact % 10)%"
    }

    private static func isMore(_ tenths: Int, than stored: Int64, of size: Int64) -> Bool {
        let left = size.multipliedFullWidth(by: Int64(tenths))
        let right = stored.multipliedFullWidth(by: 1000)
        return left.high > right.high || (left.high == right.high && left.low > right.low)
    }

    /// `<1s`, `4s`, `5m12s`, `3h20m`, `2d04h`, `>99d`.
    public static func duration(_ seconds: Double) -> String {
        if !(seconds >= 1) { return seconds >= 0 ? "<1s" : "0s" }
        if seconds >= 99 * 86_400 { return ">99d" }
        let total = Int(seconds)
        if total < 60 { return "\(total)s" }
        if total < 3600 { return "\(total / 60)m\(twoDigits(total % 60))s" }
        if total < 86_400 { return "\(total / 3600)h\(twoDigits(total % 3600 / 60))m" }
        return "\(total / 86_400)d\(twoDigits(total % 86_400 / 3600))h"
    }

    /// `2.4s` below ten seconds.
    static func fineDuration(_ seconds: Double) -> String {
        guard seconds >= 0, seconds < 9.95 else { return duration(seconds) }
        return decimal(seconds, places: 1) + "s"
    }

    /// `36m` instead of `36m12s`: from ten minutes on no seconds.
    static func coarseDuration(_ seconds: Double) -> String {
        guard seconds >= 600, seconds < 3600 else { return duration(seconds) }
        return "\(Int(seconds) / 60)m"
    }

    /// `<1m`, `12m`, `3h20m`: without seconds.
    static func minutes(_ seconds: Double) -> String {
        guard seconds < 3600 else { return duration(seconds) }
        return seconds < 60 ? "<1m" : "\(Int(seconds) / 60)m"
    }

    /// `3h20m–3h50m`, one value when they are within 15%.
    static func range(_ low: Int, _ high: Int, dash: String) -> String {
        let first = coarseDuration(Double(low))
        let second = coarseDuration(Double(high))
        if Double(high) < Double(max(1, low)) * 1.15 || first == second { return first }
        return first + dash + second
    }

    /// The sum, held at the ends of the range: numbers from elsewhere must not stop the program.
    static func sum(_ values: some Sequence<Int64>) -> Int64 {
        values.reduce(0) { total, value in
            let (result, isTooMuch) = total.addingReportingOverflow(value)
            return isTooMuch ? (value > 0 ? .max : .min) : result
        }
    }

    /// `bytes / seconds`, at most what an Int64 holds.
    static func mean(_ bytes: Int64, _ seconds: Double) -> Int64 {
        let value = Double(bytes) / seconds
        return value.isFinite && abs(value) < 9e18 ? Int64(value) : 0
    }

    /// `12,402`.
    public static func count(_ number: Int) -> String {
        let digits = Array(String(number.magnitude))
        var text = number < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// `1 upload`, `12 uploads`.
    public static func counted(_ number: Int, _ noun: String) -> String { count(number) + " " + noun + (number == 1 ? "" : "s") }

    static func twoDigits(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
}
