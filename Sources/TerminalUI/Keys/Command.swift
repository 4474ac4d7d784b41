/// What stands behind a word of the command line.
enum Operand: Sendable, Equatable {
    case none
    /// `all`, or a query in the language of `davit queue`. Without it the key's own choice: the marked uploads, else the row.
    case uploads
    case rate, slots, query, sortKey, place, text
    /// `high`, `normal` or `low`, then as `uploads`.
    case priority
    /// `front` or `back`, then as `uploads`.
    case end
    /// The name of a saved view, or `save NAME`.
    case view
    case theme
}

/// A word of the command line and of the palette. The words of an action stand in the table of keys, so that help, `keys.toml`, hints,
/// palette and command line cannot drift apart.
struct CommandWord: Sendable, Equatable {
    var word: String
    var operand: Operand
    /// `davit WORD` takes the same operand.
    var isInShell: Bool
    /// What it does where that is not what the action's key does.
    var text: String?

    init(_ word: String, _ operand: Operand = .none, isInShell: Bool = false, text: String? = nil) {
        (self.word, self.operand, self.isInShell, self.text) = (word, operand, isInShell, text)
    }
}

extension KeyTable {
    /// The line of the table and the word itself.
    static func command(_ word: String) -> (binding: Binding, command: CommandWord)? {
        for binding in bindings {
            if let command = binding.commands.first(where: { $0.word == word }) { return (binding, command) }
        }
        return nil
    }
}
