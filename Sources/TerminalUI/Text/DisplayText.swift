/// How text becomes cells on this terminal.
public struct TextRules: Sendable, Hashable {
    public enum Charset: Sendable, Hashable {
        case utf8
        /// Anything outside ASCII is written `?`.
        case ascii
    }
    public var charset: Charset
    /// Characters whose width Unicode leaves open take two cells.
    public var ambiguousWide: Bool
    /// Text with a right-to-left letter is followed by a left-to-right mark, so that a terminal that reorders leaves the next column
    /// where it is.
    public var marksRightToLeft: Bool
    public init(charset: Charset = .utf8, ambiguousWide: Bool = false, marksRightToLeft: Bool = false) {
        (self.charset, self.ambiguousWide, self.marksRightToLeft) = (charset, ambiguousWide, marksRightToLeft)
    }
}

/// One or two cells of cleaned text.
public struct Glyph: Sendable, Hashable {
    public var text: String
    /// 1 or 2.
    public var width: Int
    /// Stands for something that must not reach the terminal as it is.
    public var isEscape = false
    /// Belongs to the cluster of the glyph before it: no cut may fall between them.
    public var continues = false
    public init(text: String, width: Int, isEscape: Bool = false, continues: Bool = false) {
        (self.text, self.width, self.isEscape, self.continues) = (text, width, isEscape, continues)
    }
}

/// Text that may be shown: no control, direction or invisible character is left in it.
public struct DisplayText: Sendable, Hashable {
    public internal(set) var glyphs: [Glyph]
    /// Cells.
    public internal(set) var width: Int

    public init(glyphs: [Glyph]) {
        self.glyphs = glyphs
        width = glyphs.reduce(0) { $0 + $1.width }
    }
    var isRightToLeft: Bool {
        glyphs.contains { $0.text.utf8.count > 1 && $0.text.unicodeScalars.contains { CellWidth.isRightToLeft($0.value) } }
    }
    /// The cleaned characters as one string, for text output.
    public var plain: String {
        var text = ""
        for glyph in glyphs { text += glyph.text }
        return text
    }
}

/// The one way from untrusted bytes to the screen, to messages and to text on a terminal.
///
/// Invalid UTF-8 becomes `\xFF`, C0 controls and DEL `^M`, C1 controls `\x9B`, direction controls and invisible characters `<U+202E>`;
/// joiners, variation selectors and skin tones are left out because terminals disagree about their width; at most four marks
/// stay on a base character.
public func displayText(_ bytes: some Sequence<UInt8>, rules: TextRules = TextRules()) -> DisplayText {
    var cleaner = Cleaner(rules: rules)
    cleaner.take(Array(bytes))
    return DisplayText(glyphs: cleaner.glyphs)
}

public func displayText(_ text: String, rules: TextRules = TextRules()) -> DisplayText { displayText(text.utf8, rules: rules) }

/// `displayText` as a string.
public func cleaned(_ text: String, rules: TextRules = TextRules()) -> String { displayText(text, rules: rules).plain }

private struct Cleaner {
    let rules: TextRules
    var glyphs: [Glyph] = []
    /// Marks on the last glyph; `nil` when the last glyph cannot carry any.
    private var marks: Int?
    private var lastScalar: Unicode.Scalar?

    /// More marks than this on one base are written out (curses holds four beside the base).
    private static let mostMarks = 4

    init(rules: TextRules) { self.rules = rules }

    mutating func take(_ bytes: [UInt8]) {
        glyphs.reserveCapacity(bytes.count)
        if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
            for byte in bytes { glyphs.append(Glyph(text: String(Unicode.Scalar(byte)), width: 1)) }
            return
        }
        // Cluster borders come from the valid runs between invalid bytes.
        var run: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let length = UTF8Length.valid(bytes, at: index)
            if length == 0 {
                takeRun(run)
                run = []
                escape("\\x" + hex(UInt32(bytes[index]), digits: 2))
                index += 1
            } else {
                run.append(contentsOf: bytes[index..<index + length])
                index += length
            }
        }
        takeRun(run)
    }

    private mutating func takeRun(_ run: [UInt8]) {
        guard !run.isEmpty else { return }
        for character in String(decoding: run, as: UTF8.self) {
            var isFirst = true
            for scalar in character.unicodeScalars {
                let before = glyphs.count
                take(scalar)
                if !isFirst { for index in before..<glyphs.count { glyphs[index].continues = true } }
                isFirst = false
            }
        }
    }

    private mutating func take(_ scalar: Unicode.Scalar) {
        let value = scalar.value
        switch value {
        // What is left out does not stand between its neighbours either: a joiner must not save the skin tone behind it.
        case 0x200C, 0x200D, 0xFE00...0xFE0F, 0xE0100...0xE01EF: return
        case 0x1F3FB...0x1F3FF where lastScalar?.properties.isEmojiModifierBase == true: return
        default: lastScalar = scalar
        }
        switch value {
        case 0x20...0x7E: return append(String(scalar), width: 1)
        case 0...0x1F: return escape("^" + String(Unicode.Scalar(UInt8(value) + 0x40)))
        case 0x7F: return escape("^?")
        case 0x80...0x9F: return escape("\\x" + hex(value, digits: 2))
        default: break
        }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: return escape(codePoint(value))
        case .privateUse: return append(rules.charset == .ascii ? "?" : String(scalar), width: 1)
        default: break
        }
        if properties.isDefaultIgnorableCodePoint { return escape(codePoint(value)) }
        let width = CellWidth.of(value, ambiguousWide: rules.ambiguousWide)
        guard width == 0 else { return append(String(scalar), width: width) }
        addMark(scalar)
    }

    private mutating func addMark(_ scalar: Unicode.Scalar) {
        guard rules.charset == .utf8 else { return }
        if let count = marks {
            if count < Self.mostMarks {
                glyphs[glyphs.count - 1].text.unicodeScalars.append(scalar)
                marks = count + 1
            } else {
                let marksSoFar = marks
                escape(codePoint(scalar.value))
                glyphs[glyphs.count - 1].continues = true
                marks = marksSoFar
            }
        } else {
            append("\u{25CC}", width: 1)
            glyphs[glyphs.count - 1].text.unicodeScalars.append(scalar)
            glyphs[glyphs.count - 1].isEscape = true
            marks = 1
        }
    }

    private mutating func append(_ text: String, width: Int) {
        let isShown = rules.charset == .utf8 || text.utf8.count == 1
        glyphs.append(Glyph(text: isShown ? text : "?", width: isShown ? width : 1))
        marks = 0
    }

    private mutating func escape(_ text: String) {
        var isFirst = true
        for scalar in text.unicodeScalars {
            glyphs.append(Glyph(text: String(scalar), width: 1, isEscape: true, continues: !isFirst))
            isFirst = false
        }
        marks = nil
    }

    private func codePoint(_ value: UInt32) -> String { "<U+" + hex(value, digits: 4) + ">" }

    private func hex(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}

/// Which bytes are UTF-8 (Unicode table 3-7: no overlong forms, no surrogates, nothing past U+10FFFF).
enum UTF8Length {
    /// The length of the valid sequence at `index`, 0 when there is none.
    static func valid(_ bytes: [UInt8], at index: Int) -> Int {
        let lead = bytes[index]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0...0x7F: return 1
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return 0
        }
        guard index + length <= bytes.count, second.contains(bytes[index + 1]) else { return 0 }
        for offset in 2..<max(2, length) where !(0x80...0xBF).contains(bytes[index + offset]) { return 0 }
        return length
    }
    static func isValid(_ bytes: [UInt8]) -> Bool {
        var index = 0
        while index < bytes.count {
            let length = valid(bytes, at: index)
            if length == 0 { return false }
            index += length
        }
        return true
    }
}
