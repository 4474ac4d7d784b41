import CNcurses
import Glibc
import TerminalUI

/// The terminal as a place for frames. The one file that sees ncurses: it draws what it is given and knows nothing of uploads.
struct Display {
    private(set) var colors: Int
    private let mouse: Bool
    private let usesColors: Bool

    /// Takes the terminal over. `stop()` gives it back; a crash gives it back by itself.
    /// - Parameter usesColors: false sends no colour sequence at all.
    init(mouse: Bool, usesColors: Bool) throws {
        (self.mouse, self.usesColors) = (mouse, usesColors)
        dnc_guard_crashes()
        guard dnc_start(usesColors ? 1 : 0) == 0 else {
            throw Failure("the terminal type \(Output.clean(Display.terminalType)) is not known here. Set TERM, or use davit status", exit: Exit.usage)
        }
        colors = Int(dnc_colors())
        if Display.understandsModes { dnc_modes(1, mouse ? 1 : 0) }
    }

    static var terminalType: String { getenv("TERM").map { String(cString: $0) } ?? "" }
    /// Whether ncurses counts two cells for characters whose width Unicode leaves open, as the terminal draws them.
    static func takeAmbiguousWide(_ isWide: Bool) { dnc_ambiguous_wide(isWide ? AmbiguousWidth.ranges : [], isWide ? Int32(AmbiguousWidth.ranges.count / 2) : 0) }
    static var isUTF8: Bool { dnc_is_utf8() != 0 }
    /// vt100 and the Linux console would print the tail of such a sequence.
    static var understandsModes: Bool {
        let type = terminalType
        return !["vt100", "vt102", "vt220", "linux", "ansi", "dumb"].contains(type) && !type.hasPrefix("screen")
    }

    func stop() {
        if Display.understandsModes { dnc_modes(0, 0) }
        dnc_stop()
    }

    mutating func restart() {
        _ = dnc_start(usesColors ? 1 : 0)
        colors = Int(dnc_colors())
        if Display.understandsModes { dnc_modes(1, mouse ? 1 : 0) }
        dnc_redraw()
    }

    static func windowSize() -> Size? {
        var rows: Int32 = 0
        var columns: Int32 = 0
        guard dnc_window_size(STDOUT_FILENO, &rows, &columns) == 0 else { return nil }
        return Size(columns: min(Int(columns), 1000), rows: min(Int(rows), 500))
    }

    func resize(_ size: Size) { dnc_resize(Int32(size.rows), Int32(size.columns)) }

    func redraw() { dnc_redraw() }

    /// ncurses sends what differs from the last frame.
    func draw(_ frame: Frame) {
        dnc_begin()
        for row in 0..<frame.size.rows { draw(row: row, of: frame) }
        if let cursor = frame.cursor {
            dnc_cursor(Int32(cursor.row), Int32(cursor.column))
        } else {
            dnc_cursor(-1, 0)
        }
        dnc_flush()
    }

    /// Runs of one style go out together; a run ends behind a wide or non-ASCII cell, whose width terminals may see differently.
    private func draw(row: Int, of frame: Frame) {
        var start = 0
        var text: [UInt8] = []
        var style: Style?
        func flush() {
            guard let style, !text.isEmpty else { return }
            // ncurses looks at the byte behind the last one, to see whether the text ends there.
            text.append(0)
            put(text, row: row, column: start, style: style)
            text.removeAll(keepingCapacity: true)
        }
        for column in 0..<frame.size.columns {
            let cell = frame[row: row, column: column]
            if cell.width == 0 { continue }
            let isPlain = cell.width == 1 && cell.text.utf8.count == 1
            if style != cell.style || !isPlain || text.isEmpty {
                flush()
                start = column
                style = cell.style
            }
            text += cell.text.utf8
            if !isPlain { flush() }
        }
        flush()
    }

    /// - Parameter text: with a zero at its end.
    private func put(_ text: [UInt8], row: Int, column: Int, style: Style) {
        var attributes = UInt32(style.attributes.rawValue)
        let foreground = index(style.foreground, attributes: &attributes)
        var ignored: UInt32 = 0
        let background = index(style.background, attributes: &ignored)
        text.withUnsafeBytes { bytes in
            dnc_put(
                Int32(row), Int32(column), bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count - 1), attributes, foreground,
                background)
        }
    }

    /// With 8 colours the bright ones are the plain ones in bold.
    private func index(_ color: TerminalColor, attributes: inout UInt32) -> Int32 {
        switch color {
        case .standard: return -1
        case .ansi(let number) where colors < 16:
            if number >= 8 { attributes |= UInt32(TextAttributes.bold.rawValue) }
            return Int32(number & 7)
        case .ansi(let number), .indexed(let number): return Int32(number)
        case .rgb(let value): return Int32(value)
        }
    }

    static func forwardSignals(to descriptor: Int32) { dnc_forward_signals(descriptor) }
    static func suspendProcess() { dnc_suspend() }
}
