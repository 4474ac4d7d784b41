import Contracts

/// The detail of one upload.
extension AppState {
    mutating func performInDetail(_ action: Action, key: Key) -> [Effect] {
        guard var detail else { return [] }
        let total = mirror.detail?.upload.id == detail.id ? mirror.detail?.map.utf8.count ?? 0 : 0
        let grid = PartsGrid(size: size, total: total, isZoomed: detail.isZoomed)
        switch action {
        case .nextPane, .previousPane:
            let all = DetailState.Section.allCases
            let index = all.firstIndex(of: detail.section) ?? 0
            detail.section = all[(index + (action == .nextPane ? 1 : all.count - 1)) % all.count]
            detail.scroll = 0
        case .left: detail.part -= grid.perCell
        case .right: detail.part += grid.perCell
        case .nextRow, .previousRow, .firstRow, .lastRow, .halfDown, .halfUp, .pageDown, .pageUp:
            if detail.section == .parts {
                switch action {
                case .nextRow: detail.part += grid.perCell * grid.columns
                case .previousRow: detail.part -= grid.perCell * grid.columns
                case .firstRow: detail.part = 1
                case .lastRow: detail.part = total
                case .halfDown, .pageDown: detail.part += grid.perCell * grid.columns * max(1, grid.rows / 2)
                default: detail.part -= grid.perCell * grid.columns * max(1, grid.rows / 2)
                }
            } else if let target = Self.moved(detail.scroll, action, page: max(1, size.rows - 10)) {
                detail.scroll = max(0, min(target, max(0, (mirror.detail?.events.count ?? 0) - 1)))
            }
        case .previousItem, .nextItem: return showNeighbour(step: action == .nextItem ? 1 : -1)
        case .pause: return pause()
        case .retry, .cancel, .abort: return act(action.rawValue, key: key)
        case .priorityUp, .priorityDown: return changePriority(up: action == .priorityUp)
        case .zoom: detail.isZoomed.toggle()
        case .wrap:
            detail.wraps.toggle()
            say(detail.wraps ? "long lines are wrapped; w cuts them" : "long lines are cut; w wraps them")
        case .open: break
        default:
            say("that does nothing here. ? help", .warn, seconds: 5)
            return []
        }
        // Left of the first and right of the last cell stays where it is.
        detail.part = max(1, min(detail.part, max(1, total)))
        self.detail = detail
        return []
    }

    private mutating func showNeighbour(step: Int) -> [Effect] {
        let path: WritableKeyPath<AppState, RowList> = detailReturn == .history ? \.history : \.queue
        let target = self[keyPath: path].cursor + step
        guard let row = self[keyPath: path].row(at: target) else {
            say(step > 0 ? "this is the last upload loaded" : "this is the first upload loaded")
            return []
        }
        self[keyPath: path].cursor = target
        self[keyPath: path].cursorID = row.id
        let section = detail?.section ?? .parts
        let effects = settle(path) + openDetail(row.id)
        detail?.section = section
        return effects
    }
}

/// How the parts map fits a window: one cell a part while they fit, else groups.
struct PartsGrid: Sendable, Equatable {
    let columns: Int
    let rows: Int
    let perCell: Int
    let total: Int

    /// Cells of the number in front of each line, and of the margin behind it.
    static let labelWidth = 7

    init(size: Size, total: Int, isZoomed: Bool) {
        self.total = total
        let room = size.columns - Self.labelWidth - 1
        var columns = 16
        while columns * 2 <= room { columns *= 2 }
        if room < 16 { columns = max(1, room) }
        // Zoomed, the row's end is used too.
        if isZoomed { columns = max(columns, room / 8 * 8) }
        self.columns = columns
        let most = isZoomed ? max(1, size.rows - 4) : max(1, min(8, size.rows - 16))
        perCell = max(1, (total + columns * most - 1) / (columns * most))
        let cells = (total + perCell - 1) / perCell
        rows = max(1, min(most, (cells + columns - 1) / columns))
    }

    /// The parts of a cell, from 1.
    func parts(ofCell cell: Int) -> ClosedRange<Int>? {
        let first = cell * perCell + 1
        return first > total ? nil : first...min(total, first + perCell - 1)
    }
}
