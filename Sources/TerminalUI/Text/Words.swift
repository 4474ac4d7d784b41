/// The languages of the interface.
public enum Language: String, Sendable, Hashable, CaseIterable {
    case english = "en"
    case chinese = "zh"

    /// From `LC_ALL`, `LC_MESSAGES` or `LANG`, the first that is set: `zh_CN.UTF-8` is Chinese, everything else English.
    public init(locale: String) { self = locale.lowercased().hasPrefix("zh") ? .chinese : .english }
}

/// The words of the interface in one table: English as the program makes it, and what stands for it. `{}` is a value, which goes over as
/// it is, `{w}` one that is a word of the table. A sentence that is not in the table stays English, so that nothing is ever left unsaid.
enum Words {
    struct Pattern: Sendable {
        /// What stands between the values.
        var pieces: [String]
        var translation: [String]
        /// Which values are words of the table themselves: written `{w}`.
        var isWord: [Bool]
    }

    static func text(_ english: String, in language: Language) -> String {
        guard language == .chinese, !english.isEmpty else { return english }
        // Spaces around a word are where it stands, not what it is.
        if english.first == " " || english.last == " " {
            let core = trimmed(english)
            guard !core.isEmpty else { return english }
            let before = english.prefix { $0 == " " }
            let behind = english.count - before.count - core.count
            return before + text(core, in: language) + String(repeating: " ", count: behind)
        }
        if let exact = chinese.exact[english] { return exact }
        for pattern in chinese.patterns {
            guard let values = match(english, pattern.pieces) else { continue }
            let told = values.enumerated().map { pattern.isWord[$0] ? text($1, in: language) : $1 }
            return fill(pattern.translation, told)
        }
        return english
    }

    /// A sentence with holes and what fills them. Unlike a sentence that is matched, its values may hold anything.
    static func text(_ english: String, _ values: [String], in language: Language) -> String {
        let (own, isWord) = pieces(english)
        let told = values.enumerated().map { isWord.indices.contains($0) && isWord[$0] ? text($1, in: language) : $1 }
        guard language == .chinese else { return fill(own, told) }
        if let phrase = phrases[english] { return fill(phrase, told) }
        let translation = chinese.patterns.first { $0.pieces == own }?.translation ?? own
        return fill(translation, told)
    }

    static let chinese = table(lines)
    static let lines = ChineseWords.text + "\n" + ChineseSentences.text + "\n" + ChineseAccess.text

    /// What stands between the values of a phrase that is filled.
    static let phrases: [String: [String]] = {
        var phrases: [String: [String]] = [:]
        for line in ChinesePhrases.text.split(separator: "\n") where line.first != "#" {
            let halves = line.split(separator: "|", maxSplits: 1).map(String.init)
            if halves.count == 2 { phrases[trimmed(halves[0])] = pieces(trimmed(halves[1])).text }
        }
        return phrases
    }()

    /// Lines of `english | translation`; others are empty or begin with `#`.
    static func table(_ text: String) -> (exact: [String: String], patterns: [Pattern]) {
        var exact: [String: String] = [:]
        var patterns: [Pattern] = []
        for line in text.split(separator: "\n") where line.first != "#" {
            let halves = line.split(separator: "|", maxSplits: 1).map(String.init)
            guard halves.count == 2 else { continue }
            let english = trimmed(halves[0])
            let other = trimmed(halves[1])
            if english.utf8.contains(UInt8(ascii: "{")) {
                patterns.append(Pattern(pieces: pieces(english).text, translation: pieces(other).text, isWord: pieces(english).isWord))
            } else {
                exact[english] = other
            }
        }
        return (exact, patterns)
    }

    private static func trimmed(_ text: String) -> String {
        var text = Substring(text)
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }

    /// What stands before, between and behind the `{}`.
    private static func pieces(_ text: String) -> (text: [String], isWord: [Bool]) {
        var pieces = [""]
        var isWord: [Bool] = []
        var rest = Array(text)[...]
        while let character = rest.popFirst() {
            if character == "{", rest.first == "}" || rest.first == "w" {
                isWord.append(rest.first == "w")
                rest = rest.dropFirst(rest.first == "w" ? 2 : 1)
                pieces.append("")
            } else {
                pieces[pieces.count - 1].append(character)
            }
        }
        return (pieces, isWord)
    }

    private static func match(_ text: String, _ pieces: [String]) -> [String]? {
        guard let first = pieces.first, let last = pieces.last, text.hasPrefix(first), text.hasSuffix(last) else { return nil }
        let whole = Array(text.utf8)
        var position = first.utf8.count
        let end = whole.count - last.utf8.count
        guard position <= end else { return nil }
        var values: [String] = []
        for piece in pieces.dropFirst().dropLast() {
            let wanted = Array(piece.utf8)
            guard let found = find(wanted, in: whole, from: position, to: end) else { return nil }
            values.append(String(decoding: whole[position..<found], as: UTF8.self))
            position = found + wanted.count
        }
        values.append(String(decoding: whole[position..<end], as: UTF8.self))
        return values
    }

    private static func find(_ wanted: [UInt8], in whole: [UInt8], from start: Int, to end: Int) -> Int? {
        guard !wanted.isEmpty, start + wanted.count <= end else { return nil }
        return (start...end - wanted.count).first { whole[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }

    private static func fill(_ pieces: [String], _ values: [String]) -> String {
        var result = pieces[0]
        for (index, piece) in pieces.dropFirst().enumerated() {
            result += (index < values.count ? values[index] : "") + piece
        }
        return result
    }
}
