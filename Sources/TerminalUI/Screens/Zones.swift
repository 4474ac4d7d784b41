/// What a click on a place of the screen means. The zones are noted while the screen is drawn, so that what is clicked is what was seen.
struct Zone: Sendable, Equatable {
    enum Target: Sendable, Equatable {
        case screen(Screen)
        /// As if the key had been pressed.
        case key(Key)
        /// A heading: sort by it, again turns it round.
        case sort(String)
        case section(DetailState.Section)
        case paneSort(BrowseState.Side, PaneOrder.Key)
        /// A line of the palette or of the help, counted from the first one of all.
        case line(Int)
    }
    var row: Int
    var columns: Range<Int>
    var target: Target
}

extension Frame {
    /// The newest zone at a place: what was drawn last lies on top.
    func target(row: Int, column: Int) -> Zone.Target? {
        zones.last { $0.row == row && $0.columns.contains(column) }?.target
    }
}

extension Canvas {
    mutating func zone(_ target: Zone.Target, row: Int, from column: Int, to end: Int) {
        if column < end { frame.zones.append(Zone(row: row, columns: column..<end, target: target)) }
    }
}
