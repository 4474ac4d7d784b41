import Contracts

/// One upload: numbers, parts map, active parts, events.
extension Canvas {
    mutating func detailScreen() {
        guard let view = state.detail else { return }
        tabs()
        guard let answer = state.mirror.detail, answer.upload.id == view.id else {
            let text =
                view.isGone ? t("This upload is no longer in the queue or the history. q goes back.") : own(t("Asking the engine for this upload…"))
            frame.put(cut(text, size.columns - 2), row: 2, column: 1, role: .muted)
            hints()
            return
        }
        let upload = answer.upload
        if view.isZoomed, view.section == .parts {
            partsMap(answer, view, top: 2, isZoomed: true)
            frame.put(path(upload.path, size.columns - 2), row: 1, column: 1, role: .title)
            hints()
            return
        }
        detailHead(upload)
        sectionRow(answer, view, row: 6)
        switch view.section {
        case .parts: partsSection(answer, view)
        case .events: eventsSection(answer, top: 7, bottom: size.rows - 2, scroll: view.scroll)
        case .object: objectSection(upload, scroll: view.scroll)
        case .errors: errorsSection(answer, scroll: view.scroll)
        }
        if size.rows >= 16 { messageRow(size.rows - 2) }
        hints()
    }

    private mutating func detailHead(_ upload: UploadView) {
        let role = Symbols.role(upload.state)
        let word = t(upload.state == .failed ? "FAILED" : upload.state.rawValue)
        let priority = "  " + t("prio {w}", upload.priority.rawValue)
        let right = symbols.state(upload.state).count + 1 + displayText(word).width + displayText(priority).width + 2
        frame.put(path(upload.path, max(10, size.columns - right - 2)), row: 1, column: 1, role: .title)
        let start = size.columns - right + 1
        symbol(symbols.state(upload.state), row: 1, column: start, role: role)
        let end = frame.put(word, row: 1, column: start + 2, role: role)
        frame.put(priority, row: 1, column: end, role: .muted)
        symbol(symbols.arrow, row: 2, column: 1, role: .muted)
        frame.put(url(upload.dest, size.columns - 3 - symbols.arrow.count), row: 2, column: 2 + symbols.arrow.count)
        progressLine(upload)
        frame.put(displayText(detailRates(upload), rules: TextRules()), row: 4, column: 1, limit: size.columns - 2)
        frame.put(cut(tokenAndCheck(upload), size.columns - 2), row: 5, column: 1)
    }

    private mutating func progressLine(_ upload: UploadView) {
        guard let whole = upload.size else {
            frame.put(t("{} stored, size unknown", Formats.size(upload.stored)), row: 3, column: 1)
            return
        }
        let done = upload.state == .done
        let words = [done ? t("done") : Formats.percent(upload.stored, of: whole), Formats.progress(upload.stored, of: whole)].compactMap {
            $0
        }
        let end = frame.put(words.joined(separator: "  ") + " ", row: 3, column: 1)
        guard size.columns - end - 1 > 4 else { return }
        bar(upload.stored, sending: upload.sending, of: whole, isDone: done, row: 3, column: end, width: size.columns - end - 1)
    }

    private func detailRates(_ upload: UploadView) -> String {
        var words: [String] = []
        if upload.state == .uploading || upload.state == .verifying {
            words.append(t("{} now", Formats.rate(upload.rate)))
            if let started = seconds(since: upload.started), started >= 1 {
                let mean = Formats.mean(upload.stored, started)
                words.append(t("{} avg", Formats.size(mean).split(separator: " ").first.map(String.init) ?? "-"))
            }
            if let low = upload.etaLow, let high = upload.etaHigh { words.append(t("ETA {}", Formats.range(low, high, dash: symbols.dash))) }
        } else if upload.state == .retrying || upload.state == .held {
            let left = seconds(until: upload.nextTry).map { ", " + t("tries again in {}", Formats.duration(max(0, $0))) } ?? ""
            words.append((upload.state == .held ? upload.heldReason.map { t("held: {w}", $0) } ?? t("held") : t("waiting")) + left)
        } else {
            words.append(t(upload.state == .failed ? "FAILED" : upload.state.rawValue))
        }
        if upload.resent > 0 {
            let share = upload.size.flatMap { Formats.percent(upload.resent, of: max($0, upload.resent)) }
            words.append(t("resent {}", Formats.size(upload.resent)) + (share.map { " (\($0))" } ?? ""))
        }
        let retries = upload.retries > 0 ? " " + t(upload.retries == 1 ? "in 1 retry" : "in {} retries", Formats.count(upload.retries)) : ""
        return words.joined(separator: "  ") + retries
    }

    private func tokenAndCheck(_ upload: UploadView) -> String {
        var words: [String] = []
        let scope = upload.remote ?? "oss://" + upload.bucket
        if let lease = state.mirror.status?.leases.first(where: { $0.scope == scope }) {
            if let left = lease.left {
                let rest = max(0, left - age)
                let isEnough = upload.etaHigh.map { Double($0) < rest } ?? true
                let isCovered = isEnough || lease.renewsIn != nil
                words.append(t(isCovered ? "token {} left, enough" : "token {} left, ends before this upload", Formats.duration(rest)))
            } else if let error = lease.lastError {
                words.append(t("no token: {}", error))
            }
        }
        let method = upload.verify.method == "none" ? "none" : upload.verify.method
        words.append(method == "none" ? t("verify: {w}", method) : t("verify: {} {w}", method, upload.verify.state))
        return words.joined(separator: "  ")
    }

    private mutating func sectionRow(_ answer: UploadDetail, _ view: DetailState, row: Int) {
        guard row < size.rows - 1 else { return }
        line(row: row)
        var column = 3
        frame.put(" ", row: row, column: 2)
        for section in DetailState.Section.allCases {
            let isActive = section == view.section
            let name = t(section.rawValue)
            let text = isActive ? "[\(name)]" : " \(name) "
            let start = column
            column = frame.put(text, row: row, column: column, role: isActive ? .tabActive : .tab)
            zone(.section(section), row: row, from: start, to: column)
        }
        let parts = answer.upload.parts
        let left = max(0, parts.total &- parts.stored &- parts.sending)
        let counts = [parts.stored, parts.sending, left, parts.total].map(String.init)
        let text = t("parts {} done  {} active  {} to do  of {}", counts[0], counts[1], counts[2], counts[3]) + " "
        if size.columns - 2 - displayText(text).width >= column { frame.putRight(text, row: row, end: size.columns - 2, role: .muted) }
    }

    // MARK: parts

    private mutating func partsSection(_ answer: UploadDetail, _ view: DetailState) {
        var row = partsMap(answer, view, top: 7, isZoomed: false)
        let bottom = size.rows - 2
        guard row < bottom, !answer.active.isEmpty || size.rows >= 36 else { return }
        frame.put(t(" PART   STATE     SENT         RATE        TRY  SINCE  LAST ANSWER"), row: row, column: 0, role: .muted)
        row += 1
        let room = max(0, bottom - row)
        for part in answer.active.prefix(room) {
            partLine(part, row: row)
            row += 1
        }
        row += 1
        guard size.rows >= 36, row < bottom - 2 else { return }
        line(row: row)
        frame.put(t(" Events "), row: row, column: 2, role: .title)
        eventsSection(answer, top: row + 1, bottom: bottom, scroll: view.scroll)
    }

    private mutating func partLine(_ part: PartView, row: Int) {
        let unit = Formats.partProgress(part.sent, of: part.size)
        frame.putRight(String(part.number), row: row, end: 5)
        frame.put(
            t(part.state == .again ? "again" : part.state.rawValue), row: row, column: 8, role: part.state == .failed ? .partFailed : .text)
        frame.put(unit, row: row, column: 18)
        frame.put(part.rate > 0 ? Formats.rate(part.rate) : "", row: row, column: 31)
        frame.put(String(part.tries), row: row, column: 43)
        frame.put(part.since.map { Formats.fineDuration(max(0, $0)) } ?? "", row: row, column: 48)
        if let answer = part.lastAnswer { frame.put(cut(answer, size.columns - 56), row: row, column: 55, role: .warn) }
    }

    /// - Returns: the row below the map and its legend.
    @discardableResult
    private mutating func partsMap(_ answer: UploadDetail, _ view: DetailState, top: Int, isZoomed: Bool) -> Int {
        let map = Array(answer.map.utf8)
        let grid = PartsGrid(size: size, total: map.count, isZoomed: isZoomed)
        let bottom = size.rows - 2
        guard !map.isEmpty else {
            let text = t(answer.upload.size == 0 ? "An empty file: one request, no parts." : "Sent in one request, without parts.")
            frame.put(text, row: top, column: 1, role: .muted)
            return top + 2
        }
        for y in 0..<grid.rows where top + y < bottom {
            frame.putRight(String(y * grid.columns * grid.perCell + 1), row: top + y, end: 6, role: .muted)
            for x in 0..<grid.columns {
                guard let parts = grid.parts(ofCell: y * grid.columns + x) else { break }
                let (text, role) = cell(map[parts.lowerBound - 1...parts.upperBound - 1])
                let isCursor = parts.contains(view.part)
                symbol(text, row: top + y, column: PartsGrid.labelWidth + x, role: isCursor ? .cursor : role)
                if isCursor { frame.cursor = (PartsGrid.labelWidth + x, top + y) }
            }
        }
        let legend = top + grid.rows
        guard legend < bottom else { return legend }
        let scale = grid.perCell == 1 ? t("cell = 1 part") : t("cell = {} parts", String(grid.perCell))
        let words = t("{} stored  {} sending  2-9 sending again (try)  ! failed  {} to do", symbols.stored, symbols.sending, symbols.rest)
        frame.put(displayText(words, rules: TextRules()), row: legend, column: 1, limit: size.columns - 2, role: .muted)
        let start = 4 + displayText(words).width
        if start + displayText(scale).width <= size.columns {
            frame.put(scale, row: legend, column: start, role: .muted)
        } else {
            frame.putRight("1=\(grid.perCell)", row: legend, end: size.columns, role: .muted)
        }
        return legend + 1
    }

    /// The worst state of the group wins: failed, again, sending, to do, stored.
    private func cell(_ group: ArraySlice<UInt8>) -> (String, Role) {
        var worst = UInt8(ascii: "#")
        for state in group where rank(state) > rank(worst) || (rank(state) == 4 && rank(worst) == 4 && state > worst) { worst = state }
        switch worst {
        case UInt8(ascii: "!"): return ("!", .partFailed)
        case UInt8(ascii: "2")...UInt8(ascii: "9"): return (String(Unicode.Scalar(worst)), .partAgain)
        case UInt8(ascii: "s"): return (symbols.sending, .partSending)
        case UInt8(ascii: "#"): return (symbols.stored, .partDone)
        default: return (symbols.rest, .partRest)
        }
    }

    private func rank(_ state: UInt8) -> Int {
        switch state {
        case UInt8(ascii: "!"): 5
        case UInt8(ascii: "2")...UInt8(ascii: "9"): 4
        case UInt8(ascii: "s"): 3
        case UInt8(ascii: "#"): 1
        default: 2
        }
    }

    /// The whole map in one row, for the inspector.
    mutating func partsLine(_ detail: UploadDetail?, _ upload: UploadView, row: Int, column: Int, width: Int) {
        guard let detail, !detail.map.utf8.isEmpty, width > 0 else {
            bar(
                upload.stored, sending: upload.sending, of: upload.size, isDone: upload.state == .done, row: row, column: column,
                // As wide as the map that comes: it then changes few cells.
                width: upload.parts.total > 0 ? min(width, upload.parts.total) : width)
            return
        }
        let map = Array(detail.map.utf8)
        let cells = min(width, map.count)
        for x in 0..<cells {
            let from = x * map.count / cells
            let (text, role) = cell(map[from..<max(from + 1, (x + 1) * map.count / cells)])
            symbol(text, row: row, column: column + x, role: role)
        }
    }

    // MARK: text sections

    /// - Parameter bottom: with it the event takes as many rows as its text needs, up to that one.
    /// - Returns: the row below.
    @discardableResult
    mutating func eventLine(_ event: UploadEventView, row: Int, wrappedTo bottom: Int? = nil) -> Int {
        let at = LocalTime.milliseconds(event.at)
        let isToday = at.map { clock($0).date == clock(now).date } ?? true
        let time = at.map { isToday ? clock($0).clock : "\(clock($0).date) \(clock($0).clock)" } ?? ""
        let role: Role = event.kind == "failed" ? .error : event.kind == "retry" || event.kind == "held" ? .warn : .text
        let start = frame.put(time, row: row, column: 1, role: .logTime) + 2
        let end = max(frame.put(t(event.kind), row: row, column: start, role: role) + 1, start + 9)
        let room = max(8, size.columns - end - 1)
        let lines = bottom == nil ? [event.text] : wrapped([event.text], room)
        for (index, line) in lines.enumerated() where row + index < bottom ?? .max { frame.put(cut(line, room), row: row + index, column: end) }
        return row + lines.count
    }

    private mutating func eventsSection(_ answer: UploadDetail, top: Int, bottom: Int, scroll: Int) {
        var row = top
        for event in answer.events.reversed().dropFirst(scroll) where row < bottom {
            row = eventLine(event, row: row, wrappedTo: state.detail?.wraps == true ? bottom : nil)
        }
        if answer.events.isEmpty { frame.put(t("Nothing has happened yet."), row: top, column: 1, role: .muted) }
    }

    private mutating func objectSection(_ upload: UploadView, scroll: Int) {
        let facts: [(String, String)] = [
            ("path", quoted(upload.path)), ("bucket", upload.bucket), ("key", quoted(upload.key)), ("remote", upload.remote ?? "-"),
            ("size", upload.size.map { t("{} ({} bytes)", Formats.size($0), Formats.count(Int($0))) } ?? t("not known yet")),
            (
                "part size",
                upload.parts.total > 0 ? t("{}, {} parts", Formats.size(upload.parts.size), Formats.count(upload.parts.total)) : "-"
            ),
            ("id", upload.id), ("order", upload.job), ("upload id", upload.uploadId ?? "-"), ("crc64", upload.crc64 ?? "-"),
            ("etag", upload.etag ?? "-"), ("added", local(upload.added)), ("started", upload.started.map(local) ?? "-"),
            ("finished", upload.finished.map(local) ?? "-"),
        ]
        var row = 7
        for (label, value) in facts.dropFirst(scroll) where row < size.rows - 2 {
            frame.put(t(label), row: row, column: 1, role: .muted)
            frame.put(cut(value, size.columns - 14), row: row, column: 13)
            row += 1
        }
    }

    private mutating func errorsSection(_ answer: UploadDetail, scroll: Int) {
        var row = 7
        if let error = answer.upload.lastError {
            let what = (error.http.map { "\($0) " } ?? "") + error.code
            frame.put(cut(what, size.columns - 2), row: row, column: 1, role: .error)
            let message = state.detail?.wraps == true ? wrapped([error.message], size.columns - 2) : [error.message]
            for line in message where row + 1 < size.rows - 3 {
                frame.put(cut(line, size.columns - 2), row: row + 1, column: 1)
                row += 1
            }
            row -= 1
            let facts = [
                t("at {}", local(error.at)), error.part.map { t("part {}", String($0)) }, error.requestId.map { t("request {}", $0) },
            ].compactMap { $0 }
            frame.put(cut(facts.joined(separator: "  "), size.columns - 2), row: row + 2, column: 1, role: .muted)
            row += 4
        }
        let events = answer.events.reversed().filter { ["retry", "failed", "held"].contains($0.kind) }
        if answer.upload.lastError == nil, events.isEmpty { frame.put(t("No error so far."), row: row, column: 1, role: .muted) }
        for event in events.dropFirst(scroll) where row < size.rows - 2 {
            row = eventLine(event, row: row, wrappedTo: state.detail?.wraps == true ? size.rows - 2 : nil)
        }
    }

    private func local(_ text: String) -> String {
        guard let at = LocalTime.milliseconds(text) else { return text }
        return "\(clock(at).date) \(clock(at).clock) \(LocalTime.zoneText(state.options.zone))"
    }

    /// The exact name: what the list leaves out or draws alike is written as code points here.
    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5C: result += "\\" + String(scalar)
            case 0x200C, 0x200D, 0xFE00...0xFE0F, 0x1F3FB...0x1F3FF, 0xE0100...0xE01EF:
                result += "<U+" + String(scalar.value, radix: 16, uppercase: true) + ">"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
