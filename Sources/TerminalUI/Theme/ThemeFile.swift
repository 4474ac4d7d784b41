import TOML

extension Theme {
    /// Reads a theme file.
    ///
    /// - Parameters:
    ///   - text: the file.
    ///   - name: its path as it is to be named in messages.
    ///   - resolve: the text and name of the theme that another one inherits from (`default-dark`, `builtin:default-dark`).
    /// - Throws: every error in the file, each with line and column.
    public static func load(
        _ text: String, name: String, depth: ColorDepth = .rgb, resolve: @escaping (String) -> (text: String, name: String)?
    ) throws(ThemeError) -> Theme {
        var reader = ThemeReader(resolve: resolve)
        reader.read(text, name: name, chain: [])
        let errors = reader.messages.filter { $0.severity == .error }
        guard errors.isEmpty else { throw ThemeError(messages: reader.messages) }
        let roles = reader.resolved(file: name)
        let late = reader.messages.filter { $0.severity == .error }
        guard late.isEmpty else { throw ThemeError(messages: reader.messages) }
        let theme = Theme(
            title: reader.title ?? name, kind: reader.kind ?? .dark, depth: depth, roles: roles, attributes: reader.attributes,
            mono: reader.mono)
        let warnings = reader.messages + theme.contrastWarnings(file: name)
        return Theme(
            title: theme.title, kind: theme.kind, warnings: warnings, depth: depth, roles: roles, attributes: reader.attributes,
            mono: reader.mono)
    }

    /// Text that is hard to read: under 4.5:1 on its background (WCAG 2.1, level AA).
    private func contrastWarnings(file: String) -> [ThemeMessage] {
        guard let background = roles[.background]?.background?.rgbValue else { return [] }
        var warnings: [ThemeMessage] = []
        func check(_ name: String, _ color: UInt32?, on ground: UInt32, _ groundName: String, least: Double) {
            guard let color else { return }
            let contrast = ColorMath.contrast(color, ground)
            guard contrast < least else { return }
            let tenths = Int(contrast * 10)
            warnings.append(
                ThemeMessage(
                    .warning, file: file, line: nil, column: nil,
                    text: "\(name) on \(groundName) has contrast \(tenths / 10).\(tenths % 10):1 (4.5:1 wanted)"))
        }
        for role in Role.allCases where role != .border && role != .borderFocus && role != .cursor {
            guard let own = roles[role] else { continue }
            check(role.themeName, own.foreground?.rgbValue, on: own.background?.rgbValue ?? background, "background", least: 4.5)
        }
        if let cursor = roles[.cursor], let ground = cursor.background?.rgbValue {
            check("cursor", cursor.foreground?.rgbValue, on: ground, "its background", least: 4.5)
        }
        return warnings
    }
}

/// One theme file and those it inherits from, read strictly: every mistake gets its place.
struct ThemeReader {
    /// A colour before names are looked up.
    indirect enum Expression {
        case color(TerminalColor)
        case palette(String)
        case role(Role)
        case list([Expression])
    }
    struct Placed {
        var expression: Expression
        var file: String
        var position: TOMLPosition
    }

    /// A chain of inheritance is no longer than this.
    private static let deepest = 8
    /// Mistakes of one kind: more help nobody, and finding out what each was meant to be takes its time.
    private static let mostMessages = 100
    /// A theme has a hundred; past this it is something else, or made to keep the program busy.
    private static let limits: TOMLLimits = {
        var limits = TOMLLimits()
        limits.values = 4096
        return limits
    }()

    let resolve: (String) -> (text: String, name: String)?
    var messages: [ThemeMessage] = []
    var title: String?
    var kind: Theme.Kind?
    var attributes: [Role: TextAttributes] = [:]
    var mono: [Role: TextAttributes] = [:]
    private var palette: [String: Placed] = [:]
    private var foregrounds: [Role: Placed] = [:]
    private var backgrounds: [Role: Placed] = [:]
    /// Colours of the palette that were looked up, `nil` inside for wrong ones: each may be in many lists, which may be in lists again.
    private var found: [String: ThemeColor?] = [:]

    init(resolve: @escaping (String) -> (text: String, name: String)?) { self.resolve = resolve }

    private mutating func note(_ severity: ThemeMessage.Severity, _ text: String, _ file: String, _ position: TOMLPosition?) {
        guard hasRoom(severity) else { return }
        messages.append(ThemeMessage(severity, file: file, line: position?.line, column: position?.column, text: text))
    }

    private func hasRoom(_ severity: ThemeMessage.Severity) -> Bool { messages.count { $0.severity == severity } < Self.mostMessages }

    // MARK: files

    mutating func read(_ text: String, name: String, chain: [String]) {
        let document: TOMLDocument
        do {
            document = try TOMLDocument(parsing: text, limits: Self.limits)
        } catch {
            note(.error, error.message, name, error.position)
            return
        }
        let root = document.root
        let known = ["format", "name", "kind", "inherits", "palette", "roles", "mono"]
        for entry in root.entries where !known.contains(entry.key) {
            note(.error, "unknown key \"\(entry.key)\"." + suggestion(entry.key, known), name, entry.position)
        }
        switch root["format"] {
        case nil: note(.error, "the line format = 1 is missing", name, nil)
        case let value? where value.integer != 1: note(.error, "only format = 1 is known", name, value.position)
        default: break
        }
        if let parent = root["inherits"] { inherit(parent, name: name, chain: chain + [Self.short(name)]) }
        if let value = root["name"] {
            if let text = value.string { title = text } else { note(.error, "name is a string", name, value.position) }
        }
        if let value = root["kind"] {
            if let kind = value.string.flatMap(Theme.Kind.init(rawValue:)) {
                self.kind = kind
            } else {
                note(.error, "kind is \"dark\" or \"light\"", name, value.position)
            }
        }
        each(root["palette"], "palette", name) { reader, entry in
            if let expression = reader.expression(entry.value, file: name) {
                reader.palette[entry.key] = Placed(expression: expression, file: name, position: entry.value.position)
            }
        }
        each(root["roles"], "roles", name) { reader, entry in reader.readRole(entry, file: name) }
        each(root["mono"], "mono", name) { reader, entry in
            guard let role = reader.role(entry.key, file: name, position: entry.position) else { return }
            if let list = reader.attributeList(entry.value, file: name) { reader.mono[role] = list }
        }
        checkGround(root["roles"]?.table, file: name)
    }

    private static func short(_ name: String) -> String {
        let last = name.split(separator: "/").last.map(String.init) ?? name
        return last.hasSuffix(".toml") ? String(last.dropLast(5)) : last
    }

    private mutating func inherit(_ value: TOMLValue, name: String, chain: [String]) {
        guard let parent = value.string else { return note(.error, "inherits is the name of a theme", name, value.position) }
        let bare = parent.hasPrefix("builtin:") ? String(parent.dropFirst("builtin:".count)) : parent
        // A theme may replace the shipped one of its own name and still inherit from it.
        if chain.contains(bare), !parent.hasPrefix("builtin:") || chain.count > Self.deepest {
            return note(.error, "inherits loop: " + (chain + [bare]).joined(separator: " -> "), name, value.position)
        }
        guard chain.count <= Self.deepest else {
            return note(.error, "inherits through more than \(Self.deepest) themes", name, value.position)
        }
        guard let file = resolve(parent) else { return note(.error, "there is no theme \"\(parent)\"", name, value.position) }
        read(file.text, name: file.name, chain: chain)
    }

    private mutating func each(_ value: TOMLValue?, _ key: String, _ file: String, _ body: (inout ThemeReader, TOMLTable.Entry) -> Void) {
        guard let value else { return }
        guard let table = value.table else { return note(.error, "[\(key)] is a table", file, value.position) }
        for entry in table.entries { body(&self, entry) }
    }

    private mutating func checkGround(_ table: TOMLTable?, file: String) {
        guard let table else { return }
        let text = table.entry("text")
        let background = table.entry("background")
        if let text, background == nil, text.value.table?["fg"] != nil || text.value.string != nil, backgrounds[.background] == nil {
            note(.error, "text without background: set both or neither", file, text.position)
        }
        if let background, text == nil, foregrounds[.text] == nil {
            note(.error, "background without text: set both or neither", file, background.position)
        }
    }

    // MARK: roles

    private mutating func role(_ name: String, file: String, position: TOMLPosition) -> Role? {
        if let role = Role(themeName: name) { return role }
        note(.warning, "unknown role \"\(name)\"." + suggestion(name, Role.allCases.map(\.themeName)), file, position)
        return nil
    }

    private mutating func readRole(_ entry: TOMLTable.Entry, file: String) {
        guard let role = role(entry.key, file: file, position: entry.position) else { return }
        guard let table = entry.value.table else {
            // Short for the side that the role has: the background of `background` and `surface`, else the foreground.
            guard let expression = expression(entry.value, file: file) else { return }
            let placed = Placed(expression: expression, file: file, position: entry.value.position)
            if role == .background { backgrounds[role] = placed } else { foregrounds[role] = placed }
            return
        }
        for part in table.entries {
            switch part.key {
            case "fg", "bg":
                guard let expression = expression(part.value, file: file) else { continue }
                let placed = Placed(expression: expression, file: file, position: part.value.position)
                if part.key == "fg" { foregrounds[role] = placed } else { backgrounds[role] = placed }
            case "attrs":
                if let list = attributeList(part.value, file: file) { attributes[role] = list }
            default: note(.error, "unknown key \"\(part.key)\"." + suggestion(part.key, ["fg", "bg", "attrs"]), file, part.position)
            }
        }
    }

    private mutating func attributeList(_ value: TOMLValue, file: String) -> TextAttributes? {
        guard let list = value.array else {
            note(.error, "attributes are a list: [\"bold\"]", file, value.position)
            return nil
        }
        let names: [String: TextAttributes] = [
            "bold": .bold, "dim": .dim, "italic": .italic, "underline": .underline, "reverse": .reverse, "none": [],
        ]
        var result: TextAttributes = []
        for item in list {
            guard let name = item.string, let attribute = names[name] else {
                let given = item.string ?? item.kind.name
                note(.error, "unknown attribute \"\(given)\"." + suggestion(given, names.keys.sorted()), file, item.position)
                continue
            }
            result.formUnion(attribute)
        }
        return result
    }

    // MARK: colours

    private static let named = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]

    private mutating func expression(_ value: TOMLValue, file: String) -> Expression? {
        switch value.kind {
        case .integer(let index):
            guard let byte = UInt8(exactly: index) else {
                note(.error, "a colour index is 0 to 255, not \(index)", file, value.position)
                return nil
            }
            return .color(.indexed(byte))
        case .string(let text): return named(text, file: file, position: value.position)
        case .array(let items):
            guard (2...3).contains(items.count) else {
                note(.error, "a list of colours has two or three: 24 bit, 256, 16", file, value.position)
                return nil
            }
            var parts: [Expression] = []
            for item in items {
                if case .array = item.kind {
                    note(.error, "a list of colours holds no lists", file, item.position)
                    return nil
                }
                guard let part = expression(item, file: file) else { return nil }
                parts.append(part)
            }
            return .list(parts)
        default:
            note(.error, "a colour is a string, an index or a list of them, not \(value.kind.name)", file, value.position)
            return nil
        }
    }

    private mutating func named(_ text: String, file: String, position: TOMLPosition) -> Expression? {
        if text.utf8.first == UInt8(ascii: "#") {
            guard let color = Self.hex(text) else {
                note(.error, "\"\(text)\" is no colour: #rgb or #rrggbb", file, position)
                return nil
            }
            return .color(color)
        }
        if text.utf8.first == UInt8(ascii: "@") {
            let name = String(text.dropFirst())
            if let role = Role(themeName: name) { return .role(role) }
            note(.error, "unknown role \"\(name)\"." + suggestion(name, Role.allCases.map(\.themeName)), file, position)
            return nil
        }
        if text == "default" { return .color(.standard) }
        if let index = Self.named.firstIndex(of: text) { return .color(.ansi(UInt8(index))) }
        if text.hasPrefix("bright-"), let index = Self.named.firstIndex(of: String(text.dropFirst(7))) {
            return .color(.ansi(UInt8(index) + 8))
        }
        // Names of the palette are looked up when the whole file is known.
        return .palette(text)
    }

    private static func hex(_ text: String) -> TerminalColor? {
        var digits = Array(text.utf8.dropFirst())
        if digits.count == 3 { digits = digits.flatMap { [$0, $0] } }
        guard digits.count == 6, let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16) else { return nil }
        return digits.contains(UInt8(ascii: "+")) || digits.contains(UInt8(ascii: "-")) ? nil : .rgb(value)
    }

    private func suggestion(_ word: String, _ choices: [String]) -> String {
        nearest(word, among: choices).map { " Did you mean \"\($0)\"?" } ?? ""
    }

    // MARK: looking up

    /// Every role's colours; mistakes are noted.
    mutating func resolved(file: String) -> [Role: RoleColors] {
        var result: [Role: RoleColors] = [:]
        for role in Role.allCases {
            let foreground = foregrounds[role].flatMap { look(up: $0, isForeground: true, depth: 0) }
            let background = backgrounds[role].flatMap { look(up: $0, isForeground: false, depth: 0) }
            if foreground != nil || background != nil { result[role] = RoleColors(foreground: foreground, background: background) }
        }
        // Palette entries that nothing uses are checked too.
        for placed in palette.values.sorted(by: { $0.position < $1.position }) { _ = look(up: placed, isForeground: true, depth: 0) }
        return result
    }

    private mutating func look(up placed: Placed, isForeground: Bool, depth: Int) -> ThemeColor? {
        guard depth <= 2 * Self.deepest else {
            once(.error, "colours refer to each other in a loop", placed)
            return nil
        }
        switch placed.expression {
        case .color(let color): return ThemeColor(full: color)
        case .palette(let name):
            guard let next = palette[name] else {
                guard hasRoom(.error) else { return nil }
                let choices = palette.keys.sorted() + Self.named + ["default"]
                once(.error, "unknown colour \"\(name)\"." + suggestion(name, choices), placed)
                return nil
            }
            let key = (isForeground ? "f" : "b") + name
            if let color = found[key] { return color }
            let color = look(up: next, isForeground: isForeground, depth: depth + 1)
            found[key] = .some(color)
            return color
        case .role(let role):
            var next: Role? = role
            while let current = next {
                if let found = (isForeground ? foregrounds : backgrounds)[current] {
                    return look(up: found, isForeground: isForeground, depth: depth + 1)
                }
                next = current.fallback
            }
            return nil
        case .list(let parts):
            var colors: [TerminalColor] = []
            for part in parts {
                let inner = Placed(expression: part, file: placed.file, position: placed.position)
                guard let color = look(up: inner, isForeground: isForeground, depth: depth + 1) else { return nil }
                colors.append(color.full)
            }
            return ThemeColor(full: colors[0], indexed: colors[1], ansi: colors.count > 2 ? colors[2] : nil)
        }
    }

    /// A shared palette entry is wrong for every role that uses it and is reported once.
    private mutating func once(_ severity: ThemeMessage.Severity, _ text: String, _ placed: Placed) {
        guard hasRoom(severity) else { return }
        let message = ThemeMessage(severity, file: placed.file, line: placed.position.line, column: placed.position.column, text: text)
        if !messages.contains(message) { messages.append(message) }
    }
}
