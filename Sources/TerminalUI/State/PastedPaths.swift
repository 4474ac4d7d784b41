/// Paths as terminals write them on drag and drop: one a line or separated by spaces, in quotes, with backslashes, or as `file://`.
enum PastedPaths {
    private static let most = 1000

    /// `nil` when anything in the text is not an absolute path.
    static func read(_ text: String, home: String) -> [String]? {
        var words: [String] = []
        for line in text.split(whereSeparator: { $0.isNewline }) {
            let trimmed = line.drop { $0 == " " }
            guard !trimmed.isEmpty else { continue }
            // A plain line may hold spaces: it is one path if it has no quotes and no escapes.
            let isPlain = !trimmed.contains { $0 == "'" || $0 == "\"" || $0 == "\\" }
            if isPlain, !String(trimmed).hasPrefix("file://"), !containsAnother(trimmed) {
                words.append(String(trimmed))
            } else {
                words += split(trimmed)
            }
            guard words.count <= most else { return nil }
        }
        var paths: [String] = []
        for word in words {
            guard let path = absolute(word, home: home) else { return nil }
            paths.append(path)
        }
        return paths.isEmpty ? nil : paths
    }

    private static func containsAnother(_ line: Substring) -> Bool {
        line.split(separator: " ").dropFirst().contains { $0.hasPrefix("/") || $0.hasPrefix("~/") }
    }

    private static func split(_ line: Substring) -> [String] {
        var words: [String] = []
        var word = ""
        var quote: Character?
        var isEscaped = false
        for character in line {
            if isEscaped {
                word.append(character)
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if let open = quote {
                if character == open { quote = nil } else { word.append(character) }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if character == " " {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        if !word.isEmpty { words.append(word) }
        return words
    }

    private static func absolute(_ word: String, home: String) -> String? {
        if word.hasPrefix("file://") {
            let rest = word.dropFirst(7)
            guard rest.hasPrefix("/"), let bytes = decoded(Array(rest.utf8)), UTF8Length.isValid(bytes) else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        }
        if word.hasPrefix("~/") { return home + word.dropFirst() }
        return word.hasPrefix("/") && word.utf8.count > 1 ? word : nil
    }

    private static func decoded(_ bytes: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%") {
                guard index + 2 < bytes.count, let value = UInt8(String(decoding: bytes[index + 1...index + 2], as: UTF8.self), radix: 16)
                else { return nil }
                result.append(value)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}
