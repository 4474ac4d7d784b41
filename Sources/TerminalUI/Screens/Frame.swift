/// TerminalUI: what the terminal shows and how it answers keys, as values.
///
/// The module opens no file and no terminal, reads no clock and prints nothing: `reduce` turns events into state and effects,
/// `render` turns state into a `Frame`. Text reaches a frame only through `displayText`.

/// Columns and rows of a window, in cells.
public struct Size: Sendable, Hashable {
    public var columns: Int
    public var rows: Int
    public init(columns: Int, rows: Int) { (self.columns, self.rows) = (columns, rows) }
}

/// A colour as the terminal is to be asked for it. `.standard` is the terminal's own.
public enum TerminalColor: Sendable, Hashable {
    case standard
    /// 0 to 15: the terminal's named colours, 8 to 15 the bright ones.
    case ansi(UInt8)
    /// 0 to 255.
    case indexed(UInt8)
    /// `0xRRGGBB`.
    case rgb(UInt32)
}

/// What a cell looks like beside its colours.
public struct TextAttributes: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let bold = TextAttributes(rawValue: 1)
    public static let dim = TextAttributes(rawValue: 2)
    public static let italic = TextAttributes(rawValue: 4)
    public static let underline = TextAttributes(rawValue: 8)
    public static let reverse = TextAttributes(rawValue: 16)
}

/// Colours and attributes, already resolved for the theme's colour depth: whoever draws only maps them.
public struct Style: Sendable, Hashable {
    public var foreground: TerminalColor
    public var background: TerminalColor
    public var attributes: TextAttributes
    public init(foreground: TerminalColor = .standard, background: TerminalColor = .standard, attributes: TextAttributes = []) {
        (self.foreground, self.background, self.attributes) = (foreground, background, attributes)
    }
}

/// One position of the grid.
public struct Cell: Sendable, Hashable {
    /// What is printed: one base character and at most four marks; empty in the right half of a wide character.
    public var text: String
    /// 1, 2, or 0 for the right half of a wide character.
    public var width: Int
    public var style: Style
    /// Which role the style came from: for tests and for reading a screen without its colours.
    public var role: Role
    public init(text: String, width: Int, style: Style, role: Role) {
        (self.text, self.width, self.style, self.role) = (text, width, style, role)
    }
}

/// One screen: a grid of exactly `size`, and where the hardware cursor goes.
public struct Frame: Sendable, Equatable {
    public let size: Size
    /// Row after row, `size.columns` each.
    public private(set) var cells: [Cell]
    /// Column and row counted from 0; `nil` hides the cursor.
    public var cursor: (column: Int, row: Int)?
    /// What clicks mean; not a part of how it looks.
    var zones: [Zone] = []
    let theme: Theme
    let rules: TextRules

    init(size: Size, theme: Theme, rules: TextRules, filledWith role: Role = .text) {
        let columns = max(0, size.columns)
        let rows = max(0, size.rows)
        self.size = Size(columns: columns, rows: rows)
        self.theme = theme
        self.rules = rules
        cells = Array(repeating: Cell(text: " ", width: 1, style: theme.style(role), role: role), count: columns * rows)
    }

    public static func == (left: Frame, right: Frame) -> Bool {
        left.size == right.size && left.cells == right.cells && left.cursor?.column == right.cursor?.column
            && left.cursor?.row == right.cursor?.row
    }

    /// The cell at a position inside the grid.
    public subscript(row row: Int, column column: Int) -> Cell { cells[row * size.columns + column] }

    /// The characters alone, one string a row, spaces at the end kept.
    public var lines: [String] {
        (0..<size.rows).map { row in
            var line = ""
            for cell in cells[row * size.columns..<(row + 1) * size.columns] { line += cell.text }
            return line
        }
    }

    /// Puts one glyph; outside the grid nothing happens. Both halves of a wide character that is partly covered are blanked.
    mutating func set(_ glyph: Glyph, row: Int, column: Int, role: Role) {
        guard row >= 0, row < size.rows, column >= 0, column + glyph.width <= size.columns, glyph.width > 0 else { return }
        let start = row * size.columns + column
        unpair(row: row, column: column)
        if glyph.width == 2 { unpair(row: row, column: column + 1) }
        let role = glyph.isEscape && role != .cursor ? Role.nameEscape : role
        var style = theme.style(role)
        if glyph.isEscape {
            // On a coloured row the escape keeps the row's colours and is told apart by the line under it.
            style.attributes.insert(.underline)
        }
        if role == .nameEscape { style.background = cells[start].style.background }
        cells[start] = Cell(text: glyph.text, width: glyph.width, style: style, role: role)
        if glyph.width == 2 { cells[start + 1] = Cell(text: "", width: 0, style: style, role: role) }
    }

    /// A wide character about to lose one half becomes two spaces.
    private mutating func unpair(row: Int, column: Int) {
        let index = row * size.columns + column
        if cells[index].width == 0, column > 0 {
            cells[index - 1].text = " "
            cells[index - 1].width = 1
            cells[index].text = " "
            cells[index].width = 1
        } else if cells[index].width == 2, column + 1 < size.columns {
            cells[index].text = " "
            cells[index].width = 1
            cells[index + 1].text = " "
            cells[index + 1].width = 1
        }
    }

    /// Writes cleaned text from `column` on, at most `limit` cells; what does not fit is cut at the right.
    /// - Returns: the column after the last written cell.
    @discardableResult
    mutating func put(_ text: DisplayText, row: Int, column: Int, limit: Int = .max, role: Role = .text) -> Int {
        var position = column
        let end = limit > size.columns - column ? size.columns : column + limit
        for glyph in text.glyphs {
            guard position + glyph.width <= end else { break }
            set(glyph, row: row, column: position, role: role)
            position += glyph.width
        }
        if rules.marksRightToLeft, text.isRightToLeft { markEnd(row: row, column: position) }
        return position
    }

    /// The mark takes no cell: it rides on the blank behind the text.
    private mutating func markEnd(row: Int, column: Int) {
        guard row >= 0, row < size.rows, column >= 0, column < size.columns else { return }
        let index = row * size.columns + column
        if cells[index].text == " " { cells[index].text = " \u{200E}" }
    }

    @discardableResult
    mutating func put(_ text: String, row: Int, column: Int, limit: Int = .max, role: Role = .text) -> Int {
        put(displayText(text, rules: rules), row: row, column: column, limit: limit, role: role)
    }

    /// Writes so that the last cell of the text is at `end - 1`.
    mutating func putRight(_ text: String, row: Int, end: Int, role: Role = .text) {
        let shown = displayText(text, rules: rules)
        put(shown, row: row, column: end - shown.width, role: role)
    }

    /// Fills a rectangle with spaces of a role.
    mutating func fill(row: Int, column: Int, width: Int, height: Int = 1, role: Role) {
        let blank = Cell(text: " ", width: 1, style: theme.style(role), role: role)
        let left = max(0, column)
        let right = min(size.columns, column + width)
        guard left < right else { return }
        for y in max(0, row)..<max(0, row, min(size.rows, row + height)) {
            unpair(row: y, column: left)
            unpair(row: y, column: right - 1)
            for x in left..<right { cells[y * size.columns + x] = blank }
        }
    }

    /// Gives cells another role without changing what they say.
    mutating func paint(row: Int, column: Int, width: Int, role: Role) {
        guard row >= 0, row < size.rows else { return }
        for x in max(0, column)..<min(size.columns, max(column + width, max(0, column))) {
            let index = row * size.columns + x
            var style = theme.style(role)
            if cells[index].role == .nameEscape { style.attributes.insert(.underline) }
            cells[index].style = style
            cells[index].role = role
        }
    }
}
