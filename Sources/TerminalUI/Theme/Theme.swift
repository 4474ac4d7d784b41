/// How many colours the terminal shows.
public enum ColorDepth: Sendable, Hashable, CaseIterable {
    case none
    /// The 16 named colours.
    case ansi
    /// 256: the cube and the grey ramp.
    case indexed
    /// 24 bit.
    case rgb
}

/// One theme at one colour depth: a style for every role. `Theme.load` makes one from its file.
public struct Theme: Sendable {
    public enum Kind: String, Sendable, Hashable { case dark, light }

    /// Shown in lists.
    public let title: String
    public let kind: Kind
    /// What was odd in the file but did not stop it.
    public let warnings: [ThemeMessage]
    public private(set) var depth: ColorDepth
    let roles: [Role: RoleColors]
    let attributes: [Role: TextAttributes]
    let mono: [Role: TextAttributes]
    /// By the role's number.
    private var styles: [Style]

    init(
        title: String, kind: Kind, warnings: [ThemeMessage] = [], depth: ColorDepth, roles: [Role: RoleColors],
        attributes: [Role: TextAttributes], mono: [Role: TextAttributes]
    ) {
        self.title = title
        self.kind = kind
        self.warnings = warnings
        self.depth = depth
        self.roles = roles
        self.attributes = attributes
        self.mono = mono
        styles = []
        styles = Role.allCases.map { resolve($0) }
    }

    /// No colour at all; also what `NO_COLOR` gives. Needs no file.
    public static let mono = Theme(title: "Mono", kind: .dark, depth: .none, roles: [:], attributes: [:], mono: builtInMono)

    /// The same theme for a terminal with so many colours.
    public func at(_ depth: ColorDepth) -> Theme {
        Theme(title: title, kind: kind, warnings: warnings, depth: depth, roles: roles, attributes: attributes, mono: mono)
    }

    /// The style of a role, fallbacks taken.
    public func style(_ role: Role) -> Style { styles[Int(role.rawValue)] }

    private func resolve(_ role: Role) -> Style {
        guard depth != .none, !roles.isEmpty else { return Style(attributes: monoAttributes(role)) }
        let background = colors(role)?.background ?? colors(.background)?.background
        let foreground = colors(role)?.foreground ?? colors(.text)?.foreground
        var style = Style(
            foreground: foreground?.at(depth, on: background) ?? .standard, background: background?.at(depth, on: nil) ?? .standard,
            attributes: inherited(role, attributes) ?? [])
        // 16 colours are too few for a cursor colour that can be relied on: reverse of the terminal's own always shows.
        if depth == .ansi, role == .cursor { style = Style(attributes: [.reverse]) }
        return style
    }

    /// The nearest role that names a colour for either side.
    private func colors(_ role: Role) -> RoleColors? {
        var result = RoleColors()
        var next: Role? = role
        while let current = next {
            if let own = roles[current] {
                if result.foreground == nil { result.foreground = own.foreground }
                if result.background == nil { result.background = own.background }
            }
            next = current.fallback
        }
        return result
    }

    private func monoAttributes(_ role: Role) -> TextAttributes {
        // Its own table first, the built-in one for what it leaves out.
        inherited(role, mono) ?? inherited(role, Self.builtInMono) ?? []
    }

    private func inherited(_ role: Role, _ table: [Role: TextAttributes]) -> TextAttributes? {
        var next: Role? = role
        while let current = next {
            if let found = table[current] { return found }
            next = current.fallback
        }
        return nil
    }

    private static let builtInMono: [Role: TextAttributes] = [
        .title: .bold, .tabActive: .bold, .key: .bold, .stateActive: .bold, .error: .bold, .logError: .bold,
        .stateFailed: [.bold, .reverse], .danger: [.bold, .reverse], .cursor: .reverse, .cursorInactive: .underline, .mark: .bold,
        .match: .underline, .stateRetry: .underline, .stateHeld: .underline, .warn: .underline, .muted: .dim, .border: .dim,
        .placeholder: .dim, .barRest: .dim, .partRest: .dim, .logDebug: .dim, .nameEscape: .underline, .nameLink: .underline,
        .input: .underline, .partFailed: [.bold, .reverse], .partAgain: .bold,
    ]
}

/// A colour with its explicit values for each depth.
struct ThemeColor: Sendable, Hashable {
    /// The 24 bit form; also `.standard`, `.ansi` or `.indexed` when the file names one of those.
    var full: TerminalColor
    var indexed: TerminalColor?
    var ansi: TerminalColor?

    func at(_ depth: ColorDepth, on background: ThemeColor?) -> TerminalColor {
        switch depth {
        case .none: return .standard
        case .rgb: return full
        case .indexed:
            if let indexed { return indexed }
            guard case .rgb(let value) = full else { return full }
            return .indexed(ColorMath.nearestIndexed(value, on: background?.rgbValue))
        case .ansi:
            if let ansi { return ansi }
            switch full {
            case .standard, .ansi: return full
            case .indexed(let index): return .ansi(ColorMath.nearestANSI(ColorMath.rgb(ofIndex: index)))
            case .rgb(let value): return .ansi(ColorMath.nearestANSI(value))
            }
        }
    }

    /// What is known of it as 24 bit.
    var rgbValue: UInt32? {
        switch full {
        case .rgb(let value): value
        case .indexed(let index): ColorMath.rgb(ofIndex: index)
        case .ansi(let index): ColorMath.rgb(ofIndex: index)
        case .standard: nil
        }
    }
}

struct RoleColors: Sendable, Hashable {
    var foreground: ThemeColor?
    var background: ThemeColor?
}

/// One line about a theme file, in compiler form.
public struct ThemeMessage: Sendable, Hashable, CustomStringConvertible {
    public enum Severity: String, Sendable, Hashable { case error, warning }
    public var severity: Severity
    public var file: String
    /// From 1; `nil` for the file as a whole.
    public var line: Int?
    public var column: Int?
    public var text: String
    public init(_ severity: Severity, file: String, line: Int?, column: Int?, text: String) {
        // Both may quote the theme file, which may be anybody's, and the message goes to a terminal.
        (self.severity, self.file, self.line, self.column, self.text) = (severity, cleaned(file), line, column, cleaned(text))
    }
    public var description: String {
        var place = file
        if let line { place += ":\(line)" }
        if let column { place += ":\(column)" }
        return "\(place): \(severity.rawValue): \(text)"
    }
}

/// A theme file that cannot be used, with every error in it.
public struct ThemeError: Error, Sendable, Hashable, CustomStringConvertible {
    public var messages: [ThemeMessage]
    public init(messages: [ThemeMessage]) { self.messages = messages }
    public var description: String { messages.map(\.description).joined(separator: "\n") }
}
