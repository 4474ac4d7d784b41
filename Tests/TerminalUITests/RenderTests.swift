import Contracts
import Testing

@testable import TerminalUI

@Suite struct Rendering {
    static let sizes: [Size] = stride(from: 40, through: 300, by: 7).flatMap { columns in
        stride(from: 8, through: 100, by: 5).map { Size(columns: columns, rows: $0) }
    }

    /// The edges of the layouts and some between.
    static let someSizes: [Size] = [40, 41, 59, 60, 77, 80, 99, 100, 140, 211].flatMap { columns in
        [8, 12, 16, 24, 36, 41].map { Size(columns: columns, rows: $0) }
    }

    /// Every screen and dialog of a size.
    private func states(_ size: Size) -> [AppState] {
        var states: [AppState] = []
        var desk = Desk(rows: Mix.rows, total: 100_537)
        let queue = Mix.state(size: size, total: 100_537)
        for keys in ["", "3", "4", "5", "6", "?", "b", "f", "Q", ":"] {
            var state = queue
            desk.press(keys, &state, after: 400)
            states.append(state)
        }
        var detail = queue
        desk.press(.enter, &detail)
        states.append(detail)
        for key in [Key.tab, .tab, .tab, .character("z")] {
            desk.press(key, &detail)
            states.append(detail)
        }
        var asking = queue
        Marking.mark(128, in: &asking)
        desk.press("x", &asking)
        states.append(asking)
        desk.press(.escape, &asking)
        desk.press("X", &asking)
        states.append(asking)
        let browse = Browsing.state(size: size)
        var adding = browse
        desk.press("a", &adding)
        return states + [browse, adding, Browsing.hostile(size: size)]
    }

    /// The first line that is not exactly as wide as the window, in words.
    private func misfit(_ frame: Frame) -> String? {
        guard frame.cells.count == frame.size.columns * frame.size.rows else { return "the grid has another size" }
        for row in 0..<frame.size.rows {
            var width = 0
            for column in 0..<frame.size.columns {
                let cell = frame[row: row, column: column]
                width += cell.width
                // The right half of a wide character follows it, and nothing else is half.
                if cell.width == 2, column + 1 >= frame.size.columns || frame[row: row, column: column + 1].width != 0 {
                    return "half a character in row \(row)"
                }
            }
            if width != frame.size.columns { return "row \(row) is \(width) wide" }
        }
        return nil
    }

    @Test func everyLineOfTheQueueIsAsWideAsItsWindow() {
        for size in Self.sizes {
            let frame = render(Mix.state(size: size, total: 100_537), size: size, theme: .mono)
            #expect(misfit(frame) == nil, "\(size)")
        }
    }

    @Test(arguments: someSizes) func everyLineOfEveryScreenIsAsWideAsItsWindow(size: Size) {
        for state in states(size) { #expect(misfit(render(state, size: size, theme: .mono)) == nil, "\(state.screen)") }
    }

    @Test func everyUploadRowHasItsSymbolAndItsWord() {
        let symbols = Symbols(.unicode)
        for size in Self.sizes {
            let state = Mix.state(size: size)
            let layout = Layout(queue: size)
            let lines = render(state, size: size, theme: .mono).lines
            let canvas = Canvas(state, size: size, theme: .mono)
            for index in 0..<min(layout.listHeight, Mix.rows.count) {
                let row = Mix.rows[state.queue.top + index]
                let line = lines[layout.listTop + index]
                #expect(line.dropFirst(2).hasPrefix(symbols.state(row.state)), "\(size)")
                #expect(line.contains(canvas.statusWord(row)), "\(size) \(line)")
            }
        }
    }

    @Test func helpIsNamedInTheLastRowOfEveryScreen() {
        for size in Self.someSizes {
            for state in states(size) where state.overlays.isEmpty {
                let last = render(state, size: size, theme: .mono).lines[size.rows - 1]
                #expect(size.columns < 60 ? last.contains("?") : last.contains("? help"), "\(size) \(state.screen) \(last)")
            }
        }
    }

    @Test func anySizeIsDrawnWithoutHarm() {
        let state = Mix.state()
        for columns in 0...42 {
            for rows in 0...16 {
                let frame = render(state, size: Size(columns: columns, rows: rows), theme: .mono)
                #expect(frame.lines.count == rows)
            }
        }
    }

    @Test func noByteOfANameReachesTheTerminalAsAControl() {
        for size in [Size(columns: 80, rows: 24), Size(columns: 140, rows: 40), Size(columns: 40, rows: 12)] {
            let rows = Hostile.names.enumerated().map { index, name in
                Mix.upload(
                    index + 1, .failed, String(decoding: name, as: UTF8.self), "oss://names/" + String(decoding: name, as: UTF8.self) + "/",
                    size: 1,
                    error: UploadView.LastError(
                        code: "Bad\u{1B}]0;x\u{07}", http: nil, requestId: "\u{9B}2J", at: Mix.nowText, part: nil,
                        message: String(decoding: name, as: UTF8.self)))
            }
            var state = Mix.state(size: size, rows: rows)
            var desk = Desk(rows: rows)
            var frames = [render(state, size: size, theme: .mono), render(Browsing.hostile(size: size), size: size, theme: .mono)]
            for index in rows.indices {
                _ = reduce(&state, .upload(rows[index]))
                frames.append(render(state, size: size, theme: .mono))
                state.toast = nil
                desk.press(.enter, &state)
                frames.append(render(state, size: size, theme: .mono))
                desk.press("\t", &state)
                desk.press(.tab, &state)
                desk.press(.tab, &state)
                frames.append(render(state, size: size, theme: .mono))
                desk.press("qX", &state)
                frames.append(render(state, size: size, theme: .mono))
                desk.press(.escape, &state)
                desk.press("j", &state)
            }
            for frame in frames {
                for cell in frame.cells {
                    for scalar in cell.text.unicodeScalars where scalar.value >= 0x7F || scalar.value < 0x20 {
                        let category = scalar.properties.generalCategory
                        if [.control, .format, .lineSeparator, .paragraphSeparator].contains(category) {
                            Issue.record("\(scalar.value) is in a cell")
                        }
                    }
                }
            }
        }
    }

    @Test func theSizeColumnStartsInTheSameCellWhateverTheName() {
        let rows = Hostile.names.enumerated().map { index, name in
            Mix.upload(index + 1, .queued, String(decoding: name, as: UTF8.self), "oss://names/", size: 1 << 20)
        }
        let size = Size(columns: 80, rows: 60)
        let frame = render(Mix.state(size: size, rows: rows), size: size, theme: .mono)
        let layout = Layout(queue: size)

        for index in rows.indices.prefix(layout.listHeight) {
            let cells = (38..<44).map { frame[row: layout.listTop + index, column: $0].text }.joined()
            #expect(cells == "1.00Mi", "row \(index)")
        }
    }

    @Test func colourIsNeverAloneInSayingAnything() {
        let themes = Themes.names.map { Themes.load($0) }
        // The plain text of a coloured screen is the plain text of a screen without colour.
        for size in [Size(columns: 80, rows: 24), Size(columns: 140, rows: 40)] {
            for state in states(size) {
                let plain = render(state, size: size, theme: .mono).lines
                for theme in themes { #expect(render(state, size: size, theme: theme).lines == plain) }
            }
        }
    }

    @Test func onlyASCIIIsDrawnBesideNamesInTheASCIISet() {
        let rows = Mix.rows.filter { $0.path.utf8.allSatisfy { $0 < 0x80 } }
        for size in [Size(columns: 80, rows: 24), Size(columns: 140, rows: 40), Size(columns: 40, rows: 10)] {
            var state = Mix.state(size: size, symbols: .ascii, rows: rows)
            var desk = Desk(rows: rows)
            for keys in ["", "?", "Q", "f", "2", "3", "4", "5", "6", ":"] {
                desk.press(.escape, &state)
                desk.press(keys, &state)
                for line in render(state, size: size, theme: .mono).lines {
                    #expect(line.utf8.allSatisfy { $0 < 0x80 }, "\(keys): \(line)")
                }
            }
            desk.press(.escape, &state)
            desk.press("1", &state)
            desk.press(.enter, &state)
            for line in render(state, size: size, theme: .mono).lines { #expect(line.utf8.allSatisfy { $0 < 0x80 }, "\(line)") }
        }
    }

    @Test func withoutUTF8NoByteIsOver0x7F() {
        var options = Mix.options(.ascii)
        options.rules.charset = .ascii
        var state = AppState(options: options, now: Mix.now)
        var desk = Desk(rows: Mix.rows)
        desk.perform(reduce(&state, .status(Mix.status)), on: &state)
        let lines = render(state, size: state.size, theme: .mono).lines

        for line in lines { #expect(line.utf8.allSatisfy { $0 < 0x80 }, "\(line)") }
        #expect(lines[7].contains("2024??"))
    }

    @Test func theRatesOfTheRowsAddUpToTheHeader() {
        let sum = Mix.rows.reduce(0) { $0 + $1.rate }
        #expect(abs(sum - Mix.status.rate) * 100 < Mix.status.rate)
    }

    @Test func theHelpListsEveryKeyOfTheTable() {
        let size = Size(columns: 140, rows: 200)
        for screen in Screen.allCases {
            var state = Mix.state(size: size)
            state.screen = screen
            if screen == .detail { state.detail = DetailState(id: "u-1") }
            let page = HelpPage(state: state, help: HelpState())
            let entries = page.entries(Symbols(.unicode))
            for binding in KeyTable.bindings where binding.isBound(on: screen) {
                for key in binding.keys {
                    #expect(entries.contains { $0.key.split(separator: " ").contains(Substring(KeyTable.name(key))) }, "\(screen) \(key)")
                }
            }
        }
    }

    @Test func everyKeyHasOneMeaningOnAScreen() {
        for screen in Screen.allCases {
            var seen: [Key: Action] = [:]
            for binding in KeyMap.standard.bindings(on: screen) {
                for key in binding.keys {
                    #expect(seen.updateValue(binding.action, forKey: key) == nil, "\(screen): \(KeyTable.name(key))")
                }
            }
        }
    }

    @Test func everyActionHasAKey() {
        let bound = Set(KeyTable.bindings.map(\.action))
        for action in Action.allCases { #expect(bound.contains(action), "\(action.rawValue)") }
    }

    @Test func keysThatTerminalsSwallowAreNeverTheOnlyWay() {
        let swallowed: [Key] = [.control("s"), .control("q"), .control("a"), .control("b")]
        for binding in KeyTable.bindings {
            #expect(!swallowed.contains(binding.keys[0]))
            if case .function = binding.keys[0] { Issue.record("\(binding.action) begins with a function key") }
        }
    }
}
