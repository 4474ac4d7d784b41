/// Which row of the window holds what. Reduce needs it to scroll, render to draw: both ask here.
struct Layout: Sendable, Equatable {
    /// Smaller windows get a summary.
    static let least = Size(columns: 40, rows: 8)

    let size: Size
    /// Rows between the tabs and the list's heading.
    let header: Int
    let hasHeading: Bool
    let listTop: Int
    let listHeight: Int
    /// First row of the inspector, which is `inspectorHeight` rows high.
    let inspectorTop: Int?
    let focusRow: Int?
    let messageRow: Int?
    var hintRow: Int { size.rows - 1 }
    /// The header has a graph block of four rows.
    let isRoomy: Bool

    static let inspectorHeight = 8

    var isTiny: Bool { size.columns < Self.least.columns || size.rows < Self.least.rows }
    var isNarrow: Bool { size.columns < 60 || size.rows < 16 }

    /// The queue's rows.
    init(queue size: Size) {
        self.size = size
        let narrow = size.columns < 60 || size.rows < 16
        isRoomy = size.columns >= 100 && size.rows >= 36
        hasHeading = !narrow
        if narrow {
            header = 1
            focusRow = nil
            messageRow = nil
            inspectorTop = nil
            listTop = 2
            listHeight = max(0, size.rows - 3)
            return
        }
        header = isRoomy ? 6 : size.rows >= 24 ? 3 : 2
        listTop = 1 + header + 1
        let message = size.rows - 2
        messageRow = message
        if size.rows >= 36 {
            inspectorTop = message - Self.inspectorHeight
            focusRow = nil
            listHeight = message - Self.inspectorHeight - listTop
        } else {
            inspectorTop = nil
            focusRow = size.rows >= 24 ? message - 1 : nil
            listHeight = (focusRow ?? message) - listTop
        }
    }

    /// A list below one or two header rows, with a focus row: history, log.
    init(list size: Size, header: Int) {
        self.size = size
        self.header = header
        isRoomy = false
        let narrow = size.columns < 60 || size.rows < 16
        hasHeading = !narrow
        listTop = narrow ? 1 : 1 + header + 1
        inspectorTop = nil
        focusRow = narrow ? nil : size.rows - 3
        messageRow = narrow ? nil : size.rows - 2
        listHeight = max(0, (narrow ? size.rows - 1 : size.rows - 3) - listTop)
    }

    /// The two panes of Browse.
    init(browse size: Size) {
        self.size = size
        header = 0
        isRoomy = false
        let narrow = size.rows < 16
        hasHeading = !narrow
        listTop = narrow ? 2 : 3
        inspectorTop = nil
        focusRow = narrow ? nil : size.rows - 3
        messageRow = narrow ? nil : size.rows - 2
        // Counts, line, add line, legend or message, hints.
        listHeight = max(0, (narrow ? size.rows - 2 : size.rows - 5) - listTop)
    }

    init(_ screen: Screen, _ size: Size) {
        switch screen {
        case .browse: self.init(browse: size)
        case .history: self.init(list: size, header: 1)
        case .log, .access, .settings, .detail: self.init(list: size, header: 0)
        case .queue: self.init(queue: size)
        }
    }
}
