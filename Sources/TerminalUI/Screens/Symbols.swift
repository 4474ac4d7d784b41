import Contracts

/// Which characters stand for states, bars and lines. The ASCII set serves terminals without UTF-8 or with wide ambiguous characters.
public enum SymbolSet: String, Sendable, Hashable { case unicode, ascii }

struct Symbols: Sendable {
    let isASCII: Bool
    let stored, sending, rest: String
    /// Lowest to highest.
    let levels: [String]
    let horizontal, vertical, thumb: String
    let corners: (topLeft: String, topRight: String, bottomLeft: String, bottomRight: String)
    let ellipsis, dash, arrow, rate, dot: String

    init(_ set: SymbolSet) {
        isASCII = set == .ascii
        if set == .ascii {
            (stored, sending, rest) = ("#", "+", ".")
            levels = [".", ":", "-", "=", "+", "*", "#"]
            (horizontal, vertical, thumb) = ("-", "|", "#")
            corners = ("+", "+", "+", "+")
            (ellipsis, dash, arrow, rate, dot) = ("...", "-", "->", "UP", "-")
        } else {
            (stored, sending, rest) = ("█", "▒", "·")
            levels = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
            (horizontal, vertical, thumb) = ("─", "│", "▐")
            corners = ("┌", "┐", "└", "┘")
            (ellipsis, dash, arrow, rate, dot) = ("…", "–", "→", "↑", "·")
        }
    }

    func state(_ state: UploadState) -> String {
        switch state {
        case .scanning: isASCII ? "s" : "~"
        case .queued: isASCII ? "q" : "·"
        case .uploading: isASCII ? "u" : "↑"
        case .verifying: isASCII ? "v" : "≡"
        case .retrying: isASCII ? "r" : "↻"
        case .held: isASCII ? "h" : "◇"
        case .paused: isASCII ? "p" : "‖"
        case .failed: isASCII ? "F" : "✗"
        case .done: isASCII ? "d" : "✓"
        case .cancelled: isASCII ? "c" : "⊘"
        case .skipped: isASCII ? "k" : "»"
        }
    }

    static func role(_ state: UploadState) -> Role {
        switch state {
        case .scanning: .stateScan
        case .queued: .stateQueued
        case .uploading: .stateActive
        case .verifying: .stateVerify
        case .retrying: .stateRetry
        case .held: .stateHeld
        case .paused: .statePaused
        case .failed: .stateFailed
        case .done: .stateDone
        case .cancelled: .stateCancelled
        case .skipped: .stateSkipped
        }
    }
}
