import Contracts

/// When the screen is drawn anew, and what quiet mode says instead of drawing.
extension AppState {
    /// Milliseconds after a key in which what comes in is taken for its answer.
    static let answerTime: Int64 = 2000

    /// Whether an event must be seen at once. On a slow line what the engine pushes waits for the next tick; in quiet mode it waits for
    /// the next key, so that a screen reader is not made to read it.
    func mustDraw(after event: AppEvent, newToast: Bool) -> Bool {
        guard options.isQuiet || isLinkSlow else { return true }
        if newToast { return true }
        switch event {
        case .status, .window, .upload, .detail, .historyPage, .logLines, .auth:
            return lastKeyAt > 0 && now - lastKeyAt < Self.answerTime && isFirstSinceKey(event)
        case .tick: return !options.isQuiet
        case .painted, .linkIsSlow, .zone: return false
        default: return true
        }
    }

    /// Of what is pushed all the time only rows and pages answer a key.
    private func isFirstSinceKey(_ event: AppEvent) -> Bool {
        switch event {
        case .window, .detail, .historyPage, .logLines, .auth: true
        default: false
        }
    }

    // MARK: quiet mode

    /// The row under the cursor as a sentence, where a screen reader is listening.
    mutating func speakRow() {
        guard options.isQuiet, screen == .queue || screen == .history, overlays.isEmpty, let row = list.cursorRow else { return }
        message = Message(text: sentence(row), role: .text)
        spokenID = row.id
    }

    /// `row 3 of 12,411: camera-03.mov, uploading, 62 percent, 2 minutes 35 seconds left`.
    func sentence(_ row: UploadView) -> String {
        let place = "row \(Formats.count(list.cursor + 1)) of \(Formats.count(list.total))"
        var words = [place + ": " + displayText(Paths.name(row.path)).plain]
        words.append(row.state == .failed ? "failed" : row.state.rawValue)
        if let size = row.size, size > 0, row.stored > 0, row.state != .done {
            let share: Double = Double(min(row.stored, size)) / Double(size)
            words.append("\(Int(share * 100)) percent")
        }
        if let eta = row.etaLow, row.state == .uploading { words.append(Self.spoken(seconds: eta) + " left") }
        if row.state == .held, let reason = row.heldReason { words.append("waits for \(reason)") }
        if let error = row.lastError, row.state == .failed || row.state == .retrying { words.append(cleaned("\(error.code) \(error.message)")) }
        if list.marks.contains(row.id) { words.append("marked") }
        return words.joined(separator: ", ")
    }

    private static func spoken(seconds: Int) -> String {
        if seconds < 60 { return Formats.counted(seconds, "second") }
        if seconds < 3600 { return "\(Formats.counted(seconds / 60, "minute")) \(seconds % 60)" }
        return "\(Formats.counted(seconds / 3600, "hour")) \(Formats.counted(seconds % 3600 / 60, "minute"))"
    }
}
