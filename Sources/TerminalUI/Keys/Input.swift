/// A key as the program understands it, whatever bytes the terminal sends for it.
public enum Key: Sendable, Hashable {
    /// A printable character, with Shift already applied.
    case character(Character)
    /// Ctrl with a small letter or one of `@[\]^_`; never `i`, `j`, `m` or `[` (those are Tab, Enter and Escape).
    case control(Character)
    case enter, escape, tab, backTab, backspace, delete, insert
    case up, down, left, right, home, end, pageUp, pageDown
    /// F1 to F12.
    case function(Int)
}

/// What the mouse did, in cells counted from 0.
public struct MouseEvent: Sendable, Hashable {
    public enum Action: Sendable, Hashable { case press, release, wheelUp, wheelDown }
    public var action: Action
    public var column: Int
    public var row: Int
    /// Shift was held: most terminals keep that for selecting text.
    public var isShifted: Bool
    public init(action: Action, column: Int, row: Int, isShifted: Bool = false) {
        (self.action, self.column, self.row, self.isShifted) = (action, column, row, isShifted)
    }
}

/// What the decoder makes of input bytes.
public enum InputEvent: Sendable, Hashable {
    case key(Key)
    /// Bracketed paste, line ends as sent, at most `KeyDecoder.pasteLimit` bytes.
    case paste(String)
    /// Many different keys in one read from a terminal without paste marks.
    case burst(String)
    case mouse(MouseEvent)
    case focus(Bool)
    /// The terminal answered a question (cursor position, background colour, mode): the whole sequence without its ESC.
    case report([UInt8])
}
