/// What a piece of the screen means; a theme says what each role looks like. A role with a dot falls back to the part before the
/// dot, then to `text`.
public enum Role: String, Sendable, Hashable, CaseIterable {
    case background, surface, text, muted, border, title
    case borderFocus = "border.focus"
    case tab, key, cursor, mark, match
    case tabActive = "tab.active"
    case keyLabel = "key.label"
    case cursorInactive = "cursor.inactive"
    case state
    case stateScan = "state.scan"
    case stateQueued = "state.queued"
    case stateActive = "state.active"
    case stateVerify = "state.verify"
    case stateRetry = "state.retry"
    case stateHeld = "state.held"
    case statePaused = "state.paused"
    case stateFailed = "state.failed"
    case stateDone = "state.done"
    case stateCancelled = "state.cancelled"
    case stateSkipped = "state.skipped"
    case bar
    case barDone = "bar.done"
    case barSending = "bar.sending"
    case barRest = "bar.rest"
    case graph
    case graphLimit = "graph.limit"
    case part
    case partDone = "part.done"
    case partSending = "part.sending"
    case partAgain = "part.again"
    case partFailed = "part.failed"
    case partRest = "part.rest"
    case info, ok, warn, error, toast, danger
    case name
    case nameDir = "name.dir"
    case nameLink = "name.link"
    case nameEscape = "name.escape"
    case input, placeholder
    case inputError = "input.error"
    case log
    case logDebug = "log.debug"
    case logInfo = "log.info"
    case logWarn = "log.warn"
    case logError = "log.error"
    case logTime = "log.time"

    /// The next role to ask: `state.failed` → `state` → `text` → none.
    var fallback: Role? {
        if self == .text { return nil }
        let prefix = rawValue.prefix { $0 != "." }
        return prefix.count < rawValue.count ? Role(rawValue: String(prefix)) ?? .text : .text
    }
}
