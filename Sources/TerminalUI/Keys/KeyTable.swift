/// One line of the key table: lookup, help and hints all come from it.
struct Binding: Sendable {
    struct Hint: Sendable {
        /// The keys as the hint row writes them, where it joins two lines of the table: `+ -`.
        var keys: String?
        var text: String
        /// Smaller is kept longer when the window gets narrow.
        var rank: Int
        var screens: [Screen]
    }
    let keys: [Key]
    let action: Action
    let label: String
    /// Empty: all screens.
    let screens: [Screen]
    let hints: [Hint]
    /// What the palette and the command line call it: the action's own name first.
    let commands: [CommandWord]

    func isBound(on screen: Screen) -> Bool { screens.isEmpty || screens.contains(screen) }
}

enum KeyTable {
    static let bindings: [Binding] = movement + screens + lists + uploads + files + general

    /// `p`, `Space`, `Ctrl-D`, `PgDn`.
    static func name(_ key: Key) -> String {
        switch key {
        case .character(" "): "Space"
        case .character(let character): String(character)
        case .control(let character): "Ctrl-" + String(character).uppercased()
        case .enter: "Enter"
        case .escape: "Esc"
        case .tab: "Tab"
        case .backTab: "Shift-Tab"
        case .backspace: "Backspace"
        case .delete: "Delete"
        case .insert: "Insert"
        case .up: "Up"
        case .down: "Down"
        case .left: "Left"
        case .right: "Right"
        case .home: "Home"
        case .end: "End"
        case .pageUp: "PgUp"
        case .pageDown: "PgDn"
        case .function(let number): "F\(number)"
        }
    }

    private static func bind(
        _ keys: [Key], _ action: Action, _ label: String, _ screens: [Screen] = [], takes operand: Operand = .none,
        isInShell: Bool = false, also words: [CommandWord] = [], hints: [Binding.Hint] = []
    ) -> Binding {
        Binding(
            keys: keys, action: action, label: label, screens: screens, hints: hints,
            commands: [CommandWord(action.rawValue, operand, isInShell: isInShell)] + words)
    }

    private static func hint(_ text: String, _ rank: Int, _ screens: [Screen], keys: String? = nil) -> Binding.Hint {
        Binding.Hint(keys: keys, text: text, rank: rank, screens: screens)
    }

    private static let movement: [Binding] = [
        bind([.character("j"), .down], .nextRow, "next row"),
        bind([.character("k"), .up], .previousRow, "previous row"),
        bind([.character("h"), .left], .left, "fold, go up a directory; part to the left", [.browse, .detail]),
        bind([.character("l"), .right], .right, "unfold or open a directory; part to the right", [.browse, .detail]),
        bind([.character("g"), .home], .firstRow, "first row"),
        bind([.character("G"), .end], .lastRow, "last row"),
        bind([.control("d")], .halfDown, "half a page down"),
        bind([.control("u")], .halfUp, "half a page up"),
        bind([.pageDown, .control("f")], .pageDown, "a page down"),
        bind([.pageUp, .control("b")], .pageUp, "a page up"),
        bind([.character("J")], .scrollDown, "scroll the details without moving the row", [.queue, .browse, .detail, .access]),
        bind([.character("K")], .scrollUp, "scroll the details back", [.queue, .browse, .detail, .access]),
    ]

    private static let screens: [Binding] = [
        bind([.character("1")], .queue, "the queue"),
        bind([.character("2")], .browse, "files and buckets"),
        bind([.character("3")], .history, "uploads that ended"),
        bind([.character("4")], .log, "what happened lately"),
        bind([.character("5")], .access, "credentials and their lives"),
        bind([.character("6")], .settings, "limits and settings"),
        bind(
            [.tab], .nextPane, "other pane, next section", [.browse, .detail],
            hints: [hint("other pane", 1, [.browse]), hint("section", 1, [.detail]), hint("part", 9, [.detail], keys: "hjkl")]),
        bind([.backTab], .previousPane, "other pane, previous section", [.browse, .detail]),
        bind(
            [.character("[")], .previousItem, "previous upload; a day back in History", [.detail, .history],
            hints: [hint("prev/next", 6, [.detail], keys: "[ ]"), hint("day", 6, [.history], keys: "[ ]")]),
        bind([.character("]")], .nextItem, "next upload; a day on in History", [.detail, .history]),
        bind(
            [.enter], .open, "open: detail, directory, setting",
            hints: [
                hint("detail", 1, [.queue, .history]), hint("edit", 1, [.settings]), hint("open", 7, [.log]), hint("edit", 1, [.access]),
            ]),
        bind([.backspace], .widen, "filter without its last word", [.queue, .history]),
        bind([.escape], .close, "close one layer: message, dialog, range, filter, marks"),
    ]

    private static let lists: [Binding] = [
        bind(
            [.character(" "), .insert], .mark, "mark the row, go to the next", [.queue, .browse, .history],
            hints: [hint("mark", 2, [.queue, .browse]), hint("mark", 7, [.history])]),
        bind(
            [.character("v")], .range, "range: move, then v or an action ends it", [.queue, .browse, .history],
            hints: [hint("range", 12, [.queue]), hint("range", 10, [.browse])]),
        bind(
            [.character("V")], .markAll, "mark everything the filter shows", [.queue, .browse, .history],
            hints: [hint("all", 11, [.browse])]),
        bind(
            [.character("*")], .invertMarks, "invert the marks", [.queue, .browse, .history],
            hints: [hint("invert", 13, [.browse])]),
    ]

    private static let uploads: [Binding] = [
        bind(
            [.character("p")], .pause, "pause; resume if all chosen are paused", [.queue, .detail], takes: .uploads,
            isInShell: true, also: [CommandWord("resume", .uploads, isInShell: true, text: "let paused uploads go on")],
            hints: [hint("pause", 3, [.queue]), hint("pause", 2, [.detail])]),
        bind([.character("P")], .pauseAll, "pause or resume the whole queue", [.queue]),
        bind(
            [.character("r")], .retry, "try again now; reconnect when the engine is lost", [.queue, .detail, .history, .access], takes: .uploads,
            isInShell: true,
            hints: [
                hint("retry", 4, [.queue]), hint("retry", 3, [.detail]), hint("queue again", 2, [.history]), hint("renew now", 3, [.access]),
            ]),
        bind(
            [.character("x"), .function(8), .delete], .cancel, "cancel; the stored parts are kept, u takes it back; removes a profile",
            [.queue, .detail, .access], takes: .uploads, isInShell: true,
            hints: [hint("cancel", 5, [.queue]), hint("cancel", 4, [.detail]), hint("remove", 5, [.access])]),
        bind([.character("X")], .abort, "abort and delete the stored parts; asks", [.queue, .detail], takes: .uploads, isInShell: true),
        bind(
            [.character("+")], .priorityUp, "priority up; a setting up", [.queue, .detail, .settings],
            also: [CommandWord("priority", .priority, isInShell: true, text: "high, normal or low")], hints: [hint("priority", 10, [.queue], keys: "+ -"), hint("step", 4, [.settings], keys: "- +")]),
        bind([.character("-")], .priorityDown, "priority down; a setting down", [.queue, .detail, .settings]),
        bind([.character("<")], .moveFront, "to the front of its priority", [.queue],
            also: [CommandWord("move", .end, isInShell: true, text: "to the front or back of its priority")]),
        bind([.character(">")], .moveBack, "to the back of its priority", [.queue]),
        bind(
            [.character("a"), .function(5)], .add, "add to the queue: the marked files, or opens Browse; a profile", [.queue, .browse, .access],
            hints: [hint("add", 6, [.queue]), hint("add", 3, [.browse]), hint("add", 2, [.access])]),
        bind([.character("b")], .limit, "bandwidth limit", takes: .rate, isInShell: true,
            hints: [hint("limit", 7, [.queue]), hint("limit", 2, [.settings])]),
        bind([.character("B")], .slow, "slow mode on, off"),
        bind(
            [.character("c")], .slots, "concurrency: uploads at once, parts at once", takes: .slots, isInShell: true,
            hints: [hint("slots", 11, [.queue]), hint("slots", 3, [.settings])]),
        bind([.character("t")], .tree, "tree or flat list", [.queue]),
        bind([.character("t")], .test, "test endpoint, clock, credentials, rights", [.access], hints: [hint("test", 4, [.access])]),
        bind([.character("D")], .standard, "back to what the configuration says", [.settings], hints: [hint("default", 6, [.settings])]),
        bind([.character("z")], .zoom, "hide finished rows; parts map over the whole screen", [.queue, .detail]),
    ]

    private static let files: [Binding] = [
        bind([.character("=")], .compare, "compare the two panes by name and size", [.browse], hints: [hint("compare", 4, [.browse])]),
        bind(
            [.character("o")], .goTo, "go to a path or URL; on an upload its place in Browse", [.queue, .browse, .history],
            takes: .place,
            hints: [hint("go to", 5, [.browse])]),
        bind([.character(".")], .hidden, "hidden files", [.browse], hints: [hint("hidden", 12, [.browse])]),
        bind([.character("~")], .home, "home directory; list of remotes", [.browse]),
        bind(
            [.character("R")], .reload, "list again; read the theme again", [.browse, .history, .access, .settings],
            also: [CommandWord("theme", .theme, text: "another theme until you leave")], hints: [hint("reload", 9, [.browse])]),
        bind(
            [.character("y")], .copy, "copy: then p path, u URL, i id, e error", [.queue, .detail, .history, .log],
            hints: [hint("copy", 8, [.detail]), hint("copy", 3, [.history])]),
        bind([.character("e")], .nextProblem, "next upload that needs a person", [.queue, .log, .history],
            hints: [hint("next/prev error", 3, [.log], keys: "e/E")]),
        bind([.character("E")], .previousProblem, "previous one", [.queue, .log, .history]),
        bind([.character("!")], .newestProblem, "open the newest problem"),
        bind([.character("F")], .follow, "follow the newest line", [.log], hints: [hint("follow", 2, [.log])]),
        bind([.character("w")], .wrap, "wrap long lines", [.log, .detail], hints: [hint("wrap", 6, [.log])]),
    ]

    private static let general: [Binding] = [
        bind([.character("/")], .find, "find in what is loaded", [.queue, .browse, .history, .log], takes: .text, hints: [hint("find", 4, [.log])]),
        bind([.character("n")], .findNext, "next match", [.queue, .browse, .history, .log]),
        bind([.character("N")], .findPrevious, "previous match", [.queue, .browse, .history, .log]),
        bind(
            [.character("f")], .filter, "filter: narrow the list", [.queue, .browse, .history, .log], takes: .query,
            also: [CommandWord("view", .view, text: "a saved filter; view save NAME keeps this one")],
            hints: [hint("filter", 8, [.queue]), hint("filter", 6, [.browse]), hint("filter", 4, [.history]), hint("filter", 5, [.log])]),
        bind(
            [.character("s")], .sort, "sort by", [.queue, .browse, .history], takes: .sortKey,
            hints: [hint("sort", 9, [.queue]), hint("sort", 5, [.history]), hint("sort", 7, [.browse])]),
        bind([.character("S")], .reverseSort, "reverse the order", [.queue, .browse, .history]),
        bind([.character("u")], .undo, "undo the last action", isInShell: true, hints: [hint("undo", 5, [.settings])]),
        bind(
            [.character("U")], .undoList, "the last edits, by whom; Enter takes one back",
            hints: [hint("edits", 9, [.history]), hint("edits", 8, [.settings])]),
        bind([.character(":"), .function(9)], .command, "palette: any command by name"),
        bind([.control("l")], .redraw, "redraw from nothing"),
        bind([.control("z")], .suspend, "suspend the front end"),
        bind([.character("q"), .function(10)], .back, "back; on a main screen leave, uploads go on",
            also: [CommandWord("quit", text: "leave; uploads go on")], hints: [hint("back", 2, [.detail])]),
        bind([.character("Q")], .leaveMenu, "leave menu: detach, finish, stop the engine"),
        bind(
            [.character("?"), .function(1)], .help, "help, searchable", hints: [hint("help", 0, Screen.allCases)]),
    ]
}
