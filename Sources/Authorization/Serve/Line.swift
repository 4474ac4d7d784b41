/// Text from outside on its way into a message, a log or an answer.
enum Line {
    /// One line of at most `most` scalars, without control or direction characters.
    static func clean(_ text: String, most: Int = 300) -> String {
        var result = String.UnicodeScalarView()
        var isCut = false
        for scalar in text.unicodeScalars {
            guard result.count < most else {
                isCut = true
                break
            }
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || (0x2028...0x2029).contains(scalar.value)
            result.append(isControl || scalar.properties.isBidiControl ? "\u{FFFD}" : scalar)
        }
        return String(result) + (isCut ? "…" : "")
    }
}
