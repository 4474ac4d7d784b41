/// An INI file: sections with keys, in the order they stand in.
///
/// `key = value` or `key: value`; comments on lines of their own after `#` or `;`; blanks around everything are dropped, and so is one
/// pair of `"` or `'` around a value that holds no more of them. Sections of one name are one section. UTF-8, with or without a byte
/// order mark, lines ending in LF or CRLF. Values never go on in the next line.
///
/// Source: ossutil, "Configuration file format"; what gopkg.in/ini, which the official tools read with, does with quotes. Bounds are ours.
public struct INIFile: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        public var key: String
        public var value: String
        /// From 1.
        public var line: Int
        /// Blanks in front of the key: keys under a key without a value are told by them.
        public var indent: Int
    }

    public struct Section: Sendable, Equatable {
        /// As it is written, without the blanks around it.
        public var name: String
        public var entries: [Entry]
    }

    public static let mostBytes = 1 << 20
    public static let mostLines = 20_000
    /// Security tokens have some 2,000 bytes, policies up to 2,048.
    public static let longestLine = 32 << 10
    public static let mostSections = 1000

    public let sections: [Section]

    /// - Throws: `.wrong` with the line.
    public init(parsing bytes: [UInt8]) throws(ProfileError) {
        guard bytes.count <= INIFile.mostBytes else {
            throw .wrong(line: nil, "the file is larger than 1 MiB, which no file of profiles is")
        }
        guard !bytes.starts(with: [0xFE, 0xFF]), !bytes.starts(with: [0xFF, 0xFE]) else {
            throw .wrong(line: 1, "the file is UTF-16. Save it as UTF-8")
        }
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        var reading = Reading()
        for line in text.split(separator: 0x0A, maxSplits: INIFile.mostLines, omittingEmptySubsequences: false) {
            try reading.take(line.last == 0x0D ? line.dropLast() : line)
        }
        sections = reading.sections
    }

    /// Without one pair of quotes around it.
    static func unquoted(_ text: some Collection<UInt8>) -> String {
        let bytes = Array(text)
        if bytes.count >= 2, let quote = bytes.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"),
            bytes.dropFirst().firstIndex(of: quote) == bytes.count - 1
        {
            return String(decoding: bytes[1..<(bytes.count - 1)], as: UTF8.self)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let rest = bytes.drop(while: isBlank)
        return rest.prefix(rest.lastIndex { !isBlank($0) }.map { $0 - rest.startIndex + 1 } ?? 0)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    // MARK: - Line by line

    private struct Reading {
        var sections: [Section] = []
        private var places: [[UInt8]: Int] = [:]
        private var current: Int?
        private var line = 0

        mutating func take(_ bytes: ArraySlice<UInt8>) throws(ProfileError) {
            line += 1
            guard line <= INIFile.mostLines else {
                throw wrong("the file has more than \(INIFile.mostLines) lines, which no file of profiles has")
            }
            guard bytes.count <= INIFile.longestLine else { throw wrong("the line is longer than \(INIFile.longestLine >> 10) KiB") }
            let content = INIFile.trimmed(bytes)
            guard let first = content.first, first != UInt8(ascii: "#"), first != UInt8(ascii: ";") else { return }
            guard content.allSatisfy({ ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }), String(validating: content, as: UTF8.self) != nil else {
                throw wrong("the line holds characters that are no text. Write it again, in UTF-8")
            }
            if first == UInt8(ascii: "[") { try open(content) } else { try add(content, indent: content.startIndex - bytes.startIndex) }
        }

        private mutating func open(_ content: ArraySlice<UInt8>) throws(ProfileError) {
            guard let end = content.firstIndex(of: UInt8(ascii: "]")) else { throw wrong("the section has no “]”") }
            let rest = INIFile.trimmed(content[(end + 1)...]).first
            guard rest == nil || rest == UInt8(ascii: "#") || rest == UInt8(ascii: ";") else {
                throw wrong("something stands behind the section's “]”. Give it a line of its own")
            }
            let name = Array(INIFile.trimmed(content[(content.startIndex + 1)..<end]))
            guard !name.isEmpty else { throw wrong("the section has no name. Write one as in [default]") }
            if let place = places[name] {
                current = place
                return
            }
            guard sections.count < INIFile.mostSections else { throw wrong("the file has more than \(INIFile.mostSections) sections") }
            current = sections.count
            places[name] = sections.count
            sections.append(Section(name: String(decoding: name, as: UTF8.self), entries: []))
        }

        private mutating func add(_ content: ArraySlice<UInt8>, indent: Int) throws(ProfileError) {
            // The line itself is not shown: it may be the rest of a token that somebody's editor has broken.
            guard let mark = content.firstIndex(where: { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ":") }) else {
                throw wrong("the line has no “=”. A section in brackets, “key = value”, or a comment after “#” is expected")
            }
            let key = INIFile.trimmed(content[..<mark])
            guard !key.isEmpty else { throw wrong("nothing stands in front of the “=”. Write “key = value”") }
            guard let current else { throw wrong("a key stands in front of the first section. Write [default] above it") }
            sections[current].entries.append(
                Entry(
                    key: String(decoding: key, as: UTF8.self), value: INIFile.unquoted(INIFile.trimmed(content[(mark + 1)...])), line: line,
                    indent: indent))
        }

        private func wrong(_ text: String) -> ProfileError { .wrong(line: line, text) }
    }
}
