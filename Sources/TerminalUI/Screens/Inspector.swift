import Contracts

/// What lies under the queue's list: the focus line, or the inspector in high windows.
extension Canvas {
    /// Destination, parts and last error of the row under the cursor.
    mutating func focusLine(_ row: Int) {
        guard !state.mirror.isLost, let upload = state.queue.cursorRow else { return }
        symbol(symbols.arrow, row: row, column: 1, role: .muted)
        let start = 2 + symbols.arrow.count
        var right = ""
        if upload.parts.total > 0 { right = "  \(upload.parts.stored)/\(upload.parts.total)" }
        if let words = failureWords(upload) { right += "  " + words }
        let rest = cut(own(right), max(0, size.columns - start - 24))
        let room = size.columns - start - rest.width
        let end = frame.put(url(Paths.destinationFolder(upload.dest), room), row: row, column: start, role: .text)
        frame.put(rest, row: row, column: end, role: upload.state == .failed ? .error : .muted)
    }

    /// `2 retries: 503 SlowDown 12s ago`, `held: network`.
    func failureWords(_ upload: UploadView) -> String? {
        if upload.state == .held { return upload.heldReason.map { t("held: {w}", $0) } ?? t("held") }
        guard let error = upload.lastError else {
            return upload.retries > 0 ? retries(upload) : nil
        }
        let what = (error.http.map { "\($0) " } ?? "") + error.code
        if upload.state == .failed { return error.message.isEmpty ? what : what + ": " + error.message }
        let tries = upload.retries > 0 ? retries(upload) + ": " : ""
        let ago = seconds(since: error.at).map { " " + t("{} ago", Formats.duration(max(0, $0))) } ?? ""
        return tries + what + ago
    }

    private func retries(_ upload: UploadView) -> String {
        t(upload.retries == 1 ? "1 retry" : "{} retries", Formats.count(upload.retries))
    }

    mutating func inspector(_ top: Int) {
        guard let upload = state.queue.cursorRow else {
            line(row: top)
            return
        }
        line(row: top)
        let name = displayText(Paths.name(upload.path), rules: rules)
        let shown = Cutting.middle(name, width: size.columns - 6, ellipsis: symbols.ellipsis)
        frame.put(" ", row: top, column: 2, role: .title)
        let end = frame.put(shown, row: top, column: 3, role: .title)
        frame.put(" ", row: top, column: end, role: .title)
        symbol(symbols.arrow, row: top + 1, column: 1, role: .muted)
        var words = [t("prio {w}", upload.priority.rawValue), t("id {}", upload.id)]
        if let remote = upload.remote { words.insert(t("remote {}", remote), at: 0) }
        let facts = "   " + words.joined(separator: "   ")
        let start = 2 + symbols.arrow.count
        let after = frame.put(url(upload.dest, size.columns - start - displayText(facts).width), row: top + 1, column: start)
        frame.put(facts, row: top + 1, column: after, role: .muted)
        let detail = state.mirror.detail?.upload.id == upload.id ? state.mirror.detail : nil
        frame.put(cut(t("parts"), 5), row: top + 2, column: 1, role: .muted)
        partsLine(detail, upload, row: top + 2, column: 7, width: size.columns - 8)
        frame.put(cut(own(rateWords(upload)), size.columns - 2), row: top + 3, column: 1)
        for (index, event) in (detail?.events.reversed() ?? []).dropFirst(state.inspectorScroll).prefix(3).enumerated() {
            eventLine(event, row: top + 4 + index)
        }
    }

    func rateWords(_ upload: UploadView) -> String {
        var words: [String] = []
        if isMoving(upload) { words.append(t(upload.parts.sending == 1 ? "{} on 1 part" : "{} on {} parts", Formats.rate(upload.rate), Formats.count(upload.parts.sending))) }
        words.append(t("{} stored", Formats.size(upload.stored)))
        if upload.resent > 0 {
            let share = upload.size.flatMap { Formats.percent(upload.resent, of: max($0, upload.resent)) }
            words.append(t("resent {}", Formats.size(upload.resent)) + (share.map { " (\($0))" } ?? ""))
        }
        if let failure = failureWords(upload) { words.append(failure) }
        return words.joined(separator: "   ")
    }
}
