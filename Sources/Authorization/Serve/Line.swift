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
            let isUnfit = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.properties.isBidiControl
            result.append(isUnfit ? "\u{FFFD}" : scalar)
        }
        return String(result) + (isCut ? "…" : "")
    }
}
