/// What a key does. The raw value is the name that the help, `keys.toml` and the shell use.
enum Action: String, Sendable, CaseIterable {
    case nextRow = "next-row"
    case previousRow = "previous-row"
    case left, right
    case firstRow = "first-row"
    case lastRow = "last-row"
    case halfDown = "half-page-down"
    case halfUp = "half-page-up"
    case pageDown = "page-down"
    case pageUp = "page-up"
    case scrollDown = "scroll-down"
    case scrollUp = "scroll-up"
    case queue, browse, history, log, access, settings
    case nextPane = "next-pane"
    case previousPane = "previous-pane"
    case previousItem = "previous-item"
    case nextItem = "next-item"
    case open
    case close
    case back
    case leaveMenu = "leave-menu"
    case help
    case command
    case find
    case findNext = "find-next"
    case findPrevious = "find-previous"
    case filter
    /// Takes the last word of the filter away.
    case widen
    case sort
    case reverseSort = "reverse-sort"
    case mark
    case range
    case markAll = "mark-all"
    case invertMarks = "invert-marks"
    case add
    case pause
    case pauseAll = "pause-all"
    case retry
    case cancel
    case abort
    case priorityUp = "priority-up"
    case priorityDown = "priority-down"
    case moveFront = "move-front"
    case moveBack = "move-back"
    case limit
    case slow
    case slots
    case tree
    /// Endpoint, clock, credentials and rights of the remote under the cursor.
    case test
    /// The setting under the cursor as the configuration has it.
    case standard = "default"
    case zoom
    case goTo = "go-to"
    case compare
    case hidden
    case home
    case reload
    case copy
    case nextProblem = "next-problem"
    case previousProblem = "previous-problem"
    case newestProblem = "newest-problem"
    case follow
    case wrap
    case undo
    /// The last edits, to take an older one back.
    case undoList = "undo-list"
    case redraw
    case suspend

    /// Changes something in the engine, so it is refused when the front end is read-only or the engine does not answer.
    var changesUploads: Bool {
        switch self {
        case .add, .pause, .pauseAll, .cancel, .abort, .priorityUp, .priorityDown, .moveFront, .moveBack, .limit, .slow, .slots,
            .undo:
            true
        default: false
        }
    }
}
