/// A command line taken apart into its words, without a shell: nothing is expanded, piped or started in the background.
///
/// Source: the aliyun command line's `process_command`, which follows POSIX: blanks part words, `'…'` takes everything as it is, in `"…"`
/// a backslash takes the sign out of `"`, `\`, `$` and `` ` ``, elsewhere out of any character.
enum CommandWords {
    /// `nil` for a quote that is not closed, a backslash at the end, and no word at all.
    static func split(_ text: String) -> [String]? {
        var words: [String] = []
        var word: [UInt8] = []
        // `""` is a word, too.
        var isInWord = false
        var quote: UInt8?
        var bytes = Array(text.utf8)[...]
        while let byte = bytes.popFirst() {
            switch (quote, byte) {
            case (nil, 0x20), (nil, 0x09...0x0D):
                if isInWord { words.append(String(decoding: word, as: UTF8.self)) }
                word.removeAll(keepingCapacity: true)
                isInWord = false
                continue
            case (let open?, _) where byte == open: quote = nil
            case (UInt8(ascii: "'"), _): word.append(byte)
            case (_, UInt8(ascii: "\\")):
                guard let next = bytes.first else { return nil }
                let isEscape = quote == nil || "\"\\$`".utf8.contains(next)
                word.append(isEscape ? next : byte)
                if isEscape { bytes.removeFirst() }
            case (nil, UInt8(ascii: "'")), (nil, UInt8(ascii: "\"")): quote = byte
            default: word.append(byte)
            }
            isInWord = true
        }
        guard quote == nil else { return nil }
        if isInWord { words.append(String(decoding: word, as: UTF8.self)) }
        return words.isEmpty ? nil : words
    }
}
