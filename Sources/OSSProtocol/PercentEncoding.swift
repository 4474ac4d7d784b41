/// The one percent encoding of OSS and STS: `A-Z a-z 0-9 - . _ ~` stay, every other byte becomes `%XX` in upper case. A blank is
/// `%20`, never `+`.
public enum PercentEncoding {
    public static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        append(bytes, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    public static func encode(_ text: String) -> String { encode(Array(text.utf8)) }

    /// As `encode`, but `/` stays. Nothing is normalised: `//`, `.` and `..` are ordinary bytes of a key.
    public static func encodePath(_ key: ObjectKey) -> String {
        var text: [UInt8] = []
        append(key.utf8, keepSlash: true, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// - Parameter plusIsSpace: `+` stands for a blank, as in queries and forms.
    /// - Returns: `nil` where a `%` is not followed by two hexadecimal digits.
    public static func decode(_ text: String, plusIsSpace: Bool = false) -> [UInt8]? {
        var damaged = false
        let bytes = decode(text.utf8, plusIsSpace: plusIsSpace, damaged: &damaged)
        return damaged ? nil : bytes
    }

    /// A `%` without two digits behind it stands for itself and sets `damaged`.
    static func decode(_ text: some Sequence<UInt8>, plusIsSpace: Bool, damaged: inout Bool) -> [UInt8] {
        let source = Array(text)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(source.count)
        var place = 0
        while place < source.count {
            let byte = source[place]
            if byte == UInt8(ascii: "%") {
                if place + 2 < source.count, let high = Hex.value(source[place + 1]), let low = Hex.value(source[place + 2]) {
                    bytes.append(high << 4 | low)
                    place += 3
                    continue
                }
                damaged = true
            }
            bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            place += 1
        }
        return bytes
    }

    /// Appends that part of a raw query, decoded once and encoded again; `+` is a blank.
    static func recode(_ raw: [UInt8], _ part: Range<Int>, to text: inout [UInt8]) {
        if isEncoded(raw, part) { return text.append(contentsOf: raw[part]) }
        var damaged = false
        append(decode(raw[part], plusIsSpace: true, damaged: &damaged), to: &text)
    }

    /// Whether `encode` would give back exactly this after decoding: then neither is needed.
    private static func isEncoded(_ raw: [UInt8], _ part: Range<Int>) -> Bool {
        raw.withUnsafeBufferPointer { raw in
            var place = part.lowerBound
            while place < part.upperBound {
                if isKept(raw[place]) {
                    place += 1
                    continue
                }
                guard raw[place] == UInt8(ascii: "%"), place + 2 < part.upperBound, let high = Hex.value(raw[place + 1]),
                    let low = Hex.value(raw[place + 2]), raw[place + 1] < 97, raw[place + 2] < 97, !isKept(high << 4 | low)
                else { return false }
                place += 3
            }
            return true
        }
    }

    static func append(_ bytes: String.UTF8View, keepSlash: Bool = false, to text: inout [UInt8]) {
        let done: Void? = bytes.withContiguousStorageIfAvailable { append($0, keepSlash: keepSlash, to: &text) }
        if done == nil { append(Array(bytes), keepSlash: keepSlash, to: &text) }
    }

    static func append(_ bytes: [UInt8], keepSlash: Bool = false, to text: inout [UInt8]) {
        bytes.withUnsafeBufferPointer { append($0, keepSlash: keepSlash, to: &text) }
    }

    /// Runs of bytes that stay are copied whole: byte by byte this would be half the cost of a signed URL.
    private static func append(_ bytes: UnsafeBufferPointer<UInt8>, keepSlash: Bool, to text: inout [UInt8]) {
        var done = 0
        for place in 0..<bytes.count {
            let byte = bytes[place]
            if isKept(byte) || (keepSlash && byte == UInt8(ascii: "/")) { continue }
            if place > done { text.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[done..<place])) }
            text.append(UInt8(ascii: "%"))
            text.append(upper(byte >> 4))
            text.append(upper(byte & 15))
            done = place + 1
        }
        if done < bytes.count { text.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[done...])) }
    }

    @inline(__always)
    private static func upper(_ digit: UInt8) -> UInt8 { digit < 10 ? 48 + digit : 55 + digit }

    /// A bit for each ASCII character that stays, the digits and signs in the first, the letters in the second: this runs for every byte
    /// of every token.
    @inline(__always)
    private static func isKept(_ byte: UInt8) -> Bool {
        switch byte >> 6 {
        case 0: 0x03FF_6000_0000_0000 as UInt64 >> UInt64(byte) & 1 == 1
        case 1: 0x47FF_FFFE_87FF_FFFE as UInt64 >> UInt64(byte & 63) & 1 == 1
        default: false
        }
    }
}

/// One parameter of a query or a form, decoded.
public struct QueryItem: Sendable, Hashable {
    public var name: String
    /// `nil` for a name without `=`. OSS makes no difference between that and an empty value.
    public var value: String?

    public init(_ name: String, _ value: String? = nil) { (self.name, self.value) = (name, value) }

    /// Reads a raw query or form body: split at `&`, each at its first `=`, both sides decoded once, `+` as a blank.
    /// Bytes that are not UTF-8 become U+FFFD.
    public static func parse(_ query: String?) -> [QueryItem] {
        guard let query, !query.isEmpty else { return [] }
        return query.utf8.split(separator: UInt8(ascii: "&")).map { pair in
            let equals = pair.firstIndex(of: UInt8(ascii: "="))
            return QueryItem(text(pair[..<(equals ?? pair.endIndex)]), equals.map { text(pair[pair.index(after: $0)...]) })
        }
    }

    /// `name=value` joined by `&`, encoded; `nil` when there is nothing.
    public static func join(_ items: [QueryItem]) -> String? {
        guard !items.isEmpty else { return nil }
        var text: [UInt8] = []
        for (place, item) in items.enumerated() {
            if place > 0 { text.append(UInt8(ascii: "&")) }
            PercentEncoding.append(item.name.utf8, to: &text)
            guard let value = item.value else { continue }
            text.append(UInt8(ascii: "="))
            PercentEncoding.append(value.utf8, to: &text)
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func text(_ bytes: some Sequence<UInt8>) -> String {
        var damaged = false
        return String(decoding: PercentEncoding.decode(bytes, plusIsSpace: true, damaged: &damaged), as: UTF8.self)
    }
}
