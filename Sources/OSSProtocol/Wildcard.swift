/// `*` for any run of characters (also none, also across `/`), `?` for exactly one; everything else is itself, byte for byte.
enum Wildcard {
    static func matches(_ pattern: String, _ text: String) -> Bool { matches(Array(pattern.utf8)[...], Array(text.utf8)[...]) }

    /// Goes back to the last `*` only, so the time is the product of both lengths at worst.
    static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        var (at, place) = (pattern.startIndex, text.startIndex)
        var star: (after: Int, place: Int)?
        while place < text.endIndex {
            if at < pattern.endIndex, pattern[at] == UInt8(ascii: "*") {
                star = (at + 1, place)
                at += 1
            } else if at < pattern.endIndex, pattern[at] == UInt8(ascii: "?") {
                at += 1
                place = next(text, place)
            } else if at < pattern.endIndex, pattern[at] == text[place] {
                at += 1
                place += 1
            } else if let last = star {
                star = (last.after, next(text, last.place))
                (at, place) = (last.after, next(text, last.place))
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    /// Behind the character that begins there: a character is not a byte.
    private static func next(_ text: ArraySlice<UInt8>, _ place: Int) -> Int {
        var place = place + 1
        while place < text.endIndex, text[place] & 0xC0 == 0x80 { place += 1 }
        return place
    }
}
