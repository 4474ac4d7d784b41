import Contracts
import Testing

@testable import TerminalUI

@Suite struct WordsTests {
    static func state(size: Size = Size(columns: 80, rows: 24)) -> AppState {
        var state = Mix.state(size: size, total: 100_537)
        state.options.language = .chinese
        return state
    }

    @Test(arguments: KeyTable.bindings.map(\.label) + KeyTable.bindings.flatMap { $0.hints.map(\.text) } + KeyTable.bindings.flatMap { $0.commands.compactMap(\.text) })
    func whatTheKeysDoIsSaidInBothLanguages(english: String) {
        #expect(Words.text(english, in: .chinese) != english)
        #expect(Words.text(english, in: .english) == english)
    }

    @Test(arguments: UploadState.allCases) func everyStateHasAWordThatFitsItsColumn(state: UploadState) {
        let word = Words.text(state.rawValue, in: .chinese)

        #expect(word != state.rawValue && displayText(word).width <= 10)
    }

    /// Whatever the sources say is in the table: with the values left open where it is filled, matched where it comes whole.
    @Test func whatTheScreensSayIsInTheTable() {
        let said = SaidWords.all()
        #expect(said.count > 250, "the sources are read")
        for literal in said where !Self.isLeftInEnglish(literal) {
            let sample = Self.joined(Self.joined(literal.text, "{}", "7"), "{w}", "done")
            let isPhrase = Words.phrases[literal.text] != nil
            let isMatched = Words.text(sample, in: .chinese) != sample
            #expect(isPhrase || isMatched, "\(literal) has no Chinese")
        }
    }

    private static func joined(_ text: String, _ hole: String, _ value: String) -> String {
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.first {
            if rest.starts(with: hole.utf8) {
                result += Array(value.utf8)
                rest = rest.dropFirst(hole.utf8.count)
            } else {
                result.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Single words of another kind (names of things, keys), and the screens that are not translated yet.
    private static func isLeftInEnglish(_ literal: SaidWords.Literal) -> Bool {
        let text = Array(literal.text.utf8)
        var run = 0
        let hasWord = text.contains { byte in
            run = (97...122).contains(byte) ? run + 1 : 0
            return run >= 3
        }
        // An ending that is put behind a sentence is told with it.
        if literal.text.hasPrefix(".") { return true }
        if !hasWord || literal.text.hasPrefix("oss://") && !text.contains(32) || literal.text.hasPrefix("(Standard") { return true }
        return false
    }

    @Test func phrasesTakeEachOfTheirValues() {
        for line in ChinesePhrases.text.split(separator: "\n") where line.first != "#" {
            let halves = line.split(separator: "|", maxSplits: 1).map(String.init)
            let holes = { (text: String) in text.split(separator: "{", omittingEmptySubsequences: false).count - 1 }

            #expect(halves.count == 2 && holes(halves[0]) == holes(halves[1]), "\(line)")
        }
    }

    @Test func valuesGoOverAsTheyAre() {
        #expect(Words.text("cancelled 3 uploads, stored parts are kept.   u undo", in: .chinese) == "已取消 3 个上传，已存分片保留.   u 撤销")
        #expect(Words.text("copied: queued", in: .chinese) == "已复制：queued", "a name is no word")
        #expect(Words.text("retry 4s", in: .chinese) == "重试 4s")
        #expect(Words.text("  find: ", in: .chinese) == "  查找： ")
    }

    @Test func whatIsNotInTheTableStaysAsItIs() {
        #expect(Words.text("a sentence that nobody has translated", in: .chinese) == "a sentence that nobody has translated")
    }

    @Test func noLineOfTheTableIsLost() {
        let lines = Words.lines.split(separator: "\n").filter { $0.contains("|") }
        let table = Words.chinese

        #expect(table.exact.count + table.patterns.count == lines.count, "a word stands in it twice")
        for pattern in table.patterns {
            #expect(pattern.pieces.count >= pattern.translation.count, "\(pattern.pieces): a value that is not there")
        }
    }

    @Test(arguments: [("zh_CN.UTF-8", Language.chinese), ("zh_TW", .chinese), ("en_US.UTF-8", .english), ("C.UTF-8", .english), ("", .english)])
    func theLocaleDecides(locale: String, language: Language) {
        #expect(Language(locale: locale) == language)
    }

    /// The layouts hold with words twice as wide: each line is exactly as wide as the window, and every row has its state.
    @Test(arguments: [Size(columns: 80, rows: 24), Size(columns: 140, rows: 40), Size(columns: 40, rows: 8), Size(columns: 60, rows: 16)])
    func theLayoutsHold(size: Size) {
        for keys in ["", "2", "3", "4", "5", "6", "?", ":", "Q", "b", "x"] {
            var state = Self.state(size: size)
            var desk = Desk(rows: Mix.rows, total: 100_537)
            if keys == "x" { Marking.mark(128, in: &state) }
            desk.press(keys, &state)
            let frame = render(state, size: size, theme: .mono)

            for (row, line) in frame.lines.enumerated() {
                #expect(displayText(line).width == size.columns, "\(keys) row \(row): \(line)")
            }
        }
    }

    @Test func theScreensLookAsRecorded() {
        for size in [Size(columns: 80, rows: 24), Size(columns: 40, rows: 10)] {
            let name = "\(size.columns)x\(size.rows)"
            Golden.check(render(Self.state(size: size), size: size, theme: .mono), "chinese-queue-\(name)")
            let browsing = { (state: AppState) -> AppState in
                var state = state
                state.options.language = .chinese
                return state
            }
            Golden.check(render(browsing(Browsing.state(size: size)), size: size, theme: .mono), "chinese-browse-\(name)")
            var (adding, asked) = AddSheetTests.open(size: size)
            _ = reduce(&adding, .planned(version: AddSheetTests.version(asked), AddSheetTests.plan()))
            Golden.check(render(browsing(adding), size: size, theme: .mono), "chinese-add-\(name)")
            var detailed = Self.state(size: size)
            var clerk = Desk(rows: Mix.rows, total: 100_537)
            clerk.press(.enter, &detailed)
            Golden.check(render(detailed, size: size, theme: .mono), "chinese-detail-\(name)")
            clerk.press(.tab, &detailed)
            clerk.press(.tab, &detailed)
            Golden.check(render(detailed, size: size, theme: .mono), "chinese-object-\(name)")
            for (keys, screen) in [("6", "settings"), ("3", "history"), ("b", "limit"), ("?pri", "help"), (":pause", "palette")] {
                var state = Self.state(size: size)
                var desk = Desk(rows: Mix.rows, total: 100_537)
                desk.press(keys, &state)
                Golden.check(render(state, size: size, theme: .mono), "chinese-\(screen)-\(name)")
            }
            var asking = Self.state(size: size)
            var desk = Desk(rows: Mix.rows, total: 100_537)
            Marking.mark(128, in: &asking)
            desk.press("x", &asking)
            Golden.check(render(asking, size: size, theme: .mono), "chinese-confirm-\(name)")
        }
    }
}
