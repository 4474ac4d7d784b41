/// Why a text is no size or rate.
public enum ByteTextError: Error, Sendable, Equatable, CustomStringConvertible {
    case notASize(String)
    /// `Mb`: bits to some, bytes to others.
    case ambiguous(String, meant: [String])
    case tooLarge(String)

    public var description: String {
        switch self {
        case .notASize(let text): "\"\(text)\" is no size; write bytes or 512KiB, 50MiB, 1.5GB"
        case .ambiguous(let text, let meant): "\"\(text)\" could be bits or bytes; write \(meant.joined(separator: " or "))"
        case .tooLarge(let text): "\"\(text)\" is more than can be counted"
        }
    }
}

/// A number of bytes as people write it: `4096`, `512KiB`, `50MB` (SI), `1.5G` (IEC). A blank before the unit is allowed.
public struct ByteSize: Sendable, Hashable {
    /// 0 or more.
    public var bytes: Int64

    public init(bytes: Int64) { self.bytes = bytes }

    public init?(_ text: String) {
        guard let size = try? ByteSize(parsing: text) else { return nil }
        self = size
    }

    public init(parsing text: String) throws(ByteTextError) { bytes = try Quantity(text, bitsAllowed: false).bytes }
}

/// A rate as people write it: as `ByteSize`, or `16Mbit` (2,000,000 bytes a second), `none`, `0` (pauses). A `/s` at the end is allowed.
public struct ByteRate: Sendable, Hashable {
    /// `nil`: no limit. 0: nothing moves; it never means unlimited.
    public var bytesPerSecond: Int64?

    public init(bytesPerSecond: Int64?) { self.bytesPerSecond = bytesPerSecond }

    public init?(_ text: String) {
        guard let rate = try? ByteRate(parsing: text) else { return nil }
        self = rate
    }

    public init(parsing text: String) throws(ByteTextError) {
        if text == "none" {
            bytesPerSecond = nil
            return
        }
        let bare = text.hasSuffix("/s") ? String(text.dropLast(2)) : text
        let rate = try Quantity(bare, bitsAllowed: true)
        // Less than one byte a second would read as "pause".
        guard rate.bytes > 0 || rate.isZero else { throw .notASize(text) }
        bytesPerSecond = rate.bytes
    }
}

/// Digits, perhaps a fraction, and a unit.
private struct Quantity {
    var bytes: Int64
    var isZero: Bool

    init(_ text: String, bitsAllowed: Bool) throws(ByteTextError) {
        // More digits than any Int64 has; a longer text is a mistake or an attack.
        guard text.utf8.count <= 40 else { throw .notASize(String(text.prefix(40))) }
        var rest = text[...]
        let whole = Quantity.digits(&rest)
        var fraction = ""
        if rest.first == "." {
            rest.removeFirst()
            fraction = Quantity.digits(&rest)
            guard !fraction.isEmpty else { throw .notASize(text) }
        }
        guard !whole.isEmpty else { throw .notASize(text) }
        if rest.first == " " { rest.removeFirst() }
        let unit = try Quantity.unit(String(rest), text, number: whole + (fraction.isEmpty ? "" : ".\(fraction)"), bitsAllowed: bitsAllowed)
        guard unit.factor > 1 || unit.isBits || fraction.isEmpty else { throw .notASize(text) }
        guard let number = UInt64(whole) else { throw .tooLarge(text) }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.factor)
        // 15 digits of a fraction are finer than a byte of any unit that fits.
        let part = Double("0.\(fraction.prefix(15))") ?? 0
        let (units, overflowed) = product.addingReportingOverflow(UInt64(part * Double(unit.factor)))
        guard !overflow, !overflowed, let all = Int64(exactly: unit.isBits ? units / 8 : units) else { throw .tooLarge(text) }
        bytes = all
        isZero = number == 0 && part == 0
    }

    private static func digits(_ rest: inout Substring) -> String {
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        rest.removeFirst(digits.count)
        return String(digits)
    }

    private static let prefixes: [Character: (si: UInt64, iec: UInt64)] = [
        "k": (1_000, 1 << 10), "m": (1_000_000, 1 << 20), "g": (1_000_000_000, 1 << 30), "t": (1_000_000_000_000, 1 << 40),
        "p": (1_000_000_000_000_000, 1 << 50),
    ]

    private static func unit(
        _ unit: String, _ text: String, number: String, bitsAllowed: Bool
    ) throws(ByteTextError) -> (factor: UInt64, isBits: Bool) {
        switch unit {
        case "", "B": return (1, false)
        case "bit" where bitsAllowed, "bits" where bitsAllowed: return (1, true)
        case "b": throw .ambiguous(text, meant: ["\(number)B"] + (bitsAllowed ? ["\(number)bit"] : []))
        default: break
        }
        guard let first = unit.first, let factors = prefixes[Character(first.lowercased())] else { throw .notASize(text) }
        let letter = first == "k" || first == "K" ? "K" : first.uppercased()
        switch unit.dropFirst() {
        case "": return (factors.iec, false)
        case "iB", "ib": return (factors.iec, false)
        // Only with a capital prefix: `mB` is nobody's unit.
        case "B" where first == "k" || first.isUppercase: return (factors.si, false)
        case "bit" where bitsAllowed, "bits" where bitsAllowed: return (factors.si, true)
        case "b", "B":
            throw .ambiguous(text, meant: ["\(number)\(letter)iB"] + (bitsAllowed ? ["\(number)\(letter)bit"] : ["\(number)\(letter)B"]))
        default: throw .notASize(text)
        }
    }
}
