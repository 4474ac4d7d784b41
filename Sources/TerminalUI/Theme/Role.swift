/// What a piece of the screen means; a theme says what each role looks like. A role with a dot falls back to the part before the
/// dot, then to `text`.
public enum Role: UInt8, Sendable, Hashable, CaseIterable {
    case background, surface, text, muted, border, title
    case borderFocus
    case tab, key, cursor, mark, match
    case tabActive
    case keyLabel
    case cursorInactive
    case state
    case stateScan
    case stateQueued
    case stateActive
    case stateVerify
    case stateRetry
    case stateHeld
    case statePaused
    case stateFailed
    case stateDone
    case stateCancelled
    case stateSkipped
    case bar
    case barDone
    case barSending
    case barRest
    case graph
    case graphLimit
    case part
    case partDone
    case partSending
    case partAgain
    case partFailed
    case partRest
    case info, ok, warn, error, toast, danger
    case name
    case nameDir
    case nameLink
    case nameEscape
    case input, placeholder
    case inputError
    case log
    case logDebug
    case logInfo
    case logWarn
    case logError
    case logTime

    /// As theme files write it: `state.failed` for `stateFailed`.
    public var themeName: String { Self.themeNames[Int(rawValue)] }

    init?(themeName: String) {
        guard let role = Self.byThemeName[themeName] else { return nil }
        self = role
    }

    private static let themeNames: [String] = allCases.map { role in
        "\(role)".reduce(into: "") { name, letter in name += letter.isUppercase ? "." + letter.lowercased() : String(letter) }
    }
    private static let byThemeName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.themeName, $0) })

    /// The next role to ask: `state.failed` → `state` → `text` → none.
    var fallback: Role? {
        if self == .text { return nil }
        let prefix = themeName.prefix { $0 != "." }
        return prefix.count < themeName.count ? Role(themeName: String(prefix)) ?? .text : .text
    }
}
