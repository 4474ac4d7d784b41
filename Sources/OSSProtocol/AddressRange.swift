/// An IP address or a CIDR range, IPv4 or IPv6.
public struct AddressRange {
    private let bytes: [UInt8]
    private let bits: Int

    public init?(_ text: String) {
        let (address, length) = text.splitOnce("/") ?? (text, "")
        guard let bytes = AddressRange.parse(address) else { return nil }
        let most = bytes.count * 8
        guard let bits = text.utf8.contains(UInt8(ascii: "/")) ? Int.digits(length.utf8) : most, bits <= most else { return nil }
        (self.bytes, self.bits) = (bytes, bits)
    }

    func contains(_ address: String) -> Bool {
        guard let other = AddressRange.parse(address), other.count == bytes.count else { return false }
        return (0..<bytes.count).allSatisfy { place in
            let kept = min(max(bits - place * 8, 0), 8)
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> kept)
            return bytes[place] & mask == other[place] & mask
        }
    }

    static func isIPv6(_ text: String) -> Bool { text.utf8.contains(UInt8(ascii: ":")) && parse(text) != nil }

    private static func parse(_ text: String) -> [UInt8]? {
        if !text.utf8.contains(UInt8(ascii: ":")) { return dotted(text.utf8[...]) }
        guard let (head, tail) = text.splitOnce("::") else {
            let bytes = groups(text)
            return bytes?.count == 16 ? bytes : nil
        }
        guard let front = groups(head), let back = groups(tail), front.count + back.count <= 14 else { return nil }
        return front + [UInt8](repeating: 0, count: 16 - front.count - back.count) + back
    }

    private static func dotted(_ text: Substring.UTF8View) -> [UInt8]? {
        let fields = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { Int.digits($0) }
        let bytes = fields.compactMap { $0.flatMap { UInt8(exactly: $0) } }
        return fields.count == 4 && bytes.count == 4 ? bytes : nil
    }

    /// The last group may be an IPv4 address (`::ffff:192.0.2.1`).
    private static func groups(_ text: String) -> [UInt8]? {
        if text.isEmpty { return [] }
        var bytes: [UInt8] = []
        for group in Substring(text).utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
            if group.endIndex == text.utf8.endIndex, let address = dotted(group) {
                bytes += address
                continue
            }
            guard (1...4).contains(group.count), let value = UInt16(String(decoding: group, as: UTF8.self), radix: 16) else { return nil }
            bytes += [UInt8(value >> 8), UInt8(value & 255)]
        }
        return bytes
    }
}
