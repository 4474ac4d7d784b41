import TOML

/// Which key does what on which screen: the table, with what a person's `keys.toml` changes of it.
///
/// ```toml
/// pause = "Ctrl-P"              # wherever the action works
/// undo = ["u", "Backspace"]     # [] takes its keys away
/// [queue]                       # on that screen only
/// cancel = "Delete"
/// ```
public struct KeyMap: Sendable, Equatable {
    public static let standard = KeyMap(changes: [])

    /// One line of `davit keys list`.
    public struct Line: Sendable, Equatable {
        public let action: String
        public let label: String
        public let keys: [String]
        /// Words of the command line.
        public let commands: [String]
        /// Where it works; all screens when it is empty.
        public let screens: [String]
    }

    struct Change: Sendable, Equatable {
        var action: Action
        /// `nil`: wherever the action works.
        var screen: Screen?
        var keys: [Key]
        var position: TOMLPosition
    }

    private let changes: [Change]
    let bindings: [Binding]

    private init(changes: [Change]) {
        self.changes = changes
        bindings = KeyMap.apply(changes)
    }

    public static func == (a: KeyMap, b: KeyMap) -> Bool { a.changes == b.changes }

    public var list: [Line] {
        bindings.map { binding in
            Line(
                action: binding.action.rawValue, label: binding.label, keys: binding.keys.map(KeyTable.name),
                commands: binding.commands.map(\.word), screens: binding.screens.map(\.rawValue))
        }
    }

    // MARK: - Looking up

    func action(for key: Key, on screen: Screen) -> Action? {
        bindings.first { $0.isBound(on: screen) && $0.keys.contains(key) }?.action
    }

    func bindings(on screen: Screen) -> [Binding] { bindings.filter { $0.isBound(on: screen) } }

    /// Hints of a screen in the order they are shown; an action without a key has none.
    func hints(on screen: Screen) -> [(keys: String, text: String, rank: Int)] {
        let hints = bindings(on: screen).flatMap { binding in
            binding.hints.filter { $0.screens.contains(screen) && !binding.keys.isEmpty }.map { hint in
                // A hint that joins two lines of the table names their standard keys.
                let isStandard = KeyTable.bindings.contains { $0.action == binding.action && $0.keys == binding.keys }
                return (keys: (isStandard ? hint.keys : nil) ?? binding.keys.first.map(KeyTable.name) ?? "", text: hint.text, rank: hint.rank)
            }
        }
        // Where few keys matter they stand in the order in which they matter; help is last everywhere.
        guard screen == .log || screen == .history else { return hints }
        return hints.filter { $0.rank > 0 }.sorted { $0.rank < $1.rank } + hints.filter { $0.rank == 0 }
    }

    // MARK: - Reading

    /// - Returns: the map, `standard` where there are problems, and every problem with its line and column.
    public static func read(_ text: String) -> (map: KeyMap, problems: [TOMLProblem]) {
        let document: TOMLDocument
        do throws(TOMLError) { document = try TOMLDocument(parsing: text) } catch { return (.standard, [error.problem]) }
        let problems = TOMLProblems()
        var changes: [Change] = []
        for entry in document.root.entries {
            if let table = entry.value.table {
                guard let screen = Screen(rawValue: entry.key) else {
                    let names = Screen.allCases.map(\.rawValue)
                    problems.report(at: entry.position, "there is no screen “\(clean(entry.key))”. Accepted: \(names.joined(separator: ", "))")
                    continue
                }
                for line in table.entries { if let change = change(line, screen, problems) { changes.append(change) } }
            } else if let change = change(entry, nil, problems) {
                changes.append(change)
            }
        }
        reportClashes(changes, problems)
        guard problems.isEmpty else { return (.standard, problems.sorted) }
        return (KeyMap(changes: changes), [])
    }

    private static func change(_ entry: TOMLTable.Entry, _ screen: Screen?, _ problems: TOMLProblems) -> Change? {
        guard let action = Action(rawValue: entry.key), KeyTable.bindings.contains(where: { $0.action == action }) else {
            let names = Action.allCases.map(\.rawValue)
            problems.report(
                at: entry.position, "there is no action “\(clean(entry.key))”.\(guess(entry.key, names)) See: davit keys list")
            return nil
        }
        if let screen, !KeyTable.bindings.contains(where: { $0.action == action && $0.isBound(on: screen) }) {
            problems.report(at: entry.position, "“\(action.rawValue)” does nothing on the screen “\(screen.rawValue)”. See: davit keys list")
            return nil
        }
        let values = entry.value.array ?? [entry.value]
        var keys: [Key] = []
        for value in values {
            guard let text = value.string else {
                problems.report(at: value.position, "“\(action.rawValue)” takes a key in quotes, or a list of them")
                continue
            }
            switch key(text) {
            case .success(let key): if !keys.contains(key) { keys.append(key) }
            case .failure(let problem): problems.report(at: value.position, "“\(clean(text))” \(problem.message)")
            }
        }
        return Change(action: action, screen: screen, keys: keys, position: entry.value.position)
    }

    /// Two actions of one key on one screen: told where the file says so, since the table itself has none.
    private static func reportClashes(_ changes: [Change], _ problems: TOMLProblems) {
        let bindings = apply(changes)
        for screen in Screen.allCases {
            var owners: [Key: Action] = [:]
            for binding in bindings where binding.isBound(on: screen) {
                for key in binding.keys {
                    guard let other = owners[key], other != binding.action else {
                        owners[key] = binding.action
                        continue
                    }
                    let involved = changes.filter {
                        [other, binding.action].contains($0.action) && ($0.screen == nil || $0.screen == screen) && $0.keys.contains(key)
                    }
                    guard let change = involved.last else { continue }
                    let rest = change.action == other ? binding.action : other
                    problems.report(
                        at: change.position,
                        "\(KeyTable.name(key)) is the key of “\(rest.rawValue)” on the screen “\(screen.rawValue)” too. Give one of them another key"
                    )
                }
            }
        }
    }

    private static func apply(_ changes: [Change]) -> [Binding] {
        var bindings = KeyTable.bindings
        for change in changes where change.screen == nil {
            bindings = bindings.map { $0.action == change.action ? $0.with(change.keys, on: $0.screens) : $0 }
        }
        for change in changes {
            guard let screen = change.screen else { continue }
            bindings = bindings.flatMap { binding -> [Binding] in
                guard binding.action == change.action, binding.isBound(on: screen) else { return [binding] }
                let others = (binding.screens.isEmpty ? Screen.allCases : binding.screens).filter { $0 != screen }
                let there = binding.with(change.keys, on: [screen])
                return others.isEmpty ? [there] : [binding.with(binding.keys, on: others), there]
            }
        }
        return bindings
    }

    // MARK: - Names of keys

    struct NameProblem: Error { var message: String }

    private static let named: [String: Key] = [
        "space": .character(" "), "enter": .enter, "esc": .escape, "escape": .escape, "tab": .tab, "shift-tab": .backTab,
        "backspace": .backspace, "delete": .delete, "insert": .insert, "up": .up, "down": .down, "left": .left, "right": .right,
        "home": .home, "end": .end, "pgup": .pageUp, "pgdn": .pageDown,
    ]

    /// The inverse of `KeyTable.name`; names of keys are read without regard to their case.
    static func key(_ text: String) -> Result<Key, NameProblem> {
        let small = text.lowercased()
        if text.count == 1, let character = text.first, character != " " {
            guard let scalar = character.unicodeScalars.first, scalar.value >= 0x20, scalar.value != 0x7F else {
                return .failure(NameProblem(message: "is no key"))
            }
            return .success(.character(character))
        }
        if let key = named[small] { return .success(key) }
        if small.utf8.first == UInt8(ascii: "f"), let number = Int(small.dropFirst()), (1...12).contains(number) {
            return .success(.function(number))
        }
        if small.hasPrefix("ctrl-"), small.utf8.count == 6, let letter = small.last {
            switch letter {
            case "c": return .failure(NameProblem(message: "always leaves; it cannot have another meaning"))
            case "i", "j", "m", "[":
                return .failure(NameProblem(message: "is Tab, Enter or Esc to a terminal. Name those, or take another key"))
            case "a"..."z", "@", "\\", "]", "^", "_": return .success(.control(letter))
            default: break
            }
        }
        return .failure(
            NameProblem(
                message:
                    "is no key. Use one character, Space, Enter, Esc, Tab, Shift-Tab, Backspace, Delete, Insert, Up, Down, Left, Right, Home, End, PgUp, PgDn, F1 to F12 or Ctrl- and a letter"
            ))
    }

    private static func guess(_ text: String, _ names: [String]) -> String {
        nearest(text, among: names).map { " Did you mean “\($0)”?" } ?? ""
    }

    /// Safe in a message of one line.
    private static func clean(_ text: String) -> String { String(displayText(text).plain.prefix(60)) }
}

extension Binding {
    fileprivate func with(_ keys: [Key], on screens: [Screen]) -> Binding {
        Binding(keys: keys, action: action, label: label, screens: screens, hints: hints, commands: commands)
    }
}
