extension TOMLScanner {
    /// A boolean, a number or a date: everything that stands without quotes.
    mutating func bareScalar() throws(TOMLError) -> TOMLValue.Kind {
        let start = offset
        var word = run()
        // A date and a time may be joined by one blank.
        if TOMLDate.isDate(word), peek(word.utf8.count) == 0x20, let next = peek(word.utf8.count + 1), TOMLDate.isDigit(next) {
            advance(word.utf8.count + 1)
            word += " " + run()
            advance(start - offset)
        }
        guard !word.isEmpty else { throw expected("a value (a string in quotes, a number, true, false, a date, [ or {)") }
        let kind = try kind(of: word)
        advance(word.utf8.count)
        return kind
    }

    private func run() -> String {
        var end = offset
        while end < bytes.count {
            switch bytes[end] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"):
                end += 1
                continue
            default: break
            }
            break
        }
        return String(decoding: bytes[offset..<end], as: UTF8.self)
    }

    private mutating func kind(of word: String) throws(TOMLError) -> TOMLValue.Kind {
        switch word {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "inf", "+inf": return .float(.infinity)
        case "-inf": return .float(-.infinity)
        case "nan", "+nan", "-nan": return .float(.nan)
        default: break
        }
        if let value = TOMLNumber.kind(word) { return value }
        if TOMLDate.isValid(word) { return .date(word) }
        let shown = cleaned(word)
        if let first = word.utf8.first, TOMLDate.isDigit(first) || first == UInt8(ascii: "+") || first == UInt8(ascii: "-") {
            throw fail("“\(shown)” is no number and no date that TOML knows (64-bit integers; text goes in quotes)")
        }
        throw fail("“\(shown)” is no value. Text goes in quotes: \"\(shown)\"")
    }
}

/// The grammar of integers and floats.
enum TOMLNumber {
    static func kind(_ word: String) -> TOMLValue.Kind? {
        let bytes = Array(word.utf8)
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where bytes.starts(with: prefix.utf8) {
            return digits(bytes.dropFirst(2), radix: radix).flatMap { Int64($0, radix: radix) }.map { .integer($0) }
        }
        let isSigned = bytes.first == UInt8(ascii: "-") || bytes.first == UInt8(ascii: "+")
        let sign = bytes.first == UInt8(ascii: "-") ? "-" : ""
        let rest = bytes.dropFirst(isSigned ? 1 : 0)
        let whole = rest.prefix { TOMLDate.isDigit($0) || $0 == UInt8(ascii: "_") }
        guard let wholeDigits = digits(whole, radix: 10), wholeDigits.utf8.count == 1 || wholeDigits.utf8.first != UInt8(ascii: "0") else {
            return nil
        }
        var tail = rest.dropFirst(whole.count)
        if tail.isEmpty { return Int64(sign + wholeDigits).map { .integer($0) } }
        var text = sign + wholeDigits
        if tail.first == UInt8(ascii: ".") {
            let part = tail.dropFirst().prefix { TOMLDate.isDigit($0) || $0 == UInt8(ascii: "_") }
            guard let fraction = digits(part, radix: 10) else { return nil }
            text += "." + fraction
            tail = tail.dropFirst(1 + part.count)
        }
        if tail.first == UInt8(ascii: "e") || tail.first == UInt8(ascii: "E") {
            tail = tail.dropFirst()
            text += "e"
            if let mark = tail.first, mark == UInt8(ascii: "+") || mark == UInt8(ascii: "-") {
                text += mark == UInt8(ascii: "-") ? "-" : "+"
                tail = tail.dropFirst()
            }
            guard let exponent = digits(tail, radix: 10) else { return nil }
            text += exponent
            tail = []
        }
        guard tail.isEmpty else { return nil }
        return Double(text).map { .float($0) }
    }

    /// The digits without their underscores; `nil` unless every underscore stands between digits.
    private static func digits(_ part: ArraySlice<UInt8>, radix: Int) -> String? {
        var result: [UInt8] = []
        var wasDigit = false
        for byte in part {
            if byte == UInt8(ascii: "_") {
                guard wasDigit else { return nil }
                wasDigit = false
            } else {
                guard TOMLScanner.isHex(byte), Int(String(decoding: [byte], as: UTF8.self), radix: radix) != nil else { return nil }
                result.append(byte)
                wasDigit = true
            }
        }
        return wasDigit ? String(decoding: result, as: UTF8.self) : nil
    }
}

/// The grammar of RFC 3339 dates and times, with TOML's local forms.
enum TOMLDate {
    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    static func isDate(_ word: String) -> Bool {
        let bytes = Array(word.utf8)
        guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), let year = number(bytes[0..<4]),
            let month = number(bytes[5..<7]), let day = number(bytes[8..<10]), (1...12).contains(month)
        else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return (1...days[month - 1]).contains(day)
    }

    static func isValid(_ word: String) -> Bool {
        if isDate(word) { return true }
        let bytes = Array(word.utf8)
        if isTime(bytes[...], mayHaveZone: false) { return true }
        guard bytes.count > 11, isDate(String(decoding: bytes[..<10], as: UTF8.self)) else { return false }
        guard [UInt8(ascii: "T"), UInt8(ascii: "t"), 0x20].contains(bytes[10]) else { return false }
        return isTime(bytes[11...], mayHaveZone: true)
    }

    private static func isTime(_ bytes: ArraySlice<UInt8>, mayHaveZone: Bool) -> Bool {
        var rest = bytes
        guard clock(&rest), rest.first == UInt8(ascii: ":") else { return false }
        // 60 is a leap second.
        guard let second = number(rest.dropFirst().prefix(2)), second <= 60 else { return false }
        rest = rest.dropFirst(3)
        if rest.first == UInt8(ascii: ".") {
            let fraction = rest.dropFirst().prefix(while: isDigit)
            guard !fraction.isEmpty else { return false }
            rest = rest.dropFirst(1 + fraction.count)
        }
        if rest.isEmpty { return true }
        guard mayHaveZone else { return false }
        if rest.count == 1 { return rest.first == UInt8(ascii: "Z") || rest.first == UInt8(ascii: "z") }
        guard rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") else { return false }
        rest = rest.dropFirst()
        return clock(&rest) && rest.isEmpty
    }

    /// `HH:MM`.
    private static func clock(_ rest: inout ArraySlice<UInt8>) -> Bool {
        let bytes = Array(rest.prefix(5))
        guard bytes.count == 5, bytes[2] == UInt8(ascii: ":"), let hour = number(bytes[0..<2]), let minute = number(bytes[3..<5]),
            hour < 24,
            minute < 60
        else { return false }
        rest = rest.dropFirst(5)
        return true
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard !bytes.isEmpty, bytes.allSatisfy(isDigit) else { return nil }
        return Int(String(decoding: bytes, as: UTF8.self))
    }
}
