import Contracts

/// The whole screen for a state. Every size works; under 10x1 nothing is drawn.
public func render(_ state: AppState, size: Size, theme: Theme) -> Frame {
    var state = state
    state.size = size
    var canvas = Canvas(state, size: size, theme: theme)
    guard size.columns >= 10, size.rows >= 1 else { return canvas.frame }
    if Layout(queue: size).isTiny {
        canvas.summary()
        return canvas.frame
    }
    switch state.screen {
    case .queue: canvas.queueScreen()
    case .browse: canvas.browseScreen()
    case .history: canvas.historyScreen()
    case .log: canvas.logScreen()
    case .access: canvas.accessScreen()
    case .settings: canvas.settingsScreen()
    case .detail: canvas.detailScreen()
    }
    for overlay in state.overlays { canvas.overlay(overlay) }
    return canvas.frame
}

extension Canvas {
    /// Smaller than the least size: the numbers that matter, and what is needed.
    mutating func summary() {
        var lines: [String] = []
        if let status = state.mirror.status {
            let percent = Formats.percent(status.totals.stored, of: status.totals.bytes) ?? "idle"
            let rate = Formats.size(status.rate).filter { $0 != " " } + "/s"
            lines.append(state.mirror.isLost ? t("davit: ENGINE LOST") : "davit \(percent) \(rate)")
            let failed = status.counts["failed"] ?? 0
            let eta = status.etaLow.map { "ETA ~" + Self.roughly($0) } ?? ""
            lines.append(failed > 0 ? "\(Formats.count(failed)) FAILED  \(eta)" : eta)
        } else {
            lines += [t("davit: no engine yet"), ""]
        }
        lines.append("need \(Layout.least.columns)x\(Layout.least.rows), have \(size.columns)x\(size.rows)")
        if size.rows > 3 { lines.append(t("q leave")) }
        for (index, text) in lines.enumerated() where index < size.rows {
            frame.put(cut(text, size.columns), row: index, column: 0, role: index == 1 ? .stateFailed : .text)
        }
    }

    private static func roughly(_ seconds: Int) -> String {
        seconds < 60
            ? "\(seconds)s" : seconds < 3600 ? "\(seconds / 60)m" : seconds < 86_400 ? "\(seconds / 3600)h" : "\(seconds / 86_400)d"
    }
}
