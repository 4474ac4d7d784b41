import Testing

@testable import Credentials

@Suite struct ProfileCommandWordsTests {
    @Test(
        arguments: [
            ("prog", ["prog"]), ("  prog  a\tb ", ["prog", "a", "b"]),
            ("\"/opt/my tools/get\" --x 'a b' c\"d\"'e'", ["/opt/my tools/get", "--x", "a b", "cde"]),
            ("p \"\" ''", ["p", "", ""]), (#"p a\ b \"c\" d\\"#, ["p", "a b", "\"c\"", "d\\"]),
            (#"p "a\"b\\c\$d\`e\n""#, ["p", "a\"b\\c$d`e\\n"]), (#"p 'a\b'"#, ["p", #"a\b"#]),
            // Nothing of a shell.
            ("p $HOME `id` ; rm -rf * | x > y && z", ["p", "$HOME", "`id`", ";", "rm", "-rf", "*", "|", "x", ">", "y", "&&", "z"]),
            ("p ключ", ["p", "ключ"]),
            ("", nil), ("   ", nil), ("p 'a", nil), ("p \"a", nil), ("p \\", nil), ("p \"a\\", nil),
        ] as [(String, [String]?)])
    func wordsArePartedAsPOSIXSaysWithoutAShell(text: String, words: [String]?) {
        #expect(CommandWords.split(text) == words)
    }
}
