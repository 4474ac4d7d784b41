/// Text from a server on its way into a message: one line, bounded, nothing that moves a cursor.
public enum PlainText {
    public static func line(_ text: String, limit: Int = 300) -> String {
        let scalars = text.unicodeScalars.lazy.map { scalar -> UnicodeScalar in
            // U+2028 and U+2029 break lines; direction controls turn the rest of the line round.
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || (0x2028...0x2029).contains(scalar.value)
            return isControl || scalar.properties.isBidiControl ? " " : scalar
        }
        var line = String.UnicodeScalarView()
        line.append(contentsOf: scalars.prefix(limit))
        return String(line)
    }

    /// The same without blanks and full stops at its end, to go on in a sentence of ours.
    public static func clause(_ text: String, limit: Int = 300) -> String {
        var scalars = line(text, limit: limit).unicodeScalars
        while let last = scalars.last, last == " " || last == "." || last == "。" { scalars.removeLast() }
        return String(scalars)
    }
}
