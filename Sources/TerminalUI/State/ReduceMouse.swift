import Contracts

/// Clicks and the wheel. Nothing needs the mouse; whatever it does, a key does too.
extension AppState {
    /// Rows a turn of the wheel moves.
    private static let wheelStep = 3

    mutating func onMouse(_ event: MouseEvent) -> [Effect] {
        guard !Layout(queue: size).isTiny else { return [] }
        lastKeyAt = now
        switch event.action {
        case .wheelDown, .wheelUp: return turn(by: event.action == .wheelDown ? Self.wheelStep : -Self.wheelStep, at: event.column)
        case .release: return release(event)
        case .press: return press(event)
        }
    }

    private mutating func turn(by step: Int, at column: Int) -> [Effect] {
        if let top = overlays.last {
            // In what is open only lists turn; a wheel over a number would change it unseen.
            switch top {
            case .palette, .help, .edits:
                var effects: [Effect] = []
                for _ in 0..<abs(step) { effects += onOverlayKey(step > 0 ? .down : .up) }
                return effects
            default: return []
            }
        }
        switch screen {
        case .queue, .history: return scrollList(by: step)
        case .browse: return scrollBrowse(by: step, at: column)
        case .log:
            log.move(to: log.cursor + step)
            return []
        case .access:
            access.scroll = max(0, access.scroll + step)
            return []
        case .detail: return scrollDetail(by: step)
        case .settings: return []
        }
    }

    private mutating func press(_ event: MouseEvent) -> [Effect] {
        pressed = nil
        if let target = render(self, size: size, theme: .mono).target(row: event.row, column: event.column) {
            switch target {
            case .screen(let wanted): return show(wanted)
            case .key(let key): return onKey(key)
            case .sort(let key): return sortByHeading(key)
            case .section(let section):
                detail?.section = section
                detail?.scroll = 0
                return []
            case .paneSort(let side, let key):
                let order = (side == .local ? browse.local : browse.bucket).order
                sortPane(side, by: PaneOrder(key, isDescending: order.key == key && !order.isDescending))
                return []
            case .line(let index): return clickLine(index)
            }
        }
        guard overlays.isEmpty else { return [] }
        let index = event.row - layout.listTop
        guard index >= 0, index < layout.listHeight else { return [] }
        switch screen {
        case .queue, .history:
            if event.column == size.columns - 1, !layout.isNarrow, list.total > layout.listHeight { return jump(to: index) }
            if event.isShifted { return markRange(to: index) }
            if event.column == 1 { return mark(index) }
            return clickRow(index)
        case .browse: return clickBrowse(index, at: event.column, isShifted: event.isShifted)
        case .settings:
            // Two columns share rows in wide windows: the marked row is found by what is drawn there.
            return []
        case .access:
            let row = event.row - (layout.hasHeading ? 2 : 1)
            if leases.indices.contains(row) {
                access.cursor = row
                access.scroll = 0
            }
            return []
        case .log, .detail: return []
        }
    }

    /// Pressed on a mark and released on another row: everything between is marked. Pressed on the scroll bar: the list follows.
    private mutating func release(_ event: MouseEvent) -> [Effect] {
        guard let start = pressed, overlays.isEmpty, screen == .queue || screen == .history else { return [] }
        pressed = nil
        let index = event.row - layout.listTop
        guard index >= 0, index < layout.listHeight else { return [] }
        let path = listPath
        let end = min(self[keyPath: path].top + index, self[keyPath: path].total - 1)
        guard end != start, end >= 0 else { return [] }
        for position in min(start, end)...max(start, end) {
            if let row = self[keyPath: path].row(at: position) { self[keyPath: path].marks.set(row, true) }
        }
        return moveCursor(path, to: end)
    }

    /// From the cursor to where was clicked with Shift.
    private mutating func markRange(to index: Int) -> [Effect] {
        let path = listPath
        let end = min(self[keyPath: path].top + index, self[keyPath: path].total - 1)
        guard end >= 0 else { return [] }
        let start = self[keyPath: path].cursor
        for position in min(start, end)...max(start, end) {
            if let row = self[keyPath: path].row(at: position) { self[keyPath: path].marks.set(row, true) }
        }
        return moveCursor(path, to: end)
    }

    private mutating func mark(_ index: Int) -> [Effect] {
        let path = listPath
        let position = self[keyPath: path].top + index
        guard let row = self[keyPath: path].row(at: position) else { return [] }
        self[keyPath: path].marks.set(row, !self[keyPath: path].marks.contains(row.id))
        pressed = position
        return moveCursor(path, to: position)
    }

    /// The scroll bar: its height stands for the whole list.
    private mutating func jump(to index: Int) -> [Effect] {
        let path = listPath
        let total = self[keyPath: path].total
        let height = max(1, layout.listHeight)
        let target = height == 1 ? 0 : index * (total - 1) / (height - 1)
        return moveCursor(path, to: target)
    }

    private mutating func sortByHeading(_ key: String) -> [Effect] {
        let path = listPath
        self[keyPath: path].sort = self[keyPath: path].sort == key ? key + "-" : key
        say("sorted by \(self[keyPath: path].sort); s changes it, s order is the order of sending")
        return ask(path)
    }

    private mutating func clickLine(_ index: Int) -> [Effect] {
        switch overlays.last {
        case .palette(var palette):
            palette.cursor = index
            return onPaletteKey(palette, .enter)
        case .help(var help):
            help.cursor = index
            replaceTop(.help(help))
            return []
        case .profile(var form):
            form.focus = index
            replaceTop(.profile(form))
            return []
        case .edits(var menu):
            menu.cursor = index
            replaceTop(.edits(menu))
            return []
        default:
            guard overlays.isEmpty else { return [] }
            if screen == .settings {
                if settingsCursor == index { return performInSettings(.open) }
                settingsCursor = index
            } else if screen == .log {
                if log.cursor == index { return performInLog(.open) }
                log.move(to: index)
            }
            return []
        }
    }
}
